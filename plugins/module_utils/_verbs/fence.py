# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Fence: stop what writes at the source, both halves, and leave proof of what was seen. Nothing is undone here; `dr_fence=lift` does that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from .._dr.seen import NoAnswer, RelationSeen
from .._dr.state import derive, fence_at_destination
from .._dr.statement import instant, void
from .._errors import KubedrError, Refused
from .._kube import raisers, workloads
from .._ontap import snapmirror, svms
from .connect import Side
from .look import answered, look_both, relation_seen
from .walk import Run


def lift_wanted(run: Run) -> bool:
    """Whether the operator asked to take the fence down."""
    return str(run.options.get("fence") or "") == "lift"


def towards(run: Run) -> Run:
    """The run in the direction in which its "source" is the side to stop."""
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen, run.config.rpo_seconds)
    if not fence_at_destination(state, seen.record, run.config.source.name):
        return run
    return replace(run, config=run.config.turned(), source=run.destination, destination=run.source)


def open_phase(run: Run) -> dict[str, Any]:
    """See which systems answer. A silent half does not stop the other: the end of the run names it."""
    if str(run.options.get("fence") or "") not in ("", "lift"):
        raise Refused("bad_option", f"dr_fence is {run.options['fence']!r}", obj="dr_fence", advice="Leave it out, or set it to lift.")
    seen = {name: answered(ask) for name, ask in _systems(run)}
    return {"seen": {name: _text(found) for name, found in seen.items()}}


def _systems(run: Run) -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("source_storage", lambda: svms.find(run.source.ontap, run.config.source_svm)), ("source_objects", lambda: run.source.records(run.config).read()[0]),
        ("destination_objects", lambda: run.destination.records(run.config).read()[0]),
    ]


def _text(found: Any) -> str:
    return f"no answer: {found.why}" if isinstance(found, NoAnswer) else "answers"


def record_sides(run: Run) -> list[Side]:
    """The Kubernetes clusters whose record can be written now."""
    return [side for side in (run.destination, run.source) if not isinstance(answered(side.records(run.config).read), NoAnswer)]


def workloads_phase(run: Run) -> dict[str, Any]:
    """Replicas into both records, then everything to zero, then wait until no pod is left."""
    found = answered(lambda: workloads.scalable(run.source.kube, run.config.namespaces))
    if isinstance(found, NoAnswer):
        return _missing(run, "workloads", f"Kubernetes {run.source.config.name} gives no answer ({found.why})")
    if lift_wanted(run):
        return {}
    running = {str(w.ref): w.replicas for w in found if w.replicas}
    pods = [pod for pod in workloads.pods(run.source.kube, run.config.namespaces) if not pod.finished]
    if run.env.check_mode:
        if running:
            run.would("scale_down", running)
        return {}
    if not running and not pods and _half_stands(run, "workloads"):
        return {}
    sides = record_sides(run)
    for side in sides:
        run.take_lease(side)
    _tell_of_newer(run, sides)
    if running:
        _name_raisers(run)
        run.step("record_replicas", running, lambda: (_record_replicas(run, sides, running), True))
        run.step("scale_down", running, lambda: (scale_all(run, run.source, dict.fromkeys(running, 0)), True))
    left = run.step("pods_gone", "no pod left in the group's namespaces", lambda: (_wait_gone(run, sides), False))
    _record_half(run, sides, "workloads", {"seen": left})
    return {}


def _tell_of_newer(run: Run, sides: list[Side]) -> None:
    """The record of a side that came back may be of before the other one's promotion, and a later run there, with the other silent, would go by it."""
    there, here = ((side.records(run.config).read()[0] or {}) for side in (run.destination, run.source)) if len(sides) > 1 else ({}, {})
    if int(here.get("epoch") or 0) < int(there.get("epoch") or 0):
        run.step("record_source", run.source.config.name, lambda: _told(run))


def _told(run: Run) -> tuple[Any, bool]:
    run.mirror(must=True)
    return {"record": run.source.config.name}, True


def _name_raisers(run: Run) -> None:
    """Whatever would scale them up again, into the progress and the evidence."""
    found = raisers.raisers(run.source.kube, run.config.namespaces)
    for line in found:
        run.env.reporter.progress(f"scale_down: {line}")
    if found:
        run.step("raisers", "name what would scale the workloads up again", lambda: (found, False))


