# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A point in time: which snapshot may be served, and what shows that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr import point
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import ClaimVolume
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import StorageSeen, VolumeSeen
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
NAMES = st.sampled_from(["hourly.0", "hourly.1", "daily.0", "by-hand"])
COPIES = st.integers(0, 3).map(lambda n: point.Copy(NOON - timedelta(seconds=40 * n), f"key-{n}"))
LISTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.dictionaries(NAMES, COPIES), min_size=1)


def storage(*volumes: VolumeSeen) -> StorageSeen:
    return StorageSeen("osaka", "", "", NOON, volumes=(VolumeSeen("root", "rw", "online", "/"), *volumes))


def at_home(names: list[str]) -> StorageSeen:
    return storage(*(VolumeSeen(name, "rw", "online", f"/{name}") for name in names))


@given(LISTS, NAMES)
def test_what_is_chosen_is_there(lists: dict[str, dict[str, point.Copy]], name: str) -> None:
    """Every mounted volume is served from a copy of one time or named as lacking it; anything else is refused, with the reason."""
    copies = {volume: found[name] for volume, found in lists.items() if name in found}
    times = [copy.made for copy in copies.values() if copy.made]
    apart = bool(times) and (max(times) - min(times)).total_seconds() > point.SPREAD
    if not copies or apart:
        with pytest.raises(Refused) as refusal:
            point.choose(name, at_home(list(lists)), lists, 2)
        assert refusal.value.reason == ("snapshot_times_differ" if apart else "snapshot_unknown")
        if not copies:
            assert set(refusal.value.seen) == set.intersection(*map(set, lists.values()))
        return
    chosen = point.choose(name, at_home(list(lists)), lists, 2)
    assert set(chosen.without) == set(lists) - set(copies)
    assert chosen.at == min(times)
    assert chosen.volumes == {volume: f"/{volume}" for volume in copies}
    assert chosen.keys == {volume: copy.key for volume, copy in copies.items()}


def refused(volumes: StorageSeen, made: datetime | None = NOON) -> str:
    lists = {volume.name: {"hourly.0": point.Copy(made, "k")} for volume in point.mounted(volumes)}
    with pytest.raises(Refused) as refusal:
        point.choose("hourly.0", volumes, lists, 2)
    return refusal.value.reason


def test_what_cannot_be_served_whole_is_refused() -> None:
    below = storage(VolumeSeen("a", "dp", "online", "/a"), VolumeSeen("b", "dp", "online", "/a/b"))
    taken = storage(VolumeSeen("a", "dp", "online", "/a"), VolumeSeen(point.clone_name("a", 2, "hourly.0"), "dp", "online", ""))
    assert (refused(below), refused(taken), refused(at_home(["a"]), None)) == ("junctions_nested", "clone_taken", "snapshot_times_differ")
    alike = storage(VolumeSeen("a", "dp", "online", "/a"), VolumeSeen("ab", "dp", "online", "/ab"))
    assert point.choose("s", alike, {name: {"s": point.Copy(NOON, "k")} for name in ("a", "ab")}, 2).volumes == {"a": "/a", "ab": "/ab"}


def test_claims_that_would_stay_at_the_newest_data_are_refused() -> None:
    chosen = point.choose("s", at_home(["a"]), {"a": {"s": point.Copy(NOON, "k")}}, 2)

    def claim(volume: str | None, on_svm: bool = True) -> ClaimVolume:
        return ClaimVolume("app1", "c", "pv", "trident", "t", on_svm, volume, False, "Retain", "1Gi", "class", "")

    point.refuse_mixed(chosen, [claim("a"), claim(None), claim("elsewhere", on_svm=False)])
    for volume in ("unmounted", "root"):
        with pytest.raises(Refused) as refusal:
            point.refuse_mixed(chosen, [claim("a"), claim(volume)])
        assert refusal.value.reason == "snapshot_not_everywhere"


def test_long_names_stay_apart() -> None:
    first, second = "v" * 200 + "1", "v" * 200 + "2"
    assert point.clone_name(first, 2, "s") != point.clone_name(second, 2, "s")


@given(st.text("abcdefghij_0123456789", min_size=1, max_size=203), st.integers(1, 10**6))
def test_a_clone_has_a_name_that_ontap_takes(volume: str, epoch: int) -> None:
    name = point.clone_name(volume, epoch, "hourly.0")
    assert len(name) <= point.LONGEST_NAME
    assert point.is_clone(name)
    assert name != point.clone_name(volume, epoch + 1, "hourly.0")
    assert name != point.clone_name(volume, epoch, "hourly.1")


def test_it_is_served_only_where_every_path_leads_to_a_writable_clone() -> None:
    record = {"epoch": 3, "point": {"epoch": 3, "snapshot": "hourly.0", "volumes": {"a": "/a", "b": "/b"}}}
    names = {volume: point.clone_name(volume, 3, "hourly.0") for volume in "ab"}
    clones = [VolumeSeen(name, "rw", "online", f"/{volume}") for volume, name in names.items()]
    assert point.served(record, storage(*clones))
    assert point.moved(record, storage(*clones)) == ["a", "b"]
    for wrong in (
        VolumeSeen("b", "rw", "online", "/b"), VolumeSeen(point.clone_name("b", 2, "hourly.0"), "rw", "online", "/b"),
        VolumeSeen(names["b"], "dp", "online", "/b"), VolumeSeen(names["b"], "rw", "offline", "/b"), VolumeSeen(names["b"], "rw", "online", ""),
        VolumeSeen(names["b"], "rw", "online", "/c"),
    ):
        assert not point.served(record, storage(clones[0], wrong)), wrong
    assert point.moved(record, at_home(["a", "b"])) == []
    assert point.served({"epoch": 4, "point": record["point"]}, at_home(["a", "b"]))
