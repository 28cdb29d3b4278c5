# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small kinds: DownloadRequest, ServerStatusRequest, DeleteBackupRequest, and the collection of expired backups."""

from __future__ import annotations

from ..controllers.api import meta, timestamp
from ..controllers.ports import Obj
from ..objects import StoreError
from .bucket import DOWNLOADS
from .context import Context, earliest, phase, read_only
from .dialect import label_value
from .times import seconds

_URL_LIFE, _STATUS_LIFE, _DELETION_LIFE = 600.0, 60.0, 86400.0
_RUNNING = ("New", "Queued", "ReadyToStart", "InProgress")


class Downloads:
    """Signs URLs; forgets requests ten minutes later."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def step(self, now: float) -> float | None:
        """Answer what is new, delete what is over. Returns when the next one is over."""
        ends: list[float] = []
        for request in await self._context.own("DownloadRequest"):
            end = seconds((request.get("status") or {}).get("expiration")) or (seconds(meta(request)["creationTimestamp"]) or now) + _URL_LIFE
            if now >= end:
                await self._context.api.delete(self._context.kind("DownloadRequest"), request)
                continue
            if phase(request) == "New":
                await self._answer(request, now)
            ends.append(end)
        return earliest(*ends)

    async def _answer(self, request: Obj, now: float) -> None:
        """A request about something unknown is left alone: it never gets a URL."""
        target = {"kind": "", "name": "", **(request["spec"].get("target") or {})}
        backup_name = target["name"]
        if target["kind"] not in DOWNLOADS:
            return
        if target["kind"].startswith("Restore"):
            restore = await self._context.find("Restore", target["name"])
            backup_name = restore["spec"].get("backupName", "") if restore else ""
        backup = await self._context.find("Backup", backup_name)
        location = await self._context.find("BackupStorageLocation", backup["spec"].get("storageLocation") or "default") if backup else None
        if location is None:
            return
        try:
            bucket = self._context.bucket(location)
            missing = self._context.dialect.velero and not await bucket.has_file(target["kind"], target["name"])
        except StoreError:
            return
        status: Obj = {"phase": "Processed", "expiration": timestamp(now + _URL_LIFE)}
        if missing:
            status |= {"phase": "Failed", "message": f"{target['kind']} of {target['name']} not found in backup storage"}
        else:
            status["downloadURL"] = self._context.objects.sign(bucket.download_key(target["kind"], target["name"]), _URL_LIFE)
        await self._context.write(request, {"status": status})


class StatusRequests:
    """Says that the server is alive, and its version."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def step(self, now: float) -> float | None:
        """Answer what is new, sweep what is a minute old. Returns when to sweep."""
        if not self._context.dialect.velero:
            return None
        sweeps: list[float] = []
        for request in await self._context.own("ServerStatusRequest"):
            processed = seconds((request.get("status") or {}).get("processedTimestamp"))
            if processed is not None and now >= processed + _STATUS_LIFE:
                await self._context.api.delete(self._context.kind("ServerStatusRequest"), request)
                continue
            if processed is None:
                plugins = [{"kind": "ObjectStore", "name": "velero.io/aws"}, {"kind": "VolumeSnapshotter", "name": "velero.io/aws"}]
                status = {"phase": "Processed", "processedTimestamp": timestamp(now), "serverVersion": self._context.dialect.server_version, "plugins": plugins}
                await self._context.write(request, {"status": status})
            sweeps.append((processed or now) + max(_STATUS_LIFE, self._context.periods.sweep))
        return earliest(*sweeps)


class Deletions:
    """Carries out DeleteBackupRequests, and files them for expired backups."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_gc = context.clock.now() + context.periods.gc

    async def step(self, now: float) -> float | None:
        """Do what is new and what is due. Returns when to collect again."""
        for request in await self._context.own("DeleteBackupRequest"):
            if phase(request) == "Processed":
                if now >= (seconds(meta(request)["creationTimestamp"]) or now) + _DELETION_LIFE:
                    await self._context.api.delete(self._context.kind("DeleteBackupRequest"), request)
            else:
                await self._carry_out(request)
        if now >= self._next_gc:
            self._next_gc = now + self._context.periods.gc
            for backup in await self._context.own("Backup"):
                expires = seconds((backup.get("status") or {}).get("expiration"))
                if expires is not None and now >= expires and phase(backup) not in _RUNNING:
                    await self._collect(backup)
        return self._next_gc

    async def _collect(self, backup: Obj) -> None:
        context = self._context
        location = await context.find("BackupStorageLocation", backup["spec"].get("storageLocation") or "")
        reason = "BSLNotFound" if location is None else "BSLReadOnly" if read_only(location) else ""
        if reason:
            await context.write(backup, {"metadata": {"labels": {f"{context.dialect.group}/gc-failure": reason}}})
            return
        name = meta(backup)["name"]
        asked = [request for request in await context.own("DeleteBackupRequest") if request["spec"].get("backupName") == name and phase(request) != "Processed"]
        if not asked:
            labels = {context.dialect.backup_label: label_value(name), f"{context.dialect.group}/backup-uid": meta(backup)["uid"]}
            metadata = {"generateName": f"{name}-", "namespace": context.namespace, "labels": labels}
            await context.api.create(context.kind("DeleteBackupRequest"), {"metadata": metadata, "spec": {"backupName": name}})

    async def _carry_out(self, request: Obj) -> None:
        context, name = self._context, request["spec"].get("backupName", "")
        backup = await context.find("Backup", name)
        location = await context.find("BackupStorageLocation", backup["spec"].get("storageLocation") or "default") if backup else None
        problem = _refusal(backup, location, name)
        if not problem and backup and location:
            await context.write(request, {"status": {"phase": "InProgress"}})
            backup = await context.write(backup, {"status": {"phase": "Deleting"}})
            problem = await self._delete(backup, location)
        if problem:
            await context.write(request, {"status": {"phase": "Processed", "errors": [problem]}})
            return
        for other in await context.own("DeleteBackupRequest"):
            if other["spec"].get("backupName") == name:
                await context.api.delete(context.kind("DeleteBackupRequest"), other)

    async def _delete(self, backup: Obj, location: Obj) -> str:
        context, name = self._context, meta(backup)["name"]
        try:
            bucket = context.bucket(location)
            await bucket.delete_folder(f"backups/{name}")
            for restore in await context.own("Restore"):
                if restore["spec"].get("backupName") == name:
                    await bucket.delete_folder(f"restores/{meta(restore)['name']}")
                    await context.api.delete(context.kind("Restore"), restore)
        except StoreError as error:
            return f"error deleting backup from backup storage: {error}"
        await context.api.delete(context.kind("Backup"), backup)
        return ""


def _refusal(backup: Obj | None, location: Obj | None, name: str) -> str:
    if not name:
        return "spec.backupName is required"
    if backup is None:
        return "backup not found"
    if phase(backup) in _RUNNING:
        return "backup is still in progress"
    if location is None:
        return f"backup storage location {backup['spec'].get('storageLocation')} not found"
    where = meta(location)["name"]
    if read_only(location):
        return f"cannot delete backup because backup storage location {where} is currently in read-only mode"
    if phase(location) == "Unavailable":
        return f"cannot delete backup because backup storage location {where} is currently in Unavailable state"
    return ""
