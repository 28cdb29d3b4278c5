# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`teardown`: says first what it does; nothing is orphaned, nothing of others is touched, and no data goes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, KubedrError, Refused, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries, record_of
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketOntap, pocket_env

from .conftest import World
from .test_circle import serving
from .test_rollback import narrow

YES = {"teardown_consent": {"app1": "unprotect"}}


def left(world: World, name: str = "app1") -> dict[str, Any]:
    """What ONTAP still knows of a group's mirror, on both sides."""
    group, found = world.pocket.group(name), {}
    for site in ("tokyo", "osaka"):
        for kind in ("relationship", "destination", "svm_peer"):
            there = [record for _key, record in entries(world.pocket, site, "ontap", kind) if record["svm"] in (group.source_svm, group.destination_svm)]
            if there:
                found[f"{kind} {site}"] = there
    return found


def svm(world: World, site: str, name: str) -> tuple[str, str]:
    found = next(record for _key, record in entries(world.pocket, site, "ontap", "svm") if record["name"] == name)
    return found["subtype"], found["state"]


def delete_svm(world: World, name: str) -> None:
    """As its administrator does."""
    ontap = PocketOntap(world.pocket, "osaka")
    for key, volume in list(entries(world.pocket, "osaka", "ontap", "volume")):
        if volume["svm"] == name and not volume["root"]:
            assert ontap.send(Request("DELETE", f"/api/storage/volumes/{key}", {"return_timeout": "10"})).status < 300
    key = next(key for key, found in entries(world.pocket, "osaka", "ontap", "svm") if found["name"] == name)
    assert ontap.send(Request("DELETE", f"/api/svm/svms/{key}", {"return_timeout": "10"})).status < 300


def test_it_says_first_what_it_will_do_and_does_nothing_without_consent(world: World) -> None:
    before = world.pocket.freeze()["stores"]
    with pytest.raises(Refused) as error:
        world.teardown()
    assert error.value.reason == "consent_missing"
    for part in ("break svm_app1: -> svm_app1_dr: off", "release it at tokyo", "delete the SVM peering", "all its volumes", "k8sbackup"):
        assert part in str(error.value), part
    assert "dr_teardown_consent" in error.value.advice
    assert [line for line in world.report.lines if line.startswith("teardown: break")]
    planned = world.teardown(check=True)
    assert planned[0]["plan"] == error.value.seen["plan"]
    assert [step["name"] for step in planned[1]["steps"]] == planned[0]["plan"]
    assert world.state()["storage"] == "protected"
    for name, store in world.pocket.freeze()["stores"].items():
        if name.endswith("ontap"):
            kept = ("relationship", "destination", "svm_peer", "svm")
            assert [list(store.items(kind)) for kind in kept] == [list(before[name].items(kind)) for kind in kept]


@pytest.mark.parametrize("world", [{}, {"flexgroup": True}], indirect=True, ids=["FlexVol", "FlexGroup"])
def test_both_sides_are_released_and_all_data_stays(world: World) -> None:
    volumes = {site: world.hashes(site) for site in ("tokyo", "osaka")}
    results = world.teardown(**YES)
    assert results[-1]["state"]["storage"] == "unprotected"
    assert left(world) == {}
    assert svm(world, "osaka", "svm_app1_dr") == ("default", "stopped")
    assert svm(world, "tokyo", "svm_app1") == ("default", "running")
    assert {site: world.hashes(site) for site in ("tokyo", "osaka")} == volumes
    records = [record_of(world.pocket, site, "app1") or {} for site in ("tokyo", "osaka")]
    assert all(record["released"]["epoch"] == record["epoch"] and "lease" not in record for record in records)
    serving(world, "tokyo")
    again = world.teardown()
    assert not any(result["changed"] for result in again)
    assert again[0]["done"]


@pytest.mark.parametrize("world", [{"groups": 2}], indirect=True)
def test_what_other_groups_share_stays(world: World) -> None:
    kinds = ("cluster_peer", "lif", "schedule", "snapmirror_policy")
    shared = {(site, kind): list(entries(world.pocket, site, "ontap", kind)) for site in ("tokyo", "osaka") for kind in kinds}
    other = left(world, "app2")
    world.teardown("app1", **YES)
    assert {
        (site, kind): [key for key, _r in entries(world.pocket, site, "ontap", kind)] for site, kind in shared
    } == {place: [key for key, _r in found] for place, found in shared.items()}
    assert set(left(world, "app2")) == set(other)
    assert world.state("app2")["storage"] == "protected"
    assert [key for key, _schedule in entries(world.pocket, "tokyo", "kubernetes", "kube.schedules.velero.io")] == ["velero/k8sbackup"]
    world.planned("app2")
    assert world.state("app2")["storage"] == "failed_over"


def test_a_schedule_that_serves_the_group_alone_ends_and_its_backups_stay(world: World) -> None:
    narrow(world)
    backups = [key for key, _b in entries(world.pocket, "tokyo", "kubernetes", "kube.backups.velero.io")]
    world.teardown(**YES)
    assert list(entries(world.pocket, "tokyo", "kubernetes", "kube.schedules.velero.io")) == []
    assert [key for key, _b in entries(world.pocket, "tokyo", "kubernetes", "kube.backups.velero.io")] == backups


