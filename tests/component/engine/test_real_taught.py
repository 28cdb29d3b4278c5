# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real tier (tests/e2e) found in the engine, in its shortest form on the light one."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._env import at_once
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import failover
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.connect import Side
from ansible_collections.kubedr.ontap.tests.support.drivers import reprotect_tasks
from ansible_collections.kubedr.ontap.tests.support.pocket import pocket_env

from kubedr_lab.messages import Request

from .conftest import World


def put(world: World, site: str, method: str, path: str, body: object) -> None:
    """As the administrator of a cluster."""
    headers = {"authorization": f"Bearer {world.pocket.secrets.kubernetes[site]}", "content-type": "application/json"}
    answer = world.pocket.call(site, "kubernetes", Request(method, path, {}, headers, json.dumps(body).encode()))
    assert answer.status < 300, answer.body


def test_what_blocks_the_clearing_of_a_namespace_is_named(world: World) -> None:
    """A finalizer that nobody takes away: the wait ends, and tells the object and the finalizer; without it the same verb goes on to the end."""
    world.planned()
    maps = "/api/v1/namespaces/app1/configmaps"
    guarded = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "guarded"}}
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "guarded", "finalizers": ["lab.example.com/guard"]}}
    put(world, "tokyo", "POST", maps, held)
    with pytest.raises(WaitTimeout) as error:
        world.run(reprotect_tasks(world.group(timeouts={"scale": 5})))
    assert "configmaps/app1/guarded (lab.example.com/guard)" in str(error.value)
    put(world, "tokyo", "PUT", f"{maps}/guarded", guarded)
    world.reprotect()
    assert world.state()["storage"] == "reprotected"


@pytest.mark.parametrize(("begin", "end", "age"), [
    ("2026-11-25T01:00:00Z", "2026-11-25T01:00:30Z", 30.0), ("2026-11-25T03:00:00Z", "2026-11-25T01:00:00Z", None), (None, "2026-11-25T01:00:00Z", None),
])
def test_a_clock_that_runs_ahead_gives_no_recovery_point_of_less_than_nothing(begin: str | None, end: str, age: float | None) -> None:
    assert failover._age(begin, end) == age


@pytest.mark.parametrize("system", ["kube", "ontap"])
def test_threads_that_ask_a_side_at_the_same_time_share_one_client(world: World, system: str) -> None:
    """A client remembers its server's clock: of two clients, the one that is asked for it may never have had an answer."""
    made = threading.Barrier(2, timeout=2)

    def opened(access: object) -> object:
        with contextlib.suppress(threading.BrokenBarrierError):
            made.wait()
        return object()

    env = dataclasses.replace(pocket_env(world.pocket), open_kube=opened, open_ontap=opened)
    side = Side(parse_group(world.group()).source, env, 10.0, 0)
    assert len({id(client) for client in at_once([lambda: getattr(side, system)] * 2)}) == 1


def test_pods_of_a_stateful_set_whose_storage_was_stopped_first_go_all_the_same(world: World) -> None:
    """Kubernetes was out of reach when fence stopped the SVM. Two pods of db are no longer ready: their set, scaled to zero, takes away neither by itself."""
    world.lose(only="kubernetes")
    with pytest.raises(KubedrError):
        world.fence()
    world.pocket.start("tokyo", "kubernetes")
    world.pocket.run(30)
    world.fence()
    assert world.state()["storage"] == "fenced"


def test_a_group_that_came_home_can_be_taken_out_of_protection(world: World) -> None:
    """Its record tells of a failback still: without a relationship that looked like a way home half gone."""
    world.planned()
    world.reprotect()
    world.failback()
    world.teardown(teardown_consent={"app1": "unprotect"})
    assert world.state()["storage"] == "unprotected"
    assert not any(result["changed"] for result in world.teardown())
