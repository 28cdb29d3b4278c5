# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up: from nothing, again, predicted, and from every partial state."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, Refused

from kubedr_lab.pocket import PocketLab

from .conftest import World

PEERS = "/cluster/peers"


def test_set_up_from_nothing_and_again(world: World) -> None:
    assert all(result["changed"] for result in world.setup())
    writes = len(world.writes())
    assert not any(result["changed"] for result in world.setup())
    assert len(world.writes()) == writes
    assert world.relationship()["state"] == "snapmirrored"


def test_check_mode_names_exactly_what_the_run_then_does(world: World) -> None:
    predicted = world.setup(check=True)
    assert world.writes() == []
    done = world.setup()
    assert [result["diff"] for result in predicted] == [result["diff"] for result in done]
    assert [[(s["name"], s["changed"]) for s in result["steps"]] for result in predicted] == [
        [(s["name"], s["changed"]) for s in result["steps"]] for result in done
    ]


@pytest.mark.parametrize("identity", ["exclude_network_config", "exclude_network_and_protocol_config"])
def test_other_identities(identity: str) -> None:
    world = World(PocketLab(identity=identity))
    world.lifs()
    world.run("cluster_peer")
    world.run("svm_peer")
    assert world.run("svmdr", state="initialized", identity_preservation=identity)["relationship"]["identity_preservation"] == identity


@pytest.mark.parametrize("site", ["tokyo", "osaka"])
@pytest.mark.parametrize("expired", [False, True])
def test_a_one_sided_cluster_peer_is_repaired(world: World, site: str, expired: bool) -> None:
    world.lifs()
    other = "10.2.0.11" if site == "tokyo" else "10.1.0.11"
    offer = {"generate_passphrase": True, "expiry_time": "PT2S" if expired else "PT1H"}
    world.api(site, "POST", PEERS, {"authentication": offer, "remote": {"ip_addresses": [other]}})
    before = world.run("cluster_peer", check=True)["diff"]["before"][site]
    assert before != "absent"
    assert world.run("cluster_peer")["peers"] == {name: {"state": "available", "encryption": "tls_psk"} for name in ("tokyo", "osaka")}
    assert not world.run("cluster_peer")["changed"]


def test_two_offers_with_different_passphrases_are_repaired(world: World) -> None:
    world.lifs()
    for site, other in (("tokyo", "10.2.0.11"), ("osaka", "10.1.0.11")):
        world.api(site, "POST", PEERS, {"authentication": {"passphrase": f"phrase-of-{site}"}, "remote": {"ip_addresses": [other]}})
    assert world.run("cluster_peer")["peers"]["tokyo"]["state"] == "available"


def test_one_side_forgot_the_peering(mirrored: World) -> None:
    """With SVM peers on the side that remembers, its record cannot be deleted: it gets the new passphrase instead."""
    uuid = mirrored.run("svmdr_info")["destination"]["cluster"]["uuid"]
    mirrored.cluster("tokyo").core.tables.delete("cluster_peer", uuid)
    assert mirrored.run("cluster_peer", check=True)["diff"]["before"]["tokyo"] == "absent"
    assert mirrored.run("cluster_peer")["peers"]["tokyo"]["state"] == "available"


