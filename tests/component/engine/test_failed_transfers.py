# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scheduled transfer that fails because the site is dead does not speak against the word that it is dead; one that brought data does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused

from .conftest import World, instant

QUARTER = 16 * 60
"""Seconds in which the schedule, every 15 minutes, begins a transfer at least once."""


@pytest.mark.parametrize("how", ["kill", "drop"])
def test_a_transfer_that_failed_after_the_stated_time_contradicts_nothing(world: World, how: str) -> None:
    world.lose(how)
    word = world.statement()
    world.pocket.run(QUARTER)
    assert world.failover(fence_statement=word)[-1]["state"]["objects"] == "verified"


def test_a_transfer_that_succeeded_after_it_contradicts(world: World) -> None:
    word = world.statement(at=(instant(world.now()) - timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.pocket.transfer("app1")
    world.lose()
    with pytest.raises(Refused, match="transfer"):
        world.failover(fence_statement=word)
