# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories by the thousand: several share their beginning, which is walked once. From there each goes on in a process of its own, a fork of the first."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .history import History
from .walk import TWIGS, begun, ended

Counts = Counter[tuple[str, str]]


class Told(NamedTuple):
    """What is known of one history: broken laws, and what happened in it (what all of a trunk share is counted with the first of them)."""

    seed: int
    broken: list[str]
    counts: Counts


def grown(trunk: int) -> list[Told]:
    """All histories that begin so."""
    seeds = range(trunk * TWIGS, (trunk + 1) * TWIGS)
    try:
        history = begun(seeds.start)
    except Exception as error:
        return [Told(seed, [f"the beginning itself failed: {type(error).__name__}: {error}"], Counter()) for seed in seeds]
    if history.broken:
        return [Told(seed, history.broken, history.counts if seed == seeds.start else Counter()) for seed in seeds]
    return list(_twigs(history, seeds))


def _twigs(history: History, seeds: range) -> Iterator[Told]:
    shared = history.counts.copy()
    for seed in seeds:
        told = _in_a_fork(lambda seed=seed: _told(history, seed))  # type: ignore[misc]
        yield told if seed == seeds.start else told._replace(counts=told.counts - shared)


def _told(history: History, seed: int) -> Told:
    try:
        ended(history, seed)
    except Exception as error:
        return Told(seed, [f"the history itself failed: {type(error).__name__}: {error}"], history.counts)
    return Told(seed, history.broken, history.counts)


def _in_a_fork(work: Callable[[], Told]) -> Told:
    """What a copy of this process finds; this one stays as it is."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    told: Told = pickle.loads(found)  # from ourselves
    return told


def table(counts: Counts) -> Iterator[str]:
    """Verbs by their ends, and what else happened: a walk that never gets anywhere shows."""
    for what in sorted({what for what, _how in counts}):
        ends = sorted(((number, how) for (of, how), number in counts.items() if of == what), reverse=True)
        yield f"{what}: {', '.join(f'{how} {number}' for number, how in ends)}"
