# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's word and fence's proof, against what the surviving side saw."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import NoAnswer, PeerSeen
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.statement import contradictions, instant, judge_statement, parse_statement, proof_stands
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, Refused

from .conftest import NOW, relation, storage

QUIET = storage(incoming=relation(), peer=NoAnswer("timed out"))


def said(**fields: Any) -> dict[str, Any]:
    return {"site": "tokyo", "who": "sato", "why": "power lost", "at": instant(NOW), **fields}


def judge(survivor: Any = QUIET, **fields: Any) -> None:
    statement = parse_statement(said(**fields))
    assert statement
    judge_statement(statement, "tokyo", survivor)


def test_nothing_said_is_no_statement() -> None:
    assert parse_statement(None) is None
    assert parse_statement("") is None
    assert parse_statement({}) is None


def test_a_survey_may_send_text() -> None:
    assert parse_statement(json.dumps(said(evidence="transfer:x"))) == parse_statement(said(evidence=["transfer:x"]))


@pytest.mark.parametrize("key", ["site", "who", "why", "at"])
def test_half_a_statement_names_what_is_missing(key: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_statement(said(**{key: " "}))
    assert error.value.variable == f"dr_fence_statement.{key}"


@pytest.mark.parametrize("raw", ["tokyo is down", [1], said(at="yesterday"), said(at="2026-05-01T12:00:00"), said(site_="x")])
def test_what_is_no_statement_is_refused(raw: Any) -> None:
    with pytest.raises(ConfigError):
        parse_statement(raw)


def test_another_site_is_refused() -> None:
    with pytest.raises(ConfigError):
        judge(site="osaka")


@pytest.mark.parametrize(("shift", "reason"), [
    (timedelta(hours=-4), None), (timedelta(hours=-4, seconds=-1), "statement_expired"), (timedelta(minutes=5), None),
    (timedelta(minutes=5, seconds=1), "statement_ahead"),
])
def test_age_is_judged_by_the_survivors_clock(shift: timedelta, reason: str | None) -> None:
    if reason is None:
        judge(at=instant(NOW + shift))
        return
    with pytest.raises(Refused) as error:
        judge(at=instant(NOW + shift))
    assert error.value.reason == reason


def test_no_clock_no_judgement() -> None:
    with pytest.raises(Refused) as error:
        judge(replace(QUIET, now=None))
    assert error.value.reason == "clock_unknown"


def test_a_peer_seen_available_later_contradicts_unless_taken_on() -> None:
    later = NOW + timedelta(minutes=1)
    alive = replace(QUIET, peer=PeerSeen("tokyo", "available", later))
    with pytest.raises(Refused) as error:
        judge(alive)
    assert error.value.seen == [f"peer_available:{instant(later)}"]
    judge(alive, evidence=error.value.seen)
    judge(replace(QUIET, peer=PeerSeen("tokyo", "unavailable", later)))
    judge(replace(QUIET, peer=PeerSeen("tokyo", "available", NOW)))


def test_a_transfer_that_ended_later_contradicts() -> None:
    moved = replace(QUIET, incoming=relation(last_transfer_end=NOW + timedelta(seconds=1), last_transfer_uuid="t9"))
    assert contradictions(NOW, moved) == ["transfer:t9"]
    with pytest.raises(Refused):
        judge(moved, evidence=["transfer:t8"])
    judge(moved, evidence=["transfer:t9"])


def test_no_answer_contradicts_nothing() -> None:
    assert contradictions(NOW, QUIET) == []


PROOF = {"site": "tokyo", "epoch": 2, "at": instant(NOW), "storage": {"seen": 1}, "workloads": {"seen": 1}}


@pytest.mark.parametrize(("change", "why"), [
    ({"storage": None}, "storage half"), ({"workloads": None}, "workloads half"), ({"epoch": 1}, "epoch 1"), ({"at": None}, "no time"),
])
def test_proof_needs_both_halves_of_this_epoch(change: dict[str, Any], why: str) -> None:
    stands, reason = proof_stands({**PROOF, **change}, 2, QUIET, "tokyo")
    assert not stands
    assert why in reason


def test_proof_is_void_after_a_later_transfer() -> None:
    assert proof_stands(PROOF, 2, QUIET, "tokyo") == (True, "")
    moved = replace(QUIET, incoming=relation(last_transfer_end=NOW + timedelta(seconds=1)))
    assert not proof_stands(PROOF, 2, moved, "tokyo")[0]
    assert not proof_stands(None, 2, QUIET, "tokyo")[0]


def test_proof_about_another_site_proves_nothing() -> None:
    assert not proof_stands({**PROOF, "site": "osaka"}, 2, QUIET, "tokyo")[0]
    assert not proof_stands({key: value for key, value in PROOF.items() if key != "site"}, 2, QUIET, "tokyo")[0]
