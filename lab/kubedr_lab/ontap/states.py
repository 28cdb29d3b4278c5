# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of a relationship: which PATCH does what in which state, what is checked before, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from . import jobs
from .core import Core, PeerUnreachable
from .errors import ApiError, no_peer_contact, refused
from .jobs import action
from .mirror import active_transfer, queue, resync
from .peer import peer_op
from .policies import next_fire
from .rest import Call
from .svms import DEFAULT, FULL
from .tables import Record

RESUME_WORDS = ("snapmirrored", "in_sync")


@dataclass(frozen=True)
class Wish:
    """What a PATCH asks for: ``do`` is empty where only properties change or the state is reached already."""

    do: str
    force: bool = False
    bring_up: bool = False


def wish(call: Call, relationship: Record) -> Wish:
    """Read state and flags of a PATCH.

    Raises:
        ApiError: flags that do not go together, or a transition that does not exist.
    """
    state, flags = call.body.get("state"), {name: call.flag(name) for name in ("force", "failover", "force-failover", "failback")}
    if flags["failover"] or flags["force-failover"]:
        if state is not None:
            raise refused(13304156, "Use either state broken_off or failover=true.")
        return Wish(_do(call.core, relationship, "broken_off"), flags["force-failover"], True)
    if flags["force"] and state != "broken_off":
        raise refused(13303835 if state else 13303837, "The flag force is only valid with state broken_off.")
    if flags["failback"]:
        if state not in RESUME_WORDS:
            raise refused(13303836 if state else 13303837, "The flag failback is only valid with state snapmirrored or in_sync.")
        if relationship["state"] != "broken_off":
            raise refused(13303833, "Only a relationship that was failed over can be failed back.")
        return Wish("failback")
    return Wish(_do(call.core, relationship, state) if state else "", flags["force"])


def _do(core: Core, relationship: Record, state: str) -> str:
    """The operation that leads to ``state``; empty where it is reached."""
    now = relationship["state"]
    if state in RESUME_WORDS:
        return {"uninitialized": "initialize", "snapmirrored": "", "paused": "resume", "broken_off": "resync"}[now]
    if state == "paused":
        if now in ("uninitialized", "broken_off"):
            raise refused(13303818, f"The relationship is {now} and cannot be paused.")
        return "" if now == "paused" else "pause"
    if state == "broken_off":
        if now == "uninitialized":
            raise refused(13303818, "The relationship is uninitialized and cannot be broken off.")
        # A resync that did not end has made the SVM a destination again: a break is what makes it writable.
        return "" if now == "broken_off" and core.svm(relationship["svm"])["subtype"] == DEFAULT else "break"
    raise refused(13303817, f'The state "{state}" is unknown.')


async def check(core: Core, relationship: Record, what: Wish) -> None:
    """What ONTAP checks before it takes the order."""
    if what.do == "initialize":
        check_initialize(core, relationship)
    if what.do == "break":
        if active_transfer(core, relationship):
            raise refused(13303808, "The transition to the state broken_off failed. Another transfer is in progress.")
        if not what.force:
            await _check_break(core, relationship, what.bring_up)
    if what.do in ("resync", "failback", "reverse") and active_transfer(core, relationship):
        raise refused(13303810, "The transition to the state snapmirrored failed. Another transfer is in progress.")


def check_initialize(core: Core, relationship: Record) -> None:
    """The destination SVM must be stopped."""
    if core.svm(relationship["svm"])["state"] != "stopped":
        raise refused(13303812, f'The initialize failed. The SVM "{relationship["svm"]}" must be stopped.')


