# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a scenario: a run in which one thing goes wrong, the laws, the next run, and whether everything then stands as after an undisturbed run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env, Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.support import drivers

from kubedr_lab.pocket import PocketLab

from .branches import Branches, Cell, Outcome, leave
from .ends import differences, end_of
from .laws import Watch, after_end
from .scenarios import GROUP, SCENARIOS, Scenario, deployed, protected
from .state import state_of
from .wire import FAULTS, Call, Killed, Mishap, Wire

RIGHT, CLEAR, REFUSED, RESUMED = "right at once", "clear error, then right", "refused, then right", "killed, then right"
FIRST, SECOND = Process("one", "boot-one", 1, "100"), Process("two", "boot-two", 2, "200")
BOUNDARY = "boundary"
KILLS = ("kill-before", "kill-after", BOUNDARY)
NO_UNDO = ("lease_held", "lease_lost")
"""Refusals after which the roles undo nothing: another run is at work."""


class Known(BaseException):
    """From here on an earlier cell's end is this one's."""


@dataclass(frozen=True)
class Recording:
    """An undisturbed run: its calls, how many tasks it has, where it ended."""

    scenario: Scenario
    calls: tuple[Call, ...]
    tasks: int
    end: dict[str, str]


@dataclass
class RunEnd:
    """How one run ended: ``error`` None where it returned success."""

    wire: Wire
    watch: Watch
    error: BaseException | None
    changed: bool


@dataclass
class Walker:
    """One run of a verb: its tasks as the playbook runs them, each with nothing of the ones before it but what stands on the systems.

    Args:
        others_alive: what this process thinks of any other one.
        branches: of the undisturbed run, or of the cell that left it.
        remember: what else than the state of the lab decides how it goes on from a task; None where that is not to be asked.
    """

    scenario: Scenario
    lab: PocketLab
    run_id: str
    process: Process
    tasks: list[drivers.Task]
    others_alive: bool = False
    branches: Branches = field(default_factory=Branches)
    remember: Callable[[Wire], tuple[Any, ...] | None] = lambda wire: None
    results: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> RunEnd:
        """All of it. After an error fence's storage half still runs, and a planned promotion is undone."""
        watch = Watch(self.lab, GROUP, self.scenario)
        wire = Wire(self.lab, watch=watch, branch=self._mishap)
        env = wire.env(self.process, lambda other: self.others_alive or other == self.process)
        failure: KubedrError | None = None
        try:
            for number, task in enumerate(self.tasks):
                wire.task = number
                phase = task[1].get("phase")
                if failure and not (task[1].get("verb") == "fence" and phase == "storage"):
                    break
                if self.results and self.results[0].get("done") and phase != "close":
                    continue
                if number and self.branches.at((BOUNDARY, number)):
                    wire.die()
                if number and not failure:
                    self._known(wire, watch, number)
                try:
                    self.results += drivers.run_tasks(iter([task]), env, self.run_id)
                except KubedrError as error:
                    failure = failure or error
                    self._undo(phase, error, env)
        except (Exception, Killed) as error:
            return RunEnd(wire, watch, error, drivers.changed(self.results))
        return RunEnd(wire, watch, failure, drivers.changed(self.results))

    def _mishap(self, number: int) -> Mishap | None:
        cell = self.branches.at(("call", number))
        return Mishap(number, cell.kind) if cell else None

    def _known(self, wire: Wire, watch: Watch, number: int) -> None:
        also = self.remember(wire)
        if also is None or broken_laws(self.scenario, wire, watch):
            return
        done = bool(self.results and self.results[0].get("done"))
        found = self.branches.known(self.run_id, number, state_of(self.lab), done, also, drivers.changed(self.results) if self.run_id == "second" else False)
        if found:
            raise Known(*found, f"task {number} of the {self.run_id} run")

    def _undo(self, phase: str | None, error: KubedrError, env: Env) -> None:
        """The rescue of a planned promotion."""
        if self.scenario.mode == "planned" and phase in drivers.PROMOTION and not (isinstance(error, Refused) and error.reason in NO_UNDO):
            with suppress(KubedrError):
                drivers.run_tasks(drivers.rollback_tasks(self.scenario.group_of(self.lab), self.scenario.verb), env, self.run_id)


