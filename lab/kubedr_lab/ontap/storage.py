# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes and snapshots. The bytes are real; see tables.Contents."""

from __future__ import annotations

from typing import Any

from ..messages import Response
from . import jobs
from .core import Core, duration, iso, iso_exact
from .errors import conflict, invalid_value, missing, not_found, refused
from .jobs import action
from .query import schema
from .rest import Call, Resource
from .svms import check_change
from .tables import Record

KNOWN = schema(
    "uuid name svm{name uuid} type state style size comment create_time is_svm_root svm_dr_protection nas{path export_policy{name id} security_style"
    " unix_permissions gid uid junction_parent*} space{size available used} snapmirror{is_protected} aggregates{name uuid} snapshot_policy{name}"
    " guarantee{type} autosize* language tiering* encryption* qos* efficiency* snapshot_count clone*"
)
GENERIC = 13001
"""ONTAP's code for "the command failed": what a clone forbids has no code of its own in its reference."""
SNAPSHOT = schema(
    "uuid name create_time volume{name uuid} svm{name uuid} snapmirror_label comment state size version_uuid owners logical_size"
    " !delta{size_consumed time_elapsed}"
)


def snapshots(core: Core, volume: Record) -> list[Record]:
    """A volume's snapshots, oldest first."""
    return sorted(core.tables.all("snapshot", volume=volume["uuid"]), key=lambda snapshot: (snapshot["created"], snapshot["order"]))


def add_snapshot(core: Core, volume: Record, name: str, **more: Any) -> Record:
    """Freeze what the volume holds now. ``origin`` is the same for the copies of one snapshot at both sites."""
    key, order = core.uuid(), core.number()
    return core.tables.put("snapshot", {
        "uuid": key, "origin": key, "order": order, "name": name, "volume": volume["uuid"], "size": core.contents.size(volume["uuid"]),
        "created": core.now(), "mirror": "", "label": "", "comment": "", **more,
    })


def drop_volume(core: Core, volume: Record) -> None:
    """Remove a volume with its snapshots and content."""
    for snapshot in core.tables.all("snapshot", volume=volume["uuid"]):
        core.tables.delete("snapshot", snapshot["uuid"])
    core.contents.cut(volume["uuid"], 0)
    core.tables.delete("volume", volume["uuid"])


def _render(core: Core, volume: Record) -> Record:
    svm = core.tables.find("svm", name=volume["svm"])
    policy = core.tables.find("export_policy", svm=volume["svm"], name=volume["export_policy"])
    used = core.contents.size(volume["uuid"])
    nas: Record = {"export_policy": {"name": volume["export_policy"], **({"id": policy["id"]} if policy else {})}, "security_style": "unix"}
    if volume["junction"]:
        nas["path"] = volume["junction"]
    return {
        "uuid": volume["uuid"], "name": volume["name"], "svm": {"name": volume["svm"], "uuid": svm["uuid"] if svm else ""}, "type": volume["type"],
        "state": volume["state"], "style": volume["style"], "size": volume["size"], "comment": volume["comment"], "create_time": iso(volume["created"]),
        "is_svm_root": volume["root"], "svm_dr_protection": volume["protection"], "nas": nas, "snapshot_policy": {"name": "none"},
        "space": {"size": volume["size"], "available": max(0, volume["size"] - used), "used": used}, "guarantee": {"type": "none"},
        "snapmirror": {"is_protected": bool(core.tables.find("destination", svm=volume["svm"]))},
        "snapshot_count": len(core.tables.all("snapshot", volume=volume["uuid"])), "clone": volume.get("clone") or {"is_flexclone": False},
    }


async def _read(call: Call) -> list[Record]:
    return [_render(call.core, volume) for volume in call.core.tables.all("volume", **call.exact("svm.name"), **call.exact("name"), **call.exact("uuid"))]


def new_volume(core: Core, svm: Record, body: Record) -> Record:
    """The record of a data volume from a POST body, checked against what the SVM has.

    Raises:
        ApiError: the SVM is a SnapMirror destination, the name or junction is taken, the export policy does not exist.
    """
    name, nas = str(body.get("name", "")), body.get("nas", {})
    if not name:
        raise missing("name")
    check_change(core, svm, "volume")
    junction, policy = nas.get("path", ""), nas.get("export_policy", {}).get("name", "default")
    if core.tables.find("volume", svm=svm["name"], name=name):
        raise conflict(917927, f'Volume "{name}" already exists in SVM "{svm["name"]}".')
    _check_nas(core, svm["name"], junction, policy)
    return {
        "uuid": core.uuid(), "name": name, "svm": svm["name"], "type": "rw", "state": "online", "junction": junction, "export_policy": policy,
        "size": int(body.get("size") or body.get("space", {}).get("size") or 1 << 30), "root": False,
        "style": body.get("style") or core.cluster.get("volume_style", "flexvol"),
        "protection": body.get("svm_dr_protection", "protected"), "created": core.now(), "comment": str(body.get("comment", "")),
    }


