# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster peers: offer, accept, one side only, expired, wrong passphrase; names and uuids that change when the other side joins."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
from datetime import datetime
from typing import Any

from ..messages import Response
from .core import HEALTH_INTERVAL, Core, PeerUnreachable, iso
from .errors import ApiError, conflict, invalid_value, not_found, refused
from .peer import peer_op
from .query import comparable, schema
from .rest import Call, Resource, created, done
from .tables import Record

WEEK, HOUR = 7 * 86400.0, 3600.0

KNOWN = schema(
    "uuid name remote{name ip_addresses serial_number} ip_address authentication{state in_use expiry_time} encryption{proposed state}"
    " status{state update_time} initial_allowed_svms{name uuid} peer_applications ipspace{name uuid} version{full generation major minor}"
)
BODY = schema("authentication{passphrase generate_passphrase} local_network*")


def intercluster_addresses(core: Core) -> list[str]:
    """Addresses of this cluster's intercluster LIFs that are up."""
    return [lif["address"] for lif in core.tables.all("lif", scope="cluster", enabled=True) if lif["service_policy"] == "default-intercluster"]


def joined_peer(core: Core, name: str) -> Record | None:
    """The accepted cluster peer of that local name, or of that cluster name."""
    return next((peer for peer in core.tables.all("cluster_peer", joined=True) if name in (peer["name"], peer["remote_name"])), None)


def _digest(passphrase: str) -> str:
    return hashlib.sha256(passphrase.encode()).hexdigest()


def _expiry(core: Core, text: str | None) -> float:
    now = core.now()
    if not text:
        return now + HOUR
    kind, value = comparable(text)
    if kind == 2:
        raise invalid_value("authentication.expiry_time", text)
    until = now + float(value) if text.startswith("P") else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    if until <= now:
        raise refused(4653229, "The expiration time of the authentication offer is in the past.")
    if until > now + WEEK:
        raise refused(4655058, "The expiration time of the authentication offer is more than 7 days ahead.")
    return until


def _check_addresses(core: Core, addresses: list[str]) -> None:
    own = intercluster_addresses(core)
    if not own:
        raise refused(4656095, "No intercluster LIF of this address family exists on the local cluster.")
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise refused(4653368, f'"{address}" is not a valid peer address.') from None
        if address in own:
            raise refused(4656100, f'Peer address "{address}" is in use by the local cluster.')


def _check_passphrase(passphrase: str | None, generate: bool, addresses: list[str]) -> None:
    if passphrase and generate:
        raise refused(4656080, "A passphrase cannot be given together with generate_passphrase.")
    if passphrase and not addresses:
        raise refused(4656069, "A passphrase requires the addresses of the remote cluster.")
    if passphrase and len(passphrase) < 8:
        raise refused(4653236, "The passphrase must have at least 8 characters.")


async def _create(call: Call) -> Response:
    core, body = call.core, call.body
    authentication, addresses = body.get("authentication", {}), list(body.get("remote", {}).get("ip_addresses", []))
    passphrase = authentication.get("passphrase")
    _check_passphrase(passphrase, bool(authentication.get("generate_passphrase")), addresses)
    _check_addresses(core, addresses)
    if any(set(peer["addresses"]) & set(addresses) for peer in core.tables.all("cluster_peer")):
        raise conflict(1, "A peer relationship with these addresses exists already.")
    if body.get("name") and core.tables.find("cluster_peer", name=body["name"]):
        raise conflict(1, f'A cluster peer named "{body["name"]}" exists already.')
    key = core.uuid()
    generated = "" if passphrase else hashlib.sha256(f"{key}/{core.cluster['seed']}".encode()).hexdigest()[:24]
    peer = {
        "uuid": key, "name": body.get("name") or f"Clus_{key[:4]}", "custom_name": bool(body.get("name")), "joined": False, "addresses": addresses,
        "anonymous": not addresses, "remote_name": "", "remote_uuid": "", "auth_state": "pending", "in_use": "absent", "status": "pending",
        "expiry": _expiry(core, authentication.get("expiry_time")), "digest": _digest(passphrase or generated), "update_time": core.now(),
        "proposed": body.get("encryption", {}).get("proposed", "tls_psk").replace("-", "_"), "encryption": "none",
        "allowed": [svm.get("name", "") for svm in body.get("initial_allowed_svms", [])],
        "applications": body.get("peer_applications", ["snapmirror"]),
    }
    if peer["proposed"] not in ("none", "tls_psk"):
        raise invalid_value("encryption.proposed", peer["proposed"])
    if passphrase:
        peer = await _greet(core, peer)
    core.tables.put("cluster_peer", peer)
    record = _render(core, peer)
    if generated:
        record["authentication"] |= {"passphrase": generated, "expiry_time": iso(peer["expiry"])}
    return created(call, record, always=True)