@cache
def recording(name: str) -> Recording:
    """The undisturbed run of a scenario; the run after it changes nothing."""
    scenario, lab = SCENARIOS[name], prepared(name)
    tasks = begin(scenario, lab)
    done = Walker(scenario, lab, "first", FIRST, tasks).run()
    assert done.error is None, f"{name} fails without any fault: {done.error}"
    end = end_of(lab, GROUP)
    wrong = [*broken_laws(scenario, done.wire, done.watch), *after_end(lab, GROUP, scenario, clean="first")]
    assert not wrong, f"{name} breaks laws without any fault: {wrong}"
    again = Walker(scenario, lab, "again", SECOND, tasks).run()
    wrong = differences(end_of(lab, GROUP), end, scenario.allowed)
    assert again.error is None, f"{name} fails when run again: {again.error}"
    assert not again.changed, f"{name} changes something when run again"
    assert not wrong, f"{name} changes something when run again: {wrong}"
    return Recording(scenario, tuple(done.wire.calls), len(tasks), end)


@cache
def _prepared(name: str) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    lab = scenario.start(deployed(**scenario.lab) if name == "setup" else protected(**scenario.lab))
    scenario.prepare(lab, scenario.group_of(lab))
    return lab.freeze()


def prepared(name: str) -> PocketLab:
    """A lab in the state that the scenario begins with."""
    return SCENARIOS[name].start(_prepared(name))


def begin(scenario: Scenario, lab: PocketLab) -> list[drivers.Task]:
    """Let befall what befalls at the beginning; the verb's tasks from then on."""
    if scenario.begin:
        scenario.begin(lab)
    return list(scenario.tasks(lab, scenario.group_of(lab)))


def explore(name: str, cells: Iterable[Cell], *, use_memory: bool = True, tell: Callable[[Cell, Outcome], None] = lambda cell, outcome: None) -> list[Outcome]:
    """Run these cells of a scenario: one undisturbed run, and from it a child for each of them.

    Args:
        use_memory: False lets each cell go all its way, whatever earlier ones showed.
        tell: called as each ends.
    """
    record, wanted = recording(name), {}
    for cell in cells:
        wanted.setdefault((BOUNDARY if cell.kind == BOUNDARY else "call", cell.number), []).append(cell)
    branches = Branches(wanted, use_memory=use_memory, tell=tell)
    lab, parent = prepared(name), os.getpid()
    try:
        tasks = begin(record.scenario, lab)
        done = Walker(record.scenario, lab, "first", FIRST, tasks, branches=branches, remember=lambda wire: _beyond(branches, wire)).run()
        if branches.mine is not None:
            branches.end(judged(record, branches, lab, tasks, done))
    except Known as known:
        ended, problem, where = known.args
        branches.end(Outcome(_named(record, branches), ended, problem, where))
    except BaseException as error:
        if os.getpid() != parent:
            leave(branches, error)
        raise
    assert tuple(done.wire.calls) == record.calls, f"{name}: two undisturbed runs differ"
    return [outcome for _cell, outcome in branches.done]


def _beyond(branches: Branches, wire: Wire) -> tuple[Any, ...] | None:
    """In a child whose mishap lies behind it: what else than the lab's state decides how the cell ends."""
    return (others_alive(branches.mine, wire), *_leftovers(wire.hit)) if branches.mine is not None and wire.hit is not None else None


def others_alive(cell: Cell, wire: Wire) -> bool:
    """What the next run thinks of the first one's process. After a fault: no in half of the cells, so that the lease has to run out in the other half."""
    if cell.kind in KILLS or wire.hit is None:
        return cell.elsewhere
    return bool((wire.hit.task + list(FAULTS).index(cell.kind)) % 2)


def _leftovers(call: Call | None) -> tuple[int, bool]:
    """How many DownloadRequests, and whether a hold, may be left because the call that takes them away went wrong."""
    return (1 if call and "downloadrequests" in call.path else 0, bool(call and "backupstoragelocations" in call.path))


