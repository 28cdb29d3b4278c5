# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""`failback`: a promotion in the turned direction, then the forward resync, then the other side's leftovers. "Source" is the site given as destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._dr.seen import NoAnswer, StorageSeen
from .._dr.state import derive
from .._dr.statement import instant, parse_instant
from .._dr.table import refusal
from .._dr.words import Mode, Storage, Verb
from .._errors import KubedrError, Refused, Unreachable
from .._kube import schedules
from .._ontap import snapmirror
from . import failover, planned, reverse, rollback
from .finish import finish
from .leftovers import CLEARING, clear_leftovers
from .look import look_both, look_storage
from .walk import Run


def open_phase(run: Run) -> dict[str, Any]:
    """Planned: both sites. Unplanned: only the one that is to serve."""
    if run.mode != str(Mode.PLANNED):
        _refuse_never_in_step(run)
        return failover.open_phase(run)
    if not planned.decided(run):
        return planned.open_phase(run)
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen.turned(), run.config.rpo_seconds)
    at_home = state.storage in (Storage.PROTECTED, Storage.DEGRADED)
    no = refusal(Verb.FAILBACK, Mode.PLANNED, state)
    if no and not at_home:
        raise Refused(no.reason, no.message, operation="failback", obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    silent = next((part for part in (seen.source_storage, seen.source_objects) if isinstance(part, NoAnswer)), None)
    if silent is not None:
        raise Unreachable(
            f"site {run.config.source.name} gives no answer: {silent.why}", operation="failback", obj=run.config.name, seen=state.as_dict(),
            advice="The forward resync needs it.",
        )
    run.env.reporter.note(state_before=state.as_dict(), verb="failback", mode=run.mode)
    return {"state": state.as_dict(), "done": at_home and _forgotten(run)}


def _refuse_never_in_step(run: Run) -> None:
    """Until the first reverse transfer has ended, this side shows what was before the failover: to promote that would throw away all that was written since."""
    record = run.destination.records(run.config).read()[0] or {}
    broken = parse_instant((record.get("broken") or {}).get("at"))
    if broken is None or planned.decided(run):
        return
    mirror = look_storage(run.destination, run.config.destination_svm).incoming
    if mirror is None or not mirror.mirroring:
        return
    if not mirror.snapshot or (mirror.snapshot_at is not None and mirror.snapshot_at < broken):
        raise Refused(
            "not_reprotected",
            f"the mirror here shows what was at {instant(mirror.snapshot_at) or 'an unknown time'}, before the failover at {instant(broken)}",
            system=run.destination.ontap.system, operation="failback", obj=run.config.name,
            seen={"snapshot": mirror.snapshot, "snapshot_at": instant(mirror.snapshot_at)},
            advice=f"Reprotect had not come to its end. What was written since the failover is at {run.config.source.name} only: bring that site back.",
        )


def fence_phase(run: Run) -> dict[str, Any]:
    """The side that was left must be stopped before it is overwritten; it may have come back running."""
    return {} if run.mode != str(Mode.PLANNED) else reverse.fence_phase(run)


def reverse_phase(run: Run) -> dict[str, Any]:
    """The forward resync. Clients are let in long since; nothing that serves is touched. FlexGroups: the relationship home is deleted first."""
    return {} if run.mode != str(Mode.PLANNED) else reverse.reverse_phase(run)


def clear_phase(run: Run) -> dict[str, Any]:
    """The relationship home deleted and released, the other side's objects cleared, its schedule taken away unless another group needs it."""
    if run.mode != str(Mode.PLANNED):
        return {}
    if not reverse.in_step(reverse.relation_back(run)):
        if run.env.check_mode:
            run.would("clear", run.config.source.name)
            return {}
        raise Refused("out_of_order", "the forward relationship is not in step yet", operation="failback", obj=run.config.name, advice="Run failback again.")
    home = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    if home is not None:
        _delete_home(run, home.path)
    if not run.env.check_mode:
        _release_home(run)
    clear_leftovers(run, run.source)
    _end_schedule(run)
    return {}


def _delete_home(run: Run, path: str) -> None:
    if run.env.check_mode:
        run.would("delete_reverse", path)
        return
    for side in (run.destination, run.source):
        run.take_lease(side)
    home = snapmirror.find(run.destination.ontap, run.config.destination_svm)
    if home is not None:
        run.guard(run.destination)
        run.step(
            "delete_reverse", path,
            lambda: ({"deleted": True}, snapmirror.delete(run.destination.ontap, home, run.config.timeouts["peering"], destination_only=True)[1]),
        )


def _release_home(run: Run) -> None:
    """What the other side still remembers of the relationship home; a run that died between the two left just that."""
    if snapmirror.list_destinations(run.source.ontap, run.config.source_svm):
        for side in (run.destination, run.source):
            run.take_lease(side)
    reverse.release_stale(run, run.source.ontap, run.config.source_svm, run.config.destination_svm)


def _end_schedule(run: Run) -> None:
    """The schedule of the way home serves every group that is away: it ends with the last of them. The first one's is put back if it was held."""
    record = run.destination.records(run.config).read()[0] or {}
    name = str((record.get("return_schedule") or {}).get("name") or "")
    client, ark = run.source.kube, run.source.ark
    if name and not _others_away(run) and schedules.read(client, ark, name) is not None:
        if run.env.check_mode:
            run.would("return_schedule", name)
        else:
            run.step("return_schedule", name, lambda: ({"absent": True}, schedules.absent(client, ark, name)[1]))
    held = (record.get("held_schedule") or {}) if not run.env.check_mode else {}
    if held:
        put_back(run, held)
    if not run.env.check_mode and not _forgotten(run):
        run.update(run.destination, _forget)
        run.mirror(must=False)


OF_THE_WAY_HOME = ("return_schedule", "held_schedule", "planned", CLEARING)
"""What the record holds until the last step of a failback."""


def _forget(record: dict[str, Any]) -> None:
    for key in OF_THE_WAY_HOME:
        record.pop(key, None)


def _forgotten(run: Run) -> bool:
    """Whether a failback came to its last step, on both sides: one that was killed before it has leftovers to clear."""
    records = [side.records(run.config).read()[0] or {} for side in (run.destination, run.source)]
    return not any(record.get(key) for record in records for key in OF_THE_WAY_HOME)


def put_back(run: Run, held: Mapping[str, Any]) -> None:
    """A schedule that was paused or taken away before the failover, as it was."""
    client, ark = run.destination.kube, run.destination.ark
    wish = rollback.schedule_wish(held, ark.dialect.has_paused)
    run.step("schedule", held["name"], lambda: ({"name": held["name"]}, schedules.ensure(client, ark, str(held["name"]), wish)[1]))


def _others_away(run: Run) -> bool:
    """Whether another group's record says that it serves at the site that this one leaves."""
    for item in run.source.kube.items(f"/api/v1/namespaces/{run.source.ark.namespace}/configmaps", label_selector="app.kubernetes.io/managed-by=kubedr.ontap"):
        name = str(item["metadata"]["name"])
        if name == run.config.record_name or not name.startswith("kubedr-"):
            continue
        if f'"active_site": "{run.config.source.name}"' in str((item.get("data") or {}).get("record") or ""):
            return True
    return False


def close_phase(run: Run) -> dict[str, Any]:
    """Planned: protected again in the first direction. Unplanned: the source serves, and is verified.

    Raises:
        KubedrError: the promise is not kept.
    """
    if run.mode != str(Mode.PLANNED):
        return failover.close_phase(run)
    seen = look_both(run.config, run.source, run.destination, deep=False).turned()
    state = derive(seen, run.config.rpo_seconds)
    if run.env.check_mode:
        return {"state": state.as_dict()}
    if state.storage is not Storage.PROTECTED:
        raise KubedrError(
            f"the group is {state.storage}: {state.why}", operation="failback", obj=run.config.name, seen=state.as_dict(), advice="Run failback again.",
        )
    facts: dict[str, Any] = {}
    storage = seen.source_storage
    if isinstance(storage, StorageSeen):
        _seen, view, _state = failover.look(run)
        facts = failover.tell(run, view)
    finish(run, state, both=True)
    return {"state": state.as_dict(), **facts}
