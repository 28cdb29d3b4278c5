# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The end of a teardown that was asked for by name: the DR SVM and its volumes, deleted. Never the source's."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from .._dr import point
from .._dr.state import released
from .._errors import Refused
from .._ontap import snapmirror, svms, volumes
from .._ontap.models import Svm, Volume
from .reverse import data_volumes
from .walk import Run

REMOVE = "remove_svm"
"""The word that asks for it. Each data volume that goes with the SVM must be named beside it."""


def _data_volumes(run: Run) -> list[Volume]:
    """Clones before the volumes that they share their blocks with, which cannot go as long as they stand."""
    client, svm = run.destination.ontap, run.config.destination_svm
    found = data_volumes(client, svm)
    above = volumes.parents(client, svm) if any(point.is_clone(volume.name) for volume in found) else {}

    def depth(name: str, below: frozenset[str] = frozenset()) -> int:
        return 1 + depth(above[name], below | {name}) if name in above and name not in below else 0

    return sorted(found, key=lambda volume: -depth(volume.name))


def plan(run: Run, svm: Svm | None) -> list[str]:
    """What is still to be done, one sentence each."""
    if svm is None:
        return []
    site = run.destination.config.name
    going = [f"delete volume {volume.name} of {svm.name} at {site}, with all its snapshots" for volume in _data_volumes(run)]
    return [*going, f"delete SVM {svm.name} at {site}"]


def unnamed(run: Run, words: Collection[str]) -> list[str]:
    """Data volumes that would go, and that the consent does not name."""
    return [volume.name for volume in _data_volumes(run) if volume.name not in words]


def remove(run: Run, words: Collection[str]) -> None:
    """The volumes that the consent names, then the SVM. Looks again right before: it is stopped, no mirror, released, and not where the group serves.

    Raises:
        Refused: one of these is not so, or a volume stands there that nobody named.
    """
    client, name = run.destination.ontap, run.config.destination_svm
    svm = svms.find(client, name)
    if svm is None:
        return
    record = run.destination.records(run.config).read()[0] or {}
    wrong = [
        *(["it is not stopped"] if svm.state != "stopped" else []),
        *(["it has a relationship"] if snapmirror.find(client, name) is not None else []),
        *(["the record does not say that it was released"] if not released(record) else []),
        *([f"the group serves at {record.get('active_site')}"] if record.get("active_site") == run.destination.config.name else []),
        *(f"nobody named volume {volume}" for volume in unnamed(run, words)),
    ]
    if wrong:
        raise Refused(
            "not_removable", f"SVM {name} is not deleted: {'; '.join(wrong)}", system=client.system, operation="teardown", obj=name, seen=wrong,
            advice="Run teardown again and read what it says.",
        )
    for volume in _data_volumes(run):
        run.guard(run.destination)
        run.step("delete_volume", volume.name, partial(_delete_volume, run, volume))
    run.guard(run.destination)
    run.step("delete_svm", name, lambda: ({"absent": True}, svms.delete(client, svm, run.config.timeouts["peering"])))


def _delete_volume(run: Run, volume: Volume) -> tuple[Any, bool]:
    return {"absent": volume.name}, volumes.delete(run.destination.ontap, volume, run.config.timeouts["peering"])
