# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Progress lines while a task works: one on change, at most every 15 s within a step. AWX shows each as a job event of its own."""

from __future__ import annotations

from collections.abc import Callable

INTERVAL = 15.0
"""Seconds between two lines of one step: 100 groups then make a few hundred lines in a failover, not thousands."""


class ProgressLines:
    """``[payments] failover 3/7 break: waiting for transfer, 41 %``. The prefix is the only link to the host, since AWX gives such events none."""

    def __init__(self, show: Callable[[str], None], group: str, verb: str, monotonic: Callable[[], float]) -> None:
        self.show, self.group, self.verb, self.monotonic = show, group, verb, monotonic
        self.last_text, self.last_shown = "", float("-inf")

    def step_started(self) -> None:
        """The first thing that a new step says is shown at once."""
        self.last_shown = float("-inf")

    def step_ended(self, name: str, changed: bool) -> None:
        """A step that changed something is always shown; one that found nothing to do is not, so that a second run is quiet."""
        if changed:
            self._line(name)

    def say(self, text: str) -> None:
        """Shown if it differs from the last line and the step has been quiet for long enough."""
        if text != self.last_text and self.monotonic() - self.last_shown >= INTERVAL:
            self._line(text)

    def _line(self, text: str) -> None:
        self.last_text, self.last_shown = text, self.monotonic()
        self.show(f"[{self.group}] {self.verb} {text}")
