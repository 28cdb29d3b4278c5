# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `status` proposes leads on from every state, and is refused in none."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.proposal import LIFT, SETUP, proposals
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.table import refusal
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Mode, Objects, Storage, Verb

NOTHING_TO_RUN = (Storage.PROTECTED, Storage.ACTIVE_UNREACHABLE, Storage.UNKNOWN)
RECORDS: tuple[dict[str, Any], ...] = ({}, {"epoch": 2, "run": {"verb": "failover", "mode": "planned", "epoch": 2}}, {"epoch": 3, "run": {"mode": "unplanned"}})
EVERY = list(itertools.product(Storage, Objects, ("source", "destination", ""), RECORDS))


def test_every_state_has_a_verb_that_leads_on() -> None:
    for storage, objects, active, record in EVERY:
        assert proposals(State(storage, objects, active, ""), record) or storage in NOTHING_TO_RUN


def test_no_proposal_is_refused() -> None:
    for storage, objects, active, record in EVERY:
        state = State(storage, objects, active, "")
        for proposal in proposals(state, record):
            mode = Mode(proposal["dr_mode"]) if "dr_mode" in proposal else None
            assert refusal(Verb(proposal["verb"]), mode, state) is None, (state, proposal)


def test_a_promotion_goes_on_in_its_own_mode() -> None:
    state = State(Storage.FAILING_OVER, Objects.NONE, "destination", "")
    assert [proposals(state, record)[0]["dr_mode"] for record in RECORDS] == ["unplanned", "planned", "unplanned"]


@pytest.mark.parametrize("key", ["proof", "replicas", "planned"])
def test_what_a_fence_holds_is_lifted(key: str) -> None:
    protected, degraded = (State(storage, Objects.NONE, "source", "") for storage in (Storage.PROTECTED, Storage.DEGRADED))
    assert proposals(protected, {"epoch": 3, key: {"epoch": 3}}) == (LIFT,)
    assert proposals(degraded, {"epoch": 3, key: {"epoch": 3}}) == (LIFT, SETUP)
    assert proposals(protected, {"epoch": 3, key: {"epoch": 1}}) == ()


def test_a_fence_of_the_side_that_was_left_stays() -> None:
    state = State(Storage.PROTECTED, Objects.VERIFIED, "source", "")
    record = {"epoch": 3, "active_site": "tokyo", "proof": {"epoch": 3, "site": "osaka"}}
    assert proposals(state, record) == ()
    assert proposals(state, {**record, "proof": {"epoch": 3, "site": "tokyo"}}) == (LIFT,)


def test_no_fence_is_lifted_once_a_failover_was_decided() -> None:
    state = State(Storage.FENCED, Objects.NONE, "", "")
    begun = {"epoch": 2, "run": {"verb": "failover", "mode": "unplanned", "epoch": 2}}
    assert proposals(state, begun)[0] == {"verb": "failover", "dr_mode": "unplanned"}
    assert proposals(state, {"epoch": 2, "run": {"verb": "failover", "mode": "unplanned", "epoch": 1}})[0] == LIFT
    assert proposals(state, {"epoch": 2, "run": {"verb": "failover", "mode": "planned", "epoch": 2}})[0] == LIFT
