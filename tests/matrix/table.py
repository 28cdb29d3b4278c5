# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cells ended in which way: one block of rows for each scenario, one row for each way in which things went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from .branches import Cell, Outcome
from .cells import CLEAR, KILLS, REFUSED, RESUMED, RIGHT
from .scenarios import SCENARIOS
from .wire import FAULTS

WRONG = "wrong"
COLUMNS = (RIGHT, CLEAR, REFUSED, RESUMED, WRONG)
MISHAPS = (*FAULTS, *KILLS)
Counts = Mapping[tuple[str, str], Mapping[str, int]]
"""(scenario, mishap) -> column -> cells."""


def counted(found: Iterable[tuple[Cell, Outcome]]) -> dict[tuple[str, str], Counter[str]]:
    """The counts of these cells."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for cell, outcome in found:
        counts.setdefault((cell.scenario, cell.kind), Counter())[WRONG if outcome.problem else outcome.ended] += 1
    return counts


def rows(counts: Counts) -> Iterator[str]:
    """The table as text."""
    yield f"{'run, and what befell it':44} {'cells':>6} {'passed':>6} " + " ".join(f"{column:>23}" for column in COLUMNS)
    faults: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    for name in SCENARIOS:
        of_scenario: Counter[str] = Counter()
        for mishap in MISHAPS:
            found = counts.get((name, mishap), {})
            if found:
                yield _row(f"{name}: {mishap}", found)
                of_scenario.update(found)
                (kills if mishap in KILLS else faults).update(found)
        if of_scenario:
            yield _row(f"{name}, all", of_scenario)
    yield _row("fault matrix", faults)
    yield _row("kill matrix", kills)
    yield _row("both", faults + kills)


def _row(name: str, found: Mapping[str, int]) -> str:
    cells = sum(found.values())
    return f"{name:44} {cells:>6} {cells - found.get(WRONG, 0):>6} " + " ".join(f"{found.get(column, 0):>23}" for column in COLUMNS)
