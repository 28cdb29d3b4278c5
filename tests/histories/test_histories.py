# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few of the histories that ``make histories`` runs by the thousand, and what keeps them honest."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.tests.support.coroutines import done

from kubedr_lab.settings import SITES

from .remembering import RememberingPort
from .walk import walked

SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_law_is_broken_and_every_history_comes_home(seed: int) -> None:
    history = walked(seed)
    assert not history.broken, "\n".join([f"python -m ansible_collections.kubedr.ontap.tests.histories --seed {seed}", *history.trail, *history.broken])


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = walked(101, 6), walked(101, 6)
    assert first.trail == second.trail


def test_histories_get_about() -> None:
    """The walks of a few seeds lead through most of the states: laws that are never tried prove nothing."""
    seen = {line.strip().partition(",")[0] for seed in range(200, 204) for line in walked(seed).trail if line.startswith("  ")}
    assert len(seen) >= 6, seen


def test_what_is_remembered_is_what_the_server_says() -> None:
    """Nobody changes a list that the controllers share."""
    lab, seen = walked(102, 8).lab, 0
    for site in SITES:
        port = lab.station(f"{site}-kubernetes").port  # type: ignore[attr-defined]
        assert isinstance(port, RememberingPort)
        assert done(port.changed_by_somebody()) == []
        seen += len(port.kept)
    assert seen >= 30
