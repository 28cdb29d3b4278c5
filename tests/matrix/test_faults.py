# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fault matrix: every API call fails once in each way. The run ends right, or with a clear error; run again, it ends right. Never a silent success."""

from __future__ import annotations

from typing import Any

import pytest

from .cells import fault_cell, fault_cells
from .conftest import chosen
from .scenarios import SCENARIOS
from .wire import FAULTS


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_call_fails_once(name: str, kind: str, judge: Any) -> None:
    numbers = chosen([number for number, found in fault_cells(name) if found == kind], f"{name} {kind}")
    judge(f"{name}: {kind}", [fault_cell(name, number, kind) for number in numbers])
