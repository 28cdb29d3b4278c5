# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Promote the destination SVM: pause, abort, break, export rules, start. Only the destination's systems are contacted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .._dr.failover import View
from .._dr.state import break_sent
from .._dr.statement import exact_instant, instant
from .._errors import ApiError, AuthError, JobFailed, KubedrError, Refused, Unreachable
from .._ontap import exports, snapmirror, svms, volumes
from .._ontap.models import ExportPolicy, ExportRule, Relationship, Snapshot, Svm
from . import points
from .look import look_storage
from .walk import Run


def pause(run: Run, uuid: str = "") -> tuple[Any, bool]:
    """Stop the schedule. A running transfer goes on until it is aborted, so this does not wait for it.

    Args:
        uuid: of the relationship, where it is known.
    """
    client = run.destination.ontap
    _guarded, relation, running = run.env.together([
        lambda: run.guard(run.destination), lambda: _relation(run), lambda: snapmirror.active_transfers(client, uuid) if uuid else None,
    ])
    relation, changed = snapmirror.pause(client, relation, deadline=run.config.timeouts["pause"], wait=False, fresh=True, idle=running == [])
    return _brief(relation), changed


def abort(run: Run) -> tuple[Any, bool]:
    """Abort a running transfer: the exported snapshot stays the last whole one."""
    run.guard(run.destination)
    aborted = snapmirror.abort_transfers(
        run.destination.ontap, _relation(run), deadline=run.config.timeouts["pause"], on_look=lambda _seen: run.renew(run.destination),
    )
    relation, _changed = snapmirror.pause(run.destination.ontap, _relation(run), deadline=run.config.timeouts["pause"])
    return _brief(relation), aborted[1]


def break_off(run: Run, view: View) -> tuple[Any, bool]:
    """Record the intent, then break. From the intent on the break counts as sent: whatever happens, the way is forward."""
    errors, record = list[KubedrError](), view.record
    first = not break_sent(record)
    if first:
        points.check_before_break(run, view)
        relation, shown, policies = run.env.together([
            lambda: _relation(run), lambda: _first_snapshots(run, view), lambda: exports.read_policies(run.destination.ontap, run.config.destination_svm),
        ])
        record = _record_intent(run, relation, exported_snapshot(run, view, relation, shown), policies)
    else:
        _guarded, relation = run.env.together([lambda: run.guard(run.destination), lambda: _relation(run)])
    try:
        broken, changed = snapmirror.break_off(
            run.destination.ontap, relation, force=run.mode != "planned", deadline=run.config.timeouts["break"],
            on_look=lambda seen: _progress(run, "break", seen.state),
            on_error=errors.append, fresh=True,
        )
    except (ApiError, AuthError, JobFailed) as error:
        if first and all(not_carried_out(failed) for failed in [*errors, error]):
            _mark_break_failed(run)
        raise
    when = {"at": instant(run.destination.ontap.server_time), "at_objects": instant(run.destination.kube.server_time)}
    if not changed:  # a run that died sent it, right after its intent
        when |= {key: value for key, value in record["intent"]["break"].items() if key in when and value}

    def note(found: dict[str, Any]) -> None:
        if (found.get("broken") or {}).get("epoch") != found["epoch"]:
            found["broken"] = {"epoch": found["epoch"], **when}

    opened, _noted = run.env.together([lambda: _rules_at_once(run, view), lambda: run.update(run.destination, note)])
    return {**_brief(broken), **opened}, True


def _rules_at_once(run: Run, view: View) -> dict[str, Any]:
    """Some releases start the SVM with the break: then the rules are the very next thing, and how long it was open is told."""
    svm, began = svms.find(run.destination.ontap, run.config.destination_svm), run.env.clock.monotonic()
    if svm is None or svm.state not in ("starting", "running"):
        return {}
    # No guard and no record here: the rules as found are kept since the intent, and nothing of Kubernetes may keep the other site's nodes let in.
    policies = exports.read_policies(run.destination.ontap, run.config.destination_svm)
    run.env.together([partial(_set_rules, run, view, policy) for policy in _closed_wrongly(policies, view)])
    return {"started_by_break": True, "open_seconds": round(run.env.clock.monotonic() - began, 3)}


REFUSED_CODES = frozenset({snapmirror.PEER_UNREACHABLE, "13303856", "13303857"})
"""With these ONTAP refuses a break before it begins one, whatever the HTTP status."""


def not_carried_out(error: KubedrError) -> bool:
    """Whether a break that met this error is over, and was not carried out: refused at once, or its job seen ended in failure.

    No answer, or a broken one, is neither; nor is what a look at its job, or the record's cluster, met while the break went on.
    """
    if f"PATCH {snapmirror.PATH}/" not in error.operation:
        return False
    if isinstance(error, ApiError):
        return error.status < 500 or error.code in REFUSED_CODES
    return isinstance(error, (AuthError, JobFailed, Unreachable))