async def _greet(core: Core, peer: Record) -> Record:
    """Try to join with the other side's offer; the record as it is afterwards."""
    try:
        answer = await core.ask(
            "peer_hello", to=peer["addresses"], addresses=intercluster_addresses(core), digest=peer["digest"], proposed=peer["proposed"],
        )
    except PeerUnreachable as error:
        raise ApiError(500, 4653215, f"An introductory RPC to the peer addresses {', '.join(peer['addresses'])} failed: {error}.") from None
    if answer["status"] == "accepted":
        return _join(core, peer, answer)
    return peer if answer["status"] == "no_offer" else {**peer, "auth_state": "problem", "status": "unavailable"}


def _join(core: Core, peer: Record, remote: Record) -> Record:
    core.tables.delete("cluster_peer", peer["uuid"])
    joined = {
        **peer, "uuid": remote["cluster_uuid"], "name": peer["name"] if peer["custom_name"] else remote["cluster"], "joined": True, "anonymous": False,
        "remote_name": remote["cluster"], "remote_uuid": remote["cluster_uuid"], "addresses": peer["addresses"] or remote["addresses"],
        "auth_state": "ok", "in_use": "ok", "status": "available", "update_time": core.now(), "digest": "",
        "encryption": "tls_psk" if (peer["proposed"], remote["proposed"]) == ("tls_psk", "tls_psk") else "none",
    }
    return core.tables.put("cluster_peer", joined)


@peer_op("peer_hello")
async def _hello(core: Core, message: Record) -> Record:
    if message["cluster_uuid"] == core.cluster["identity"]:
        raise refused(4653076, "The peer cluster has the UUID of the local cluster.")
    if message["cluster"] == core.name:
        raise refused(4653075, "The peer cluster has the name of the local cluster.")
    own = intercluster_addresses(core)
    if not own or not set(message["to"]) <= set(own):
        raise ApiError(500, 4653215, f"An introductory RPC to the peer addresses {', '.join(message['to'])} failed.")
    offers = [
        peer for peer in core.tables.all("cluster_peer")
        if peer["digest"] and peer["expiry"] > core.now() and (peer["anonymous"] or set(peer["addresses"]) & set(message["addresses"]))
    ]
    offer = next((peer for peer in offers if peer["digest"] == message["digest"]), None)
    if offer is None:
        for peer in offers:
            if not peer["anonymous"]:
                core.tables.put("cluster_peer", {**peer, "auth_state": "problem", "status": "unavailable"})
        return {"status": "mismatch" if offers else "no_offer"}
    _join(core, offer, message)
    return {"status": "accepted", "cluster": core.name, "cluster_uuid": core.cluster["identity"], "addresses": own, "proposed": offer["proposed"]}


