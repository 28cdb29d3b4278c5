# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""How every write to ONTAP is done: look, send only if needed, and believe the object, never the answer or the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .._clock import CLOSE_GROWTH, poll
from .._errors import AnswerLost, ApiError, Conflict, JobFailed, KubedrError, Unreachable, WaitTimeout
from .client import RETRIES, Answer, OntapClient, pause_before_retry, retryable
from .parse import plain

T = TypeVar("T")

TRANSIENT = frozenset({"13303830", "6619715", "6619720", "13434894", "13434915", "13434916"})
"""Codes of ONTAP's REST reference that say: not now, ask again."""
UNKNOWN_END, FAILED_END = 5.0, 1.0
"""Seconds for which the object is watched after an answer was lost, and after a job failed, before the act is sent again or given up."""
STEP_SECONDS = 1.0
"""How long a stepwise act looks, if nothing moves, before it decides on its next write."""


def nothing(seen: object) -> None:
    """A watcher that does nothing."""


def transient(error: KubedrError) -> bool:
    """Whether ONTAP itself says that sending again will do."""
    return error.code in TRANSIENT or "temporarily locked" in error.message


@dataclass(frozen=True)
class Act(Generic[T]):
    """One write with its postcondition.

    Args:
        name, obj: for errors, such as ``break off`` and ``svm_app1: -> svm_app1_dr:``.
        read: looks at the object, from ONTAP.
        done: the postcondition. May raise when what is seen can never come to it.
        send: sends the write that what was seen last asks for; returns False where it sent nothing.
        stepwise: the way there has several writes: ``send`` is asked again after each look, until the postcondition holds.
        recover: given an error of ``send``, does what is needed and returns True where sending again makes sense, until the deadline.
        final: codes that no repetition helps against, whatever the HTTP status.
        describe: what was seen, as JSON data for errors.
        on_look: called with each look while waiting.
        first: what was read of the object a moment ago, instead of the first look.
    """

    name: str
    obj: str
    read: Callable[[], T]
    done: Callable[[T], bool]
    send: Callable[[T], object]
    recover: Callable[[KubedrError], bool] = transient
    final: frozenset[str] = frozenset()
    describe: Callable[[T], object] = plain
    on_look: Callable[[T], None] = nothing
    stepwise: bool = False
    first: T | None = None


def perform(client: OntapClient, act: Act[T], deadline: float) -> tuple[T, bool]:
    """What was seen at the end, and whether anything was sent. In check mode nothing is, and what was seen first is returned with True.

    Args:
        deadline: seconds for all of it.

    Raises:
        KubedrError: any, with the act's name and object.
    """
    try:
        return _perform(client, act, deadline)
    except KubedrError as error:
        error.operation = act.name if not error.operation else f"{act.name}, {error.operation}" if act.name not in error.operation else error.operation
        error.obj = f"{act.obj} ({error.obj})" if error.obj and act.obj not in error.obj else act.obj
        raise


def _perform(client: OntapClient, act: Act[T], deadline: float) -> tuple[T, bool]:
    end = client.clock.monotonic() + deadline
    seen = act.read() if act.first is None else act.first
    if act.done(seen):
        return seen, False
    if client.check_mode:
        return seen, True
    changed = False
    while True:
        seen, sent = _send(client, act, seen, end)
        changed = changed or sent
        if act.done(seen):
            return seen, changed
        left = max(end - client.clock.monotonic(), 0.0)
        if not act.stepwise or left <= STEP_SECONDS:
            found = poll(
                client.clock, act.read, act.done, timeout=left, what=act.name, system=client.system, describe=act.describe, on_look=act.on_look,
                growth=CLOSE_GROWTH,
            )
            return found, changed
        before = seen if sent else None
        seen = _watch(client, act, STEP_SECONDS, lambda now, before=before: before is not None and now != before)  # type: ignore[misc]
        if act.done(seen):
            return seen, changed


def _send(client: OntapClient, act: Act[T], seen: T, end: float) -> tuple[T, bool]:
    """Send, again where that can help; after an error the object decides whether it was carried out."""
    attempt = 0
    while True:
        outcome, error = _try(lambda seen=seen: act.send(seen))  # type: ignore[misc]
        if isinstance(outcome, Answer) and outcome.unread:
            seen = act.read()
            if act.done(seen):  # the object decides; how its job ended matters only where it does not show the change
                return seen, True
            _nothing, error = _try(lambda answer=outcome: client.follow(answer, max(end - client.clock.monotonic(), 0.0)))  # type: ignore[misc]
        if error is None:
            return seen, outcome is not False or attempt > 0
        seen = _watch(client, act, UNKNOWN_END if isinstance(error, AnswerLost) else FAILED_END if isinstance(error, (JobFailed, Conflict)) else 0.0)
        if act.done(seen):
            return seen, True
        recovered = act.recover(error)
        if not recovered and (error.code in act.final or not retryable(error) or attempt >= RETRIES):
            error.seen = error.seen if isinstance(error, WaitTimeout) else act.describe(seen)
            raise error
        attempt += 1
        _pause(client, error, attempt, end)
        if recovered:
            seen = act.read()
            if act.done(seen):
                return seen, True


def _try(send: Callable[[], object]) -> tuple[object, KubedrError | None]:
    """What came of it, or the error of which the object may tell more."""
    try:
        return send(), None
    except (Unreachable, AnswerLost, ApiError, JobFailed, WaitTimeout) as error:
        return None, error


def _watch(client: OntapClient, act: Act[T], seconds: float, moved: Callable[[T], bool] = lambda seen: False) -> T:
    """Look until the postcondition holds, something moved, or the seconds are over; what was seen last, in each case."""
    last: list[T] = []

    def look(seen: T) -> None:
        last.append(seen)
        act.on_look(seen)

    try:
        return poll(client.clock, act.read, lambda seen: act.done(seen) or moved(seen), timeout=seconds, what=act.name, system=client.system, on_look=look)
    except WaitTimeout:
        return last[-1]


def _pause(client: OntapClient, error: KubedrError, attempt: int, end: float) -> None:
    pause = pause_before_retry(error, attempt)
    if client.clock.monotonic() + pause > end:
        raise error
    client.clock.sleep(pause)