def _check_nas(core: Core, svm: str, junction: str, policy: str, beside: str = "") -> None:
    if junction and not junction.startswith("/"):
        raise invalid_value("nas.path", junction)
    taken = core.tables.find("volume", svm=svm, junction=junction) if junction else None
    if taken and taken["uuid"] != beside:
        raise conflict(917836, f'The junction path "{junction}" is in use by volume "{taken["name"]}".')
    if core.tables.find("export_policy", svm=svm, name=policy) is None:
        raise refused(918236, f'The export policy "{policy}" does not exist.')


async def _create(call: Call) -> Response:
    core, wanted = call.core, call.body.get("svm", {})
    svm = core.svm(wanted.get("uuid") or wanted.get("name") or "")
    volume = new_volume(core, svm, call.body)
    if call.body.get("clone", {}).get("is_flexclone"):
        volume |= _cloned(core, svm, call.body)
    job = jobs.start(call, "volume.create", volume["uuid"], core.profile.job, volume=volume)
    return await jobs.answer(call, job, _render(core, volume))


def _cloned(core: Core, svm: Record, body: Record) -> Record:
    """What a FlexClone has from its parent, where the body does not say otherwise.

    Raises:
        ApiError: no such parent or snapshot in the SVM, or the SVM does not run.
    """
    clone = body["clone"]
    parent = core.tables.find("volume", svm=svm["name"], name=clone.get("parent_volume", {}).get("name", ""))
    name = clone.get("parent_snapshot", {}).get("name", "")
    snapshot = core.tables.find("snapshot", volume=parent["uuid"], name=name) if parent else None
    if parent is None or snapshot is None:
        raise not_found("clone.parent_volume" if parent is None else "clone.parent_snapshot")
    if svm["state"] != "running":
        raise refused(GENERIC, f'Failed to create clone "{body["name"]}" because SVM "{svm["name"]}" is not running.')
    kept = {key: parent[key] for key in ("size", "style", "comment")}
    policy = {} if body.get("nas", {}).get("export_policy") else {"export_policy": parent["export_policy"]}
    described = {"is_flexclone": True, "parent_volume": {"name": parent["name"], "uuid": parent["uuid"]}, "parent_snapshot": {"name": name}}
    return {**kept, **policy, "clone": described}


@action("volume.create")
async def _created(core: Core, arguments: Record) -> None:
    volume = arguments["volume"]
    check_change(core, core.svm(volume["svm"]), "volume")
    if core.tables.find("volume", svm=volume["svm"], name=volume["name"]):
        raise conflict(917927, f'Volume "{volume["name"]}" already exists.')
    clone = volume.get("clone")
    if clone:
        parent = clone["parent_volume"]["uuid"]
        snapshot = core.tables.find("snapshot", volume=parent, name=clone["parent_snapshot"]["name"])
        if snapshot is None:
            raise not_found("clone.parent_snapshot")
        core.contents.append(volume["uuid"], core.contents.read(parent, 0, snapshot["size"]))
        for kept in core.tables.all("snapshot", volume=parent):  # a clone has its parent's snapshots up to the one that it was made of
            if (kept["created"], kept["order"]) <= (snapshot["created"], snapshot["order"]):
                core.tables.put("snapshot", {**kept, "uuid": core.uuid(), "order": core.number(), "volume": volume["uuid"], "mirror": ""})
    core.tables.put("volume", volume)


def _volume(call: Call, key: str = "uuid") -> Record:
    volume = call.core.tables.get("volume", call.keys[key])
    if volume is None:
        raise not_found(key)
    return volume


async def _modify(call: Call) -> Response:
    core, body, volume = call.core, call.body, _volume(call)
    nas = body.get("nas", {})
    changes: Record = {name: body[name] for name in ("name", "state", "comment") if name in body}
    if "path" in nas:
        changes["junction"] = nas["path"] or ""
    if nas.get("export_policy"):
        changes["export_policy"] = nas["export_policy"]["name"]
    if "svm_dr_protection" in body:
        changes["protection"] = body["svm_dr_protection"]
    if changes:
        check_change(core, core.svm(volume["svm"]), "volume")
    size = body.get("size") or body.get("space", {}).get("size")
    if size:
        changes["size"] = int(size)
    _check_nas(core, volume["svm"], str(changes.get("junction", "")), str(changes.get("export_policy", volume["export_policy"])), volume["uuid"])
    return await jobs.answer(call, jobs.start(call, "volume.change", volume["uuid"], core.profile.job, changes=changes))


