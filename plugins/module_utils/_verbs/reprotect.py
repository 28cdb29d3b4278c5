# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""`reprotect`: after a failover the old source becomes the mirror.

Fenced first, the loss stated and accepted, then resynced; its leftovers cleared; backups the other way.
"""

from __future__ import annotations

from typing import Any

from .._dr.seen import NoAnswer
from .._dr.state import derive
from .._dr.table import refusal
from .._dr.words import Storage, Verb
from .._errors import KubedrError, Refused, Unreachable
from .._kube import schedules
from . import reverse
from .finish import finish
from .leftovers import clear_leftovers
from .look import look_both
from .walk import Run


def open_phase(run: Run) -> dict[str, Any]:
    """Both sites must answer, and the group must serve at the destination."""
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen, run.config.rpo_seconds)
    no = refusal(Verb.REPROTECT, None, state)
    silent = next(
        (part for part in (seen.source_storage, seen.destination_storage, seen.source_objects, seen.destination_objects) if isinstance(part, NoAnswer)), None,
    )
    if silent is not None and (no is None or no.reason == "unknown_state"):
        raise Unreachable(
            f"a site gives no answer: {silent.why}", operation="reprotect", obj=run.config.name, seen=state.as_dict(),
            advice="Reprotect needs both sites. Nothing was touched.",
        )
    if no:
        raise Refused(no.reason, no.message, operation="reprotect", obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    run.env.reporter.note(state_before=state.as_dict(), verb="reprotect")
    return {"state": state.as_dict(), "done": False}


def fence_phase(run: Run) -> dict[str, Any]:
    """Stop the old source, both halves."""
    return reverse.fence_phase(run)


def clear_phase(run: Run) -> dict[str, Any]:
    """The old source's Kubernetes objects of the group, cleared for the next restore there."""
    clear_leftovers(run, run.source)
    return {}


def objects_phase(run: Run) -> dict[str, Any]:
    """A backup schedule at the side that serves now, under another name than the first one's."""
    here, there = run.env.together([side.records(run.config).read for side in (run.destination, run.source)])
    name = return_schedule(run)
    wish = schedules.Wish({
        "schedule": run.config.backup_cron,
        "template": {
            "includedNamespaces": ["*"], "excludedNamespaces": [*run.config.excluded_namespaces, run.destination.ark.namespace],
            "includeClusterResources": True,
            "ttl": run.config.backup_ttl, **({"storageLocation": run.destination.ark.storage_location} if run.destination.ark.dialect.has_read_only else {}),
        },
    })
    found, changed = schedules.ensure(run.destination.kube, run.destination.ark, name, wish, check_mode=run.env.check_mode)
    if changed:
        run.step("return_schedule", name, lambda: ({"name": name, "there": found is not None}, True))
    wanted = {"name": name, "site": run.config.destination.name}
    if not run.env.check_mode:
        if (here[0] or {}).get("return_schedule") != wanted:
            run.update(run.destination, lambda record: record.update(return_schedule=wanted))
        if (there[0] or {}).get("return_schedule") != wanted:  # also what a run that died between the two left: the way home goes by the other's record
            run.mirror(must=True)
    return {}


def return_schedule(run: Run) -> str:
    """Names of backups in one bucket must tell whose they are."""
    return f"{run.config.backup_schedule}-{run.config.destination.name}"


def close_phase(run: Run) -> dict[str, Any]:
    """Promise: the reverse relationship is in step.

    Raises:
        KubedrError: it is not.
    """
    state = derive(look_both(run.config, run.source, run.destination, deep=False), run.config.rpo_seconds)
    if run.env.check_mode:
        return {"state": state.as_dict()}
    if state.storage is not Storage.REPROTECTED:
        raise KubedrError(
            f"the group is {state.storage}: {state.why}", operation="reprotect", obj=run.config.name, seen=state.as_dict(), advice="Run reprotect again.",
        )
    finish(run, state, both=True)
    return {"state": state.as_dict()}
