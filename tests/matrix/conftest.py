# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cells are run, and the table of how they ended."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

from .branches import Cell, Outcome
from .table import counted, rows

T = TypeVar("T")
EVERY = os.environ.get("KUBEDR_MATRIX") == "all"
SEED = os.environ.get("KUBEDR_SEED", "1")


def chosen(cells: Iterable[T], name: str, count: int) -> list[T]:
    """So many of them, as the seed decides; all with ``KUBEDR_MATRIX=all``."""
    every = list(cells)
    return every if EVERY or len(every) <= count else random.Random(f"{SEED} {name}").sample(every, count)


@pytest.fixture
def judge(record_property: Any) -> Any:
    """Takes cells with their outcomes: counts them for the table, and fails for those that did not end as they should."""

    def judge(found: list[tuple[Cell, Outcome]]) -> None:
        record_property("matrix", [[*row, dict(counts)] for row, counts in counted(found).items()])
        wrong = [f"{outcome.cell}: {outcome.ended}: {outcome.problem}" for _cell, outcome in found if outcome.problem]
        assert not wrong, f"{len(wrong)} of {len(found)} cells:\n" + "\n".join(wrong[:10])

    return judge


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table, also where other processes ran the tests: reports carry the counts."""
    reports = [report for found in ("passed", "failed") for report in terminalreporter.getreports(found) if report.when == "call"]
    counts: dict[tuple[str, str], Counter[str]] = {}
    for name, mishap, found in (row for report in reports for key, value in report.user_properties if key == "matrix" for row in value):
        counts.setdefault((name, mishap), Counter()).update(found)
    if counts:
        terminalreporter.section(f"matrix, {'every cell' if EVERY else f'sample of seed {SEED}'}")
        for line in rows(counts):
            terminalreporter.write_line(line)