def test_no_intercluster_lif_is_said_before_anything_is_sent(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.run("cluster_peer")
    assert caught.value.reason == "no_intercluster_lif"
    assert world.writes() == []


def test_an_unencrypted_peering_is_taken_only_when_asked_for(world: World) -> None:
    world.lifs()
    assert world.run("cluster_peer", encryption="none")["peers"]["osaka"]["encryption"] == "none"
    with pytest.raises(Refused) as caught:
        world.run("cluster_peer")
    assert caught.value.reason == "encryption_differs"


def test_a_cluster_peer_goes_from_both_sides(world: World) -> None:
    world.lifs()
    world.run("cluster_peer")
    assert world.run("cluster_peer", state="absent")["changed"]
    assert not world.run("cluster_peer", state="absent")["changed"]
    assert world.run("cluster_peer")["changed"]


def test_a_cluster_peer_in_use_is_not_deleted(mirrored: World) -> None:
    with pytest.raises(Refused) as caught:
        mirrored.run("cluster_peer", state="absent")
    assert caught.value.reason == "svm_peers_exist"


def test_svm_peer_needs_the_cluster_peer(world: World) -> None:
    world.lifs()
    with pytest.raises(Refused) as caught:
        world.run("svm_peer")
    assert caught.value.reason == "no_cluster_peer"


def peered(world: World) -> None:
    world.lifs()
    world.run("cluster_peer")


@pytest.mark.parametrize("asker", ["tokyo", "osaka"])
def test_a_pending_svm_peer_is_accepted(world: World, asker: str) -> None:
    peered(world)
    world.api("osaka", "POST", "/svm/svms", {"name": "svm_app1_dr", "subtype": "dp_destination"})
    here, there, cluster = ("svm_app1", "svm_app1_dr", "osaka") if asker == "tokyo" else ("svm_app1_dr", "svm_app1", "tokyo")
    world.api(
        asker, "POST", "/svm/peers", {"svm": {"name": here}, "peer": {"svm": {"name": there}, "cluster": {"name": cluster}}, "applications": ["snapmirror"]}
    )
    result = world.run("svm_peer")
    assert result["diff"]["before"]["svm_peer"] != {"source": "absent", "destination": "absent"}
    assert result["states"] == {"source": "peered", "destination": "peered"}
    assert [step["changed"] for step in result["steps"]] == [False, True]


@pytest.mark.parametrize("state", ["suspended", "rejected"])
def test_a_suspended_or_rejected_svm_peer_is_mended(world: World, state: str) -> None:
    peered(world)
    if state == "suspended":
        world.run("svm_peer")
    else:
        world.api("osaka", "POST", "/svm/svms", {"name": "svm_app1_dr", "subtype": "dp_destination"})
        body = {"svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
        world.api("osaka", "POST", "/svm/peers", body)
    record = world.api("tokyo", "GET", "/svm/peers", fields="uuid")["records"][0]
    world.api("tokyo", "PATCH", f"/svm/peers/{record['uuid']}", {"state": state})
    assert world.run("svm_peer")["states"] == {"source": "peered", "destination": "peered"}


def test_an_svm_peer_without_snapmirror_gets_it(world: World) -> None:
    peered(world)
    world.run("svm_peer")
    record = world.api("osaka", "GET", "/svm/peers", fields="uuid")["records"][0]
    world.api("osaka", "PATCH", f"/svm/peers/{record['uuid']}", {"applications": ["flexcache"]})
    assert world.run("svm_peer")["changed"]
    found = world.api("osaka", "GET", "/svm/peers", fields="applications")["records"][0]["applications"]
    assert "snapmirror" in found


def test_the_same_name_on_both_clusters_gets_an_alias_which_is_read_back(world: World) -> None:
    peered(world)
    result = world.run("svm_peer", destination_svm="svm_app1")
    assert result["alias"] == "svm_app1_tokyo"
    found = world.run("svmdr", destination_svm="svm_app1", state="initialized")["relationship"]
    assert found["source_path"] == "svm_app1_tokyo:"
    assert not world.run("svmdr", destination_svm="svm_app1", state="initialized")["changed"]


def test_an_alias_that_is_asked_for(world: World) -> None:
    peered(world)
    world.run("svm_peer")
    assert world.run("svm_peer", alias="primary")["alias"] == "primary"
    assert not world.run("svm_peer", alias="primary")["changed"]


def test_an_svm_peer_goes_from_both_sides(world: World) -> None:
    peered(world)
    world.run("svm_peer")
    assert world.run("svm_peer", state="absent")["changed"]
    assert not world.run("svm_peer", state="absent")["changed"]


def test_svmdr_needs_the_svm_peer(world: World) -> None:
    peered(world)
    with pytest.raises(Refused) as caught:
        world.run("svmdr")
    assert caught.value.reason == "no_svm_peer"


def test_present_then_initialized(world: World) -> None:
    peered(world)
    world.run("svm_peer")
    assert world.run("svmdr")["relationship"]["state"] == "uninitialized"
    assert world.run("svmdr", state="initialized")["relationship"]["state"] == "snapmirrored"


def test_another_schedule_and_policy_are_changed_in_place(mirrored: World) -> None:
    result = mirrored.run("svmdr", transfer_schedule="0 * * * *", policy="ours")
    assert (result["relationship"]["schedule"], result["relationship"]["policy"]) == ("kubedr_0_x_x_x_x", "ours")
    assert not mirrored.run("svmdr", transfer_schedule="0 * * * *")["changed"]
    assert result["diff"]["before"]["relationship"]["policy"] == "kubedr_full"


def test_a_schedule_by_name(mirrored: World) -> None:
    with pytest.raises(ConfigError, match="no schedule named 'dr15'"):
        mirrored.run("svmdr", transfer_schedule="dr15")
    for site in ("tokyo", "osaka"):
        mirrored.api(site, "POST", "/cluster/schedules", {"name": "dr15", "cron": {"minutes": [5, 20, 35, 50]}})
    assert mirrored.run("svmdr", transfer_schedule="dr15")["relationship"]["schedule"] == "dr15"


def test_too_short_an_interval_is_warned_of(mirrored: World) -> None:
    assert "every 5 minutes" in mirrored.run("svmdr", transfer_schedule="*/5 * * * *", check=True)["warnings"][0]
    assert "warnings" not in mirrored.run("svmdr", check=True)
    mirrored.api("tokyo", "POST", "/storage/volumes", {"name": "wide", "svm": {"name": "svm_app1"}, "style": "flexgroup", "size": 1 << 30})
    assert "FlexGroup" in mirrored.run("svmdr", check=True)["warnings"][0]


def test_another_identity_is_refused(mirrored: World) -> None:
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", identity_preservation="exclude_network_config", policy="other")
    assert caught.value.reason == "identity_differs"


def test_a_paused_relationship_is_left_paused(mirrored: World) -> None:
    mirrored.api("osaka", "PATCH", f"/snapmirror/relationships/{mirrored.relationship()['uuid']}", {"state": "paused"})
    result = mirrored.run("svmdr")
    assert result["relationship"]["state"] == "paused"
    assert "left so" in result["warnings"][0]
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state="initialized")
    assert caught.value.reason == "paused"
    assert mirrored.relationship()["state"] == "paused"


@pytest.mark.parametrize("state", ["present", "initialized"])
def test_set_up_after_a_failover_refuses_and_changes_nothing(mirrored: World, state: str) -> None:
    mirrored.api("tokyo", "PATCH", f"/svm/svms/{mirrored.run('svmdr_info')['source']['svm']['uuid']}", {"state": "stopped"})
    mirrored.run("svmdr", state="serving")
    before = mirrored.writes()
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state=state)
    assert caught.value.reason == "broken_off"
    assert mirrored.writes() == before
    mirrored.run("svmdr", state="absent", consent=["unprotect", "failed_over"])
    before = mirrored.writes()
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state=state)
    assert caught.value.reason == "destination_in_use"
    assert mirrored.writes() == before