def judged(record: Recording, branches: Branches, lab: PocketLab, tasks: list[drivers.Task], done: RunEnd) -> Outcome:
    """The first run ended, or died: the laws, the next run, the end."""
    cell, scenario = branches.mine, record.scenario
    assert cell is not None
    named = _named(record, branches)
    if cell.kind != BOUNDARY and done.wire.hit != record.calls[cell.number]:
        return Outcome(named, "drifted", f"it befell {done.wire.hit}")
    downloads, held = _leftovers(done.wire.hit)
    if cell.kind in KILLS:
        ended, problem, held = RESUMED, "" if isinstance(done.error, Killed) else f"its end: {done.error!r}", True
    else:
        ended, problem = RIGHT if done.error is None else REFUSED if isinstance(done.error, Refused) else CLEAR, _unclear(done.error)
    if problem:
        return Outcome(named, "unclear", problem)
    clean = "first" if ended == RIGHT else ""
    wrong = [*broken_laws(scenario, done.wire, done.watch), *after_end(lab, GROUP, scenario, clean=clean, held=held, downloads=downloads)]
    if wrong:
        return Outcome(named, "law", "; ".join(wrong))
    if clean:
        wrong = differences(end_of(lab, GROUP), record.end, scenario.allowed)
        if wrong:
            return Outcome(named, "silent", "; ".join(wrong[:5]))
    wrong = _next_run(record, branches, lab, tasks, others_alive(cell, done.wire), ended, downloads)
    return Outcome(named, "not resumed", f"after {done.error or 'success'}: " + "; ".join(wrong[:5])) if wrong else Outcome(named, ended)


def _named(record: Recording, branches: Branches) -> str:
    cell = branches.mine
    assert cell is not None
    where = f"before task {cell.number}" if cell.kind == BOUNDARY else f"call {cell.number}, {record.calls[cell.number]}"
    return f"{cell.scenario}: {where}: {cell.kind}{', its process looks alive' if cell.elsewhere else ''}"


def broken_laws(scenario: Scenario, wire: Wire, watch: Watch) -> list[str]:
    """What was against the laws while it ran."""
    contacted = sorted(f"{site} {system}" for site, system in wire.opened if site == scenario.silent)
    return [*watch.broken, *(f"a connection to {name} was opened" for name in contacted)]


def _unclear(error: BaseException | None) -> str:
    """What is missing in an error that a person is to act on."""
    if error is None:
        return ""
    if not isinstance(error, KubedrError):
        return f"{type(error).__name__}: {error}"
    missing = [part for part in ("system", "operation", "message") if not getattr(error, part)]
    return f"{type(error).__name__} names no {' and no '.join(missing)}: {error}" if missing else ""


def _next_run(
    record: Recording, branches: Branches, lab: PocketLab, tasks: list[drivers.Task], alive: bool, ended: str, downloads: int,
) -> list[str]:
    """Problems of the run after it, by another process."""
    also = (alive, ended, downloads)
    found = branches.known("next", state_of(lab), also)
    if found:
        raise Known(*found, "the second run")
    scenario = record.scenario
    done = Walker(scenario, lab, "second", SECOND, tasks, alive, Branches(_parent=branches._parent, _passed=branches._passed, use_memory=branches.use_memory),
                  lambda wire: also).run()
    if done.error is not None:
        return [f"the next run ended with {type(done.error).__name__}: {done.error}"]
    wrong = [
        *broken_laws(scenario, done.wire, done.watch), *after_end(lab, GROUP, scenario, clean="second", downloads=downloads),
        *differences(end_of(lab, GROUP), record.end, scenario.allowed),
    ]
    if ended == RIGHT and done.changed:
        wrong.append("the next run changed something, after success")
    return wrong


def fault_cells(name: str) -> Iterator[Cell]:
    """Every call of a scenario in every way in which it can fail."""
    return (Cell(name, number, kind) for number, call in enumerate(recording(name).calls) for kind in call.kinds())


def kill_cells(name: str) -> Iterator[Cell]:
    """Before and after every write, and at every boundary between tasks; the process is known to be dead, or not."""
    record = recording(name)
    for elsewhere in (False, True):
        yield from (Cell(name, task, BOUNDARY, elsewhere) for task in range(1, record.tasks))
        yield from (Cell(name, number, kind, elsewhere) for number, call in enumerate(record.calls) if call.writes for kind in KILLS[:2])
