# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The newest usable backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.choice import MOST_LOOKED_INTO, Rules, at_a_glance, choose
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import Objects
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, Refused
from hypothesis import given
from hypothesis import strategies as st

from .manifests import SVM, backup, claim, nfs, obj, pv

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RULES = Rules(("app1",), "k8sbackup", NOW, SVM)


@dataclass(frozen=True)
class Seen:
    name: str = "b1"
    phase: str = "Completed"
    started_at: datetime | None = NOW - timedelta(minutes=5)
    expires_at: datetime | None = NOW + timedelta(hours=1)
    schedule: str = "k8sbackup"
    namespaces: tuple[str, ...] = ("*",)
    excluded_namespaces: tuple[str, ...] = ("kube-system",)
    created_at: datetime | None = None


GOOD = backup(namespaces=[obj("Namespace", "app1")], claims=[claim("c", "pv1")], pvs=[pv("pv1", "c", nfs("/data"))])
NEWER_THAN_MIRROR = backup(
    namespaces=[obj("Namespace", "app1")], claims=[claim("c", "pv1"), claim("n", "pv2")], pvs=[pv("pv1", "c", nfs("/data")), pv("pv2", "n", nfs("/new"))],
)


def holding(**contents: Objects) -> Callable[[str], Objects]:
    def read(name: str) -> Objects:
        if name not in contents:
            raise ApiError(f"{name} is damaged")
        return contents[name]

    return read


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"phase": "PartiallyFailed"}, "is PartiallyFailed"), ({"phase": "InProgress"}, "is InProgress"),
        ({"started_at": None}, "does not say when it started"),
        ({"schedule": "other"}, "written by schedule other, not by k8sbackup"), ({"schedule": ""}, "written by no schedule"),
        ({"expires_at": NOW}, "expired at 2026-11-24T12:00:00Z"), ({"excluded_namespaces": ("app1",)}, "not asked to hold namespace app1"),
        ({"excluded_namespaces": ("app*",)}, "not asked"), ({"namespaces": ("app2",)}, "not asked"),
    ],
)
def test_what_shows_without_reading_it(change: dict[str, Any], words: str) -> None:
    seen = replace(Seen(), **change)
    assert words in (at_a_glance(seen, RULES) or "")
    with pytest.raises(Refused, match=words) as caught:
        choose([seen], holding(b1=GOOD), RULES)
    assert caught.value.reason == "no_usable_backup"
    assert caught.value.seen == [{"name": "b1", "reason": at_a_glance(seen, RULES)}]


@pytest.mark.parametrize("change", [{}, {"expires_at": None}, {"namespaces": ("app1",)}, {"namespaces": ("app*",)}])
def test_nothing_speaks_against_it(change: dict[str, Any]) -> None:
    assert at_a_glance(replace(Seen(), **change), RULES) is None


def test_one_that_this_run_asked_for_is_usable() -> None:
    choice = choose([Seen(schedule="")], holding(b1=GOOD), replace(RULES, own=frozenset({"b1"})))
    assert (choice.backup.name, choice.skipped, choice.left_out) == ("b1", [], [])


def test_one_that_started_after_the_scale_down_holds_zero_replicas() -> None:
    rules = replace(RULES, scaled_down_at=NOW - timedelta(minutes=5))
    older = Seen("b0", started_at=NOW - timedelta(minutes=10))
    choice = choose([Seen(), older], holding(b1=GOOD, b0=GOOD), rules)
    assert choice.backup.name == "b0"
    assert "scaled down" in choice.skipped[0][1]


def test_a_backup_newer_than_the_mirror_is_passed_over_and_named() -> None:
    older = Seen("b0", started_at=NOW - timedelta(minutes=10))
    choice = choose([older, Seen()], holding(b1=NEWER_THAN_MIRROR, b0=GOOD), RULES)
    assert choice.backup.name == "b0"
    assert choice.skipped == [("b1", "no volume on the DR SVM for app1/n (pv2 -> 10.0.0.10:/new)")]


@pytest.mark.parametrize("contents", [{}, {"b1": backup(claims=[])}, {"b1": backup(namespaces=[obj("Namespace", "app1")], claims=[claim("c", "pv1")])}])
def test_unreadable_or_incomplete_ones_are_passed_over(contents: dict[str, Objects]) -> None:
    older = Seen("b0", started_at=NOW - timedelta(minutes=10))
    choice = choose([Seen(), older], holding(b0=GOOD, **contents), RULES)
    assert (choice.backup.name, [name for name, _why in choice.skipped]) == ("b0", ["b1"])


