# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A point in time: an older snapshot of every volume, served on clones at the same paths. Pure.

Nothing is given up by it: the volumes themselves keep all that they hold, unmounted. So there is nothing to consent to, and the way home is the same.
"""

from __future__ import annotations

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
Snapshots = Mapping[str, "datetime | None"]
"""Name -> when it was made, of one volume."""


@dataclass(frozen=True)
class Point:
    """What is to be served.

    Attributes:
        snapshot: its name, on every volume.
        at: when the first of them was made.
        volumes: volume -> the path at which its clone is mounted instead of it.
        without: mounted volumes that lack this snapshot, such as younger ones: left as they are.
    """

    snapshot: str
    at: datetime | None
    volumes: Mapping[str, str]
    without: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the record and for results."""
        return {
            "snapshot": self.snapshot, "created_at": exact_instant(self.at) if self.at else None, "volumes": dict(self.volumes), "without": list(self.without),
        }


def mounted(storage: StorageSeen) -> list[VolumeSeen]:
    """The data volumes that clients reach."""
    return [volume for volume in storage.volumes if volume.junction not in ("", "/")]


def choose(name: str, storage: StorageSeen, snapshots: Mapping[str, Snapshots]) -> Point:
    """The point that the operator named.

    Args:
        snapshots: of each mounted volume, by its name.

    Raises:
        Refused: no volume has a snapshot of that name.
    """
    having = {volume.name: volume.junction for volume in mounted(storage) if name in snapshots.get(volume.name, {})}
    if not having:
        known = in_common(snapshots)
        raise Refused(
            "snapshot_unknown", f"no volume of the SVM has a snapshot {name}", system=f"ONTAP {storage.site}", operation="choose snapshot", obj=name,
            seen=known,
            advice=f"All volumes have: {', '.join(known[:10])}." if known else "There is no snapshot that all volumes have.",
        )
    times = [made for volume in having if (made := snapshots[volume][name]) is not None]
    return Point(name, min(times, default=None), having, tuple(sorted(volume.name for volume in mounted(storage) if volume.name not in having)))


def in_common(snapshots: Mapping[str, Snapshots]) -> list[str]:
    """The names that every volume has, the newest first."""
    names = set.intersection(*map(set, snapshots.values())) if snapshots else set()
    first = next(iter(snapshots.values()), {})
    return sorted(names, key=lambda name: (made.timestamp() if (made := first[name]) else 0.0, name), reverse=True)


def refuse_mixed(point: Point, claims: Iterable[ClaimVolume]) -> None:
    """Claims on data of two different times are worse than none.

    Raises:
        Refused: a claim that is to be restored lies on a volume without that snapshot.
    """
    mixed = sorted(claim.label for claim in claims if claim.volume in point.without)
    if mixed:
        raise Refused(
            "snapshot_not_everywhere", f"volumes of these claims lack snapshot {point.snapshot}: {'; '.join(mixed[:5])}", operation="choose snapshot",
            obj=point.snapshot, seen=mixed,
            advice="Name a snapshot that every volume has, or an older backup with dr_backup.",
        )


def clone_name(volume: str, epoch: int) -> str:
    """One name per volume and promotion, so that a run that is repeated finds its own."""
    end = f"_kubedr_e{epoch}"
    return volume[: LONGEST_NAME - len(end)] + end


def is_clone(volume: str) -> bool:
    """Whether a volume has such a name."""
    return bool(re.search(r"_kubedr_e\d+$", volume))


def served(record: Mapping[str, Any], storage: StorageSeen) -> bool:
    """Whether every path of the record's point leads to its clone."""
    point = of_epoch(record)
    at = {volume.junction: volume for volume in storage.volumes if volume.junction}
    wanted = {path: clone_name(name, int(record["epoch"])) for name, path in (point.get("volumes") or {}).items()}
    return all(path in at and (at[path].name, at[path].type, at[path].state) == (name, "rw", "online") for path, name in wanted.items())



def moved(record: Mapping[str, Any], storage: StorageSeen) -> list[str]:
    """The point's volumes that are not, or not any more, at the path that clients know."""
    at = {volume.junction: volume.name for volume in storage.volumes if volume.junction}
    return sorted(name for name, path in ((record.get("point") or {}).get("volumes") or {}).items() if at.get(path) != name)


def of_epoch(record: Mapping[str, Any]) -> dict[str, Any]:
    """The point that this record's epoch serves; empty where it serves the newest data."""
    point = dict(record.get("point") or {})
    return point if point and point.get("epoch") == record.get("epoch") else {}
