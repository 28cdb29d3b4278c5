# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time in the lab. Cores only ask ``now()``; whoever drives them decides how time passes."""

from __future__ import annotations

import time
from typing import Protocol

START = 1782864000.0
"""2026-07-01T00:00:00Z, where a virtual clock begins unless told otherwise."""
LANDING = "@landing@"
"""In what a client appends to a file: the time at which the file server stores it, as a file's mtime. A client's own clock is earlier by the way there."""


class Clock(Protocol):
    """What a core may know of time."""

    def now(self) -> float:
        """Seconds since the epoch, in lab time."""
        ...


class LabClock:
    """Lab time that runs ``factor`` times as fast as real time, counted from ``origin``.

    Processes (and restarts) that share ``origin`` and ``factor`` share the time, because both derive it from the machine's clock.
    """

    def __init__(self, factor: float = 1.0, origin: float | None = None) -> None:
        if factor <= 0:
            raise ValueError("a clock factor is above 0")
        self.factor = factor
        self.origin = time.time() if origin is None else origin

    def now(self) -> float:
        """Seconds since the epoch, in lab time."""
        return self.origin + (time.time() - self.origin) * self.factor

    def real(self, seconds: float) -> float:
        """How many real seconds so many lab seconds take."""
        return seconds / self.factor


class VirtualClock:
    """Stands still until told to advance."""

    def __init__(self, start: float = START) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since the epoch, in lab time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass. Negative values are an error: lab time never goes back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds
