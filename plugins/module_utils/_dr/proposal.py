# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What `status` proposes: from each state the verb that leads on, until the group is protected again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .state import State
from .words import SERVING_AT_DESTINATION, Mode, Objects, Storage, Verb

Proposal = dict[str, str]
"""``verb``, and ``dr_mode`` or ``dr_fence`` where the verb takes one."""

S = Storage
SETUP: Proposal = {"verb": str(Verb.SETUP)}
FENCE: Proposal = {"verb": str(Verb.FENCE)}
LIFT: Proposal = {**FENCE, "dr_fence": "lift"}
REPROTECT: Proposal = {"verb": str(Verb.REPROTECT)}
FAILOVER: Proposal = {"verb": str(Verb.FAILOVER), "dr_mode": str(Mode.PLANNED)}
FAILBACK: Proposal = {"verb": str(Verb.FAILBACK), "dr_mode": str(Mode.PLANNED)}

_ALWAYS: dict[Storage, tuple[Proposal, ...]] = {
    S.UNPROTECTED: (SETUP,), S.INITIALIZING: (SETUP,), S.FENCED: (LIFT, FAILOVER), S.SPLIT_BRAIN: (FENCE,), S.REPROTECTING: (REPROTECT,),
    S.REPROTECTED: (FAILBACK,), S.FAILING_BACK: (FAILBACK,), S.FAILED_BACK: (FAILBACK,), S.FAILED_BACK_UNFENCED: (FAILBACK,),
}


def proposals(state: State, record: Mapping[str, Any]) -> tuple[Proposal, ...]:
    """The verbs that lead on, the one that leads towards ``protected`` first. None where nothing is to be done, or where only a system's return helps."""
    if state.storage is S.FAILING_OVER or (state.storage in SERVING_AT_DESTINATION and state.objects in (Objects.NONE, Objects.RESTORING, Objects.FAILED)):
        return ({**FAILOVER, "dr_mode": _begun(record)},)
    if state.storage is S.FENCED and _decided(record):
        return ({**FAILOVER, "dr_mode": _begun(record)}, LIFT)
    if state.storage in SERVING_AT_DESTINATION:
        return (REPROTECT,)
    held = (LIFT,) if _held(record) else ()
    if state.storage is S.PROTECTED:
        return held
    if state.storage is S.DEGRADED:
        return (*held, SETUP)
    return _ALWAYS.get(state.storage, ())


def _begun(record: Mapping[str, Any]) -> str:
    """The mode in which the promotion under way was begun: it goes on in no other."""
    return str((record.get("run") or {}).get("mode") or Mode.UNPLANNED)


def _decided(record: Mapping[str, Any]) -> bool:
    """Whether an unplanned failover of this epoch was begun: from then on no fence is lifted. A planned one is undone by that."""
    run = record.get("run") or {}
    return run.get("verb") == str(Verb.FAILOVER) and run.get("epoch") == record.get("epoch") and run.get("mode") == str(Mode.UNPLANNED)


def _held(record: Mapping[str, Any]) -> bool:
    """Whether a fence, a part of one, or a planned promotion that was not decided still holds the side that serves."""
    proof = record.get("proof") or {}
    if proof and proof.get("epoch") == record.get("epoch") and proof.get("site") == record.get("active_site", proof.get("site")):
        return True
    return any((record.get(key) or {}).get("epoch") == record.get("epoch") for key in ("replicas", "planned") if record.get(key))
