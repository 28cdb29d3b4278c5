# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: one at a time per server, from New to its files in the bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..controllers.api import CONFIG_MAPS, meta, timestamp
from ..controllers.ports import Obj
from ..objects import StoreError
from . import modifiers
from .backups import RESTARTED
from .bucket import Bucket, read_backup, unpack, zipped
from .context import Context, phase
from .discovery import Discovery
from .filters import list_errors, selector_errors
from .restoring import Restoration

FINALIZER = "restores.velero.io/external-resources-finalizer"
_GLANCE = 0.5
"""Seconds between two looks at a restore that takes time."""


@dataclass
class _Run:
    restore: Obj
    bucket: Bucket
    work: Restoration
    items: AsyncIterator[bool]
    started: float
    total: int
    fault: tuple[str, str] | None
    handled: int = 0
    exhausted: bool = False


class Restores:
    """The restore queue of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._run: _Run | None = None

    async def restart(self) -> None:
        """A server that starts gives up what another one left in progress; the finalizer goes on where it stood."""
        for restore in await self._context.own("Restore"):
            if phase(restore) == "InProgress":
                status = {"phase": "Failed", "failureReason": RESTARTED.format("restore"), "completionTimestamp": timestamp(self._context.clock.now())}
                await self._context.write(restore, {"status": status})
            elif phase(restore).startswith("Finalizing"):
                await self._context.write(restore, {"status": {"phase": phase(restore).removeprefix("Finalizing") or "Completed"}})

    async def step(self, now: float) -> float | None:
        """Go on with the running restore, start the next. Returns when to look again."""
        for restore in await self._context.own("Restore"):
            if meta(restore).get("deletionTimestamp") and FINALIZER in (meta(restore).get("finalizers") or []):
                await self._clean_up(restore)
        if self._run is not None:
            await self._advance(self._run, now)
        for restore in await self._context.own("Restore"):
            if self._run is None and phase(restore) == "New" and not meta(restore).get("deletionTimestamp"):
                await self._start(restore, now)
                if self._run is not None:
                    await self._advance(self._run, now)
        return None if self._run is None else now + _GLANCE

    async def _start(self, restore: Obj, now: float) -> None:
        fault = self._context.take_fault("restore")
        spec, backup, errors, rules = await self._prepare(restore)
        if fault and fault[0] == "FailedValidation":
            errors.append(fault[1])
        if errors or backup is None:
            await self._context.write(restore, {"spec": spec, "status": {"phase": "FailedValidation", "validationErrors": errors}})
            return
        patch: Obj = {"spec": spec, "status": {"phase": "InProgress", "startTimestamp": timestamp(now)}}
        if self._context.dialect.velero:
            patch["metadata"] = {"finalizers": list(dict.fromkeys([*(meta(restore).get("finalizers") or []), FINALIZER]))}
        restore = await self._context.write(restore, patch)
        name = meta(backup)["name"]
        try:
            bucket = self._context.bucket(await self._location(backup) or {})
            contents = unpack(await self._context.objects.get(bucket.backup_key(name, ".tar.gz")))
        except (StoreError, ValueError) as error:
            await self._fail(restore, f"error downloading backup: {error}", now)
            return
        if fault and fault[0] == "Failed":
            await self._fail(restore, fault[1], now)
            return
        discovery = await Discovery.load(self._context.port)
        work = Restoration(self._context, meta(restore)["name"], restore["spec"], contents, discovery, rules, await self._storage_classes())
        self._run = _Run(restore, bucket, work, work.run(), now, work.total(), fault)

    async def _fail(self, restore: Obj, reason: str, now: float) -> None:
        status = {"phase": "Failed", "failureReason": reason, "completionTimestamp": timestamp(now)}
        await self._context.write(restore, {"status": status})
        self._context.log_operation("restore", restore, now)

    async def _prepare(self, restore: Obj) -> tuple[Obj, Obj | None, list[str], list[Obj]]:
        """The spec as the server completes it, the backup, what is wrong, and the resource modifiers."""
        dialect, spec = self._context.dialect, dict(restore.get("spec") or {})
        spec["excludedResources"] = list(dict.fromkeys([*(spec.get("excludedResources") or []), *dialect.non_restorable]))
        errors = [f"{name} are non-restorable resources" for name in dialect.non_restorable if name in (spec.get("includedResources") or [])]
        errors += list_errors("resource", spec.get("includedResources"), spec["excludedResources"])
        errors += list_errors("namespace", spec.get("includedNamespaces"), spec.get("excludedNamespaces"))
        errors += selector_errors(spec)
        if spec.get("existingResourcePolicy") not in (None, "", "none", "update"):
            errors.append(f"Invalid ExistingResourcePolicy: {spec['existingResourcePolicy']}")
        if bool(spec.get("backupName")) == bool(spec.get("scheduleName")):
            return spec, None, [*errors, "Either a backup or schedule must be specified as a source for the restore, but not both"], []
        backup, problems = await self._source(spec)
        errors += problems
        rules: list[Obj] = []
        if backup is not None:
            spec["backupName"] = meta(backup)["name"]
            schedule = (meta(backup).get("labels") or {}).get(dialect.schedule_label)
            if schedule and dialect.velero:
                spec["scheduleName"] = schedule
            if dialect.velero:
                spec["itemOperationTimeout"] = spec.get("itemOperationTimeout") or "4h0m0s"
        if spec.get("resourceModifier"):
            wanted = spec["resourceModifier"]["name"]
            config = await self._context.api.get(CONFIG_MAPS, self._context.namespace, wanted)
            try:
                rules = modifiers.parse(config, f"{self._context.namespace}/{wanted}")
            except ValueError as error:
                errors.append(str(error))
        return spec, backup, errors, rules

    async def _source(self, spec: Obj) -> tuple[Obj | None, list[str]]:
        name = spec.get("backupName")
        if not name:
            label, schedule = self._context.dialect.schedule_label, spec["scheduleName"]
            of_schedule = [backup for backup in await self._context.own("Backup") if (meta(backup).get("labels") or {}).get(label) == schedule]
            done = [backup for backup in of_schedule if phase(backup) == "Completed"]
            if not done:
                return None, ["No completed backups found for schedule" if of_schedule else "No backups found for schedule"]
            name = meta(max(done, key=lambda backup: str(backup["status"].get("startTimestamp") or "")))["name"]
        backup = await self._context.find("Backup", name)
        if backup is None and not self._context.dialect.velero:
            backup = await self._from_bucket(name)
        if backup is None:
            return None, [f"Error retrieving backup: can't find backup {self._context.namespace}/{name}"]
        location = await self._location(backup)
        if location is None:
            return None, [f"Error retrieving backup: backup storage location {backup['spec'].get('storageLocation')} not found"]
        if self._context.dialect.velero and phase(location) == "Unavailable":
            return None, [f"The BSL {meta(location)['name']} is unavailable, cannot retrieve the backup"]
        return backup, []

    async def _location(self, backup: Obj) -> Obj | None:
        return await self._context.find("BackupStorageLocation", backup["spec"].get("storageLocation") or "default")

    async def _from_bucket(self, name: str) -> Obj | None:
        """Ark reads a backup that was not synced yet straight from the bucket."""
        for location in await self._context.own("BackupStorageLocation"):
            try:
                backup = await read_backup(self._context.bucket(location), name, self._context.dialect.metadata_file)
            except StoreError:
                continue
            if backup is not None:
                return {**backup, "spec": {**backup["spec"], "storageLocation": meta(location)["name"]}}
        return None

    async def _storage_classes(self) -> dict[str, str]:
        wanted = {f"{self._context.dialect.group}/plugin-config": "", f"{self._context.dialect.group}/change-storage-class": "RestoreItemAction"}
        for config in await self._context.api.list(CONFIG_MAPS):
            if meta(config).get("namespace") == self._context.namespace and wanted.items() <= (meta(config).get("labels") or {}).items():
                return dict(config.get("data") or {})
        return {}

    async def _advance(self, run: _Run, now: float) -> None:
        """Restore the items whose time has come; finish when all are through."""
        profile, before = self._context.profile, run.handled
        while not run.exhausted and now >= run.started + profile.restore_seconds(run.handled):
            try:
                if not await anext(run.items):
                    return
                run.handled += 1
            except StopAsyncIteration:
                run.exhausted = True
            except Exception as error:
                # whatever broke it, the restore must not look as if it had gone through
                self._run = None
                await self._fail(run.restore, f"panic while restoring: {error!r}", now)
                raise
        if run.exhausted and now >= run.started + profile.restore_seconds(run.total):
            await self._finish(run)
            self._run = None
        elif run.handled != before and self._context.dialect.velero:
            await self._context.write(run.restore, {"status": {"progress": {"totalItems": run.total, "itemsRestored": min(run.handled, run.total)}}})

    async def _finish(self, run: _Run) -> None:
        context, work = self._context, run.work
        if run.fault and run.fault[0] == "PartiallyFailed":
            work.errors.add(None, run.fault[1])
        await self._upload(run)
        warnings, errors = work.warnings.count(), work.errors.count()
        if not context.dialect.velero:
            await context.write(run.restore, {"status": {"phase": "Completed", "warnings": warnings, "errors": errors}})
            context.log_operation("restore", run.restore, run.started)
            return
        counts = {name: count for name, count in (("warnings", warnings), ("errors", errors)) if count}
        suffix = "PartiallyFailed" if errors else ""
        progress = {"totalItems": run.total, "itemsRestored": run.total}
        await context.write(run.restore, {"status": {"phase": f"Finalizing{suffix}", "progress": progress, **counts}})
        await context.write(run.restore, {"status": {"phase": suffix or "Completed", "completionTimestamp": timestamp(context.clock.now())}})
        context.log_operation("restore", run.restore, run.started)

    async def _upload(self, run: _Run) -> None:
        """Only a log that cannot be written counts as an error; the other files are then simply missing."""
        name, put, work, dialect = meta(run.restore)["name"], self._context.objects.put, run.work, self._context.dialect
        lines = [*work.log, f'level=info msg="restore completed" restore={self._context.namespace}/{name}']
        try:
            await put(run.bucket.restore_key(name, "-logs.gz"), zipped(lines))
        except StoreError as error:
            work.errors.add(None, f"error uploading log file to backup storage: {error}")
        files = {"-results.gz": {"errors": work.errors.as_json(dialect), "warnings": work.warnings.as_json(dialect)}}
        more: dict[str, object] = {"-resource-list.json.gz": work.resource_list(), "-itemoperations.json.gz": [], "-volumeinfo.json.gz": []}
        for ending, data in {**files, **(more if dialect.velero else {})}.items():
            try:
                await put(run.bucket.restore_key(name, ending), zipped(data))
            except StoreError as error:
                work.log.append(f'level=error msg="error uploading {ending}: {error}"')

    async def _clean_up(self, restore: Obj) -> None:
        """A deleted Restore takes its files along; while the store does not answer it stays."""
        backup = await self._context.find("Backup", restore["spec"].get("backupName", ""))
        location = await self._location(backup) if backup else None
        if location is not None:
            if phase(location) == "Unavailable":
                return
            try:
                await self._context.bucket(location).delete_folder(f"restores/{meta(restore)['name']}")
            except StoreError:
                return
        kept = [name for name in meta(restore)["finalizers"] if name != FINALIZER]
        await self._context.write(restore, {"metadata": {"finalizers": kept}})
