# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SVM peers and the permissions that accept them beforehand. Reading them asks the other cluster, so a peer that hangs holds the answer back."""

from __future__ import annotations

import contextlib
from typing import Any

from ..messages import Response
from . import jobs
from .core import Core, PeerUnreachable
from .errors import ApiError, conflict, missing, not_found, refused
from .jobs import action
from .peer import peer_op
from .peering import joined_peer
from .query import schema
from .rest import Call, Resource, created, done
from .tables import Record

KNOWN = schema("uuid name svm{name uuid} peer{svm{name uuid} cluster{name uuid}} state applications")
PERMISSION = schema("cluster_peer{name uuid} svm{name uuid} applications")


def alias_of(core: Core, svm: str, alias: str) -> Record | None:
    """The accepted peer of a local SVM that goes by ``alias`` here."""
    return next((peer for peer in core.tables.all("svm_peer", svm=svm, state="peered") if peer["name"] == alias), None)


def _render(core: Core, peer: Record) -> Record:
    svm = core.tables.find("svm", name=peer["svm"])
    cluster = joined_peer(core, peer["peer_cluster"])
    return {
        "uuid": peer["uuid"], "name": peer["name"], "svm": {"name": peer["svm"], "uuid": svm["uuid"] if svm else ""}, "state": peer["state"],
        "peer": {
            "svm": {"name": peer["peer_svm"], "uuid": peer["peer_svm_uuid"]},
            "cluster": {"name": cluster["name"] if cluster else peer["peer_cluster"], "uuid": cluster["uuid"] if cluster else ""},
        },
        "applications": peer["applications"],
    }


async def _read(call: Call) -> list[Record]:
    core = call.core
    if core.tables.all("svm_peer"):
        with contextlib.suppress(PeerUnreachable):
            states = (await core.ask("svm_peer_states"))["states"]
            for peer in core.tables.all("svm_peer"):
                if peer["state"] == "peered" and peer["uuid"] not in states:
                    core.tables.put("svm_peer", {**peer, "state": "initiated"})
        core.tables.flush()
    return [_render(core, peer) for peer in core.tables.all("svm_peer", **call.exact("svm.name"), **call.exact("name"), **call.exact("uuid"))]


def _free_alias(core: Core, svm: str, name: str) -> bool:
    return core.tables.find("svm", name=name) is None and core.tables.find("svm_peer", svm=svm, name=name) is None


async def _create(call: Call) -> Response:
    core, body = call.core, call.body
    svm_name, remote = body.get("svm", {}).get("name"), body.get("peer", {})
    peer_svm, cluster = remote.get("svm", {}).get("name"), remote.get("cluster", {}).get("name")
    for name, value in (("svm.name", svm_name), ("peer.svm.name", peer_svm), ("peer.cluster.name", cluster)):
        if not value:
            raise missing(name)
    core.svm(svm_name)
    applications = body.get("applications") or []
    if not applications:
        raise missing("applications")
    peer_cluster = joined_peer(core, cluster)
    if peer_cluster is None:
        raise refused(26345580, f'Cluster "{cluster}" is not a peer of this cluster.')
    if core.tables.find("svm_peer", svm=svm_name, peer_svm=peer_svm, peer_cluster=peer_cluster["remote_name"]):
        raise conflict(9896095, "The SVM peer relationship exists already.")
    alias = body.get("name") or peer_svm
    if not _free_alias(core, svm_name, alias):
        raise refused(9896086, f'The peer SVM name "{alias}" conflicts with a local SVM or peer; give a local name.')
    peer = {
        "uuid": core.uuid(), "name": alias, "svm": svm_name, "peer_svm": peer_svm, "peer_svm_uuid": "", "peer_cluster": peer_cluster["remote_name"],
        "state": "initializing", "applications": applications,
    }
    job = jobs.start(call, "svm_peer.offer", peer["uuid"], core.profile.job, peer=peer)
    return await jobs.answer(call, job, _render(core, peer))


