# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Undo a planned promotion before its break: the side that serves as it was, the record as it was. After the break was sent the way is forward.

The decision is taken back first, in both records, so that nobody goes forward from a half undone run. Killed and run again, it ends the same.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .._dr.state import break_sent_by
from .._errors import AnswerLost, ApiError, Unreachable
from .._kube import schedules, workloads
from .._ontap import snapmirror, svms
from . import fence
from .walk import Run

KEPT = ("lease", "digests", "backup_attempts")
"""What of a record is no part of a promotion, and outlives its undoing."""


def decided(run: Run, record: Mapping[str, Any]) -> bool:
    """The decision of this promotion is recorded: from there on both modes walk the same steps."""
    promotion = record.get("run") or {}
    return promotion.get("verb") == run.verb and promotion.get("epoch") == record.get("epoch") and bool(record.get("backup"))


def begun(run: Run, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a planned run of this verb began and nobody ended; empty where there is none. Of an older epoch it is history."""
    planned, epoch = record.get("planned") or {}, int(record.get("epoch") or 1)
    if planned.get("verb") != run.verb:
        return {}
    current = planned.get("epoch") == epoch or (planned.get("epoch") == epoch - 1 and decided(run, record))
    return planned if current else {}


def before_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as it is to be again after an undoing."""
    return {key: copy.deepcopy(value) for key, value in record.items() if key not in (*KEPT, "planned")}


def lift_phase(run: Run) -> dict[str, Any]:
    """The end of `fence`. Lifted while a planned promotion is half done, all of that is undone, not only the fence."""
    if fence.lift_wanted(run):
        promotion = run.for_verb("failback" if run.config.home_is_destination else "failover")
        record = run.destination.records(run.config).read()[0] or {}
        if begun(promotion, record) and not break_sent_by(record, promotion.verb):
            result = rollback_phase(promotion)
            if not run.env.check_mode:  # what was fenced before that run is lifted as well; a break that stands is refused there
                return {**result, **fence.close_phase(run)}
            before = (record.get("planned") or {}).get("before") or {}
            if fence.proof_of(run, before) or (before.get("replicas") or {}).get("counts"):
                run.would("lift", {"svm": run.config.source_svm, "replicas": (before.get("replicas") or {}).get("counts") or {}})
            return result
    return fence.close_phase(run)


def rollback_phase(run: Run) -> dict[str, Any]:
    """Put the serving side back as it was. Only where no break was sent (law 8).

    Returns: ``rolled_back``, and why not where it was not.
    """
    planned, why_not = _judged(run)
    if not why_not and run.env.check_mode:
        run.would("rollback", _brief(planned))
        return {}
    if not why_not:
        for side in (run.destination, run.source):
            run.take_lease(side)
        planned, why_not = _judged(run)  # whoever held the lease may have gone forward meanwhile
    if why_not:
        return _nothing(run, why_not)
    run.step("rollback", _brief(planned), lambda: (undo(run), True))
    return {"rolled_back": True}


def _judged(run: Run) -> tuple[Mapping[str, Any], str]:
    """What there is to undo, and why not."""
    record = run.destination.records(run.config).read()[0] or {}
    planned = begun(run, record)
    if not planned:
        return {}, "nothing was begun"
    if break_sent_by(record, run.verb) or _broken(run):
        return planned, f"a break was sent: run {run.verb} again, the way is forward"
    return planned, ""


def _nothing(run: Run, why: str) -> dict[str, Any]:
    """Nothing to undo; the run has ended all the same, and gives its lease back where it can."""
    if not run.env.check_mode:
        for side in (run.destination, run.source):
            with suppress(Unreachable, AnswerLost):
                run.release_lease(side)
    return {"rolled_back": False, "why": why}


def _broken(run: Run) -> bool:
    relation = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    return relation is not None and relation.state == "broken_off"


def _brief(planned: Mapping[str, Any]) -> dict[str, Any]:
    return {key: planned[key] for key in ("backup", "final_transfer") if key in planned}


def undo(run: Run) -> dict[str, Any]:
    """The undoing itself; the caller holds both leases, and has seen that no break was sent."""
    planned = _take_back_decision(run)
    done = {**_storage(run, planned), **_objects(run, planned)}
    before = planned.get("before") or {}
    # The side that is to serve keeps what is to be undone until the other's record is as it was.
    for side in (run.source, run.destination):
        run.update(side, lambda found: _set(found, before, {}))
    for side in (run.source, run.destination):
        run.release_lease(side)
    return done


def _set(found: dict[str, Any], before: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    kept = {key: found[key] for key in KEPT if key in found}
    found.clear()
    found.update({**copy.deepcopy(dict(before)), **kept, **more})


def _take_back_decision(run: Run) -> Mapping[str, Any]:
    def change(found: dict[str, Any]) -> None:
        planned = found["planned"]
        if planned.get("rolling_back"):
            return
        before, replicas = planned.get("before") or {}, found.get("replicas") or {}
        mine = replicas.get("epoch") == planned.get("epoch") and replicas != before.get("replicas")
        _set(found, before, {"planned": {**planned, "rolling_back": True, "replicas": dict(replicas.get("counts") or {}) if mine else {}}})

    record = run.update(run.destination, change)
    planned: Mapping[str, Any] = record["planned"]
    run.mirror(must=True, undone=int(planned.get("epoch") or 0) + 1)
    return planned


def _storage(run: Run, planned: Mapping[str, Any]) -> dict[str, Any]:
    """The mirror takes transfers again, and the SVM serves; each only if it did before."""
    done: dict[str, Any] = {}
    before = planned.get("storage") or {}
    relation = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    if relation is not None and relation.state == "paused" and before.get("relationship") != "paused":
        run.guard(run.destination)
        done["relationship"] = snapmirror.resume(run.destination.ontap, relation, run.config.timeouts["transfer"])[0].state
    svm = svms.find(run.source.ontap, run.config.source_svm)
    if svm is not None and before.get("svm") != "stopped":
        if svm.state != "running":
            run.guard(run.source)
            done["svm"] = svms.start(run.source.ontap, svm, run.config.timeouts["start"], lambda seen: _look(run, f"SVM {seen.state}"))[0].state
        svms.wait_serving(
            run.source.ontap, run.config.source_svm, run.config.timeouts["start"], lambda seen: _look(run, "; ".join(seen["missing"]) or "the SVM serves"),
        )
    return done


def _objects(run: Run, planned: Mapping[str, Any]) -> dict[str, Any]:
    """Replicas as they were; the schedule running again, or put back where it had to be taken away."""
    done: dict[str, Any] = {}
    counts = planned.get("replicas") or {}
    if counts:
        done["replicas"] = {name: _scaled(run, name, count) for name, count in counts.items()}
    held = planned.get("schedule")
    if held:
        client, ark = run.source.kube, run.source.ark
        done["schedule"] = schedules.ensure(client, ark, str(held["name"]), schedule_wish(held, ark.dialect.has_paused))[1]
    return done


def schedule_wish(held: Mapping[str, Any], has_paused: bool) -> schedules.Wish:
    """A schedule that was paused or taken away, as it was."""
    spec = {key: value for key, value in (held.get("spec") or {}).items() if key != "paused"}
    return schedules.Wish({**spec, **({"paused": (held.get("spec") or {}).get("paused")} if has_paused else {})}, labels=held.get("labels"))


def _scaled(run: Run, name: str, count: int) -> int | str:
    try:
        return workloads.scale(run.source.kube, workloads.WorkloadRef.parse(name), count, note=True)[0].replicas
    except ApiError as error:
        if error.status != 404:
            raise
        return "gone"


def _look(run: Run, text: str) -> None:
    for side in (run.destination, run.source):
        run.renew(side)
    run.env.reporter.progress(f"rollback: {text}")
