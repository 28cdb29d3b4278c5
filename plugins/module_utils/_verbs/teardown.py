# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""`teardown`: a group that serves at its source is no longer protected. Both sides released, nothing orphaned; what others share stays, and so do all data.

It says first what it will do, and does it only with consent. The DR SVM is left broken off and stopped, unless the consent asks for its removal by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._dr.seen import NoAnswer
from .._dr.state import State, derive, released
from .._dr.statement import instant
from .._dr.table import refusal
from .._dr.words import Storage, Verb
from .._errors import ConfigError, KubedrError, Refused, Unreachable
from .._kube import schedules
from .._ontap import snapmirror, svm_peering, svms
from .._ontap.models import Relationship, SvmPeer
from . import planned, promote, removal, reverse
from .connect import Side
from .finish import finish
from .look import look_both
from .walk import Run

CONSENT = "unprotect"


def open_phase(run: Run) -> dict[str, Any]:
    """See the state, say what will be done and what stays, and go on only with consent.

    Returns: ``state``, ``plan`` (sentences), ``kept`` (sentences), ``done`` (nothing is left to do).

    Raises:
        Unreachable: teardown needs both sites, so that nothing is orphaned.
        Refused: the state's reason, or ``consent_missing``.
    """
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen, run.config.rpo_seconds)
    no = refusal(Verb.TEARDOWN, None, state)
    parts = (seen.source_storage, seen.destination_storage, seen.source_objects, seen.destination_objects)
    silent = next((part for part in parts if isinstance(part, NoAnswer)), None)
    if silent is not None and (no is None or state.storage in (Storage.UNKNOWN, Storage.ACTIVE_UNREACHABLE)):
        raise Unreachable(
            f"a site gives no answer: {silent.why}", operation="teardown", obj=run.config.name, seen=state.as_dict(),
            advice="Teardown needs both sites. Nothing was touched.",
        )
    if no:
        raise Refused(no.reason, no.message, operation="teardown", obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    words, todo, kept = _consent(run), plan(run), stays(run)
    run.env.reporter.note(state_before=state.as_dict(), verb="teardown", plan=todo, kept=kept)
    for line in [*todo, *kept]:
        run.env.reporter.progress(f"teardown: {line}")
    missing = [] if CONSENT in words else [CONSENT]
    missing += removal.unnamed(run, words) if removal.REMOVE in words else []
    if todo and missing and not run.env.check_mode:
        example = f"-e '{{\"dr_teardown_consent\": {{\"{run.config.name}\": \"{' '.join([*sorted(words), *missing])}\"}}}}'"
        raise Refused(
            "consent_missing",
            f"nobody consented to end the protection of {run.config.name}. What would be done: {'; '.join(todo)}. What stays: {'; '.join(kept)}",
            operation="teardown", obj=run.config.name, seen={"plan": todo, "kept": kept}, advice=f"To go on, run it again with {example}.",
        )
    return {"state": state.as_dict(), "plan": todo, "kept": kept, "done": not todo}


def _consent(run: Run) -> frozenset[str]:
    """The words given: ``unprotect``; with ``remove_svm`` also the names of the volumes that go with it."""
    given = run.options.get("teardown_consent") or []
    words = given.replace(",", " ").split() if isinstance(given, str) else given
    known = {CONSENT, removal.REMOVE}
    if not isinstance(words, list) or any(not isinstance(word, str) for word in words) or (removal.REMOVE not in words and not known.issuperset(words)):
        raise ConfigError("dr_teardown_consent", f"{given!r} is no consent", advice=f"Give dr_teardown_consent={{group: {CONSENT}}}.")
    return frozenset(words)


def plan(run: Run) -> list[str]:
    """What is still to be done, one sentence each; empty where the group is torn down."""
    todo = []
    relation = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    svm = svms.find(run.destination.ontap, run.config.destination_svm)
    if relation is not None:
        todo += [f"break {relation.path} off"] if relation.state not in ("broken_off", "uninitialized") else []
        todo.append(f"delete {relation.path} at {run.destination.config.name}, keeping its snapshots")
    if _entries(run) or relation is not None:
        todo.append(f"release it at {run.source.config.name}, keeping its snapshots")
    if svm is not None and svm.subtype == "default" and svm.state != "stopped":
        todo.append(f"stop SVM {svm.name} at {run.destination.config.name}")
    if any(_peers(run)) and not _other_relationships(run):
        todo.append(f"delete the SVM peering of {run.config.source_svm} and {run.config.destination_svm}")
    schedule = _schedule(run)
    if schedule is not None and planned.serves_alone(run, schedule):
        todo.append(f"delete backup schedule {schedule.name} at {run.source.config.name}")
    if removal.REMOVE in _consent(run):
        todo += removal.plan(run, svm)
    if todo or any(record and not released(record) for record in _records(run)):
        todo.append("mark the group as released in both records")
    return todo


def stays(run: Run) -> list[str]:
    """What is left alone, for people."""
    asked = removal.REMOVE in _consent(run)
    kept = [
        *([] if asked else [f"SVM {run.config.destination_svm} at {run.destination.config.name}, stopped, with all its volumes"]),
        "intercluster LIFs, cluster peer, policies and schedules", "all backups",
    ]
    schedule = _schedule(run)
    if schedule is not None and not planned.serves_alone(run, schedule):
        kept.append(f"backup schedule {schedule.name}, which backs up more than this group")
    if any(_peers(run)) and _other_relationships(run):
        kept.append("the SVM peering, which other relationships use")
    return kept


def _records(run: Run) -> list[Mapping[str, Any]]:
    return [side.records(run.config).read()[0] or {} for side in (run.source, run.destination)]


def _schedule(run: Run) -> schedules.Schedule | None:
    return schedules.read(run.source.kube, run.source.ark, run.config.backup_schedule)


def _entries(run: Run) -> list[Relationship]:
    """What the source still remembers of relationships into the DR SVM."""
    return [
        entry for entry in snapmirror.list_destinations(run.source.ontap, run.config.source_svm) if entry.destination_path == f"{run.config.destination_svm}:"
    ]


def _peers(run: Run) -> tuple[list[SvmPeer], list[SvmPeer]]:
    clusters = [svms.cluster(side.ontap).name for side in (run.source, run.destination)]
    here = svm_peering.svm_peers(run.source.ontap, run.config.source_svm, run.config.destination_svm, frozenset([clusters[1]]))
    there = svm_peering.svm_peers(run.destination.ontap, run.config.destination_svm, run.config.source_svm, frozenset([clusters[0]]))
    return here, there


def _other_relationships(run: Run) -> list[str]:
    """Relationships between the two SVMs that are none of the group's, such as one of a single volume; or other uses of their peering."""
    here, there = _peers(run)
    found = {
        *snapmirror.between(run.destination.ontap, run.config.destination_svm, frozenset([run.config.source_svm, *(peer.name for peer in there)])),
        *snapmirror.between(run.source.ontap, run.config.source_svm, frozenset([run.config.destination_svm, *(peer.name for peer in here)])),
    }
    uses = {application for peer in [*here, *there] for application in peer.applications if application != svm_peering.APPLICATION}
    return sorted((found - {f"{run.config.destination_svm}:"}) | uses)


def storage_phase(run: Run) -> dict[str, Any]:
    """The relationship broken off, deleted and released; the DR SVM stopped; the SVM peering gone where nothing else uses it."""
    if run.env.check_mode:
        for line in plan(run):
            run.would(line, run.config.name)
        return {}
    if not plan(run):
        return {}
    for side in (run.destination, run.source):
        run.take_lease(side)
    if not all(released(record) for record in _records(run)):
        run.step("record_released", run.config.name, lambda: (_record(run), True))
    relation = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    if relation is not None:
        _end_mirror(run, relation)
    for client, mine, other in (
        (run.source.ontap, run.config.source_svm, run.config.destination_svm), (run.destination.ontap, run.config.destination_svm, run.config.source_svm),
    ):
        reverse.release_stale(run, client, mine, other)
    _stop(run)
    if any(_peers(run)) and not _other_relationships(run):
        run.step("delete_svm_peer", f"{run.config.source_svm} <-> {run.config.destination_svm}", lambda: _delete_peers(run))
    if removal.REMOVE in _consent(run):
        removal.remove(run, _consent(run))
    return {}


def _record(run: Run) -> dict[str, Any]:
    """Before the break, so that a killed teardown is known as one."""
    at = instant(run.destination.ontap.server_time)

    def change(found: dict[str, Any]) -> None:
        found["released"] = {"epoch": found["epoch"], "at": at, "run_id": run.run_id}

    for side in (run.destination, run.source):
        run.update(side, change)
    return {"at": at}


def _end_mirror(run: Run, relation: Relationship) -> None:
    client, deadline = run.destination.ontap, run.config.timeouts["peering"]
    if relation.state == "uninitialized":
        run.guard(run.destination)
        run.step("abort", relation.path, lambda: ({"aborted": True}, snapmirror.abort_transfers(client, relation, run.config.timeouts["pause"])[1]))
    elif relation.state != "broken_off":
        run.step("pause", relation.path, lambda: promote.pause(run))
        run.step("abort", relation.path, lambda: promote.abort(run))
        run.guard(run.destination)
        run.step("break", relation.path, lambda: _break(run, relation))
        _stop(run)
    run.guard(run.destination)
    run.step("delete_forward", relation.path, lambda: ({"deleted": True}, snapmirror.delete(client, relation, deadline, destination_only=True)[1]))


def _break(run: Run, relation: Relationship) -> tuple[Any, bool]:
    """Forced: ONTAP refuses otherwise while the source SVM runs, and it shall run on. The destination SVM stays stopped."""
    broken, changed = snapmirror.break_off(
        run.destination.ontap, relation, force=True, deadline=run.config.timeouts["break"],
        on_look=lambda seen: run.env.reporter.progress(f"break: {seen.state}"),
    )
    return {"state": broken.state}, changed


def _stop(run: Run) -> None:
    """Some releases start the SVM with the break; a copy that could be written to is not left behind."""
    svm = svms.find(run.destination.ontap, run.config.destination_svm)
    if svm is None or svm.subtype != "default" or svm.state == "stopped":
        return
    run.guard(run.destination)
    run.step("stop_svm", svm.name, lambda: ({"state": "stopped"}, svms.stop(run.destination.ontap, svm, run.config.timeouts["stop"])[1]))


def _delete_peers(run: Run) -> tuple[Any, bool]:
    """Asked of the destination, ONTAP takes both sides' records away; what one side still has after that is deleted there."""
    changed, deadline = False, run.config.timeouts["peering"]
    for number, side in ((1, run.destination), (0, run.source)):
        for peer in _peers(run)[number]:
            run.guard(run.destination)
            changed = svm_peering.delete_svm_peer(side.ontap, peer, deadline)[1] or changed
    return {"left": sum(len(side) for side in _peers(run))}, changed


def objects_phase(run: Run) -> dict[str, Any]:
    """A backup schedule that serves this group alone ends. One that serves others as well, and every backup, stays."""
    schedule = _schedule(run)
    if schedule is None or run.env.check_mode or not planned.serves_alone(run, schedule):
        return {}
    run.take_lease(run.source)
    run.step("schedule", schedule.name, lambda: ({"absent": True}, schedules.absent(run.source.kube, run.source.ark, schedule.name)[1]))
    return {}


def close_phase(run: Run) -> dict[str, Any]:
    """Promise: no relationship, nothing remembered on either side, the DR SVM not running.

    Raises:
        KubedrError: something is left, by name.
    """
    state: State = derive(look_both(run.config, run.source, run.destination, deep=False), run.config.rpo_seconds)
    if run.env.check_mode:
        return {"state": state.as_dict()}
    left = plan(run)
    if state.storage is not Storage.UNPROTECTED or left:
        raise KubedrError(
            f"the group is {state.storage}; still to be done: {'; '.join(left) or 'nothing'}", operation="teardown", obj=run.config.name, seen=state.as_dict(),
            advice="Run teardown again.",
        )
    _forget_planned(run, (run.destination, run.source))
    finish(run, state, both=True)
    return {"state": state.as_dict()}


def _forget_planned(run: Run, sides: tuple[Side, ...]) -> None:
    """What an earlier run began and nobody will end."""
    for side in sides:
        if (side.records(run.config).read()[0] or {}).get("planned"):
            run.update(side, lambda record: record.pop("planned", None) and None)
