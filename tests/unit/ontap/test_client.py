# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: errors, retries, paging, jobs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import (
    AnswerLost,
    ApiError,
    AuthError,
    Conflict,
    JobFailed,
    KubedrError,
    NotFound,
    Unreachable,
    WaitTimeout,
)
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Response
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import exact

from .scripted import Call, accepted, answer, client_of, error, finish, get, job, records, write

PATH = "/api/svm/svms"


def test_get_gives_the_body_and_keeps_the_servers_time() -> None:
    client = client_of(get(PATH, records({"name": "a"})))
    assert client.get(PATH)["num_records"] == 1
    assert client.server_time == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_records_follow_next_links() -> None:
    page = answer({"records": [{"name": "a"}], "_links": {"next": {"href": f"{PATH}?start.index=1&name=x%2A"}}})
    client = client_of(get(PATH, page, name="x*"), Call("GET", PATH, {"start.index": "1", "name": "x*"}, answer=records({"name": "b"})))
    assert [item["name"] for item in client.records(PATH, "name", name="x*")] == ["a", "b"]
    finish(client)


def test_records_stop_at_a_link_that_leads_in_a_circle() -> None:
    page = answer({"records": [{"name": "a"}], "_links": {"next": {"href": f"{PATH}?start.index=1"}}})
    client = client_of(get(PATH, page), Call("GET", PATH, {"start.index": "1"}, answer=page))
    assert len(client.records(PATH, "name")) == 2
    finish(client)


@pytest.mark.parametrize(
    "trouble",
    [
        Unreachable("refused"),
        AnswerLost("reset"),
        error("8", status=503),
        error("7", status=500),
        error("8", status=502),
        error("7", status=429),
        Response(500, {}, None),
    ],
)
def test_reads_are_repeated(trouble: Response | Exception) -> None:
    client = client_of(get(PATH, trouble), get(PATH, trouble), get(PATH, trouble), get(PATH, records()))
    assert client.get(PATH)["records"] == []
    finish(client)


def test_reads_give_up_after_three_repeats() -> None:
    client = client_of(*[get(PATH, Unreachable("refused"))] * 4)
    with pytest.raises(Unreachable):
        client.get(PATH)
    finish(client)


def test_retry_after_is_honoured() -> None:
    client = client_of(get(PATH, error("8", status=503, retry_after="7")), get(PATH, records()))
    client.get(PATH)
    assert client.clock.monotonic() == 7.0


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(401, {}, None), AuthError),
        (error("6", status=403), AuthError),
        (error("6691623", status=400), AuthError),
        (error("4", status=404), NotFound),
        (error("1", status=409), Conflict),
        (error("1", status=400), Conflict),
        (error("262179", status=400), ApiError),
        (answer({"error": {"code": "9", "message": "x"}}), ApiError),
    ],
)
def test_errors_are_typed_and_not_repeated(response: Response, kind: type[KubedrError]) -> None:
    client = client_of(get(PATH, response))
    with pytest.raises(kind) as caught:
        client.get(PATH)
    assert caught.value.system == "ONTAP osaka"
    assert "GET /api/svm/svms" in str(caught.value)
    finish(client)


def test_an_error_carries_code_message_and_target() -> None:
    client = client_of(get(PATH, answer({"error": {"message": "no such", "code": "262197", "target": "fields"}}, 400)))
    with pytest.raises(ApiError, match=r"no such \(field fields\) \(code 262197\)"):
        client.get(PATH)


def test_an_answer_that_is_not_json_is_no_answer() -> None:
    client = client_of(get(PATH, Response(200, {}, "<html>")), retries=0)
    with pytest.raises(AnswerLost):
        client.get(PATH)


def test_write_sends_once_and_says_nothing_about_what_it_sent() -> None:
    client = client_of(write("POST", PATH, {"secret": "hush"}, AnswerLost("reset")))
    with pytest.raises(AnswerLost) as caught:
        client.write("POST", PATH, {"secret": "hush"})
    assert "hush" not in str(caught.value)
    assert "hush" not in str(caught.value.failure())
    finish(client)


def test_write_follows_its_job() -> None:
    client = client_of(write("POST", PATH, {}, accepted()), job("queued"), job("running"), job("success"))
    assert client.write("POST", PATH, {}).job_uuid == "J"
    finish(client)


@pytest.mark.parametrize("more", [{"message": "broken"}, {"error": {"message": "broken", "code": "13303808"}}])
def test_a_failed_job_raises_with_its_reason(more: dict[str, object]) -> None:
    client = client_of(write("PATCH", PATH, {}, accepted()), job("failure", **more))
    with pytest.raises(JobFailed, match="broken"):
        client.write("PATCH", PATH, {})


def test_a_failed_job_without_a_message_is_a_failure() -> None:
    client = client_of(write("PATCH", PATH, {}, accepted()), job("failure", code=0))
    with pytest.raises(JobFailed, match="gives no reason") as caught:
        client.write("PATCH", PATH, {})
    assert caught.value.code == ""


@pytest.mark.parametrize("state", ["paused", "strange"])
def test_a_job_in_any_other_state_is_waited_for_and_never_success(state: str) -> None:
    client = client_of(write("PATCH", PATH, {}, accepted()), *[job(state)] * 6)
    with pytest.raises(WaitTimeout) as caught:
        client.write("PATCH", PATH, {}, deadline=2)
    assert caught.value.seen["state"] == state


def test_a_job_whose_record_is_gone_has_an_unknown_end() -> None:
    client = client_of(write("PATCH", PATH, {}, accepted()), job("running"), get("/api/cluster/jobs/J", error("4", status=404)))
    with pytest.raises(AnswerLost, match="not known"):
        client.write("PATCH", PATH, {})


def test_a_job_that_fails_within_the_return_timeout_is_seen() -> None:
    response = answer({"job": {"uuid": "J"}}, 200)
    client = client_of(write("PATCH", PATH, {}, response), job("failure", message="late"))
    with pytest.raises(JobFailed, match="late"):
        client.write("PATCH", PATH, {})


def test_check_mode_cannot_write() -> None:
    client = client_of(check_mode=True)
    with pytest.raises(RuntimeError, match="check mode"):
        client.write("POST", PATH, {})
    finish(client)


def test_held_writes_wait_longer_for_their_answer() -> None:
    client = client_of(write("POST", PATH, {}, answer()), write("POST", PATH, {}, answer()))
    client.write("POST", PATH, {})
    client.write("POST", PATH, {}, hold=0)
    held, plain = client.transport.requests  # type: ignore[attr-defined]
    assert (held.query, held.timeout) == ({"return_timeout": "10"}, 20.0)
    assert (plain.query, plain.timeout) == ({}, 10.0)


@pytest.mark.parametrize(("name", "value"), [("svm1:", "svm1:"), ("a*b", '"a*b"'), ("a|b", '"a|b"'), ("!a", '"!a"'), ("a..b", '"a..b"')])
def test_names_match_only_themselves(name: str, value: str) -> None:
    assert exact(name) == value
