# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The promotion of one side: failover, and in the turned direction failback. Each phase looks first and does what is not done yet, so a killed run is
finished by running it again. Unplanned, only the side that is to serve is contacted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from .._dr.failover import FAILOVER, View, missing_at_destination, pending, wanted_clients
from .._dr.point import Point, clones, of_epoch, refuse_mixed
from .._dr.seen import Seen
from .._dr.state import State, derive
from .._dr.statement import instant, judge_statement, no_answer_is_no_proof, parse_instant, parse_statement, proof_stands
from .._dr.table import refusal
from .._dr.words import Mode, Objects, Phase, Verb
from .._errors import KubedrError, Refused
from . import objects, points, promote, verifying
from .finish import finish
from .look import kept_for_later, look_destination, must_answer
from .walk import Run


def open_phase(run: Run) -> dict[str, Any]:
    """See the state, refuse where the table says so, and tell which steps are to be done. With the option ``ahead`` an unplanned run decides at once.

    Returns: ``state``, ``pending`` (names of steps), ``done`` (nothing is pending), ``decided`` (the work of the next phase is done as well).
    """
    (_seen, view, state), listed = run.env.together([lambda: look(run), lambda: kept_for_later(lambda: objects.listed(run))])
    no = refusal(Verb(run.verb), Mode(run.mode), state)
    if no:
        raise Refused(no.reason, no.message, operation=run.verb, obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    _refuse_fenced(run, view)
    parse_statement(run.options.get("fence_statement"))
    steps = [step.name for step in pending(view)]
    if steps[:1] != ["decide"] and points.other_wanted(run, view):
        points.refuse_settled(run, view)
    run.env.reporter.note(state_before=state.as_dict(), mode=run.mode, verb=run.verb)
    if not steps:
        verifying.check_still_whole(run)
        tell(run, view)
    found = {"state": state.as_dict(), "pending": steps, "done": not steps, "peer": no_answer_is_no_proof(view.storage.peer)}
    if not run.options.get("ahead") or run.env.check_mode or run.mode != str(Mode.UNPLANNED) or steps[:1] != ["decide"]:
        return found
    return {**found, **_decide(run, view, listed), "decided": True}


def _refuse_fenced(run: Run, view: View) -> None:
    """The side that serves was fenced since: to start it here would leave that proof behind, and the other direction could rest on it."""
    proof = view.record.get("proof") or {}
    if proof.get("site") == view.record.get("active_site") == run.config.destination.name and proof.get("epoch") == view.record.get("epoch"):
        raise Refused(
            "serving_side_fenced", f"{run.config.destination.name} serves, and was fenced at {proof.get('at')}", operation=run.verb, obj=run.config.name,
            seen=dict(proof),
            advice="Run fence with dr_fence=lift to let it serve again, or go on to the other side.",
        )


def look(run: Run, *, brief: bool = False) -> tuple[Seen, View, State]:
    """The systems of the side that is to serve, as the steps see them. The state is the group's, whichever the direction.

    Args:
        brief: without what stands still during a promotion, and without the peer.
    """
    seen = look_destination(run.config, run.destination, brief=brief)
    here = must_answer(seen.destination_objects, run.destination.kube.system)
    record = here.record or {}
    clients = wanted_clients(run.config, here, tuple(record.get(f"{run.other_role}_nodes") or ()))
    view = View(must_answer(seen.destination_storage, run.destination.ontap.system), here, clients, rules_before(run, record), run.verb, run.config.role)
    return seen, view, derive(seen.turned() if run.config.home_is_destination else seen, run.config.rpo_seconds)


def rules_before(run: Run, record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """On the way home: the clients that each export policy had before the failover, which are let in again."""
    if not run.config.home_is_destination:
        return {}
    found = (record.get("exports") or {}).get("as_found") or {}
    return {policy: tuple(sorted({str(client) for rule in rules for client in rule["clients"]})) for policy, rules in found.items()}


def decide_phase(run: Run) -> dict[str, Any]:
    """Whose word, which clients, which backup: all checked first, then recorded in one write. What a rerun must not decide anew stands there from now on."""
    (_seen, view, _state), listed = run.env.together([lambda: look(run), lambda: kept_for_later(lambda: objects.listed(run))])
    steps = pending(view)
    if not steps:
        return {}
    if steps[0].name != "decide":
        if points.other_wanted(run, view):
            return _decide_otherwise(run, view, listed)
        if not run.env.check_mode:
            run.take_lease(run.destination, view.record)
        return {"backup": view.record.get("backup"), "fence": view.record.get("fence")}
    return _decide(run, view, listed)


def _decide(run: Run, view: View, listed: Callable[[], objects.Listed]) -> dict[str, Any]:
    lacks = missing_at_destination(view.storage, bool(view.record.get("source_routes")))
    if lacks:
        raise Refused(
            "destination_incomplete", f"SVM {run.config.destination_svm} lacks {', '.join(lacks)}, so nobody could mount its volumes",
            system=f"ONTAP {view.storage.site}",
            operation=run.verb, obj=run.config.destination_svm, seen=lacks,
            advice="Make them on the destination SVM; with identity preservation full ONTAP brings them along.",
        )
    fence = accept_word(run, view)
    backup, point = _choose(run, view, listed, int(fence["epoch"]), objects.judged_by(run, view))
    asked = {"fence": fence, "backup": backup, "clients": list(view.clients), **({"point": point.as_dict()} if point else {})}
    if run.env.check_mode:
        run.would("decide", asked)
        return {"backup": backup, "fence": fence}
    if not run.may_take(view.record.get("lease")):
        run.take_lease(run.destination)
        now = run.last_record(run.destination)
        if now.get("epoch") != view.record.get("epoch"):  # whoever held the lease came to the decision meanwhile
            found = replace(view, objects=replace(view.objects, record=now))
            if points.other_wanted(run, found):
                raise Refused(
                    "changed_meanwhile", "another run decided meanwhile, for another point in time", system=run.destination.kube.system, operation=run.verb,
                    obj=run.config.record_name, seen=points.stands(found),
                    advice="Run it again: the choice may still be changed.",
                )
            return {"backup": now.get("backup"), "fence": now.get("fence")}
    run.step("decide", asked, lambda: (_record_decision(run, view, fence, backup, point), True))
    return {"backup": backup, "fence": fence}


def _choose(
    run: Run, view: View, listed: Callable[[], objects.Listed], epoch: int, judged_by: Mapping[str, Any], *, again: bool = False,
) -> tuple[dict[str, Any], Point | None]:
    """The point in time, where the operator names one, and the backup that fits it, by the rules that held before this epoch."""
    point = points.choose(run, view, epoch, again=again)
    picked = objects.choose(run, view, listed(), judged_by, point.at if point else None)
    if point:
        refuse_mixed(point, picked.volumes)
    return {**picked.as_dict(), "judged_by": dict(judged_by)}, point


def _decide_otherwise(run: Run, view: View, listed: Callable[[], objects.Listed]) -> dict[str, Any]:
    """Another point in time, or the newest data after all, and the backup that fits it, as long as nothing was done for the one that was decided.

    Raises:
        Refused: it is too late, before or under the lease.
    """
    points.refuse_settled(run, view)
    if not run.env.check_mode:
        view = points.looked_again(run, view)
        points.refuse_settled(run, view)
    judged, epoch = dict(view.record), int(view.record.get("epoch") or 0)
    judged_by = (view.record.get("backup") or {}).get("judged_by") or objects.judged_by(run, view)  # a decision of an older version kept none
    backup, point = _choose(run, view, listed, epoch, judged_by, again=True)
    if run.env.check_mode:
        run.would("decide", {"backup": backup, "point": point.as_dict() if point else None})
        return {"backup": backup, "fence": view.record.get("fence")}

    def change(record: dict[str, Any]) -> None:
        if any(record.get(key) != judged.get(key) for key in ("epoch", "run", "point", "objects")):
            raise Refused(
                "changed_meanwhile", "another run went on meanwhile", system=run.destination.kube.system, operation=run.verb, obj=run.config.record_name,
                advice="Nothing was decided. Run status.",
            )
        record["backup"] = {**backup, "epoch": epoch}
        record.pop("point", None)
        if point:
            record["point"] = {**point.as_dict(), "epoch": epoch}

    asked = {"backup": backup, "point": point.as_dict() if point else None}
    run.step("decide", asked, lambda: (run.commit(run.destination, change)["backup"]["name"], True))
    run.env.reporter.note(backup=backup)
    return {"backup": backup, "fence": view.record.get("fence")}


def accept_word(run: Run, view: View) -> dict[str, Any]:
    """Proof that fence left, or the operator's statement held against what this side sees.

    Raises:
        Refused: neither; or it is contradicted, too old, or ahead of time.
    """
    epoch = int(view.record.get("epoch") or 0)
    proof = view.record.get("proof")
    stands, why_not = proof_stands(proof, epoch, view.storage, run.config.source.name)
    planned = view.record.get("planned") or {}
    if run.mode == str(Mode.PLANNED) and not run.env.check_mode and not (stands and planned.get("verb") == run.verb and planned.get("final_transfer")):
        raise Refused(
            "not_synced", f"the record shows no final transfer from a stopped SVM{f': {why_not}' if why_not else ''}", operation=f"planned {run.verb}",
            obj=run.config.name,
            advice="A planned promotion takes nobody's word. Run the verb's phases in their order.",
        )
    if stands or (run.mode == str(Mode.PLANNED) and run.env.check_mode):  # the run itself would have made the proof by now
        return {"kind": "proof", "epoch": epoch + 1, "proof": dict(proof or {})}
    statement = parse_statement(run.options.get("fence_statement"))
    other = run.config.source.name
    if statement is None:
        raise Refused(
            "statement_missing", f"nothing proves that {other} is down: {why_not}", operation=run.verb, obj=run.config.name,
            seen={"peer": no_answer_is_no_proof(view.storage.peer)},
            advice=f"Run fence, or say so yourself: dr_fence_statement with site {other}, who, why and at. A timeout is no proof.",
        )
    judge_statement(statement, other, view.storage)
    return {"kind": "statement", "epoch": epoch + 1, "statement": statement.as_dict(), "no_proof": why_not}


def _record_decision(run: Run, view: View, fence: Mapping[str, Any], backup: Mapping[str, Any], point: Point | None) -> dict[str, Any]:
    epoch = int(fence["epoch"])
    promotion: dict[str, Any] = {"verb": run.verb, "mode": run.mode, "epoch": epoch, "began": instant(view.objects.now)}
    if run.mode == str(Mode.PLANNED):
        promotion["final_transfer"] = (view.record.get("planned") or {}).get("final_transfer")

    def change(record: dict[str, Any]) -> None:
        ours = (record.get("lease") or {}).get("run_id") == run.run_id
        if not ours or record.get("run") != promotion:  # another run of the same second promises the same
            _refuse_changed(run, view, record, fence)
        record.update(
            epoch=epoch, active_site=run.config.destination.name, run=promotion,
            fence=dict(fence), backup={**backup, "epoch": epoch}, objects={"epoch": epoch, "side": run.config.role, "state": str(Objects.NONE)},
        )
        held = (record.get("planned") or {}).get("schedule")
        if held:
            record["held_schedule"] = held
        for done in ("proof", "restores", "reprotect", "mirrored", "point"):
            record.pop(done, None)
        if point:
            record["point"] = {**point.as_dict(), "epoch": epoch}

    record = run.commit(run.destination, change, take=True)
    if run.mode == str(Mode.PLANNED):
        run.mirror(must=True)
    run.env.reporter.note(epoch=record["epoch"], fence=dict(fence), backup=dict(backup))
    return {"epoch": record["epoch"], "backup": backup["name"], "fence": fence["kind"]}


def _refuse_changed(run: Run, view: View, record: Mapping[str, Any], fence: Mapping[str, Any]) -> None:
    """Between the judging and the lease another run may have lifted the fence, or decided."""
    proved = fence["kind"] != "proof" or record.get("proof") == fence["proof"]
    if not proved or record.get("epoch") != view.record.get("epoch", 1) or record.get("run") != view.record.get("run"):
        raise Refused(
            "changed_meanwhile", "another run changed what this one had judged", system=run.destination.kube.system, operation=run.verb,
            obj=run.config.record_name,
            advice="Nothing was decided. Run it again: it judges anew.",
        )


def promote_phase(run: Run) -> dict[str, Any]:
    """Pause, abort, break, export rules, start; each seen before the next.

    Returns: ``ahead``: with the option of that name, what the volumes and the restore need was made ready while the SVM started.
    """
    _seen, view, _state = look(run, brief=True)
    todo = [step for step in FAILOVER if step.phase is Phase.PROMOTE and not step.done(view)]
    if run.env.check_mode:
        steps = pending(view)
        # The record cannot tell yet what this run would decide.
        to_decide = bool(steps) and (steps[0].name == "decide" or points.other_wanted(run, view))
        clones_wanted = points.asked(run) not in ("", points.NEWEST) if to_decide else any(step.name == "point" for step in todo)
        for step in [*(step for step in todo if step.name != "point"), *(step for step in FAILOVER if step.name == "point" and clones_wanted)]:
            run.would(step.name, step.asked)
        return {"ahead": False}
    ahead = bool(run.options.get("ahead")) and not view.in_epoch(view.record.get("point") or {})  # nothing of the objects before their data is there
    for number, step in enumerate(todo, 1):
        current = view if number == 1 else promote.view(run, view, storage=step.name in ("abort", "point"))
        if step.done(current):
            continue
        run.env.reporter.progress(f"promote {number}/{len(todo)} {step.name}")
        act = partial(run.step, step.name, step.asked, partial(ACTS[step.name], run, current))
        if step.name == "start" and ahead:
            _start_and_prepare(run, current, act)
        else:
            act()
    return {"ahead": ahead and objects.prepared(run, run.last_record(run.destination)) is not None}


ACTS: dict[str, Callable[[Run, View], tuple[Any, bool]]] = {
    "pause": lambda run, view: promote.pause(run, view.storage.incoming.uuid if view.storage.incoming else ""),
    "abort": lambda run, view: promote.abort(run), "break": promote.break_off,
    "export_rules": promote.export_rules, "start": lambda run, view: promote.start(run), "point": points.serve,
}
"""Each looks at its object first, so one that finds its work done changes nothing."""


def _start_and_prepare(run: Run, view: View, start: Callable[[], Any]) -> None:
    """While the SVM starts, everything before the Restore is made ready: from the break on the way is forward, and none of it serves anybody yet."""
    if view.progress() != str(Objects.NONE):  # an earlier run came further: its volumes and its restore are looked at in their own phases
        start()
        return
    try:
        run.env.together([start, lambda: objects.prepare(run, view)])
    except KubedrError:
        objects.give_hold_back(run)
        raise


def volumes_phase(run: Run) -> dict[str, Any]:
    """Every PV of the group leads to its volume before its claim is restored."""
    return _objects(run, "volumes", objects.give_volumes)


def restore_phase(run: Run) -> dict[str, Any]:
    """Two steps: cluster-scoped objects, then the namespaces, under one read-only hold.

    Returns: ``verified``: with the option ``ahead``, the restore was verified as well.
    """
    return _objects(run, "restore", verifying.restore_and_verify if run.options.get("ahead") else objects.restore)


def verify_phase(run: Run) -> dict[str, Any]:
    """Compare with the backup, wait for pods, and see every claim on its volume. What an earlier run verified is seen again: this one may have started it."""
    found = _objects(run, "verify", verifying.verify)
    if not found and not run.env.check_mode:
        verifying.check_whole_again(run)
    return found


def _objects(run: Run, name: str, act: Any) -> dict[str, Any]:
    try:
        return _objects_step(run, name, act)
    except KubedrError:
        if not run.env.check_mode:  # promote may have taken the hold ahead: whatever fails since then gives it back
            objects.give_hold_back(run)
        raise


def _objects_step(run: Run, name: str, act: Any) -> dict[str, Any]:
    _seen, view, _state = look(run, brief=True)
    step = next(step for step in FAILOVER if step.name == name)
    if step.done(view):
        return {}
    if run.env.check_mode:
        run.would(step.name, step.asked)
        return {}
    before = [earlier for earlier in pending(view) if FAILOVER.index(earlier) < FAILOVER.index(step)]
    if before:
        raise Refused("out_of_order", f"{before[0].name} is not done yet", operation=name, obj=run.config.name, advice="Run the verb's phases in their order.")
    run.take_lease(run.destination, view.record)
    result: dict[str, Any] = act(run, view)
    return result


def close_phase(run: Run) -> dict[str, Any]:
    """See the promise kept, write the digest, give the lease back.

    Raises:
        Refused: something is still pending.
    """
    _seen, view, state = look(run, brief=True)
    steps = pending(view)
    if run.env.check_mode:
        return {"state": state.as_dict()}
    if steps:
        left_out = state.objects is Objects.RESTORED
        raise Refused(
            "not_done", f"{steps[0].name} is not done", operation=run.verb, obj=run.config.name, seen=state.as_dict(),
            advice="A backup named by the operator that lacks volumes ends restored, not verified." if left_out else f"Run {run.verb} again.",
        )
    facts = tell(run, view)
    finish(run, state, both=run.mode == str(Mode.PLANNED))
    return {"state": state.as_dict(), **facts}


def tell(run: Run, view: View) -> dict[str, Any]:
    """Loss, RPO and what they are computed from, out of the record: the same words at every rerun."""
    record = view.record
    snapshot, broken, backup = record.get("snapshot") or {}, record.get("broken") or {}, record.get("backup") or {}
    point = of_epoch(record)
    served = set(clones(point).values()) if point else set()  # what is newer is kept beside them
    loss = {
        "token": None,
        "volumes": [
            {"name": volume.name, "lost_after": snapshot.get("created_at"), "bytes": None}
            for volume in view.storage.volumes if volume.junction != "/" and volume.name not in served
        ],
    }
    rpo = {
        "data_seconds": _age((point or snapshot).get("created_at"), broken.get("at")),
        "objects_seconds": _age(backup.get("started_at"), broken.get("at_objects")),
    }
    facts = {"loss": loss, "rpo": rpo, "snapshot": dict(snapshot), "backup": dict(backup), **({"point": point} if point else {})}
    run.env.reporter.note(**facts, epoch=record.get("epoch"), fence=dict(record.get("fence") or {"kind": "none"}))
    return facts


def _age(begin: Any, end: Any) -> float | None:
    """Seconds; None where it is not known, and where the two clocks that wrote these are so far apart that the end comes first."""
    first, last = parse_instant(begin), parse_instant(end)
    seconds = round((last - first).total_seconds(), 3) if isinstance(first, datetime) and isinstance(last, datetime) else None
    return seconds if seconds is None or seconds >= 0 else None
