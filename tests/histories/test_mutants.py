# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each planted error is found, by the law that it breaks, within a few histories."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, Mutant

MOST = 8


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_found(mutant: Mutant) -> None:
    seed, broken = mutant.hunt(MOST)
    assert seed >= 0, f"{MOST} histories did not find it"
    assert any(part in text for part in mutant.caught_by for text in broken), broken


def test_there_are_enough_of_them() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 12
