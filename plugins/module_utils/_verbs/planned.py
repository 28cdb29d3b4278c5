# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A planned promotion before its break: backup, scale down, stop, final transfer. Whatever fails here is undone by `rollback`, and nothing is lost.

The same code serves the way home: the run is then turned, and "source" is the side that serves now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._clock import poll
from .._dr.failover import pending
from .._dr.seen import NoAnswer, ObjectsSeen, Seen, StorageSeen
from .._dr.state import State, break_sent, derive
from .._dr.statement import instant
from .._dr.table import refusal
from .._dr.words import Mode, Verb
from .._errors import KubedrError, Refused, Unreachable
from .._kube import backups, locations, schedules, workloads
from .._ontap import snapmirror, svms
from . import failover, fence, rollback
from .look import look_both
from .walk import Run

RUNNING = frozenset({"InProgress", "WaitingForPluginOperations", "WaitingForPluginOperationsPartiallyFailed", "Finalizing", "FinalizingPartiallyFailed"})


def decided(run: Run) -> bool:
    """The decision of this promotion is recorded: from there on both modes walk the same steps."""
    return rollback.decided(run, _record(run))


def _record(run: Run) -> Mapping[str, Any]:
    return run.destination.records(run.config).read()[0] or {}


def look(run: Run) -> tuple[Seen, State]:
    """Both sites, and the group's state."""
    seen = look_both(run.config, run.source, run.destination, deep=True)
    return seen, derive(seen.turned() if run.config.home_is_destination else seen, run.config.rpo_seconds)


