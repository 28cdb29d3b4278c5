# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SVMs: creation, start, stop, the configuration lock, and what a SnapMirror destination may not change."""

from __future__ import annotations

from ..messages import Response, json_response
from . import jobs
from .core import Core, PeerUnreachable
from .errors import REFUSED, ApiError, conflict, invalid_value, missing, not_found, refused
from .jobs import action
from .peer import peer_op
from .query import schema
from .rest import Call, Resource
from .tables import Record

FULL, NO_NETWORK, DATA_ONLY = "full", "exclude_network_config", "exclude_network_and_protocol_config"
IDENTITIES = (FULL, NO_NETWORK, DATA_ONLY)
DEFAULT, DESTINATION = "default", "dp_destination"

KNOWN = schema(
    "uuid name subtype state comment language aggregates{name uuid} ipspace{name uuid} snapshot_policy{name uuid} nfs{allowed enabled} cifs{allowed enabled}"
    " iscsi{allowed enabled} fcp{allowed enabled} nvme{allowed enabled} ndmp{allowed} s3{allowed enabled} max_volumes storage* auto_enable_analytics"
    " auto_enable_activity_tracking ip_interfaces{name uuid ip{address}} dns* nsswitch* certificate* is_space_reporting_logical"
    " !snapmirror{is_protected protected_volumes_count protection_type protected_consistency_group_count}"
)
CLI = schema("vserver force foreground")
CLI_PATIENCE = 120.0


def identity_of(core: Core, svm: Record) -> str | None:
    """The identity mode under which this SVM is a destination, None where it is none."""
    relationship = core.tables.find("relationship", svm=svm["name"])
    return str(relationship["identity"]) if relationship else None


def check_change(core: Core, svm: Record, kind: str) -> None:
    """Refuse a change of ``network``, ``protocol`` or ``volume`` configuration on an SVM that receives it from its source."""
    free = {"network": (NO_NETWORK, DATA_ONLY), "protocol": (DATA_ONLY,), "volume": ()}[kind]
    if svm["subtype"] == DESTINATION and identity_of(core, svm) not in free:
        raise refused(2621570, f'This operation is not permitted on an SVM "{svm["name"]}" that is configured as the destination for SVM DR.')


def _state(core: Core, svm: Record) -> str:
    for do, word in (("svm.start", "starting"), ("svm.stop", "stopping")):
        if jobs.active(core, do, svm["uuid"]):
            return word
    return str(svm["state"])


def _render(core: Core, svm: Record) -> Record:
    nfs = core.tables.get("nfs", svm["uuid"])
    destinations = core.tables.all("destination", svm=svm["name"])
    volumes = core.tables.all("volume", svm=svm["name"])
    off = {"allowed": False, "enabled": False}
    return {
        "uuid": svm["uuid"], "name": svm["name"], "subtype": svm["subtype"], "state": _state(core, svm), "comment": svm["comment"],
        "language": "c.utf_8", "aggregates": [{"name": name} for name in svm["aggregates"]], "ipspace": {"name": "Default"},
        "snapshot_policy": {"name": svm["snapshot_policy"]}, "nfs": {"allowed": True, "enabled": bool(nfs and nfs["enabled"])},
        "cifs": off, "iscsi": off, "fcp": off, "nvme": off, "ndmp": {"allowed": False}, "s3": {"enabled": False}, "max_volumes": "unlimited",
        "auto_enable_analytics": False, "auto_enable_activity_tracking": False,
        "ip_interfaces": [
            {"name": lif["name"], "uuid": lif["uuid"], "ip": {"address": lif["address"]}} for lif in core.tables.all("lif", svm=svm["name"])
        ],
        "snapmirror": {
            "is_protected": bool(destinations), "protected_volumes_count": len(volumes) if destinations else 0,
            "protection_type": "svmdr" if destinations else "default",
        },
    }


async def _read(call: Call) -> list[Record]:
    return [_render(call.core, svm) for svm in call.core.tables.all("svm", **call.exact("name"), **call.exact("uuid"))]