@action("svm_peer.offer", peer=True)
async def _offer(core: Core, arguments: Record) -> None:
    peer = arguments["peer"]
    svm = core.svm(peer["svm"])
    answer = await core.ask(
        "svm_peer_offer", uuid=peer["uuid"], svm=peer["svm"], svm_uuid=svm["uuid"], peer_svm=peer["peer_svm"], applications=peer["applications"],
    )
    state = "peered" if answer["state"] == "peered" else "initiated"
    core.tables.put("svm_peer", {**peer, "state": state, "peer_svm_uuid": answer["svm_uuid"]})


@peer_op("svm_peer_offer")
async def _offered(core: Core, message: Record) -> Record:
    svm = core.tables.find("svm", name=message["peer_svm"])
    if svm is None:
        raise refused(26345575, f'SVM "{message["peer_svm"]}" does not exist on cluster "{core.name}".')
    alias, number = message["svm"], 1
    while not _free_alias(core, svm["name"], alias):
        alias, number = f"{message['svm']}.{number}", number + 1
    allowed = _permitted(core, message["cluster"], svm["name"], message["applications"])
    state = "peered" if allowed else "pending"
    core.tables.put("svm_peer", {
        "uuid": message["uuid"], "name": alias, "svm": svm["name"], "peer_svm": message["svm"], "peer_svm_uuid": message["svm_uuid"],
        "peer_cluster": message["cluster"], "state": state, "applications": message["applications"],
    })
    return {"state": state, "svm_uuid": svm["uuid"]}


def _permitted(core: Core, cluster: str, svm: str, applications: list[str]) -> bool:
    peer = joined_peer(core, cluster)
    if peer is None:
        return False
    if {"*", svm} & set(peer["allowed"]):
        return True
    return any(
        permission["svm"] in ("*", svm) and set(applications) <= set(permission["applications"])
        for permission in core.tables.all("permission", cluster=peer["remote_name"])
    )


async def _modify(call: Call) -> Response:
    core, body = call.core, call.body
    peer = core.tables.get("svm_peer", call.key)
    if peer is None:
        raise not_found()
    state = body.get("state")
    if not ({"state", "applications", "name"} & set(body)):
        raise refused(26345577, "One of applications, state or name is required.")
    if state not in (None, "peered", "rejected", "suspended"):
        raise refused(26345576, f'The state "{state}" is not allowed.')
    if state in ("peered", "rejected") and peer["state"] == "initiated":
        raise refused(26345576, "The relationship waits for the other cluster; it cannot be accepted here.")
    changes = {name: body[name] for name in ("state", "applications", "name") if name in body}
    if "name" in changes and changes["name"] != peer["name"] and not _free_alias(core, peer["svm"], changes["name"]):
        raise refused(9896086, f'The peer SVM name "{changes["name"]}" conflicts with a local SVM or peer.')
    return await jobs.answer(call, jobs.start(call, "svm_peer.change", peer["uuid"], core.profile.job, changes=changes))


@action("svm_peer.change", peer=True)
async def _change(core: Core, arguments: Record) -> None:
    peer = core.tables.get("svm_peer", arguments["target"])
    if peer is None:
        raise not_found()
    changes: dict[str, Any] = arguments["changes"]
    shared = {name: value for name, value in changes.items() if name != "name"}
    if shared:
        await core.ask("svm_peer_change", uuid=peer["uuid"], changes=shared)
    core.tables.put("svm_peer", {**peer, **changes})


@peer_op("svm_peer_change")
async def _changed(core: Core, message: Record) -> Record:
    peer = core.tables.get("svm_peer", message["uuid"])
    if peer is None:
        raise ApiError(404, 26345578, "The SVM peer relationship was not found on the peer cluster.")
    core.tables.put("svm_peer", {**peer, **message["changes"]})
    return {}


@peer_op("svm_peer_states")
async def _states(core: Core, message: Record) -> Record:
    return {"states": {peer["uuid"]: peer["state"] for peer in core.tables.all("svm_peer")}}


