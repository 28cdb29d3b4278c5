# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unplanned failover, whole, against both simulated sites: what it does, what it refuses, and what it proves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.support import drivers

from .conftest import World, instant

SYNC = 130
"""Seconds until a backup is seen at the other site: its period and the controller's tick."""
LOST = ["kill", "hang", "drop"]
STEPS = ["decide", "pause", "break", "export_rules", "start", "volumes", "restore_cluster_objects", "restore_namespaces", "verify", "verified"]


def assert_exact_loss(world: World, name: str = "app1") -> None:
    """Exactly the records after the stated instant are missing at the destination, and no other."""
    stated = {volume["name"]: instant(volume["lost_after"]) for volume in world.report.notes["loss"]["volumes"]}
    before, after = world.records("tokyo", name), world.records("osaka", name)
    assert set(before) == set(after) == set(stated)
    for volume, records in before.items():
        assert records, volume
        assert after[volume] == [record for record in records if record[1] <= stated[volume]]
        assert len(after[volume]) < len(records)


@pytest.mark.parametrize("how", LOST)
def test_the_primary_is_gone(world: World, how: str) -> None:
    world.lose(how)
    before = len(world.requests("tokyo"))
    results = world.failover(fence_statement=world.statement())
    assert [name for name, _changed in world.report.steps] == STEPS
    assert results[-1]["state"]["storage"] == "failed_over_unfenced"
    assert results[-1]["state"]["objects"] == "verified"
    assert world.pocket.log("tokyo")[before:] == [] or len(world.requests("tokyo")) == before
    assert_exact_loss(world)
    again = world.failover()
    assert not any(result["changed"] for result in again)
    assert world.report.steps == []


def test_rpo_and_loss_are_told(world: World) -> None:
    world.pocket.run(120)
    world.lose()
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["rpo"]["data_seconds"] >= 120
    assert result["rpo"]["objects_seconds"] >= 120
    assert result["loss"]["token"] is None
    assert {volume["bytes"] for volume in result["loss"]["volumes"]} == {None}


@pytest.mark.parametrize("world", [{"ark": "ark"}, {"flexgroup": True}], indirect=True, ids=["ark.heptio.com", "FlexGroup"])
def test_other_worlds(world: World) -> None:
    world.lose()
    assert world.failover(fence_statement=world.statement())[-1]["state"]["objects"] == "verified"
    assert_exact_loss(world)


@pytest.mark.parametrize("world", [{"groups": 2}], indirect=True)
def test_limit_leaves_the_other_group_alone(world: World) -> None:
    before = {site: world.pocket.read(site, "app2") for site in ("tokyo", "osaka")}
    world.fence("app1")
    world.failover("app1")
    assert world.state("app1")["storage"] == "failed_over"
    assert world.state("app2")["storage"] == "protected"
    assert {site: world.pocket.read(site, "app2") for site in ("tokyo", "osaka")} == before
    assert world.pocket.write("app2", 1)


def test_after_fence_it_is_proved(world: World) -> None:
    world.fence()
    assert world.state()["storage"] == "fenced"
    result = world.failover()[-1]
    assert result["state"]["storage"] == "failed_over"
    assert world.report.notes["fence"]["kind"] == "proof"
    assert world.state()["objects"] == "verified"


def test_after_fence_the_recorded_replicas_run(world: World) -> None:
    """A backup written after the scale-down holds workloads at zero: it is passed over, and the replicas are as they were."""
    world.fence()
    later = world.pocket.backup("tokyo")
    world.pocket.run(SYNC)
    result = world.failover()[-1]
    assert result["state"]["objects"] == "verified"
    assert next(
        entry["reason"] for entry in result["backup"]["skipped"] if entry["name"] == later
    ).startswith("it started after the workloads were scaled down")
    assert len(pods(world, "osaka")) >= 4


def test_fence_twice_changes_nothing(world: World) -> None:
    world.fence()
    assert not any(result["changed"] for result in world.fence())


