# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an SVM-DR relationship, read in the bytes that it moves."""

from __future__ import annotations

from typing import Any

import pytest

from kubedr_lab.ontap import ApiError, read_volumes
from kubedr_lab.profile import REALISTIC

from .conftest import Pair


def _with_volume(pair: Pair, text: str = "one\n") -> None:
    pair.clusters["tokyo"].add_volume("svm_app1", "vol1")
    assert pair.data("tokyo", "append", "/vol1", text)["ok"]


def _content(pair: Pair, site: str, svm: str, volume: str = "vol1") -> str:
    found: bytes = read_volumes(pair.stores[site], svm)[volume]["content"]
    return found.decode()


def _failed_over(pair: Pair) -> str:
    """A forced failover with the source cut off; tokyo keeps its own bytes."""
    _with_volume(pair)
    uuid = pair.protect()
    pair.data("tokyo", "append", "/vol1", "lost\n")
    pair.cut()
    assert pair.patch(uuid, "paused").status == 202
    assert pair.patch(uuid, "broken_off", query="?force=true").status == 202
    pair.set_svm("osaka", "svm_app1_dr", "running")
    return uuid


def test_initialize_takes_bytes_junctions_and_identity(pair: Pair) -> None:
    _with_volume(pair)
    pair.protect()
    relationship = pair.relationship()
    assert (relationship["healthy"], relationship["last_transfer_type"], relationship["transfer"]["state"]) == (True, "initialize", "success")
    svm = pair.svm("osaka", "svm_app1_dr")
    assert (svm["subtype"], svm["state"]) == ("dp_destination", "stopped")
    volume = pair.one("osaka", "/storage/volumes?name=vol1&fields=*")
    assert (volume["type"], volume["nas"]["path"], volume["space"]["used"]) == ("dp", "/vol1", 4)
    lif = pair.one("osaka", "/network/ip/interfaces?svm.name=svm_app1_dr&fields=*")
    assert (lif["ip"]["address"], lif["enabled"], lif["state"]) == ("10.1.1.1", True, "down")
    assert pair.get("osaka", "/protocols/nfs/services?svm.name=svm_app1_dr&fields=enabled")["records"][0]["enabled"] is True
    assert pair.get("osaka", "/network/ip/routes?svm.name=svm_app1_dr")["num_records"] == 1
    assert _content(pair, "osaka", "svm_app1_dr") == "one\n"


@pytest.mark.parametrize(
    ("identity", "lifs", "nfs", "rules"), [("full", 1, 1, 2), ("exclude_network_config", 0, 1, 2), ("exclude_network_and_protocol_config", 0, 0, 0)],
)
def test_identity_mode_decides_what_is_replicated(pair: Pair, identity: str, lifs: int, nfs: int, rules: int) -> None:
    _with_volume(pair)
    uuid = pair.protect(identity)
    assert pair.get("osaka", "/network/ip/interfaces?svm.name=svm_app1_dr")["num_records"] == lifs
    assert pair.get("osaka", "/protocols/nfs/services")["num_records"] == nfs
    policies = pair.get("osaka", "/protocols/nfs/export-policies?svm.name=svm_app1_dr&fields=rules")["records"]
    assert sum(len(policy["rules"]) for policy in policies) == rules
    pair.set_svm("tokyo", "svm_app1", "stopped")
    answer = pair.patch(uuid, "broken_off")
    if identity == "full":
        assert answer.status == 202
    else:
        assert (answer.status, answer.code) == (400, "13303857")
        assert pair.patch(uuid, "broken_off", query="?force=true").status == 202
    assert pair.relationship()["state"] == "broken_off"


def test_update_takes_only_what_is_new_and_prunes_the_source(pair: Pair) -> None:
    _with_volume(pair)
    uuid = pair.protect()
    first = pair.relationship()["exported_snapshot"]
    pair.data("tokyo", "append", "/vol1", "two\n")
    assert _content(pair, "osaka", "svm_app1_dr") == "one\n"
    pair.transfer(uuid)
    relationship = pair.relationship()
    assert relationship["exported_snapshot"] != first
    assert relationship["transfer"]["bytes_transferred"] == 4
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ntwo\n"
    volume = pair.one("tokyo", "/storage/volumes?name=vol1")
    names = [item["name"] for item in pair.get("tokyo", f"/storage/volumes/{volume['uuid']}/snapshots")["records"]]
    assert names == [relationship["exported_snapshot"]]


