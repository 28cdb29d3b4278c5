# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""ONTAP's records as values. Each is made by a pure ``from_record`` from one REST record; absent fields become empty values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .parse import Record, dig, plain, seconds_of, time_of
from .settings import ExportPolicy, ExportRule, Lif, Policy, Route, Schedule

__all__ = [
    "Cluster",
    "ClusterPeer",
    "ExportPolicy",
    "ExportRule",
    "Lif",
    "Policy",
    "Relationship",
    "Route",
    "Schedule",
    "Snapshot",
    "Svm",
    "SvmPeer",
    "Transfer",
    "Volume",
    "plain",
]

ACTIVE_TRANSFER = frozenset({"queued", "transferring"})


@dataclass(frozen=True)
class Cluster:
    """The cluster itself; ``version`` is ``(generation, major, minor)``."""

    name: str
    uuid: str
    version: tuple[int, int, int]

    FIELDS = "name,uuid,version"

    @classmethod
    def from_record(cls, record: Record) -> Cluster:
        """Of GET /api/cluster."""
        generation, major, minor = (int(dig(record, f"version.{part}", 0)) for part in ("generation", "major", "minor"))
        return cls(dig(record, "name"), dig(record, "uuid"), (generation, major, minor))


@dataclass(frozen=True)
class ClusterPeer:
    """One side's record of a cluster peering.

    ``authentication`` is ok|absent|pending|problem, ``availability`` available|partial|unavailable|pending|unidentified.
    """

    uuid: str
    name: str
    remote_name: str
    remote_addresses: tuple[str, ...]
    authentication: str
    encryption: str
    availability: str
    update_time: datetime | None
    expiry_time: datetime | None = None

    FIELDS = "uuid,name,remote,authentication,encryption,status"

    @classmethod
    def from_record(cls, record: Record) -> ClusterPeer:
        """Of GET /api/cluster/peers."""
        return cls(
            dig(record, "uuid"),
            dig(record, "name"),
            dig(record, "remote.name"),
            tuple(dig(record, "remote.ip_addresses", [])),
            dig(record, "authentication.state"),
            dig(record, "encryption.state") or dig(record, "encryption.proposed"),
            dig(record, "status.state"),
            time_of(dig(record, "status.update_time")),
            time_of(dig(record, "authentication.expiry_time")),
        )

    def available(self) -> bool:
        """Both sides have accepted and see each other."""
        return self.authentication == "ok" and self.availability == "available"


@dataclass(frozen=True)
class SvmPeer:
    """One side's record of an SVM peering. ``name`` is the alias by which this side calls the other's SVM: relationships use it in their source path."""

    uuid: str
    name: str
    svm: str
    peer_svm: str
    peer_cluster: str
    state: str
    applications: tuple[str, ...]

    FIELDS = "uuid,name,svm,peer,state,applications"

    @classmethod
    def from_record(cls, record: Record) -> SvmPeer:
        """Of GET /api/svm/peers."""
        return cls(
            dig(record, "uuid"),
            dig(record, "name"),
            dig(record, "svm.name"),
            dig(record, "peer.svm.name"),
            dig(record, "peer.cluster.name"),
            dig(record, "state"),
            tuple(dig(record, "applications", [])),
        )


@dataclass(frozen=True)
class Svm:
    """A storage VM. ``subtype`` default|dp_destination|..., ``state`` starting|running|stopping|stopped|deleting|initializing."""

    uuid: str
    name: str
    subtype: str
    state: str
    comment: str

    FIELDS = "uuid,name,subtype,state,comment"

    @classmethod
    def from_record(cls, record: Record) -> Svm:
        """Of GET /api/svm/svms."""
        return cls(dig(record, "uuid"), dig(record, "name"), dig(record, "subtype"), dig(record, "state"), dig(record, "comment"))


@dataclass(frozen=True)
class Transfer:
    """A SnapMirror transfer. ``state`` queued|transferring|success|failed|aborted|hard_aborted."""

    uuid: str
    state: str
    bytes_transferred: int
    snapshot: str
    end_time: datetime | None
    error: str

    FIELDS = "uuid,state,bytes_transferred,snapshot,end_time,error_info"

    @classmethod
    def from_record(cls, record: Record) -> Transfer:
        """Of a relationship's ``transfer`` and of GET .../transfers."""
        code, message = dig(record, "error_info.code"), dig(record, "error_info.message")
        return cls(
            dig(record, "uuid"),
            dig(record, "state"),
            int(dig(record, "bytes_transferred", 0)),
            dig(record, "snapshot"),
            time_of(dig(record, "end_time")),
            f"{message} ({code})" if code else message,
        )

    def active(self) -> bool:
        """Whether it still runs or waits to run."""
        return self.state in ACTIVE_TRANSFER