def test_fence_lifted_serves_again(world: World) -> None:
    world.fence()
    world.fence(how="lift")
    world.pocket.run(60)
    assert world.state()["storage"] == "protected"
    before = world.records("tokyo")
    world.pocket.write("app1", 1)
    assert all(len(records) > len(before[volume]) for volume, records in world.records("tokyo").items())
    assert not any(result["changed"] for result in world.fence(how="lift"))


def test_fence_is_not_lifted_after_a_failover(world: World) -> None:
    world.fence()
    world.failover()
    with pytest.raises(Refused) as error:
        world.fence(how="lift")
    assert error.value.reason == "failed_over"


def test_storage_only_the_other_half_is_fenced_and_a_statement_is_still_needed(world: World) -> None:
    """The article's disaster: Kubernetes lives, its Ark goes on writing backups of broken pods."""
    world.lose(only="ontap")
    with pytest.raises(KubedrError) as error:
        world.fence()
    assert "storage half" in str(error.value)
    world.pocket.backup("tokyo")
    world.pocket.run(SYNC)
    with pytest.raises(Refused) as refused:
        world.failover()
    assert refused.value.reason == "statement_missing"
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["state"] == {**result["state"], "storage": "failed_over_unfenced", "objects": "verified"}
    assert [entry["name"] for entry in result["backup"]["skipped"]], "the backup of scaled-down pods is passed over"


def test_without_a_word_it_is_refused_before_anything(world: World) -> None:
    world.lose()
    before = world.pocket.freeze()["stores"]["osaka-ontap"]
    with pytest.raises(Refused) as error:
        world.failover()
    assert error.value.reason == "statement_missing"
    assert world.pocket.freeze()["stores"]["osaka-ontap"].rows() == before.rows() if hasattr(before, "rows") else True
    assert world.state()["storage"] == "active_unreachable"


def test_a_statement_that_the_destination_contradicts_is_refused(world: World) -> None:
    said = world.statement()
    world.pocket.run(5)
    world.pocket.transfer("app1")
    world.lose()
    with pytest.raises(Refused) as error:
        world.failover(fence_statement=said)
    assert error.value.reason == "statement_contradicted"
    ids = error.value.seen
    assert any(found.startswith("transfer:") for found in ids)
    assert world.failover(fence_statement={**said, "evidence": ids})[-1]["state"]["objects"] == "verified"


def test_an_old_statement_is_refused(world: World) -> None:
    said = world.statement(at=(instant(world.now()) - timedelta(hours=4, seconds=1)).isoformat())
    world.lose()
    with pytest.raises(Refused) as error:
        world.failover(fence_statement=said)
    assert error.value.reason == "statement_expired"


def test_the_accepted_word_stands_for_reruns(world: World) -> None:
    world.lose()
    said = world.statement()
    world.pocket.fault("osaka", "PATCH /api/svm/svms/.*", "500", times=0)
    with pytest.raises(KubedrError):
        world.failover(fence_statement=said)
    world.pocket.clear_faults()
    world.pocket.run(60)
    assert world.failover()[-1]["state"]["objects"] == "verified"


@pytest.mark.parametrize("mode", [None, "", "both"])
def test_the_mode_is_never_guessed(world: World, mode: Any) -> None:
    with pytest.raises(ConfigError) as error:
        world.failover(mode=mode)
    assert error.value.variable == "dr_mode"


def test_setup_refuses_after_a_failover_and_changes_nothing(world: World) -> None:
    world.fence()
    world.failover()
    before = world.records("osaka")
    for check in (False, True):
        with pytest.raises(Refused) as error:
            world.setup(check=check)
        assert error.value.reason == "failed_over"
    assert world.records("osaka") == before
    assert world.state()["storage"] == "failed_over"


def test_a_backup_newer_than_the_mirror_is_passed_over(world: World) -> None:
    """A new claim whose volume the mirror does not have yet: the older pair is taken, and the skipped backup named."""
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "late", "namespace": "app1"},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "ontap-nas", "resources": {"requests": {"storage": "1Gi"}}},
    }
    world.pocket.station("tokyo-kubernetes")
    create(world, "tokyo", "/api/v1/namespaces/app1/persistentvolumeclaims", claim)
    world.pocket.run(5)
    newer = world.pocket.backup("tokyo")
    world.pocket.run(SYNC)
    world.lose()
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["state"]["objects"] == "verified"
    assert newer in [entry["name"] for entry in result["backup"]["skipped"]]
    assert "late" in next(entry["reason"] for entry in result["backup"]["skipped"] if entry["name"] == newer)


