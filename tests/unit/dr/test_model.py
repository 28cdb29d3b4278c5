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
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State, derive, fence_at_destination
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
ROLES = ("source", "destination")


def sides(site: str) -> list[StorageSeen | NoAnswer]:
    """Everything that one ONTAP cluster can show of a group, as far as the state machine tells it apart."""
    svms = (("", "default"), ("running", "default"), ("starting", "default"), ("stopped", "default"), ("stopped", "dp_destination"))
    relations = (
        None, relation("uninitialized", lag_seconds=None), relation("snapmirrored"), relation("snapmirrored", healthy=False),
        relation("snapmirrored", lag_seconds=RPO + 1),
        relation("snapmirrored", transferring=True), relation("paused"), relation("broken_off"),
    )
    return [DEAD, *(storage(site, state, subtype, incoming) for (state, subtype), incoming in itertools.product(svms, relations))]


def records() -> Iterator[dict[str, Any]]:
    """Everything that a record can say, as far as the state machine reads it."""
    runs = (None, "failover", "failback")
    intents: tuple[dict[str, Any] | None, ...] = (None, {"epoch": EPOCH}, {"epoch": EPOCH, "failed": True}, {"epoch": EPOCH - 1})
    for run, intent, kind, reprotect, active in itertools.product(runs, intents, ("proof", "statement"), (False, True), ("tokyo", "osaka")):
        found: dict[str, Any] = {"epoch": EPOCH, "active_site": active, "fence": {"kind": kind, "epoch": EPOCH}}
        if run:
            found["run"] = {"verb": run, "epoch": EPOCH}
        if intent:
            found["intent"] = {"break": intent}
        if reprotect:
            found["reprotect"] = {"epoch": EPOCH}
        yield found
    yield {}


def observe(source: StorageSeen | NoAnswer, destination: StorageSeen | NoAnswer, record: dict[str, Any]) -> Seen:
    """Both sites; the record is the destination's."""
    return Seen(source, destination, objects("tokyo"), objects("osaka", record or None))


@cache
def reached() -> dict[tuple[Storage, str], list[tuple[Seen, State]]]:
    """Storage state and active role -> the observations that have it, a few of each; every observation was derived and looked at."""
    found: dict[tuple[Storage, str], list[tuple[Seen, State]]] = {}
    for source, destination, record in itertools.product(sides("tokyo"), sides("osaka"), records()):
        seen = observe(source, destination, record)
        state = derive(seen, RPO)
        check_word(seen, state)
        examples = found.setdefault((state.storage, state.active), [])
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
    if word is S.SPLIT_BRAIN:
        assert all(isinstance(side, StorageSeen) and side.svm and side.svm.writable for side in (source, destination)), state


def test_every_observation_has_a_state_that_was_seen() -> None:
    assert {word for word, _active in reached()} == set(S), "every word of the design is reached by some observation"


def test_every_state_and_verb_has_steps_or_a_refusal() -> None:
    for (word, active), examples in reached().items():
        for verb, mode in ASKS:
            no = refusal(verb, mode, examples[0][1])
            answers = {refusal(verb, mode, state) for _seen, state in examples}
            assert answers == {no}, f"{verb} {mode} answers {word}, {active} in more than one way"
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


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_what_a_refusal_sends_to_is_not_refused_itself(ask: Ask) -> None:
    for (word, _active), examples in reached().items():
        no = refusal(*ask, examples[0][1])
        names = NAMED.findall(no.advice) if no else []
        if no is None or not names:
            assert no is None or word in ELSEWHERE or no.reason in ("at_home", "active_unreachable"), (word, no)
            continue
        first = Verb(names[0])
        assert first is Verb.FENCE or any(refusal(first, mode, examples[0][1]) is None for verb, mode in ASKS if verb is first), (word, no)


Node = tuple[Storage, str]
PROMISES: dict[Ask, tuple[Node, ...]] = {
    (Verb.SETUP, None): ((S.PROTECTED, "source"),),
    (Verb.FAILOVER, Mode.PLANNED): ((S.FAILED_OVER, "destination"),),
    (Verb.FAILOVER, Mode.UNPLANNED): ((S.FAILED_OVER, "destination"), (S.FAILED_OVER_UNFENCED, "destination")),
    (Verb.REPROTECT, None): ((S.REPROTECTED, "destination"),),
    (Verb.FAILBACK, Mode.PLANNED): ((S.PROTECTED, "source"),),
    (Verb.FAILBACK, Mode.UNPLANNED): ((S.FAILED_BACK, "source"), (S.FAILED_BACK_UNFENCED, "source")),
}


def onward(node: Node) -> set[Node]:
    """Where the verbs that are not refused lead, by their promises; fence resolves a split brain, and is lifted."""
    word, _active = node
    state = reached()[node][0][1]
    found = {promise for ask, promises in PROMISES.items() if refusal(*ask, state) is None for promise in promises}
    if word is S.SPLIT_BRAIN:
        found |= {(S.FAILED_OVER, "destination"), (S.FAILED_BACK, "source")}
    if word is S.FENCED:
        found |= {(S.PROTECTED, "source")}
    return found


def test_no_state_is_a_dead_end() -> None:
    for node in reached():
        if node[0] is S.UNKNOWN:
            continue
        there, edge = {node}, {node}
        while edge:
            edge = set().union(*(onward(found) for found in edge)) - there
            there |= edge
        assert (S.PROTECTED, "source") in there, f"from {node} no verb leads to protected"
        assert (S.FAILED_OVER, "destination") in there or (S.FAILED_OVER_UNFENCED, "destination") in there, f"from {node} no verb leads to failed_over"


def test_unknown_is_only_what_was_not_seen_or_what_no_record_explains() -> None:
    """With all four answers and a record of what we do, unknown remains only where somebody else acted; the look is named then."""
    for source, destination, record in itertools.product(sides("tokyo"), sides("osaka"), records()):
        if isinstance(source, NoAnswer) or isinstance(destination, NoAnswer):
            continue
        state = derive(observe(source, destination, record), RPO)
        if state.storage is S.UNKNOWN:
            assert "no record explain" in state.why or "no relationship and no record" in state.why, state.why


def test_fence_stops_the_side_that_is_not_active_in_a_split_brain() -> None:
    for (word, _active), examples in reached().items():
        for seen, state in examples if word is S.SPLIT_BRAIN else ():
            at_destination = fence_at_destination(state, seen.record, "tokyo")
            assert at_destination == (seen.record.get("active_site") == "tokyo"), seen.record


def test_verbs_of_later_releases_are_refused_everywhere() -> None:
    for verb in NOT_YET:
        for examples in reached().values():
            no = refusal(verb, None, examples[0][1])
            assert no
            assert no.reason == "not_yet"
