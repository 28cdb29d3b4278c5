# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators at once: one wins, the other is told who is at work. Both runs really interleave, request by request, in turns that never differ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries, record_of
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketKube, PocketOntap, pocket_env

from kubedr_lab.pocket import PocketLab

from .conftest import Recorder, World, frozen
from .test_refusals import lost, made, reprotected

PATIENCE = 120.0
"""Seconds of real time after which a turn that never comes is an error."""


@dataclass
class Turns:
    """Lets one of several threads work at a time, in a fixed order: each request and each pause ends a turn."""

    names: list[str]
    at: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, name: str) -> None:
        """Until it is this one's turn."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.names[self.at % len(self.names)] == name, PATIENCE), f"{name} never came to its turn"

    def over(self, name: str) -> None:
        """Hand over, and wait for the next turn."""
        with self.changed:
            self.at += 1
            self.changed.notify_all()
        self.wait(name)

    def leave(self, name: str) -> None:
        """Out of the game."""
        with self.changed:
            place = self.names.index(name)
            self.names.remove(name)
            self.at = place % len(self.names) if self.names else 0
            self.changed.notify_all()


class Operator:
    """One process with its own run."""

    def __init__(self, world: World, turns: Turns, name: str, tasks: Iterable[drivers.Task], number: int) -> None:
        self.turns, self.name, self.report = turns, name, Recorder()
        self.error: BaseException | None = None
        self.results: list[dict[str, Any]] = []
        env = pocket_env(
            world.pocket, self.report, process=lambda: Process(f"host-{name}", "boot", number, "0"), process_alive=lambda process: True,
            clock=_Clock(world, self),
        )
        env.open_ontap = lambda access: _Wire(self, PocketOntap(world.pocket, access.site, access.username, access.password))
        env.open_kube = lambda access: _Wire(self, PocketKube(world.pocket, access.site, access.api_key))
        self.thread = threading.Thread(target=self._work, args=(iter(tasks), env), daemon=True)

    def _work(self, tasks: Any, env: Any) -> None:
        self.turns.wait(self.name)
        try:
            self.results = drivers.run_tasks(tasks, env, f"run-{self.name}")
        except BaseException as error:  # noqa: B036  whatever it is, the test judges it
            self.error = error
        finally:
            self.turns.leave(self.name)


class _Wire:
    def __init__(self, operator: Operator, inner: Any) -> None:
        self.operator, self.inner = operator, inner

    def send(self, request: Any) -> Any:
        """One request, then the other's turn."""
        try:
            return self.inner.send(request)
        finally:
            self.operator.turns.over(self.operator.name)


class _Clock(PocketClock):
    def __init__(self, world: World, operator: Operator) -> None:
        super().__init__(world.pocket)
        self.operator = operator

    def sleep(self, seconds: float) -> None:
        """Pauses count for both."""
        super().sleep(seconds)
        self.operator.turns.over(self.operator.name)


def at_once(world: World, **runs: Iterable[drivers.Task]) -> dict[str, Operator]:
    """Both runs, from the same moment."""
    turns = Turns(list(runs))
    operators = {name: Operator(world, turns, name, tasks, number) for number, (name, tasks) in enumerate(runs.items(), 101)}
    for operator in operators.values():
        operator.thread.start()
    for operator in operators.values():
        operator.thread.join(PATIENCE * 2)
        assert not operator.thread.is_alive()
    return operators


def slow(prepare: Callable[[World], None] | None = None) -> World:
    """Steps take the seconds that real ones take, so that a run outlives its lease's time by far."""
    state = made(prepare) if prepare else frozen("velero", "full", False, 1)
    return World(PocketLab(latency="realistic", frozen=state))


def judge(operators: dict[str, Operator]) -> tuple[Operator, Operator]:
    """The winner and the loser; the loser was told the winner's name and touched no storage."""
    (loser,) = [operator for operator in operators.values() if operator.error is not None]
    (winner,) = [operator for operator in operators.values() if operator.error is None]
    assert isinstance(loser.error, Refused), loser.error
    assert loser.error.reason == "lease_held"
    assert f"run-{winner.name}" in str(loser.error)
    assert f"host-{winner.name}" in str(loser.error)
    assert "wait for it to end" in str(loser.error).lower()
    assert not any(changed for _name, changed in loser.report.steps)
    return winner, loser


