# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""For each verb and each storage state: go on, or a refusal that names the reason and the verb that helps. Pure, and printed in the docs."""

from __future__ import annotations

from dataclasses import dataclass

from .state import State
from .words import Mode, Storage, Verb


@dataclass(frozen=True)
class No:
    """A refusal: a stable word, a sentence, and what helps."""

    reason: str
    message: str
    advice: str


S = Storage
_LOOK = "Run status with both sites reachable, and look at what it says of each system."
_DONE_ELSEWHERE = "The group serves at the other site."

NOT_YET: dict[tuple[Verb, Mode | None], No] = {
    (Verb.FAILOVER, Mode.PLANNED): No("not_yet", "a planned failover is not part of this release yet", "Use dr_mode=unplanned after fence, or wait for the release that brings it."),
    **{
        (verb, None): No("not_yet", f"{verb} is not part of this release yet", "Nothing was touched. See the release notes.")
        for verb in (Verb.REPROTECT, Verb.FAILBACK, Verb.DRILL, Verb.DRILL_CLEANUP, Verb.TEARDOWN)
    },
}

_UNKNOWN = No("unknown_state", "not enough could be seen to act safely", _LOOK)
_SPLIT = No("split_brain", "both SVMs are writable and running", "Run fence: it stops the side that the record does not name as active.")

REFUSALS: dict[Verb, dict[Storage, No]] = {
    Verb.SETUP: {
        S.FENCED: No("source_fenced", "the source SVM is stopped", "Run fence with dr_fence=lift, or failover."),
        S.ACTIVE_UNREACHABLE: No("source_unreachable", "the active side gives no answer, and set-up needs both sites", "Wait for it, or run failover."),
        S.FAILING_OVER: No("failed_over", "a failover is under way: set-up would resync towards the wrong side", "Run failover to its end."),
        S.FAILED_OVER: No("failed_over", "the group serves at the destination: set-up would resync towards the wrong side", "Run reprotect, then failback."),
        S.FAILED_OVER_UNFENCED: No("failed_over", "the group serves at the destination: set-up would resync towards the wrong side", "Run reprotect, then failback."),
        S.SPLIT_BRAIN: _SPLIT,
        S.REPROTECTING: No("reversed", "the relationship runs the other way", "Run reprotect to its end, then failback."),
        S.REPROTECTED: No("reversed", "the relationship runs the other way", "Run failback."),
        S.FAILING_BACK: No("failing_back", "a failback is under way", "Run failback to its end."),
        S.FAILED_BACK: No("failing_back", "the forward resync is not done yet", "Run failback to its end."),
        S.FAILED_BACK_UNFENCED: No("failing_back", "the forward resync is not done yet", "Run failback to its end."),
        S.UNKNOWN: _UNKNOWN,
    },
    Verb.FAILOVER: {
        S.UNPROTECTED: No("unprotected", "there is no mirror to fail over to", "Run setup first."),
        S.INITIALIZING: No("initializing", "the baseline transfer has not ended: the destination holds no whole copy", "Wait for setup to finish the baseline."),
        S.SPLIT_BRAIN: _SPLIT,
        S.REPROTECTING: No("reversed", "the group serves at the destination already", _DONE_ELSEWHERE),
        S.REPROTECTED: No("reversed", "the group serves at the destination already", "The way back is failback."),
        S.FAILING_BACK: No("failing_back", "a failback is under way", "Run failback to its end."),
        S.FAILED_BACK: No("failing_back", "the forward resync is not done yet: the destination's copy is old", "Run failback to its end."),
        S.FAILED_BACK_UNFENCED: No("failing_back", "the forward resync is not done yet: the destination's copy is old", "Run failback to its end."),
        S.UNKNOWN: _UNKNOWN,
    },
    Verb.FENCE: {},
    Verb.STATUS: {},
}


def refusal(verb: Verb, mode: Mode | None, state: State) -> No | None:
    """Why the verb may not act in this state, or None where it may.

    ``fence`` is never refused for a state: it stops what it can see and names what it cannot.
    """
    later = NOT_YET.get((verb, mode)) or NOT_YET.get((verb, None))
    return later or REFUSALS.get(verb, {}).get(state.storage)