def test_new_volumes_join_and_deleted_ones_leave_with_the_next_update(pair: Pair) -> None:
    _with_volume(pair)
    uuid = pair.protect()
    pair.clusters["tokyo"].add_volume("svm_app1", "vol2")
    pair.data("tokyo", "append", "/vol2", "x")
    pair.ok("tokyo", "DELETE", f"/storage/volumes/{pair.one('tokyo', '/storage/volumes?name=vol1')['uuid']}")
    pair.transfer(uuid)
    assert {name: value["content"] for name, value in read_volumes(pair.stores["osaka"], "svm_app1_dr").items()} == {"vol2": b"x"}
    assert pair.relationship(fields="svmdr_volumes")["svmdr_volumes"] == [{"name": "vol2"}]


def test_excluded_volumes_stay_behind(pair: Pair) -> None:
    _with_volume(pair)
    volume = pair.one("tokyo", "/storage/volumes?name=vol1")
    pair.ok("tokyo", "PATCH", f"/storage/volumes/{volume['uuid']}", {"svm_dr_protection": "unprotected"})
    pair.protect()
    assert read_volumes(pair.stores["osaka"], "svm_app1_dr") == {}


def test_schedule_transfers_and_stops_when_paused(pair: Pair) -> None:
    _with_volume(pair)
    uuid = pair.protect(schedule="5min")
    pair.data("tokyo", "append", "/vol1", "two\n")
    pair.run(301)
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ntwo\n"
    pair.data("tokyo", "append", "/vol1", "three\n")
    assert pair.patch(uuid, "paused").status == 202
    pair.run(900)
    relationship = pair.relationship()
    assert relationship["state"] == "paused"
    assert relationship["lag_time"] >= "PT15M"
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ntwo\n"
    assert pair.patch(uuid, "snapmirrored").status == 202
    pair.run(301)
    assert _content(pair, "osaka", "svm_app1_dr").endswith("three\n")


