# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The one clock. Nothing else in the collection may sleep, so that tests can run whole failovers on a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from ._errors import WaitTimeout

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 5.0, 1.5
"""Seconds, seconds, and by what each pause is longer than the one before: a pause is then a third of the wait so far."""
CLOSE_GROWTH = 1.03
"""A pause is three hundredths of the wait so far: for the long waits that everything else stands behind, so that their end is seen at most that much late."""


class Clock(Protocol):
    """Time as the collection uses it. ``utcnow`` is for run ids and time stamps of our own only: ages use the answering system's clock."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def utcnow(self) -> datetime: ...


class SystemClock:
    """The real one."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause the caller."""
        time.sleep(seconds)

    def utcnow(self) -> datetime:
        """The control node's time, UTC."""
        return datetime.now(UTC)


def poll(
    clock: Clock,
    fetch: Callable[[], T],
    done: Callable[[T], bool],
    *,
    timeout: float,
    what: str,
    system: str = "",
    describe: Callable[[T], object] = lambda seen: seen,
    on_look: Callable[[T], None] = lambda seen: None,
    growth: float = GROWTH,
    first: float = FIRST_PAUSE,
) -> T:
    """Look at once, then again after 0.2 s, 0.3 s, ... 5 s, until ``done`` or the deadline.

    Args:
        timeout: seconds; the last look happens at the deadline, not before it.
        what: the operation named in the error.
        describe: makes what was seen JSON-serialisable for the error.
        on_look: called with each look, for progress lines and for renewing a lease.
        growth: GROWTH or CLOSE_GROWTH.
        first: seconds of the first pause, for what mostly takes less than FIRST_PAUSE.

    Raises:
        WaitTimeout: with the last look in ``seen``.
    """
    end, pause = clock.monotonic() + timeout, first
    while True:
        seen = fetch()
        on_look(seen)
        if done(seen):
            return seen
        left = end - clock.monotonic()
        if left <= 0:
            raise WaitTimeout(
                f"not reached within {timeout:g} s, last seen: {describe(seen)}", system=system, operation=what, seen=describe(seen),
                advice="Nothing is assumed about how it ended: run again to look and go on from there.",
            )
        clock.sleep(min(pause, left))
        pause = min(pause * growth, LONGEST_PAUSE)