async def _check_break(core: Core, relationship: Record, bring_up: bool) -> None:
    """Ask the source, then look at the destination's LIFs and protocols; an unforced break needs all three."""
    try:
        source = await core.ask("source_state", svm=relationship["peer_svm"])
    except PeerUnreachable as error:
        raise no_peer_contact(str(error)) from None
    if relationship["identity"] == FULL and source["state"] == "running":
        raise refused(13303808, f'The transition to the state broken_off failed. The source SVM "{relationship["peer_svm"]}" is running; stop it first.')
    svm = core.svm(relationship["svm"])
    if not core.tables.find("lif", svm=svm["name"]):
        raise refused(13303857, f'The SVM "{svm["name"]}" has no network interface.')
    nfs = core.tables.get("nfs", svm["uuid"])
    if not (nfs and nfs["enabled"]):
        raise refused(13303856, f'The SVM "{svm["name"]}" has no data protocol.')


@peer_op("source_state")
async def _source_state(core: Core, message: Record) -> Record:
    svm = core.tables.find("svm", name=message["svm"])
    return {"state": svm["state"] if svm else None}


def start(call: Call, relationship: Record, what: Wish) -> Record:
    """The job that carries the wish out."""
    core, profile = call.core, call.core.profile
    volumes = len(core.tables.all("volume", svm=relationship["svm"], root=False))
    seconds = {"pause": profile.quiesce, "break": profile.break_seconds(volumes) + (profile.svm_start if what.bring_up else 0.0)}.get(what.do, profile.job)
    if what.do == "failback":
        seconds = profile.transfer_seconds(0)
    return jobs.start(call, f"relationship.{what.do or 'touch'}", relationship["uuid"], seconds, bring_up=what.bring_up)


def _relationship(core: Core, arguments: Record) -> Record:
    relationship = core.tables.get("relationship", arguments["target"])
    if relationship is None:
        raise ApiError(404, 4, "entry doesn't exist", "uuid")
    return relationship


@action("relationship.touch")
async def _touch(core: Core, arguments: Record) -> None:
    _relationship(core, arguments)


@action("relationship.initialize")
async def _initialize(core: Core, arguments: Record) -> None:
    relationship = _relationship(core, arguments)
    if active_transfer(core, relationship) is None:
        queue(core, relationship, "initialize")


@action("relationship.pause")
async def _pause(core: Core, arguments: Record) -> None:
    relationship = _relationship(core, arguments)
    if active_transfer(core, relationship):
        relationship["quiescing"] = arguments["started"]
    elif relationship["state"] == "snapmirrored":
        relationship.update(state="paused", quiescing=0)
        core.log("quiesce", relationship["svm"], arguments["started"])
    core.tables.put("relationship", relationship)


@action("relationship.resume")
async def _resume(core: Core, arguments: Record) -> None:
    relationship = _relationship(core, arguments)
    schedule = core.tables.find("schedule", name=relationship["schedule"])
    if relationship["state"] == "paused":
        relationship.update(state="snapmirrored", quiescing=0, next_fire=next_fire(schedule["cron"], core.now()) if schedule else None)
        core.tables.put("relationship", relationship)


@action("relationship.resync", peer=True)
async def _resync(core: Core, arguments: Record) -> None:
    relationship = _relationship(core, arguments)
    if relationship["state"] == "broken_off" and active_transfer(core, relationship) is None:
        await resync(core, relationship)


@action("relationship.break")
async def _break(core: Core, arguments: Record) -> None:
    relationship = _relationship(core, arguments)
    if active_transfer(core, relationship):
        raise refused(13303808, "The transition to the state broken_off failed. Another transfer is in progress.")
    relationship.update(state="broken_off", quiescing=0)
    core.tables.put("relationship", relationship)
    svm = core.svm(relationship["svm"])
    running = arguments["bring_up"] or core.knobs.break_starts_svm
    core.tables.put("svm", {**svm, "subtype": DEFAULT, "state": "running" if running else svm["state"], "locked": core.knobs.break_locks_svm and not running})
    for volume in core.tables.all("volume", svm=svm["name"]):
        core.tables.put("volume", {**volume, "type": "rw"})
    core.log("break", svm["name"], arguments["started"])
    if running:
        core.log("svm_start", svm["name"], arguments["started"])
