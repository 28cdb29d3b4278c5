# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""For each verb and each storage state: go on, or a refusal that names the reason and the verb that helps. Pure, and printed in the docs."""

from __future__ import annotations

from dataclasses import dataclass

from .state import State
from .words import SERVING_AT_DESTINATION, Mode, Objects, Storage, Verb


@dataclass(frozen=True)
class No:
    """A refusal: a stable word, a sentence, and what helps."""

    reason: str
    message: str
    advice: str


S = Storage
_LOOK = "Run status with both sites reachable, and look at what it says of each system."

NOT_YET: dict[Verb, No] = {
    verb: No("not_yet", f"{verb} is not part of this release yet", "Nothing was touched. See the release notes.") for verb in (Verb.DRILL, Verb.DRILL_CLEANUP)
}

_UNKNOWN = No("unknown_state", "not enough could be seen to act safely", _LOOK)
_SPLIT = No("split_brain", "both SVMs are writable and running", "Run fence: it stops the side that the record does not name as active.")
_UNPROTECTED = No("unprotected", "there is no mirror", "Run setup first.")
_BASELINE = No("initializing", "the baseline transfer has not ended: the destination holds no whole copy", "Wait for setup to finish the baseline.")
_AWAY = No("reversed", "the group serves at the destination already", "The way back is reprotect, then failback.")
_AWAY_SILENT = No(
    "reversed", "the group serves at the destination, which gives no answer", "Wait for it, or run failback with dr_mode=unplanned and a statement.",
)
_HALF_HOME = No("failing_back", "a failback is under way", "Run failback to its end.")
_NOT_RESYNCED = No("failing_back", "the forward resync is not done yet: the destination's copy is old", "Run failback with dr_mode=planned to its end.")
_SILENT = No("active_unreachable", "the side that serves gives no answer", "Wait for it, or use dr_mode=unplanned with a statement.")
_HALF_OVER = No("failing_over", "a failover is under way", "Run failover to its end.")
_NO_OBJECTS = No("objects_not_restored", "the data serves at the destination, but its objects are not restored there yet", "Run failover to its end.")
_HOME = No("at_home", "the group serves at its source", "There is nothing to bring home.")
_NOT_REVERSED = No("not_reprotected", "the source holds no mirror of the destination yet", "Run reprotect first.")
_WRONG_WAY = No("failed_over", "the group serves at the destination: set-up would resync towards the wrong side", "Run reprotect, then failback.")
_FENCED = No("source_fenced", "the source SVM is stopped", "Run fence with dr_fence=lift, or failover.")

Refusals = dict[Storage, No]

_SETUP: Refusals = {
    S.FENCED: _FENCED,
    S.ACTIVE_UNREACHABLE: No("source_unreachable", "the active side gives no answer, and set-up needs both sites", "Wait for it, or run failover."),
    S.FAILING_OVER: No("failed_over", "a failover is under way: set-up would resync towards the wrong side", "Run failover to its end."),
    S.FAILED_OVER: _WRONG_WAY, S.FAILED_OVER_UNFENCED: _WRONG_WAY, S.SPLIT_BRAIN: _SPLIT,
    S.REPROTECTING: No("reversed", "the relationship runs the other way", "Run reprotect to its end, then failback."),
    S.REPROTECTED: No("reversed", "the relationship runs the other way", "Run failback."),
    S.FAILING_BACK: _HALF_HOME, S.FAILED_BACK: _NOT_RESYNCED, S.FAILED_BACK_UNFENCED: _NOT_RESYNCED, S.UNKNOWN: _UNKNOWN,
}
_FAILOVER: Refusals = {
    S.UNPROTECTED: _UNPROTECTED, S.INITIALIZING: _BASELINE, S.SPLIT_BRAIN: _SPLIT, S.REPROTECTING: _AWAY, S.REPROTECTED: _AWAY, S.FAILING_BACK: _HALF_HOME,
    S.FAILED_BACK: _NOT_RESYNCED, S.FAILED_BACK_UNFENCED: _NOT_RESYNCED, S.UNKNOWN: _UNKNOWN,
}
_REPROTECT: Refusals = {
    S.UNPROTECTED: _UNPROTECTED, S.INITIALIZING: _HOME, S.PROTECTED: _HOME, S.DEGRADED: _HOME, S.FENCED: _HOME, S.ACTIVE_UNREACHABLE: _SILENT,
    S.FAILING_OVER: _HALF_OVER,
    S.SPLIT_BRAIN: _SPLIT, S.FAILING_BACK: _HALF_HOME, S.FAILED_BACK: _HALF_HOME, S.FAILED_BACK_UNFENCED: _HALF_HOME, S.UNKNOWN: _UNKNOWN,
}
_FAILBACK: Refusals = {
    S.UNPROTECTED: _UNPROTECTED, S.INITIALIZING: _HOME, S.PROTECTED: _HOME, S.DEGRADED: _HOME, S.FENCED: _HOME, S.FAILING_OVER: _HALF_OVER,
    S.FAILED_OVER: _NOT_REVERSED,
    S.FAILED_OVER_UNFENCED: _NOT_REVERSED, S.REPROTECTING: No("reprotecting", "the reverse relationship is not in step yet", "Run reprotect to its end."),
    S.SPLIT_BRAIN: _SPLIT, S.UNKNOWN: _UNKNOWN,
}