def test_only_as_many_are_read_as_it_takes() -> None:
    read: list[str] = []

    def holds(name: str) -> Objects:
        read.append(name)
        return GOOD

    choose([Seen(f"b{number:03}", started_at=NOW - timedelta(minutes=number)) for number in range(100)], holds, RULES)
    assert read == ["b000"]


def test_the_search_ends() -> None:
    read: list[str] = []

    def holds(name: str) -> Objects:
        read.append(name)
        return NEWER_THAN_MIRROR

    with pytest.raises(Refused) as caught:
        choose([Seen(f"b{number:03}", started_at=NOW - timedelta(minutes=number)) for number in range(100)], holds, RULES)
    assert len(read) == MOST_LOOKED_INTO
    assert "not looked into" in caught.value.seen[-1]["reason"]


def test_no_backup_at_all() -> None:
    with pytest.raises(Refused, match="there is no backup at all"):
        choose([], holding(), RULES)


def test_a_named_one_is_taken_all_the_same() -> None:
    rules = replace(RULES, named="b1", now=NOW + timedelta(days=40))
    choice = choose([Seen(), Seen("b2", started_at=NOW, expires_at=None)], holding(b1=NEWER_THAN_MIRROR), rules)
    assert [volume.claim for volume in choice.left_out] == ["n"]
    assert choice.skipped == [("b2", "newer than b1, which was named")]
    assert "expired" in choice.overruled[0]


@pytest.mark.parametrize(("named", "reason"), [("none", "backup_unknown"), ("b2", "backup_unreadable")])
def test_a_named_one_must_be_there(named: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        choose([Seen(), Seen("b2")], holding(b1=GOOD), replace(RULES, named=named))
    assert caught.value.reason == reason


def test_volumes_that_are_not_judged() -> None:
    assert choose([Seen()], holding(b1=NEWER_THAN_MIRROR), replace(RULES, svm=None, schedule=None)).backup.name == "b1"


MINUTES = st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["Completed", "Failed"]), st.booleans()), unique_by=lambda entry: entry[0], max_size=12)


@given(MINUTES)
def test_never_an_unusable_one_and_never_one_with_a_newer_usable(entries: list[tuple[int, str, bool]]) -> None:
    seen = [Seen(f"b{minute}", phase, NOW - timedelta(minutes=minute)) for minute, phase, _good in entries]
    contents = {f"b{minute}": GOOD if good else NEWER_THAN_MIRROR for minute, _phase, good in entries}
    usable = sorted(minute for minute, phase, good in entries if phase == "Completed" and good)
    if not usable:
        with pytest.raises(Refused):
            choose(seen, holding(**contents), RULES)
        return
    choice = choose(seen, holding(**contents), RULES)
    assert choice.backup.name == f"b{usable[0]}"
    assert {name for name, _why in choice.skipped} == {f"b{minute}" for minute, _phase, _good in entries if minute < usable[0]}


def test_a_backup_that_claims_to_be_of_the_future_does_not_stand_before_what_came_after_it() -> None:
    """No backup can have started after this cluster first saw it: its writer's clock is wrong, or was then."""
    liar = Seen("liar", started_at=NOW + timedelta(hours=2), created_at=NOW - timedelta(minutes=10))
    honest = Seen("honest", created_at=NOW - timedelta(minutes=4))
    assert choose([liar, honest], holding(liar=GOOD, honest=GOOD), RULES).backup.name == "honest"
    assert choose([liar, replace(honest, name="older", started_at=NOW - timedelta(hours=1))], holding(liar=GOOD, older=GOOD), RULES).backup.name == "liar"


def test_where_the_other_site_s_clock_runs_ahead_the_newest_is_still_the_newest() -> None:
    ahead = [
        Seen(f"b{minutes}", started_at=NOW + timedelta(hours=2, minutes=-minutes), created_at=NOW + timedelta(minutes=1 - minutes)) for minutes in (15, 5, 10)
    ]
    assert choose(ahead, holding(b5=GOOD, b10=GOOD, b15=GOOD), RULES).backup.name == "b5"
    together = [replace(backup, created_at=NOW) for backup in ahead]
    assert choose(together, holding(b5=GOOD, b10=GOOD, b15=GOOD), RULES).backup.name == "b5"
