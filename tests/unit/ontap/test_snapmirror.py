# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a relationship, call by call."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, JobFailed, NotFound, Refused, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import snapmirror
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import Relationship

from .scripted import Call, accepted, answer, client_of, error, finish, get, job, records, relation, write

LIST = "/api/snapmirror/relationships"
ONE = f"{LIST}/R"
TRANSFERS = f"{ONE}/transfers"
RUNNING = {"uuid": "T", "state": "transferring"}


def rel(state: str = "snapmirrored", **more: Any) -> Relationship:
    return Relationship.from_record(relation(state, **more))


def seen(state: str, **more: Any) -> Call:
    return get(ONE, answer(relation(state, **more)))


def transfers(*found: dict[str, Any]) -> Call:
    return get(TRANSFERS, records(*found))


def patch(state: str, response: Any = None, **query: str) -> Call:
    return write("PATCH", ONE, {"state": state}, response, **query)


def test_find_asks_for_nothing_that_lies_at_the_peer() -> None:
    client = client_of(get(LIST, records(relation("snapmirrored")), destination__path="svm1_dr:"))
    found = snapmirror.find(client, "svm1_dr")
    assert found is not None
    assert (found.source_path, found.lag_seconds, found.policy) == ("svm1:", 522.0, "p")
    asked = client.transport.requests[0].query["fields"].split(",")  # type: ignore[attr-defined]
    assert not {"source", "source.cluster.name", "source.svm.name", "*", "**", "svmdr_volumes"} & set(asked)


def test_find_nothing() -> None:
    assert snapmirror.find(client_of(get(LIST, records(), destination__path="svm1_dr:")), "svm1_dr") is None


def test_create() -> None:
    body = {
        "source": {"path": "a:", "cluster": {"name": "A"}},
        "destination": {"path": "svm1_dr:"},
        "policy": {"name": "p"},
        "transfer_schedule": {"name": "s"},
        "identity_preservation": "full",
    }
    look = get(LIST, records(), destination__path="svm1_dr:")
    there = get(LIST, records(relation("uninitialized")), destination__path="svm1_dr:")
    client = client_of(look, write("POST", LIST, body, accepted()), job("success"), there)
    made, changed = snapmirror.create(client, "a", "A", "svm1_dr", "p", "s", "full", 60)
    assert made is not None
    assert changed
    finish(client)
    client = client_of(look, write("POST", LIST, body, error("6619637")), there)
    assert snapmirror.create(client, "a", "A", "svm1_dr", "p", "s", "full", 60)[1]
    finish(client)


def test_pause_without_a_transfer() -> None:
    client = client_of(seen("snapmirrored"), patch("paused", accepted()), job("success"), seen("paused"))
    assert snapmirror.pause(client, rel(), 60)[1]
    finish(client)


@pytest.mark.parametrize("state", ["paused", "broken_off"])
def test_pause_leaves_what_is_paused_or_broken(state: str) -> None:
    client = client_of(seen(state))
    assert not snapmirror.pause(client, rel(state), 60)[1]
    finish(client)


def test_pause_does_not_wait_for_a_running_transfer_unless_told() -> None:
    client = client_of(
        seen("snapmirrored"),
        transfers(RUNNING),
        patch("paused", accepted()),
        job("running"),
        transfers(RUNNING),
        transfers(RUNNING),
    )
    found, changed = snapmirror.pause(client, rel(), 60, wait=False)
    assert (found.state, changed) == ("snapmirrored", True)
    finish(client)


def test_pause_asks_again_when_the_quiesce_gave_up() -> None:
    again = [patch("paused", accepted()), job("failure", code=13303823), *[seen("snapmirrored")] * 6]
    client = client_of(seen("snapmirrored"), *again, patch("paused", accepted()), job("success"), seen("paused"))
    assert snapmirror.pause(client, rel(), 60)[0].state == "paused"
    finish(client)


def test_abort_ends_every_transfer() -> None:
    one, two = {"uuid": "T1", "state": "queued"}, {"uuid": "T2", "state": "transferring"}
    client = client_of(
        transfers(one, two, {"uuid": "T0", "state": "success"}),
        write("PATCH", f"{TRANSFERS}/T1", {"state": "aborted"}),
        write("PATCH", f"{TRANSFERS}/T2", {"state": "aborted"}, error("4", status=404)),
        transfers({"uuid": "T1", "state": "aborted"}),
    )
    assert snapmirror.abort_transfers(client, rel(), 60) == ([], True)
    finish(client)


def test_abort_of_a_transfer_that_just_ended_is_fine() -> None:
    client = client_of(transfers(RUNNING), write("PATCH", f"{TRANSFERS}/T", {"state": "aborted"}, error("13303849")), transfers())
    assert snapmirror.abort_transfers(client, rel(), 60)[1]
    finish(client)


def test_abort_becomes_hard_when_the_soft_one_does_not_take() -> None:
    watching = [transfers(RUNNING)] * 30
    client = client_of(
        transfers(RUNNING),
        write("PATCH", f"{TRANSFERS}/T", {"state": "aborted"}),
        *watching,
        write("PATCH", f"{TRANSFERS}/T", {"state": "hard_aborted"}),
        transfers(),
    )
    snapmirror.abort_transfers(client, rel(), 60)
    finish(client)


