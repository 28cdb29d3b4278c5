# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine by exhaustive enumeration: every observation has a state, every state and verb an answer, and no state is a dead end."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.failover import FAILOVER, View, pending
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import NoAnswer, Seen, StorageSeen
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State, break_sent, derive, fence_at_destination, going_home
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.table import NOT_YET, refusal
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Mode, Objects, Storage, Verb

from .conftest import objects, relation, storage

S = Storage
RPO = 1800.0
EPOCH = 2
Ask = tuple[Verb, Mode | None]
ASKS: tuple[Ask, ...] = (
    (Verb.SETUP, None), (Verb.FAILOVER, Mode.PLANNED), (Verb.FAILOVER, Mode.UNPLANNED), (Verb.REPROTECT, None), (Verb.FAILBACK, Mode.PLANNED),
    (Verb.FAILBACK, Mode.UNPLANNED),
    (Verb.TEARDOWN, None),
)
DEAD = NoAnswer("timed out")


def sides(site: str) -> list[StorageSeen | NoAnswer]:
    """Everything that one ONTAP cluster can show of a group, as far as the state machine tells it apart."""
    svms = (("", "default"), ("running", "default"), ("stopped", "default"), ("stopped", "dp_destination"))
    relations = (
        None, relation("uninitialized", lag_seconds=None), relation("snapmirrored"), relation("snapmirrored", healthy=False),
        relation("snapmirrored", lag_seconds=RPO + 1),
        relation("snapmirrored", transferring=True), relation("paused"), relation("broken_off"),
    )
    return [DEAD, *(storage(site, state, subtype, incoming) for (state, subtype), incoming in itertools.product(svms, relations))]


def records() -> Iterator[dict[str, Any]]:
    """Everything that a record can say, as far as the state machine reads it."""
    runs = (None, "failover", "failback")
    intents: tuple[dict[str, Any] | None, ...] = (None, {"epoch": EPOCH}, {"epoch": EPOCH, "failed": True})
    for run, intent, kind, reprotect, active, done in itertools.product(
        runs, intents, ("proof", "statement"), (False, True), ("tokyo", "osaka"), (False, True),
    ):
        found: dict[str, Any] = {"epoch": EPOCH, "active_site": active, "fence": {"kind": kind, "epoch": EPOCH}}
        if run:
            found["run"] = {"verb": run, "epoch": EPOCH}
        if intent:
            found["intent"] = {"break": intent}
        if done:
            found["objects"] = {"epoch": EPOCH, "side": "source" if run == "failback" else "destination", "state": "verified"}
        if reprotect:
            found["reprotect"] = {"epoch": EPOCH}
        yield found
    yield {}


def observe(source: StorageSeen | NoAnswer, destination: StorageSeen | NoAnswer, record: dict[str, Any]) -> Seen:
    """Both sites; the record is the destination's."""
    return Seen(source, destination, objects("tokyo"), objects("osaka", record or None))


Node = tuple[Storage, str, Objects]


@cache
def reached() -> dict[Node, list[tuple[Seen, State]]]:
    """Both axes and the active role -> the observations that have them, a few of each; every observation was derived and looked at."""
    found: dict[Node, list[tuple[Seen, State]]] = {}
    for source, destination, record in itertools.product(sides("tokyo"), sides("osaka"), records()):
        seen = observe(source, destination, record)
        state = derive(seen, RPO)
        check_word(seen, state)
        examples = found.setdefault((state.storage, state.active, state.objects), [])
        if len(examples) < 200:
            examples.append((seen, state))
    return found


def check_word(seen: Seen, state: State) -> None:
    """A state says why, and never more than was seen."""
    source, destination = seen.source_storage, seen.destination_storage
    assert state.why
    word = state.storage
    if word in (S.PROTECTED, S.FENCED, S.DEGRADED):
        assert isinstance(source, StorageSeen), state
        assert isinstance(destination, StorageSeen), state
        assert destination.incoming, state
        assert not destination.incoming.broken, state
    if word is S.PROTECTED:
        assert source.svm, state  # type: ignore[union-attr]
        assert source.svm.state != "stopped", state  # type: ignore[union-attr]
    if word in (S.FAILED_OVER, S.FAILED_OVER_UNFENCED):
        assert isinstance(destination, StorageSeen), state
        assert destination.serving, state
    if word in (S.FAILED_BACK, S.FAILED_BACK_UNFENCED):
        assert isinstance(source, StorageSeen), state
        assert source.serving, state
    if word in (S.FAILED_OVER, S.FAILED_BACK):
        left = source if word is S.FAILED_OVER else destination
        proved = (seen.record.get("fence") or {}).get("kind") == "proof"
        assert isinstance(left, StorageSeen) or proved, state
        assert not (isinstance(left, StorageSeen) and left.svm and left.svm.writable), state
    if word is S.UNKNOWN and isinstance(source, StorageSeen) and isinstance(destination, StorageSeen):
        assert "no record" in state.why, state
        assert not break_sent(seen.record) or going_home(seen.record) or destination.incoming is None, "a break of ours explains it"
    if word is S.SPLIT_BRAIN:
        assert all(isinstance(side, StorageSeen) and side.svm and side.svm.writable for side in (source, destination)), state


def test_every_observation_has_a_state_that_was_seen() -> None:
    assert {word for word, _active, _objects in reached()} == set(S), "every word of the design is reached by some observation"


