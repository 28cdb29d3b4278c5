# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One protected group in a pocket lab, made once and thawed for every test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.statement import parse_instant
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict, pocket_env

from kubedr_lab.pocket import PocketLab


@dataclass
class Recorder:
    """A reporter that keeps everything."""

    lines: list[str] = field(default_factory=list)
    steps: list[tuple[str, bool]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def progress(self, text: str) -> None:
        self.lines.append(text)

    def step_started(self, name: str, asked: Any) -> None:
        self.lines.append(f"> {name}")

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        self.steps.append((name, changed))

    def note(self, **fields: Any) -> None:
        self.notes.update(fields)


class World:
    """A pocket lab with the means of an operator."""

    def __init__(self, pocket: PocketLab) -> None:
        self.pocket, self.runs, self.report = pocket, 0, Recorder()

    def group(self, name: str = "app1", **changes: Any) -> dict[str, Any]:
        return group_dict(self.pocket, name, **changes)

    def now(self) -> str:
        return datetime.fromtimestamp(self.pocket.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def statement(self, **fields: Any) -> dict[str, Any]:
        return {"site": "tokyo", "who": "sato", "why": "power lost", "at": self.now(), **fields}

    def run(self, tasks: Any, **env: Any) -> list[dict[str, Any]]:
        """One playbook's tasks, as a process of its own."""
        self.runs += 1
        self.report = Recorder()
        number = self.runs
        options = {"process": lambda: Process("pocket", "boot", number, "0"), "process_alive": lambda process: process.pid == number, **env}
        return drivers.run_tasks(tasks, pocket_env(self.pocket, self.report, **options), f"run-{number}")

    def setup(self, name: str = "app1", check: bool = False, **changes: Any) -> list[dict[str, Any]]:
        return self.run(drivers.setup_tasks(self.group(name, **changes)), check_mode=check)

    def fence(self, name: str = "app1", how: str = "", **changes: Any) -> list[dict[str, Any]]:
        return self.run(drivers.fence_tasks(self.group(name, **changes), how))

    def failover(self, name: str = "app1", check: bool = False, changes: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        return self.run(drivers.failover_tasks(self.group(name, **(changes or {})), **options), check_mode=check)

    def planned(self, name: str = "app1", check: bool = False, **options: Any) -> list[dict[str, Any]]:
        return self.run(drivers.planned_tasks(self.group(name), **options), check_mode=check)

    def reprotect(self, name: str = "app1", check: bool = False, **options: Any) -> list[dict[str, Any]]:
        return self.run(drivers.reprotect_tasks(self.group(name), **options), check_mode=check)

    def reprotect_at_a_loss(self, name: str = "app1") -> None:
        """The primary is back: fenced, what only it holds told, accepted, and given up."""
        self.fence(name)
        with pytest.raises(Refused) as refusal:
            self.reprotect(name)
        self.reprotect(name, accept_loss={name: refusal.value.seen["token"]})

    def failback(self, name: str = "app1", mode: str = "planned", check: bool = False, **options: Any) -> list[dict[str, Any]]:
        return self.run(drivers.failback_tasks(self.group(name), mode, **options), check_mode=check)

    def teardown(self, name: str = "app1", check: bool = False, **options: Any) -> list[dict[str, Any]]:
        return self.run(drivers.teardown_tasks(self.group(name), **options), check_mode=check)

    def rollback(self, name: str = "app1", verb: str = "failover") -> list[dict[str, Any]]:
        return self.run(drivers.rollback_tasks(self.group(name), verb))

    def hashes(self, site: str, name: str = "app1") -> dict[str, str]:
        """Per volume: the hash of its whole content."""
        return {volume: data["sha256"] for volume, data in self.pocket.read(site, name).items()}

    def state(self, name: str = "app1") -> dict[str, Any]:
        """What dr_state says; a dead site is no failure here."""
        from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
        from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import derive
        from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.dr_state import look_group

        config = parse_group(self.group(name))
        return derive(look_group(config, pocket_env(self.pocket)), config.rpo_seconds).as_dict()

    def lose(self, how: str = "kill", only: str | None = None) -> None:
        getattr(self.pocket, how)("tokyo", only)

    def records(self, site: str, name: str = "app1") -> dict[str, list[tuple[int, datetime]]]:
        """Per volume: the numbers and instants of its records."""
        found = self.pocket.read(site, name, records=True)
        return {volume: [(int(n), instant(at)) for n, at in data["records"]["records"]] for volume, data in found.items()}

    def requests(self, site: str) -> list[dict[str, Any]]:
        return [event for event in self.pocket.log(site) if event.get("event") in ("connection", "request") and event.get("via") == "api"]


def instant(text: str) -> datetime:
    found = parse_instant(text)
    assert found
    return found


@cache
def frozen(ark: str, identity: str, flexgroup: bool, groups: int) -> dict[str, Any]:
    """A lab with applications, set up, written to, backed up and transferred; five more records were written after that."""
    world = World(PocketLab(groups=groups, ark=ark, identity=identity, flexgroup=flexgroup))
    for number in range(1, groups + 1):
        world.pocket.deploy(f"app{number}")
        world.setup(f"app{number}")
        world.pocket.write(f"app{number}", 10)
    world.pocket.backup("tokyo")
    for number in range(1, groups + 1):
        world.pocket.transfer(f"app{number}")
        world.pocket.run(1)
        world.pocket.write(f"app{number}", 5)
    return world.pocket.freeze()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """Protected app1; parametrise indirectly with {ark, identity, flexgroup, groups}."""
    asked = {"ark": "velero", "identity": "full", "flexgroup": False, "groups": 1, **getattr(request, "param", {})}
    return World(PocketLab(groups=asked["groups"], ark=asked["ark"], identity=asked["identity"], flexgroup=asked["flexgroup"],
                           frozen=frozen(asked["ark"], asked["identity"], asked["flexgroup"], asked["groups"])))


@pytest.fixture
def fresh() -> World:
    """Two sites with an application and nothing set up."""
    world = World(PocketLab())
    world.pocket.deploy("app1")
    return world
