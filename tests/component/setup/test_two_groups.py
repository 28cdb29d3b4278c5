# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two groups set up at the same time share LIFs, cluster peer, transfer schedule, policy and backup schedule, and neither harms the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.tests.matrix.ends import differences, end_of
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, pocket_env

from .conftest import Stage, told
from .test_partial_states import settings

Staged = Callable[..., Stage]
TASKS = 9


class Interrupted:
    """An environment for one group in which something happens before or after its nth write, once.

    Args:
        number: which write, from 0; beyond the last one nothing happens.
    """

    def __init__(self, made: Stage, number: int, after: bool, act: Callable[[], object]) -> None:
        self.made, self.number, self.after, self.act, self.writes = made, number, after, act, 0
        self.env = pocket_env(made.pocket)
        self.env.open_ontap = lambda access: _Carrier(self, PocketOntap(made.pocket, access.site, access.username, access.password))
        self.env.open_kube = lambda access: _Carrier(self, PocketKube(made.pocket, access.site, access.api_key))


class _Carrier:
    def __init__(self, owner: Interrupted, inner: PocketOntap | PocketKube) -> None:
        self.owner, self.inner = owner, inner

    def send(self, request: Request) -> Response:
        """As the inner transport."""
        owner = self.owner
        mine = request.method != "GET"
        number, owner.writes = owner.writes, owner.writes + mine
        hit = mine and number == owner.number
        if hit and not owner.after:
            owner.act()
        answer = self.inner.send(request)
        if hit and owner.after:
            owner.act()
        return answer


def assert_both_whole(made: Stage) -> None:
    """Both groups are protected, nothing is left to do, and what they share is there once."""
    for name in ("app1", "app2"):
        assert made.state(name)["storage"] == "protected"
        before = made.writes()
        assert [entry for entry in told(made.play(name)) if entry["changed"]] == []
        assert made.writes() == before
    for site in ("tokyo", "osaka"):
        assert len(made.hand.ontap(site, "GET", "/api/cluster/peers")["records"]) == 1
        assert len(made.hand.ontap(site, "GET", "/api/cluster/schedules?name=kubedr_*")["records"]) == 1
        assert len(made.hand.ontap(site, "GET", "/api/snapmirror/policies?name=kubedr_*")["records"]) == 1
    assert len(made.hand.kube("tokyo", "GET", "/apis/velero.io/v1/namespaces/velero/schedules")["items"]) == 1


@pytest.mark.parametrize("task", range(1, TASKS))
def test_the_other_group_runs_between_two_tasks(stage: Staged, task: int) -> None:
    made = stage(groups=2)
    tasks = list(drivers.setup_tasks(made.group("app1")))
    assert len(tasks) == TASKS
    made.play(tasks=tasks[:task])
    made.play("app2")
    made.play(tasks=tasks[task:])
    assert_both_whole(made)


def test_task_by_task_as_with_forks(stage: Staged) -> None:
    made = stage(groups=2)
    for one, other in zip(drivers.setup_tasks(made.group("app1")), drivers.setup_tasks(made.group("app2")), strict=True):
        made.play(tasks=[one])
        made.play(tasks=[other])
    assert_both_whole(made)


def writes_of_one(stage: Staged) -> int:
    """How many write requests set-up sends from nothing."""
    made = stage(groups=2)
    counted = Interrupted(made, 10**9, False, lambda: None)
    drivers.run_tasks(drivers.setup_tasks(made.group("app1")), counted.env, "run-1")
    return counted.writes


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_other_group_runs_at_every_write(stage: Staged, after: bool) -> None:
    """The other run begins and ends while this one is in the middle of an act: between its look and its write, or between its write and its next look."""
    count = writes_of_one(stage)
    assert count > 15
    ends = []
    for number in range(count):
        made = stage(groups=2)
        others: list[Any] = []
        first = Interrupted(made, number, after, lambda made=made, others=others: others.append(made.play("app2")))  # type: ignore[misc]
        drivers.run_tasks(drivers.setup_tasks(made.group("app1")), first.env, "run-1")
        assert len(others) == 1
        assert_both_whole(made)
        ends.append({**settings(end_of(made.pocket, "app1")), **settings(end_of(made.pocket, "app2"))})
    assert [difference for end in ends for difference in differences(end, ends[-1])] == []