def test_every_state_and_verb_has_steps_or_a_refusal() -> None:
    for (word, active, axis), examples in reached().items():
        for verb, mode in ASKS:
            no = refusal(verb, mode, examples[0][1])
            answers = {refusal(verb, mode, state) for _seen, state in examples}
            assert answers == {no}, f"{verb} {mode} answers {word}, {active}, {axis} in more than one way"
            if no is None and verb in (Verb.FAILOVER, Verb.FAILBACK):
                for seen, _state in examples:
                    check_steps(seen, str(verb))
            assert no is None or (re.fullmatch(r"[a-z_]+", no.reason) and no.message and no.advice), (word, verb, mode)


def check_steps(seen: Seen, verb: str) -> None:
    """What is left of a promotion, in the table's order: rules before the start, and nothing of the objects before the data serves."""
    turned = seen.turned() if verb == "failback" else seen
    side, here = turned.destination_storage, turned.destination_objects
    if isinstance(side, NoAnswer) or isinstance(here, NoAnswer):
        return
    view = View(side, here, ("10.2.2.11",), {}, verb, "source" if verb == "failback" else "destination")
    names = [step.name for step in pending(view)]
    assert names == [step.name for step in FAILOVER if step.name in names]
    if not view.storage.serving:
        assert "start" in names
    if not (side.incoming and side.incoming.broken):
        assert {"break", "export_rules", "start"} <= set(names)
    if not names:
        assert view.storage.serving
        assert view.progress() == str(Objects.VERIFIED)


NAMED = re.compile(r"\b(setup|fence|failover|reprotect|failback)\b")
ELSEWHERE = {S.ACTIVE_UNREACHABLE, S.UNKNOWN}
"""Where no verb helps, but time, or somebody who mends a site."""


def leads_on(verb: Verb, state: State, hops: int = 2) -> bool:
    """Whether the verb goes on in this state, or sends to one that does."""
    answers = [refusal(asked, mode, state) for asked, mode in ASKS if asked is verb]
    if verb is Verb.FENCE or None in answers:
        return True
    named = [NAMED.search(no.advice) for no in answers if no]
    return hops > 0 and all(found and leads_on(Verb(found[1]), state, hops - 1) for found in named)


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_what_a_refusal_sends_to_goes_on(ask: Ask) -> None:
    for (word, _active, _axis), examples in reached().items():
        no = refusal(*ask, examples[0][1])
        named = NAMED.search(no.advice) if no else None
        if no is None or named is None:
            assert no is None or word in ELSEWHERE or no.reason in ("at_home", "active_unreachable"), (word, no)
            continue
        assert leads_on(Verb(named[1]), examples[0][1]), (word, no)


PROMISES: dict[Ask, tuple[Storage, ...]] = {
    (Verb.SETUP, None): (S.PROTECTED,), (Verb.FAILOVER, Mode.PLANNED): (S.FAILED_OVER,),
    (Verb.FAILOVER, Mode.UNPLANNED): (S.FAILED_OVER, S.FAILED_OVER_UNFENCED),
    (Verb.REPROTECT, None): (S.REPROTECTED,), (Verb.FAILBACK, Mode.PLANNED): (S.PROTECTED,),
    (Verb.FAILBACK, Mode.UNPLANNED): (S.FAILED_BACK, S.FAILED_BACK_UNFENCED),
}
ROLE_OF = {S.PROTECTED: "source", S.FENCED: "", S.FAILED_BACK: "source", S.FAILED_BACK_UNFENCED: "source"}


def ended(word: Storage) -> State:
    """The state that a verb promises: whatever it promoted is verified."""
    return State(word, Objects.VERIFIED, ROLE_OF.get(word, "destination"), "promised")


def onward(state: State) -> set[Storage]:
    """Where the verbs that are not refused lead, by their promises; fence resolves a split brain, and is lifted."""
    found = {promise for ask, promises in PROMISES.items() if refusal(*ask, state) is None for promise in promises}
    if state.storage is S.SPLIT_BRAIN:
        found |= {S.FAILED_OVER, S.FAILED_BACK}
    if state.storage is S.FENCED:
        found |= {S.PROTECTED}
    return found


def test_no_state_is_a_dead_end() -> None:
    for (word, active, axis), examples in reached().items():
        if word is S.UNKNOWN:
            continue
        there = edge = onward(examples[0][1])
        while edge:
            edge = {further for found in edge for further in onward(ended(found))} - there
            there = there | edge
        assert S.PROTECTED in there, f"from {word}, {active}, {axis} no verb leads to protected"
        assert {S.FAILED_OVER, S.FAILED_OVER_UNFENCED} & there, f"from {word}, {active}, {axis} no verb leads to failed_over"


def test_fence_stops_the_side_that_is_not_active_in_a_split_brain() -> None:
    for (word, _active, _axis), examples in reached().items():
        for seen, state in examples if word is S.SPLIT_BRAIN else ():
            at_destination = fence_at_destination(state, seen.record, "tokyo")
            assert at_destination == (seen.record.get("active_site") == "tokyo"), seen.record


def test_verbs_of_later_releases_are_refused_everywhere() -> None:
    for verb in NOT_YET:
        for examples in reached().values():
            no = refusal(verb, None, examples[0][1])
            assert no
            assert no.reason == "not_yet"
