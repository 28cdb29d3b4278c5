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
from .forest import Counts, grown, table
from .history import KINDS, History
from .walk import OWN, STEPS, TWIGS, walked


def told(seed: int, history: History) -> Iterator[str]:
    """A history as text."""
    yield f"history {seed}"
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
        print("\n".join(told(arguments.seed, history)))
        return bool(history.broken)
    return many(range(arguments.first // TWIGS, -(-(arguments.first + arguments.count) // TWIGS)), arguments.processes)


def warm() -> None:
    """What every process would do again."""
    for name in ("dr_phase", "intercluster_lif", "cluster_peer", "svm_peer", "svmdr", "ark_schedule"):
        drivers.module(name)
    for kind in KINDS:
        sites.protected(kind)


def many(trunks: range, processes: int) -> int:
    """Run them all; each broken one is told with the seed that gives it again."""
    began, ran, bad = time.monotonic(), 0, 0
    counts: Counts = Counter()
    warm()
    print(
        f"histories {trunks.start * TWIGS} to {trunks.stop * TWIGS - 1}, {STEPS} steps each, the last {OWN} of them its own, and the way home, in "
        f"{processes} processes", flush=True,
    )
    with Pool(processes, maxtasksperchild=20) as pool:
        for found in pool.imap_unordered(grown, trunks):
            for seed, broken, happened in found:
                ran, bad, counts = ran + 1, bad + bool(broken), counts + happened
                if broken:
                    print(f"seed {seed}: {'; '.join(broken)[:600]}", flush=True)
            if ran % TWIGS == 0:
                print(f"{ran} histories, {bad} broken, {time.monotonic() - began:.0f} s", flush=True)
            if ran % (100 * TWIGS) == 0:
                print("\n".join(table(counts)), flush=True)
    print("\n".join(table(counts)))
    print(f"{ran} histories, {bad} broke a law")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
