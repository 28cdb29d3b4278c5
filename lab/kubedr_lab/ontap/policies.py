# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules and SnapMirror policies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..messages import Response
from . import jobs
from .core import Core
from .errors import REFUSED, conflict, invalid_value, missing, not_found, refused
from .jobs import action
from .query import schema
from .rest import Call, Resource, created, done
from .svms import DATA_ONLY, IDENTITIES
from .tables import Record

SCHEDULE = schema("uuid name type scope cron{minutes hours days months weekdays} interval cluster{name uuid} svm{name uuid}")
POLICY = schema(
    "uuid name type scope comment identity_preservation copy_all_source_snapshots copy_latest_source_snapshot create_snapshot_on_source"
    " network_compression_enabled throttle rpo sync_type transfer_schedule{name uuid} svm{name uuid}"
    " retention{label count prefix preserve warn period creation_schedule{name uuid}} sync_common_snapshot_schedule{name uuid}"
)
RANGES = {"minutes": (0, 59), "hours": (0, 23), "days": (1, 31), "months": (1, 12), "weekdays": (0, 6)}


def next_fire(cron: dict[str, list[int]], after: float) -> float | None:
    """The first time later than ``after`` that the schedule names, UTC; None where no date of five years fits. An absent or empty field takes any value."""

    def fits(name: str, value: int) -> bool:
        return not cron.get(name) or value in cron[name]

    moment = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    limit = moment + timedelta(days=5 * 366)
    while moment < limit:
        if not (fits("months", moment.month) and fits("days", moment.day) and fits("weekdays", moment.isoweekday() % 7)):
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif not fits("hours", moment.hour):
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif not fits("minutes", moment.minute):
            moment += timedelta(minutes=1)
        else:
            return moment.timestamp()
    return None


def _check_cron(cron: dict[str, Any]) -> dict[str, list[int]]:
    if not cron.get("minutes"):
        raise missing("cron.minutes")
    for name, values in cron.items():
        low, high = RANGES[name]
        if not isinstance(values, list):
            raise invalid_value(f"cron.{name}", values)
        for value in values:
            if not isinstance(value, int) or not low <= value <= high:
                raise refused(459760, f'The value "{value}" is invalid for field "cron.{name}" (<{low}..{high}>).')
    return {name: sorted(values) for name, values in cron.items() if values}


def _schedule(schedule: Record) -> Record:
    shown = {"uuid": schedule["uuid"], "name": schedule["name"], "type": schedule["type"], "scope": "cluster"}
    return {**shown, schedule["type"]: schedule[schedule["type"]]}


async def _schedules(call: Call) -> list[Record]:
    return [_schedule(schedule) for schedule in call.core.tables.all("schedule")]


def new_schedule(core: Core, name: str, cron: dict[str, Any]) -> Record:
    """The record of a cron schedule, checked."""
    return {"uuid": core.uuid(), "name": name, "type": "cron", "cron": _check_cron(cron)}


async def _create_schedule(call: Call) -> Response:
    core, body = call.core, call.body
    name = body.get("name")
    if not name:
        raise missing("name")
    if core.tables.find("schedule", name=name):
        raise conflict(1, f'A schedule named "{name}" exists already.')
    if ("cron" in body) == ("interval" in body):
        raise refused(458788, "Exactly one of cron or interval must be given.")
    if "interval" in body:
        schedule = {"uuid": core.uuid(), "name": name, "type": "interval", "interval": body["interval"]}
    else:
        schedule = new_schedule(core, name, body["cron"])
    return created(call, _schedule(core.tables.put("schedule", schedule)))


async def _modify_schedule(call: Call) -> Response:
    core, body = call.core, call.body
    schedule = core.tables.get("schedule", call.key)
    if schedule is None:
        raise not_found()
    if "cron" in body:
        if schedule["type"] != "cron":
            raise refused(458788, "An interval schedule cannot become a cron schedule.")
        schedule = {**schedule, "cron": _check_cron(body["cron"])}
        for relationship in core.tables.all("relationship", schedule=schedule["name"]):
            core.tables.put("relationship", {**relationship, "next_fire": next_fire(schedule["cron"], core.now())})
    elif "interval" in body:
        schedule = {**schedule, "interval": body["interval"]}
    return done(call, _schedule(core.tables.put("schedule", schedule)))


async def _remove_schedule(call: Call) -> Response:
    schedule = call.core.tables.get("schedule", call.key)
    if schedule is None:
        raise not_found()
    if call.core.tables.find("relationship", schedule=schedule["name"]) or call.core.tables.find("policy", schedule=schedule["name"]):
        raise conflict(459758, f'Schedule "{schedule["name"]}" is in use.')
    call.core.tables.delete("schedule", schedule["uuid"])
    return done(call)


