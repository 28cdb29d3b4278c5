# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protection state: one for every observation, and never better than what was seen."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import NOT_ASKED, NoAnswer
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import derive
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.table import REFUSALS, refusal
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Mode, Objects, Storage, Verb

from .conftest import relation, seen, storage

SOURCE_UP, SOURCE_DOWN = storage("tokyo", "running", "default"), storage("tokyo", "stopped", "default")
DEAD = NoAnswer("timed out")
PROOF = {"epoch": 2, "fence": {"kind": "proof", "epoch": 2}}
STATED = {"epoch": 2, "fence": {"kind": "statement", "epoch": 2}}
INTENT = {"epoch": 2, "intent": {"break": {"epoch": 2}}}
SERVING = storage(state="running", subtype="default", incoming=relation("broken_off"))
HOME = {"epoch": 3, "run": {"verb": "failback", "epoch": 3}}
HOME_UP = storage("tokyo", "running", "default", relation("broken_off"))
HOME_HALF = storage("tokyo", "stopped", "default", relation("broken_off"))
RPO = 1800.0

CASES: list[tuple[str, Any, Any, dict[str, Any] | None, Storage]] = [
    ("nothing yet", storage(state=""), SOURCE_UP, None, Storage.UNPROTECTED),
    ("empty destination", storage(), SOURCE_UP, None, Storage.UNPROTECTED),
    ("destination with data, unexplained", storage(state="running", subtype="default"), SOURCE_UP, None, Storage.UNKNOWN),
    ("destination with data, released", storage(state="running", subtype="default"), SOURCE_UP, {"epoch": 2, "released": {"epoch": 2}}, Storage.UNPROTECTED),
    (
        "destination with data, reprotect under way", storage(state="running", subtype="default"), SOURCE_DOWN, {"epoch": 2, "reprotect": {"epoch": 2}},
        Storage.REPROTECTING,
    ),
    ("destination with data, going home", storage(state="stopped", subtype="default"), HOME_HALF, HOME, Storage.FAILING_BACK),
    ("baseline", storage(incoming=relation("uninitialized", lag_seconds=None)), SOURCE_UP, None, Storage.INITIALIZING),
    ("in step", storage(incoming=relation()), SOURCE_UP, None, Storage.PROTECTED),
    ("lag at the RPO", storage(incoming=relation(lag_seconds=RPO)), SOURCE_UP, None, Storage.PROTECTED),
    ("lag past the RPO", storage(incoming=relation(lag_seconds=RPO + 1)), SOURCE_UP, None, Storage.DEGRADED),
    ("lag unknown", storage(incoming=relation(lag_seconds=None)), SOURCE_UP, None, Storage.DEGRADED),
    ("unhealthy", storage(incoming=relation(healthy=False)), SOURCE_UP, None, Storage.DEGRADED),
    ("paused", storage(incoming=relation("paused")), SOURCE_UP, None, Storage.DEGRADED),
    ("source SVM gone", storage(incoming=relation()), storage("tokyo", "", "default"), None, Storage.DEGRADED),
    ("source stopped", storage(incoming=relation()), SOURCE_DOWN, None, Storage.FENCED),
    ("source silent", storage(incoming=relation()), DEAD, None, Storage.ACTIVE_UNREACHABLE),
    ("source not asked", storage(incoming=relation()), NOT_ASKED, None, Storage.ACTIVE_UNREACHABLE),
    ("break sent, mirror still whole", storage(incoming=relation("paused")), DEAD, INTENT, Storage.FAILING_OVER),
    ("intent of an older epoch", storage(incoming=relation()), SOURCE_UP, {"epoch": 3, "intent": {"break": {"epoch": 2}}}, Storage.PROTECTED),
    ("broken, not started", storage(state="stopped", subtype="default", incoming=relation("broken_off")), DEAD, STATED, Storage.FAILING_OVER),
    ("serving, declared", SERVING, DEAD, STATED, Storage.FAILED_OVER_UNFENCED),
    ("serving, proved", SERVING, DEAD, PROOF, Storage.FAILED_OVER),
    ("serving, proof of another epoch", SERVING, DEAD, {"epoch": 3, "fence": {"kind": "proof", "epoch": 2}}, Storage.FAILED_OVER_UNFENCED),
    ("serving, source seen stopped", SERVING, SOURCE_DOWN, STATED, Storage.FAILED_OVER),
    ("serving, source seen running", SERVING, SOURCE_UP, PROOF, Storage.SPLIT_BRAIN),
    ("reverse resyncing", SERVING, storage("tokyo", "stopped", "dp_destination", relation("snapmirrored", transferring=True)), STATED, Storage.REPROTECTING),
    ("reverse in step", SERVING, storage("tokyo", "stopped", "dp_destination", relation()), STATED, Storage.REPROTECTED),
    ("home, unexplained", storage(state="stopped", subtype="default", incoming=relation("broken_off")), SOURCE_UP, None, Storage.UNKNOWN),
    ("home, by failback", storage(state="stopped", subtype="default", incoming=relation("broken_off")), HOME_UP, HOME, Storage.FAILED_BACK),
    (
        "home, the reverse still a mirror", storage(state="stopped", subtype="default", incoming=relation("broken_off")),
        storage("tokyo", "stopped", "dp_destination", relation("paused")), HOME, Storage.FAILING_BACK,
    ),
    ("home, the other side silent", DEAD, HOME_UP, HOME, Storage.FAILED_BACK_UNFENCED),
    ("home, the other side silent, proved", DEAD, HOME_UP, {**HOME, "fence": {"kind": "proof", "epoch": 3}}, Storage.FAILED_BACK),
    ("home, the other side still running", storage(state="running", subtype="default", incoming=relation("broken_off")), HOME_UP, HOME, Storage.SPLIT_BRAIN),
    ("home and resynced, the reverse not cleared away", storage(incoming=relation()), HOME_UP, HOME, Storage.FAILING_BACK),
    ("home and in step again", storage(incoming=relation()), SOURCE_UP, HOME, Storage.PROTECTED),
    ("home by failback and silent, the other side still running", SERVING, DEAD, HOME, Storage.UNKNOWN),
    ("home by failback, protected, and silent", storage(incoming=relation()), DEAD, HOME, Storage.ACTIVE_UNREACHABLE),
    ("both silent", DEAD, DEAD, None, Storage.UNKNOWN),
    ("destination silent", DEAD, SOURCE_UP, None, Storage.UNKNOWN),
    ("destination silent while active", DEAD, storage("tokyo", "stopped", "dp_destination", relation()), None, Storage.ACTIVE_UNREACHABLE),
]


