# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster peering, call by call: what a simulator that answers well does not show."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import peering
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import Cluster
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.peering import PeerSide, side_words

from .scripted import ANY, Call, FakeClock, Scripted, answer, error, finish, get, records, write

PEERS = "/api/cluster/peers"


def peer(name: str, authentication: str = "ok", state: str = "available", **more: Any) -> dict[str, Any]:
    address = {"A": "10.1.0.11", "B": "10.2.0.11"}[name]
    found = {"uuid": f"peer-{name}", "name": name, "remote": {"name": name, "ip_addresses": [address]}, "encryption": {"state": "tls_psk"}}
    return {**found, "authentication": {"state": authentication}, "status": {"state": state}, **more}


def look(*found: dict[str, Any]) -> Call:
    return get(PEERS, records(*found))


def sides(source: list[Call], destination: list[Call], at_source: dict[str, Any] | None = None, at_destination: dict[str, Any] | None = None) -> peering.Pair:
    """Both sides, on one clock, as they were looked at before."""
    clock = FakeClock()
    a, b = OntapClient(Scripted(source), clock, "ONTAP tokyo"), OntapClient(Scripted(destination), clock, "ONTAP osaka")
    peers = [peering.ClusterPeer.from_record(found) if found else None for found in (at_source, at_destination)]
    return PeerSide(a, Cluster("A", "uuid-A", (9, 16, 1)), ("10.1.0.11",), peers[0]), PeerSide(b, Cluster("B", "uuid-B", (9, 16, 1)), ("10.2.0.11",), peers[1])


def test_an_available_peering_costs_no_call() -> None:
    pair = sides([], [], peer("B"), peer("A"))
    assert peering.ensure_cluster_peer(pair, "tls_psk", 60) == (pair, False)


MADE = write("POST", PEERS, ANY, answer(status=201))
REFUSED = write("POST", PEERS, ANY, error("4653215", "introductory RPC failed", 500))
OFFER = peer("A", "pending", "pending")


def test_both_sides_get_the_same_passphrase_which_is_told_nowhere() -> None:
    pair = sides([look(), look(), MADE, look(peer("B")), look(peer("B"))], [look(), look(), MADE, look(OFFER), look(peer("A"))])
    found, changed = peering.ensure_cluster_peer(pair, "tls_psk", 60)
    assert changed
    bodies = [request.body for side in found for request in side.client.transport.requests if request.method == "POST"]  # type: ignore[attr-defined]
    phrases = [body["authentication"]["passphrase"] for body in bodies]
    assert len(set(phrases)) == 1
    assert len(phrases[0]) >= 20
    assert bodies[0]["remote"] == {"ip_addresses": ["10.2.0.11"]}
    assert phrases[0] not in repr(found)
    finish(*(side.client for side in found))


def test_an_introduction_that_fails_is_tried_again_with_the_same_offer() -> None:
    again = [look(), REFUSED, look(), look()]
    pair = sides(
        [look(), *again * 2, look(), MADE, look(peer("B")), look(peer("B"))],
        [look(), look(), MADE, *[look(OFFER)] * 7, look(peer("A"))],
    )
    assert peering.ensure_cluster_peer(pair, "tls_psk", 60)[1]
    finish(*(side.client for side in pair))


def test_an_introduction_that_never_succeeds_is_an_error_without_the_passphrase() -> None:
    pair = sides([look(), *[look(), REFUSED, look(), look()] * 9], [look(), look(), MADE, *[look(OFFER)] * 40])
    with pytest.raises(ApiError) as caught:
        peering.ensure_cluster_peer(pair, "tls_psk", 20)
    assert caught.value.code == "4653215"
    sent = pair[1].client.transport.requests[2].body["authentication"]["passphrase"]  # type: ignore[attr-defined]
    assert sent not in f"{caught.value} {caught.value.failure()}"


def test_a_record_that_svm_peers_use_gets_the_new_passphrase() -> None:
    broken = peer("A", "problem", "unavailable")
    in_use = write("DELETE", f"{PEERS}/peer-A", None, error("4653079", status=409))
    pair = sides(
        [look(), look(), MADE, look(peer("B")), look(peer("B"))],
        [look(broken), in_use, look(broken), write("PATCH", f"{PEERS}/peer-A", ANY), look(peer("A"))],
    )
    assert peering.ensure_cluster_peer(pair, "tls_psk", 60)[1]
    finish(*(side.client for side in pair))


def test_a_fresh_offer_is_left_for_a_while_to_whoever_is_accepting_it() -> None:
    offer = peer("A", "pending", "pending")
    pair = sides([look(), *[look()] * 4, look(peer("B"))], [look(offer), *[look(offer)] * 4, look(peer("A"))])
    assert not peering.ensure_cluster_peer(pair, "tls_psk", 60)[1]


def test_two_sides_that_accepted_and_do_not_see_each_other_are_named() -> None:
    here, there = peer("B", "ok", "unavailable"), peer("A", "ok", "unavailable")
    pair = sides([look(here)] * 99, [look(there)] * 99)
    with pytest.raises(WaitTimeout) as caught:
        peering.ensure_cluster_peer(pair, "tls_psk", 10)
    assert caught.value.seen == {"A": "authentication ok, unavailable", "B": "authentication ok, unavailable"}
    assert {request.method for side in pair for request in side.client.transport.requests} == {"GET"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "absent"),
        (peer("A"), "available"),
        (peer("A", "pending", "pending"), "offer"),
        (peer("A", "problem", "unavailable"), "authentication problem, unavailable"),
    ],
)
def test_words(found: dict[str, Any] | None, words: str) -> None:
    assert side_words(sides([], [], None, found)[1]) == words
