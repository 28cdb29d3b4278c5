# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``failback=true``: undo a failover in one call.

ONTAP documents only that data written at the destination is kept; the inner steps here follow System Manager's older reactivation: stop the destination SVM,
send what it holds back, start the source SVM, and mirror forward again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from .core import Core
from .errors import refused
from .jobs import action
from .mirror import common_snapshot, describe, local_volume, take_volume
from .peer import peer_op
from .storage import add_snapshot
from .svms import DESTINATION
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
