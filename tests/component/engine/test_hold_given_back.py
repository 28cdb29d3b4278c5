# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion takes the read-only hold while the SVM starts; a phase after it that fails with an error gives it back."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.tests.matrix.cells import explore, fault_cells, recording
from ansible_collections.kubedr.ontap.tests.matrix.wire import Call


@pytest.mark.parametrize("name", ["failover-killed", "failback-unplanned"])
def test_a_phase_between_promotion_and_restore_fails(name: str) -> None:
    """Every call of the volumes phase is refused once: that ends the run, and the law on holds is looked at."""
    calls: tuple[Call, ...] = recording(name).calls
    promotion = next(call.task for call in calls if call.writes and "backupstoragelocations" in call.path)
    task = promotion + 1
    cells = [cell for cell in fault_cells(name) if cell.kind == "401" and calls[cell.number].task == task]
    assert cells
    assert [outcome.problem for outcome in explore(name, cells) if outcome.problem] == []
