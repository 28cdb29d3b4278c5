# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two records of which one is newer: the older side is told, never goes by its own again, and never overwrites the other. Found by histories and a review."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import snapmirror
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import reverse
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketKube, PocketOntap, pocket_env

from .conftest import World


def record(world: World, site: str) -> dict[str, Any]:
    from ansible_collections.kubedr.ontap.tests.matrix.ends import record_of

    return record_of(world.pocket, site, "app1")


def away(world: World) -> None:
    """The group serves at osaka, and tokyo mirrors it."""
    world.planned()
    world.pocket.run(15)
    world.reprotect()
    world.pocket.run(130)


def test_fence_brings_the_record_of_the_side_that_came_back_up_to_date(world: World) -> None:
    """History 307: home by an unplanned failback; the old side comes back and is fenced; with the newer one silent, its old record must not start it."""
    away(world)
    world.pocket.kill("osaka")
    world.failback("app1", "unplanned", fence_statement=world.statement(site="osaka"))
    world.pocket.write("app1", 2)
    world.pocket.start("osaka")
    world.pocket.run(30)
    assert world.state()["storage"] == "split_brain"
    assert (record(world, "osaka")["epoch"], record(world, "tokyo")["epoch"]) == (2, 3)
    world.fence()
    assert record(world, "osaka")["epoch"] == 3
    world.lose("kill", "kubernetes")
    with pytest.raises(KubedrError):
        world.failover()
    assert world.state()["storage"] != "failed_over"
    assert not world.pocket.read("osaka", "app1") or record(world, "osaka")["active_site"] == "tokyo"


def test_a_fence_of_before_a_planned_run_is_lifted_with_it(world: World) -> None:
    """History 326: fenced; a planned failover is begun and killed; one lift undoes both."""
    world.fence()
    with pytest.raises(_Killed):
        world.run(_first(drivers.planned_tasks(world.group()), 3))
    assert record(world, "tokyo").get("planned")
    world.fence(how="lift")
    world.pocket.run(15)
    assert world.state()["storage"] == "protected"
    assert "proof" not in record(world, "tokyo")
    assert world.pocket.write("app1", 1)
    assert not any(result["changed"] for result in world.fence(how="lift"))


def test_a_lift_is_not_green_where_nothing_was_lifted(world: World) -> None:
    """A planned run died after its final transfer, and somebody broke the relationship off by hand."""
    with pytest.raises(_Killed):
        world.run(_first(drivers.planned_tasks(world.group()), 4))
    osaka = OntapClient(PocketOntap(world.pocket, "osaka"), PocketClock(world.pocket), "ONTAP osaka")
    relation = snapmirror.find(osaka, "svm_app1_dr")
    assert relation is not None
    snapmirror.break_off(osaka, relation, force=True, deadline=60)
    with pytest.raises(Refused) as refusal:
        world.fence(how="lift")
    assert refusal.value.reason == "failed_over"
    assert "broken off" in str(refusal.value)


class _Killed(Exception):
    """The end of a process."""


def _first(tasks: Any, number: int) -> Any:
    yield from itertools.islice(tasks, number)
    raise _Killed


def test_a_record_is_never_put_in_place_of_a_newer_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror home is paused and the link down; while reprotect waits for its leases, tokyo's operator brings the group home."""
    away(world)
    tokyo = OntapClient(PocketOntap(world.pocket, "tokyo"), PocketClock(world.pocket), "ONTAP tokyo")
    relation = snapmirror.find(tokyo, "svm_app1")
    assert relation is not None
    snapmirror.pause(tokyo, relation, 30)
    world.pocket.drop("tokyo", "link")
    world.pocket.run(60)
    bring, statement = reverse._bring_in_step, world.statement(site="osaka")

    def meanwhile(run: Any, found: Any) -> None:
        tasks = drivers.failback_tasks(world.group(), "unplanned", fence_statement=statement)
        drivers.run_tasks(tasks, pocket_env(world.pocket), "another-run")
        bring(run, found)

    monkeypatch.setattr(reverse, "_bring_in_step", meanwhile)
    with pytest.raises(Refused) as refusal:
        world.reprotect()
    assert refusal.value.reason == "record_newer"
    assert record(world, "tokyo")["epoch"] == 3
    assert record(world, "tokyo")["active_site"] == "tokyo"


def test_what_a_death_kept_from_the_other_record_is_made_up_for(world: World) -> None:
    """Found by the kill matrix: reprotect died between the two writes of the return schedule. An unplanned way home goes by tokyo's record."""
    away(world)
    tokyo = KubeClient(PocketKube(world.pocket, "tokyo"), PocketClock(world.pocket), "Kubernetes tokyo")
    path = "/api/v1/namespaces/velero/configmaps/kubedr-app1"
    stored = tokyo.get(path)
    assert stored is not None
    wanted = json.loads(stored["data"]["record"])
    assert wanted.pop("return_schedule") == {"name": "k8sbackup-osaka", "site": "osaka"}
    tokyo.replace(path, {**stored, "data": {**stored["data"], "record": json.dumps(wanted)}})
    world.reprotect()
    assert record(world, "tokyo")["return_schedule"] == {"name": "k8sbackup-osaka", "site": "osaka"}
    assert not any(result["changed"] for result in world.reprotect())
