# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What was observed of one group: one answer per system, or the reason why there is none. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class NoAnswer:
    """A system that was asked and did not answer, or was not asked at all. Never read as down, and never as healthy."""

    why: str
    asked: bool = True

    def __bool__(self) -> bool:
        return False


NOT_ASKED = NoAnswer("not asked: an unplanned verb never contacts the other site", asked=False)


@dataclass(frozen=True)
class SvmSeen:
    """``subtype``: default or dp_destination; ``state``: running, stopped, starting, stopping."""

    name: str
    uuid: str
    subtype: str
    state: str

    @property
    def writable(self) -> bool:
        """Serves read-write data to whoever reaches it."""
        return self.subtype == "default" and self.state in ("running", "starting")


@dataclass(frozen=True)
class RelationSeen:
    """The relationship whose destination is this side's SVM. ``lag_seconds`` is ONTAP's own figure."""

    uuid: str
    state: str
    healthy: bool
    reason: str = ""
    lag_seconds: float | None = None
    snapshot: str = ""
    snapshot_at: datetime | None = None
    transferring: bool = False
    last_transfer_end: datetime | None = None
    last_transfer_uuid: str = ""
    identity: str = ""

    @property
    def broken(self) -> bool:
        """The destination is writable, or may be."""
        return self.state == "broken_off"

    @property
    def mirroring(self) -> bool:
        """The destination is a mirror: nothing can have been written there."""
        return self.state in ("snapmirrored", "paused")


@dataclass(frozen=True)
class VolumeSeen:
    """``type``: rw or dp; ``junction``: path, empty where not mounted."""

    name: str
    type: str
    state: str
    junction: str = ""
    export_policy: str = ""
    uuid: str = ""


@dataclass(frozen=True)
class LifSeen:
    """A data LIF; ``up`` is the operational state."""

    name: str
    address: str
    up: bool


@dataclass(frozen=True)
class PeerSeen:
    """The cluster peer as this side sees it."""

    name: str
    availability: str
    update_time: datetime | None = None


@dataclass(frozen=True)
class StorageSeen:
    """One ONTAP cluster, as far as this group is concerned. ``now`` is its own clock."""

    site: str
    cluster: str
    version: str
    now: datetime | None
    svm: SvmSeen | None = None
    incoming: RelationSeen | None = None
    volumes: tuple[VolumeSeen, ...] = ()
    lifs: tuple[LifSeen, ...] = ()
    routes: int = 0
    nfs: bool = False
    export_clients: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Export policy name -> all clients of its rules."""
    peer: PeerSeen | NoAnswer | None = None

    @property
    def serving(self) -> bool:
        """Running, with every LIF up and every volume writable."""
        return bool(
            self.svm and self.svm.writable and self.svm.state == "running" and all(lif.up for lif in self.lifs) and all(v.type == "rw" for v in self.volumes)
        )


@dataclass(frozen=True)
class WorkloadSeen:
    """Something that makes pods; ``replicas`` is what its spec wishes."""

    kind: str
    namespace: str
    name: str
    replicas: int


@dataclass(frozen=True)
class ObjectsSeen:
    """One Kubernetes cluster, as far as this group is concerned. ``now`` is its own clock."""

    site: str
    now: datetime | None
    record: Mapping[str, Any] | None = None
    node_addresses: tuple[str, ...] = ()
    workloads: tuple[WorkloadSeen, ...] = ()
    pods: int = 0
    pods_ready: int = 0


@dataclass(frozen=True)
class Seen:
    """Both sides of one group. ``source`` and ``destination`` are the roles given at set-up."""

    source_storage: StorageSeen | NoAnswer
    destination_storage: StorageSeen | NoAnswer
    source_objects: ObjectsSeen | NoAnswer
    destination_objects: ObjectsSeen | NoAnswer

    def turned(self) -> Seen:
        """The same observation with the roles exchanged."""
        return Seen(self.destination_storage, self.source_storage, self.destination_objects, self.source_objects)

    @property
    def record(self) -> Mapping[str, Any]:
        """The newer of the two records, by epoch; the destination's wins a tie. Empty where neither was seen."""
        found = [side.record for side in (self.destination_objects, self.source_objects) if isinstance(side, ObjectsSeen) and side.record]
        return max(found, key=lambda record: int(record.get("epoch", 0)), default={})
