# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests a fault hits, and what the edge makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.messages import Request, Response, json_response
from kubedr_lab.shell.edge import Edge, Outcome
from kubedr_lab.shell.faults import Faults, Rule

RELATIONSHIP = "/api/snapmirror/relationships/4ea7"


class Core:
    """Answers everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        return json_response(200, {"records": [{"uuid": "4ea7", "healthy": True}]})


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def edge(core: Core, events: list[dict[str, Any]]) -> Edge:
    return Edge(core.handle, VirtualClock(), events.append, latency=0.05)


def play(edge: Edge, request: Request, via: str = "api") -> Outcome:
    coroutine = edge.answer(request, via)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    outcome: Outcome = stop.value.value
    return outcome


@pytest.mark.parametrize(
    ("nth", "times", "hits"),
    [(1, 1, [1]), (3, 1, [3]), (2, 2, [2, 3]), (4, 0, [4, 5, 6])],
)
def test_a_rule_hits_from_the_nth_match_on_so_many_times(nth: int, times: int, hits: list[int]) -> None:
    rule = Rule.parse("GET /api/svm/svms", "500", nth=nth, times=times)
    assert [n for n in range(1, 7) if rule.hit("GET", "/api/svm/svms")] == hits


@pytest.mark.parametrize(
    ("match", "method", "path", "applies"),
    [
        ("PATCH /api/svm/svms", "PATCH", "/api/svm/svms/1", True),
        ("PATCH /api/svm/svms$", "PATCH", "/api/svm/svms/1", False),
        ("PATCH /api/svm/svms", "GET", "/api/svm/svms/1", False),
        (".* /api", "DELETE", "/api/svm/svms/1", True),
        ("GET /svm", "GET", "/api/svm/svms", False),
    ],
)
def test_method_wholly_and_path_from_its_beginning(match: str, method: str, path: str, applies: bool) -> None:
    assert Rule.parse(match, "drop").applies(method, path) is applies


@pytest.mark.parametrize(
    ("method", "path", "counts"),
    [
        ("PATCH", RELATIONSHIP, True), ("POST", "/api/svm/svms", True), ("GET", RELATIONSHIP, False), ("POST", f"{RELATIONSHIP}/transfers", False),
        ("POST", "/api/cluster/peers", False), ("PATCH", "/api/v1/namespaces/app1", False),
    ],
)
def test_job_faults_count_only_what_answers_with_a_job(method: str, path: str, counts: bool) -> None:
    assert Rule.parse(".* /", "job-lost").hit(method, path) is counts


@pytest.mark.parametrize(
    ("match", "kind", "options"),
    [("GET", "500", {}), ("GET (", "500", {}), ("GET /", "explode", {}), ("GET /", "500", {"nth": 0}), ("GET /", "500", {"times": -1})],
)
def test_a_rule_that_cannot_be_is_refused(match: str, kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"METHOD path-regex|regular expression|unknown kind|counts from 1"):
        Rule.parse(match, kind, **options)


def test_every_rule_counts_also_where_another_one_hits() -> None:
    faults = Faults()
    faults.add(Rule.parse("GET /", "500"))
    faults.add(Rule.parse("GET /", "503", nth=2))
    kinds = [rule.kind if rule else None for rule in (faults.decide("GET", "/") for _unused in range(3))]
    assert kinds == ["500", "503", None]


@pytest.mark.parametrize("kind", ["drop", "reset", "500", "503", "401"])
def test_not_carried_out(edge: Edge, core: Core, kind: str) -> None:
    edge.faults.add(Rule.parse("PATCH /", kind))
    outcome = play(edge, Request("PATCH", RELATIONSHIP))
    assert core.seen == []
    assert outcome.reset is (kind == "reset")
    if kind in ("drop", "reset"):
        assert outcome.answer is None
    else:
        assert outcome.answer.status == int(kind)
        assert ("retry-after" in outcome.answer.headers) is (kind == "503")
    assert play(edge, Request("PATCH", RELATIONSHIP)).answer.status == 200


@pytest.mark.parametrize(("path", "key"), [("/api/cluster", "error"), ("/api/v1/pods", "reason"), ("/apis/velero.io/v1/backups", "reason")])
def test_an_error_is_worded_as_the_system_would(edge: Edge, path: str, key: str) -> None:
    edge.faults.add(Rule.parse("GET /", "401"))
    assert key in play(edge, Request("GET", path)).answer.json()


def test_carried_out_but_the_answer_is_lost(edge: Edge, core: Core) -> None:
    edge.faults.add(Rule.parse("PATCH /", "executed"))
    assert play(edge, Request("PATCH", RELATIONSHIP)).answer is None
    assert len(core.seen) == 1


def test_slow_and_latency_are_left_to_the_driver(edge: Edge) -> None:
    edge.faults.add(Rule.parse("GET /", "slow", seconds=7))
    assert [play(edge, Request("GET", "/api")).delay for _unused in range(2)] == [7.05, 0.05]


@pytest.mark.parametrize(("kind", "told"), [("job-failed", "failed"), ("job-failed-silent", "silent"), ("job-lost", "lost")])
def test_job_faults_are_told_to_the_core(edge: Edge, core: Core, kind: str, told: str) -> None:
    edge.faults.add(Rule.parse("PATCH /", kind))
    play(edge, Request("PATCH", RELATIONSHIP))
    assert core.seen[0].headers["x-lab-job-fault"] == told


def test_unhealthy_changes_what_a_read_shows(edge: Edge) -> None:
    edge.faults.add(Rule.parse("GET /api/snapmirror", "unhealthy", message="no contact"))
    record = play(edge, Request("GET", "/api/snapmirror/relationships")).answer.json()["records"][0]
    assert (record["healthy"], record["unhealthy_reason"][0]["message"]) == (False, "no contact")


def test_peers_meet_no_fault_and_no_latency(edge: Edge) -> None:
    edge.faults.add(Rule.parse(".* /", "500", times=0))
    outcome = play(edge, Request("GET", "/api"), "peer")
    assert (outcome.answer.status, outcome.delay) == (200, 0)


def test_the_log_shows_no_secret(edge: Edge, events: list[dict[str, Any]]) -> None:
    query = {"X-Signature": ["s3cret"], "fields": ["name", "uuid"]}
    request = Request("GET", "/kubedr/a", query, {"authorization": "Basic s3cret"}, b'{"passphrase": "s3cret"}')
    play(edge, request)
    assert events[0]["query"] == {"X-Signature": "***", "fields": "name,uuid"}
    assert {"time", "via", "event", "method", "path", "status", "ms"} <= events[0].keys()
    assert "s3cret" not in json.dumps(events)
