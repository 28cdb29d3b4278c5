# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways back in one call.

``failback=true`` undoes a failover. ONTAP documents only that data written at the destination is kept; the inner steps here follow System Manager's older
reactivation: stop the destination SVM, send what it holds back, start the source SVM, and mirror forward again. A PATCH with exchanged paths turns a
relationship round: it leaves this cluster and appears on the other, resynchronised from here.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from .core import Core, PeerUnreachable
from .errors import ApiError, not_found, refused
from .jobs import action
from .mirror import common_snapshot, describe, local_volume, new_relationship, resync, take_volume
from .peer import peer_op
from .policies import next_fire
from .storage import add_snapshot
from .svms import DEFAULT, DESTINATION, partner_state
from .tables import Record


@action("relationship.failback", peer=True)
async def _failback(core: Core, arguments: Record) -> None:
    relationship = core.tables.get("relationship", arguments["target"])
    if relationship is None or relationship["state"] != "broken_off":
        raise refused(13303833, "The relationship is not broken off.")
    svm = core.svm(relationship["svm"])
    core.tables.put("svm", {**svm, "state": "stopped"})
    relationship["sequence"] += 1
    name = f"vserverdr.{relationship['sequence']}.{relationship['uuid']}.failback"
    volumes = []
    for volume in core.tables.all("volume", svm=svm["name"]):
        add_snapshot(core, volume, name, mirror=relationship["uuid"])
        volumes.append({**describe(core, volume), "data": b64encode(core.contents.read(volume["uuid"])).decode(), "start": 0})
    await core.ask("failback", svm=relationship["peer_svm"], volumes=volumes)
    core.tables.put("svm", {**core.svm(svm["name"]), "subtype": DESTINATION, "state": "stopped"})
    for volume in core.tables.all("volume", svm=svm["name"]):
        core.tables.put("volume", {**volume, "type": "dp"})
    relationship.update(state="snapmirrored", healthy=True, reasons=[], exported={"name": name, "created": core.now()}, last_type="resync")
    core.tables.put("relationship", relationship)
    core.log("resync", svm["name"], arguments["started"])


@peer_op("failback")
async def _take_back(core: Core, message: Record) -> Record:
    svm = core.svm(message["svm"])
    if svm["state"] != "stopped":
        raise refused(13303808, f'The source SVM "{svm["name"]}" is running; stop it first.')
    for volume in message["volumes"]:
        local = local_volume(core, svm["name"], volume)
        if local is not None and common_snapshot(core, local, volume) is None:
            raise refused(13303810, f'No common snapshot exists for volume "{volume["name"]}".')
    for volume in message["volumes"]:
        take_volume(core, svm, volume, b64decode(volume["data"]), "full")
    for volume in core.tables.all("volume", svm=svm["name"]):
        core.tables.put("volume", {**volume, "type": "rw"})
    core.tables.put("svm", {**svm, "state": "running"})
    core.log("svm_start", svm["name"], core.now())
    return {}


@action("relationship.reverse", peer=True)
async def _reverse(core: Core, arguments: Record) -> None:
    relationship = core.tables.get("relationship", arguments["target"])
    if relationship is None:
        raise not_found()
    svm = core.svm(relationship["svm"])
    if await partner_state(core, svm) == "running":
        raise refused(13303810, f'The SVM "{relationship["peer_svm"]}" is running; stop it first.')
    core.tables.put("svm", {**svm, "subtype": DEFAULT})
    for volume in core.tables.all("volume", svm=svm["name"]):
        core.tables.put("volume", {**volume, "type": "rw"})
    core.tables.put("relationship", {**relationship, "state": "broken_off"})
    fields = ("policy", "schedule", "identity", "throttle")
    await core.ask(
        "reverse", forward=relationship["uuid"], svm=relationship["peer_svm"], source_svm=svm["name"], source_uuid=svm["uuid"],
        **{name: relationship[name] for name in fields},
    )
    core.tables.delete("relationship", relationship["uuid"])


@peer_op("reverse")
async def _reversed(core: Core, message: Record) -> Record:
    svm = core.svm(message["svm"])
    peer = next((item for item in core.tables.all("svm_peer", svm=svm["name"], state="peered") if item["peer_svm"] == message["source_svm"]), None)
    if peer is None:
        raise refused(13304120, "The given paths do not match the SVM peer relationship.")
    for kind, name in (("policy", message["policy"]), ("schedule", message["schedule"])):
        if name and core.tables.find(kind, name=name) is None:
            raise refused(13303821 if kind == "policy" else 13304108, f'The {kind} "{name}" was not found on cluster "{core.name}".')
    schedule = core.tables.find("schedule", name=message["schedule"]) if message["schedule"] else None
    relationship = new_relationship(core, svm, peer, {**message, "next_fire": next_fire(schedule["cron"], core.now()) if schedule else None})
    core.tables.put("relationship", relationship)
    try:
        await resync(core, relationship)
    except (ApiError, PeerUnreachable):
        core.tables.delete("relationship", relationship["uuid"])
        raise
    core.tables.delete("destination", message["forward"])
    return {}
