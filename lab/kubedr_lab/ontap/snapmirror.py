# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SnapMirror relationships of SVM-DR over REST, on the cluster that owns the destination, and the source's list of destinations."""

from __future__ import annotations

from ..messages import Response
from . import jobs, states
from .core import Core, duration, iso
from .errors import ApiError, missing, not_found, refused
from .jobs import action
from .mirror import ABORTED, ACTIVE, DAY, active_transfer, drop_bases, fail, new_relationship, queue
from .peer import peer_op
from .peering import joined_peer
from .policies import cron_schedule, next_fire
from .query import schema
from .rest import Call, Resource, created, done
from .svm_peers import alias_of
from .svms import DATA_ONLY, IDENTITIES
from .tables import Record

KNOWN = schema(
    "uuid source{path svm{name uuid} cluster{name uuid}} destination{path svm{name uuid} cluster{name uuid}} group_type identity_preservation"
    " policy{name uuid type} transfer_schedule{name uuid} throttle state healthy unhealthy_reason{code message arguments*} lag_time exported_snapshot"
    " last_transfer_type transfer{uuid state type bytes_transferred end_time total_duration last_updated_time} total_transfer_bytes"
    " total_transfer_duration restore backoff_level preferred_site !svmdr_volumes{name}"
)
TRANSFER = schema(
    "uuid state bytes_transferred checkpoint_size snapshot end_time last_updated_time total_duration throttle network_compression_ratio"
    " error_info{code message} relationship{uuid} on_demand_attrs"
)
FLAGS = frozenset({
    "list_destinations_only", "source_only", "source_info_only", "destination_only", "force", "failover", "force-failover", "failback", "validate_only",
})


def _exists(core: Core, call_key: str) -> Record:
    relationship = core.tables.get("relationship", call_key)
    if relationship is None:
        raise not_found()
    return relationship


def _shown_transfer(core: Core, transfer: Record) -> Record:
    share = 1.0
    if transfer["state"] in ACTIVE:
        length = transfer["due"] - transfer["created"]
        share = min(1.0, (core.now() - transfer["created"]) / length) if length > 0 else 0.0
    shown = {"state": transfer["state"], "type": transfer["type"], "bytes_transferred": int(transfer["bytes"] * share)}
    if transfer["state"] in ACTIVE:
        return {**shown, "uuid": transfer["uuid"]}
    return {**shown, "end_time": iso(transfer["ended"]), "total_duration": duration(transfer["ended"] - transfer["created"])}


def render(core: Core, relationship: Record) -> Record:
    """One relationship as its destination shows it."""
    svm = core.tables.find("svm", name=relationship["svm"])
    policy = core.tables.find("policy", name=relationship["policy"])
    cluster = joined_peer(core, relationship["cluster"])
    record: Record = {
        "uuid": relationship["uuid"],
        "source": {
            "path": f"{relationship['source_svm']}:", "svm": {"name": relationship["source_svm"], "uuid": relationship["peer_svm_uuid"]},
            "cluster": {"name": cluster["name"] if cluster else relationship["cluster"], "uuid": cluster["uuid"] if cluster else ""},
        },
        "destination": {"path": f"{relationship['svm']}:", "svm": {"name": relationship["svm"], "uuid": svm["uuid"] if svm else ""}},
        "group_type": "svm_dr", "identity_preservation": relationship["identity"], "throttle": relationship["throttle"],
        "policy": {"name": relationship["policy"], "uuid": policy["uuid"] if policy else "", "type": "async"}, "state": relationship["state"],
        "healthy": relationship["healthy"], "total_transfer_bytes": relationship["bytes_total"], "restore": False,
        "total_transfer_duration": duration(relationship["seconds_total"]),
        "svmdr_volumes": [{"name": volume["name"]} for volume in core.tables.all("volume", svm=relationship["svm"], root=False)],
    }
    if not relationship["healthy"]:
        record["unhealthy_reason"] = relationship["reasons"]
    schedule = core.tables.find("schedule", name=relationship["schedule"]) if relationship["schedule"] else None
    if schedule:
        record["transfer_schedule"] = {"name": schedule["name"], "uuid": schedule["uuid"]}
    if relationship["exported"]:
        record["exported_snapshot"] = relationship["exported"]["name"]
        if relationship["state"] in ("snapmirrored", "paused"):
            record["lag_time"] = duration(core.now() - relationship["exported"]["created"])
    if relationship["last_type"]:
        record["last_transfer_type"] = relationship["last_type"]
    transfer = core.tables.get("transfer", relationship["transfer"]) if relationship["transfer"] else None
    return {**record, "transfer": _shown_transfer(core, transfer)} if transfer else record