def cron_schedule(core: Core, name: str) -> Record:
    """A schedule that SnapMirror can use.

    Raises:
        ApiError: it does not exist, or is an interval schedule.
    """
    schedule = core.tables.find("schedule", name=name)
    if schedule is None:
        raise refused(6619699, f'Schedule "{name}" was not found.', "transfer_schedule.name")
    if schedule["type"] != "cron":
        raise refused(6619714, f'Schedule "{name}" is an interval schedule; SnapMirror takes cron schedules only.')
    return schedule


def new_policy(core: Core, body: Record) -> Record:
    """The record of an asynchronous policy from a POST body, checked."""
    identity, rules = body.get("identity_preservation", DATA_ONLY), body.get("retention", [])
    if identity not in IDENTITIES:
        raise invalid_value("identity_preservation", identity)
    if body.get("type", "async") != "async":
        raise invalid_value("type", body["type"])
    copies = [name for name in ("copy_all_source_snapshots", "copy_latest_source_snapshot") if body.get(name)]
    if len(copies) + bool(rules) > 1:
        raise refused(6621088, "copy_all_source_snapshots, copy_latest_source_snapshot and retention exclude each other.")
    schedule = (body.get("transfer_schedule") or {}).get("name", "")
    if schedule:
        cron_schedule(core, schedule)
    return {
        "uuid": core.uuid(), "name": body["name"], "identity": identity, "comment": str(body.get("comment", "")), "copies": copies, "retention": rules,
        "create_on_source": body.get("create_snapshot_on_source", True), "schedule": schedule, "throttle": int(body.get("throttle", 0)),
        "compression": bool(body.get("network_compression_enabled", False)), "built_in": False,
    }


def _policy(policy: Record) -> Record:
    shown = {
        "uuid": policy["uuid"], "name": policy["name"], "type": "async", "scope": "cluster", "comment": policy["comment"],
        "identity_preservation": policy["identity"], "network_compression_enabled": policy["compression"], "throttle": policy["throttle"],
        "create_snapshot_on_source": policy["create_on_source"], **dict.fromkeys(policy["copies"], True),
    }
    if policy["retention"]:
        shown["retention"] = policy["retention"]
    return {**shown, "transfer_schedule": {"name": policy["schedule"]}} if policy["schedule"] else shown


async def _policies(call: Call) -> list[Record]:
    return [_policy(policy) for policy in call.core.tables.all("policy")]


async def _create_policy(call: Call) -> Response:
    core, name = call.core, call.body.get("name")
    if not name:
        raise missing("name")
    if core.tables.find("policy", name=name):
        raise conflict(6621060, f'A SnapMirror policy named "{name}" exists already.')
    policy = new_policy(core, call.body)
    return await jobs.answer(call, jobs.start(call, "policy.create", policy["uuid"], core.profile.job, policy=policy), _policy(policy))


@action("policy.create")
async def _created(core: Core, arguments: Record) -> None:
    if core.tables.find("policy", name=arguments["policy"]["name"]):
        raise conflict(6621060, "A SnapMirror policy of that name exists already.")
    core.tables.put("policy", arguments["policy"])


async def _modify_policy(call: Call) -> Response:
    core, body = call.core, call.body
    policy = core.tables.get("policy", call.key)
    if policy is None:
        raise not_found()
    changed = new_policy(core, {**_policy(policy), **body})
    if changed["identity"] != policy["identity"] and core.tables.find("relationship", policy=policy["name"]):
        raise refused(13304084, "identity_preservation cannot be changed while relationships use the policy.")
    changed = {**changed, "uuid": policy["uuid"], "name": policy["name"]}
    return await jobs.answer(call, jobs.start(call, "policy.change", policy["uuid"], core.profile.job, policy=changed))


@action("policy.change")
async def _changed(core: Core, arguments: Record) -> None:
    core.tables.put("policy", arguments["policy"])


async def _remove_policy(call: Call) -> Response:
    core = call.core
    policy = core.tables.get("policy", call.key)
    if policy is None:
        raise not_found()
    if policy["built_in"] or core.tables.find("relationship", policy=policy["name"]):
        raise conflict(REFUSED, f'Policy "{policy["name"]}" is built in or in use.')
    return await jobs.answer(call, jobs.start(call, "policy.delete", policy["uuid"], core.profile.job))


@action("policy.delete")
async def _deleted(core: Core, arguments: Record) -> None:
    core.tables.delete("policy", arguments["target"])


RESOURCES = [
    Resource(
        "/cluster/schedules", SCHEDULE, _schedules, create=_create_schedule, modify=_modify_schedule, remove=_remove_schedule,
        body=schema("cluster* svm*"),
    ),
    Resource("/snapmirror/policies", POLICY, _policies, create=_create_policy, modify=_modify_policy, remove=_remove_policy),
]
