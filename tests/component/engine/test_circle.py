# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole circle: out and home, planned and not, with nothing lost that was not accepted."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused

from ...support import drivers
from .conftest import World


def serving(world: World, where: str, name: str = "app1") -> None:
    """The application writes, and what it writes arrives where it should."""
    before = {volume: len(records) for volume, records in world.records(where, name).items()}
    world.pocket.run(5)
    world.pocket.write(name, 3)
    after = {volume: len(records) for volume, records in world.records(where, name).items()}
    assert all(after[volume] >= count + 3 for volume, count in before.items()), (before, after)


@pytest.mark.parametrize("world", [{}, {"flexgroup": True}, {"ark": "ark"}], indirect=True, ids=["FlexVol", "FlexGroup", "Ark"])
def test_planned_circle_loses_nothing(world: World) -> None:
    for lap in range(2):
        numbers = {volume: len(records) for volume, records in world.records("tokyo").items()}
        result = world.planned()
        assert result[-1]["state"]["storage"] == "failed_over", lap
        assert result[-1]["state"]["objects"] == "verified"
        assert {volume: len(records) for volume, records in world.records("osaka").items()} == numbers
        assert world.hashes("tokyo") == world.hashes("osaka")
        assert world.state()["storage"] == "failed_over"
        serving(world, "osaka")
        world.reprotect()
        assert world.state()["storage"] == "reprotected"
        serving(world, "osaka")
        numbers = {volume: len(records) for volume, records in world.records("osaka").items()}
        home = world.failback()
        assert (home[-1]["state"]["storage"], home[-1]["state"]["objects"]) == ("protected", "verified")
        assert {volume: len(records) for volume, records in world.records("tokyo").items()} == numbers
        serving(world, "tokyo")
        assert world.state()["storage"] == "protected"


def test_second_runs_change_nothing(world: World) -> None:
    world.planned()
    assert not any(result["changed"] for result in world.planned())
    world.reprotect()
    assert not any(result["changed"] for result in world.reprotect())
    world.failback()
    again = world.failback()
    assert not any(result["changed"] for result in again)
    assert (again[0]["done"], again[-1]["state"]["storage"]) == (True, "protected")


def test_a_group_that_never_left_has_no_way_home(world: World) -> None:
    with pytest.raises(Refused) as error:
        world.failback()
    assert error.value.reason == "at_home"


def test_a_failback_killed_before_its_last_step_is_finished_by_running_it_again(world: World) -> None:
    world.planned()
    world.reprotect()
    tasks = list(drivers.failback_tasks(world.group()))
    world.run(iter(tasks[:-2]))
    again = world.failback()
    assert (again[0]["done"], again[-1]["state"]["storage"]) == (False, "protected")
    assert world.failback()[0]["done"] is True


def test_after_an_unplanned_failover_the_loss_must_be_accepted(world: World) -> None:
    world.lose()
    world.failover(fence_statement=world.statement())
    serving(world, "osaka")
    world.pocket.start("tokyo")
    world.pocket.run(30)
    assert world.state()["storage"] == "split_brain"
    with pytest.raises(Refused) as split:
        world.reprotect()
    assert split.value.reason == "split_brain"
    world.fence()
    assert world.state()["storage"] == "failed_over"
    with pytest.raises(Refused) as error:
        world.reprotect()
    assert error.value.reason == "loss_not_accepted"
    token = error.value.seen["token"]
    assert token in error.value.message.splitlines()
    lost = {volume: records[10:] for volume, records in world.records("tokyo").items()}
    assert all(lost.values())
    world.reprotect(accept_loss={"app1": token})
    assert world.state()["storage"] == "reprotected"
    world.failback()
    assert world.state()["storage"] == "protected"
    serving(world, "tokyo")


def test_the_primary_is_lost_after_the_group_came_home(world: World) -> None:
    """The failback left word that the other site was fenced: that was before it became the mirror again, and holds up no later failover to it."""
    world.planned()
    world.reprotect()
    world.failback()
    world.pocket.backup("tokyo")
    world.pocket.transfer("app1")
    world.pocket.run(130)
    world.lose()
    result = world.failover(fence_statement=world.statement())
    assert (result[-1]["state"]["storage"], result[-1]["state"]["objects"]) == ("failed_over_unfenced", "verified")
    serving(world, "osaka")


def test_the_night_after(world: World) -> None:
    """The destination is lost while it is the side that serves: failback unplanned, then home for good under a token."""
    world.planned()
    world.reprotect()
    serving(world, "osaka")
    world.pocket.backup("osaka")
    world.pocket.transfer("app1")
    world.pocket.run(130)
    world.pocket.write("app1", 3)
    world.pocket.kill("osaka")
    with pytest.raises(Refused) as error:
        world.failback(mode="unplanned")
    assert error.value.reason == "statement_missing"
    result = world.failback(mode="unplanned", fence_statement=world.statement(site="osaka"))
    assert result[-1]["state"]["storage"] == "failed_back_unfenced"
    assert result[-1]["state"]["objects"] == "verified"
    serving(world, "tokyo")
    world.pocket.start("osaka")
    world.pocket.run(30)
    assert world.state()["storage"] == "split_brain"
    with pytest.raises(Refused) as refused:
        world.failback()
    assert refused.value.reason == "split_brain"
    world.fence()
    assert world.state()["storage"] == "failed_back"
    with pytest.raises(Refused) as loss:
        world.failback()
    assert loss.value.reason == "loss_not_accepted"
    world.failback(accept_loss={"app1": loss.value.seen["token"]})
    assert world.state()["storage"] == "protected"
    serving(world, "tokyo")
    world.planned()
    assert world.state()["storage"] == "failed_over"
