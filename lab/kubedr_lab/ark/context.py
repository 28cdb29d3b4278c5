# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controllers of one Ark server share: its ports, its own objects, its periods, the faults asked of it, the log of operations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..clock import Clock
from ..controllers.api import Api, Kind, key, meta
from ..controllers.ports import KubePort, Obj
from ..objects import ObjectStore
from ..profile import Profile
from .bucket import Bucket, WrongBucket
from .dialect import Dialect

PLURALS = {
    "Backup": "backups", "Restore": "restores", "Schedule": "schedules", "BackupStorageLocation": "backupstoragelocations",
    "DownloadRequest": "downloadrequests", "DeleteBackupRequest": "deletebackuprequests", "ServerStatusRequest": "serverstatusrequests",
}
CONFIG = frozenset((
    "region", "s3ForcePathStyle", "s3Url", "publicUrl", "kmsKeyId", "customerKeyEncryptionFile", "customerKeyEncryptionSecret", "signatureVersion", "profile",
    "serverSideEncryption", "insecureSkipTLSVerify", "enableSharedConfig", "tagging", "checksumAlgorithm",
))
"""Keys that the AWS plug-in takes in a location's ``config``."""


@dataclass(frozen=True)
class Periods:
    """Seconds between a server's looks; the defaults are those of the real servers."""

    sync_tick: float = 60.0
    sync: float = 60.0
    validation_tick: float = 10.0
    validation: float = 60.0
    schedule: float = 60.0
    gc: float = 3600.0
    sweep: float = 300.0

    def scaled(self, factor: float) -> Periods:
        """All of them times ``factor``. Periods that a location's own spec names are not scaled."""
        return replace(self, **{name: getattr(self, name) * factor for name in self.__dataclass_fields__})


@dataclass
class Context:
    """One server's world.

    Attributes:
        store_bucket: the only bucket name that the store has; None where any name will do.
        operations: ``{name, object, started, ended}`` in lab seconds; whoever drives the server drains it.
        faults: (``backup`` or ``restore``, phase, reason), taken by the next operation of that kind.
    """

    port: KubePort
    objects: ObjectStore
    clock: Clock
    profile: Profile
    dialect: Dialect
    namespace: str
    periods: Periods
    store_bucket: str | None = None
    operations: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Api(self.port)

    def kind(self, name: str) -> Kind:
        """One of the server's own kinds."""
        return Kind(f"{self.dialect.group}/v1", PLURALS[name], name)

    async def own(self, name: str) -> list[Obj]:
        """Objects of one of the server's own kinds in its namespace, oldest first."""
        found = [{**obj, "spec": obj.get("spec") or {}} for obj in await self.api.list(self.kind(name)) if meta(obj)["namespace"] == self.namespace]
        return sorted(found, key=lambda obj: (meta(obj).get("creationTimestamp", ""), meta(obj)["name"]))

    async def find(self, name: str, wanted: str) -> Obj | None:
        """One object of the server's own kinds, or None."""
        return next((obj for obj in await self.own(name) if meta(obj)["name"] == wanted), None) if wanted else None

    async def write(self, obj: Obj, patch: Obj) -> Obj:
        """Merge into one of the server's own objects (they have no status subresource). The object as given where it is gone."""
        return await self.api.merge(self.kind(obj["kind"]), obj, patch) or obj

    def bucket(self, location: Obj) -> Bucket:
        """What the location points to.

        Raises:
            WrongBucket: not a bucket of this store.
        """
        where = location["spec"].get("objectStorage") or {}
        name = where.get("bucket") or ""
        if "/" in name:
            raise WrongBucket(f"bucket name {name!r} must not contain a '/' (if using a prefix, put it in the 'Prefix' field instead)")
        if not name or (self.store_bucket is not None and name != self.store_bucket):
            raise WrongBucket(f"NoSuchBucket: The specified bucket does not exist: {name}")
        prefix = (where.get("prefix") or "").strip("/")
        return Bucket(self.objects, f"{prefix}/" if prefix else "")

    def take_fault(self, operation: str) -> tuple[str, str] | None:
        """The phase and reason asked for the next ``backup`` or ``restore``, forgotten with this call."""
        for fault in self.faults:
            if fault[0] == operation:
                self.faults.remove(fault)
                return fault[1], fault[2]
        return None

    def log_operation(self, name: str, obj: Obj, started: float) -> None:
        """Note that an operation ended now."""
        self.operations.append({"name": name, "object": "/".join(key(obj)), "started": started, "ended": self.clock.now()})


def phase(obj: Obj) -> str:
    """``status.phase``, ``New`` where there is none."""
    return (obj.get("status") or {}).get("phase") or "New"


def read_only(location: Obj) -> bool:
    """The location takes no new backups."""
    return bool(location["spec"].get("accessMode") == "ReadOnly")


def earliest(*times: float | None) -> float | None:
    """The first of several due times, None where nothing is due."""
    return min((time for time in times if time is not None), default=None)
