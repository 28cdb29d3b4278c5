# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines: on change, at most every 15 s within a step."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.plugin_utils._progress import ProgressLines


class Shown:
    """The lines, and a clock that the test moves."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 100.0
        self.progress = ProgressLines(self.lines.append, "payments", "failover", lambda: self.now)


@pytest.fixture
def shown() -> Shown:
    """Nothing shown yet."""
    return Shown()


def test_a_line_has_group_verb_and_text(shown: Shown) -> None:
    shown.progress.say("break: 41 %")
    assert shown.lines == ["[payments] failover break: 41 %"]


def test_the_same_text_is_shown_once(shown: Shown) -> None:
    for _second in range(100):
        shown.progress.say("waiting")
        shown.now += 1
    assert len(shown.lines) == 1


def test_changing_texts_are_shown_every_15_seconds(shown: Shown) -> None:
    for second in range(60):
        shown.progress.say(f"{second} %")
        shown.now += 1
    assert [line.rpartition("failover ")[2] for line in shown.lines] == ["0 %", "15 %", "30 %", "45 %"]


def test_a_new_step_speaks_at_once(shown: Shown) -> None:
    shown.progress.say("pausing")
    shown.progress.step_started()
    shown.progress.say("breaking")
    assert len(shown.lines) == 2


def test_only_steps_that_changed_something_are_shown_at_their_end(shown: Shown) -> None:
    shown.progress.step_ended("pause", False)
    shown.progress.step_ended("break", True)
    assert shown.lines == ["[payments] failover break"]