def test_a_named_backup_is_taken_all_the_same_and_the_run_is_not_green(world: World) -> None:
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "late", "namespace": "app1"},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "ontap-nas", "resources": {"requests": {"storage": "1Gi"}}},
    }
    create(world, "tokyo", "/api/v1/namespaces/app1/persistentvolumeclaims", claim)
    world.pocket.run(5)
    newer = world.pocket.backup("tokyo")
    world.pocket.run(SYNC)
    world.lose()
    with pytest.raises(KubedrError) as error:
        world.failover(fence_statement=world.statement(), backup={"app1": newer})
    assert "late" in str(error.value)
    assert world.state()["objects"] == "restored"
    claims = world.pocket.call("osaka", "kubernetes", request(world, "osaka", "GET", "/api/v1/namespaces/app1/persistentvolumeclaims")).json()["items"]
    assert "late" not in [claim["metadata"]["name"] for claim in claims]


def test_a_mirror_newer_than_the_backup(world: World) -> None:
    world.pocket.run(60)
    world.pocket.write("app1", 3)
    world.pocket.transfer("app1")
    world.pocket.run(1)
    world.pocket.write("app1", 2)
    world.lose()
    result = world.failover(fence_statement=world.statement())[-1]
    assert result["rpo"]["objects_seconds"] > result["rpo"]["data_seconds"]
    assert_exact_loss(world)


def test_a_released_leftover_is_bound_again(world: World) -> None:
    """A PersistentVolume of the same name stands Released at the destination, as after an earlier drill: it must not keep the claim waiting."""
    volumes = world.pocket.call("tokyo", "kubernetes", request(world, "tokyo", "GET", "/api/v1/persistentvolumes")).json()["items"]
    pv = next(found for found in volumes if found["spec"].get("csi"))
    ref = pv["spec"]["claimRef"]
    leftover = {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": pv["metadata"]["name"]},
        "spec": {
            **{key: pv["spec"][key] for key in ("capacity", "accessModes", "csi", "storageClassName")}, "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": ref["namespace"], "name": ref["name"],
                "uid": "00000000-0000-0000-0000-000000000001",
            },
        },
    }
    create(world, "osaka", "/api/v1/persistentvolumes", leftover)
    world.pocket.run(5)
    world.lose()
    assert world.failover(fence_statement=world.statement())[-1]["state"]["objects"] == "verified"


@pytest.mark.parametrize(
    "world", [{"identity": "exclude_network_config"}, {"identity": "exclude_network_and_protocol_config"}], indirect=True, ids=["no network", "no protocol"],
)
def test_other_identities_name_what_is_missing_and_refuse_before_the_break(world: World) -> None:
    world.lose()
    with pytest.raises(Refused) as error:
        world.failover(fence_statement=world.statement())
    assert error.value.reason == "destination_incomplete"
    assert "a data LIF" in error.value.seen
    assert world.state()["storage"] == "active_unreachable"


def test_check_mode_touches_nothing_and_names_the_steps(world: World) -> None:
    world.lose()
    before = world.pocket.freeze()
    results = world.failover(check=True, fence_statement=world.statement())
    planned = [step["name"] for result in results for step in result["steps"]]
    assert planned == ["decide", "pause", "break", "export_rules", "start", "volumes", "restore", "verify"]
    assert world.state()["storage"] == "active_unreachable"
    writes = [event for event in world.requests("osaka") if event.get("method") not in (None, "GET")]
    assert all("downloadrequests" in event["path"] for event in writes), writes
    assert before["now"] <= world.pocket.clock.now()


