# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cell of a matrix: a run in which one thing goes wrong, the laws, the next run, and whether everything then stands as after an undisturbed run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError
from ansible_collections.kubedr.ontap.tests.support import drivers

from kubedr_lab.pocket import PocketLab

from .ends import differences, end_of
from .laws import SOURCE, Watch, after_end
from .scenarios import GROUP, SCENARIOS, Scenario, deployed, protected
from .wire import Call, Killed, Mishap, Wire

RIGHT, CLEAR, RESUMED = "right at once", "clear error, then right", "killed, then right"
FIRST, SECOND = Process("one", "boot-one", 1, "100"), Process("two", "boot-two", 2, "200")


@dataclass(frozen=True)
class Recording:
    """An undisturbed run: its calls, the state before each task, where it ended."""

    scenario: Scenario
    calls: tuple[Call, ...]
    checkpoints: tuple[dict[str, Any], ...]
    begins: tuple[int, ...]
    """The number of the first call of each task."""
    end: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: RIGHT, CLEAR or RESUMED, or otherwise ``problem`` says what is wrong."""

    cell: str
    ended: str
    problem: str = ""


@dataclass
class RunEnd:
    """How one run ended: ``error`` None where it returned success."""

    wire: Wire
    watch: Watch
    error: BaseException | None
    changed: bool


def run_verb(scenario: Scenario, lab: PocketLab, run_id: str, process: Process, *, tasks: list[drivers.Task], mishap: Mishap | None = None, first_task: int = 0,
             first_call: int = 0, others_alive: bool = False, checkpoints: list[tuple[int, dict[str, Any]]] | None = None) -> RunEnd:
    """The verb's tasks from ``first_task`` on, as the playbook runs them: after an error of fence's workloads its storage half still runs.

    Args:
        others_alive: what this process thinks of any other one.
    """
    watch = Watch(lab, GROUP, scenario.break_starts_svm)
    wire = Wire(lab, mishap, first_call, watch)
    env = wire.env(process, lambda other: others_alive or other == process)
    results: list[dict[str, Any]] = []
    failure: KubedrError | None = None
    try:
        for number, task in islice(enumerate(tasks), first_task, None):
            if failure and not (task[1].get("verb") == "fence" and task[1].get("phase") == "storage"):
                break
            if checkpoints is not None:
                checkpoints.append((first_call + len(wire.calls), lab.freeze() if scenario.begin is None else {}))
            wire.task = number
            try:
                results += drivers.run_tasks(iter([task]), env, run_id)
            except KubedrError as error:
                failure = failure or error
    except (Exception, Killed) as error:
        return RunEnd(wire, watch, error, drivers.changed(results))
    return RunEnd(wire, watch, failure, drivers.changed(results))


@cache
def recording(name: str) -> Recording:
    """The undisturbed run of a scenario; the run after it changes nothing."""
    scenario, lab = SCENARIOS[name], prepared(name)
    tasks = begin(scenario, lab)
    marks: list[tuple[int, dict[str, Any]]] = []
    done = run_verb(scenario, lab, "first", FIRST, tasks=tasks, checkpoints=marks)
    assert done.error is None, f"{name} fails without any fault: {done.error}"
    end = end_of(lab, GROUP)
    wrong = [*broken_laws(scenario, done), *after_end(lab, GROUP, clean="first")]
    assert not wrong, f"{name} breaks laws without any fault: {wrong}"
    again = run_verb(scenario, lab, "again", SECOND, tasks=tasks)
    wrong = differences(end_of(lab, GROUP), end)
    assert again.error is None, f"{name} fails when run again: {again.error}"
    assert not again.changed, f"{name} changes something when run again"
    assert not wrong, f"{name} changes something when run again: {wrong}"
    return Recording(scenario, tuple(done.wire.calls), tuple(frozen for _number, frozen in marks), tuple(number for number, _frozen in marks), end)


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


def from_task(record: Recording, task: int) -> tuple[PocketLab, list[drivers.Task], int, int]:
    """A lab in which the undisturbed run has come to a task; what runs from there on.

    Returns: the lab, all tasks, the task to begin with and the number of its first call. Where something is under way, that is the beginning.
    """
    scenario = record.scenario
    if scenario.begin is not None:
        lab = prepared(scenario.name)
        return lab, begin(scenario, lab), 0, 0
    start = prepared(scenario.name)
    return scenario.start(record.checkpoints[task]), list(scenario.tasks(start, scenario.group_of(start))), task, record.begins[task]


def fault_cell(name: str, number: int, kind: str) -> Outcome:
    """One call fails once in one way; then the verb is run again without faults."""
    record = recording(name)
    call = record.calls[number]
    cell = f"{name}: call {number}, {call}: {kind}"
    lab, tasks, task, first = from_task(record, call.task)
    done = run_verb(record.scenario, lab, "first", FIRST, tasks=tasks, mishap=Mishap(number, kind), first_task=task, first_call=first)
    if done.wire.hit != call:
        return Outcome(cell, "drifted", f"the fault hit {done.wire.hit}")
    problem = _unclear(done.error)
    if problem:
        return Outcome(cell, "unclear", problem)
    downloads = 1 if "downloadrequests" in call.path else 0
    clean, held = "" if done.error else "first", "backupstoragelocations" in call.path
    wrong = [*broken_laws(record.scenario, done), *after_end(lab, GROUP, clean=clean, held=held, downloads=downloads)]
    if wrong:
        return Outcome(cell, "law", "; ".join(wrong))
    if done.error is None:
        wrong = differences(end_of(lab, GROUP), record.end)
        if wrong:
            return Outcome(cell, "silent", "; ".join(wrong[:5]))
    wrong = _next_run(record, lab, tasks, others_alive=number % 2 == 1, done_before=done.error is None, downloads=downloads)
    if wrong:
        return Outcome(cell, "not resumed", f"after {done.error or 'success'}: " + "; ".join(wrong[:5]))
    return Outcome(cell, RIGHT if done.error is None else CLEAR)


def kill_cell(name: str, number: int, moment: str, elsewhere: bool) -> Outcome:
    """The run dies ``before`` or ``after`` a call, or at the ``boundary`` before a task; then a new one runs.

    Args:
        elsewhere: nobody can tell that the process is dead: its lease has to run out.
    """
    record = recording(name)
    task = number if moment == "boundary" else record.calls[number].task
    cell = f"{name}: killed at the boundary before task {number}" if moment == "boundary" else f"{name}: killed {moment} call {number}, {record.calls[number]}"
    cell += ", its process looks alive" if elsewhere else ""
    lab, tasks, first_task, first = from_task(record, task)
    downloads = 0
    if moment != "boundary" or record.scenario.begin is not None:
        until = tasks[: task] if moment == "boundary" else tasks
        mishap = None if moment == "boundary" else Mishap(number, f"kill-{moment}")
        done = run_verb(record.scenario, lab, "first", FIRST, tasks=until, mishap=mishap, first_task=first_task, first_call=first)
        if moment != "boundary" and (done.wire.hit != record.calls[number] or not isinstance(done.error, Killed)):
            return Outcome(cell, "drifted", f"hit {done.wire.hit}, ended by {done.error!r}")
        downloads = 1 if any("downloadrequests" in call.path for call in done.wire.calls[-1:]) else 0
        wrong = [*broken_laws(record.scenario, done), *after_end(lab, GROUP, held=True, downloads=downloads)]
        if wrong:
            return Outcome(cell, "law", "; ".join(wrong))
    wrong = _next_run(record, lab, tasks, others_alive=elsewhere, done_before=False, downloads=downloads)
    return Outcome(cell, "not resumed", "; ".join(wrong[:5])) if wrong else Outcome(cell, RESUMED)


def broken_laws(scenario: Scenario, done: RunEnd) -> list[str]:
    """What was against the laws while it ran."""
    contacted = sorted(f"{site} {system}" for site, system in done.wire.opened if site == SOURCE and scenario.never_contacts_source)
    return [*done.watch.broken, *(f"a connection to {name} was opened" for name in contacted)]


def _unclear(error: BaseException | None) -> str:
    """What is missing in an error that a person is to act on."""
    if error is None:
        return ""
    if not isinstance(error, KubedrError):
        return f"{type(error).__name__}: {error}"
    missing = [part for part in ("system", "operation", "message") if not getattr(error, part)]
    return f"{type(error).__name__} names no {' and no '.join(missing)}: {error}" if missing else ""


def _next_run(record: Recording, lab: PocketLab, tasks: list[drivers.Task], *, others_alive: bool, done_before: bool, downloads: int) -> list[str]:
    """Problems of the run after it, by another process."""
    done = run_verb(record.scenario, lab, "second", SECOND, tasks=tasks, others_alive=others_alive)
    if done.error is not None:
        return [f"the next run ended with {type(done.error).__name__}: {done.error}"]
    wrong = [*broken_laws(record.scenario, done), *after_end(lab, GROUP, clean="second", downloads=downloads), *differences(end_of(lab, GROUP), record.end)]
    if done_before and done.changed:
        wrong.append("the next run changed something, after success")
    return wrong


def fault_cells(name: str) -> Iterator[tuple[int, str]]:
    """Every (number of a call, kind) of a scenario."""
    return ((number, kind) for number, call in enumerate(recording(name).calls) for kind in call.kinds())


def kill_cells(name: str) -> Iterator[tuple[int, str, bool]]:
    """Every (number, moment, elsewhere) of a scenario: before and after every write, and at every boundary."""
    record = recording(name)
    for elsewhere in (False, True):
        yield from ((task, "boundary", elsewhere) for task in range(1, len(record.begins)))
        yield from ((number, moment, elsewhere) for number, call in enumerate(record.calls) if call.writes for moment in ("before", "after"))
