# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the histories of tests/histories found in the engine: each in its shortest form."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.matrix.ends import record_of

from .conftest import World
from .test_failover import listed


def test_a_rerun_of_failover_does_not_take_down_the_fence_of_the_side_that_serves(world: World) -> None:
    """The proof of that fence would stay, and a failback could rest on it while that side serves."""
    world.planned()
    world.reprotect()
    world.fence()
    with pytest.raises(Refused) as error:
        world.failover()
    assert error.value.reason == "serving_side_fenced"
    world.fence(how="lift")
    assert not any(result["changed"] for result in world.failover())


def test_after_a_statement_about_a_living_source_fence_leads_on(world: World) -> None:
    """The mirror is broken off, the start is refused because the source is seen running: that is a failover half done, not an unknown state."""
    world.pocket.kill("tokyo", "kubernetes")
    world.pocket.run(1)
    with pytest.raises(Refused) as error:
        world.failover(fence_statement=world.statement())
    assert error.value.reason == "source_running"
    assert world.state()["storage"] == "failing_over"
    world.pocket.start("tokyo")
    world.pocket.run(5)
    world.fence()
    world.failover()
    assert world.state()["storage"] == "failed_over"


def test_nothing_is_cleared_away_while_the_objects_stand_nowhere_else(world: World) -> None:
    """A failover that died before its restore: reprotect would delete the old side's namespaces, the last living copy of the objects."""
    world.fence()
    world.pocket.fault("osaka", "POST /apis/velero.io/v1/namespaces/velero/restores", "500", times=0)
    with pytest.raises(KubedrError):
        world.failover()
    world.pocket.clear_faults()
    assert world.state()["storage"] == "failed_over"
    with pytest.raises(Refused) as refused:
        world.reprotect()
    assert refused.value.reason == "objects_not_restored"
    world.failover()
    assert world.state()["objects"] == "verified"


def test_the_note_of_a_fence_is_no_difference_and_does_not_stay(world: World) -> None:
    """A final backup of workloads that fence had scaled down holds its note; what runs from it again must not."""
    world.planned()
    world.reprotect()
    world.fence()
    world.failback()
    assert world.state()["storage"] == "protected"
    for path in ("/apis/apps/v1/namespaces/app1/deployments", "/apis/apps/v1/namespaces/app1/statefulsets", "/apis/apps/v1/namespaces/app1-batch/deployments"):
        found = listed(world, "tokyo", path)
        assert found
        assert not [item["metadata"]["name"] for item in found if "kubedr.ontap/replicas" in (item["metadata"].get("annotations") or {})]
        assert all(item["spec"]["replicas"] for item in found)


def test_a_mirror_that_fell_behind_is_brought_in_step_under_the_lease(world: World) -> None:
    world.planned()
    world.reprotect()
    world.pocket.drop("osaka", "link")
    world.pocket.transfer("app1")
    assert world.state()["storage"] == "reprotecting"
    with pytest.raises(KubedrError):
        world.reprotect()
    assert (record_of(world.pocket, "osaka", "app1") or {})["lease"]["verb"] == "reprotect"
    world.pocket.start("osaka", "link")
    world.pocket.run(90)
    world.reprotect()
    assert world.state()["storage"] == "reprotected"


def test_a_backup_of_the_time_away_is_not_taken_after_the_way_home(world: World) -> None:
    """The first site's schedule went on while its workloads stood at zero; right after the way home its newest backup is one of those."""
    world.fence()
    world.failover()
    world.pocket.run(400)
    world.reprotect(accept_loss=accepted(world))
    world.failback()
    world.pocket.kill("tokyo")
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["backup"]["name"].startswith("kubedr-app1-"), "what the way home was restored from"
    assert result["state"]["objects"] == "verified"
    assert all(item["spec"]["replicas"] for item in listed(world, "osaka", "/apis/apps/v1/namespaces/app1/deployments"))


def accepted(world: World) -> dict[str, str]:
    """The token that reprotect asks for."""
    with pytest.raises(Refused) as error:
        world.reprotect()
    return {"app1": error.value.seen["token"]}


def test_a_backup_of_a_fenced_group_is_passed_over_after_the_lift(world: World) -> None:
    world.fence()
    noted = world.pocket.backup("tokyo")
    world.fence(how="lift")
    world.pocket.run(130)
    world.pocket.kill("tokyo")
    result = world.failover(fence_statement=world.statement())[-1]
    assert "scaled down by fence" in next(entry["reason"] for entry in result["backup"]["skipped"] if entry["name"] == noted)
    assert all(item["spec"]["replicas"] for item in listed(world, "osaka", "/apis/apps/v1/namespaces/app1/deployments"))


def test_replicas_come_from_the_notes_where_no_record_tells_them(world: World) -> None:
    """The serving side was fenced while the other Kubernetes cluster was dead: that one's record knows of no replicas."""
    world.planned()
    world.reprotect()
    world.pocket.kill("tokyo", "kubernetes")
    world.fence()
    world.pocket.start("tokyo")
    world.pocket.run(70)
    world.failback()
    assert all(item["spec"]["replicas"] for item in listed(world, "tokyo", "/apis/apps/v1/namespaces/app1/deployments"))
    world.pocket.kill("tokyo")
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["backup"]["name"].startswith("kubedr-app1-"), "the newest one, which holds the workloads at zero"
    assert all(item["spec"]["replicas"] for item in listed(world, "osaka", "/apis/apps/v1/namespaces/app1/deployments"))


def test_the_old_side_that_returns_is_never_taken_for_the_active_one(world: World) -> None:
    """Home by an unplanned failback, then the first site's storage dies while the other one is back with its SVM running: fence stops that one."""
    world.planned()
    world.reprotect()
    world.pocket.backup("osaka")
    world.pocket.transfer("app1")
    world.pocket.run(5)
    world.pocket.kill("osaka")
    world.failback(mode="unplanned", fence_statement=world.statement(site="osaka"))
    world.pocket.start("osaka")
    world.pocket.kill("tokyo", "ontap")
    world.pocket.run(70)
    assert world.state()["storage"] == "unknown"
    world.fence()
    assert all(item["spec"]["replicas"] for item in listed(world, "tokyo", "/apis/apps/v1/namespaces/app1/deployments"))
    assert not any(item["spec"]["replicas"] for item in listed(world, "osaka", "/apis/apps/v1/namespaces/app1/deployments"))
    world.pocket.start("tokyo")
    world.pocket.run(30)
    assert world.state()["storage"] == "failed_back"
