# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up, task by task, with what each task said, and the writes that the two sites saw."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.component.engine.conftest import World
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.partial import Hand
from ansible_collections.kubedr.ontap.tests.support.pocket import pocket_env

from kubedr_lab.pocket import PocketLab

READS = ("/downloadrequests", "/selfsubjectaccessreviews", "/serverstatusrequests")
"""What counts as reading, though it is sent with POST."""


class Stage(World):
    """A pocket lab on which set-up is played, with ``--diff``."""

    def __init__(self, pocket: PocketLab) -> None:
        super().__init__(pocket)
        self.hand = Hand(pocket)

    def play(self, name: str = "app1", check: bool = False, tasks: Any = None, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
        """Every task of set-up with its result."""
        self.runs += 1
        env, played = pocket_env(self.pocket, check_mode=check, diff=True), []
        for task in tasks or drivers.setup_tasks(self.group(name, **changes)):
            played.append((task[0], drivers.run_tasks(iter([task]), env, f"run-{self.runs}")[0]))
        return played

    def writes(self, taken: bool = False) -> list[str]:
        """``site METHOD path`` of every write request that came in through the API, of whomever; with ``taken`` only those that were not refused."""
        return [
            f"{site} {event['method']} {event['path']}" for site in ("tokyo", "osaka") for event in self.pocket.log(site)
            if event.get("event") == "request" and event.get("via") == "api" and event["method"] != "GET" and not any(part in event["path"] for part in READS)
            and (not taken or event["status"] is None or event["status"] < 400)
        ]


def told(played: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """What each task said of itself that a prediction can know: whether it changed anything, by which steps, and from what to what."""
    return [
        {
            "task": f"{number} {name}", "changed": result["changed"], "steps": [step["name"] for step in result["steps"] if step["changed"]],
            "diff": result.get("diff"),
        }
        for number, (name, result) in enumerate(played)
    ]


@cache
def deployed(groups: int = 1, ark: str = "velero", latency: str = "none") -> dict[str, Any]:
    """Two sites with the applications, and nothing set up."""
    lab = PocketLab(groups=groups, ark=ark, latency=latency)
    for number in range(1, groups + 1):
        lab.deploy(f"app{number}")
    return lab.freeze()


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Makes a stage; arguments are those of PocketLab."""
    return lambda **options: Stage(PocketLab(**options, frozen=deployed(**options)))
