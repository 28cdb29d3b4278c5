# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The reporter of an action plugin: what a run says goes to people as progress lines and into the journal, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from ansible.module_utils.common.parameters import remove_values

from ..module_utils._clock import Clock
from ._journal import Journal
from ._progress import ProgressLines


class ActionReporter:
    """A Reporter (see module_utils/_report.py). A journal that cannot be written is told once and stops nothing. Steps may run side by side."""

    def __init__(self, lines: ProgressLines, journal: Journal | None, clock: Clock, secrets: set[str], warn: Callable[[str], None]) -> None:
        self.lines, self.journal, self.clock, self.secrets, self.warn = lines, journal, clock, secrets, warn
        self._one_at_a_time = RLock()

    def progress(self, text: str) -> None:
        """One line for a person, as often as ProgressLines allows."""
        with self._one_at_a_time:
            self.lines.say(self.scrub(text))

    def step_started(self, name: str, asked: Any) -> None:
        """An open step in the journal."""
        with self._one_at_a_time:
            self.lines.step_started()
        self._journal(lambda journal: journal.step_started(name, self.scrub(asked), self.clock.utcnow()))

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        """A line where something changed, and the step's end in the journal."""
        with self._one_at_a_time:
            self.lines.step_ended(self.scrub(name), changed)
        self._journal(lambda journal: journal.step_ended(name, self.scrub(seen), changed, self.clock.utcnow()))

    def note(self, **fields: Any) -> None:
        """Top-level keys of the journal."""
        self._journal(lambda journal: journal.note({key: self.scrub(value) for key, value in fields.items()}))

    def finish(self, result: str, message: str) -> None:
        """The run ended. Its first end stands: a cleaning task after a failure adds its steps, not another result."""
        if self.journal is not None and self.journal.open:
            self._journal(lambda journal: journal.finish(result, self.scrub(message), self.clock.utcnow()))

    def scrub(self, value: Any) -> Any:
        """``value`` with every secret replaced, at any depth."""
        return remove_values(value, self.secrets)

    def _journal(self, change: Callable[[Journal], None]) -> None:
        with self._one_at_a_time:
            if self.journal is None:
                return
            try:
                change(self.journal)
            except OSError as error:
                self.warn(f"the run goes on, but its journal {self.journal.path} can no longer be written: {error.strerror}")
                self.journal = None
