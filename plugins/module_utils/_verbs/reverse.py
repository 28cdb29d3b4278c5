# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The relationship the other way: `reprotect` after a promotion, and in the turned direction the forward resync that ends a failback.

"Source" is the side that was left, whose SVM is overwritten; "destination" is the side that serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .._dr.loss import Loss, check_accepted, volume_loss
from .._dr.statement import exact_instant, instant
from .._errors import KubedrError, Refused
from .._ontap import snapmirror, svm_peering, svms, volumes
from .._ontap.client import OntapClient
from .._ontap.models import Relationship, Volume
from . import fence
from .walk import Run

FLEXGROUP = "flexgroup"


def data_volumes(client: OntapClient, svm: str) -> list[Volume]:
    """Everything but the root volume, whose own content is never replicated."""
    return [volume for volume in volumes.list_volumes(client, svm) if volume.junction != "/"]


def measure(run: Run) -> Loss:
    """What a resync towards the source would discard now. ``still`` only if its SVM is seen stopped."""
    record, _version = run.destination.records(run.config).read()
    kept = {volume.name: volume for volume in data_volumes(run.destination.ontap, run.config.destination_svm)}
    found = []
    for volume in data_volumes(run.source.ontap, run.config.source_svm):
        mine = [
            {"name": s.name, "key": s.key, "created_at": exact_instant(s.create_time), "bytes_after": s.bytes_after}
            for s in volumes.list_snapshots(run.source.ontap, volume.uuid, delta=True)
        ]
        other = kept.get(volume.name)
        theirs = None if other is None else [s.key for s in volumes.list_snapshots(run.destination.ontap, other.uuid)]
        found.append(volume_loss(volume.name, mine, theirs))
    svm = svms.find(run.source.ontap, run.config.source_svm)
    if svm is None or (kept and not found):
        raise Refused(
            "volumes_unseen", f"{'no SVM' if svm is None else 'no volume of SVM'} {run.config.source_svm} is shown", system=run.source.ontap.system,
            operation=run.verb,
            obj=run.config.name, advice="What would be lost cannot be told. Look at that cluster, and run it again.",
        )
    return Loss(
        run.config.name, int((record or {}).get("epoch") or 0), run.config.source_svm, tuple(found), still=svm.state == "stopped",
        shown=_final_transfer_shown(record or {}),
    )


def _final_transfer_shown(record: Mapping[str, Any]) -> bool:
    """The record shows that this promotion's final transfer began after the side that was left was seen stopped."""
    promotion = record.get("run") or {}
    return promotion.get("epoch") == record.get("epoch") and bool(promotion.get("final_transfer"))


def relation_back(run: Run) -> Relationship | None:
    """The relationship whose destination is the source's SVM."""
    return snapmirror.find(run.source.ontap, run.config.source_svm)


def in_step(relation: Relationship | None) -> bool:
    """A mirror, healthy, with nothing under way."""
    return relation is not None and relation.state == "snapmirrored" and relation.healthy and not relation.transferring()


def fence_phase(run: Run) -> dict[str, Any]:
    """The side that was left is stopped first, both halves, so that the loss stands still.

    Its record is brought up to date before that: it may be of before the promotion, and would decide the next one there.
    """
    if not run.env.check_mode and _record_behind(run):
        for side in (run.destination, run.source):
            run.take_lease(side)
        run.step("record_source", run.config.source.name, lambda: _mirrored(run))
    if in_step(relation_back(run)):
        return {}
    for half, result in (("workloads", fence.workloads_phase(run)), ("storage", fence.storage_phase(run))):
        missing = (result.get("missing") or {}).get(half)
        if missing:
            raise KubedrError(missing, operation=run.verb, obj=run.config.name, advice="Both halves must be seen stopped before anything is discarded.")
    return {}


def _mirrored(run: Run) -> tuple[Any, bool]:
    run.mirror(must=True)
    return {"record": run.config.source.name}, True


def _record_behind(run: Run) -> bool:
    here, there = (side.records(run.config).read()[0] or {} for side in (run.destination, run.source))
    return any(here.get(key) != there.get(key) for key in ("epoch", "active_site", "run", "objects", "exports"))


def reverse_phase(run: Run) -> dict[str, Any]:
    """State the loss, see it accepted, read it again right before, and resync.

    Raises:
        Refused: the loss is not accepted, grew since, or no common snapshot is left.
    """
    relation = relation_back(run)
    if in_step(relation):
        return {}
    if relation is not None and relation.state in ("snapmirrored", "paused"):
        if not run.env.check_mode:
            _bring_in_step(run, relation)
        return {}
    loss = measure(run)
    run.env.reporter.note(loss=loss.as_dict(), message="\n".join(loss.sentences()))
    if run.env.check_mode:
        run.would("resync", loss.as_dict())
        return {"loss": loss.as_dict()}
    check_accepted(loss, run.options.get("accept_loss"), run.verb)
    for side in (run.destination, run.source):
        run.take_lease(side)
    relation = _relation_made(run, relation)
    again = measure(run)
    if again.token != loss.token or not again.still:
        check_accepted(again, run.options.get("accept_loss") if again.still else "the loss that was stated before", run.verb)
    _proof_ends(run)
    seen = run.step("resync", loss.as_dict(), lambda: _resync(run, relation))
    return {"loss": loss.as_dict(), "relationship": seen}


