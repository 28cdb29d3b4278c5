# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The end of a run: its digest in the record, its lease given back. A run that changed nothing writes nothing."""

from __future__ import annotations

from typing import Any

from .._dr.seen import NoAnswer
from .._dr.state import State
from .._dr.statement import instant
from .._errors import AnswerLost, Unreachable
from .look import answered
from .walk import Run


def finish(run: Run, state: State, *, both: bool) -> None:
    """Write the digest and give back the lease where this run holds it.

    Args:
        both: also at the other side, for verbs that take the lease on both.
    """
    run.env.reporter.note(state_after=state.as_dict())
    record = run.last_record(run.destination) or run.destination.records(run.config).read()[0] or {}
    held = (record.get("lease") or {}).get("run_id") == run.run_id
    if not held and _not_ended(run, record, both=both):
        run.take_lease(run.destination)
        held = True
        run.step("end", run.verb, lambda: ({"ended": run.verb}, True))
    if held:
        digest = {"run_id": run.run_id, "verb": run.verb, "result": "succeeded", "at": instant(run.destination.kube.server_time), "state": state.as_dict()}

        def change(record: dict[str, Any]) -> None:
            record["digests"] = [*[d for d in record.get("digests") or () if d.get("run_id") != run.run_id], digest][-5:]
            if (record.get("lease") or {}).get("run_id") == run.run_id:
                record.pop("lease")
            if (record.get("planned") or {}).get("verb") == run.verb:
                record.pop("planned")

        run.let_go(run.destination)
        run.update(run.destination, change)
        if both:
            run.mirror(must=False)
    if both:
        try:
            run.release_lease(run.source)
        except (Unreachable, AnswerLost) as error:  # the promise was seen kept: its lease there runs out by itself
            run.env.reporter.progress(f"the lease at {run.source.config.name} could not be given back: {error.message}")


def _not_ended(run: Run, record: dict[str, Any], *, both: bool) -> bool:
    """Whether a planned run kept its promise and died before it said so: what it noted for its undoing must not outlive it."""
    other = answered(lambda: run.source.records(run.config).read()[0] or {}) if both else {}
    return any((found.get("planned") or {}).get("verb") == run.verb for found in (record, other) if not isinstance(found, NoAnswer))
