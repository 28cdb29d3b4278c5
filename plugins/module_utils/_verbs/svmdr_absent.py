# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""State ``absent`` of module ``svmdr``: the relationship goes, the data stay. Volumes, snapshots, SVMs and peerings are kept on both sides."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._errors import AnswerLost, Refused, Unreachable
from .._ontap import snapmirror, svms
from .._ontap.client import OntapClient
from .._ontap.models import Relationship, Svm
from .._ontap.parse import plain
from .steps import ABSENT, Steps, site


def run(params: dict[str, Any], steps: Steps, source: OntapClient | None, destination: OntapClient, timeout: float) -> dict[str, Any]:
    """Delete at the destination, then release at the source with its snapshots kept, so that a later resync remains possible.

    Raises:
        Refused: ``consent_missing``: ``consent`` must name what is given up: ``unprotect`` always, ``failed_over`` where the destination is, or was, the active
            side, ``leave_source`` where the source cannot be told.
    """
    relation, svm = snapmirror.find(destination, params["destination_svm"]), svms.find(destination, params["destination_svm"])
    entries = _entries(params, source)
    _require_consent(params, destination, relation, svm, entries)
    before = {"relationship": relation.path if relation else ABSENT, "entries_at_source": len(entries or [])}
    if relation is not None:
        if relation.state != "broken_off":
            steps.step("pause", relation.path, lambda: snapmirror.pause(destination, relation, timeout, wait=False))
            steps.step("abort transfers", relation.path, lambda: snapmirror.abort_transfers(destination, relation, timeout))
        steps.step(f"delete relationship at {site(destination)}", relation.path, lambda: snapmirror.delete(destination, relation, timeout))
    for entry in entries or []:
        if source is not None:
            steps.step(f"release relationship at {site(source)}", entry.path, partial(snapmirror.release, source, entry.uuid, timeout))
    return steps.result(before, {"relationship": ABSENT, "entries_at_source": 0 if entries is not None else before["entries_at_source"]}, relationship=None)


def _entries(params: dict[str, Any], source: OntapClient | None) -> list[Relationship] | None:
    """What the source remembers of this relationship; None where it cannot be asked."""
    if source is None:
        return None
    brief = OntapClient(source.transport, source.clock, source.system, source.timeout, retries=0)
    try:
        found = snapmirror.list_destinations(brief, params["source_svm"])
    except (Unreachable, AnswerLost):
        return None
    return [entry for entry in found if entry.destination_path in (f"{params['destination_svm']}:", "")]


def _require_consent(
    params: dict[str, Any],
    destination: OntapClient,
    relation: Relationship | None,
    svm: Svm | None,
    entries: list[Relationship] | None,
) -> None:
    if relation is None and not entries:
        return
    active_here = relation is not None and (relation.state == "broken_off" or (svm is not None and svm.subtype == "default"))
    needed = {
        "unprotect": (relation is not None, "the group is no longer protected"),
        "failed_over": (active_here, "the destination is or was the active side, and without the relationship there is no way back by resync"),
        "leave_source": (entries is None, "the source cannot be told, and keeps its entry and its base snapshots"),
    }
    missing = {word: why for word, (applies, why) in needed.items() if applies and word not in params["consent"]}
    if missing:
        raise Refused(
            "consent_missing",
            "; ".join(f"{why} ({word})" for word, why in missing.items()) + ".",
            system=destination.system,
            operation="delete relationship",
            obj=relation.path if relation else params["destination_svm"],
            seen=plain(relation),
            advice=f"To go on, say consent: [{', '.join(missing)}].",
        )
