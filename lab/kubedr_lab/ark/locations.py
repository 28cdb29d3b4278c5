# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BackupStorageLocations: validation (Velero), and the sync that makes another cluster's backups appear here."""

from __future__ import annotations

from ..controllers.api import SECRETS, meta, timestamp
from ..controllers.ports import Obj
from ..objects import StoreError
from .bucket import TOP_LEVEL, Bucket, read_backup
from .context import CONFIG, Context, earliest, phase
from .dialect import label_value
from .times import duration, seconds

_SYNCED = ("Completed", "PartiallyFailed", "Failed")


class Locations:
    """Validates and syncs on their own periods."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._validated: dict[str, str] = {}
        self._next_validation = self._next_sync = 0.0

    async def step(self, now: float) -> float | None:
        """Do what is due. Returns when to look again."""
        own = self._context.own
        if self._context.dialect.velero:
            for location in await own("BackupStorageLocation"):
                changed = self._validated.get(meta(location)["uid"]) != str(location["spec"])
                if changed or (now >= self._next_validation and any(now >= due for due in self._validation_due(location))):
                    await self._validate(location, now)
            if now >= self._next_validation:
                self._next_validation = now + self._context.periods.validation_tick
        if now >= self._next_sync:
            for location in await own("BackupStorageLocation"):
                if phase(location) != "Unavailable" and any(now >= due for due in self._sync_due(location)):
                    await self._sync(location, now)
            self._next_sync = now + self._context.periods.sync_tick
        return earliest(*[due for location in await own("BackupStorageLocation") for due in self._looks(location)])

    def _looks(self, location: Obj) -> list[float]:
        """When something is due, as seen by the periodic looks."""
        validations = self._validation_due(location) if self._context.dialect.velero else []
        return [max(due, self._next_sync) for due in self._sync_due(location)] + [max(due, self._next_validation) for due in validations]

    def _validation_due(self, location: Obj) -> list[float]:
        """When it is to be looked at again, nothing for never."""
        every = _period(location, "validationFrequency", self._context.periods.validation)
        last = seconds((location.get("status") or {}).get("lastValidationTime"))
        if last is None:
            return [0.0]
        return [last + every] if every > 0 else []

    async def _validate(self, location: Obj, now: float) -> None:
        self._validated[meta(location)["uid"]] = str(location["spec"])
        problem = await self._problem(location)
        status = {"phase": "Unavailable" if problem else "Available", "message": problem or None, "lastValidationTime": timestamp(now)}
        await self._context.write(location, {"status": status})

    async def _problem(self, location: Obj) -> str:
        spec = location["spec"]
        if spec.get("provider") not in ("aws", "velero.io/aws"):
            return f"unable to locate ObjectStore plugin named velero.io/{spec.get('provider')}"
        if {"caCert", "caCertRef"} <= set(spec.get("objectStorage") or {}):
            return "caCert and caCertRef are mutually exclusive"
        unknown = sorted(set(spec.get("config") or {}) - CONFIG)
        if unknown:
            return f"config has invalid keys {unknown}; valid keys are {sorted(CONFIG)}"
        problem = await self._credential_problem(spec.get("credential"))
        if problem:
            return problem
        try:
            foreign = [name for name in await self._context.bucket(location).folders() if name not in TOP_LEVEL]
        except StoreError as error:
            return f"error listing backup store: {error}"
        return f"Backup store contains invalid top-level directories: {foreign}" if foreign else ""

    async def _credential_problem(self, credential: Obj | None) -> str:
        if not credential:
            return ""
        secret = await self._context.api.get(SECRETS, self._context.namespace, credential["name"])
        if secret is None:
            return f'unable to get credentials: unable to get key for secret: Secret "{credential["name"]}" not found'
        if credential["key"] not in (secret.get("data") or {}):
            return f'unable to get credentials: unable to get key for secret: "{credential["name"]}" secret is missing data for key "{credential["key"]}"'
        return ""

    def _sync_due(self, location: Obj) -> list[float]:
        """When its backups are to be synced next, nothing for never."""
        every = _period(location, "backupSyncPeriod", self._context.periods.sync)
        last = seconds((location.get("status") or {}).get("lastSyncedTime"))
        if every < 0:
            every = self._context.periods.sync
        return [last + every if last is not None else 0.0] if every > 0 else []

    async def _sync(self, location: Obj, now: float) -> None:
        """Backups of the bucket that are unknown here come in with their status; finished ones of this location that the bucket lost go."""
        try:
            bucket = self._context.bucket(location)
            stored = await bucket.folders("backups")
        except StoreError:
            return
        known = {meta(backup)["name"] for backup in await self._context.own("Backup")}
        for name in stored:
            if name not in known:
                await self._bring_in(location, bucket, name)
        for backup in await self._context.own("Backup"):
            ours = (meta(backup).get("labels") or {}).get(self._context.dialect.location_label) == label_value(meta(location)["name"])
            if ours and phase(backup) in ("Completed", "PartiallyFailed") and meta(backup)["name"] not in stored:
                await self._context.api.delete(self._context.kind("Backup"), backup)
        await self._context.write(location, {"status": {"lastSyncedTime": timestamp(now)}})

    async def _bring_in(self, location: Obj, bucket: Bucket, name: str) -> None:
        dialect = self._context.dialect
        try:
            backup = await read_backup(bucket, name, dialect.metadata_file)
        except StoreError:
            return
        if backup is None or (dialect.velero and phase(backup) not in _SYNCED):
            return
        schedules = {meta(schedule)["uid"] for schedule in await self._context.own("Schedule")}
        owners = [owner for owner in meta(backup).get("ownerReferences") or [] if owner.get("uid") in schedules]
        labels = {**(meta(backup).get("labels") or {}), dialect.location_label: label_value(meta(location)["name"])}
        annotations = meta(backup).get("annotations") or {}
        metadata = {"name": name, "namespace": self._context.namespace, "labels": labels, "annotations": annotations, "ownerReferences": owners}
        spec = {**backup["spec"], "storageLocation": meta(location)["name"]}
        if dialect.velero:
            spec.pop("hooks", None)
        await self._context.api.create(self._context.kind("Backup"), {"metadata": metadata, "spec": spec, "status": backup.get("status") or {}})


def _period(location: Obj, name: str, default: float) -> float:
    try:
        return duration(location["spec"].get(name), default)
    except ValueError:
        return default
