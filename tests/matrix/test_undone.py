# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned verbs: every write before the break fails for good, in each way. Undone, the side that served serves again, and everything is as it was."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.tests.component.engine.test_rollback import CASES, KINDS, broken_at, fitting, writes_before_break

from .conftest import chosen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_every_write_fails_for_good(name: str, kind: str) -> None:
    writes = writes_before_break(name)
    numbers = chosen([number for number, write in enumerate(writes) if fitting(write, kind)], f"undone {name} {kind}", 1)
    found = {f"{number} {' '.join(writes[number])}": broken_at(name, number, kind) for number in numbers}
    assert {cell: problem for cell, problem in found.items() if problem} == {}