@dataclass(frozen=True)
class Relationship:
    """An SVM-DR relationship as the cluster of its destination sees it. ``state`` uninitialized|snapmirrored|paused|broken_off."""

    uuid: str
    source_path: str
    destination_path: str
    source_cluster: str
    state: str
    healthy: bool
    unhealthy_reason: str
    lag_seconds: float | None
    exported_snapshot: str
    policy: str
    schedule: str
    identity_preservation: str
    transfer: Transfer | None
    last_transfer_type: str
    raw: Record = field(default_factory=dict, repr=False, compare=False)

    FIELDS = (
        "uuid,source.path,destination.path,state,healthy,unhealthy_reason,lag_time,exported_snapshot,policy.name,transfer_schedule.name,identity_preservation,"
        "transfer,last_transfer_type"
    )
    """Nothing that ONTAP would have to ask the peer for, so that it answers while the other site is dead."""

    @classmethod
    def from_record(cls, record: Record) -> Relationship:
        """Of GET /api/snapmirror/relationships."""
        reasons = [f"{dig(item, 'message')} ({dig(item, 'code')})" for item in dig(record, "unhealthy_reason", [])]
        transfer = dig(record, "transfer", {})
        return cls(
            dig(record, "uuid"),
            dig(record, "source.path"),
            dig(record, "destination.path"),
            dig(record, "source.cluster.name"),
            dig(record, "state"),
            bool(dig(record, "healthy", False)),
            "; ".join(reasons),
            seconds_of(dig(record, "lag_time")),
            dig(record, "exported_snapshot"),
            dig(record, "policy.name"),
            dig(record, "transfer_schedule.name"),
            dig(record, "identity_preservation"),
            Transfer.from_record(transfer) if transfer else None,
            dig(record, "last_transfer_type"),
            record,
        )

    @property
    def path(self) -> str:
        """``svm_app1: -> svm_app1_dr:``, its name in messages."""
        return f"{self.source_path} -> {self.destination_path}"

    def transferring(self) -> bool:
        """Whether a transfer is active, as far as the relationship's own record shows."""
        return self.transfer is not None and self.transfer.active()


@dataclass(frozen=True)
class Volume:
    """A volume. ``type`` rw|dp, ``style`` flexvol|flexgroup|..., ``size`` bytes, ``junction`` empty when not mounted."""

    uuid: str
    name: str
    svm: str
    type: str
    state: str
    junction: str
    export_policy: str
    size: int
    style: str

    FIELDS = "uuid,name,svm.name,type,state,nas.path,nas.export_policy.name,space.size,style"

    @classmethod
    def from_record(cls, record: Record) -> Volume:
        """Of GET /api/storage/volumes."""
        return cls(
            dig(record, "uuid"),
            dig(record, "name"),
            dig(record, "svm.name"),
            dig(record, "type"),
            dig(record, "state"),
            dig(record, "nas.path"),
            dig(record, "nas.export_policy.name"),
            int(dig(record, "space.size", 0)),
            dig(record, "style"),
        )


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a volume. ``bytes_after`` is what was written to the volume since; None where ONTAP does not tell.

    ``version`` is the same for the copies of one snapshot on both clusters, and for nothing else; empty where ONTAP does not tell.
    """

    name: str
    create_time: datetime | None
    bytes_after: int | None = None
    version: str = ""

    FIELDS = "name,create_time"
    VERSION = "version_uuid"
    DELTA = "delta.size_consumed"

    @classmethod
    def from_record(cls, record: Record) -> Snapshot:
        """Of GET /api/storage/volumes/{uuid}/snapshots."""
        after = dig(record, "delta.size_consumed", None)
        return cls(dig(record, "name"), time_of(dig(record, "create_time")), None if after is None else int(after), dig(record, "version_uuid"))

    @property
    def key(self) -> str:
        """What two clusters' snapshots are compared by: names alone repeat, since both run the same snapshot policies at the same instants."""
        return self.version or f"{self.name}@{self.create_time}"