@pytest.mark.parametrize(("destination", "source", "record", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_state(destination: Any, source: Any, record: dict[str, Any] | None, expected: Storage) -> None:
    assert derive(seen(destination, source, record), RPO).storage is expected


def every_observation() -> Any:
    relations = [None, *(
        relation(s, healthy=h, lag_seconds=lag) for s in ("uninitialized", "snapmirrored", "paused", "broken_off") for h in (True, False)
        for lag in (None, 1.0, 9999.0)
    )]
    svms = [("", "default"), *itertools.product(("running", "stopped", "starting", "stopping"), ("default", "dp_destination"))]
    sides = [NOT_ASKED, DEAD, *(storage("x", state, subtype, incoming) for (state, subtype), incoming in itertools.product(svms, relations))]
    going_home = {"epoch": 2, "run": {"verb": "failback", "epoch": 2}}
    records = [None, INTENT, PROOF, STATED, going_home, {"epoch": 2, "reprotect": {"epoch": 2}}, {"epoch": 2, "released": {"epoch": 2}}]
    return itertools.product(sides, sides[:2] + sides[2::7], records)


def test_every_observation_has_a_state_and_every_verb_an_answer() -> None:
    count = 0
    for destination, source, record in every_observation():
        state = derive(seen(destination, source, record), RPO)
        count += 1
        assert state.why
        good = state.storage in (Storage.PROTECTED, Storage.FAILED_OVER)
        assert not (good and isinstance(destination, NoAnswer)), "a healthy word for a side that was not seen"
        if state.storage is Storage.PROTECTED:
            assert not isinstance(source, NoAnswer)
            assert source.svm
            assert source.svm.state != "stopped"
        svms = [side.svm for side in (destination, source) if not isinstance(side, NoAnswer)]
        if len(svms) == 2 and all(svm and svm.writable for svm in svms):
            assert state.storage in (
                Storage.SPLIT_BRAIN, Storage.UNKNOWN, Storage.UNPROTECTED, Storage.REPROTECTING, Storage.REPROTECTED, Storage.FAILING_BACK, Storage.PROTECTED,
                Storage.DEGRADED, Storage.INITIALIZING, Storage.FAILING_OVER,
            )
        for verb, mode in (
            (Verb.SETUP, None), (Verb.FAILOVER, Mode.UNPLANNED), (Verb.FAILOVER, Mode.PLANNED), (Verb.REPROTECT, None), (Verb.FAILBACK, Mode.PLANNED),
            (Verb.FAILBACK, Mode.UNPLANNED), (Verb.TEARDOWN, None),
        ):
            no = refusal(verb, mode, state)
            assert no is None or (no.reason and no.message and no.advice)
    assert count > 5000


def test_setup_is_refused_wherever_the_destination_may_hold_data_of_its_own() -> None:
    for state in (
        Storage.FAILING_OVER, Storage.FAILED_OVER, Storage.FAILED_OVER_UNFENCED, Storage.SPLIT_BRAIN, Storage.REPROTECTING, Storage.REPROTECTED,
        Storage.FAILING_BACK, Storage.FAILED_BACK, Storage.FAILED_BACK_UNFENCED, Storage.UNKNOWN,
    ):
        assert state in REFUSALS[(Verb.SETUP, None)]


def test_objects_count_only_for_this_epoch_and_this_side() -> None:
    record = {"epoch": 2, "fence": {"kind": "proof", "epoch": 2}, "objects": {"epoch": 2, "side": "destination", "state": "verified"}}
    assert derive(seen(SERVING, DEAD, record), RPO).objects is Objects.VERIFIED
    assert derive(seen(SERVING, DEAD, {**record, "epoch": 3}), RPO).objects is Objects.NONE
    assert derive(seen(storage(incoming=relation()), SOURCE_UP, record), RPO).objects is Objects.NONE


def test_a_side_without_volumes_up_does_not_serve() -> None:
    half = storage(state="running", subtype="default", incoming=relation("broken_off"), lifs=(SERVING.lifs[0].__class__("lif1", "10.1.1.1", False),))
    assert derive(seen(half, DEAD, STATED), RPO).storage is Storage.FAILING_OVER
