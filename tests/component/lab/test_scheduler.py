# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual clock's scheduler."""

from __future__ import annotations

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.scheduler import Loop, Scheduler


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(VirtualClock(100.0))


def test_time_jumps_to_what_is_due_in_order(scheduler: Scheduler) -> None:
    seen: list[tuple[str, float]] = []

    async def act(name: str, pause: float) -> None:
        await scheduler.pause(pause)
        seen.append((name, scheduler.clock.now()))

    for name, pause in (("late", 9.0), ("early", 2.0), ("also early", 2.0)):
        scheduler.start(act(name, pause), "lab")
    scheduler.run_until(105.0)
    assert seen == [("early", 102.0), ("also early", 102.0)]
    assert scheduler.clock.now() == 105.0
    scheduler.run_until(200.0)
    assert seen[-1] == ("late", 109.0)


def test_finish_stops_at_the_deadline_and_the_task_goes_on(scheduler: Scheduler) -> None:
    async def slow() -> str:
        await scheduler.pause(30)
        return "done"

    task = scheduler.start(slow(), "lab")
    assert not scheduler.finish(task, 110.0)
    assert scheduler.clock.now() == 110.0
    assert scheduler.finish(task)
    assert (task.result, scheduler.clock.now()) == ("done", 130.0)


def test_a_frozen_part_rests_and_goes_on_later(scheduler: Scheduler) -> None:
    ticks: list[float] = []

    async def tick() -> float | None:
        ticks.append(scheduler.clock.now())
        return scheduler.clock.now() + 10

    Loop(scheduler, "a", tick, lambda: None)
    scheduler.run_until(105)
    scheduler.frozen.add("a")
    scheduler.run_until(150)
    scheduler.frozen.clear()
    scheduler.run_until(150)
    assert ticks == [100, 150]


def test_an_ended_part_never_comes_back(scheduler: Scheduler) -> None:
    async def act() -> None:
        await scheduler.pause(1)
        raise AssertionError("it lives")

    scheduler.start(act(), "a")
    scheduler.run_until(100)
    scheduler.end("a")
    scheduler.run_until(200)


def test_a_woken_loop_ticks_at_once_also_while_it_ticks(scheduler: Scheduler) -> None:
    ticks: list[float] = []
    loops: list[Loop] = []

    async def tick() -> float | None:
        ticks.append(scheduler.clock.now())
        if len(ticks) == 2:
            loops[0].wake()
        return None

    loops.append(Loop(scheduler, "a", tick, lambda: None))
    scheduler.run_until(150)
    assert ticks == [100]
    loops[0].wake()
    scheduler.run_until(150)
    assert ticks == [100, 150, 150]


def test_an_error_in_the_background_is_not_lost(scheduler: Scheduler) -> None:
    async def act() -> None:
        raise KeyError("a core's bug")

    scheduler.start(act(), "a")
    with pytest.raises(KeyError):
        scheduler.run_until(101)


def test_what_waits_for_nothing_is_an_error(scheduler: Scheduler) -> None:
    async def act() -> None:
        await scheduler.pause(float("inf"))

    with pytest.raises(RuntimeError, match="never comes"):
        scheduler.finish(scheduler.start(act(), "a"))
