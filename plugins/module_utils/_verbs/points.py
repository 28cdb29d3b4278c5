# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""An unplanned failover to an older snapshot: chosen with the decision, served on clones once the SVM runs. On the destination cluster only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from .._dr import point
from .._dr.failover import View
from .._dr.seen import RelationSeen
from .._dr.words import Objects
from .._errors import Refused
from .._ontap import volumes
from .look import look_storage
from .walk import Run

NEWEST = "newest"
"""The word that gives an older snapshot up again, as long as no volume was moved for it and no object restored."""


def asked(run: Run) -> str:
    """What the operator says now: a snapshot's name, NEWEST, or nothing."""
    return str(run.options.get("snapshot") or "")


def choose(run: Run, view: View, epoch: int, *, again: bool = False) -> point.Point | None:
    """What the operator named, as it stands on the mirror; None without a name.

    Args:
        epoch: of the promotion that will serve it.
        again: a decision of this epoch is changed, so that this run's own break may have been sent.

    Raises:
        Refused: it cannot be served whole, or somebody else serves from this SVM already.
    """
    name = asked(run)
    if name in ("", NEWEST):
        return None
    relation = view.storage.incoming
    if not again and (relation is None or not relation.mirroring):
        raise _serves_already(run, relation)
    inside = point.mounted(view.storage)
    lists = run.env.together([partial(volumes.list_snapshots, run.destination.ontap, volume.uuid) for volume in inside])
    found = {volume.name: {s.name: point.Copy(s.create_time, s.key) for s in shown} for volume, shown in zip(inside, lists, strict=True)}
    return point.choose(name, view.storage, found, epoch, again=again)


def _serves_already(run: Run, relation: RelationSeen | None) -> Refused:
    return Refused(
        "serves_already", f"SVM {run.config.destination_svm} is no mirror any more, and its volumes may serve another group", operation="choose snapshot",
        system=run.destination.ontap.system, obj=run.config.destination_svm, seen=relation.state if relation else None,
        advice=f"Fail over with dr_snapshot={NEWEST}: no volume is moved then.",
    )


def stands(view: View) -> dict[str, Any]:
    """The point that was decided in this epoch; empty for the newest data."""
    return point.of_epoch(view.record) if view.in_epoch(view.record.get("point") or {}) else {}


def other_wanted(run: Run, view: View) -> bool:
    """Whether the operator asks for something else than what was decided."""
    return asked(run) not in ("", str(stands(view).get("snapshot") or NEWEST))


def refuse_settled(run: Run, view: View) -> None:
    """A choice may be changed as long as no volume was moved for it and no object was restored.

    Raises:
        Refused: it is too late.
    """
    serving = str(stands(view).get("snapshot") or "")
    gone = point.moved(view.record, view.storage) if serving else []
    if not gone and view.progress() == str(Objects.NONE):
        return
    raise Refused(
        "point_decided", f"epoch {view.record.get('epoch')} was decided for {f'snapshot {serving}' if serving else 'the newest data'}, and that is under way",
        operation=run.verb, obj=run.config.name, seen=gone,
        advice="Leave dr_snapshot out: a run that is repeated goes on as decided.",
    )


def looked_again(run: Run, view: View) -> View:
    """Under the lease: the storage and the record as they are now, which another run may have moved on."""
    run.take_lease(run.destination)
    record = run.destination.records(run.config).read()[0]
    storage = look_storage(run.destination, run.config.destination_svm, brief=True)
    return replace(view, storage=storage, objects=replace(view.objects, record=record))


def check_before_break(run: Run, view: View) -> None:
    """The last moment at which nothing is lost by a snapshot that is gone.

    Raises:
        Refused: it is, or another one has its name.
    """
    chosen, relation = stands(view), view.storage.incoming
    if chosen and (relation is None or not relation.mirroring):
        raise _serves_already(run, relation)
    by_name = {volume.name: volume for volume in volumes.list_volumes(run.destination.ontap, run.config.destination_svm)} if chosen else {}
    missing = [name for name in chosen.get("volumes") or () if name not in by_name]
    if missing:
        raise Refused(
            "point_changed", "the volume is gone", system=run.destination.ontap.system, operation="serve snapshot", obj=missing[0], advice=volumes.CHANGED,
        )
    run.env.together([
        partial(volumes.still_there, run.destination.ontap, by_name[name], str(chosen["snapshot"]), str(chosen["keys"][name]))
        for name in chosen.get("volumes") or ()
    ])


def serve(run: Run, view: View) -> tuple[Any, bool]:
    """All clones first, and only then each at the path that clients know: where one cannot be made, nothing has been moved.

    Raises:
        Refused: somebody changed the SVM or the decision meanwhile, or the lease is another run's.
        KubedrError: ONTAP refused, such as without the licence for FlexClone.
    """
    chosen, client, svm, deadline = view.record["point"], run.destination.ontap, run.config.destination_svm, run.config.timeouts["start"]
    clones = point.clones(chosen)
    before = _still_decided(run, chosen)
    before()
    made = run.env.together([
        partial(volumes.ensure_clone, client, svm, name, str(chosen["snapshot"]), str(chosen["keys"][name]), clones[name], deadline, before)
        for name in sorted(clones)
    ])
    run.env.reporter.progress(f"point: {len(made)} clones made")
    put = run.env.together([
        partial(volumes.put_in_place, client, svm, clones[name], name, path, deadline, before) for name, path in sorted(chosen["volumes"].items())
    ])
    return {path: clones[name] for name, path in sorted(chosen["volumes"].items())}, any(changed for _seen, changed in made) or any(put)


def _still_decided(run: Run, chosen: dict[str, Any]) -> Callable[[], None]:
    """For each write: the lease is ours, and this is still what was decided, with no object restored."""

    def check() -> None:
        run.guard(run.destination)
        record = run.last_record(run.destination)
        progress = (record.get("objects") or {}).get("state")
        if record.get("point") != chosen or progress not in (None, str(Objects.NONE)):
            raise Refused(
                "changed_meanwhile", "another run changed what was decided, or went on", system=run.destination.kube.system, operation="serve snapshot",
                obj=run.config.record_name, seen=record.get("point"),
                advice="Nothing further was moved. Run status.",
            )

    return check
