# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill matrix: the run dies before and after every write and at every boundary between tasks. The next run ends as an undisturbed one."""

from __future__ import annotations

from typing import Any

import pytest

from .cells import kill_cell, kill_cells
from .conftest import chosen
from .scenarios import SCENARIOS


@pytest.mark.parametrize("moment", ["before", "after", "boundary"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_anywhere(name: str, moment: str, judge: Any) -> None:
    cells = chosen([cell for cell in kill_cells(name) if cell[1] == moment], f"{name} {moment}")
    judge(f"{name}: killed, {moment}", [kill_cell(name, *cell) for cell in cells])