async def _remove(call: Call) -> Response:
    core = call.core
    peer = core.tables.get("svm_peer", call.key)
    if peer is None:
        raise not_found()
    if _in_use(core, peer):
        raise conflict(9895956, "The SVM peer relationship is in use by SnapMirror.")
    force = call.flag("force") or bool(call.body.get("force"))
    return await jobs.answer(call, jobs.start(call, "svm_peer.delete", peer["uuid"], core.profile.job, force=force))


def _in_use(core: Core, peer: Record) -> bool:
    as_destination = any(peer["name"] == relationship["source_svm"] for relationship in core.tables.all("relationship", svm=peer["svm"]))
    return as_destination or any(record["peer_svm"] == peer["peer_svm"] for record in core.tables.all("destination", svm=peer["svm"]))


@action("svm_peer.delete", peer=True)
async def _delete(core: Core, arguments: Record) -> None:
    try:
        await core.ask("svm_peer_delete", uuid=arguments["target"])
    except PeerUnreachable:
        if not arguments["force"]:
            raise
    core.tables.delete("svm_peer", arguments["target"])


@peer_op("svm_peer_delete")
async def _deleted(core: Core, message: Record) -> Record:
    peer = core.tables.get("svm_peer", message["uuid"])
    if peer is not None and _in_use(core, peer):
        raise conflict(9895956, "The SVM peer relationship is in use by SnapMirror on the peer cluster.")
    core.tables.delete("svm_peer", message["uuid"])
    return {}


def _permission(core: Core, permission: Record) -> Record:
    svm = core.tables.find("svm", name=permission["svm"])
    peer = joined_peer(core, permission["cluster"])
    return {
        "cluster_peer": {"name": permission["cluster"], "uuid": peer["uuid"] if peer else permission["cluster"]},
        "svm": {"name": permission["svm"], "uuid": svm["uuid"] if svm else permission["svm"]}, "applications": permission["applications"],
    }


async def _permissions(call: Call) -> list[Record]:
    return [_permission(call.core, permission) for permission in call.core.tables.all("permission")]


async def _permit(call: Call) -> Response:
    core, body = call.core, call.body
    peer, svm = joined_peer(core, body.get("cluster_peer", {}).get("name", "")), body.get("svm", {}).get("name")
    if peer is None:
        raise refused(26345572, "The cluster peer does not exist.")
    if not svm or (svm != "*" and core.tables.find("svm", name=svm) is None):
        raise refused(26345573, "The SVM does not exist.")
    if core.tables.find("permission", cluster=peer["remote_name"], svm=svm):
        raise conflict(9896057, "The permission exists already.")
    permission = {"uuid": core.uuid(), "cluster": peer["remote_name"], "svm": svm, "applications": body.get("applications", [])}
    return created(call, _permission(core, core.tables.put("permission", permission)))


def _find_permission(call: Call) -> Record:
    for permission in call.core.tables.all("permission"):
        shown = _permission(call.core, permission)
        if (shown["cluster_peer"]["uuid"], shown["svm"]["uuid"]) == tuple(call.keys.values()):
            return permission
    raise not_found()


async def _change_permission(call: Call) -> Response:
    call.core.tables.put("permission", {**_find_permission(call), "applications": call.body.get("applications", [])})
    return done(call)


async def _forbid(call: Call) -> Response:
    call.core.tables.delete("permission", _find_permission(call)["uuid"])
    return done(call)


RESOURCES = [
    Resource("/svm/peers", KNOWN, _read, create=_create, modify=_modify, remove=_remove, flags=frozenset({"force"}), body=schema("force")),
    Resource(
        "/svm/peer-permissions", PERMISSION, _permissions, keys=("cluster_peer.uuid", "svm.uuid"), default=("cluster_peer", "svm"), create=_permit,
        modify=_change_permission, remove=_forbid,
    ),
]
