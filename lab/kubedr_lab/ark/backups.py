# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: one at a time, from New to its files in the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ..controllers.api import meta, timestamp
from ..controllers.ports import Obj
from ..objects import StoreError
from .bucket import Bucket, pack, zipped
from .collect import Collector, filter_errors
from .context import Context, phase, read_only
from .dialect import label_value
from .discovery import Discovery, Resource
from .filters import list_errors, selector_errors
from .times import duration

WAITING = ("New", "Queued", "ReadyToStart")
RESTARTED = 'found a {0} with status "InProgress" during the server starting, mark it as "Failed"'
_AUTO_EXCLUDED = ["volumesnapshotcontents.snapshot.storage.k8s.io", "volumesnapshots.snapshot.storage.k8s.io"]


@dataclass
class _Run:
    backup: Obj
    bucket: Bucket
    collected: Collector
    started: float
    ends: float
    fault: tuple[str, str] | None


class Backups:
    """The backup queue of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._run: _Run | None = None

    async def restart(self) -> None:
        """A server that starts gives up what another one left behind."""
        for backup in await self._context.own("Backup"):
            if phase(backup) == "InProgress":
                await self._fail(backup, RESTARTED.format("backup"))
            elif phase(backup).startswith("Finalizing"):
                await self._context.write(backup, {"status": {"phase": phase(backup).removeprefix("Finalizing") or "Completed"}})

    async def step(self, now: float) -> float | None:
        """Finish what is due, start the next one. Returns when the running one ends."""
        if self._run is not None and now >= self._run.ends:
            await self._finish(self._run)
            self._run = None
        waiting = [backup for backup in await self._context.own("Backup") if phase(backup) in WAITING and not meta(backup).get("deletionTimestamp")]
        while waiting and self._run is None:
            await self._start(waiting.pop(0), now)
            if self._run is not None and now >= self._run.ends:
                await self._finish(self._run)
                self._run = None
        if self._context.dialect.velero:
            for position, backup in enumerate(waiting, start=1):
                if (backup.get("status") or {}).get("queuePosition") != position:
                    await self._context.write(backup, {"status": {"phase": "Queued", "queuePosition": position}})
        return self._run.ends if self._run else None

    async def _start(self, backup: Obj, now: float) -> None:
        fault = self._context.take_fault("backup")
        spec, location, errors = await self._prepare(backup)
        if fault and fault[0] == "FailedValidation":
            errors.append(fault[1])
        labels = {self._context.dialect.location_label: label_value(spec["storageLocation"])} if location else {}
        patch: Obj = {"spec": spec, "metadata": {"labels": labels}}
        if errors or location is None:
            await self._context.write(backup, {**patch, "status": {"phase": "FailedValidation", "validationErrors": errors, "queuePosition": None}})
            return
        ends = timestamp(now + duration(spec["ttl"], 0.0))
        status: Obj = {"phase": "InProgress", "version": 1, "startTimestamp": timestamp(now), "expiration": ends}
        if self._context.dialect.velero:
            await self._context.write(backup, {"status": {"phase": "ReadyToStart", "queuePosition": None}})
            status["formatVersion"] = "1.1.0"
            patch["metadata"]["annotations"] = await self._source_cluster()
        backup = await self._context.write(backup, {**patch, "status": status})
        bucket = self._context.bucket(location)
        try:
            taken = await bucket.exists(bucket.backup_key(meta(backup)["name"], self._context.dialect.metadata_file))
        except StoreError as error:
            await self._fail(backup, f"error checking if backup already exists in object storage: {error}")
            return
        if taken:
            await self._fail(backup, "backup already exists in object storage")
            return
        collected = Collector(self._context, await Discovery.load(self._context.port), backup["spec"])
        await collected.run()
        self._run = _Run(backup, bucket, collected, now, now + self._context.profile.backup_seconds(len(collected.items)), fault)

    async def _prepare(self, backup: Obj) -> tuple[Obj, Obj | None, list[str]]:
        """The spec as the server completes it, the location, and what is wrong."""
        dialect, spec = self._context.dialect, dict(backup.get("spec") or {})
        location, errors = await self._location(spec.get("storageLocation"))
        if location is not None:
            spec["storageLocation"] = meta(location)["name"]
        spec["ttl"] = spec.get("ttl") or "720h0m0s"
        try:
            duration(spec["ttl"], 0.0)
        except ValueError as error:
            errors.append(str(error))
        spec["includedNamespaces"] = spec.get("includedNamespaces") or ["*"]
        if dialect.velero:
            spec["excludedResources"] = list(dict.fromkeys([*(spec.get("excludedResources") or []), *_AUTO_EXCLUDED]))
            defaults = {"csiSnapshotTimeout": "10m0s", "itemOperationTimeout": "4h0m0s", "defaultVolumesToFsBackup": False, "snapshotMoveData": False}
            spec = {**defaults, **{name: value for name, value in spec.items() if value is not None}}
            errors += filter_errors(backup.get("spec") or {})
            for scope in ("ClusterScoped", "NamespaceScoped"):
                errors += list_errors("resource", spec.get(f"included{scope}Resources"), spec.get(f"excluded{scope}Resources"))
        errors += list_errors("resource", spec.get("includedResources"), spec.get("excludedResources"))
        errors += selector_errors(spec)
        errors += list_errors("namespace", spec["includedNamespaces"], spec.get("excludedNamespaces"))
        return spec, location, errors

    async def _location(self, name: str | None) -> tuple[Obj | None, list[str]]:
        locations = await self._context.own("BackupStorageLocation")
        if name:
            found = await self._context.find("BackupStorageLocation", name)
            if found is None:
                needed = "needs to be created before this backup can be executed"
                return None, [f"a BackupStorageLocation CRD with the name {name} specified in the backup spec {needed}"]
        else:
            found = next((entry for entry in locations if entry["spec"].get("default")), None) or await self._context.find("BackupStorageLocation", "default")
            if found is None:
                return None, ["an existing backup storage location was not specified at backup creation time and the default default was not found"]
        name = meta(found)["name"]
        if self._context.dialect.velero and read_only(found):
            return found, [f"backup can't be created because backup storage location {name} is currently in read-only mode"]
        if self._context.dialect.velero and phase(found) == "Unavailable":
            return found, [f"backup can't be created because BackupStorageLocation {name} is in Unavailable status."]
        return found, []

    async def _source_cluster(self) -> dict[str, str]:
        _status, version = await self._context.port.request("GET", "/version")
        names = {"k8s-gitversion": "gitVersion", "k8s-major-version": "major", "k8s-minor-version": "minor"}
        return {f"velero.io/source-cluster-{name}": str(version.get(field, "")) for name, field in names.items()} | {"velero.io/resource-timeout": "10m0s"}

    async def _finish(self, run: _Run) -> None:
        context, count = self._context, len(run.collected.items)
        result, reason = run.fault or ("Completed", "")
        status: Obj = {"phase": result, "completionTimestamp": timestamp(context.clock.now())}
        if context.dialect.velero:
            status["progress"] = {"totalItems": count, "itemsBackedUp": count}
            if result == "PartiallyFailed":
                status["errors"] = 1
            if result != "Failed":
                finalizing = f"Finalizing{result.removeprefix('Completed')}"
                run.backup = await context.write(run.backup, {"status": {"phase": finalizing, "progress": status["progress"]}})
        if result == "Failed":
            status["failureReason"] = reason
        try:
            await self._upload(run, {**run.backup, "status": {**run.backup["status"], **status}}, reason)
        except StoreError as error:
            status |= {"phase": "Failed", "failureReason": f"error uploading backup: {error}"}
        if not context.dialect.velero:
            status.pop("failureReason", None)
        await context.write(run.backup, {"status": status})
        context.log_operation("backup", run.backup, run.started)

    async def _upload(self, run: _Run, backup: Obj, reason: str) -> None:
        name, put, velero = meta(backup)["name"], self._context.objects.put, self._context.dialect.velero
        items = list(run.collected.items.values())
        lines = [*run.collected.log, f'level=info msg="Backed up a total of {len(items)} items" backup={name}']
        await put(run.bucket.backup_key(name, "-logs.gz"), zipped(lines))
        if phase(backup) != "Failed":
            await put(run.bucket.backup_key(name, ".tar.gz"), pack(items, velero, run.started))
            await put(run.bucket.backup_key(name, "-volumesnapshots.json.gz"), zipped([]))
        if velero:
            errors = {"velero": [reason]} if reason else {}
            await put(run.bucket.backup_key(name, "-results.gz"), zipped({"errors": errors, "warnings": {}}))
            await put(run.bucket.backup_key(name, "-resource-list.json.gz"), zipped(_resource_list(items)))
            await put(run.bucket.backup_key(name, "-volumeinfo.json.gz"), zipped(_volume_infos(items)))
            for ending in ("-itemoperations.json.gz", "-podvolumebackups.json.gz"):
                await put(run.bucket.backup_key(name, ending), zipped([]))
        await put(run.bucket.backup_key(name, self._context.dialect.metadata_file), json.dumps(backup).encode())

    async def _fail(self, backup: Obj, reason: str) -> None:
        status: Obj = {"phase": "Failed", "completionTimestamp": timestamp(self._context.clock.now())}
        if self._context.dialect.velero:
            status["failureReason"] = reason
        await self._context.write(backup, {"status": status})


def _resource_list(items: Iterable[tuple[Resource, Obj]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _resource, obj in items:
        namespace = meta(obj).get("namespace")
        found.setdefault(f"{obj['apiVersion']}/{obj['kind']}", []).append(f"{namespace}/{meta(obj)['name']}" if namespace else meta(obj)["name"])
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def _volume_infos(items: Iterable[tuple[Resource, Obj]]) -> list[Obj]:
    """One entry per PV. No volume of the lab has a backup method: all fall under the reclaim-policy rule when restored."""
    infos = []
    for resource, obj in items:
        if resource.name == "persistentvolumes":
            claim = obj["spec"].get("claimRef") or {}
            infos.append({
                "pvName": meta(obj)["name"], "pvcName": claim.get("name", ""), "pvcNamespace": claim.get("namespace", ""), "backupMethod": "", "skipped": True,
                "pvInfo": {"reclaimPolicy": obj["spec"].get("persistentVolumeReclaimPolicy", ""), "labels": meta(obj).get("labels") or {}},
            })
    return infos