async def _create(call: Call) -> Response:
    core, body = call.core, call.body
    name, subtype = body.get("name", ""), body.get("subtype", DEFAULT)
    if not name:
        raise missing("name")
    if len(name) > 47:
        raise refused(13434911, f'The SVM name "{name}" is longer than 47 characters.')
    if core.tables.find("svm", name=name) or name == core.name or core.tables.find("ipspace", name=name):
        raise conflict(13434908, f'The name "{name}" is already in use by another SVM, IPspace, or cluster.')
    if subtype not in (DEFAULT, DESTINATION):
        raise invalid_value("subtype", subtype)
    if subtype == DESTINATION and set(body) - {"name", "comment", "ipspace", "subtype"}:
        raise refused(2621580, "Only name, comment and ipspace can be given for an SVM of subtype dp_destination.")
    if len([job for job in core.tables.all("job", state="running") if job["action"]["do"] == "svm.create"]) >= 5:
        raise refused(13434894, "The maximum number of SVM create jobs is running.")
    svm = new_svm(core, name, subtype, str(body.get("comment", "")))
    job = jobs.start(call, "svm.create", svm["uuid"], core.profile.job, svm=svm, nfs=bool(body.get("nfs", {}).get("enabled")))
    return await jobs.answer(call, job, _render(core, svm))


def new_svm(core: Core, name: str, subtype: str, comment: str = "") -> Record:
    """The record of an SVM that does not exist yet."""
    return {
        "uuid": core.uuid(), "name": name, "subtype": subtype, "state": "stopped" if subtype == DESTINATION else "running", "comment": comment,
        "aggregates": [], "snapshot_policy": "default", "locked": False,
    }


@action("svm.create")
async def _created(core: Core, arguments: Record) -> None:
    svm = arguments["svm"]
    if core.tables.find("svm", name=svm["name"]):
        raise conflict(13434908, f'The name "{svm["name"]}" is already in use.')
    core.tables.put("svm", svm)
    if svm["subtype"] == DEFAULT:
        add_root(core, svm)
        if arguments["nfs"]:
            core.tables.put("nfs", {"uuid": svm["uuid"], "svm": svm["name"], "enabled": True, "v3": True, "v4": True})


def add_root(core: Core, svm: Record) -> None:
    """Give a new data SVM its root volume and its default export policy."""
    number = core.number()
    core.tables.put("export_policy", {"uuid": str(number), "id": number, "name": "default", "svm": svm["name"], "rules": []})
    core.tables.put("volume", {
        "uuid": core.uuid(), "name": f"{svm['name']}_root", "svm": svm["name"], "type": "rw", "state": "online", "junction": "/", "export_policy": "default",
        "size": 1 << 30, "style": "flexvol", "root": True, "protection": "protected", "created": core.now(), "comment": "",
    })


async def _modify(call: Call) -> Response:
    core, body = call.core, call.body
    svm = core.tables.get("svm", call.key)
    if svm is None:
        raise not_found()
    fixed = set(body) & {"subtype", "name", "ipspace"}
    if any(body[name] != svm.get(name) for name in fixed if name != "ipspace"):
        raise ApiError(400, 262203, f'Field "{", ".join(sorted(fixed))}" cannot be set in this operation.')
    if body.get("state", "running") not in ("running", "stopped"):
        raise invalid_value("state", body["state"])
    svm.update({name: body[name] for name in ("comment",) if name in body})
    if "aggregates" in body:
        svm["aggregates"] = [aggregate["name"] for aggregate in body["aggregates"]]
    core.tables.put("svm", svm)
    state = body.get("state")
    if state is None or (state == svm["state"] and not _moving(core, svm)):
        return await jobs.answer(call, jobs.start(call, "svm.touch", svm["uuid"], core.profile.job))
    return await jobs.answer(call, move(call, svm, state == "running"))


@action("svm.touch")
async def _touched(core: Core, arguments: Record) -> None:
    core.svm(arguments["target"])


def _moving(core: Core, svm: Record) -> bool:
    return _state(core, svm) in ("starting", "stopping")


def move(call: Call, svm: Record, up: bool, force: bool = False) -> Record:
    """The job that starts or stops an SVM."""
    core = call.core
    if up:
        if svm["subtype"] == DESTINATION and identity_of(core, svm) != DATA_ONLY:
            raise refused(2621570, f'SVM "{svm["name"]}" cannot be started: it is the destination of an SVM DR relationship.')
        if svm["locked"] and not force:
            raise refused(REFUSED, f'The management configuration for this Vserver is locked: "{svm["name"]}".')
        return jobs.start(call, "svm.start", svm["uuid"], core.profile.svm_start, force=force)
    return jobs.start(call, "svm.stop", svm["uuid"], core.profile.svm_stop)


