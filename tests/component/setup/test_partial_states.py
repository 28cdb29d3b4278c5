# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up says before what it will do, does that, and comes to its promise from wherever an earlier one was left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.tests.matrix.ends import differences, end_of
from ansible_collections.kubedr.ontap.tests.support.partial import PARTIAL, SLOW, STOPPED, Make

from .conftest import Stage, told

Staged = Callable[..., Stage]


@cache
def undisturbed(staged: Staged) -> dict[str, str]:
    """What one run from nothing leaves."""
    made = staged()
    made.play()
    return end_of(made.pocket, "app1")


def settings(end: dict[str, str]) -> dict[str, str]:
    """Without what goes on by itself as time passes: snapshots, pods, and what applications write."""
    return {path: value for path, value in end.items() if path.startswith(("ontap/", "record/"))}


def test_the_second_run_changes_nothing_and_writes_nothing(stage: Staged) -> None:
    made = stage()
    assert any(entry["changed"] for entry in told(made.play()))
    before = made.writes()
    again = told(made.play())
    assert [entry for entry in again if entry["changed"] or entry["steps"]] == []
    assert made.writes() == before


@pytest.mark.parametrize("name", PARTIAL)
def test_from_every_partial_state(stage: Staged, name: str) -> None:
    made = stage()
    PARTIAL[name](made.hand)
    finish(made)
    assert differences(settings(end_of(made.pocket, "app1")), settings(undisturbed(stage))) == []


@pytest.mark.parametrize("name", SLOW)
def test_from_a_baseline_that_is_not_done(stage: Staged, name: str) -> None:
    made = stage(latency="realistic")
    SLOW[name](made.hand)
    assert made.state()["storage"] == "initializing"
    finish(made, moving=name == "baseline under way")


def finish(made: Stage, moving: bool = False) -> None:
    """Prediction, run, second run. Where the state is moving by itself the prediction is not compared."""
    before = made.writes()
    predicted = told(made.play(check=True))
    assert made.writes() == before
    done = told(made.play())
    assert moving or [pair for pair in zip(predicted, done, strict=True) if pair[0] != pair[1]] == []
    assert made.state()["storage"] == "protected"
    before = made.writes()
    assert [entry for entry in told(made.play()) if entry["changed"] or entry["steps"]] == []
    assert made.writes() == before


@pytest.mark.parametrize("name", STOPPED)
@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_where_it_must_stop_it_writes_nothing(stage: Staged, name: str, check: bool) -> None:
    make: Make
    make, reason = STOPPED[name]
    made = stage()
    make(made.hand)
    before = made.writes()
    with pytest.raises(Refused) as refused:
        made.play(check=check)
    assert (refused.value.reason, made.writes()) == (reason, before)
    assert refused.value.advice


def location(made: Stage) -> dict[str, Any]:
    """The group's configuration with a backup location to make, and reclaim policies to patch."""
    wanted = {"provider": "aws", "bucket": "kubedr", "config": {"region": "lab", "s3ForcePathStyle": "true", "s3Url": "https://objects.invalid"}}
    sites = made.group()["sites"]
    return {"patch_reclaim_policy": True, "sites": {site: {**found, "ark": {**found["ark"], "location": wanted}} for site, found in sites.items()}}


@pytest.mark.parametrize("site", ["tokyo", "osaka"])
def test_the_location_is_made_where_it_is_missing(stage: Staged, site: str) -> None:
    made = stage()
    made.hand.kube(site, "DELETE", "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default")
    changes = location(made)
    predicted = told(made.play(check=True, **changes))
    done = told(made.play(**changes))
    assert done == predicted
    assert f"backup_location_{site}" in done[7]["steps"]
    assert "reclaim_policy" in done[7]["steps"]
    before = made.writes()
    assert not any(entry["changed"] for entry in told(made.play(**changes)))
    assert made.writes() == before


def test_on_ark_as_on_velero(stage: Staged) -> None:
    finish(stage(ark="ark"))
