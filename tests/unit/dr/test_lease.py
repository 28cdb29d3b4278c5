# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: one owner at a time, and no dead one for longer than its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.lease import TTL_SECONDS, Owner, free_for, grant, holder
from hypothesis import given
from hypothesis import strategies as st

from .conftest import NOW

ME = Owner("run-1", "host-a", "boot-1", 100, "5000", "failover")
RIVAL = replace(ME, run_id="run-2", pid=200)


def test_nobody_holds_it() -> None:
    assert free_for(None, ME, NOW, dead=False)
    assert free_for({}, ME, NOW, dead=False)
    assert holder({}) is None


def test_it_survives_its_own_form() -> None:
    assert holder(grant(ME, NOW)) == ME


@given(age=st.integers(min_value=0, max_value=10_000), dead=st.booleans(), same=st.booleans())
def test_only_its_owner_time_or_death_frees_it(age: int, dead: bool, same: bool) -> None:
    lease = grant(ME if same else RIVAL, NOW)
    assert free_for(lease, ME, NOW + timedelta(seconds=age), dead) == (same or dead or age >= TTL_SECONDS)


def test_the_owner_is_named() -> None:
    assert str(RIVAL) == "failover run-2 (process 200 on host-a)"