_NOT_HOME = No(
    "not_at_home", "the group serves at the destination, and without the mirror there is no way back", "Run reprotect, then failback; tear it down at home.",
)
_TEARDOWN: Refusals = {
    S.ACTIVE_UNREACHABLE: No(
        "active_unreachable", "the side that serves gives no answer, and would keep what the other side forgets", "Run teardown when both sites answer.",
    ),
    S.FAILING_OVER: _HALF_OVER, S.FAILED_OVER: _NOT_HOME, S.FAILED_OVER_UNFENCED: _NOT_HOME, S.SPLIT_BRAIN: _SPLIT, S.REPROTECTING: _NOT_HOME,
    S.REPROTECTED: _NOT_HOME,
    S.FAILING_BACK: _HALF_HOME, S.FAILED_BACK: _HALF_HOME, S.FAILED_BACK_UNFENCED: _HALF_HOME, S.UNKNOWN: _UNKNOWN,
}

REFUSALS: dict[tuple[Verb, Mode | None], Refusals] = {
    (Verb.SETUP, None): _SETUP,
    (Verb.FAILOVER, Mode.UNPLANNED): _FAILOVER,
    (Verb.FAILOVER, Mode.PLANNED): {**_FAILOVER, S.ACTIVE_UNREACHABLE: _SILENT},
    (Verb.REPROTECT, None): _REPROTECT,
    (Verb.FAILBACK, Mode.UNPLANNED): {key: no for key, no in _FAILBACK.items() if key is not S.REPROTECTING},
    (Verb.FAILBACK, Mode.PLANNED): {**_FAILBACK, S.ACTIVE_UNREACHABLE: _SILENT},
    (Verb.TEARDOWN, None): _TEARDOWN,
}
"""A state that a verb's table does not name is one from which it goes on."""


def refusal(verb: Verb, mode: Mode | None, state: State) -> No | None:
    """Why the verb may not act in this state, or None where it may.

    ``fence`` is never refused for a state: it stops what it can see and names what it cannot.
    """
    if verb in (Verb.FAILOVER, Verb.SETUP) and state.storage is S.ACTIVE_UNREACHABLE and state.active == "destination":
        return _AWAY_SILENT
    if verb is Verb.FAILBACK and state.storage is S.ACTIVE_UNREACHABLE and state.active == "source":
        return _HOME
    if verb is Verb.REPROTECT and state.storage in SERVING_AT_DESTINATION and state.objects in (Objects.NONE, Objects.RESTORING, Objects.FAILED):
        return _NO_OBJECTS
    return NOT_YET.get(verb) or REFUSALS.get((verb, mode), {}).get(state.storage)