def test_no_transfer_no_abort() -> None:
    client = client_of(transfers())
    assert snapmirror.abort_transfers(client, rel(), 60) == ([], False)


def test_break_forced() -> None:
    client = client_of(seen("paused"), patch("broken_off", accepted(), force="true"), job("success"), seen("broken_off"))
    assert snapmirror.break_off(client, rel("paused"), True, 60)[0].state == "broken_off"
    finish(client)


def test_break_of_a_broken_relationship_sends_nothing() -> None:
    client = client_of(seen("broken_off"))
    assert not snapmirror.break_off(client, rel("paused"), True, 60)[1]
    finish(client)


def test_break_refused_as_already_broken_is_judged_by_the_state() -> None:
    client = client_of(seen("paused"), patch("broken_off", error("13303833"), force="true"), seen("broken_off"))
    assert snapmirror.break_off(client, rel("paused"), True, 60)[1]
    finish(client)


def test_break_during_a_transfer_aborts_it_and_breaks_again() -> None:
    client = client_of(
        seen("paused"),
        patch("broken_off", error("13303808", "Another transfer is in progress"), force="true"),
        seen("paused"),
        transfers(RUNNING),
        transfers(RUNNING),
        write("PATCH", f"{TRANSFERS}/T", {"state": "aborted"}),
        transfers(),
        seen("paused"),
        patch("broken_off", None, force="true"),
        seen("broken_off"),
    )
    assert snapmirror.break_off(client, rel("paused"), True, 60)[1]
    finish(client)


def test_break_refused_for_another_reason_is_an_error() -> None:
    client = client_of(seen("paused"), patch("broken_off", error("13303808", "the source SVM is running"), force="true"), seen("paused"), transfers())
    with pytest.raises(ApiError, match="source SVM is running") as caught:
        snapmirror.break_off(client, rel("paused"), True, 60)
    assert caught.value.seen["state"] == "paused"
    finish(client)


def test_break_without_force_names_it_when_the_peer_is_silent() -> None:
    client = client_of(seen("paused"), patch("broken_off", error("262224", status=500)), seen("paused"))
    with pytest.raises(ApiError, match="with force") as caught:
        snapmirror.break_off(client, rel("paused"), False, 60)
    assert caught.value.code == "262224"
    finish(client)


def test_break_whose_job_is_lost_is_watched_before_it_is_sent_again() -> None:
    client = client_of(
        seen("paused"), patch("broken_off", accepted(), force="true"), get("/api/cluster/jobs/J", error("4", status=404)), seen("paused"), seen("broken_off")
    )
    assert snapmirror.break_off(client, rel("paused"), True, 60)[1]
    finish(client)


def test_break_of_a_relationship_that_was_deleted_meanwhile() -> None:
    client = client_of(get(ONE, error("4", status=404)))
    with pytest.raises(NotFound, match="deleted while"):
        snapmirror.break_off(client, rel("paused"), True, 60)


def test_initialize() -> None:
    client = client_of(
        seen("uninitialized"),
        patch("snapmirrored", accepted()),
        job("success"),
        seen("uninitialized", transfer=RUNNING),
        seen("snapmirrored", transfer={"state": "success"}),
    )
    assert snapmirror.initialize(client, rel("uninitialized"), 60)[1]
    finish(client)


def test_initialize_waits_for_a_baseline_that_runs_already() -> None:
    client = client_of(seen("uninitialized", transfer=RUNNING), seen("uninitialized", transfer=RUNNING), seen("snapmirrored"))
    assert not snapmirror.initialize(client, rel("uninitialized", transfer=RUNNING), 60)[1]
    finish(client)


def test_initialize_that_fails_says_why() -> None:
    failed = {"uuid": "T", "state": "failed", "error_info": {"code": 6620046, "message": "Transfer aborted"}}
    client = client_of(seen("uninitialized"), patch("snapmirrored"), seen("uninitialized", transfer=RUNNING), seen("uninitialized", transfer=failed))
    with pytest.raises(JobFailed, match="Transfer aborted"):
        snapmirror.initialize(client, rel("uninitialized"), 60)
    finish(client)


def test_initialize_after_an_old_failure_begins_anew() -> None:
    old = {"uuid": "T0", "state": "failed", "end_time": "2026-07-01T09:00:00+00:00"}
    client = client_of(seen("uninitialized", transfer=old), patch("snapmirrored"), seen("uninitialized", transfer=old), seen("snapmirrored"))
    assert snapmirror.initialize(client, rel("uninitialized", transfer=old), 60)[1]
    finish(client)


def test_initialize_does_not_watch_an_unhealthy_mirror_for_hours() -> None:
    ill = {"healthy": False, "unhealthy_reason": [{"code": "6621444", "message": "late"}]}
    client = client_of(*[seen("snapmirrored", **ill)] * 90)
    with pytest.raises(WaitTimeout, match="late"):
        snapmirror.initialize(client, rel("snapmirrored", **ill), 3600)
    assert client.clock.monotonic() <= 31


