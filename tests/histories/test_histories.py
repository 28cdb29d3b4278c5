# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few of the histories that ``make histories`` runs by the thousand, and what keeps them honest."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.support.coroutines import drive

from kubedr_lab.settings import SITES

from .forest import Counts, grown, table
from .history import History
from .remembering import RememberingPort
from .walk import MOVES, TWIGS, walked

TRUNKS = range(4)
HAPPENED: Counts = Counter()


@pytest.mark.parametrize("trunk", TRUNKS)
def test_no_law_is_broken_and_every_history_comes_home(trunk: int) -> None:
    found = grown(trunk)
    for told in found:
        HAPPENED.update(told.counts)
        assert not told.broken, "\n".join([f"python -m ansible_collections.kubedr.ontap.tests.histories --seed {told.seed}", *told.broken])
    assert len(found) == TWIGS


def test_they_get_about() -> None:
    """Laws that are never tried prove nothing: each verb came to its end in these histories, and things befell it."""
    if not HAPPENED:
        pytest.skip("asked for without the histories")
    green = {what for (what, how) in HAPPENED if how == "green"}
    told = "\n".join(table(HAPPENED))
    assert green >= {"setup", "fence", "fence lift", "failover planned", "failover unplanned", "reprotect", "failback planned"}, told
    assert {how for what, how in HAPPENED if what == "befell"} >= {"kill-before", "kill-after", "rival"}, told
    assert len({how for what, how in HAPPENED if what == "states"}) >= 8, told
    assert sum(how == "killed" for _what, how in HAPPENED) >= 3, told


def test_a_fork_goes_the_way_of_its_seed() -> None:
    """What is told of a seed can be walked again."""
    told, again = grown(TRUNKS.start)[1], walked(TRUNKS.start * TWIGS + 1)
    assert told.seed == again.seed * TWIGS + 1
    assert told.broken == again.broken
    assert all(again.counts[key] >= number for key, number in told.counts.items())


def test_what_is_remembered_is_what_the_server_says() -> None:
    """Nobody changes a list that the controllers share."""
    lab, seen = History(102).walk(8, MOVES).lab, 0
    for site in SITES:
        port: Any = lab.station(f"{site}-kubernetes")
        assert isinstance(port.port, RememberingPort)
        assert drive(port.port.changed_by_somebody()) == []
        seen += len(port.port.kept)
    assert seen >= 30
