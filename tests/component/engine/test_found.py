# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the histories of tests/histories found in the engine: each in its shortest form."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused

from .conftest import World


@pytest.mark.parametrize("mode", ["planned", "unplanned"])
def test_a_rerun_of_failover_does_not_take_down_the_fence_of_the_side_that_serves(world: World, mode: str) -> None:
    """The proof of that fence would stay, and a failback could rest on it while that side serves."""
    world.planned()
    world.reprotect()
    world.fence()
    with pytest.raises(Refused) as error:
        world.planned() if mode == "planned" else world.failover()
    assert error.value.reason == "serving_side_fenced"
    world.fence(how="lift")
    assert not any(result["changed"] for result in world.failover())