def test_transfer_ends_when_its_time_is_over_and_an_interrupted_one_leaves_the_old_snapshot() -> None:
    pair = Pair(profile=REALISTIC)
    pair.clusters["tokyo"].add_volume("svm_app1", "vol1")
    pair.data("tokyo", "append", "/vol1", "one\n")
    pair.peer_clusters()
    osaka = pair.clusters["osaka"]
    answer = pair.call("osaka", "POST", "/svm/svms?return_timeout=60", {"name": "svm_app1_dr", "subtype": "dp_destination"})
    assert answer.status == 202
    assert pair.job("osaka", answer)["state"] in ("queued", "running")
    pair.run(2.5)
    assert pair.job("osaka", answer)["state"] == "success"
    for method, url, body in (
        ("POST", "/svm/peers", {
            "svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}),
    ):
        pair.call("osaka", method, url, body)
        pair.run(3)
    pending = pair.one("tokyo", "/svm/peers")
    pair.call("tokyo", "PATCH", f"/svm/peers/{pending['uuid']}", {"state": "peered"})
    pair.run(3)
    pair.call("osaka", "POST", "/snapmirror/relationships", {
        "source": {"path": "svm_app1:"}, "destination": {"path": "svm_app1_dr:"}, "policy": {"name": "MirrorAllSnapshots"}, "identity_preservation": "full"})
    pair.run(3)
    uuid = pair.relationship()["uuid"]
    pair.patch(uuid, "snapmirrored")
    pair.run(13)
    exported = pair.relationship()["exported_snapshot"]
    pair.data("tokyo", "append", "/vol1", "two\n")
    pair.call("osaka", "POST", f"/snapmirror/relationships/{uuid}/transfers", {})
    pair.run(5)
    assert pair.relationship()["transfer"]["state"] == "transferring"
    assert 0 < pair.relationship()["transfer"]["bytes_transferred"] < 4
    pair.cut()
    pair.run(10)
    relationship = pair.relationship()
    assert (relationship["transfer"]["state"], relationship["healthy"]) == ("failed", False)
    assert relationship["unhealthy_reason"][0]["code"] == "6621445"
    assert relationship["exported_snapshot"] == exported
    assert _content(pair, "osaka", "svm_app1_dr") == "one\n"
    initialize = next(item for item in osaka.operations if item["name"] == "initialize")
    assert initialize["ended"] - initialize["started"] == pytest.approx(10, abs=0.1)


def test_abort_keeps_the_exported_snapshot_and_lets_a_waiting_quiesce_end() -> None:
    pair = Pair(profile=REALISTIC)
    uuid = _slowly_protected(pair)
    exported = pair.relationship()["exported_snapshot"]
    created = pair.call("osaka", "POST", f"/snapmirror/relationships/{uuid}/transfers?return_records=true", {})
    pair.run(1)
    pair.patch(uuid, "paused")
    pair.run(4)
    assert pair.relationship()["state"] == "snapmirrored"
    transfer = pair.one("osaka", f"/snapmirror/relationships/{uuid}/transfers?state=transferring&fields=*")
    assert created.headers["location"].endswith(transfer["uuid"])
    pair.ok("osaka", "PATCH", f"/snapmirror/relationships/{uuid}/transfers/{transfer['uuid']}", {"state": "aborted"})
    relationship = pair.relationship()
    assert (relationship["state"], relationship["exported_snapshot"], relationship["transfer"]["state"]) == ("paused", exported, "aborted")
    again = pair.call("osaka", "PATCH", f"/snapmirror/relationships/{uuid}/transfers/{transfer['uuid']}", {"state": "aborted"})
    assert (again.status, again.code) == (404, "4")
    pair.run(30)
    assert pair.relationship()["exported_snapshot"] == exported


def _slowly_protected(pair: Pair) -> str:
    """As protect(), where everything takes time."""
    pair.clusters["tokyo"].add_volume("svm_app1", "vol1")
    profile = pair.profile
    for cluster in pair.clusters.values():
        cluster.core.profile = type(profile)()
    uuid = pair.protect()
    for cluster in pair.clusters.values():
        cluster.core.profile = profile
    return uuid


def test_break_is_refused_while_transferring_without_the_peer_and_with_a_running_source(pair: Pair) -> None:
    _with_volume(pair)
    uuid = pair.protect()
    running = pair.patch(uuid, "broken_off")
    assert (running.status, running.code) == (400, "13303808")
    pair.ok("osaka", "POST", f"/snapmirror/relationships/{uuid}/transfers", {})
    busy = pair.patch(uuid, "broken_off", query="?force=true")
    assert busy.code == "13303808"
    assert "Another transfer is in progress" in busy.body["error"]["message"]
    pair.run(1)
    pair.cut()
    dead = pair.patch(uuid, "broken_off")
    assert dead.code == "262224"
    assert pair.relationship()["state"] == "snapmirrored"
    assert pair.patch(uuid, "broken_off", query="?force=true").status == 202
    assert pair.relationship()["state"] == "broken_off"
    assert pair.svm("osaka", "svm_app1_dr")["subtype"] == "default"


def test_planned_break_needs_lif_and_protocol(pair: Pair) -> None:
    uuid = pair.protect("exclude_network_config")
    port = {"home_port": {"name": "e0d", "node": {"name": "osaka-01"}}}
    pair.set_svm("tokyo", "svm_app1", "stopped")
    assert pair.patch(uuid, "broken_off").code == "13303857"
    pair.ok("osaka", "POST", "/network/ip/interfaces", {
        "name": "d1", "svm": {"name": "svm_app1_dr"}, "ip": {"address": "10.2.1.1", "netmask": "24"}, "location": port})
    assert pair.patch(uuid, "broken_off").status == 202


def test_unplanned_failover_serves_what_was_exported_and_no_more(pair: Pair) -> None:
    _failed_over(pair)
    assert pair.data("osaka", "read", "/vol1")["data"] == "one\n"
    assert pair.data("osaka", "append", "/vol1", "dr\n")["ok"]
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ndr\n"
    assert _content(pair, "tokyo", "svm_app1") == "one\nlost\n"
    names = [item["name"] for item in pair.clusters["osaka"].operations]
    assert [name for name in names if name in ("quiesce", "break", "svm_start")] == ["quiesce", "break", "svm_start"]


def test_break_may_start_the_svm_or_leave_it_locked(pair: Pair) -> None:
    uuid = pair.protect()
    pair.clusters["osaka"].set_knobs(break_locks_svm=True)
    pair.cut()
    pair.patch(uuid, "broken_off", query="?force=true")
    svm = pair.svm("osaka", "svm_app1_dr")
    refused = pair.call("osaka", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "running"})
    assert "locked" in refused.body["error"]["message"]
    pair.ok("osaka", "POST", "/private/cli/vserver/unlock", {"vserver": "svm_app1_dr", "force": True})
    pair.set_svm("osaka", "svm_app1_dr", "running")
    other = Pair()
    uuid = other.protect()
    other.clusters["osaka"].set_knobs(break_starts_svm=True)
    other.patch(uuid, "broken_off", query="?force=true")
    assert other.svm("osaka", "svm_app1_dr")["state"] == "running"


def test_start_is_refused_while_the_partner_runs_unless_forced(pair: Pair) -> None:
    uuid = pair.protect()
    pair.patch(uuid, "broken_off", query="?force=true")
    svm = pair.svm("osaka", "svm_app1_dr")
    answer = pair.call("osaka", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "running"})
    pair.run(1)
    job = pair.job("osaka", answer)
    assert job["state"] == "failure"
    assert "partner" in job["message"]
    assert pair.svm("osaka", "svm_app1_dr")["state"] == "stopped"
    pair.ok("osaka", "POST", "/private/cli/vserver/start", {"vserver": "svm_app1_dr", "force": True})
    assert pair.svm("osaka", "svm_app1_dr")["state"] == "running"