def _destination(core: Core, record: Record) -> Record:
    svm = core.tables.find("svm", name=record["svm"])
    return {
        "uuid": record["uuid"], "source": {"path": f"{record['svm']}:", "svm": {"name": record["svm"], "uuid": svm["uuid"] if svm else ""}},
        "destination": {"path": f"{record['peer_svm']}:", "svm": {"name": record["peer_svm"]}, "cluster": {"name": record["cluster"]}},
        "group_type": "svm_dr", "policy": {"type": "async"}, "identity_preservation": record["identity"],
    }


async def _read(call: Call) -> list[Record]:
    core = call.core
    if call.flag("list_destinations_only"):
        return [_destination(core, record) for record in core.tables.all("destination")]
    path = call.query.get("destination.path", "")
    svm = {"svm": path[:-1]} if path.endswith(":") and path[:-1].replace("_", "").isalnum() else {}
    return [render(core, relationship) for relationship in core.tables.all("relationship", **svm, **call.exact("uuid"))]


def _svm_of(body: Record, end: str) -> str:
    path = body.get(end, {}).get("path")
    if not path:
        raise missing(f"{end}.path")
    svm, colon, volume = str(path).partition(":")
    if not colon:
        raise refused(13303852, f'The path "{path}" has no ":".', f"{end}.path")
    if volume:
        raise refused(13303841, "This system holds SVM relationships only.", f"{end}.path")
    return svm


def _check_free(core: Core, svm: Record, alias: str, identity: str) -> None:
    """Refuse a second relationship where ONTAP does."""
    if core.tables.find("relationship", svm=svm["name"]):
        raise refused(6619637, f'The destination "{svm["name"]}:" already has a relationship.')
    if identity != DATA_ONLY and core.tables.find("relationship", source_svm=alias):
        raise refused(13303976, f'The source SVM "{alias}" is already in an SVM DR relationship.')
    group = any(volume["style"] == "flexgroup" for volume in core.tables.all("volume", svm=svm["name"]))
    if group and core.knobs.refuse_flexgroup_beside and core.tables.find("destination", svm=svm["name"]):
        raise refused(13303976, f'SVM "{svm["name"]}" holds FlexGroup volumes and is already in an SVM DR relationship; delete and release that one first.')


async def _create(call: Call) -> Response:
    core, body = call.core, call.body
    alias, svm = _svm_of(body, "source"), core.svm(_svm_of(body, "destination"))
    if "state" in body:
        raise refused(13303873, "The state can only be given together with create_destination.")
    if body.get("restore") or body.get("create_destination"):
        raise refused(13303878, "restore and create_destination are not supported for this relationship.")
    peer = alias_of(core, svm["name"], alias)
    cluster = body.get("source", {}).get("cluster", {}).get("name")
    if cluster and joined_peer(core, cluster) is None:
        raise refused(13303880, f'Cluster "{cluster}" is not a peer of this cluster.')
    if peer is None:
        raise refused(26345578, f'The SVM peer relationship between "{svm["name"]}" and "{alias}" was not found.')
    policy = core.tables.find("policy", name=body.get("policy", {}).get("name", "Asynchronous"))
    if policy is None:
        raise refused(13303819, f'The policy "{body["policy"]["name"]}" was not found.', "policy.name")
    identity = body.get("identity_preservation", policy["identity"])
    if identity not in IDENTITIES:
        raise refused(262197, f'The value "{identity}" is invalid for field "identity_preservation".')
    _check_free(core, svm, alias, identity)
    schedule = (body.get("transfer_schedule") or {}).get("name") or policy["schedule"]
    fire = next_fire(cron_schedule(core, schedule)["cron"], core.now()) if schedule else None
    options = {
        "policy": policy["name"], "schedule": schedule or "", "identity": identity, "throttle": int(body.get("throttle", 0)), "next_fire": fire,
    }
    relationship = new_relationship(core, svm, peer, options)
    if call.flag("validate_only"):
        return done(call)
    job = jobs.start(call, "relationship.create", relationship["uuid"], core.profile.job, relationship=relationship)
    return await jobs.answer(call, job, render(core, relationship))