def _mark_break_failed(run: Run) -> None:
    """Only where the refusal is certain and the mirror is seen whole may the break count as not sent (law 8)."""
    relation, svm = _relation(run), svms.find(run.destination.ontap, run.config.destination_svm)
    if relation.state in ("snapmirrored", "paused") and svm is not None and svm.subtype == "dp_destination":
        run.update(run.destination, lambda found: found["intent"]["break"].update(failed=True))


def _record_intent(run: Run, relation: Relationship, snapshot: Mapping[str, Any], policies: Iterable[ExportPolicy]) -> dict[str, Any]:
    """With it goes what cannot be read any more when the break was sent: the exported snapshot, and the rules as found. The same write sees the lease."""
    at, at_objects = instant(run.destination.ontap.server_time), instant(run.destination.kube.server_time)
    as_found = _as_found(policies)

    def change(found: dict[str, Any]) -> None:
        if not run.config.home_is_destination:
            _keep_rules(found, as_found)
        found["intent"] = {**(found.get("intent") or {}), "break": {"epoch": found["epoch"], "relationship": relation.uuid, "at": at, "at_objects": at_objects}}
        found["snapshot"] = {**snapshot, "epoch": found["epoch"]}

    return run.commit(run.destination, change)


def _first_snapshots(run: Run, view: View) -> list[Snapshot]:
    """The snapshots of the SVM's first volume."""
    return volumes.list_snapshots(run.destination.ontap, view.storage.volumes[0].uuid) if view.storage.volumes else []


def exported_snapshot(run: Run, view: View, relation: Relationship, first: Sequence[Snapshot]) -> dict[str, Any]:
    """Name and creation time of the snapshot that the destination shows: everything written after it is lost.

    The time is the snapshot's own on a data volume; where no volume shows it, the relationship's lag counted back from the cluster's clock.

    Args:
        first: the snapshots of the SVM's first volume, as they were read a moment ago.
    """
    client, name = run.destination.ontap, relation.exported_snapshot or ""
    for number, volume in enumerate(view.storage.volumes if name else ()):
        found = next((s for s in (volumes.list_snapshots(client, volume.uuid) if number else first) if s.name == name), None)
        if found:
            return {"name": name, "created_at": exact_instant(found.create_time)}
    lag = look_storage(run.destination, run.config.destination_svm, brief=True).incoming
    return {"name": name, "created_at": instant(lag.snapshot_at) if lag and lag.snapshot_at else None}


def export_rules(run: Run, view: View) -> tuple[Any, bool]:
    """Make every rule of the SVM let in exactly the wanted clients.

    On the way out the rules as found go into the record first; on the way home they come from there.
    """
    _guarded, policies = run.env.together([
        lambda: run.guard(run.destination), lambda: exports.read_policies(run.destination.ontap, run.config.destination_svm),
    ])
    todo = _closed_wrongly(policies, view)
    if todo and not run.config.home_is_destination:
        as_found, record = _as_found(todo), run.last_record(run.destination)
        if _kept_rules(record).keys() < as_found.keys() | _kept_rules(record).keys():
            run.commit(run.destination, lambda found: _keep_rules(found, as_found))
    run.env.together([partial(_set_rules, run, view, policy) for policy in todo])
    return {policy.name: sorted(view.wanted(policy.name)) for policy in policies if policy.rules}, bool(todo)


def _closed_wrongly(policies: Iterable[ExportPolicy], view: View) -> list[ExportPolicy]:
    """Those that let in others than they shall. Without a rule a policy lets in nobody, and is left so."""
    return [policy for policy in policies if policy.rules and set(_clients(policy)) != view.wanted(policy.name)]


def _set_rules(run: Run, view: View, policy: ExportPolicy) -> None:
    exports.set_rules(run.destination.ontap, policy, _rules_for(policy, view), fresh=True)


def _as_found(policies: Iterable[ExportPolicy]) -> dict[str, list[dict[str, Any]]]:
    return {policy.name: [_rule_data(rule) for rule in policy.rules] for policy in policies if policy.rules}


