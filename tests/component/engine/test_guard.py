# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site that returns: `status` shows at once what runs there, in either direction; `fence` stops that side and never the one that serves."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import dr_state
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, pocket_env

from kubedr_lab.pocket import PocketLab

from .conftest import World, frozen
from .test_circle import serving
from .test_refusals import made, reprotected, unfenced


def status(world: World) -> dict[str, Any]:
    """What `dr_state` says; where a system is silent, what its failure shows."""
    try:
        return dr_state.run({"group": world.group(), "require": "answers"}, pocket_env(world.pocket))
    except KubedrError as error:
        return dict(error.seen)


def svm_states(world: World) -> dict[str, str]:
    return {
        svm["name"]: svm["state"] for site in ("tokyo", "osaka") for _key, svm in entries(world.pocket, site, "ontap", "svm")
        if svm["name"].startswith("svm_app1")
    }


def test_the_old_primary_comes_back_running() -> None:
    world = World(PocketLab(frozen=made(unfenced)))
    assert status(world)["guard"] == []
    world.pocket.start("tokyo")
    world.pocket.run(5)
    seen = status(world)
    assert seen["state"]["storage"] == "split_brain"
    assert seen["record"]["epoch"] == 2
    assert seen["record"]["active_site"] == "osaka"
    assert [line for line in seen["guard"] if line.startswith("svm_app1 runs at tokyo") and "run fence" in line]
    assert [line for line in seen["guard"] if line.startswith("workloads of app1 are up at tokyo") and "run fence" in line]
    world.fence()
    seen = status(world)
    assert seen["guard"] == []
    assert seen["state"]["storage"] == "failed_over"
    assert svm_states(world) == {"svm_app1": "stopped", "svm_app1_dr": "running"}
    serving(world, "osaka")


def test_only_its_kubernetes_comes_back() -> None:
    world = World(PocketLab(frozen=made(unfenced)))
    world.pocket.start("tokyo", "kubernetes")
    world.pocket.run(5)
    seen = status(world)
    assert seen["answers"]["ONTAP tokyo"].startswith("no")
    assert [line for line in seen["guard"] if line.startswith("workloads of app1 are up at tokyo")]
    with pytest.raises(KubedrError) as error:
        world.fence()
    assert "storage half" in str(error.value)
    assert status(world)["guard"] == []


def test_only_its_storage_comes_back() -> None:
    world = World(PocketLab(frozen=made(unfenced)))
    world.pocket.start("tokyo", "ontap")
    world.pocket.run(5)
    seen = status(world)
    assert [line for line in seen["guard"] if line.startswith("svm_app1 runs at tokyo")]
    assert seen["state"]["storage"] == "split_brain"


def test_the_destination_comes_back_after_the_way_home() -> None:
    world = World(PocketLab(frozen=made(reprotected)))
    world.pocket.backup("osaka")
    world.pocket.transfer("app1")
    world.pocket.run(130)
    world.pocket.kill("osaka")
    world.failback(mode="unplanned", fence_statement=world.statement(site="osaka"))
    world.pocket.start("osaka")
    world.pocket.run(5)
    seen = status(world)
    assert seen["state"]["storage"] == "split_brain"
    assert seen["record"]["active_site"] == "tokyo"
    assert [line for line in seen["guard"] if line.startswith("svm_app1_dr runs at osaka") and "run fence" in line]
    assert [line for line in seen["guard"] if line.startswith("workloads of app1 are up at osaka") and "run fence" in line]
    world.fence()
    assert status(world)["guard"] == []
    assert svm_states(world) == {"svm_app1": "running", "svm_app1_dr": "stopped"}
    serving(world, "tokyo")


def test_fence_is_not_advised_where_it_would_stop_the_side_that_serves(world: World) -> None:
    """Somebody runs a copy of the workloads at the destination while the group is protected: `fence` would stop the source."""
    kube = PocketKube(world.pocket, "osaka")
    assert kube.send(Request("POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app1"}})).status == 201
    spec = {
        "replicas": 1, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}},
    }
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "stray"}, "spec": spec}
    assert kube.send(Request("POST", "/apis/apps/v1/namespaces/app1/deployments", body=body)).status == 201
    world.pocket.run(5)
    (line,) = status(world)["guard"]
    assert line.startswith("workloads of app1 are up at osaka")
    assert "by hand" in line


def test_the_verb_that_leads_on_is_proposed() -> None:
    world = World(PocketLab(frozen=made(unfenced)))
    assert status(world)["proposals"] == [{"verb": "reprotect"}]
    world.pocket.start("tokyo")
    world.pocket.run(5)
    assert status(world)["proposals"] == [{"verb": "fence"}]
    world.fence()
    assert status(world)["proposals"] == [{"verb": "reprotect"}]


def test_a_failover_that_was_decided_and_not_broken_off_leads_on_by_itself() -> None:
    """The mirror is whole and the source fenced, so a lifted fence would look like the way home; but it is refused from the decision on."""
    world = World(PocketLab(frozen=frozen("velero", "full", False, 1)))
    world.fence()
    world.run(itertools.islice(drivers.failover_tasks(world.group()), 2))
    seen = status(world)
    assert seen["state"]["storage"] == "fenced"
    with pytest.raises(Refused, match="a failover was begun"):
        world.fence(how="lift")
    assert seen["proposals"][0] == {"verb": "failover", "dr_mode": "unplanned"}
    world.failover()
    assert status(world)["proposals"] == [{"verb": "reprotect"}]
    serving(world, "osaka")


def test_the_side_that_serves_comes_back_and_is_verified_again() -> None:
    """Its SVM is stopped after an outage, and its pods are not ready: a run that starts it is green only once they are."""
    world = World(PocketLab(frozen=made(unfenced)))
    svm = next(svm for _key, svm in entries(world.pocket, "osaka", "ontap", "svm") if svm["name"] == "svm_app1_dr")
    PocketOntap(world.pocket, "osaka").send(Request("PATCH", f"/api/svm/svms/{svm['uuid']}", {}, {"state": "stopped"}))
    world.pocket.run(15)
    assert world.pocket.ask("osaka-kubernetes", "pending", {"group": "app1"})["pending"]
    world.failover()
    assert not world.pocket.ask("osaka-kubernetes", "pending", {"group": "app1"})["pending"]