def scale_all(run: Run, side: Side, counts: Mapping[str, int]) -> dict[str, int]:
    """Each workload to its count; what was seen afterwards."""
    asks = [partial(workloads.scale, side.kube, workloads.WorkloadRef.parse(name), count, note=True) for name, count in counts.items()]
    return {name: workload.replicas for name, (workload, _changed) in zip(counts, run.env.together(asks), strict=True)}


def _record_replicas(run: Run, sides: list[Side], running: Mapping[str, int]) -> dict[str, int]:
    """Only of the side that serves: what an old primary still runs when it comes back is nothing to go back to."""

    def change(record: dict[str, Any]) -> None:
        if record.get("active_site", run.source.config.name) != run.source.config.name:
            return
        kept = record.get("replicas") or {}
        if kept.get("epoch") != record["epoch"]:
            kept = {"epoch": record["epoch"], "at": instant(run.source.kube.server_time), "counts": {}}
        kept["counts"] = {**kept["counts"], **running}
        record["replicas"] = kept

    for side in sides:
        run.update(side, change)
    return dict(running)


def _wait_gone(run: Run, sides: list[Side]) -> dict[str, Any]:
    def look(left: object) -> None:
        for side in sides:
            run.renew(side)
        run.env.reporter.progress(f"scale_down: {left} pods left")

    workloads.wait_gone(run.source.kube, run.config.namespaces, deadline=run.config.timeouts["scale"], on_look=look)
    return {"pods": 0}


def storage_phase(run: Run) -> dict[str, Any]:
    """Stop the source SVM and see it stopped."""
    found = answered(lambda: svms.find(run.source.ontap, run.config.source_svm))
    if isinstance(found, NoAnswer):
        return _missing(run, "storage", f"ONTAP {run.source.config.name} gives no answer ({found.why})")
    if found is None:
        return _missing(run, "storage", f"SVM {run.config.source_svm} is not there")
    if lift_wanted(run):
        return {}
    if run.env.check_mode:
        if found.state != "stopped":
            run.would("stop_svm", run.config.source_svm)
        return {}
    if found.state == "stopped" and _half_stands(run, "storage"):
        return {}
    sides = record_sides(run)
    for side in sides:
        run.take_lease(side)
        run.guard(side)
    _tell_of_newer(run, sides)

    def stop() -> tuple[Any, bool]:
        svm, changed = svms.stop(run.source.ontap, found, deadline=run.config.timeouts["stop"])
        return {"svm": svm.name, "state": svm.state}, changed

    seen = run.step("stop_svm", run.config.source_svm, stop)
    _record_half(run, sides, "storage", {"seen": seen})
    return {}


def _missing(run: Run, half: str, why: str) -> dict[str, Any]:
    run.env.reporter.progress(f"{half}: {why}")
    return {"missing": {half: why}}


def _half_stands(run: Run, half: str) -> bool:
    """Both records that can be read hold this half already, of this epoch, and nothing that was seen since makes it void."""
    records = [side.records(run.config).read()[0] or {} for side in record_sides(run)]
    proofs = [proof_of(run, record) for record in records]
    if not proofs or not all(proof.get(half) for proof in proofs) or len({record.get("epoch") for record in records}) > 1:
        return False
    relation, _now = _incoming(run)
    return not any(void(proof, relation) for proof in proofs)


def _incoming(run: Run) -> tuple[RelationSeen | None, datetime | None]:
    """The relationship, and the destination ONTAP cluster's time. One that gives no answer makes nothing void, and tells no time."""
    relation = answered(lambda: snapmirror.find(run.destination.ontap, run.config.destination_svm))
    if isinstance(relation, NoAnswer):
        return None, None
    now = run.destination.ontap.server_time
    return relation_seen(relation, now) if relation else None, now


