# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""States ``present`` and ``initialized`` of module ``svmdr``. Looks at everything first, and refuses before the first write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .._errors import Refused
from .._ontap import policies, snapmirror, volumes
from .._ontap.client import OntapClient
from .._ontap.models import Policy, Relationship, Schedule
from .._ontap.parse import plain
from .._ontap.policies import FLEXGROUP_FLOOR_MINUTES, FLOOR_MINUTES
from . import svm_peer
from .steps import ABSENT, Steps, site

OPERATION = "set up SVM-DR"


@dataclass(frozen=True)
class Wanted:
    """The relationship's options by name. ``cron`` is the expression behind the schedule, empty where it was given by name."""

    identity_preservation: str
    policy: str
    schedule: str
    cron: str


@dataclass(frozen=True)
class Shared:
    """What a cluster has for all its groups."""

    client: OntapClient
    schedule: Schedule | None
    policy: Policy | None


def run(params: dict[str, Any], steps: Steps, source: OntapClient, destination: OntapClient, timeout: float) -> dict[str, Any]:
    """Schedule and policy on both clusters, and the relationship; with ``initialized`` also the baseline. The SVMs are peered before (``svm_peer``)."""
    peered = svm_peer.look_at(source, destination, params["source_svm"], params["destination_svm"], "", strict=not steps.env.check_mode)
    relation = snapmirror.find(destination, params["destination_svm"])
    refuse(params, peered, relation, source, destination)
    if not peered.pair.peered() and not steps.env.check_mode:
        words = peered.pair.words()
        raise Refused(
            "no_svm_peer",
            f"the SVMs are not peered: {words}.",
            system=destination.system,
            operation=OPERATION,
            obj=_path(params),
            seen=words,
            advice="Run svm_peer first.",
        )
    wanted = _wanted(params, relation)
    shared = _look_shared(wanted, (destination, source))
    _warn_of_interval(wanted, shared, steps, source, params["source_svm"])
    before = {**_shared_view(wanted, shared), "relationship": _view(relation)}
    shared_after = _make_shared(wanted, steps, shared, timeout)
    relation = _relationship(steps, destination, relation, wanted, peered, timeout)
    if params["state"] == "initialized":
        relation = _initialize(steps, destination, relation, timeout)
    return steps.result(before, {**shared_after, "relationship": _view(relation)}, relationship=plain(relation))


def _path(params: dict[str, Any]) -> str:
    return f"{params['source_svm']}: -> {params['destination_svm']}:"


def refuse(params: dict[str, Any], peered: svm_peer.Peered, relation: Relationship | None, source: OntapClient, destination: OntapClient) -> None:
    """Set-up is side-aware: after a failover it stops here, having changed nothing.

    Raises:
        Refused: ``broken_off``, ``destination_in_use``, ``source_is_destination``, ``reverse_relationship``, ``other_source``, ``identity_differs``,
            ``paused``.
    """
    obj = _path(params)

    def no(reason: str, message: str, advice: str, client: OntapClient = destination, seen: Any = None) -> Refused:
        return Refused(reason, message, system=client.system, operation=OPERATION, obj=obj, seen=seen, advice=advice)

    back = "Set-up would discard what was written there. Use reprotect or failback."
    if relation is not None and relation.state == "broken_off":
        raise no("broken_off", "the relationship is broken off: the destination is, or was, the active side.", back, seen=relation.state)
    if peered.destination_svm is not None and peered.destination_svm.subtype != "dp_destination":
        subtype = peered.destination_svm.subtype
        raise no(
            "destination_in_use", f"the destination SVM is of subtype {subtype}: it serves, or served, on its own.", back, seen=plain(peered.destination_svm)
        )
    if peered.source_svm.subtype == "dp_destination":
        raise no("source_is_destination", "the source SVM is itself the destination of a mirror.", back, source, plain(peered.source_svm))
    reverse = snapmirror.find(source, params["source_svm"])
    if reverse is not None:
        raise no(
            "reverse_relationship",
            f"a relationship into the source SVM exists: {reverse.path}, {reverse.state}.",
            "Finish the failback first.",
            source,
            plain(reverse),
        )
    if relation is None:
        return
    if relation.source_path not in (f"{peered.alias}:", f"{params['source_svm']}:"):
        raise no("other_source", f"the destination SVM mirrors {relation.source_path}", "Choose another destination SVM.", seen=plain(relation))
    if relation.identity_preservation not in ("", params["identity_preservation"]):
        raise no(
            "identity_differs",
            f"the relationship has identity_preservation {relation.identity_preservation}, asked for is {params['identity_preservation']}.",
            "ONTAP cannot raise it, and lowering takes network or protocol settings from the destination: delete the relationship and set it up anew.",
        )
    if relation.state == "paused" and params["state"] == "initialized":
        raise no(
            "paused",
            "the relationship is paused, as a failover does first.",
            "If none is under way, resume it (snapmirror resume) and run this again.",
            seen=relation.state,
        )


def _wanted(params: dict[str, Any], relation: Relationship | None) -> Wanted:
    given = params["transfer_schedule"]
    cron = given if policies.is_cron(given) else ""
    identity = params["identity_preservation"]
    policy = params.get("policy") or (relation.policy if relation else "") or f"kubedr_{identity}"
    return Wanted(identity, policy, policies.parse_cron(given).name if cron else given, cron)