def test_initialize_never_touches_a_broken_relationship() -> None:
    client = client_of()
    for act in (snapmirror.initialize, snapmirror.resume, snapmirror.transfer):
        with pytest.raises(Refused) as caught:
            act(client, rel("broken_off"), 60)
        assert caught.value.reason == "broken_off"
    finish(client)


def test_resume_stops_when_the_relationship_was_broken_meanwhile() -> None:
    client = client_of(seen("broken_off"))
    with pytest.raises(Refused):
        snapmirror.resume(client, rel("paused"), 60)
    finish(client)


def test_resume() -> None:
    client = client_of(seen("paused"), patch("snapmirrored", accepted()), job("success"), seen("snapmirrored"))
    assert snapmirror.resume(client, rel("paused"), 60)[1]
    finish(client)


def test_resync_ends_with_its_transfer() -> None:
    client = client_of(
        seen("broken_off"),
        write("PATCH", ONE, {"state": "snapmirrored", "quick_resync": True}, accepted()),
        job("success"),
        seen("snapmirrored", transfer=RUNNING),
        seen("snapmirrored", transfer={"state": "success"}),
    )
    assert snapmirror.resync(client, rel("broken_off"), 60, quick=True)[1]
    finish(client)


def test_transfer_lets_a_running_one_end_and_then_runs_one() -> None:
    idle, done = seen("snapmirrored"), {"uuid": "T1", "state": "success"}
    old = transfers({"uuid": "T", "state": "success"})
    client = client_of(
        seen("snapmirrored", transfer=RUNNING),
        seen("snapmirrored"),
        transfers({"uuid": "T", "state": "success"}),
        old,
        old,
        write("POST", TRANSFERS, {}, answer(status=201)),
        transfers({"uuid": "T1", "state": "transferring"}, {"uuid": "T", "state": "success"}),
        transfers(done),
        idle,
    )
    assert snapmirror.transfer(client, rel(), 60)[1]
    finish(client)


def test_transfer_whose_answer_was_lost_is_found_again() -> None:
    none, mine = transfers(), transfers({"uuid": "T1", "state": "transferring"})
    client = client_of(
        seen("snapmirrored"),
        none,
        none,
        none,
        write("POST", TRANSFERS, {}, AnswerLost("reset")),
        *[mine] * 7,
        transfers({"uuid": "T1", "state": "success"}),
        seen("snapmirrored"),
    )
    assert snapmirror.transfer(client, rel(), 60)[1]
    assert [request.method for request in client.transport.requests].count("POST") == 1  # type: ignore[attr-defined]


def test_transfer_that_fails_says_why() -> None:
    none = transfers()
    failed = transfers({"uuid": "T1", "state": "failed", "error_info": {"code": 1, "message": "source gone"}})
    client = client_of(seen("snapmirrored"), none, none, none, write("POST", TRANSFERS, {}), failed)
    with pytest.raises(JobFailed, match="source gone"):
        snapmirror.transfer(client, rel(), 60)
    finish(client)


def test_modify_only_what_differs() -> None:
    client = client_of(seen("snapmirrored"))
    assert not snapmirror.modify(client, rel(), 60, policy="p", schedule="s")[1]
    client = client_of(
        seen("snapmirrored"),
        write("PATCH", ONE, {"transfer_schedule": {"name": "t"}}),
        seen("snapmirrored", transfer_schedule={"name": "t"}),
    )
    assert snapmirror.modify(client, rel(), 60, schedule="t")[1]
    finish(client)


def test_delete_keeps_the_sources_entry_and_the_snapshots() -> None:
    client = client_of(seen("broken_off"), write("DELETE", ONE, None, accepted(), destination_only="true"), job("success"), get(ONE, error("4", status=404)))
    assert snapmirror.delete(client, rel("broken_off"), 60) == (None, True)
    finish(client)


def test_release_by_uuid_keeps_the_snapshots() -> None:
    client = client_of(
        get(LIST, records(relation("")), list_destinations_only="true", uuid="R"),
        write("DELETE", ONE, None, accepted(), source_info_only="true"),
        job("success"),
        get(LIST, records(), list_destinations_only="true", uuid="R"),
    )
    assert snapmirror.release(client, "R", 60) == ([], True)
    finish(client)


def test_check_mode_sends_nothing_anywhere() -> None:
    client = client_of(
        seen("snapmirrored"),
        transfers(RUNNING),
        seen("snapmirrored"),
        seen("uninitialized"),
        seen("paused"),
        seen("snapmirrored"),
        check_mode=True,
    )
    assert snapmirror.pause(client, rel(), 60)[1]
    assert snapmirror.abort_transfers(client, rel(), 60)[1]
    assert snapmirror.break_off(client, rel(), True, 60)[1]
    assert snapmirror.initialize(client, rel("uninitialized"), 60)[1]
    assert snapmirror.resume(client, rel("paused"), 60)[1]
    assert snapmirror.transfer(client, rel(), 60)[1]
    assert snapmirror.delete(client, rel(), 60)[1]
    assert {request.method for request in client.transport.requests} == {"GET"}  # type: ignore[attr-defined]
