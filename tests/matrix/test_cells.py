# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both matrices, sampled: `make matrix` has every cell.

Fault matrix: every API call fails once in each way. The run ends right, or with a clear error; run again, it ends right. Never a silent success.
Kill matrix: the run dies before and after every write and at every boundary between tasks. The next run ends as an undisturbed one.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubedr_lab.pocket import PocketLab

from .branches import Cell, Outcome
from .cells import explore, fault_cells, kill_cells
from .conftest import chosen
from .scenarios import SCENARIOS, protected
from .state import state_of

FAULTS_OF_EACH, KILLS_OF_EACH = 4, 2


def ended(name: str, cells: list[Cell], **options: Any) -> list[tuple[Cell, Outcome]]:
    """The cells with their outcomes."""
    found: list[tuple[Cell, Outcome]] = []
    explore(name, cells, tell=lambda cell, outcome: found.append((cell, outcome)), **options)
    assert sorted(cell for cell, _outcome in found) == sorted(cells)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_ends_right_or_says_why_not_and_the_next_run_ends_right(name: str, judge: Any) -> None:
    cells = [*chosen(fault_cells(name), f"faults {name}", FAULTS_OF_EACH), *chosen(kill_cells(name), f"kills {name}", KILLS_OF_EACH)]
    judge(ended(name, cells))


def test_what_is_known_of_a_state_is_what_happens() -> None:
    """Cells that end early, because an earlier one came to the same state, end as they do when they go all their way."""
    cells = [cell for cell in fault_cells("fence") if cell.number in range(40, 52)]
    quick = ended("fence", cells)
    slow = ended("fence", cells, use_memory=False)
    assert sum(1 for _cell, outcome in quick if outcome.known) >= len(cells) // 3
    assert not any(outcome.known for _cell, outcome in slow)
    assert {cell: (outcome.ended, outcome.problem) for cell, outcome in quick} == {cell: (outcome.ended, outcome.problem) for cell, outcome in slow}


def test_a_lab_at_work_has_no_number() -> None:
    """Half of a backup that is being written is in no store: what follows from such a state is not looked up."""
    lab = PocketLab(latency="realistic", frozen=protected(latency="realistic"))
    before = state_of(lab)
    assert before is not None
    assert before == state_of(lab)
    lab.ask("tokyo-kubernetes", "backup")
    lab.run(2)
    assert state_of(lab) is None
    lab.run(300)
    after = state_of(lab)
    assert after not in (None, before)