def _look_shared(wanted: Wanted, clients: Sequence[OntapClient]) -> list[Shared]:
    """Schedule and policy on each cluster: named schedules exist, policies that exist will do."""
    found = []
    for client in clients:
        schedule = policies.find_schedule(client, wanted.schedule) if wanted.cron else policies.require_schedule(client, wanted.schedule)
        policy = policies.find_policy(client, wanted.policy)
        policies.check_policy(client, policy, wanted.identity_preservation)
        found.append(Shared(client, schedule, policy))
    return found


def _warn_of_interval(wanted: Wanted, shared: list[Shared], steps: Steps, source: OntapClient, source_svm: str) -> None:
    """Whether the schedule fires more often than SVM-DR keeps up with."""
    seen = shared[0].schedule
    minutes = policies.shortest_minutes(policies.parse_cron(wanted.cron).parts if wanted.cron else seen.cron if seen else ())
    if minutes < FLOOR_MINUTES:
        steps.warnings.append(f"The transfer schedule fires every {minutes} minutes; ONTAP's floor for SVM-DR is {FLOOR_MINUTES}.")
    elif minutes < FLEXGROUP_FLOOR_MINUTES and any(volume.style == "flexgroup" for volume in volumes.list_volumes(source, source_svm)):
        steps.warnings.append(f"The transfer schedule fires every {minutes} minutes; with FlexGroup volumes ONTAP's floor is {FLEXGROUP_FLOOR_MINUTES}.")


def _fires_as_wanted(wanted: Wanted, schedule: Schedule | None) -> bool:
    return schedule is not None and (not wanted.cron or policies.same_times(schedule.cron, policies.parse_cron(wanted.cron).parts))


def _shared_view(wanted: Wanted, shared: list[Shared]) -> dict[str, Any]:
    """Per site, their names where they are as wanted."""

    def schedule(found: Schedule | None) -> str:
        return wanted.schedule if _fires_as_wanted(wanted, found) else "other times" if found else ABSENT

    return {
        "schedule": {site(item.client): schedule(item.schedule) for item in shared},
        "policy": {site(item.client): item.policy.name if item.policy else ABSENT for item in shared},
    }


def _make_shared(wanted: Wanted, steps: Steps, shared: list[Shared], timeout: float) -> dict[str, Any]:
    """On both clusters: the way back needs them at the source."""
    identity = wanted.identity_preservation
    for item in shared:
        client = item.client
        if not _fires_as_wanted(wanted, item.schedule):
            cron = policies.parse_cron(wanted.cron)
            steps.step(f"schedule at {site(client)}", cron.expression, partial(policies.ensure_schedule, client, cron, timeout))
        if item.policy is None:
            steps.step(f"policy at {site(client)}", wanted.policy, partial(policies.ensure_policy, client, wanted.policy, identity, timeout))
    sites = [site(item.client) for item in shared]
    return {"schedule": dict.fromkeys(sites, wanted.schedule), "policy": dict.fromkeys(sites, wanted.policy)}


def _relationship(steps: Steps, client: OntapClient, seen: Relationship | None, wanted: Wanted, peered: svm_peer.Peered, timeout: float) -> Relationship:
    asked = {"policy": wanted.policy, "schedule": wanted.schedule, "identity_preservation": wanted.identity_preservation}
    if seen is None:
        alias, cluster, name = peered.alias, peered.wanted.source_cluster_name, peered.wanted.destination_svm

        def make() -> tuple[Relationship | None, bool]:
            return snapmirror.create(client, alias, cluster, name, wanted.policy, wanted.schedule, wanted.identity_preservation, timeout)

        return steps.step("relationship", asked, make, _view) or _predicted(wanted, f"{alias}:", f"{name}:", cluster)
    if seen.state == "paused":
        steps.warnings.append(f"The relationship {seen.path} is paused and was left so.")

    def change() -> tuple[Relationship, bool]:
        same = (seen.policy, seen.schedule) == (wanted.policy, wanted.schedule)
        return (seen, False) if same else snapmirror.modify(client, seen, timeout, policy=wanted.policy, schedule=wanted.schedule)

    changed = steps.step("relationship", asked, change, _view)
    return replace(changed, policy=wanted.policy, schedule=wanted.schedule) if steps.env.check_mode else changed


def _predicted(wanted: Wanted, source_path: str, destination_path: str, source_cluster: str) -> Relationship:
    """The relationship as it will be made."""
    return Relationship.from_record(
        {
            "source": {"path": source_path, "cluster": {"name": source_cluster}},
            "destination": {"path": destination_path},
            "state": "uninitialized",
            "healthy": True,
            "policy": {"name": wanted.policy},
            "transfer_schedule": {"name": wanted.schedule},
            "identity_preservation": wanted.identity_preservation,
        }
    )


def _initialize(steps: Steps, client: OntapClient, relation: Relationship, timeout: float) -> Relationship:
    def watch(seen: Relationship) -> None:
        moved = f", {seen.transfer.bytes_transferred} bytes" if seen.transfer and seen.transfer.active() else ""
        steps.env.reporter.progress(f"baseline of {seen.path}: {seen.state}{moved}")

    def baseline() -> tuple[Relationship, bool]:
        if not relation.uuid:
            return relation, True
        ready = relation.state == "snapmirrored" and relation.healthy and bool(relation.exported_snapshot)
        return (relation, False) if ready else snapmirror.initialize(client, relation, timeout, watch)

    done = steps.step("baseline", relation.path, baseline, _view)
    return replace(relation, state="snapmirrored", healthy=True) if steps.env.check_mode else done


def _view(relation: Relationship | None) -> Any:
    if relation is None:
        return ABSENT
    return {
        "path": relation.path,
        "state": relation.state,
        "policy": relation.policy,
        "schedule": relation.schedule,
        "identity_preservation": relation.identity_preservation,
    }
