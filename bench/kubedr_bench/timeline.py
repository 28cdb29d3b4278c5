# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems' own critical path, out of the lab's log, and what lies between its operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PROMOTION = ("quiesce", "break", "svm_start")
RESTORE = "restore"


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


def _the_one(found: Sequence[Operation], name: str, part: str) -> Operation:
    matching = [operation for operation in found if operation.name == name and (operation.obj == part or (name == RESTORE and part in operation.obj))]
    if len(matching) != 1:
        raise ValueError(f"{name} of {part}: {len(matching)} in the log, 1 expected")
    return matching[0]


def gaps(events: Iterable[Mapping[str, Any]], found: Sequence[Operation], begin: float, end: float) -> list[Gap]:
    """The wall time that no operation covers, in its order: for a run of one group, whose operations follow one another."""
    requests = [
        (epoch(event["time"]), epoch(event["time"]) + float(event["ms"]) / 1000)
        for event in events
        if event["event"] == "request" and event.get("via") == "api"
    ]
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