def open_phase(run: Run) -> dict[str, Any]:
    """Both sites must answer, and the group must be in step. After the break only the side that is to serve must; what the other shows is heeded.

    Raises:
        Unreachable: a planned verb needs all four systems.
        Refused: the state's reason, or pods that could not be scaled down.
    """
    seen, state = look(run)
    no = refusal(Verb(run.verb), Mode.PLANNED, state)
    if decided(run) and break_sent(_record(run)) and (no is None or no.reason in ("unknown_state", "active_unreachable")):
        return failover.open_phase(run)
    silent = _silent(run, seen)
    if silent and (no is None or no.reason in ("unknown_state", "active_unreachable")):
        raise Unreachable(
            f"gives no answer: {silent[1]}", system=silent[0], operation=f"planned {run.verb}", obj=run.config.name, seen=state.as_dict(),
            advice="A planned verb needs both sites. Nothing was touched.",
        )
    if no:
        raise Refused(no.reason, no.message, operation=run.verb, obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    _refuse_unscalable(run)
    run.env.reporter.note(state_before=state.as_dict(), mode=str(Mode.PLANNED), verb=run.verb)
    _destination_seen, view, _state = failover.look(run)
    first = [] if decided(run) else ["hold_schedule", "final_backup", "backup_seen", "scale_down", "stop_svm", "final_transfer"]
    steps = [*first, *(step.name for step in pending(view))]
    return {"state": state.as_dict(), "pending": steps, "done": False}


def _silent(run: Run, seen: Seen) -> tuple[str, str] | None:
    source, destination = run.config.source.name, run.config.destination.name
    parts: list[tuple[str, StorageSeen | ObjectsSeen | NoAnswer]] = [
        (f"ONTAP {source}", seen.source_storage), (f"ONTAP {destination}", seen.destination_storage),
        (f"Kubernetes {source}", seen.source_objects), (f"Kubernetes {destination}", seen.destination_objects),
    ]
    return next(((name, part.why) for name, part in parts if isinstance(part, NoAnswer)), None)


def _refuse_unscalable(run: Run) -> None:
    """Pods that nothing can be told to stop making, or that nothing would make again: named before anything goes down."""
    loose = [
        f"{pod.namespace}/{pod.name}" for pod in workloads.pods(run.source.kube, run.config.namespaces) if not pod.finished
        and (not pod.owner or pod.owner.startswith("DaemonSet/"))
    ]
    if loose:
        raise Refused(
            "unscalable_pods", f"pods that cannot be scaled down: {', '.join(loose[:8])}", system=run.source.kube.system, operation=f"planned {run.verb}",
            obj=run.config.name, seen=loose,
            advice="Bare pods and DaemonSets go on writing. Put them into a Deployment, or delete them, and run again.",
        )


def prepare_phase(run: Run) -> dict[str, Any]:
    """A backup of the run's own, with everything still up, and seen Completed at the other side before anything goes down."""
    if decided(run):
        return {}
    if run.env.check_mode:
        for name in ("hold_schedule", "final_backup", "backup_seen"):
            run.would(name, run.config.name)
        return {}
    for side in (run.destination, run.source):
        run.take_lease(side)
    if decided(run):  # whoever held the lease came to the decision meanwhile
        return {}
    if rollback.begun(run, _record(run)).get("rolling_back"):
        run.step("rollback", "finish what an earlier run began to undo", lambda: (rollback.undo(run), True))
        for side in (run.destination, run.source):
            run.take_lease(side)
    planned = _begin(run, _record(run))
    _hold_schedule(run)
    name = str(planned["backup"])
    run.step("final_backup", name, lambda: _final_backup(run, name))
    run.step("backup_seen", name, lambda: (_seen_there(run, name), False))
    return {"backup": name}


def _begin(run: Run, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a rerun must not decide anew is in both records before the step that uses it.

    Every backup has a name of its own: one that failed, or that an earlier run wrote while everything was still up, is not this run's last word.
    """
    epoch, found = int(record.get("epoch") or 1), rollback.begun(run, record)
    tried = record.get("backup_attempts") or {}
    count = int(tried.get("count") or 0) if tried.get("epoch") == epoch else 0
    attempt = int(found.get("attempt") or 0) if found and _backup_holds(run, record, found) else count + 1
    planned = {
        **(found or {"before": rollback.before_of(record), "storage": _storage_before(run)}), "epoch": epoch, "verb": run.verb, "run_id": run.run_id,
        "attempt": attempt,
        "backup": f"kubedr-{run.config.name}-e{epoch + 1}-{attempt}",
    }

    def change(found: dict[str, Any]) -> None:
        found["planned"] = planned
        found["backup_attempts"] = {"epoch": epoch, "count": max(attempt, count)}

    run.update(run.destination, change)
    run.mirror(must=True)
    return planned


def _backup_holds(run: Run, record: Mapping[str, Any], planned: Mapping[str, Any]) -> bool:
    last = backups.read(run.source.kube, run.source.ark, str(planned["backup"]))
    if last is not None and last.phase in run.source.ark.dialect.backup_done and last.phase != "Completed":
        return False
    scaled = (record.get("replicas") or {}).get("epoch") == record.get("epoch")
    return scaled or planned.get("run_id") == run.run_id


def _storage_before(run: Run) -> dict[str, str]:
    """What an undoing puts back."""
    svm, relation = svms.find(run.source.ontap, run.config.source_svm), snapmirror.find(run.destination.ontap, run.config.destination_svm)
    return {"svm": svm.state if svm else "", "relationship": relation.state if relation else ""}


def _set_planned(run: Run, **facts: Any) -> None:
    run.update(run.destination, lambda found: found.setdefault("planned", {}).update(facts))
    run.mirror(must=True)


def _schedule_name(run: Run) -> str:
    record, _version = run.destination.records(run.config).read()
    if run.config.home_is_destination:
        return str(((record or {}).get("return_schedule") or {}).get("name") or "")
    return str((record or {}).get("backup_schedule") or run.config.backup_schedule)


def serves_alone(run: Run, schedule: schedules.Schedule) -> bool:
    """Whether a schedule backs up this group's namespaces and nothing else."""
    included = schedule.template.get("includedNamespaces") or ["*"]
    return set(map(str, included)) <= set(run.config.namespaces)


def _hold_schedule(run: Run) -> None:
    """Paused if it serves this group alone (Ark cannot pause: then it is taken away, its spec in the record first); otherwise left.

    Running backups are awaited.
    """
    name, client, ark = _schedule_name(run), run.source.kube, run.source.ark
    found = schedules.read(client, ark, name) if name else None
    if found is not None and not found.paused and serves_alone(run, found):
        _set_planned(run, schedule={"name": name, "spec": found.raw.get("spec"), "labels": found.raw["metadata"].get("labels")})
        if ark.dialect.has_paused:
            run.step("hold_schedule", name, lambda: ({"paused": True}, schedules.set_paused(client, ark, name, True)[1]))
        else:
            run.step("hold_schedule", name, lambda: ({"absent": True}, schedules.absent(client, ark, name)[1]))

    def look(seen: list[str]) -> None:
        run.renew(run.destination)
        run.renew(run.source)
        run.env.reporter.progress(f"final_backup: {len(seen)} backups still run")

    poll(
        client.clock, lambda: [b.name for b in backups.list_backups(client, ark) if b.phase in RUNNING], lambda seen: not seen,
        timeout=run.config.timeouts["backup"],
        what="wait for running backups", system=client.system, on_look=look,
    )


def backup_spec(run: Run) -> dict[str, Any]:
    """As the schedule's own backups; where there is no schedule, everything but what is never backed up."""
    name = _schedule_name(run)
    found = schedules.read(run.source.kube, run.source.ark, name) if name else None
    held = ((_record(run).get("planned") or {}).get("schedule") or {}).get("spec") or {}
    template = dict(found.template) if found is not None else dict(held["template"]) if held.get("template") else {
        "includedNamespaces": ["*"], "excludedNamespaces": [*run.config.excluded_namespaces, run.source.ark.namespace], "includeClusterResources": True,
        "snapshotVolumes": False,
        "ttl": run.config.backup_ttl,
    }
    allowed = run.source.ark.dialect.backup_options - {"metadata"}
    return {key: value for key, value in template.items() if key in allowed}


def _final_backup(run: Run, name: str) -> tuple[Any, bool]:
    def look(seen: backups.Backup) -> None:
        run.renew(run.destination)
        run.renew(run.source)
        run.env.reporter.progress(f"final_backup {name}: {seen.phase}")

    client, ark = run.source.kube, run.source.ark
    there = backups.read(client, ark, name)
    if there is None and ark.dialect.has_read_only:
        locations.wait_no_hold(client, ark, run.config.timeouts["hold"], lambda seen: _held(run, seen))
    spec = backup_spec(run) if there is None else {}
    found, changed = backups.create_and_wait(client, ark, spec, name, run.config.timeouts["backup"], look)
    if found is None or found.phase != "Completed":
        raise KubedrError(
            f"the final backup ended {found.phase if found else 'unseen'}: {found.why_failed if found else ''}", system=client.system,
            operation="final backup", obj=name,
            advice="Nothing went down. Mend what it names, and run again.",
        )
    return {"name": name, "phase": found.phase, "started_at": instant(found.started_at)}, changed


def _held(run: Run, seen: locations.Location) -> None:
    if seen.holders:
        run.env.reporter.progress(f"final_backup: backup location {seen.name} is held read-only by restores of {', '.join(seen.holders)}")


def _seen_there(run: Run, name: str) -> dict[str, str]:
    def look(seen: backups.Backup | None) -> None:
        run.renew(run.destination)
        run.renew(run.source)
        run.env.reporter.progress(f"backup_seen: {name} is {seen.phase if seen else 'not seen'} at {run.destination.config.name}")

    client, ark = run.destination.kube, run.destination.ark
    found = poll(
        client.clock, lambda: backups.read(client, ark, name), lambda seen: seen is not None and seen.phase in ark.dialect.backup_done,
        timeout=run.config.timeouts["backup"],
        what=f"see backup {name}", system=client.system, describe=lambda seen: seen.phase if seen else "absent", on_look=look,
    )
    return {"phase": found.phase if found else ""}


def workloads_phase(run: Run) -> dict[str, Any]:
    """Replicas into both records, everything to zero, no pod left."""
    return {} if decided(run) else _whole(run, fence.workloads_phase(run), "workloads")


def _whole(run: Run, result: Mapping[str, Any], half: str) -> dict[str, Any]:
    """A fence may leave a half; a planned promotion may not."""
    missing = (result.get("missing") or {}).get(half)
    if missing:
        raise Unreachable(
            missing, system=f"site {run.source.config.name}", operation=f"planned {run.verb}", obj=run.config.name,
            advice="It is undone, as far as that site answers.",
        )
    return dict(result)


def sync_phase(run: Run) -> dict[str, Any]:
    """Stop the SVM that serves, then one more transfer, begun after it was seen stopped: what it holds is all there is.

    A rerun transfers once more: whoever started the SVM in between, what was written then is not lost. After the decision it must still be stopped.
    """
    if decided(run):
        return {} if break_sent(_record(run)) else _still_stopped(run)
    _whole(run, fence.storage_phase(run), "storage")
    if run.env.check_mode:
        run.would("final_transfer", run.config.forward)
        return {}
    run.guard(run.destination)
    seen = run.step("final_transfer", run.config.forward, lambda: _final_transfer(run))
    return {"final_transfer": seen}


def _still_stopped(run: Run) -> dict[str, Any]:
    svm, pods = svms.find(run.source.ontap, run.config.source_svm), workloads.pods(run.source.kube, run.config.namespaces)
    running = [
        *([f"SVM {svm.name}"] if svm is not None and svm.state != "stopped" else []), *(f"pod {pod.namespace}/{pod.name}" for pod in pods if not pod.finished),
    ]
    if running:
        raise Refused(
            "source_running", f"since the final transfer somebody started {', '.join(running[:5])}", system=f"site {run.source.config.name}",
            operation=f"planned {run.verb}",
            obj=run.config.name, seen=running,
            advice="What was written since is not at the other side. No break was sent: undo it with fence and dr_fence=lift, and begin anew.",
        )
    return {}


def _final_transfer(run: Run) -> tuple[Any, bool]:
    client = run.destination.ontap
    relation = snapmirror.find(client, run.config.destination_svm)
    if relation is None:
        raise Refused("relationship_gone", "the relationship is not there", system=client.system, obj=run.config.forward)
    resumed, _changed = snapmirror.resume(client, relation, run.config.timeouts["transfer"]) if relation.state == "paused" else (relation, False)
    began = client.server_time

    def look(seen: object) -> None:
        run.renew(run.destination)
        run.renew(run.source)
        run.env.reporter.progress(f"final_transfer: {getattr(seen, 'state', seen)}")

    done, _changed = snapmirror.transfer(client, resumed, run.config.timeouts["transfer"], look)
    svms.cluster(client)
    facts = {"began": instant(began), "ended": instant(client.server_time), "snapshot": done.exported_snapshot}

    def change(found: dict[str, Any]) -> None:
        found.setdefault("planned", {})["final_transfer"] = facts
        if found.get("proof"):
            found["proof"]["at"] = instant(client.server_time)

    run.update(run.destination, change)
    run.mirror(must=True)
    return facts, True