def test_the_destination_stays_silent_about_its_own_backups(world: World) -> None:
    """The destination does not start writing backups under the primary's schedule name."""
    world.lose()
    world.failover(fence_statement=world.statement())
    schedules = world.pocket.call("osaka", "kubernetes", request(world, "osaka", "GET", "/apis/velero.io/v1/namespaces/velero/schedules")).json()["items"]
    assert schedules == []
    location = world.pocket.call(
        "osaka", "kubernetes", request(world, "osaka", "GET", "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"),
    ).json()
    assert location["spec"].get("accessMode") != "ReadOnly"
    assert "kubedr.ontap/read-only-hold" not in (location["metadata"].get("annotations") or {})


@pytest.mark.parametrize("world", [{"groups": 2}, {"groups": 2, "ark": "ark"}], indirect=True, ids=["velero", "ark"])
def test_another_groups_volumes_are_not_restored(world: World) -> None:
    """Ark's own restore would bring every PersistentVolume of the backup, whatever its namespaces."""
    world.lose()
    world.failover("app1", fence_statement=world.statement())
    claims = {pv["spec"]["claimRef"]["namespace"] for pv in listed(world, "osaka", "/api/v1/persistentvolumes")}
    assert claims == {"app1", "app1-batch"}


def listed(world: World, site: str, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.pocket.call(site, "kubernetes", request(world, site, "GET", path)).json()["items"]
    return items


def pods(world: World, site: str, name: str = "app1") -> list[dict[str, Any]]:
    return listed(world, site, f"/api/v1/namespaces/{name}/pods")


def request(world: World, site: str, method: str, path: str, body: Any = None) -> Any:
    """A request by a user of the cluster."""
    import json

    from kubedr_lab.messages import Request

    headers = {"authorization": f"Bearer {world.pocket.secrets.kubernetes[site]}", "content-type": "application/json", "accept": "application/json"}
    return Request(method, path, {}, headers, json.dumps(body).encode() if body is not None else b"")


def create(world: World, site: str, path: str, body: Any) -> None:
    answer = world.pocket.call(site, "kubernetes", request(world, site, "POST", path, body))
    assert answer.status == 201, answer.body


def test_records_are_told_apart_to_the_millisecond(world: World) -> None:
    times = [at for records in world.records("tokyo").values() for _n, at in records]
    assert max(times) - min(times) > timedelta(seconds=1)


def test_a_scheduled_transfer_that_fails_does_not_contradict_the_word_that_the_site_is_down(world: World) -> None:
    world.lose()
    word = world.statement()
    world.pocket.run(16 * 60)
    assert world.failover(fence_statement=word)[-1]["state"]["storage"] == "failed_over_unfenced"


def test_a_transfer_that_succeeded_since_contradicts_it(world: World) -> None:
    word = world.statement()
    world.pocket.run(60)
    world.pocket.transfer("app1")
    world.lose()
    with pytest.raises(Refused) as error:
        world.failover(fence_statement=word)
    assert error.value.reason == "statement_contradicted"
    (found,) = [sign for sign in error.value.seen if sign.startswith("transfer:")]
    assert len(found) > len("transfer:")
    world.failover(fence_statement={**word, "evidence": error.value.seen})
    assert world.state()["storage"] == "failed_over_unfenced"


def overtaken(world: World) -> None:
    """Fenced, and then a scheduled transfer, as a mirror makes from a stopped SVM too."""
    world.fence()
    world.pocket.run(60)
    world.pocket.transfer("app1")
    with pytest.raises(Refused, match="a transfer ended after it"):
        world.failover()


def test_fence_again_makes_new_proof_of_what_a_transfer_made_void(world: World) -> None:
    overtaken(world)
    assert not any(result.get("changed") for result in world.fence())
    world.failover()
    assert world.report.notes["fence"]["kind"] == "proof"


def test_a_half_that_a_transfer_made_void_is_no_proof_beside_one_seen_anew(world: World) -> None:
    """Law 3: the fence that dies between its halves leaves none that is older than the transfer."""
    overtaken(world)
    phases = drivers.fence_tasks(world.group())
    world.run([task for task in phases if task[1].get("phase") in ("open", "workloads")])
    with pytest.raises(Refused, match="storage half"):
        world.failover()
    world.fence()
    world.failover()
