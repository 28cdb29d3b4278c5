# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source is killed, hung or dropped: an unplanned failover by statement sends it nothing, and does the same in all three cases."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.support import drivers

from kubedr_lab.pocket import PocketLab

from .cells import FIRST
from .ends import differences, end_of
from .scenarios import GROUP, SCENARIOS, protected
from .wire import Call, Wire

WAYS = ("kill", "hang", "drop")


@cache
def failed_over(way: str) -> tuple[PocketLab, list[str], list[Call], set[tuple[str, str]], int]:
    """The lab, the names of the steps, the calls, the opened connections, and how long the source's log was before."""
    scenario, lab = SCENARIOS["failover-killed"], PocketLab(frozen=protected())
    getattr(lab, way)("tokyo")
    lab.run(10)
    before, wire = len(lab.log("tokyo")), Wire(lab)
    results = drivers.run_tasks(scenario.tasks(lab, scenario.group_of(lab)), wire.env(FIRST, lambda process: True), "first")
    return lab, [step["name"] for result in results for step in result["steps"]], wire.calls, wire.opened, before


@pytest.mark.parametrize("way", WAYS)
def test_the_source_is_sent_nothing(way: str) -> None:
    lab, _steps, calls, opened, before = failed_over(way)
    assert {site for site, _system in opened} == {"osaka"}
    assert not [call for call in calls if call.site == "tokyo"]
    api: list[Any] = [event for event in lab.log("tokyo")[before:] if event.get("via") == "api"]
    assert not api


@pytest.mark.parametrize("way", WAYS[1:])
def test_the_steps_and_the_end_are_the_same(way: str) -> None:
    lab, steps, _calls, _opened, _before = failed_over(way)
    dead, same_steps, _dead_calls, _dead_opened, _dead_before = failed_over("kill")
    assert steps == same_steps
    assert {"decide", "pause", "break", "export_rules", "start", "restore_namespaces", "verified"} <= set(steps)
    assert not differences(end_of(lab, GROUP), end_of(dead, GROUP))