async def _modify(call: Call) -> Response:
    core, body = call.core, call.body
    peer = core.tables.get("cluster_peer", call.key)
    if peer is None:
        raise not_found()
    authentication, addresses = body.get("authentication", {}), list(body.get("remote", {}).get("ip_addresses", peer["addresses"]))
    passphrase, generate = authentication.get("passphrase"), bool(authentication.get("generate_passphrase"))
    _check_passphrase(passphrase, generate, addresses)
    _check_addresses(core, addresses)
    if "encryption" in body and not (passphrase or generate):
        raise refused(4656073, "Changing the encryption requires a new passphrase.")
    changed = {**peer, "addresses": addresses, "proposed": body.get("encryption", {}).get("proposed", peer["proposed"]).replace("-", "_")}
    if body.get("name"):
        changed |= {"name": body["name"], "custom_name": True}
    if "initial_allowed_svms" in body:
        changed["allowed"] = [svm.get("name", "") for svm in body["initial_allowed_svms"]]
    generated = ""
    if generate or passphrase:
        generated = "" if passphrase else hashlib.sha256(core.uuid().encode()).hexdigest()[:24]
        changed |= {
            "digest": _digest(passphrase or generated), "expiry": _expiry(core, authentication.get("expiry_time")), "auth_state": "pending",
            "status": "pending", "joined": False,
        }
        if passphrase:
            changed = await _greet(core, changed)
    core.tables.put("cluster_peer", changed)
    record = _render(core, changed)
    if generated:
        record["authentication"]["passphrase"] = generated
        return done(_with_records(call), record)
    return done(call, record)


def _with_records(call: Call) -> Call:
    call.query = {**call.query, "return_records": "true"}
    return call


async def _remove(call: Call) -> Response:
    peer = call.core.tables.get("cluster_peer", call.key)
    if peer is None:
        raise not_found()
    if call.core.tables.all("svm_peer", peer_cluster=peer["remote_name"]):
        raise conflict(4653079, "The cluster peer cannot be deleted while SVM peer relationships use it.")
    call.core.tables.delete("cluster_peer", peer["uuid"])
    return done(call)


def _render(core: Core, peer: Record) -> Record:
    expired = peer["auth_state"] == "pending" and peer["expiry"] <= core.now()
    state = "unavailable" if expired else "unidentified" if peer["anonymous"] else peer["status"]
    own = intercluster_addresses(core)
    record: dict[str, Any] = {
        "uuid": peer["uuid"], "name": peer["name"], "ip_address": "0.0.0.0" if peer["anonymous"] else next(iter(own), "0.0.0.0"),
        "remote": {"ip_addresses": peer["addresses"]}, "authentication": {"state": "absent" if expired else peer["auth_state"], "in_use": peer["in_use"]},
        "encryption": {"proposed": peer["proposed"], "state": peer["encryption"]}, "status": {"state": state, "update_time": iso(peer["update_time"])},
        "peer_applications": peer["applications"], "ipspace": {"name": "Default"},
    }
    if peer["joined"]:
        record["remote"] |= {"name": peer["remote_name"], "serial_number": "4048820-60-9"}
        record["version"] = {"full": "NetApp Release 9.16.1", "generation": 9, "major": 16, "minor": 1}
    elif not peer["joined"] and peer["allowed"]:
        record["initial_allowed_svms"] = [{"name": name} for name in peer["allowed"]]
    if peer["auth_state"] == "pending":
        record["authentication"]["expiry_time"] = iso(peer["expiry"])
    return record


async def _read(call: Call) -> list[Record]:
    return [_render(call.core, peer) for peer in call.core.tables.all("cluster_peer")]


async def ping(core: Core) -> None:
    """Look after the health of the cluster peers; due every ``HEALTH_INTERVAL``."""
    with contextlib.suppress(PeerUnreachable):
        await core.ask("ping")


def next_ping(core: Core) -> float | None:
    """When the peers are to be pinged next, None without peers."""
    return float(core.cluster["last_ping"]) + HEALTH_INTERVAL if core.tables.all("cluster_peer", joined=True) else None


RESOURCES = [Resource("/cluster/peers", KNOWN, _read, create=_create, modify=_modify, remove=_remove, body=BODY)]
