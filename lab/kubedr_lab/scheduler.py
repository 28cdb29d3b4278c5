# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs coroutines on a virtual clock: nothing waits, time jumps to whatever is due next. Deterministic."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

from .clock import VirtualClock


class Sleep:
    """Awaited by a coroutine under the scheduler: go on at this time, or earlier when woken."""

    def __init__(self, until: float) -> None:
        self.until = until

    def __await__(self) -> Generator[Sleep, None, None]:
        yield self


@dataclass
class Task:
    """A coroutine that is not finished. ``owner`` names the part of the lab that it belongs to; a frozen part's tasks rest."""

    coroutine: Coroutine[Any, Any, Any]
    owner: str
    due: float
    order: int
    awaited: bool = False
    done: bool = False
    result: Any = None
    error: BaseException | None = field(default=None, repr=False)


class Scheduler:
    """All tasks of a pocket lab."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.frozen: set[str] = set()
        self._tasks: list[Task] = []
        self._count = 0

    async def pause(self, seconds: float) -> None:
        """Let so many lab seconds pass."""
        await Sleep(self.clock.now() + seconds)

    def start(self, coroutine: Coroutine[Any, Any, Any], owner: str) -> Task:
        """Run a coroutine from now on; it begins when time is next let pass."""
        self._count += 1
        task = Task(coroutine, owner, self.clock.now(), self._count)
        self._tasks.append(task)
        return task

    def end(self, owner: str) -> None:
        """Forget every task of a part that died."""
        for task in [task for task in self._tasks if task.owner == owner]:
            task.coroutine.close()
            self._tasks.remove(task)

    def step(self, until: float) -> bool:
        """Resume the task that is due first, if it is due by then; moves the clock to it. False where there is none."""
        ready = [task for task in self._tasks if task.due <= until and task.due < math.inf and task.owner not in self.frozen]
        if not ready:
            return False
        task = min(ready, key=lambda task: (task.due, task.order))
        self._move(task.due)
        self._resume(task)
        return True

    def finish(self, task: Task, deadline: float = math.inf) -> bool:
        """Run everything in order until this task is done or the deadline is reached; True where it is done. Raises what it raised."""
        task.awaited = True
        while not task.done and self.step(deadline):
            continue
        task.awaited = False
        if not task.done:
            if deadline == math.inf:
                raise RuntimeError(f"a task of {task.owner} waits for something that never comes")
            self._move(deadline)
            return False
        if task.error is not None:
            raise task.error
        return True

    def run_until(self, time: float) -> None:
        """Let everything that is due by then happen."""
        while self.step(time):
            continue
        self._move(time)

    def _move(self, time: float) -> None:
        self.clock.advance(max(0.0, time - self.clock.now()))

    def _resume(self, task: Task) -> None:
        try:
            slept = task.coroutine.send(None)
        except StopIteration as stop:
            task.done, task.result = True, stop.value
        except Exception as error:
            task.done, task.error = True, error
            if not task.awaited:
                self._tasks.remove(task)
                raise
        else:
            if not isinstance(slept, Sleep):
                raise RuntimeError(f"a core awaited something that is no port: {slept!r}")
            task.due = slept.until
            return
        self._tasks.remove(task)


class Loop:
    """One tick function, repeated when it is due or woken."""

    def __init__(self, scheduler: Scheduler, owner: str, tick: Callable[[], Awaitable[float | None]], after: Callable[[], None]) -> None:
        self._scheduler, self._tick, self._after = scheduler, tick, after
        self._resting = False
        self._again = False
        self._task = scheduler.start(self._run(), owner)

    def wake(self) -> None:
        """Tick at once, or once more where it is ticking now."""
        self._again = True
        if self._resting:
            self._task.due = min(self._task.due, self._scheduler.clock.now())

    async def _run(self) -> None:
        while True:
            self._again = False
            due = await self._tick()
            self._after()
            if self._again:
                continue
            self._resting = True
            await Sleep(math.inf if due is None else max(due, self._scheduler.clock.now() + 0.001))
            self._resting = False
