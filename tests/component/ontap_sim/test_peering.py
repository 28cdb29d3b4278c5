# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster peers and SVM peers: every state that a set-up may find."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Pair

OFFER = {"authentication": {"generate_passphrase": True}, "remote": {"ip_addresses": ["10.1.0.11"]}}


def _lifs(pair: Pair) -> None:
    for number, site in enumerate(("tokyo", "osaka"), start=1):
        pair.ok(site, "POST", "/network/ip/interfaces", {
            "name": "ic1", "ipspace": {"name": "Default"}, "ip": {"address": f"10.{number}.0.11", "netmask": "24"},
            "service_policy": {"name": "default-intercluster"}, "location": {"home_node": {"name": f"{site}-01"}}})


def _peer(pair: Pair, site: str) -> Any:
    return pair.one(site, "/cluster/peers?fields=*")


def _accept(pair: Pair, passphrase: str) -> Any:
    return pair.call("tokyo", "POST", "/cluster/peers", {"authentication": {"passphrase": passphrase}, "remote": {"ip_addresses": ["10.2.0.11"]}})


def test_offer_and_accept_change_name_and_state_on_both_sides(pair: Pair) -> None:
    _lifs(pair)
    assert pair.get("osaka", "/network/ip/interfaces?services=intercluster_core")["num_records"] == 1
    offer = pair.ok("osaka", "POST", "/cluster/peers", {"authentication": {"generate_passphrase": True, "expiry_time": "P1DT2H"}})["records"][0]
    assert offer["name"].startswith("Clus_")
    assert offer["ip_address"] == "0.0.0.0"
    assert _peer(pair, "osaka")["status"]["state"] == "unidentified"
    assert "passphrase" not in _peer(pair, "osaka")["authentication"]
    assert _accept(pair, offer["authentication"]["passphrase"]).status == 201
    for site, other in (("osaka", "tokyo"), ("tokyo", "osaka")):
        peer = _peer(pair, site)
        assert (peer["name"], peer["remote"]["name"]) == (other, other)
        assert (peer["authentication"]["state"], peer["status"]["state"], peer["encryption"]["state"]) == ("ok", "available", "tls_psk")
    assert _peer(pair, "osaka")["uuid"] != offer["uuid"]


def test_one_sided_offer_stays_pending_and_expires(pair: Pair) -> None:
    _lifs(pair)
    offer = pair.ok("osaka", "POST", "/cluster/peers", OFFER)["records"][0]
    peer = _peer(pair, "osaka")
    assert (peer["authentication"]["state"], peer["status"]["state"]) == ("pending", "pending")
    assert "name" not in peer["remote"]
    pair.run(3601)
    assert _peer(pair, "osaka")["authentication"]["state"] == "absent"
    assert _accept(pair, offer["authentication"]["passphrase"]).status == 201
    assert _peer(pair, "tokyo")["authentication"]["state"] == "pending"


def test_wrong_passphrase_is_a_problem_on_both_sides_and_a_new_one_repairs_it(pair: Pair) -> None:
    _lifs(pair)
    pair.ok("osaka", "POST", "/cluster/peers", OFFER)
    assert _accept(pair, "not the one").status == 201
    assert {_peer(pair, site)["authentication"]["state"] for site in ("tokyo", "osaka")} == {"problem"}
    mine, theirs = _peer(pair, "osaka"), _peer(pair, "tokyo")
    renewed = pair.ok("osaka", "PATCH", f"/cluster/peers/{mine['uuid']}", {"authentication": {"generate_passphrase": True}})
    passphrase = renewed["records"][0]["authentication"]["passphrase"]
    pair.ok("tokyo", "PATCH", f"/cluster/peers/{theirs['uuid']}", {"authentication": {"passphrase": passphrase}})
    assert {_peer(pair, site)["authentication"]["state"] for site in ("tokyo", "osaka")} == {"ok"}


def test_peer_deleted_on_one_side_only(pair: Pair) -> None:
    pair.peer_clusters()
    pair.ok("tokyo", "DELETE", f"/cluster/peers/{_peer(pair, 'tokyo')['uuid']}")
    pair.run(16)
    peer = _peer(pair, "osaka")
    assert (peer["status"]["state"], peer["authentication"]["state"]) == ("unavailable", "problem")


def test_health_follows_the_peer(pair: Pair) -> None:
    pair.peer_clusters()
    pair.run(60)
    seen = _peer(pair, "osaka")["status"]
    pair.cut()
    assert _peer(pair, "osaka")["status"] == seen
    pair.run(16)
    lost = _peer(pair, "osaka")["status"]
    assert (lost["state"], lost["update_time"] > seen["update_time"]) == ("unavailable", True)
    pair.cut(False)
    pair.run(16)
    assert _peer(pair, "osaka")["status"]["state"] == "available"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"authentication": {"passphrase": "long enough"}}, "4656069"),
        ({"authentication": {"passphrase": "short"}, "remote": {"ip_addresses": ["10.1.0.11"]}}, "4653236"),
        ({"authentication": {"generate_passphrase": True}, "remote": {"ip_addresses": ["nowhere"]}}, "4653368"),
        ({"authentication": {"generate_passphrase": True}, "remote": {"ip_addresses": ["10.2.0.11"]}}, "4656100"),
        ({"authentication": {"generate_passphrase": True, "expiry_time": "P8DT"}}, "4655058"),
        ({"authentication": {"generate_passphrase": True, "expiry_time": "2020-01-01T00:00:00+00:00"}}, "4653229"),
        ({"authentication": {"generate_passphrase": True, "passphrase": "long enough"}}, "4656080"),
        ({"authentication": {"passphrase": "long enough"}, "remote": {"ip_addresses": ["10.9.9.9"]}}, "4653215"),
        ({"authentication": {"generate_passphrase": True}, "encryption": {"proposed": "rot13"}}, "262197"),
    ],
)
def test_cluster_peer_refusals(pair: Pair, body: Any, code: str) -> None:
    assert pair.call("osaka", "POST", "/cluster/peers", {}).code == "4656095"
    _lifs(pair)
    assert pair.call("osaka", "POST", "/cluster/peers", body).code == code
    assert pair.get("osaka", "/cluster/peers")["num_records"] == 0


