# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Heptio Ark 0.10 and Velero 1.18 differ in names; the few differences in behaviour hang on ``velero``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """One API group's words.

    Attributes:
        key: the server's own part of a results file.
        restore_labels: put on restored objects with the restore's name.
        backup_label: put on restored objects with the backup's name.
        exclude_label: objects so labelled are not backed up; empty where the version knows no such label.
    """

    group: str
    namespace: str
    key: str
    server_version: str
    restore_labels: tuple[str, ...]
    exclude_label: str

    @property
    def velero(self) -> bool:
        """True for Velero, False for Ark."""
        return self.key == "velero"

    @property
    def schedule_label(self) -> str:
        """On a Backup: the schedule that made it."""
        return "velero.io/schedule-name" if self.velero else "ark-schedule"

    @property
    def location_label(self) -> str:
        """On a Backup: its storage location."""
        return f"{self.group}/storage-location"

    @property
    def backup_label(self) -> str:
        """On restored objects and DeleteBackupRequests: the backup's name."""
        return f"{self.group}/backup-name"

    @property
    def metadata_file(self) -> str:
        """The Backup object in the bucket."""
        return f"{self.key}-backup.json"

    @property
    def non_restorable(self) -> tuple[str, ...]:
        """Kinds that a restore never touches; the server appends them to ``spec.excludedResources``."""
        own = tuple(f"{plural}.{self.group}" for plural in ("backups", "restores", "resticrepositories"))
        common = ("nodes", "events", "events.events.k8s.io", *own)
        return (*common, "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io", "backuprepositories.velero.io") if self.velero else common


VELERO = Dialect("velero.io", "velero", "velero", "v1.18.3", ("velero.io/restore-name",), "velero.io/exclude-from-backup")
ARK = Dialect("ark.heptio.com", "heptio-ark", "ark", "v0.10.2", ("ark-restore", "ark.heptio.com/restore-name"), "")


def for_group(group: str) -> Dialect:
    """The dialect of ``velero.io`` or ``ark.heptio.com``; ValueError for any other group."""
    for dialect in (VELERO, ARK):
        if dialect.group == group:
            return dialect
    raise ValueError(f"no Ark server speaks {group}")


def label_value(name: str) -> str:
    """A name as a label value: longer than 63 characters becomes 57 plus the first 6 of its SHA-256 (velero pkg/label)."""
    return name if len(name) <= 63 else name[:57] + hashlib.sha256(name.encode()).hexdigest()[:6]