def test_confirmation_bug_fails_the_job_of_an_svm_that_runs(pair: Pair) -> None:
    pair.clusters["tokyo"].set_knobs(confirmation_bug=True)
    pair.set_svm("tokyo", "svm_app1", "stopped")
    svm = pair.svm("tokyo", "svm_app1")
    answer = pair.call("tokyo", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "running"})
    assert "confirmations" in pair.job("tokyo", answer)["message"]
    assert pair.svm("tokyo", "svm_app1")["state"] == "running"


def test_destination_svm_refuses_start_and_configuration(pair: Pair) -> None:
    _with_volume(pair)
    pair.protect()
    svm = pair.svm("osaka", "svm_app1_dr")
    assert pair.call("osaka", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "running"}).code == "2621570"
    assert pair.call("osaka", "POST", "/storage/volumes", {"svm": {"name": "svm_app1_dr"}, "name": "x"}).code == "2621570"
    policy = pair.get("osaka", "/protocols/nfs/export-policies")["records"][0]
    assert pair.call("osaka", "PATCH", f"/protocols/nfs/export-policies/{policy['id']}", {"rules": []}).code == "2621570"
    with pytest.raises(ApiError):
        pair.clusters["osaka"].add_volume("svm_app1_dr", "x")


def test_failback_the_long_way_keeps_dr_writes_and_loses_the_abandoned_ones(pair: Pair) -> None:
    forward = _failed_over(pair)
    pair.data("osaka", "append", "/vol1", "dr\n")
    pair.cut(False)
    pair.set_svm("tokyo", "svm_app1", "stopped")
    body = {"source": {"path": "svm_app1_dr:"}, "destination": {"path": "svm_app1:"}, "policy": {"name": "MirrorAllSnapshots"}, "identity_preservation": "full"}
    pair.ok("tokyo", "POST", "/snapmirror/relationships", body)
    reverse = pair.relationship("tokyo")
    assert (reverse["state"], reverse["healthy"]) == ("broken_off", True)
    assert pair.patch(reverse["uuid"], "snapmirrored", "tokyo").status == 202
    pair.run(60)
    assert pair.relationship("tokyo")["state"] == "snapmirrored"
    assert pair.svm("tokyo", "svm_app1")["subtype"] == "dp_destination"
    assert _content(pair, "tokyo", "svm_app1") == "one\ndr\n"
    pair.data("osaka", "append", "/vol1", "more\n")
    pair.set_svm("osaka", "svm_app1_dr", "stopped")
    pair.transfer(reverse["uuid"], "tokyo")
    for state in ("paused", "broken_off"):
        assert pair.patch(reverse["uuid"], state, "tokyo").status == 202
    pair.set_svm("tokyo", "svm_app1", "running")
    assert pair.data("tokyo", "read", "/vol1")["data"] == "one\ndr\nmore\n"
    assert pair.patch(forward, "snapmirrored").status == 202
    pair.run(60)
    assert pair.relationship()["state"] == "snapmirrored"
    assert pair.svm("osaka", "svm_app1_dr")["subtype"] == "dp_destination"
    pair.ok("tokyo", "DELETE", f"/snapmirror/relationships/{reverse['uuid']}?destination_only=true")
    stale = pair.one("osaka", "/snapmirror/relationships?list_destinations_only=true&source.path=svm_app1_dr:")
    assert stale["uuid"] == reverse["uuid"]
    pair.ok("osaka", "DELETE", f"/snapmirror/relationships/{stale['uuid']}?source_info_only=true")
    assert pair.get("osaka", "/snapmirror/relationships?list_destinations_only=true")["num_records"] == 0
    assert pair.get("tokyo", "/snapmirror/relationships?list_destinations_only=true")["num_records"] == 1
    pair.data("tokyo", "append", "/vol1", "home\n")
    pair.transfer(forward)
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ndr\nmore\nhome\n"