@action("svm.start", peer=True)
async def _start(core: Core, arguments: Record) -> None:
    svm = core.svm(arguments["target"])
    if not arguments["force"] and await partner_state(core, svm) == "running":
        raise refused(REFUSED, f'SVM "{svm["name"]}" cannot be started: its DR partner is operationally running. Use -force to start it anyway.')
    if svm["subtype"] == DESTINATION and identity_of(core, svm) != DATA_ONLY:
        raise refused(2621570, f'SVM "{svm["name"]}" became the destination of an SVM DR relationship.')
    core.tables.put("svm", {**svm, "state": "running"})
    core.log("svm_start", svm["name"], arguments["started"])
    if core.knobs.confirmation_bug:
        raise refused(REFUSED, "You cannot start the SVM when command confirmations are disabled.")


@action("svm.stop")
async def _stop(core: Core, arguments: Record) -> None:
    svm = core.svm(arguments["target"])
    core.tables.put("svm", {**svm, "state": "stopped"})
    core.log("svm_stop", svm["name"], arguments["started"])


async def partner_state(core: Core, svm: Record) -> str | None:
    """State of the SVM at the other end of a relationship that shares the identity; None where it cannot be known or there is none."""
    partners = [item["peer_svm"] for item in core.tables.all("relationship", svm=svm["name"]) if item["identity"] == FULL]
    partners += [item["peer_svm"] for item in core.tables.all("destination", svm=svm["name"]) if item["identity"] == FULL]
    if not partners or core.peer_seen_down():
        return None
    try:
        return str((await core.ask("svm_state", svm=partners[0]))["state"])
    except PeerUnreachable:
        return None


@peer_op("svm_state")
async def _tell_state(core: Core, message: Record) -> Record:
    svm = core.tables.find("svm", name=message["svm"])
    return {"state": svm["state"] if svm else None}


async def _remove(call: Call) -> Response:
    core = call.core
    svm = core.tables.get("svm", call.key)
    if svm is None:
        raise not_found()
    name = svm["name"]
    if core.tables.all("relationship", svm=name) or core.tables.all("destination", svm=name) or core.tables.all("svm_peer", svm=name):
        raise conflict(REFUSED, f'SVM "{name}" has SnapMirror or SVM peer relationships.')
    if [volume for volume in core.tables.all("volume", svm=name) if not volume["root"]]:
        raise conflict(REFUSED, f'SVM "{name}" has volumes.')
    return await jobs.answer(call, jobs.start(call, "svm.delete", svm["uuid"], core.profile.job))


@action("svm.delete")
async def _deleted(core: Core, arguments: Record) -> None:
    svm = core.svm(arguments["target"])
    for volume in core.tables.all("volume", svm=svm["name"]):
        for snapshot in core.tables.all("snapshot", volume=volume["uuid"]):
            core.tables.delete("snapshot", snapshot["uuid"])
    for kind in ("volume", "export_policy", "lif", "route", "nfs"):
        for record in core.tables.all(kind, svm=svm["name"]):
            core.tables.delete(kind, record["uuid"])
    core.tables.delete("svm", svm["uuid"])


def _cli_svm(call: Call) -> tuple[Record, bool]:
    name = call.body.get("vserver")
    if not name:
        raise missing("vserver")
    return call.core.svm(name), str(call.body.get("force", False)).lower() == "true"


async def _cli_move(call: Call, up: bool) -> Response:
    """The command line waits for its end, whatever return_timeout says."""
    svm, force = _cli_svm(call)
    if svm["state"] == ("running" if up else "stopped"):
        return json_response(200, {"cli_output": ""})
    job = move(call, svm, up, force)
    await jobs.settle(call.core, job, CLI_PATIENCE)
    if job["state"] == "failure":
        raise refused(job["code"], job["message"])
    return json_response(200, {"cli_output": ""}) if job["state"] == "success" else await jobs.answer(call, job)


async def _cli_start(call: Call) -> Response:
    return await _cli_move(call, True)


async def _cli_stop(call: Call) -> Response:
    return await _cli_move(call, False)


async def _cli_unlock(call: Call) -> Response:
    svm, _ = _cli_svm(call)
    call.core.tables.put("svm", {**svm, "locked": False})
    return json_response(200, {"cli_output": ""})


async def _nothing(call: Call) -> list[Record]:
    return [{}]


RESOURCES = [
    Resource("/svm/svms", KNOWN, _read, create=_create, modify=_modify, remove=_remove),
    Resource("/private/cli/vserver/start", {}, _nothing, keys=(), create=_cli_start, body=CLI, single=True),
    Resource("/private/cli/vserver/stop", {}, _nothing, keys=(), create=_cli_stop, body=CLI, single=True),
    Resource("/private/cli/vserver/unlock", {}, _nothing, keys=(), create=_cli_unlock, body=CLI, single=True),
]