@action("volume.change")
async def _changed(core: Core, arguments: Record) -> None:
    volume = core.tables.get("volume", arguments["target"])
    if volume is None:
        raise not_found()
    core.tables.put("volume", {**volume, **arguments["changes"]})


def _parent(volume: Record) -> str:
    """The uuid of the volume that this one is a clone of; empty where it is none."""
    return str(((volume.get("clone") or {}).get("parent_volume") or {}).get("uuid") or "")


async def _remove(call: Call) -> Response:
    core, volume = call.core, _volume(call)
    check_change(core, core.svm(volume["svm"]), "volume")
    if volume["root"]:
        raise refused(917831, "The root volume of an SVM cannot be deleted.")
    clones = [other["name"] for other in core.tables.all("volume", svm=volume["svm"]) if _parent(other) == volume["uuid"]]
    if clones:
        raise refused(GENERIC, f'Volume "{volume["name"]}" has the clone "{clones[0]}", and cannot be deleted.')
    return await jobs.answer(call, jobs.start(call, "volume.delete", volume["uuid"], core.profile.job))


@action("volume.delete")
async def _deleted(core: Core, arguments: Record) -> None:
    volume = core.tables.get("volume", arguments["target"])
    if volume is not None:
        drop_volume(core, volume)


def _snapshot(core: Core, volume: Record, snapshot: Record) -> Record:
    used = core.contents.size(volume["uuid"])
    svm = core.tables.find("svm", name=volume["svm"])
    return {
        "uuid": snapshot["uuid"], "name": snapshot["name"], "create_time": iso_exact(snapshot["created"]),
        "volume": {"name": volume["name"], "uuid": volume["uuid"]},
        "svm": {"name": volume["svm"], "uuid": svm["uuid"] if svm else ""}, "snapmirror_label": snapshot["label"], "comment": snapshot["comment"],
        "state": "valid", "size": snapshot["size"], "version_uuid": snapshot["origin"], "owners": ["snapmirror"] if snapshot["mirror"] else [],
        "delta": {"size_consumed": used - snapshot["size"], "time_elapsed": duration(core.now() - snapshot["created"])},
    }


async def _read_snapshots(call: Call) -> list[Record]:
    volume = _volume(call, "volume.uuid")
    return [_snapshot(call.core, volume, snapshot) for snapshot in snapshots(call.core, volume)]


async def _create_snapshot(call: Call) -> Response:
    core, volume, name = call.core, _volume(call, "volume.uuid"), call.body.get("name")
    if not name:
        raise missing("name")
    if volume["type"] != "rw":
        raise refused(524483, "Snapshots cannot be created on a data protection volume.")
    if core.tables.find("snapshot", volume=volume["uuid"], name=name):
        raise conflict(1638537, f'Snapshot "{name}" exists already.')
    label, comment = str(call.body.get("snapmirror_label", "")), str(call.body.get("comment", ""))
    snapshot = add_snapshot(core, volume, name, label=label, comment=comment)
    job = jobs.start(call, "snapshot.done", snapshot["uuid"], core.profile.job)
    return await jobs.answer(call, job, _snapshot(core, volume, snapshot))


@action("snapshot.done")
async def _snapshot_done(core: Core, arguments: Record) -> None:
    if core.tables.get("snapshot", arguments["target"]) is None:
        raise not_found()


async def _remove_snapshot(call: Call) -> Response:
    core = call.core
    snapshot = core.tables.get("snapshot", call.key)
    if snapshot is None or snapshot["volume"] != call.keys["volume.uuid"]:
        raise not_found()
    if any(_parent(other) == snapshot["volume"] and other["clone"]["parent_snapshot"]["name"] == snapshot["name"] for other in core.tables.all("volume")):
        raise refused(GENERIC, f'Snapshot "{snapshot["name"]}" is in use by a clone, and cannot be deleted.')
    return await jobs.answer(call, jobs.start(call, "snapshot.delete", snapshot["uuid"], core.profile.job))


@action("snapshot.delete")
async def _snapshot_deleted(core: Core, arguments: Record) -> None:
    core.tables.delete("snapshot", arguments["target"])


RESOURCES = [
    Resource(
        "/storage/volumes", KNOWN, _read, default=("uuid", "name", "svm"), create=_create, modify=_modify, remove=_remove,
        body=schema("nas* force validate_only"), flags=frozenset({"force"}),
    ),
    Resource(
        "/storage/volumes/{volume.uuid}/snapshots", SNAPSHOT, _read_snapshots, default=("uuid", "name", "volume"), create=_create_snapshot,
        remove=_remove_snapshot,
    ),
]