def test_failback_flag_brings_the_dr_writes_home(pair: Pair) -> None:
    forward = _failed_over(pair)
    pair.data("osaka", "append", "/vol1", "dr\n")
    pair.cut(False)
    pair.set_svm("tokyo", "svm_app1", "stopped")
    answer = pair.patch(forward, "snapmirrored", query="?failback=true")
    pair.run(1)
    assert pair.job("osaka", answer)["state"] == "success"
    assert pair.data("tokyo", "read", "/vol1")["data"] == "one\ndr\n"
    assert pair.svm("osaka", "svm_app1_dr")["subtype"] == "dp_destination"
    pair.data("tokyo", "append", "/vol1", "home\n")
    pair.transfer(forward)
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ndr\nhome\n"


def test_exchanged_paths_move_the_relationship_to_the_other_cluster(pair: Pair) -> None:
    forward = _failed_over(pair)
    pair.data("osaka", "append", "/vol1", "dr\n")
    pair.cut(False)
    turned = {"source": {"path": "svm_app1_dr:"}, "destination": {"path": "svm_app1:"}, "state": "snapmirrored"}
    url = f"/snapmirror/relationships/{forward}"
    assert pair.call("osaka", "PATCH", url, {**turned, "destination": {"path": "other:"}}).code == "13304120"
    running = pair.call("osaka", "PATCH", url, turned)
    pair.run(1)
    assert pair.job("osaka", running)["code"] == 13303810
    pair.set_svm("tokyo", "svm_app1", "stopped")
    pair.ok("osaka", "PATCH", url, turned)
    pair.run(60)
    assert pair.get("osaka", "/snapmirror/relationships")["num_records"] == 0
    relationship = pair.relationship("tokyo")
    assert (relationship["state"], relationship["source"]["path"]) == ("snapmirrored", "svm_app1_dr:")
    assert _content(pair, "tokyo", "svm_app1") == "one\ndr\n"


def test_a_resync_that_was_cut_off_can_be_broken_again(pair: Pair) -> None:
    forward = _failed_over(pair)
    pair.cut(False)
    pair.set_svm("osaka", "svm_app1_dr", "stopped")
    assert pair.patch(forward, "snapmirrored").status == 202
    assert pair.svm("osaka", "svm_app1_dr")["subtype"] == "dp_destination"
    pair.cut()
    pair.run(30)
    relationship = pair.relationship()
    assert (relationship["state"], relationship["healthy"]) == ("broken_off", False)
    assert pair.patch(forward, "broken_off", query="?force=true").status == 202
    pair.set_svm("osaka", "svm_app1_dr", "running")
    assert pair.data("osaka", "append", "/vol1", "x")["ok"]


def test_resync_forward_throws_dr_writes_away_and_needs_a_stopped_svm(pair: Pair) -> None:
    forward = _failed_over(pair)
    pair.data("osaka", "append", "/vol1", "dr\n")
    pair.cut(False)
    running = pair.patch(forward, "snapmirrored")
    pair.run(1)
    assert pair.job("osaka", running)["code"] == 13303810
    assert _content(pair, "osaka", "svm_app1_dr") == "one\ndr\n"
    pair.set_svm("osaka", "svm_app1_dr", "stopped")
    pair.patch(forward, "snapmirrored")
    pair.run(60)
    assert _content(pair, "osaka", "svm_app1_dr") == "one\nlost\n"


@pytest.mark.parametrize(("query", "resyncs"), [("?source_only=true", False), ("?source_info_only=true", True)])
def test_release_with_its_snapshots_makes_a_resync_impossible(pair: Pair, query: str, resyncs: bool) -> None:
    forward = _failed_over(pair)
    pair.cut(False)
    pair.ok("tokyo", "DELETE", f"/snapmirror/relationships/{forward}{query}")
    pair.set_svm("osaka", "svm_app1_dr", "stopped")
    answer = pair.patch(forward, "snapmirrored")
    pair.run(60)
    job = pair.job("osaka", answer)
    assert (job["state"] == "success") is resyncs
    if not resyncs:
        assert job["code"] == 13303810
        assert pair.relationship()["state"] == "broken_off"


