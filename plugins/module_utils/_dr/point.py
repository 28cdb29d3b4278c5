# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A point in time: an older snapshot of every volume, served on clones at the same paths. Pure.

Nothing is given up by it: the volumes themselves keep all that they hold, unmounted. So there is nothing to consent to, and the way home is the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._errors import Refused
from .pvs import ClaimVolume
from .seen import StorageSeen, VolumeSeen
from .statement import exact_instant

LONGEST_NAME = 203
"""ONTAP's limit for the name of a volume (volumes reference, ``name``)."""
SPREAD = 60.0
"""Seconds that one schedule may need to make a snapshot of all volumes. Copies further apart are of different times, though they share a name."""


@dataclass(frozen=True)
class Copy:
    """A volume's copy of a snapshot. ``key`` tells it from another one of the same name."""

    made: datetime | None
    key: str


Snapshots = Mapping[str, Copy]
"""By name, of one volume."""


@dataclass(frozen=True)
class Point:
    """What is to be served.

    Attributes:
        snapshot: its name, on every volume.
        at: when the first of them was made.
        volumes: volume -> the path at which its clone is mounted instead of it.
        keys: volume -> the key of its copy, which must still be that one when it is cloned.
        without: mounted volumes that lack this snapshot, such as younger ones: left as they are.
    """

    snapshot: str
    at: datetime
    volumes: Mapping[str, str]
    keys: Mapping[str, str]
    without: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the record and for results."""
        return {
            "snapshot": self.snapshot, "created_at": exact_instant(self.at), "volumes": dict(self.volumes), "keys": dict(self.keys),
            "without": list(self.without),
        }


def mounted(storage: StorageSeen) -> list[VolumeSeen]:
    """The data volumes that clients reach."""
    return [volume for volume in storage.volumes if volume.junction not in ("", "/")]


def choose(name: str, storage: StorageSeen, snapshots: Mapping[str, Snapshots], epoch: int, *, again: bool = False) -> Point:
    """The point that the operator named.

    Args:
        snapshots: of each mounted volume, by its name.
        epoch: of the promotion that will serve it.
        again: in this epoch a decision was made before: clones of it may be there.

    Raises:
        Refused: it cannot be served whole: no volume has it, its copies are of different times, volumes lie below one another, or a clone's name is taken.
    """
    where = {"system": f"ONTAP {storage.site}", "operation": "choose snapshot", "obj": name}
    having = {volume.name: volume.junction for volume in mounted(storage) if name in snapshots.get(volume.name, {})}
    if not having:
        known = in_common(snapshots)
        raise Refused(
            "snapshot_unknown", f"no volume of the SVM has a snapshot {name}", seen=known, **where,
            advice=f"All volumes have: {', '.join(known[:10])}." if known else "There is no snapshot that all volumes have.",
        )
    copies = {volume: snapshots[volume][name] for volume in having}
    times = sorted((copy.made, volume) for volume, copy in copies.items() if copy.made is not None)
    if len(times) < len(copies) or (times[-1][0] - times[0][0]).total_seconds() > SPREAD:
        told = [f"{volume} at {exact_instant(copy.made) or 'an unknown time'}" for volume, copy in sorted(copies.items())]
        raise Refused(
            "snapshot_times_differ", f"the copies of {name} are of different times: {'; '.join(told[:6])}", seen=told, **where,
            advice="Name a snapshot that was made of all volumes at one time.",
        )
    paths = {volume.junction: volume.name for volume in mounted(storage)}
    nested = sorted(f"{path} lies below {above}" for path in paths for above in paths if path.startswith(f"{above}/"))
    if nested:
        raise Refused(
            "junctions_nested", f"volumes are mounted below one another: {'; '.join(nested[:4])}", seen=nested, **where,
            advice="A clone cannot take such a path without the other losing its own. Fail over to the newest data, and take files from the snapshot by hand.",
        )
    names = {clone_name(volume, epoch, name) for volume in having}
    taken = set() if again else names & {volume.name for volume in storage.volumes}
    if taken or len(names) < len(having):
        raise Refused(
            "clone_taken", f"volumes have the names that clones would get: {', '.join(sorted(taken))}", seen=sorted(taken), **where, advice="Rename them.",
        )
    without = tuple(sorted(volume.name for volume in mounted(storage) if volume.name not in having))
    return Point(name, times[0][0], having, {volume: copy.key for volume, copy in copies.items()}, without)


def in_common(snapshots: Mapping[str, Snapshots]) -> list[str]:
    """The names that every volume has, the newest first."""
    names = set.intersection(*map(set, snapshots.values())) if snapshots else set()
    first = next(iter(snapshots.values()), {})
    return sorted(names, key=lambda name: (made.timestamp() if (made := first[name].made) else 0.0, name), reverse=True)


def refuse_mixed(point: Point, claims: Iterable[ClaimVolume]) -> None:
    """Claims on data of two different times are worse than none.

    Raises:
        Refused: a claim that is to be restored lies on a volume of the SVM that would stay at the newest data.
    """
    mixed = sorted(claim.label for claim in claims if claim.on_svm and claim.volume is not None and claim.volume not in point.volumes)
    if mixed:
        raise Refused(
            "snapshot_not_everywhere", f"these claims would stay on the newest data, for {point.snapshot} does not cover them: {'; '.join(mixed[:5])}",
            operation="choose snapshot", obj=point.snapshot, seen=mixed,
            advice="Name a snapshot that every mounted volume has, or an older backup with dr_backup. A volume that is not mounted gets no clone.",
        )


def clone_name(volume: str, epoch: int, snapshot: str) -> str:
    """One name per volume, promotion and snapshot, so that a run that is repeated finds its own."""
    told = f"{volume}@{snapshot}" if len(volume) > LONGEST_NAME - 30 else snapshot
    end = f"_kubedr_e{epoch}_{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    return volume[: LONGEST_NAME - len(end)] + end


def clones(point: Mapping[str, Any]) -> dict[str, str]:
    """Volume -> its clone, of a recorded point."""
    return {name: clone_name(name, int(point["epoch"]), str(point["snapshot"])) for name in point.get("volumes") or ()}


def is_clone(volume: str) -> bool:
    """Whether a volume has such a name."""
    return bool(re.search(r"_kubedr_e\d+_[0-9a-f]{8}$", volume))


def served(record: Mapping[str, Any], storage: StorageSeen) -> bool:
    """Whether every path of the record's point leads to its clone."""
    point = of_epoch(record)
    at = {volume.junction: volume for volume in storage.volumes if volume.junction}
    names = clones(point)
    wanted = {path: names[name] for name, path in (point.get("volumes") or {}).items()}
    return all(path in at and (at[path].name, at[path].type, at[path].state) == (name, "rw", "online") for path, name in wanted.items())


def moved(record: Mapping[str, Any], storage: StorageSeen) -> list[str]:
    """The point's volumes that are not, or not any more, at the path that clients know."""
    at = {volume.junction: volume.name for volume in storage.volumes if volume.junction}
    return sorted(name for name, path in ((record.get("point") or {}).get("volumes") or {}).items() if at.get(path) != name)


def of_epoch(record: Mapping[str, Any]) -> dict[str, Any]:
    """The point that this record's epoch serves; empty where it serves the newest data."""
    point = dict(record.get("point") or {})
    return point if point and point.get("epoch") == record.get("epoch") else {}
