# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m ...tests.histories --seed N`` tells one history; without a seed, as many as asked for, on all processors."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import Pool

from ansible_collections.kubedr.ontap.tests.support import drivers

from . import sites
from .history import KINDS, History
from .walk import STEPS, walked

Counts = Counter[tuple[str, str]]


def one(seed: int) -> tuple[int, list[str], Counts]:
    """The broken laws of a seed, and what happened in it."""
    try:
        history = walked(seed)
    except Exception as error:
        return seed, [f"the history itself failed: {type(error).__name__}: {error}"], Counter()
    return seed, history.broken, history.counts


def table(counts: Counts) -> Iterator[str]:
    """Verbs by their ends, and what else happened: a walk that never gets anywhere shows."""
    for what in sorted({what for what, _how in counts}):
        ends = sorted(((number, how) for (of, how), number in counts.items() if of == what), reverse=True)
        yield f"{what}: {', '.join(f'{how} {number}' for number, how in ends)}"


def told(history: History) -> Iterator[str]:
    """A history as text."""
    yield f"history {history.seed}"
    yield from history.trail
    yield from (f"BROKEN: {text}" for text in history.broken)


def main() -> int:
    """Exit code 1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="histories", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell this one")
    parser.add_argument("--first", type=int, default=0, help="the first seed of many")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        history = walked(arguments.seed)
        print("\n".join(told(history)))
        return bool(history.broken)
    return many(range(arguments.first, arguments.first + arguments.count), arguments.processes)


def many(seeds: range, processes: int) -> int:
    """Run them all; each broken one is told with the seed that gives it again."""
    began, bad = time.monotonic(), 0
    counts: Counts = Counter()
    for name in ("dr_phase", "intercluster_lif", "cluster_peer", "svm_peer", "svmdr", "ark_schedule"):
        drivers.module(name)
    for kind in KINDS:
        sites.protected(kind)
    print(f"histories {seeds.start} to {seeds.stop - 1}, {STEPS} steps each and the way home, in {processes} processes", flush=True)
    with Pool(processes, maxtasksperchild=200) as pool:
        for number, (seed, broken, happened) in enumerate(pool.imap_unordered(one, seeds, chunksize=4), 1):
            counts += happened
            if broken:
                bad += 1
                print(f"seed {seed}: {'; '.join(broken)[:600]}", flush=True)
            if number % 100 == 0:
                print(f"{number} histories, {bad} broken, {time.monotonic() - began:.0f} s", flush=True)
            if number % 1000 == 0:
                print("\n".join(table(counts)), flush=True)
    print("\n".join(table(counts)))
    print(f"{len(seeds)} histories, {bad} broke a law")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
