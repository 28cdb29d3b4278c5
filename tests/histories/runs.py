# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a verb as its playbook makes it, and what may befall it: a kill, a fault, a rival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.matrix.wire import Call, Killed, Mishap, Wire
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict

from .laws import Watch
from .sites import GROUP, HistoryLab

KILLS = ("kill-before", "kill-after")
RIVAL = "rival"
NO_UNDO = ("lease_held", "lease_lost")


@dataclass(frozen=True)
class Order:
    """What an operator types: a verb, its mode, its options."""

    verb: str
    mode: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def tasks(self, group: dict[str, Any]) -> list[drivers.Task]:
        """The playbook's tasks."""
        if self.verb == "setup":
            return list(drivers.setup_tasks(group))
        if self.verb == "fence":
            return list(drivers.fence_tasks(group, **self.options))
        if self.verb == "reprotect":
            return list(drivers.reprotect_tasks(group, **self.options))
        if self.verb == "failback":
            return list(drivers.failback_tasks(group, self.mode, **self.options))
        return list((drivers.planned_tasks if self.mode == "planned" else drivers.failover_tasks)(group, **self.options))

    def __str__(self) -> str:
        return " ".join(filter(None, [self.verb, self.mode, *(f"{key}={value}" for key, value in self.options.items())]))


@dataclass(frozen=True)
class Befalls:
    """``kind``: a fault of the matrices, a kill, or a rival; at the n-th call that it can befall, from 0."""

    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.kind} at {self.nth}"


@dataclass
class Notes:
    """A reporter that keeps what was noted."""

    notes: dict[str, Any] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def progress(self, text: str) -> None:
        """Not kept."""

    def step_started(self, name: str, asked: Any) -> None:
        """Not kept."""

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        """Names only."""
        self.steps.append(name)

    def note(self, **fields: Any) -> None:
        """As run.json's top level."""
        self.notes.update(fields)


@dataclass
class Ended:
    """How a run ended: ``error`` is None where it was green; ``undone`` what its rollback said."""

    order: Order
    run_id: str
    error: BaseException | None
    notes: dict[str, Any]
    results: list[dict[str, Any]]
    broken: list[str]
    undone: dict[str, Any] | None = None
    hit: Call | None = None
    befell: str = ""

    @property
    def how(self) -> str:
        """In a word, for counting."""
        if self.error is None:
            return "green" if any(result.get("changed") for result in self.results) else "green, nothing to do"
        if self.killed:
            return "killed"
        return f"refused: {self.reason}" if isinstance(self.error, Refused) else f"failed: {type(self.error).__name__}"

    @property
    def killed(self) -> bool:
        """Its process died."""
        return isinstance(self.error, Killed)

    @property
    def reason(self) -> str:
        """Of a refusal."""
        return self.error.reason if isinstance(self.error, Refused) else ""


class Carriage(Wire):
    """A wire whose mishap counts only the calls that it can befall: writes for kills, looks at a record for rivals, all for faults."""

    def __init__(self, lab: HistoryLab, befalls: Befalls | None, watch: Watch, rival: Callable[[], None]) -> None:
        super().__init__(lab, watch=watch)
        self._befalls, self._rival, self._seen = befalls, rival, 0

    def begin(self, site: str, system: str, method: str, path: str) -> tuple[Call, str]:
        """As the wire, with the mishap's number found on the way."""
        if self._befalls is not None and not self.dead and self._counts(Call(0, site, system, method, path)):
            if self._seen == self._befalls.nth:
                if self._befalls.kind == RIVAL:
                    self.hit = Call(0, site, system, method, path)
                    self._rival()
                else:
                    self.mishap = Mishap(self.first + len(self.calls), self._befalls.kind)
            self._seen += 1
        return super().begin(site, system, method, path)

    def _counts(self, call: Call) -> bool:
        kind = self._befalls.kind if self._befalls else ""
        if kind in KILLS:
            return call.writes
        if kind == RIVAL:
            return call.method == "GET" and call.path.endswith(f"configmaps/kubedr-{GROUP}")
        return kind in call.kinds()


def perform(
    lab: HistoryLab, order: Order, run_id: str, number: int, *, befalls: Befalls | None = None, others_alive: bool = False, excused: bool = False,
    rival: Callable[[], None] = lambda: None,
) -> Ended:
    """A whole run. After an error fence's storage half is still done, and a planned promotion is undone, as the roles do."""
    process = Process("control", "boot", number, "0")
    watch, notes = Watch(lab, order.verb, run_id, excused), Notes()
    wire = Carriage(lab, befalls, watch, rival)
    env = wire.env(process, lambda found: others_alive or found == process, reporter=notes)
    results: list[dict[str, Any]] = []
    failure: KubedrError | None = None
    undone = None
    try:
        for task in order.tasks(group_dict(lab, GROUP)):
            if failure and not (task[1].get("verb") == "fence" and task[1].get("phase") == "storage"):
                continue
            if results and results[0].get("done") and task[1].get("phase") != "close":
                continue
            try:
                results += drivers.run_tasks(iter([task]), env, run_id)
            except KubedrError as error:
                failure = failure or error
                undone = _undo(lab, order, task, error, env, run_id)
    except (Exception, Killed) as error:
        return Ended(order, run_id, error, notes.notes, results, watch.broken, undone, wire.hit, befalls.kind if befalls else "")
    return Ended(order, run_id, failure, notes.notes, results, watch.broken, undone, wire.hit, befalls.kind if befalls else "")


def _undo(lab: HistoryLab, order: Order, task: drivers.Task, error: KubedrError, env: Any, run_id: str) -> dict[str, Any] | None:
    """The rescue of a planned promotion: anything but its first and last tasks is inside the block."""
    inside = ("prepare", "workloads", "sync", "decide", "promote", "volumes", "restore", "verify")
    if order.mode != "planned" or task[1].get("phase") not in inside or (isinstance(error, Refused) and error.reason in NO_UNDO):
        return None
    try:
        return drivers.run_tasks(drivers.rollback_tasks(group_dict(lab, GROUP), order.verb), env, run_id)[-1]
    except KubedrError as second:
        return {"rolled_back": False, "why": f"{type(second).__name__}: {second}"}
