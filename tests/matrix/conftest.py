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

from .cells import CLEAR, RESUMED, RIGHT, Outcome

T = TypeVar("T")
SAMPLED = 2
"""Cells of each test in an ordinary run; ``KUBEDR_MATRIX=all`` runs all of them."""
SEED = os.environ.get("KUBEDR_SEED", "1")


def chosen(cells: Iterable[T], name: str) -> list[T]:
    """All cells, or a sample that the seed decides."""
    every = list(cells)
    if os.environ.get("KUBEDR_MATRIX") == "all" or len(every) <= SAMPLED:
        return every
    return random.Random(f"{SEED} {name}").sample(every, SAMPLED)


@pytest.fixture
def judge(record_property: Any) -> Any:
    """Takes the outcomes of a test's cells: counts them for the table, and fails for those that did not end as they should."""

    def judge(row: str, outcomes: list[Outcome]) -> None:
        counted = Counter(outcome.ended if not outcome.problem else "silent" if outcome.ended == "silent" else "otherwise" for outcome in outcomes)
        record_property("matrix", [row, dict(counted)])
        wrong = [f"{outcome.cell}: {outcome.ended}: {outcome.problem}" for outcome in outcomes if outcome.problem]
        assert not wrong, f"{len(wrong)} of {len(outcomes)} cells:\n" + "\n".join(wrong[:10])

    return judge


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: one row for each verb and kind."""
    reports = [report for found in ("passed", "failed") for report in terminalreporter.getreports(found) if report.when == "call"]
    rows = sorted(tuple(value) for report in reports for key, value in report.user_properties if key == "matrix")
    if not rows:
        return
    columns = (RIGHT, CLEAR, RESUMED, "silent", "otherwise")
    lines = [f"{'run and mishap':44} {'cells':>6} " + " ".join(f"{column:>22}" for column in columns)]
    total: Counter[str] = Counter()
    for row, counts in rows:
        total.update(counts)
        lines.append(_line(row, counts, columns))
    terminalreporter.section(f"matrix, seed {SEED}")
    for line in [*lines, _line("all", total, columns)]:
        terminalreporter.write_line(line)


def _line(row: str, counts: dict[str, int], columns: tuple[str, ...]) -> str:
    return f"{row:44} {sum(counts.values()):>6} " + " ".join(f"{counts.get(column, 0):>22}" for column in columns)