def _kept_rules(record: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as found of this epoch, by policy."""
    kept = record.get("exports") or {}
    return dict(kept.get("as_found") or {}) if kept.get("epoch") == record.get("epoch") else {}


def _keep_rules(record: dict[str, Any], as_found: Mapping[str, Any]) -> None:
    """What was found first stands: a rerun finds rules that this promotion made."""
    record["exports"] = {"epoch": record["epoch"], "as_found": {**as_found, **_kept_rules(record)}}


def _rules_for(policy: ExportPolicy, view: View) -> list[ExportRule]:
    before = ((view.record.get("exports") or {}).get("as_found") or {}).get(policy.name)
    if before and policy.name in view.rules:
        return [
            ExportRule(
                index=number, clients=tuple(rule["clients"]), protocols=tuple(rule["protocols"]), ro=tuple(rule["ro"]), rw=tuple(rule["rw"]),
                superuser=tuple(rule["superuser"]),
            )
            for number, rule in enumerate(before, 1)
        ]
    return wanted_rules(policy, tuple(sorted(view.wanted(policy.name))), view.record.get("source_nodes") or ())


def wanted_rules(policy: ExportPolicy, clients: tuple[str, ...], nodes: Iterable[str] = ()) -> list[ExportRule]:
    """The access that the other site's nodes had, for the new clients.

    ONTAP takes the first rule that fits a client. So only the rules that let those nodes in count, if any does, and those that let write come first: a rule
    for readers elsewhere must not make these clients readers.
    """
    theirs = [rule for rule in policy.rules if any(_lets_in(client, node) for client in rule.clients for node in nodes)] or list(policy.rules)
    found = dict.fromkeys((tuple(r.protocols), tuple(r.ro), tuple(r.rw), tuple(r.superuser)) for r in theirs)
    kinds = sorted(found, key=lambda kind: kind[2] in ((), ("never",), ("none",)))
    return [
        ExportRule(index=number, clients=clients, ro=ro, rw=rw, superuser=superuser, protocols=protocols)
        for number, (protocols, ro, rw, superuser) in enumerate(kinds, 1)
    ]


def _lets_in(client: str, node: str) -> bool:
    try:
        return ipaddress.ip_address(node) in ipaddress.ip_network(client, strict=False)
    except ValueError:  # a host name, domain or netgroup
        return False


def _seen_running(message: str) -> bool:
    """ONTAP says that the partner runs, not that it could not find out. That the SVM "cannot be started" is in both texts, and tells nothing."""
    text = message.lower()
    return "running" in text and not any(word in text for word in ("could not", "unable", "determine", "unreachable", "contact"))


def start(run: Run) -> tuple[Any, bool]:
    """Start the SVM and see it serve: running, every LIF up, every volume writable.

    Where the start is refused because the partner runs, that is the source SVM *seen running*: fence is the answer, never force.
    """
    _guarded, svm = run.env.together([lambda: run.guard(run.destination), lambda: svms.find(run.destination.ontap, run.config.destination_svm)])
    if svm is None:
        raise Refused(
            "destination_gone", "the SVM is not there", system=run.destination.ontap.system, obj=run.config.destination_svm, advice="Nothing can be started.",
        )
    changed = _start(run, svm)
    seen = svms.wait_serving(
        run.destination.ontap, run.config.destination_svm, deadline=run.config.timeouts["start"], on_look=lambda found: _progress(run, "start", found),
    )
    return seen, changed


def _start(run: Run, svm: Svm) -> bool:
    def act(force: bool) -> bool:
        return svms.start(
            run.destination.ontap, svm, deadline=run.config.timeouts["start"], on_look=lambda seen: _progress(run, "start", seen.state), force=force,
            fresh=not force,
        )[1]

    try:
        return act(False)
    except (ApiError, JobFailed) as error:
        if not svms.refused_by_partner(error):
            raise
        if _seen_running(error.message):
            raise Refused(
                "source_running", f"{run.destination.ontap.system} sees the source SVM running: {error.message}", operation="start SVM", obj=svm.name,
                code=error.code,
                advice="No statement overrides what is seen. Run fence, then failover again: it goes on from here.",
            ) from error
        run.guard(run.destination)
        return act(True)


def view(run: Run, base: View, *, storage: bool = True) -> View:
    """The same view, with the record as this run read or wrote it last.

    Args:
        storage: look at the storage again.
    """
    seen = look_storage(run.destination, run.config.destination_svm, brief=True) if storage else base.storage
    return replace(base, storage=seen, objects=replace(base.objects, record=run.last_record(run.destination) or base.record))


def _relation(run: Run) -> Relationship:
    relation = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    if relation is None:
        raise Refused(
            "relationship_gone", "the relationship is not there", system=run.destination.ontap.system, obj=run.config.forward,
            advice="Run status and look who deleted it.",
        )
    return relation


def _progress(run: Run, step: str, seen: object) -> None:
    run.renew(run.destination)
    run.env.reporter.progress(f"{step}: {seen}")


def _brief(relation: Relationship) -> dict[str, Any]:
    return {"state": relation.state, "healthy": relation.healthy, "exported_snapshot": relation.exported_snapshot}


def _clients(policy: ExportPolicy) -> tuple[str, ...]:
    return tuple(client for rule in policy.rules for client in rule.clients)


def _rule_data(rule: ExportRule) -> dict[str, Any]:
    return {
        "index": rule.index, "clients": list(rule.clients), "protocols": list(rule.protocols), "ro": list(rule.ro), "rw": list(rule.rw),
        "superuser": list(rule.superuser),
    }
