# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: validation, and a Backup whenever one is due."""

from __future__ import annotations

from ..controllers.api import meta, timestamp
from ..controllers.ports import Obj
from .context import Context, earliest, phase
from .times import Cron, compact, parse_cron, seconds


class Schedules:
    """Looks at a schedule when its spec changed, and at all of them once a period."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._specs: dict[str, str] = {}
        self._origin = self._next = context.clock.now()

    async def step(self, now: float) -> float | None:
        """Do what is due. Returns when to look again."""
        ticked = now >= self._next
        due: list[float] = []
        for schedule in await self._context.own("Schedule"):
            # a paused schedule is not even validated: the real controller drops its events before they arrive
            if schedule["spec"].get("paused"):
                self._specs.pop(meta(schedule)["uid"], None)
                continue
            changed = self._specs.get(meta(schedule)["uid"]) != str(schedule["spec"])
            if changed or (ticked and phase(schedule) != "FailedValidation"):
                due += await self._reconcile(schedule, now)
            elif phase(schedule) == "Enabled":
                due.append(self._due_at(schedule, parse_cron(schedule["spec"]["schedule"])))
        if ticked:
            self._next = self._look_after(now)
        return earliest(*(self._look_after(max(time, now)) for time in due))

    def _look_after(self, time: float) -> float:
        """The first periodic look later than ``time``: a slot is only noticed by the look that follows it."""
        period = self._context.periods.schedule
        return self._origin + ((time - self._origin) // period + 1) * period

    async def _reconcile(self, schedule: Obj, now: float) -> list[float]:
        schedule = await self._skip_once(schedule, now)
        self._specs[meta(schedule)["uid"]] = str(schedule["spec"])
        try:
            cron = parse_cron(schedule["spec"].get("schedule", ""))
        except ValueError as error:
            await self._context.write(schedule, {"status": {"phase": "FailedValidation", "validationErrors": [str(error)]}})
            return []
        if phase(schedule) != "Enabled":
            schedule = await self._context.write(schedule, {"status": {"phase": "Enabled", "validationErrors": None}})
        if now > self._due_at(schedule, cron) and not await self._running(schedule):
            await self._submit(schedule, now)
            return [cron.next(now)]
        return [self._due_at(schedule, cron)]

    async def _skip_once(self, schedule: Obj, now: float) -> Obj:
        skip = schedule["spec"].get("skipImmediately")
        if not self._context.dialect.velero or skip is False:
            return schedule
        patch: Obj = {"spec": {"skipImmediately": False}}
        if skip:
            patch["status"] = {"lastSkipped": timestamp(now)}
        return await self._context.write(schedule, patch)

    def _due_at(self, schedule: Obj, cron: Cron) -> float:
        status = schedule.get("status") or {}
        last = seconds(status.get("lastBackup"))
        if last is None and not self._context.dialect.velero:
            return 0.0
        base = last if last is not None else seconds(meta(schedule)["creationTimestamp"]) or 0.0
        return cron.next(max(base, seconds(status.get("lastSkipped")) or 0.0))

    async def _running(self, schedule: Obj) -> bool:
        if not self._context.dialect.velero:
            return False
        label, name = self._context.dialect.schedule_label, meta(schedule)["name"]
        backups = await self._context.own("Backup")
        return any((meta(backup).get("labels") or {}).get(label) == name and phase(backup) in ("New", "InProgress") for backup in backups)

    async def _submit(self, schedule: Obj, now: float) -> None:
        template = dict(schedule["spec"].get("template") or {})
        own = (template.pop("metadata", None) or {}).get("labels") or meta(schedule).get("labels") or {}
        metadata: Obj = {
            "name": f"{meta(schedule)['name']}-{compact(now)}", "namespace": self._context.namespace,
            "labels": {**own, self._context.dialect.schedule_label: meta(schedule)["name"]}, "annotations": meta(schedule).get("annotations") or {},
        }
        if schedule["spec"].get("useOwnerReferencesInBackup"):
            owner = {"apiVersion": schedule["apiVersion"], "kind": "Schedule", "name": meta(schedule)["name"], "uid": meta(schedule)["uid"], "controller": True}
            metadata["ownerReferences"] = [owner]
        if await self._context.api.create(self._context.kind("Backup"), {"metadata": metadata, "spec": template}) is not None:
            await self._context.write(schedule, {"status": {"lastBackup": timestamp(now)}})
