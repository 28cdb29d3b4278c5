# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: what a state-changing call leaves running, how it ends, and when its record is forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..messages import Response, json_response
from .core import Core, PeerUnreachable, iso
from .errors import REFUSED, ApiError, no_peer_contact
from .query import schema
from .rest import Call, Resource, with_link
from .tables import Record

KEEP = 300.0
"""Seconds that a finished job is kept."""
FAULTS = ("failed", "silent", "lost", "paused", "failed-executed")
"""Not executed and failed with a message; the same without one; executed but its record never found; never executed; executed but reported as failed."""
LOOK = 0.05

Action = Callable[[Core, Record], Awaitable[None]]
ACTIONS: dict[str, Action] = {}
PEER_BOUND: set[str] = set()


def action(name: str, peer: bool = False) -> Callable[[Action], Action]:
    """Register what a job does when its time has come. ``peer`` marks those that ask the other cluster."""

    def register(function: Action) -> Action:
        ACTIONS[name] = function
        if peer:
            PEER_BOUND.add(name)
        return function

    return register


def start(call: Call, do: str, target: str, seconds: float, **arguments: Any) -> Record:
    """Queue ``do`` on the object ``target`` (a uuid), to end in so many lab seconds."""
    core, now = call.core, call.core.now()
    job = {
        "uuid": core.uuid(), "description": f"{call.method} {call.path}", "state": "running", "message": "", "code": 0, "created": now, "due": now + seconds,
        "ended": None, "action": {"do": do, "target": target, "started": now, **arguments}, "fault": call.job_fault,
    }
    if call.job_fault == "paused":
        job["state"] = "paused"
    return core.tables.put("job", job)


def active(core: Core, do: str, target: str) -> Record | None:
    """The unfinished job that does ``do`` on an object."""
    return next((job for job in core.tables.all("job", state="running") if job["action"]["do"] == do and job["action"]["target"] == target), None)


async def run(core: Core, job: Record) -> None:
    """Do what the job is for and note how it ended; nothing where it is being done already."""
    if job["uuid"] in core.busy or job["state"] != "running":
        return
    core.busy.add(job["uuid"])
    try:
        if job["fault"] == "failed":
            raise ApiError(500, REFUSED, "An internal error occurred. Wait a few minutes, and try the operation again.")
        if job["fault"] != "silent":
            await ACTIONS[job["action"]["do"]](core, job["action"])
        if job["fault"] in ("silent", "failed-executed"):
            raise ApiError(500, REFUSED, "")
        job.update(state="success", message="success")
    except PeerUnreachable as error:
        _fail(job, no_peer_contact(str(error)))
    except ApiError as error:
        _fail(job, error)
    finally:
        core.busy.discard(job["uuid"])
    job["ended"] = core.now()
    core.tables.put("job", job)
    core.tables.flush()


def _fail(job: Record, error: ApiError) -> None:
    job.update(state="failure", message=error.message, code=error.code)
    if error.message:
        job["error"] = error.record()


async def run_due(core: Core, peer_bound: bool) -> None:
    """Run every local job that is due, and with ``peer_bound`` those that ask the peer; forget old ones."""
    now = core.now()
    for job in core.tables.all("job"):
        if job["state"] == "running" and job["due"] <= now:
            if job["action"]["do"] not in PEER_BOUND:
                await run(core, job)
            elif peer_bound and core.spawn is not None:
                core.spawn(run(core, job))
            elif peer_bound:
                await run(core, job)
        elif job["ended"] is not None and job["ended"] + KEEP <= now:
            core.tables.delete("job", job["uuid"])


async def answer(call: Call, job: Record, record: Record | None = None) -> Response:
    """Wait for the job as long as ``return_timeout`` allows, then 200 or 201 where it succeeded meanwhile, 202 otherwise.

    Args:
        record: the new object of a POST, for ``Location`` and ``return_records``.
    """
    core = call.core
    await settle(core, job, call.return_timeout)
    status = 202 if job["state"] != "success" or job["fault"] or not call.return_timeout else 201 if call.method == "POST" else 200
    data: Record = {"job": {"uuid": job["uuid"], "_links": {"self": {"href": f"/api/cluster/jobs/{job['uuid']}"}}}}
    headers = {}
    if record is not None:
        linked = with_link(call, record)
        headers["location"] = linked["_links"]["self"]["href"]
        if call.flag("return_records"):
            data |= {"num_records": 1, "records": [linked]}
    return json_response(status, data, headers)


async def settle(core: Core, job: Record, timeout: float) -> None:
    """Run a job that is due, and wait for its end so many lab seconds where the shell can wait."""
    core.tables.flush()
    beside = job["action"]["do"] in PEER_BOUND and core.spawn is not None
    end = core.now() + timeout
    while job["state"] == "running":
        if job["due"] <= core.now():
            if beside and core.spawn is not None:
                core.spawn(run(core, job))
            else:
                await run(core, job)
        left = end - core.now()
        if core.pause is None or left <= 0 or job["state"] != "running":
            return
        await core.pause(min(left, max(job["due"] - core.now(), LOOK)))


def next_due(core: Core) -> list[float]:
    """When the unfinished jobs are due."""
    return [job["due"] for job in core.tables.all("job", state="running") if job["uuid"] not in core.busy]


def _render(core: Core, job: Record) -> Record:
    queued = job["state"] == "running" and core.now() - job["created"] < (job["due"] - job["created"]) * 0.05
    found = {
        "uuid": job["uuid"], "description": job["description"], "state": "queued" if queued else job["state"], "code": job["code"],
        "start_time": iso(job["created"]), "node": {"name": f"{core.name}-01"},
    }
    if job["message"] or job["state"] == "running":
        found["message"] = job["message"] or "In progress"
    if job["ended"] is not None:
        found["end_time"] = iso(job["ended"])
    return {**found, "error": job["error"]} if "error" in job else found


async def _read(call: Call) -> list[Record]:
    return [_render(call.core, job) for job in call.core.tables.all("job") if job["fault"] != "lost"]


KNOWN = schema("uuid description state message code start_time end_time error{message code target arguments*} svm{name uuid} node{name uuid}")
RESOURCES = [Resource("/cluster/jobs", KNOWN, _read, default=("uuid",))]