@action("relationship.create")
async def _created(core: Core, arguments: Record) -> None:
    relationship = arguments["relationship"]
    if core.tables.find("relationship", svm=relationship["svm"]):
        raise refused(6619637, f'The destination "{relationship["svm"]}:" already has a relationship.')
    core.tables.put("relationship", relationship)


def _change_properties(core: Core, relationship: Record, body: Record) -> None:
    if "policy" in body:
        policy = core.tables.find("policy", name=body["policy"].get("name"))
        if policy is None:
            raise refused(13303819, f'The policy "{body["policy"].get("name")}" was not found.', "policy.name")
        relationship["policy"] = policy["name"]
    if "transfer_schedule" in body:
        name = (body["transfer_schedule"] or {}).get("name") or ""
        relationship.update(schedule=name, next_fire=next_fire(cron_schedule(core, name)["cron"], core.now()) if name else None)
    if "throttle" in body:
        relationship["throttle"] = int(body["throttle"])
    wanted = body.get("identity_preservation", relationship["identity"])
    if wanted != relationship["identity"]:
        if wanted not in IDENTITIES:
            raise refused(262197, f'The value "{wanted}" is invalid for field "identity_preservation".')
        if wanted == DATA_ONLY or IDENTITIES.index(wanted) < IDENTITIES.index(relationship["identity"]):
            raise refused(13304081, f'identity_preservation cannot be changed from "{relationship["identity"]}" to "{wanted}".')
        relationship["identity"] = wanted
    core.tables.put("relationship", relationship)


def _turned(relationship: Record, body: Record) -> bool:
    """Whether the body exchanges source and destination.

    Raises:
        ApiError: 13304120: paths that are neither the same nor exchanged, or exchanged without state snapmirrored.
    """
    paths = [str(body.get(end, {}).get("path", "")).rstrip(":") for end in ("source", "destination")]
    names = (relationship["source_svm"], relationship["peer_svm"])
    if paths == ["", ""] or (paths[0] in (*names, "") and paths[1] in (relationship["svm"], "")):
        return False
    if paths[0] != relationship["svm"] or paths[1] not in names or body.get("state") != "snapmirrored":
        raise refused(13304120, "The given paths do not match the relationship.")
    return True


async def _modify(call: Call) -> Response:
    core, body = call.core, call.body
    relationship = _exists(core, call.key)
    wish = states.Wish("reverse") if _turned(relationship, body) else states.wish(call, relationship)
    if call.flag("validate_only"):
        await states.check(core, relationship, wish)
        return done(call)
    if wish.do:
        await states.check(core, relationship, wish)
    _change_properties(core, relationship, body)
    return await jobs.answer(call, states.start(call, relationship, wish))


async def _remove(call: Call) -> Response:
    core = call.core
    modes = [name for name in ("destination_only", "source_only", "source_info_only") if call.flag(name)]
    if len(modes) > 1:
        raise refused(13304082, "destination_only, source_only and source_info_only exclude each other.")
    mode = modes[0] if modes else ""
    if mode.startswith("source"):
        if core.tables.get("destination", call.key) is None:
            raise not_found()
        return await jobs.answer(call, jobs.start(call, "relationship.release", call.key, core.profile.job, info_only=mode == "source_info_only"))
    relationship = _exists(core, call.key)
    if active_transfer(core, relationship):
        raise refused(13303814, "The relationship cannot be deleted while a transfer is in progress.")
    do = "relationship.forget" if mode else "relationship.delete"
    return await jobs.answer(call, jobs.start(call, do, call.key, core.profile.job))