def test_flagless_delete_needs_the_peer_and_drops_the_common_snapshots(pair: Pair) -> None:
    forward = _failed_over(pair)
    answer = pair.call("osaka", "DELETE", f"/snapmirror/relationships/{forward}")
    pair.run(0)
    assert pair.job("osaka", answer)["code"] == 262224
    assert pair.relationship()["uuid"] == forward
    pair.cut(False)
    pair.ok("osaka", "DELETE", f"/snapmirror/relationships/{forward}")
    assert pair.get("osaka", "/snapmirror/relationships")["num_records"] == 0
    assert pair.get("tokyo", "/snapmirror/relationships?list_destinations_only=true")["num_records"] == 0
    for site, svm in (("tokyo", "svm_app1"), ("osaka", "svm_app1_dr")):
        assert read_volumes(pair.stores[site], svm)["vol1"]["snapshots"] == {}


def test_flexgroup_reverse_needs_the_forward_one_released() -> None:
    pair = Pair(flexgroup=True)
    forward = _failed_over(pair)
    pair.cut(False)
    pair.set_svm("tokyo", "svm_app1", "stopped")
    body = {"source": {"path": "svm_app1_dr:"}, "destination": {"path": "svm_app1:"}, "policy": {"name": "MirrorAllSnapshots"}, "identity_preservation": "full"}
    assert pair.call("tokyo", "POST", "/snapmirror/relationships", body).code == "13303976"
    pair.ok("osaka", "DELETE", f"/snapmirror/relationships/{forward}?destination_only=true")
    pair.ok("tokyo", "DELETE", f"/snapmirror/relationships/{forward}?source_info_only=true")
    pair.ok("tokyo", "POST", "/snapmirror/relationships", body)


def test_bytes_after_the_last_snapshot_are_countable(pair: Pair) -> None:
    _with_volume(pair)
    pair.protect()
    volume = pair.one("tokyo", "/storage/volumes?name=vol1")
    url = f"/storage/volumes/{volume['uuid']}/snapshots?fields=delta,name"
    assert pair.one("tokyo", url)["delta"]["size_consumed"] == 0
    pair.data("tokyo", "append", "/vol1", "12345")
    assert pair.one("tokyo", url)["delta"]["size_consumed"] == 5
    assert "delta" not in pair.one("tokyo", url.replace("delta,name", "*"))


def test_restart_loses_nothing_and_finishes_what_was_under_way() -> None:
    pair = Pair(profile=REALISTIC)
    uuid = _slowly_protected(pair)
    pair.data("tokyo", "append", "/vol1", "two\n")
    answer = pair.call("osaka", "PATCH", f"/snapmirror/relationships/{uuid}", {"state": "paused"})
    pair.call("osaka", "POST", f"/snapmirror/relationships/{uuid}/transfers", {})
    pair.start("osaka")
    pair.start("tokyo")
    pair.run(30)
    assert pair.job("osaka", answer)["state"] == "success"
    assert pair.relationship()["state"] == "paused"
    assert _content(pair, "osaka", "svm_app1_dr") == "two\n"


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?force=true", {"state": "paused"}, "13303835"),
        ("?failover=true", {"state": "broken_off"}, "13304156"),
        ("?failback=true", {"state": "paused"}, "13303836"),
        ("?force=true", {}, "13303837"),
        ("", {"state": "sideways"}, "13303817"),
        ("", {"identity_preservation": "full"}, "13304081"),
        ("", {"transfer_schedule": {"name": "nope"}}, "6619699"),
        ("?bogus=true", {"state": "paused"}, "262179"),
        ("", {"statte": "paused"}, "262179"),
        ("", {"policy": 5}, "262197"),
        ("", {"source": {"path": "svm_app1_dr:"}, "destination": {"path": "svm_app1:"}}, "13304120"),
    ],
)
def test_patch_refusals(pair: Pair, query: str, body: dict[str, Any], code: str) -> None:
    uuid = pair.protect("exclude_network_config")
    answer = pair.call("osaka", "PATCH", f"/snapmirror/relationships/{uuid}{query}", body)
    assert (answer.status, answer.code) == (400, code)
    assert pair.relationship()["state"] == "snapmirrored"


def test_failover_flag_breaks_and_starts(pair: Pair) -> None:
    uuid = pair.protect()
    pair.cut()
    assert pair.call("osaka", "PATCH", f"/snapmirror/relationships/{uuid}?failover=true", {}).code == "262224"
    assert pair.call("osaka", "PATCH", f"/snapmirror/relationships/{uuid}?force-failover=true", {}).status == 202
    assert pair.svm("osaka", "svm_app1_dr")["state"] == "running"
