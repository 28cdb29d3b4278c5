# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that once ended otherwise than they should, found by running all of them."""

from __future__ import annotations

import pytest

from .branches import Cell
from .cells import explore, recording

RECORD = "/api/v1/namespaces/velero/configmaps/kubedr-app1"
FOUND = {
    "volumes whose claims are gone are cleared all the same": ("reprotect-lossy", "DELETE tokyo /api/v1/persistentvolumes/app1-exports", "kill-before", False),
    "of the side that was left, too": ("failback-home", "DELETE osaka /api/v1/persistentvolumes/app1-exports", "kill-after", True),
    "clearing takes over a lease that nobody renews": ("reprotect", "DELETE tokyo /api/v1/namespaces/app1", "kill-before", True),
    "a relationship that was deleted is released all the same": ("failback-home", "DELETE tokyo /api/snapmirror/relationships/*", "kill-after", False),
    "the way home is forgotten on both sides": ("failback-home", f"PUT osaka {RECORD}", "kill-before", False),
    "what is noted for undoing does not outlive the promise": ("failover-planned", f"PUT osaka {RECORD}", "kill-before", True),
    "on neither side": ("failover-planned", f"PUT tokyo {RECORD}", "kill-before", False),
}


@pytest.mark.parametrize("what", FOUND)
def test_it_ends_right(what: str) -> None:
    """The last two calls that look like this."""
    name, wanted, kind, elsewhere = FOUND[what]
    numbers = [number for number, call in enumerate(recording(name).calls) if f"{call.method} {call.site} {call.path}" == wanted][-2:]
    outcomes = explore(name, [Cell(name, number, kind, elsewhere) for number in numbers])
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.problem] == []
