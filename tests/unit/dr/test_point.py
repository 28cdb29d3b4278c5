# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A point in time: which snapshot may be served, and what shows that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr import point
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import StorageSeen, VolumeSeen
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
NAMES = st.sampled_from(["hourly.0", "hourly.1", "daily.0", "by-hand"])
LISTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.dictionaries(NAMES, st.integers(0, 9).map(lambda n: NOON - timedelta(hours=n))), min_size=1)


def storage(*volumes: VolumeSeen) -> StorageSeen:
    return StorageSeen("osaka", "", "", NOON, volumes=(VolumeSeen("root", "rw", "online", "/"), *volumes))


def at_home(names: list[str]) -> StorageSeen:
    return storage(*(VolumeSeen(name, "rw", "online", f"/{name}") for name in names))


@given(LISTS, NAMES)
def test_what_is_chosen_is_there(lists: dict[str, dict[str, datetime]], name: str) -> None:
    """Every mounted volume is either served from that snapshot or named as lacking it; the time is that of the oldest copy."""
    having = {volume for volume, found in lists.items() if name in found}
    if not having:
        with pytest.raises(Refused) as refusal:
            point.choose(name, at_home(list(lists)), lists)
        assert set(refusal.value.seen) == set.intersection(*map(set, lists.values()))
        return
    chosen = point.choose(name, at_home(list(lists)), lists)
    assert set(chosen.volumes) == having
    assert set(chosen.without) == set(lists) - having
    assert chosen.at == min(lists[volume][name] for volume in having)
    assert chosen.volumes == {volume: f"/{volume}" for volume in having}


@given(st.text("abcdefghij_0123456789", min_size=1, max_size=203), st.integers(1, 10**6))
def test_a_clone_has_a_name_that_ontap_takes(volume: str, epoch: int) -> None:
    name = point.clone_name(volume, epoch)
    assert len(name) <= point.LONGEST_NAME
    assert point.is_clone(name)
    assert name != point.clone_name(volume, epoch + 1)


def test_it_is_served_only_where_every_path_leads_to_a_writable_clone() -> None:
    record = {"epoch": 3, "point": {"epoch": 3, "snapshot": "hourly.0", "volumes": {"a": "/a", "b": "/b"}}}
    clones = [VolumeSeen(f"{name}_kubedr_e3", "rw", "online", f"/{name}") for name in "ab"]
    assert point.served(record, storage(*clones))
    assert point.moved(record, storage(*clones)) == ["a", "b"]
    for wrong in (
        VolumeSeen("b", "rw", "online", "/b"), VolumeSeen("b_kubedr_e2", "rw", "online", "/b"), VolumeSeen("b_kubedr_e3", "dp", "online", "/b"),
        VolumeSeen("b_kubedr_e3", "rw", "offline", "/b"), VolumeSeen("b_kubedr_e3", "rw", "online", ""), VolumeSeen("b_kubedr_e3", "rw", "online", "/c"),
    ):
        assert not point.served(record, storage(clones[0], wrong)), wrong
    assert point.moved(record, at_home(["a", "b"])) == []
    assert point.served({"epoch": 4, "point": record["point"]}, at_home(["a", "b"]))
