# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane: how an NFS client at an address reaches the bytes behind a path, and why it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..clock import LANDING
from .core import Core
from .exports import lets_in
from .tables import Record


class Unreachable(Exception):
    """Why a client gets no further; the first argument is the machine-readable reason."""


def _svm_at(core: Core, address: str) -> Record:
    lifs = [lif for lif in core.tables.all("lif", address=address) if lif["svm"]]
    if not lifs:
        raise Unreachable("no_such_address", f"no LIF has the address {address}")
    svms = [core.svm(lif["svm"]) for lif in lifs if lif["enabled"]]
    if not svms:
        raise Unreachable("lif_down", f"the LIF {lifs[0]['name']} is administratively down")
    running = [svm for svm in svms if svm["state"] == "running"]
    if not running:
        raise Unreachable("svm_not_running", f"SVM {svms[0]['name']} is {svms[0]['state']}")
    nfs = core.tables.get("nfs", running[0]["uuid"])
    if not (nfs and nfs["enabled"]):
        raise Unreachable("no_nfs", f"SVM {running[0]['name']} has no NFS server that is on")
    return running[0]


def _volume_at(core: Core, svm: Record, path: str) -> Record:
    """The volume with the longest junction path that leads to ``path``."""
    mounted = [volume for volume in core.tables.all("volume", svm=svm["name"]) if volume["junction"] and volume["junction"] != "/"]
    fitting = [volume for volume in mounted if path == volume["junction"] or path.startswith(volume["junction"] + "/")]
    if not fitting:
        raise Unreachable("no_such_path", f"no volume of SVM {svm['name']} is mounted at {path}")
    volume = max(fitting, key=lambda item: len(item["junction"]))
    if volume["state"] != "online":
        raise Unreachable("volume_offline", f"volume {volume['name']} is {volume['state']}")
    return volume


def reach(core: Core, address: str, client: str, path: str, write: bool) -> tuple[Record, Record]:
    """SVM and volume that a client gets to.

    Raises:
        Unreachable: no_such_address, lif_down, svm_not_running, no_nfs, no_such_path, volume_offline, export_denied, read_only.
    """
    svm = _svm_at(core, address)
    volume = _volume_at(core, svm, path)
    root = core.tables.find("volume", svm=svm["name"], root=True)
    for part, writing in ((root, False), (volume, write)):
        if part is None:
            continue
        policy = core.tables.find("export_policy", svm=svm["name"], name=part["export_policy"])
        if not lets_in(policy, client, writing):
            raise Unreachable("export_denied", f"export policy {part['export_policy']} of volume {part['name']} does not let {client} in")
    if write and volume["type"] != "rw":
        raise Unreachable("read_only", f"volume {volume['name']} is of type {volume['type']}")
    return svm, volume


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def data(core: Core, message: dict[str, Any]) -> dict[str, Any]:
    """One request of a client.

    Args:
        message: ``op`` probe, append or read; ``address`` of the LIF, ``client`` address, ``path``; ``data`` (text) for append, in which LANDING
            stands for the time of storing it.

    Returns:
        ``ok``; otherwise ``reason`` (see ``reach``) and ``message``. With ok: ``svm``, ``volume``, ``size`` in bytes, and ``data`` for read.
        An append that answers ok is stored.
    """
    op = message["op"]
    try:
        svm, volume = reach(core, str(message["address"]), str(message["client"]), str(message["path"]), write=op != "read")
    except Unreachable as error:
        return {"ok": False, "reason": error.args[0], "message": error.args[1]}
    if op == "append":
        core.contents.append(volume["uuid"], str(message["data"]).replace(LANDING, _stamp(core.now())).encode())
        core.tables.flush()
    answer = {"ok": True, "reason": "", "svm": svm["name"], "volume": volume["name"], "size": core.contents.size(volume["uuid"])}
    return {**answer, "data": core.contents.read(volume["uuid"]).decode()} if op == "read" else answer
