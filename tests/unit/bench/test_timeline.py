# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The critical path and the gaps, from made-up logs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from kubedr_bench.timeline import Operation, answer_seconds, at_work, causes, covered, critical_path, gaps, operations

BEGIN = datetime(2026, 1, 31, 3, 0, tzinfo=UTC).timestamp()


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(BEGIN + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def operation(name: str, obj: str, started: float, ended: float) -> dict[str, Any]:
    return {"event": "operation", "time": iso(ended), "operation": name, "object": obj, "started": iso(started), "ended": iso(ended)}


def request(started: float, ms: float, via: str = "api") -> dict[str, Any]:
    return {"event": "request", "time": iso(started), "via": via, "ms": ms}


def promotion(group: str, begin: float, quiesce: float = 3, stop: float = 5, start: float = 8) -> list[dict[str, Any]]:
    svm, first, second = f"svm_{group}_dr", begin + quiesce, begin + quiesce + stop
    return [operation("quiesce", svm, begin, first), operation("break", svm, first, second), operation("svm_start", svm, second, second + start)]


def restore(group: str, begin: float, seconds: float) -> dict[str, Any]:
    return operation("restore", f"velero/kubedr-{group}-e2-1", begin, begin + seconds)


SVMS = {"app1": "svm_app1_dr", "app2": "svm_app2_dr"}


def test_one_group_is_the_sum_of_its_operations_whatever_lay_between() -> None:
    found = operations([*promotion("app1", 2), restore("app1", 90, 6)], BEGIN, BEGIN + 200)
    assert critical_path(found, {"app1": "svm_app1_dr"}) == pytest.approx(3 + 5 + 8 + 6)


def test_restores_stand_in_one_queue_and_groups_side_by_side() -> None:
    found = operations([*promotion("app1", 0), *promotion("app2", 1), restore("app1", 20, 6), restore("app2", 26, 7)], BEGIN, BEGIN + 200)
    assert critical_path(found, SVMS) == pytest.approx(16 + 6 + 7)


def test_the_queue_waits_for_a_group_that_is_late_by_itself() -> None:
    found = operations([*promotion("app1", 0), *promotion("app2", 0, start=80), restore("app1", 20, 6), restore("app2", 100, 7)], BEGIN, BEGIN + 200)
    assert critical_path(found, SVMS) == pytest.approx(88 + 7)


def test_a_group_is_not_taken_for_another_whose_name_it_begins() -> None:
    events = [*promotion("app1", 0), *promotion("app11", 0), restore("app1", 20, 6), restore("app11", 26, 50)]
    assert critical_path(operations(events, BEGIN, BEGIN + 200), {"app1": "svm_app1_dr"}) == pytest.approx(16 + 6)


@pytest.mark.parametrize("events", [[*promotion("app1", 0)], [*promotion("app1", 0), restore("app1", 20, 6), restore("app1", 30, 6)]], ids=["none", "twice"])
def test_an_operation_that_is_not_there_once_is_an_error(events: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="restore of /kubedr-app1-e"):
        critical_path(operations(events, BEGIN, BEGIN + 200), {"app1": "svm_app1_dr"})


def test_only_operations_of_a_failover_in_the_window_count() -> None:
    events = [operation("transfer", "svm_app1_dr", 3, 4), operation("break", "svm_app1_dr", -5, -1), operation("quiesce", "svm_app1_dr", 3, 6)]
    assert operations(events, BEGIN, BEGIN + 200) == [Operation("quiesce", "svm_app1_dr", BEGIN + 3, BEGIN + 6)]


def test_gaps_tell_requests_from_what_lies_elsewhere() -> None:
    events = [request(1, 500), request(1.2, 500), request(1.1, 900, via="peer"), *promotion("app1", 2), restore("app1", 21, 6), request(27.5, 100)]
    found = operations(events, BEGIN, BEGIN + 30)
    first, *inner, last = gaps(events, found, BEGIN, BEGIN + 30)
    assert (first.after, first.before, first.seconds, first.requests) == ("start", "quiesce", pytest.approx(2), 2)
    assert (first.answering, first.elsewhere) == (pytest.approx(0.7), pytest.approx(1.3))
    assert [(gap.after, gap.before, pytest.approx(gap.seconds, abs=1e-6)) for gap in inner] == [
        ("quiesce", "break", 0), ("break", "svm_start", 0), ("svm_start", "restore", 3),
    ]
    assert (last.before, last.seconds, last.requests) == ("end", pytest.approx(3), 1)


def test_causes_add_up_to_the_wall_time() -> None:
    events = [request(1, 500), *promotion("app1", 2), request(18.5, 50), restore("app1", 21, 6), request(27.5, 100), request(28, 100)]
    parts = causes(events, operations(events, BEGIN, BEGIN + 30), BEGIN, BEGIN + 30)
    assert sum(parts.values()) == pytest.approx(30)
    assert parts["operations"] == pytest.approx(22)
    assert parts["Ansible, up to the first request"] == pytest.approx(1)
    assert parts["end of the restore seen late"] == pytest.approx(0.5)
    assert parts["requests outside operations"] == pytest.approx(0.75)
    assert parts["Ansible, after the last answer"] == pytest.approx(1.9)


def test_causes_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operation or no request"):
        causes([], [], BEGIN, BEGIN + 1)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [([], 0), ([(0, 2), (1, 3)], 3), ([(5, 6), (0, 1)], 2), ([(0, 10), (2, 3), (4, 11)], 11)],
    ids=["none", "overlap", "unsorted", "inside"],
)
def test_covered_counts_nothing_twice(spans: list[tuple[float, float]], seconds: float) -> None:
    assert covered(spans) == pytest.approx(seconds)


def asked(method: str, path: str, started: float, ms: float, via: str = "api") -> dict[str, Any]:
    return {**request(started, ms, via), "method": method, "path": path}


def test_what_overlaps_counts_once_and_reads_and_our_own_writes_not_at_all() -> None:
    events = [
        operation("transfer", "svm_app1_dr", 10, 20), asked("PATCH", "/api/svm/svms/1", 15, 10_000), asked("GET", "/api/svm/svms", 40, 50),
        asked("PUT", "/api/v1/namespaces/velero/configmaps/kubedr-app1", 50, 50), asked("POST", "/apis/x/downloadrequests", 51, 50),
        asked("POST", "/api/snapmirror/relationships", 60, 2000, via="peer"), operation("backup", "velero/k8sbackup-1", 70, 80),
        operation("backup", "velero/kubedr-app1-e2-1", 100, 110),
    ]
    assert at_work(events, BEGIN, BEGIN + 105, [(BEGIN + 90, BEGIN + 101)]) == pytest.approx(15 + 15)


def test_an_answer_takes_as_long_as_the_median_read() -> None:
    events = [asked("GET", "/a", 1, 50), asked("GET", "/b", 2, 52), asked("GET", "/c", 3, 500), asked("PATCH", "/d", 3, 9000)]
    assert answer_seconds(events, BEGIN, BEGIN + 10) == pytest.approx(0.052)
    assert answer_seconds(events, BEGIN + 50, BEGIN + 60) == 0.0
