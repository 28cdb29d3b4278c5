# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real tier (tests/e2e) found in the engine, in its shortest form on the light one."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import failover
from ansible_collections.kubedr.ontap.tests.support.drivers import reprotect_tasks

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