def test_svm_peer_pending_until_accepted(pair: Pair) -> None:
    pair.peer_clusters()
    pair.ok("osaka", "POST", "/svm/svms", {"name": "svm_app1_dr", "subtype": "dp_destination"})
    body = {"svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
    pair.ok("osaka", "POST", "/svm/peers", body)
    mine, theirs = pair.one("osaka", "/svm/peers?fields=*"), pair.one("tokyo", "/svm/peers?fields=*")
    assert (mine["state"], theirs["state"]) == ("initiated", "pending")
    assert pair.call("osaka", "POST", "/svm/peers", body).code == "9896095"
    assert pair.call("osaka", "PATCH", f"/svm/peers/{mine['uuid']}", {"state": "peered"}).code == "26345576"
    relate = {"source": {"path": "svm_app1:"}, "destination": {"path": "svm_app1_dr:"}}
    assert pair.call("osaka", "POST", "/snapmirror/relationships", relate).code == "26345578"
    pair.ok("tokyo", "PATCH", f"/svm/peers/{theirs['uuid']}", {"state": "peered"})
    assert {pair.one(site, "/svm/peers?fields=state")["state"] for site in ("tokyo", "osaka")} == {"peered"}
    peer = pair.one("osaka", "/cluster/peers")
    assert pair.call("osaka", "DELETE", f"/cluster/peers/{peer['uuid']}").code == "4653079"


def test_permission_peers_at_once(pair: Pair) -> None:
    pair.peer_clusters()
    pair.ok("tokyo", "POST", "/svm/peer-permissions", {"cluster_peer": {"name": "osaka"}, "svm": {"name": "svm_app1"}, "applications": ["snapmirror"]})
    pair.ok("osaka", "POST", "/svm/svms", {"name": "svm_app1_dr", "subtype": "dp_destination"})
    body = {"svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
    pair.ok("osaka", "POST", "/svm/peers", body)
    assert {pair.one(site, "/svm/peers?fields=state")["state"] for site in ("tokyo", "osaka")} == {"peered"}
    shown = pair.one("tokyo", "/svm/peer-permissions")
    pair.ok("tokyo", "DELETE", shown["_links"]["self"]["href"].removeprefix("/api"))
    assert pair.get("tokyo", "/svm/peer-permissions")["num_records"] == 0


def test_same_names_need_an_alias_and_the_other_side_makes_one(pair: Pair) -> None:
    pair.peer_clusters()
    pair.ok("osaka", "POST", "/svm/svms", {"name": "svm_app1", "subtype": "dp_destination"})
    body = {"svm": {"name": "svm_app1"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
    assert pair.call("osaka", "POST", "/svm/peers", body).code == "9896086"
    pair.ok("osaka", "POST", "/svm/peers", {**body, "name": "app1_at_tokyo"})
    pending = pair.one("tokyo", "/svm/peers?fields=*")
    assert pending["name"] == "svm_app1.1"
    pair.ok("tokyo", "PATCH", f"/svm/peers/{pending['uuid']}", {"state": "peered"})
    pair.ok("osaka", "POST", "/snapmirror/relationships", {"source": {"path": "app1_at_tokyo:"}, "destination": {"path": "svm_app1:"}})
    assert pair.relationship()["source"]["path"] == "app1_at_tokyo:"


def test_svm_peer_without_the_other_cluster(pair: Pair) -> None:
    pair.peer_clusters()
    pair.ok("osaka", "POST", "/svm/svms", {"name": "svm_app1_dr", "subtype": "dp_destination"})
    pair.cut()
    body = {"svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
    answer = pair.call("osaka", "POST", "/svm/peers", body)
    pair.run(0)
    assert pair.job("osaka", answer)["code"] == 262224
    assert pair.get("osaka", "/svm/peers")["num_records"] == 0


def test_svm_peer_in_use_is_kept_and_deletes_on_both_sides_later(pair: Pair) -> None:
    uuid = pair.protect()
    peer = pair.one("osaka", "/svm/peers")
    assert pair.call("osaka", "DELETE", f"/svm/peers/{peer['uuid']}").code == "9895956"
    pair.ok("osaka", "DELETE", f"/snapmirror/relationships/{uuid}")
    pair.ok("osaka", "DELETE", f"/svm/peers/{peer['uuid']}")
    assert [pair.get(site, "/svm/peers")["num_records"] for site in ("tokyo", "osaka")] == [0, 0]


def test_a_stranger_is_not_answered(pair: Pair) -> None:
    from .conftest import now

    for op in ("ping", "transfer_start", "svm_state"):
        assert now(pair.clusters["tokyo"].handle_peer({"op": op, "cluster": "x", "cluster_uuid": "y", "svm": "svm_app1"})) == {"unknown_peer": True}