def proof_of(run: Run, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The proof in a record, if it is about this site and of the record's epoch."""
    proof = record.get("proof") or {}
    return proof if proof.get("epoch") == record.get("epoch", 1) and proof.get("site") == run.source.config.name else {}


def _record_half(run: Run, sides: list[Side], half: str, seen: Mapping[str, Any]) -> None:
    """The proof's time is the destination ONTAP cluster's: transfers that it sees later make it void."""
    relation, now = _incoming(run)

    def change(record: dict[str, Any]) -> None:
        proof = proof_of(run, record)
        if not proof or (void(proof, relation) and proof.get("run_id") != run.run_id):  # the other half is older than what makes it void: both are seen anew
            proof = {"epoch": record["epoch"], "site": run.source.config.name}
        record["proof"] = {**proof, half: dict(seen), "at": instant(now), "run_id": run.run_id}

    for side in sides:
        run.update(side, change)


def close_phase(run: Run) -> dict[str, Any]:
    """Both halves seen, or a failure that names the missing one.

    Raises:
        KubedrError: a half could not be seen, or no record could be written.
    """
    if lift_wanted(run):
        return _lift(run)
    if run.env.check_mode:
        return {}
    sides = record_sides(run)
    proof: Mapping[str, Any] = {}
    for side in sides:
        record = side.records(run.config).read()[0] or {}
        proof = proof_of(run, record) or proof
        run.release_lease(side)
    missing = [half for half in ("storage", "workloads") if not proof.get(half)]
    if missing:
        raise KubedrError(
            f"the {' and the '.join(missing)} half could not be seen stopped", system=f"site {run.source.config.name}", operation="fence", obj=run.config.name,
            seen=dict(proof),
            advice="What could be stopped was stopped and recorded. Run fence again: it sees both anew. Until then a failover needs dr_fence_statement.",
        )
    return {"proof": dict(proof)}


def _refuse_begun(run: Run, record: Mapping[str, Any]) -> None:
    promotion = "failback" if run.config.home_is_destination else "failover"
    if (record.get("run") or {}).get("verb") == promotion:
        raise Refused(
            "failed_over", f"a {promotion} was begun, so this side stays down", operation="lift the fence", obj=run.config.name,
            advice=f"Run {promotion} to its end.",
        )


def _refuse_broken(run: Run) -> None:
    """A break that no record tells of. Where that side is silent, the records must do: a promotion writes its intent before it breaks."""
    relation = answered(lambda: snapmirror.find(run.destination.ontap, run.config.destination_svm))
    if isinstance(relation, NoAnswer) or relation is None or relation.state != "broken_off":
        return
    raise Refused(
        "failed_over", f"{relation.path} is broken off: the other side is writable, so this side stays down", system=run.destination.ontap.system,
        operation="lift the fence", obj=run.config.name, seen=relation.state, advice="Run status. No record tells of that break.",
    )


def _counted(record: Mapping[str, Any]) -> dict[str, int]:
    """The replicas of what was scaled down in this epoch; those of an earlier one are the other side's."""
    replicas = record.get("replicas") or {}
    return dict(replicas.get("counts") or {}) if replicas.get("epoch") == record.get("epoch") else {}


def _lift(run: Run) -> dict[str, Any]:
    """Start the source SVM and put the replicas back; only where no break was sent."""
    sides = [run.destination, run.source]
    records = [side.records(run.config).read()[0] or {} for side in sides]
    for record in records:
        _refuse_begun(run, record)
    _refuse_broken(run)
    svm = svms.find(run.source.ontap, run.config.source_svm)
    if svm is None:
        raise Refused("source_gone", "the source SVM is not there", system=run.source.ontap.system, obj=run.config.source_svm)
    counts: dict[str, int] = {}
    for record in records:
        counts.update(_counted(record))
    held = any(proof_of(run, record) for record in records)  # what was proved of the other side at a promotion stays
    if svm.state == "running" and not held and not counts:
        return {}
    if run.env.check_mode:
        run.would("lift", {"svm": svm.name, "replicas": counts})
        return {}
    for side in sides:
        run.take_lease(side)

        def void(record: dict[str, Any]) -> None:
            _refuse_begun(run, record)  # whoever held the lease may have begun one meanwhile
            if proof_of(run, record):
                record.pop("proof")

        run.update(side, void)

    def start() -> tuple[Any, bool]:
        seen, changed = svms.start(run.source.ontap, svm, deadline=run.config.timeouts["start"])
        return {"svm": seen.name, "state": seen.state}, changed

    run.step("start_svm", svm.name, start)
    if counts:
        run.step("replicas", counts, lambda: (scale_all(run, run.source, counts), True))
    for side in sides:
        run.update(side, lambda record: record.pop("replicas") and None if _counted(record) else None)
        run.release_lease(side)
    return {"lifted": True}