def test_two_sides_of_one_cluster(world: World) -> None:
    with pytest.raises(ConfigError) as caught:
        world.run("cluster_peer", destination=world.side("tokyo"))
    assert caught.value.variable == "destination.hostname"
    same: dict[str, Any] = {**world.side("tokyo"), "hostname": "another.name.invalid"}
    with pytest.raises(Refused) as refused:
        world.run("cluster_peer", destination=same)
    assert refused.value.reason == "same_cluster"


def test_a_source_svm_that_is_not_there(world: World) -> None:
    peered(world)
    with pytest.raises(ConfigError, match="no SVM named 'svm_x'"):
        world.run("svm_peer", source_svm="svm_x")


@pytest.mark.parametrize(
    ("module", "params", "variable"),
    [
        ("svmdr", {"transfer_schedule": "61 * * * *"}, "transfer_schedule"),
        ("svmdr", {"transfer_schedule": " "}, "transfer_schedule"),
        ("svmdr", {"source_svm": "a b"}, "source_svm"),
        ("svmdr", {"destination_svm": "x" * 48}, "destination_svm"),
        ("svmdr", {"timeout": 0}, "timeout"),
        ("svmdr", {"source": None}, "source"),
        ("svm_peer", {"alias": "a/b"}, "alias"),
        ("cluster_peer", {"source_addresses": ["10.0.0"]}, "source_addresses[0]"),
        ("intercluster_lif", {"site": "tokyo", "lifs": []}, "lifs"),
        ("intercluster_lif", {"site": "tokyo", "lifs": [{"name": "a", "node": "n", "port": "p", "address": "1.2.3", "netmask": "24"}]}, "lifs[0].address"),
        ("intercluster_lif", {"site": "tokyo", "lifs": [{"name": "a", "node": "n", "port": "p", "address": "1.2.3.4", "netmask": "33"}]}, "lifs[0].netmask"),
        ("intercluster_lif", {"site": "tokyo", "lifs": [{"name": "a", "node": "", "port": "p", "address": "1.2.3.4", "netmask": "24"}]}, "lifs[0].node"),
        ("intercluster_lif", {"site": "tokyo", "lifs": [{"name": "a", "node": "n", "port": "p", "address": "1.2.3.4", "netmask": "24"}] * 2}, "lifs"),
    ],
)
def test_bad_input_is_found_before_any_connection(world: World, module: str, params: dict[str, Any], variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world.run(module, **params)
    assert caught.value.variable == variable
    assert world.requests("tokyo") == world.requests("osaka") == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("hostname", ""), ("hostname", "https://x"), ("password", None), ("http_port", 70000), ("ca_path", "/nowhere.pem"), ("cert_filepath", "/nowhere.pem")],
)
def test_a_connection_that_cannot_be_names_the_option(world: World, option: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        world.run("cluster_peer", destination={**world.side("osaka"), option: value})
    assert caught.value.variable == ("destination.username" if option == "password" else f"destination.{option}")
