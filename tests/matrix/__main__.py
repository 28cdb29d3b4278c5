# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m ...tests.matrix`` runs every cell of both matrices; ``--sample N`` so many of each scenario; ``--scenario`` and ``--cell`` single ones."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from .branches import Cell, Outcome
from .cells import explore, fault_cells, kill_cells
from .scenarios import SCENARIOS
from .table import counted, rows


class Job(NamedTuple):
    """What one process does at a time: a scenario, or a part of it."""

    scenario: str
    sample: int
    seed: str
    use_memory: bool
    only: str
    cells: tuple[tuple[int, str], ...]


def cells_of(job: Job) -> list[Cell]:
    """The cells that a job asks for."""
    every = [*(fault_cells(job.scenario) if job.only != "kills" else ()), *(kill_cells(job.scenario) if job.only != "faults" else ())]
    if job.cells:
        return [cell for cell in every if (cell.number, cell.kind) in job.cells]
    return random.Random(f"{job.seed} {job.scenario}").sample(every, min(job.sample, len(every))) if job.sample else every


def work(job: Job) -> tuple[str, list[tuple[Cell, Outcome]], float]:
    """A job's cells with their outcomes, and the seconds of processor time."""
    found: list[tuple[Cell, Outcome]] = []

    def tell(cell: Cell, outcome: Outcome) -> None:
        found.append((cell, outcome))
        if outcome.problem:
            print(f"WRONG {outcome.cell}: {outcome.ended}: {outcome.problem[:700]}", flush=True)
        if len(found) % 500 == 0:
            print(f"{job.scenario}: {len(found)} of {len(wanted)}", flush=True)

    wanted = cells_of(job)
    explore(job.scenario, wanted, use_memory=job.use_memory, tell=tell)
    times = os.times()
    return job.scenario, found, times.user + times.system + times.children_user + times.children_system


def lines(found: list[tuple[Cell, Outcome]]) -> Iterator[dict[str, Any]]:
    """Each cell for the JSON file."""
    return ({**cell._asdict(), "name": outcome.cell, "ended": outcome.ended, "problem": outcome.problem, "known": outcome.known} for cell, outcome in found)


def main() -> int:
    """Exit code 1 where a cell did not end as it should."""
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="only these")
    parser.add_argument("--cell", action="append", default=[], metavar="NUMBER:KIND", help="only these of the scenarios")
    parser.add_argument("--only", choices=["faults", "kills"], default="")
    parser.add_argument("--sample", type=int, default=0, help="so many cells of each scenario; 0 for all")
    parser.add_argument("--seed", default=os.environ.get("KUBEDR_SEED", "1"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-memory", action="store_true", help="let each cell go all its way, also from states whose end is known")
    parser.add_argument("--json", type=Path, help="write every cell and its end to this file")
    arguments = parser.parse_args()
    cells = tuple((int(number), kind) for number, _colon, kind in (text.partition(":") for text in arguments.cell))
    jobs = [Job(name, arguments.sample, arguments.seed, not arguments.no_memory, arguments.only, cells) for name in arguments.scenario or reversed(SCENARIOS)]
    began, found, seconds = time.monotonic(), [], 0.0
    with get_context("fork").Pool(arguments.processes, maxtasksperchild=1) as pool:
        for name, of_job, spent in pool.imap_unordered(work, jobs):
            found += of_job
            seconds += spent
            print(f"{name}: {len(of_job)} cells, {sum(1 for _cell, outcome in of_job if outcome.problem)} wrong, {spent:.0f} s of processor time", flush=True)
            if arguments.json:
                arguments.json.write_text("\n".join(json.dumps(line) for line in lines(found)) + "\n", encoding="utf-8")
    print("\n".join(rows(counted(found))))
    short = sum(1 for _cell, outcome in found if outcome.known)
    print(f"{len(found)} cells in {time.monotonic() - began:.0f} s, {seconds:.0f} s of processor time; {short} of them ended in a state whose end was known")
    return int(any(outcome.problem for _cell, outcome in found))


if __name__ == "__main__":
    sys.exit(main())