def _proof_ends(run: Run) -> None:
    """In both records, and before the resync: from here on the side that was left is a mirror again, which its own site may promote without a word to this one.

    Whatever was proved of it at the last promotion then says nothing any more where it gives no answer. The write stands for ``guard``.
    """

    def change(record: dict[str, Any]) -> None:
        record["mirrored"] = {"epoch": record["epoch"]}

    run.commit(run.destination, change)
    run.mirror(must=True)


def _relation_made(run: Run, relation: Relationship | None) -> Relationship:
    if relation is not None:
        return relation
    if any(volume.style == FLEXGROUP for volume in data_volumes(run.destination.ontap, run.config.destination_svm)):
        _release_other(run)
    run.step("create_reverse", f"{run.config.destination_svm}: -> {run.config.source_svm}:", lambda: _brief(*_create(run)))
    return _must(run)


def _must(run: Run) -> Relationship:
    found = relation_back(run)
    if found is None:
        raise KubedrError(
            "the relationship was made and is not there", system=run.source.ontap.system, operation=run.verb, obj=run.config.name, advice="Run it again.",
        )
    return found


def _brief(relation: Relationship | None, changed: bool) -> tuple[dict[str, Any], bool]:
    return {"state": relation.state if relation else "absent", "path": relation.path if relation else ""}, changed


def _release_other(run: Run) -> None:
    """FlexGroups: two relationships cannot stand side by side.

    The intent goes into both records, then the other is deleted here and released there, keeping every snapshot.
    """
    other = snapmirror.find(run.destination.ontap, run.config.destination_svm)

    def change(record: dict[str, Any]) -> None:
        record["reprotect"] = {"epoch": record["epoch"], "policy": other.policy if other else "", "schedule": other.schedule if other else ""}

    if other is not None:
        run.update(run.destination, change)
        run.mirror(must=True)
        run.guard(run.destination)
        deadline = run.config.timeouts["peering"]
        run.step("delete_forward", other.path, lambda: ({"deleted": True}, snapmirror.delete(run.destination.ontap, other, deadline, destination_only=True)[1]))
    release_stale(run, run.source.ontap, run.config.source_svm, run.config.destination_svm)


def release_stale(run: Run, client: OntapClient, source_svm: str, other_svm: str) -> None:
    """What the source of a deleted relationship still remembers of it; snapshots stay, later resyncs need them."""
    for entry in snapmirror.list_destinations(client, source_svm):
        if entry.destination_path.rstrip(":").endswith(other_svm):
            run.guard(run.destination)
            run.step("release", entry.path, partial(_released, client, entry.uuid, run.config.timeouts["peering"]))


def _released(client: OntapClient, uuid: str, deadline: float) -> tuple[Any, bool]:
    return {"released": uuid}, snapmirror.release(client, uuid, deadline, info_only=True)[1]


def _create(run: Run) -> tuple[Relationship | None, bool]:
    """Made with the other one's policy and schedule, which set-up put on both clusters."""
    client = run.source.ontap
    record, _version = run.destination.records(run.config).read()
    known = (record or {}).get("reprotect") or {}
    other = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    policy, schedule = (other.policy, other.schedule) if other else (str(known.get("policy") or ""), str(known.get("schedule") or ""))
    alias, cluster = _alias(client, run)
    return snapmirror.create(client, alias, cluster, run.config.source_svm, policy, schedule, str(run.config.identity), run.config.timeouts["peering"])


def _alias(client: OntapClient, run: Run) -> tuple[str, str]:
    """How this cluster calls the other SVM, and its cluster."""
    other = svms.cluster(run.destination.ontap)
    peers = svm_peering.svm_peers(client, run.config.source_svm, run.config.destination_svm, frozenset([other.name]))
    if not peers:
        raise Refused(
            "no_svm_peer", f"SVM {run.config.source_svm} has no peering with {run.config.destination_svm}", system=client.system, operation=run.verb,
            obj=run.config.name,
            advice="It was there at set-up. Look who deleted it.",
        )
    return peers[0].name, peers[0].peer_cluster or other.name


def _look(run: Run, seen: Relationship) -> None:
    for side in (run.destination, run.source):
        run.renew(side)
    run.env.reporter.progress(f"resync: {seen.state}{', transferring' if seen.transferring() else ''}")


def _resync(run: Run, relation: Relationship) -> tuple[Any, bool]:
    done, changed = snapmirror.resync(run.source.ontap, relation, run.config.timeouts["baseline"], lambda seen: _look(run, seen))
    return {"state": done.state, "healthy": done.healthy, "snapshot": done.exported_snapshot, "at": instant(run.source.ontap.server_time)}, changed


def _bring_in_step(run: Run, relation: Relationship) -> None:
    for side in (run.destination, run.source):
        run.take_lease(side)
    _proof_ends(run)
    run.step("resync", run.config.source_svm, lambda: _wait_in_step(run, relation))


def _wait_in_step(run: Run, relation: Relationship) -> tuple[Any, bool]:
    """A resync that a killed run began is watched to its end; a mirror that is paused or fell behind gets one transfer."""
    if relation.state == "paused":
        relation, _changed = snapmirror.resume(run.source.ontap, relation, run.config.timeouts["transfer"])
    if not relation.transferring():
        done, _changed = snapmirror.transfer(run.source.ontap, relation, run.config.timeouts["baseline"], lambda seen: _look(run, seen))
        return {"state": done.state, "healthy": done.healthy}, True
    done, changed = snapmirror.resync(run.source.ontap, relation, run.config.timeouts["baseline"], lambda seen: _look(run, seen))
    return {"state": done.state, "healthy": done.healthy}, changed
