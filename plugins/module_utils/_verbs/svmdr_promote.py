# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""States ``broken_off`` and ``serving`` of module ``svmdr``: the destination becomes writable, and serves. Works with the source's site dead."""

from __future__ import annotations

from typing import Any

from .._errors import AnswerLost, Refused, Unreachable
from .._ontap import snapmirror, svms
from .._ontap.client import OntapClient
from .._ontap.models import Relationship, Svm
from .._ontap.parse import plain
from .steps import ABSENT, Steps


def run(params: dict[str, Any], steps: Steps, source: OntapClient | None, destination: OntapClient, timeout: float) -> dict[str, Any]:
    """Pause, abort, break; with ``serving`` also start the SVM and see its LIFs up and its volumes writable.

    The source cluster is only asked whether its SVM is stopped, and only if it was given and something is to be done.

    Raises:
        Refused: ``no_relationship``, ``uninitialized``, ``source_running``, ``source_unknown``.
    """
    name, force, serve = params["destination_svm"], params["force"], params["state"] == "serving"
    relation, svm = snapmirror.find(destination, name), svms.find(destination, name)
    if relation is None or svm is None:
        raise Refused(
            "no_relationship",
            "there is no SVM-DR relationship into this SVM.",
            system=destination.system,
            operation="break off",
            obj=name,
            advice="Check destination_svm.",
        )
    if relation.state == "uninitialized":
        raise Refused(
            "uninitialized", "the relationship has no baseline: there is nothing to serve.", system=destination.system, operation="break off", obj=relation.path
        )
    before = _view(relation, svm)
    if relation.state != "broken_off" or (serve and svm.state != "running"):
        _require_source_down(params, source, force)
    relation = _break(steps, destination, relation, force, timeout)
    after = {"relationship": "broken_off", "destination_svm": "default", "state": svm.state}
    if serve:
        _start(steps, destination, svms.find(destination, name) or svm, force, timeout)
        after["state"] = "running"
    if not steps.env.check_mode:
        after = _view(relation, svms.find(destination, name))
    return steps.result(before, after, relationship=plain(relation))


def _break(steps: Steps, client: OntapClient, relation: Relationship, force: bool, timeout: float) -> Relationship:
    def watch(seen: Relationship) -> None:
        steps.env.reporter.progress(f"break off {seen.path}: {seen.state}")

    if relation.state == "broken_off":
        return relation
    steps.step("pause", relation.path, lambda: snapmirror.pause(client, relation, timeout, watch, wait=False), _state)
    steps.step("abort transfers", relation.path, lambda: snapmirror.abort_transfers(client, relation, timeout))
    return steps.step("break off", {"force": force}, lambda: snapmirror.break_off(client, relation, force, timeout, watch), _state)


def _start(steps: Steps, client: OntapClient, svm: Svm, force: bool, timeout: float) -> None:
    def watch(seen: Svm) -> None:
        steps.env.reporter.progress(f"start {seen.name}: {seen.state}")

    steps.step("start SVM", {"force": force}, lambda: svms.start(client, svm, timeout, watch, force=force))
    if not steps.env.check_mode:
        steps.step("serve", svm.name, lambda: (svms.wait_serving(client, svm.name, timeout), False))


def _require_source_down(params: dict[str, Any], source: OntapClient | None, force: bool) -> None:
    """No two writable copies: the source SVM was seen stopped, or cannot be seen and ``force`` carries the caller's word for it."""
    obj = f"{params['source_svm']}: -> {params['destination_svm']}:"
    advice = "With proof that the source is down, say force: true."
    if source is None:
        if not force:
            raise Refused("source_unknown", "the source cluster was not given, so its SVM's state is not known.", operation="break off", obj=obj, advice=advice)
        return
    brief = OntapClient(source.transport, source.clock, source.system, source.timeout, retries=0)
    try:
        svm = svms.find(brief, params["source_svm"])
    except (Unreachable, AnswerLost) as error:
        if force:
            return
        raise Refused(
            "source_unknown",
            f"the source cluster gives no answer, so its SVM's state is not known: {error.message}",
            system=source.system,
            operation="break off",
            obj=obj,
            advice=advice,
        ) from None
    if svm is None and not force:
        raise Refused(
            "source_unknown", f"there is no SVM {params['source_svm']} on the source cluster, so nothing was seen stopped.", system=source.system,
            operation="break off", obj=obj,
            advice=f"Check source_svm. {advice}",
        )
    if svm is not None and svm.state != "stopped":
        raise Refused(
            "source_running",
            f"the source SVM is {svm.state}: there would be two writable copies.",
            system=source.system,
            operation="break off",
            obj=obj,
            seen=plain(svm),
            advice="Stop it first (fence).",
        )


def _state(relation: Relationship) -> str:
    return relation.state


def _view(relation: Relationship | None, svm: Svm | None) -> dict[str, Any]:
    return {"relationship": relation.state if relation else ABSENT, "destination_svm": svm.subtype if svm else ABSENT, "state": svm.state if svm else ABSENT}
