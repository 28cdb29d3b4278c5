# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems' own critical path, out of the lab's log, and what lies between its operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

PROMOTION = ("quiesce", "break", "svm_start")
RESTORE = "restore"
WRITES = 6
"""Writes of a failover that must follow one another and be answered: pause, break, a rule made, a rule deleted, start, the Restore."""
OUR_OWN = ("/configmaps/kubedr-", "/downloadrequests", "/selfsubjectaccessreviews")
"""Paths of writes that only the collection needs, for its record and its reads."""


@dataclass(frozen=True)
class Operation:
    """One operation as a system timed it; instants are epoch seconds."""

    name: str
    obj: str
    started: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long the system was at it."""
        return self.ended - self.started


@dataclass(frozen=True)
class Gap:
    """Wall time in which no operation ran.

    Args:
        after, before: what ended and what began next.
        requests: how many requests of the ``api`` listener were answered in it.
        answering: seconds that the systems were at these, one after another or at once.
    """

    after: str
    before: str
    seconds: float
    requests: int
    answering: float

    @property
    def elsewhere(self) -> float:
        """Seconds in which no request was under way: Ansible's start, its tasks, pauses between two looks."""
        return max(self.seconds - self.answering, 0.0)


def epoch(text: str) -> float:
    """Seconds, from the log's ISO instants."""
    return datetime.fromisoformat(text).timestamp()


def operations(events: Iterable[Mapping[str, Any]], begin: float, end: float) -> list[Operation]:
    """The operations of a failover that began in this window, by their start."""
    found = [
        Operation(str(event["operation"]), str(event["object"]), epoch(event["started"]), epoch(event["ended"]))
        for event in events
        if event["event"] == "operation" and event["operation"] in (*PROMOTION, RESTORE)
    ]
    return sorted((operation for operation in found if begin <= operation.started <= end), key=lambda operation: operation.started)


def critical_path(found: Sequence[Operation], svms: Mapping[str, str]) -> float:
    """Seconds that the systems alone would have taken.

    Within a group quiesce, break, SVM start and restore must follow one another; groups go side by side, but a Velero server does one restore at a time,
    in the order in which they were asked for.

    Args:
        svms: destination SVM by group.

    Raises:
        ValueError: an operation of a group is not in the log, or is there twice.
    """
    done = {group: sum(_the_one(found, name, svm).seconds for name in PROMOTION) for group, svm in svms.items()}
    restores = {group: _the_one(found, RESTORE, f"/kubedr-{group}-e") for group in svms}
    queue = 0.0
    for group in sorted(svms, key=lambda group: restores[group].started):
        queue = max(queue, done[group]) + restores[group].seconds
    return queue


def answer_seconds(events: Iterable[Mapping[str, Any]], begin: float, end: float) -> float:
    """How long a system takes to answer the plainest request: the median of the reads of this window, 0 where there is none."""
    reads = [
        float(event["ms"]) / 1000 for event in events
        if event["event"] == "request" and event.get("via") == "api" and event.get("method") == "GET" and begin <= epoch(event["time"]) <= end
    ]
    return median(reads) if reads else 0.0


def at_work(events: Iterable[Mapping[str, Any]], begin: float, end: float, waits: Iterable[tuple[float, float]] = ()) -> float:
    """Seconds of this window in which a system was at work for one run of one group: at an operation, or at a write, with the job that it waits for.

    A lower bound of what the verb must take: what overlaps counts once, and reads not at all.

    Args:
        waits: further spans in which nothing but a system could go on, such as from a backup's end until the other cluster shows it.
    """
    spans = list(waits)
    for event in events:
        if event["event"] == "operation" and not (event["operation"] == "backup" and "/kubedr-" not in event["object"]):
            spans.append((epoch(event["started"]), epoch(event["ended"])))
        elif _a_systems_write(event):
            spans.append((epoch(event["time"]), epoch(event["time"]) + float(event["ms"]) / 1000))
    return covered((max(first, begin), min(last, end)) for first, last in spans if last > begin and first < end)


def _a_systems_write(event: Mapping[str, Any]) -> bool:
    written = event["event"] == "request" and event.get("via") == "api" and event.get("method") not in ("GET", None)
    return written and not any(part in event["path"] for part in OUR_OWN)


def _the_one(found: Sequence[Operation], name: str, part: str) -> Operation:
    matching = [operation for operation in found if operation.name == name and (operation.obj == part or (name == RESTORE and part in operation.obj))]
    if len(matching) != 1:
        raise ValueError(f"{name} of {part}: {len(matching)} in the log, 1 expected")
    return matching[0]


def requests_of(events: Iterable[Mapping[str, Any]], begin: float, end: float) -> list[tuple[float, float]]:
    """When each request of the ``api`` listener came and was answered, of those that came in this window, in order."""
    spans = [
        (epoch(event["time"]), epoch(event["time"]) + float(event["ms"]) / 1000)
        for event in events
        if event["event"] == "request" and event.get("via") == "api"
    ]
    return sorted((first, last) for first, last in spans if begin <= first <= end)


def causes(events: Sequence[Mapping[str, Any]], found: Sequence[Operation], begin: float, end: float) -> dict[str, float]:
    """What the wall time of one group's run consists of, in seconds; the parts add up to it.

    Raises:
        ValueError: no operation or no request is in the log.
    """
    requests = requests_of(events, begin, end)
    if not requests or not found:
        raise ValueError("the log holds no operation or no request of this run")
    last = found[-1]
    seen = next((first for first, _last in requests if first >= last.ended), last.ended)
    working = covered((operation.started, operation.ended) for operation in found)
    parts = {
        "operations": working,
        "Ansible, up to the first request": requests[0][0] - begin,
        "requests outside operations": covered([*((o.started, o.ended) for o in found), *requests]) - working,
        "end of the restore seen late": seen - last.ended,
        "Ansible, after the last answer": end - max(answered for _first, answered in requests),
    }
    return {**parts, "between requests: tasks, TLS, our own code": end - begin - sum(parts.values())}


def gaps(events: Iterable[Mapping[str, Any]], found: Sequence[Operation], begin: float, end: float) -> list[Gap]:
    """The wall time that no operation covers, in its order: for a run of one group, whose operations follow one another."""
    requests = requests_of(events, begin, end)
    marks = [("start", begin, begin), *((operation.name, operation.started, operation.ended) for operation in found), ("end", end, end)]
    return [_gap(a[0], b[0], a[2], b[1], requests) for a, b in zip(marks, marks[1:], strict=False)]


def _gap(after: str, before: str, begin: float, end: float, requests: Sequence[tuple[float, float]]) -> Gap:
    inside = [(max(first, begin), min(last, end)) for first, last in requests if last > begin and first < end]
    return Gap(after, before, max(end - begin, 0.0), len(inside), covered(inside))


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that the union of these spans covers."""
    total, reached = 0.0, float("-inf")
    for first, last in sorted(spans):
        total += max(last - max(first, reached), 0.0)
        reached = max(reached, last)
    return total
