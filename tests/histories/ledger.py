# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which writes were acknowledged, where they are now, and which losses somebody accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.statement import parse_instant

from kubedr_lab.settings import SITES

from . import sites
from .sites import GROUP, HistoryLab

INTERVAL = 0.2


@dataclass(frozen=True)
class Acknowledged:
    """One record that an SVM acknowledged."""

    volume: str
    number: int
    at: float
    svm: str


@dataclass
class Ledger:
    """Every acknowledged record that nobody was told to be lost."""

    records: dict[tuple[str, int], Acknowledged] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()

    def seed(self, lab: HistoryLab) -> None:
        """What the application wrote before the history began."""
        for volume, numbers in sites.holds(lab, SITES[0]).items():
            for number in numbers:
                self.records[volume, number] = Acknowledged(volume, number, 0.0, sites.svm_name(lab, SITES[0]))
        self.volumes = frozenset(volume for volume, _number in self.records)

    def write(self, lab: HistoryLab) -> tuple[dict[str, list[Acknowledged]], list[str]]:
        """One record by the application of each site that runs. Returns what each site's pods were acknowledged, and broken laws."""
        done: dict[str, list[Acknowledged]] = {}
        for site in SITES:
            if not sites.alive(lab, f"{site}-kubernetes"):
                continue
            lab.run(INTERVAL)
            number, now = lab._numbers.get(GROUP, 0) + 1, lab.clock.now()
            lab._numbers[GROUP] = number
            answers = lab.ask(f"{site}-kubernetes", "append", {"group": GROUP, "n": number, "at": now})["volumes"].values()
            done[site] = [Acknowledged(answer["volume"], number, now, answer["svm"]) for answer in answers if answer["ok"]]
        for found in done.values():
            for one in found:
                self.records[one.volume, one.number] = one
        touched = {site: {(one.svm, one.volume) for one in found} for site, found in done.items()}
        both = set.intersection(*touched.values()) if len(touched) == len(SITES) else set()
        broken = [f"pods of both sites write volume {volume} of {svm}" for svm, volume in sorted(both)]
        foreign = sorted({one.volume for found in done.values() for one in found} - self.volumes)
        return done, [*broken, *(f"a pod writes {volume}, which is none of the group's volumes" for volume in foreign)]

    def destroyed(self, lab: HistoryLab, stated: list[Mapping[str, Any]]) -> list[str]:
        """Records that no SVM holds any more, and that no accepted loss covers. They are forgotten: each is told once.

        Args:
            stated: the losses that were accepted by their token in this step, as stated to the operator.
        """
        there = [sites.holds(lab, site) for site in SITES]
        gone = [one for (volume, number), one in self.records.items() if not any(number in held.get(volume, ()) for held in there)]
        found = []
        for one in gone:
            del self.records[one.volume, one.number]
            if not any(covers(loss, one) for loss in stated):
                found.append(f"record {one.number} of {one.volume}, acknowledged by {one.svm}, exists nowhere any more, and nobody accepted that")
        return found

    def missing(self, lab: HistoryLab, site: str, stated: Mapping[str, Any] | None) -> list[str]:
        """Records that the site which serves lacks, and that the stated loss does not cover."""
        here = sites.holds(lab, site)
        return [
            f"record {one.number} of {one.volume}, acknowledged by {one.svm}, is not at {site}, and the run stated no such loss"
            for (volume, number), one in self.records.items() if number not in here.get(volume, ()) and not covers(stated or {}, one)
        ]


def covers(loss: Mapping[str, Any], one: Acknowledged) -> bool:
    """Whether a stated loss (run.json's ``loss``) speaks of a record.

    One that was accepted by its token speaks of nothing written after it was stated (``stated_at``).
    """
    for volume in loss.get("volumes") or ():
        if volume["name"] == one.volume:
            after = parse_instant(volume["lost_after"]) if volume["lost_after"] else None
            return (after is None or one.at > after.timestamp()) and one.at <= float(loss.get("stated_at", one.at))
    return False