@action("relationship.release")
async def _released(core: Core, arguments: Record) -> None:
    record = core.tables.get("destination", arguments["target"])
    if record is not None:
        _release(core, record, arguments["info_only"])


def _release(core: Core, record: Record, info_only: bool) -> None:
    if not info_only:
        drop_bases(core, record["svm"], record["uuid"])
    core.tables.delete("destination", record["uuid"])


@action("relationship.forget")
async def _forgotten(core: Core, arguments: Record) -> None:
    for transfer in core.tables.all("transfer", relationship=arguments["target"]):
        core.tables.delete("transfer", transfer["uuid"])
    core.tables.delete("relationship", arguments["target"])


@action("relationship.delete", peer=True)
async def _deleted(core: Core, arguments: Record) -> None:
    relationship = _exists(core, arguments["target"])
    await core.ask("release", relationship=relationship["uuid"])
    drop_bases(core, relationship["svm"], relationship["uuid"])
    await _forgotten(core, arguments)


@peer_op("release")
async def _release_asked(core: Core, message: Record) -> Record:
    record = core.tables.get("destination", message["relationship"])
    if record is not None:
        _release(core, record, info_only=False)
    return {}


def _transfer(core: Core, transfer: Record) -> Record:
    shown = {**_shown_transfer(core, transfer), "uuid": transfer["uuid"], "relationship": {"uuid": transfer["relationship"]}, "checkpoint_size": 0}
    if transfer["snapshot"]:
        shown["snapshot"] = transfer["snapshot"]
    if transfer["error"]:
        shown["error_info"] = transfer["error"]
    return {**{name: value for name, value in shown.items() if name != "type"}, "last_updated_time": iso(core.now())}


async def _read_transfers(call: Call) -> list[Record]:
    core = call.core
    _exists(core, call.keys["relationship.uuid"])
    transfers = core.tables.all("transfer", relationship=call.keys["relationship.uuid"])
    return [_transfer(core, transfer) for transfer in transfers if transfer["ended"] is None or transfer["ended"] > core.now() - DAY]


async def _create_transfer(call: Call) -> Response:
    core = call.core
    relationship = _exists(core, call.keys["relationship.uuid"])
    if active_transfer(core, relationship):
        raise refused(13303844, "The update failed. Another transfer is in progress.")
    if relationship["state"] == "uninitialized":
        kind = "initialize"
        states.check_initialize(core, relationship)
    elif relationship["state"] == "snapmirrored" and not relationship["quiescing"]:
        kind = "update"
    else:
        raise refused(13303844, f'The update failed. The relationship is {relationship["state"]}; transfers are disabled.')
    return created(call, _transfer(core, queue(core, relationship, kind)))


async def _modify_transfer(call: Call) -> Response:
    core, state = call.core, call.body.get("state")
    transfer = core.tables.get("transfer", call.key)
    if transfer is None or transfer["relationship"] != call.keys["relationship.uuid"]:
        raise not_found()
    if state not in ("aborted", "hard_aborted"):
        raise refused(13303849, f'The state "{state}" is invalid.')
    if transfer["state"] not in ACTIVE:
        raise ApiError(404, 4, "entry doesn't exist", "uuid")
    fail(core, transfer, ABORTED, "Transfer aborted.", state)
    return done(call, _transfer(core, transfer))


RESOURCES = [
    Resource(
        "/snapmirror/relationships", KNOWN, _read, default=("uuid",), create=_create, modify=_modify, remove=_remove, flags=FLAGS,
        body=schema("create_destination* quick_resync recover_after_break preserve"),
    ),
    Resource(
        "/snapmirror/relationships/{relationship.uuid}/transfers", TRANSFER, _read_transfers, default=("uuid",), create=_create_transfer,
        modify=_modify_transfer, body=schema("source_snapshot storage_efficiency_enabled files*"),
    ),
]
