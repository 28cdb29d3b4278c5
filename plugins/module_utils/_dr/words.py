# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The words of the collection, each once. Operators know them from SRM, Dell's repctl, ONTAP and Velero."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A value that is its own text, in JSON and in messages."""


class Storage(Word):
    """First axis of the protection state: where the data stands."""

    UNPROTECTED = "unprotected"
    INITIALIZING = "initializing"
    PROTECTED = "protected"
    DEGRADED = "degraded"
    FENCED = "fenced"
    ACTIVE_UNREACHABLE = "active_unreachable"
    FAILING_OVER = "failing_over"
    FAILED_OVER = "failed_over"
    FAILED_OVER_UNFENCED = "failed_over_unfenced"
    SPLIT_BRAIN = "split_brain"
    REPROTECTING = "reprotecting"
    REPROTECTED = "reprotected"
    FAILING_BACK = "failing_back"
    FAILED_BACK = "failed_back"
    FAILED_BACK_UNFENCED = "failed_back_unfenced"
    UNKNOWN = "unknown"


class Objects(Word):
    """Second axis: where the Kubernetes objects stand, on the active side, in this epoch."""

    NONE = "none"
    RESTORING = "restoring"
    RESTORED = "restored"
    VERIFIED = "verified"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Verb(Word):
    """What an operator asks for."""

    SETUP = "setup"
    STATUS = "status"
    FENCE = "fence"
    FAILOVER = "failover"
    REPROTECT = "reprotect"
    FAILBACK = "failback"
    DRILL = "drill"
    DRILL_CLEANUP = "drill_cleanup"
    TEARDOWN = "teardown"


class Mode(Word):
    """Planned: the source is alive, nothing is lost. Unplanned: the source is gone, the loss is bounded by the exported snapshot."""

    PLANNED = "planned"
    UNPLANNED = "unplanned"


class Identity(Word):
    """SnapMirror's identity preservation, strongest first."""

    FULL = "full"
    NO_NETWORK = "exclude_network_config"
    NO_NETWORK_NO_PROTOCOL = "exclude_network_and_protocol_config"


class Phase(Word):
    """The parts of a verb that a person sees as tasks."""

    OPEN = "open"
    DECIDE = "decide"
    PROMOTE = "promote"
    VOLUMES = "volumes"
    RESTORE = "restore"
    VERIFY = "verify"
    WORKLOADS = "workloads"
    STORAGE = "storage"
    OBJECTS = "objects"
    PREPARE = "prepare"
    SYNC = "sync"
    ROLLBACK = "rollback"
    FENCE = "fence"
    REVERSE = "reverse"
    CLEAR = "clear"
    CLOSE = "close"


SERVING_AT_DESTINATION = frozenset({Storage.FAILED_OVER, Storage.FAILED_OVER_UNFENCED})
