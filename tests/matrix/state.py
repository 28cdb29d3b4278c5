# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A number for the whole state of a pocket lab at rest: two labs with the same number go on in the same way, whatever is asked of them.

Everything counts: what is stored, the bucket, the clock, when each loop looks again, the random streams, and what controllers remember between two looks.
A lab in which something is under way that no store holds has no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from kubedr_lab.pocket import PocketLab
from kubedr_lab.world import OntapSite

PLAIN = (str, bytes, int, float, bool, type(None))
ELSEWHERE = frozenset(("_context", "_api", "_clock", "_planes", "_port", "_ontap", "_volumes"))
"""What controllers share, and copies of what the store holds."""


def state_of(lab: PocketLab) -> int | None:
    """The number, the same in every child of this process; None where something is under way."""
    lab.settle()
    loops = {id(loop._task): loop for part in lab.parts.values() for loop in part.loops}
    if any(id(task) not in loops or not loops[id(task)]._resting for task in lab.scheduler._tasks) or any(running(part.station) for part in lab.parts.values()):
        return None
    found = [hash((lab.clock.now(), lab.link, frozenset(lab._numbers.items()), frozenset(lab.objects.contents().items())))]
    for name, part in lab.parts.items():
        found.append(hash((name, part.condition, tuple(loop._task.due for loop in part.loops))))
        found += [hash((kind, frozenset(entries.items()))) for kind, entries in part.store._kinds.items() if entries]
        found.append(hash(tuple(remembered(part.station))))
    return hash(tuple(sorted(found)))


def running(station: Any) -> bool:
    """Whether its Ark works on a backup or a restore: half of that is in no store."""
    return any(getattr(one, "_run", None) is not None for one in station.ark._controllers) if hasattr(station, "ark") else False


def remembered(station: Any) -> Iterator[int]:
    """What a part holds in its memory."""
    if station is None:
        return
    if isinstance(station, OntapSite):
        core = station.core.core
        yield hash((frozenset(core.busy), repr(core.knobs), repr(core.tables._kinds), repr(core.tables._changes)))
    else:
        random: Random = station.core._verbs._rng
        ark, controllers = station.ark, station.controllers
        yield hash((random.getstate(), ark._next, ark._started, repr(ark._context.faults), controllers._due))
        for one in (*ark._controllers, *controllers._controllers):
            yield from plain_parts(one)


def plain_parts(thing: Any) -> Iterator[int]:
    """What a controller remembers, its helpers' memory too."""
    for name, value in vars(thing).items():
        if name in ELSEWHERE:
            continue
        if isinstance(value, (*PLAIN, dict, list, tuple)):
            yield hash((name, repr(value)))
        elif isinstance(value, set):
            yield hash((name, frozenset(value)))
        elif hasattr(value, "__dict__"):
            yield from plain_parts(value)