def no_lease_left(world: World) -> bool:
    return all(
        "lease" not in (record_of(world.pocket, site, "app1") or {}) for site in ("tokyo", "osaka")
        if world.pocket.parts[f"{site}-kubernetes"].condition == "running"
    )


def test_two_planned_failovers_at_once() -> None:
    world = slow()
    winner, _loser = judge(at_once(world, sato=drivers.planned_tasks(world.group()), suzuki=drivers.planned_tasks(world.group())))
    assert winner.results[-1]["state"]["storage"] == "failed_over"
    assert world.state()["storage"] == "failed_over"
    assert world.hashes("tokyo") == world.hashes("osaka")
    assert no_lease_left(world)


def test_two_unplanned_failovers_at_once_on_the_surviving_side() -> None:
    world = slow(lost)
    word = world.statement()
    runs = {name: drivers.failover_tasks(world.group(), fence_statement=word) for name in ("sato", "suzuki")}
    winner, _loser = judge(at_once(world, **runs))
    assert winner.results[-1]["state"] == {**winner.results[-1]["state"], "storage": "failed_over_unfenced", "objects": "verified"}
    assert no_lease_left(world)


def test_one_moves_it_out_while_the_other_takes_it_out_of_protection() -> None:
    """Different verbs, both of which hold both sides: whoever comes second is refused, whichever side he comes from."""
    world = slow()
    consent = {"teardown_consent": {"app1": "unprotect"}}
    winner, _loser = judge(at_once(world, sato=drivers.planned_tasks(world.group()), suzuki=drivers.teardown_tasks(world.group(), **consent)))
    assert world.state()["storage"] == ("failed_over" if winner.name == "sato" else "unprotected")


def test_two_failbacks_at_once() -> None:
    world = slow(reprotected)
    judge(at_once(world, sato=drivers.failback_tasks(world.group()), suzuki=drivers.failback_tasks(world.group())))
    assert world.state()["storage"] == "protected"
    assert no_lease_left(world)


def test_never_two_writable_copies_while_an_unplanned_and_a_planned_run_meet() -> None:
    """One believes that the source is dead and looks from the other side only; the other moves it in peace."""
    world = slow()
    word = world.statement()
    operators = at_once(world, sato=drivers.planned_tasks(world.group()), suzuki=drivers.failover_tasks(world.group(), fence_statement=word))
    assert [operator.error for operator in operators.values() if not isinstance(operator.error, (KubedrError, type(None)))] == []
    assert any(operator.error is not None for operator in operators.values())
    running = [svm["name"] for site in ("tokyo", "osaka") for _key, svm in entries(world.pocket, site, "ontap", "svm")
               if svm["name"] in ("svm_app1", "svm_app1_dr") and svm["subtype"] == "default" and svm["state"] == "running"]
    assert len(running) == 1


def test_a_lease_of_a_dead_host_runs_out_and_is_taken_over(world: World) -> None:
    """Its host cannot be asked: it is watched for one TTL, and the take-over is told."""
    tasks = list(drivers.planned_tasks(world.group()))[:3]
    world.run(iter(tasks), process=lambda: Process("elsewhere", "boot", 7, "0"))
    assert (record_of(world.pocket, "osaka", "app1") or {})["lease"]["host"] == "elsewhere"
    began = world.pocket.clock.now()
    world.run(drivers.planned_tasks(world.group()), process_alive=lambda process: process.host != "pocket" or process.pid == world.runs)
    assert [line for line in world.report.lines if line.startswith("waiting for the lease held by")]
    assert [line for line in world.report.lines if line.startswith("taking over the lease of")]
    assert world.pocket.clock.now() - began >= 30
    assert world.state()["storage"] == "failed_over"


def test_a_lease_of_a_dead_process_of_this_host_is_taken_over_at_once(world: World) -> None:
    tasks = list(drivers.planned_tasks(world.group()))[:3]
    world.run(iter(tasks))
    world.planned()
    assert [line for line in world.report.lines if line.startswith("taking over the lease of")]
    assert world.state()["storage"] == "failed_over"


@pytest.mark.parametrize("check", [True, False])
def test_who_changes_nothing_takes_no_lease(world: World, check: bool) -> None:
    world.planned() if not check else None
    before = {site: record_of(world.pocket, site, "app1") for site in ("tokyo", "osaka")}
    world.planned(check=check)
    assert {site: record_of(world.pocket, site, "app1") for site in ("tokyo", "osaka")} == before