def test_setup_is_refused_until_the_kept_svm_is_gone(world: World) -> None:
    world.teardown(**YES)
    with pytest.raises(Refused) as error:
        world.setup()
    assert error.value.reason == "destination_kept"
    with pytest.raises(Refused) as no_mirror:
        world.planned()
    assert no_mirror.value.reason == "unprotected"
    delete_svm(world, "svm_app1_dr")
    world.setup()
    assert world.state()["storage"] == "protected"
    assert all("released" not in (record_of(world.pocket, site, "app1") or {}) for site in ("tokyo", "osaka"))
    world.planned()
    assert world.state()["storage"] == "failed_over"


def test_killed_anywhere_it_is_finished_by_running_it_again(world: World) -> None:
    for site, match, state in (
        ("osaka", "PATCH /api/snapmirror/relationships/", "protected"), ("osaka", "DELETE /api/snapmirror/relationships/", "unprotected"),
        ("tokyo", "DELETE /api/snapmirror/relationships/", "unprotected"), ("osaka", "DELETE /api/svm/peers/", "unprotected"),
    ):
        world.pocket.fault(site, match, "500", times=0)
        with pytest.raises(KubedrError):
            world.teardown(**YES)
        world.pocket.clear_faults()
        world.pocket.run(70)
        assert world.state()["storage"] == state, match
    assert world.teardown(**YES)[-1]["state"]["storage"] == "unprotected"
    assert left(world) == {}


def test_a_site_that_is_silent_would_keep_what_the_other_forgets(world: World) -> None:
    world.lose()
    with pytest.raises((Refused, Unreachable)):
        world.teardown(**YES)
    assert left(world)


@pytest.mark.parametrize("away", ["failed_over", "reprotected"])
def test_it_is_refused_away_from_home(world: World, away: str) -> None:
    world.planned()
    if away == "reprotected":
        world.reprotect()
    with pytest.raises(Refused) as error:
        world.teardown(**YES)
    assert error.value.reason == "not_at_home"
    assert "failback" in str(error.value)


def test_consent_is_one_known_word(world: World) -> None:
    with pytest.raises(ConfigError) as error:
        world.teardown(teardown_consent={"app1": "yes"})
    assert error.value.variable == "dr_teardown_consent"


def volumes_of(world: World, site: str, name: str) -> list[str]:
    return sorted(record["name"] for _key, record in entries(world.pocket, site, "ontap", "volume") if record["svm"] == name and not record["root"])


def consent(*words: str) -> dict[str, Any]:
    return {"teardown_consent": {"app1": " ".join(["unprotect", "remove_svm", *words])}}


def test_the_svm_goes_only_with_every_volume_named(world: World) -> None:
    named = volumes_of(world, "osaka", "svm_app1_dr")
    with pytest.raises(Refused) as error:
        world.teardown(**consent(*named[1:]))
    assert error.value.reason == "consent_missing"
    assert f"delete volume {named[0]} of svm_app1_dr" in str(error.value)
    assert named[0] in error.value.advice
    assert volumes_of(world, "osaka", "svm_app1_dr") == named
    assert svm(world, "osaka", "svm_app1_dr")[0] == "dp_destination"
    with pytest.raises(ConfigError):
        world.teardown(teardown_consent={"app1": f"unprotect {named[0]}"})


def test_the_svm_goes_by_name_and_the_source_keeps_everything(world: World) -> None:
    kept, named = volumes_of(world, "tokyo", "svm_app1"), volumes_of(world, "osaka", "svm_app1_dr")
    foretold = world.teardown(check=True, **consent(*named))
    assert "delete SVM svm_app1_dr at osaka" in foretold[0]["plan"]
    done = world.teardown(**consent(*named))
    assert volumes_of(world, "osaka", "svm_app1_dr") == []
    assert not [record for _key, record in entries(world.pocket, "osaka", "ontap", "svm") if record["name"] == "svm_app1_dr"]
    assert (volumes_of(world, "tokyo", "svm_app1"), svm(world, "tokyo", "svm_app1")) == (kept, ("default", "running"))
    assert left(world) == {}
    assert done[-1]["state"]["storage"] == "unprotected"
    again = world.teardown(**consent(*named))
    assert not any(result["changed"] for result in again)


def test_a_volume_that_came_since_is_not_deleted(world: World) -> None:
    named = volumes_of(world, "osaka", "svm_app1_dr")

    def appear(_name: str, params: Any) -> None:
        if params.get("phase") == "storage":
            ontap = PocketOntap(world.pocket, "tokyo")
            body = {"name": "late", "svm": {"name": "svm_app1"}, "size": 1 << 30, "aggregates": [{"name": "aggr1"}], "nas": {"path": "/late"}}
            assert ontap.send(Request("POST", "/api/storage/volumes", {"return_timeout": "10"}, body)).status < 300
            world.pocket.transfer("app1")

    with pytest.raises(Refused, match="nobody named volume late"):
        drivers.run_tasks(drivers.teardown_tasks(world.group(), **consent(*named)), pocket_env(world.pocket, world.report), "run-9", appear)
    assert "late" in volumes_of(world, "osaka", "svm_app1_dr")
    assert set(named) <= set(volumes_of(world, "osaka", "svm_app1_dr"))
