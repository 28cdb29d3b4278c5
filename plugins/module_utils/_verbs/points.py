# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""An unplanned failover to an older snapshot: chosen with the decision, served on clones once the SVM runs. On the destination cluster only."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._dr import point
from .._dr.failover import View
from .._errors import Refused
from .._ontap import volumes
from .walk import Run

NEWEST = "newest"
"""The word that gives an older snapshot up again, as long as no clone serves it."""


def wanted(run: Run) -> str:
    """The snapshot that the operator names; empty for the newest."""
    name = str(run.options.get("snapshot") or "")
    return "" if name == NEWEST else name


def choose(run: Run, view: View) -> point.Point | None:
    """What the operator named, as it stands on the mirror; None without a name.

    Raises:
        Refused: no volume has it.
    """
    name = wanted(run)
    if not name:
        return None
    inside = point.mounted(view.storage)
    lists = run.env.together([partial(volumes.list_snapshots, run.destination.ontap, volume.uuid) for volume in inside])
    found = {volume.name: {snapshot.name: snapshot.create_time for snapshot in shown} for volume, shown in zip(inside, lists, strict=True)}
    return point.choose(name, view.storage, found)


def refuse_other(run: Run, view: View) -> None:
    """A run that goes on from a decision serves what was decided.

    Raises:
        Refused: the operator names something else; the newest may be asked for as long as every volume is where clients know it.
    """
    asked, record = str(run.options.get("snapshot") or ""), view.record
    stands = point.of_epoch(record) if view.in_epoch(record.get("point") or {}) else {}
    serving = str(stands.get("snapshot") or "")
    moved = point.moved(record, view.storage) if serving else []
    if not asked or asked == (serving or NEWEST) or (asked == NEWEST and not moved):
        return
    raise Refused(
        "point_decided", f"epoch {record.get('epoch')} was decided for {f'snapshot {serving}' if serving else 'the newest data'}", operation=run.verb,
        obj=run.config.name, seen=moved,
        advice=f"Leave dr_snapshot out: a run that is repeated goes on as decided.{f' Or say {NEWEST}.' if serving and not moved else ''}",
    )


def newest_after_all(run: Run, view: View) -> None:
    """Gives the older snapshot up again, where the operator says so and nothing was done for it that clients would see: the way out where clones fail.

    Raises:
        Refused: as above.
    """
    refuse_other(run, view)
    if str(run.options.get("snapshot") or "") == NEWEST and view.in_epoch(view.record.get("point") or {}) and not run.env.check_mode:
        run.take_lease(run.destination, view.record)
        run.step("newest", "serve the newest data after all", lambda: (_forget(run), True))


def _forget(run: Run) -> str:
    run.commit(run.destination, lambda record: record.pop("point", None) and None)
    return NEWEST


def serve(run: Run, view: View) -> tuple[Any, bool]:
    """Clones of the recorded snapshot at the paths that clients know; each seen there.

    Raises:
        Refused: somebody changed the SVM meanwhile.
        KubedrError: ONTAP refused, such as without the licence for FlexClone.
    """
    run.guard(run.destination)
    stands, client = view.record["point"], run.destination.ontap
    clones = {name: point.clone_name(name, int(view.record["epoch"])) for name in stands["volumes"]}

    def progress(seen: volumes.Pair) -> None:
        run.renew(run.destination)
        run.env.reporter.progress(f"point: {seen[1].name if seen[1] else 'no clone yet'}")

    found = run.env.together([
        partial(
            volumes.serve_clone, client, run.config.destination_svm, name, str(stands["snapshot"]), clones[name], path, run.config.timeouts["start"], progress,
        )
        for name, path in sorted(stands["volumes"].items())
    ])
    return {path: clones[name] for name, path in sorted(stands["volumes"].items())}, any(changed for _seen, changed in found)
