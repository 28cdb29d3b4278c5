# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was proved of the side that was left holds until it is a mirror again: then its own site may have promoted it, and it alone would know."""

from __future__ import annotations

from .conftest import World


def test_a_silent_destination_that_was_a_mirror_again_is_not_said_to_be_stopped(world: World) -> None:
    """Found by history 102: home again, failed over by a statement, and then the newer side falls silent."""
    world.planned()
    world.reprotect()
    world.failback()
    assert world.state()["storage"] == "protected"
    world.pocket.run(15)
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.start("tokyo")
    world.pocket.run(30)
    assert world.state()["storage"] == "split_brain"
    world.pocket.kill("osaka")
    assert world.state()["storage"] == "failed_back_unfenced"


def test_nor_is_a_silent_source(world: World) -> None:
    world.planned()
    assert world.state()["storage"] == "failed_over"
    world.lose()
    assert world.state()["storage"] == "failed_over"
    world.pocket.start("tokyo")
    world.pocket.run(30)
    world.reprotect()
    assert world.state()["storage"] == "reprotected"
    world.lose()
    assert world.state()["storage"] == "failed_over_unfenced"
