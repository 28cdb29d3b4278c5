# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers of SVM-DR relationships: what the source freezes and sends, what the destination takes over at the end, and what a resync throws away."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime

from .core import Core, PeerUnreachable
from .errors import ApiError, refused
from .network import new_lif
from .peer import peer_op
from .policies import next_fire
from .storage import add_snapshot, drop_volume, snapshots
from .svms import DATA_ONLY, DEFAULT, DESTINATION, FULL
from .tables import Record

UNREACHABLE, ABORTED, FAILED = 6621445, 6620046, 6621444
ACTIVE, ENDED = ("queued", "transferring"), ("success", "failed", "aborted", "hard_aborted")
DAY = 86400.0


def new_relationship(core: Core, svm: Record, peer: Record, options: Record) -> Record:
    """The record of a relationship towards ``svm`` from the SVM peer ``peer``; ``options`` are policy, schedule, identity, throttle and next_fire.

    Where the destination holds data already, it is a broken-off mirror that can be resynced.
    """
    empty = svm["subtype"] == DESTINATION and core.tables.find("volume", svm=svm["name"], root=True) is None
    return {
        "uuid": core.uuid(), "source_svm": peer["name"], "peer_svm": peer["peer_svm"], "peer_svm_uuid": peer["peer_svm_uuid"],
        "cluster": peer["peer_cluster"], "svm": svm["name"], "state": "uninitialized" if empty else "broken_off", "healthy": True, "reasons": [],
        "exported": None, "last_type": "", "transfer": None, "bytes_total": 0, "seconds_total": 0.0, "quiescing": 0, "sequence": 0,
        **{name: options[name] for name in ("policy", "schedule", "identity", "throttle", "next_fire")},
    }


def active_transfer(core: Core, relationship: Record) -> Record | None:
    """The transfer that is queued or under way."""
    transfer = core.tables.get("transfer", relationship["transfer"]) if relationship["transfer"] else None
    return transfer if transfer and transfer["state"] in ACTIVE else None


def queue(core: Core, relationship: Record, kind: str) -> Record:
    """Queue a transfer of ``kind`` initialize, update or resync; ``advance`` carries it out."""
    transfer = core.tables.put("transfer", {
        "uuid": core.uuid(), "relationship": relationship["uuid"], "type": kind, "state": "queued", "bytes": 0, "snapshot": "", "created": core.now(),
        "started": None, "due": core.now(), "ended": None, "error": None, "plan": None,
    })
    relationship.update(transfer=transfer["uuid"])
    core.tables.put("relationship", relationship)
    return transfer


async def advance(core: Core, transfer: Record) -> None:
    """Take a due transfer one or two steps on; a peer that gives no answer fails it."""
    if transfer["uuid"] in core.busy:
        return
    core.busy.add(transfer["uuid"])
    try:
        if transfer["state"] == "queued":
            await _begin(core, transfer)
        if transfer["state"] == "transferring" and transfer["due"] <= core.now():
            await _finish(core, transfer)
    except PeerUnreachable as error:
        fail(core, transfer, UNREACHABLE, f"The source cluster cannot be reached: {error}.")
    except ApiError as error:
        fail(core, transfer, FAILED, error.message)
    finally:
        core.busy.discard(transfer["uuid"])
    core.tables.flush()


async def _begin(core: Core, transfer: Record) -> None:
    relationship = core.tables.get("relationship", transfer["relationship"])
    if relationship is None:
        return
    relationship["sequence"] += 1
    plan = await core.ask(
        "transfer_start", relationship=relationship["uuid"], source_svm=relationship["peer_svm"], svm=relationship["svm"],
        identity=relationship["identity"], sequence=relationship["sequence"],
    )
    if transfer["state"] != "queued":
        return
    size = 0
    for volume in plan["volumes"]:
        common = common_snapshot(core, local_volume(core, relationship["svm"], volume), volume)
        volume["start"] = common["size"] if common else 0
        size += int(volume["frozen"]) - volume["start"]
    now = core.now()
    transfer.update(state="transferring", plan=plan, snapshot=plan["snapshot"], bytes=size, started=now, due=now + core.profile.transfer_seconds(size))
    core.tables.put("transfer", transfer)


def local_volume(core: Core, svm: str, volume: Record) -> Record | None:
    """The destination's copy of a source volume; root volumes belong together whatever their names."""
    if volume["root"]:
        return core.tables.find("volume", svm=svm, root=True)
    return core.tables.find("volume", svm=svm, name=volume["name"], root=False)


def common_snapshot(core: Core, local: Record | None, volume: Record) -> Record | None:
    """The newest snapshot that both have."""
    if local is None:
        return None
    origins = {snapshot["origin"] for snapshot in volume["snapshots"]}
    return next((snapshot for snapshot in reversed(snapshots(core, local)) if snapshot["origin"] in origins), None)


async def _finish(core: Core, transfer: Record) -> None:
    plan = transfer["plan"]
    items = [{"uuid": volume["uuid"], "start": volume["start"], "end": volume["frozen"]} for volume in plan["volumes"]]
    answer = await core.ask("transfer_read", relationship=transfer["relationship"], snapshot=plan["snapshot"], items=items)
    relationship = core.tables.get("relationship", transfer["relationship"])
    if transfer["state"] != "transferring" or relationship is None:
        return
    svm = core.svm(relationship["svm"])
    for volume in plan["volumes"]:
        take_volume(core, svm, volume, b64decode(answer["contents"][volume["uuid"]]), relationship["identity"])
    names = {volume["name"] for volume in plan["volumes"]}
    for volume in core.tables.all("volume", svm=svm["name"], root=False):
        if volume["name"] not in names:
            drop_volume(core, volume)
    _take_configuration(core, svm, plan["configuration"], relationship["identity"])
    transfer.update(state="success", ended=core.now(), plan=None)
    core.tables.put("transfer", transfer)
    relationship.update(
        state="snapmirrored", healthy=True, reasons=[], exported={"name": plan["snapshot"], "created": plan["created"]}, last_type=transfer["type"],
        bytes_total=relationship["bytes_total"] + transfer["bytes"], seconds_total=relationship["seconds_total"] + core.now() - transfer["created"],
    )
    _ended(core, relationship, transfer)
    core.tables.flush()
    await core.ask("transfer_done", relationship=relationship["uuid"], source_svm=relationship["peer_svm"], snapshot=plan["snapshot"])


def _ended(core: Core, relationship: Record, transfer: Record) -> None:
    """A quiesce that waited for the transfer is done now."""
    core.log("transfer" if transfer["type"] == "update" else transfer["type"], relationship["svm"], transfer["created"])
    if relationship["quiescing"] and relationship["state"] == "snapmirrored":
        core.log("quiesce", relationship["svm"], relationship["quiescing"])
        relationship.update(state="paused", quiescing=0)
    core.tables.put("relationship", relationship)


def fail(core: Core, transfer: Record, code: int, message: str, state: str = "failed") -> None:
    """End a transfer without success: the exported snapshot stays, the relationship is unhealthy until the next success."""
    if transfer["state"] not in ACTIVE:
        return
    transfer.update(state=state, ended=core.now(), error={"code": code, "message": message}, plan=None)
    core.tables.put("transfer", transfer)
    relationship = core.tables.get("relationship", transfer["relationship"])
    if relationship is not None:
        relationship.update(healthy=False, reasons=[{"code": str(code), "message": message}])
        _ended(core, relationship, transfer)


def take_volume(core: Core, svm: Record, source: Record, data: bytes, identity: str) -> None:
    """Make the local copy what the source volume is: ``data`` follows the first ``source["start"]`` bytes, which are common."""
    local = local_volume(core, svm["name"], source)
    if local is None:
        local = {"uuid": core.uuid(), "svm": svm["name"], "created": core.now()}
    policy = source["export_policy"] if identity != DATA_ONLY or core.tables.find("export_policy", svm=svm["name"], name=source["export_policy"]) else "default"
    local |= {
        "name": source["name"], "type": "dp", "state": source["state"], "junction": source["junction"], "export_policy": policy,
        "size": max(source["size"], local.get("size", 0)), "style": source["style"], "root": source["root"], "protection": "protected",
        "comment": source["comment"],
    }
    core.tables.put("volume", local)
    core.contents.cut(local["uuid"], source["start"])
    core.contents.append(local["uuid"], data)
    kept = {snapshot["origin"]: snapshot for snapshot in snapshots(core, local)}
    wanted = {snapshot["origin"] for snapshot in source["snapshots"]}
    for origin, snapshot in kept.items():
        if origin not in wanted:
            core.tables.delete("snapshot", snapshot["uuid"])
    for snapshot in source["snapshots"]:
        if snapshot["origin"] not in kept:
            core.tables.put("snapshot", {**snapshot, "uuid": core.uuid(), "order": core.number(), "volume": local["uuid"]})


def _take_configuration(core: Core, svm: Record, configuration: Record, identity: str) -> None:
    """Put the source's network and protocol configuration in place of the own one, as far as the identity mode says."""
    name = svm["name"]
    if core.tables.find("export_policy", svm=name, name="default") is None and identity == DATA_ONLY:
        _replace_policies(core, name, [{"name": "default", "rules": []}])
    if identity != DATA_ONLY:
        _replace_policies(core, name, configuration["export_policies"])
        core.tables.delete("nfs", svm["uuid"])
        if configuration["nfs"]:
            core.tables.put("nfs", {**configuration["nfs"], "uuid": svm["uuid"], "svm": name})
    if identity == FULL:
        _replace_network(core, name, configuration)


def _replace_policies(core: Core, svm: str, policies: list[Record]) -> None:
    names = {policy["name"] for policy in policies}
    for policy in core.tables.all("export_policy", svm=svm):
        if policy["name"] not in names:
            core.tables.delete("export_policy", policy["uuid"])
    for policy in policies:
        have = core.tables.find("export_policy", svm=svm, name=policy["name"])
        number = have["id"] if have else core.number()
        core.tables.put("export_policy", {"uuid": str(number), "id": number, "name": policy["name"], "svm": svm, "rules": policy["rules"]})


def _replace_network(core: Core, svm: str, configuration: Record) -> None:
    wanted = {(lif["name"], lif["address"]): lif for lif in configuration["lifs"]}
    for lif in core.tables.all("lif", svm=svm):
        if wanted.pop((lif["name"], lif["address"]), None) is None:
            core.tables.delete("lif", lif["uuid"])
    port = core.tables.find("port", state="up")
    for lif in wanted.values():
        if port is not None and core.tables.find("lif", address=lif["address"]) is None:
            made = new_lif(core, lif["name"], svm, lif["address"], lif["netmask"], port, lif["service_policy"])
            core.tables.put("lif", {**made, "enabled": lif["enabled"]})
    for route in core.tables.all("route", svm=svm):
        core.tables.delete("route", route["uuid"])
    for route in configuration["routes"]:
        core.tables.put("route", {**route, "uuid": core.uuid(), "svm": svm})


async def resync(core: Core, relationship: Record) -> None:
    """Throw away what the destination has beyond the newest common snapshot, make it a destination again, and queue the transfer.

    Raises:
        ApiError: 13303810: the destination runs, the source is no source, or no common snapshot.
        PeerUnreachable: the source was not asked.
    """
    svm = core.svm(relationship["svm"])
    if svm["state"] != "stopped" and relationship["identity"] != DATA_ONLY:
        raise refused(13303810, f'The destination SVM "{svm["name"]}" must be stopped before the resync.')
    answer = await core.ask("resync_look", source_svm=relationship["peer_svm"])
    commons: list[tuple[Record, Record]] = []
    for volume in answer["volumes"]:
        local = local_volume(core, svm["name"], volume)
        if local is not None:
            common = common_snapshot(core, local, volume)
            if common is None:
                raise refused(13303810, f'No common snapshot exists between the source and destination of volume "{volume["name"]}".')
            commons.append((local, common))
    if not commons:
        raise refused(13303810, "No common snapshot exists between the source and the destination.")
    core.tables.put("svm", {**svm, "subtype": DESTINATION})
    for volume in core.tables.all("volume", svm=svm["name"]):
        core.tables.put("volume", {**volume, "type": "dp"})
    for local, common in commons:
        core.contents.cut(local["uuid"], common["size"])
        for snapshot in snapshots(core, local):
            if (snapshot["created"], snapshot["order"]) > (common["created"], common["order"]):
                core.tables.delete("snapshot", snapshot["uuid"])
    queue(core, relationship, "resync")


def fire_schedules(core: Core) -> None:
    """Queue an update for every relationship whose schedule is due; a late one is not made up for."""
    now = core.now()
    for relationship in core.tables.all("relationship"):
        if relationship["next_fire"] is None or relationship["next_fire"] > now:
            continue
        schedule = core.tables.find("schedule", name=relationship["schedule"])
        relationship["next_fire"] = next_fire(schedule["cron"], now) if schedule else None
        core.tables.put("relationship", relationship)
        if relationship["state"] == "snapmirrored" and not relationship["quiescing"] and active_transfer(core, relationship) is None:
            queue(core, relationship, "update")


def forget_old(core: Core) -> None:
    """Transfers are shown for a day; the last one of a relationship is kept."""
    limit = core.now() - DAY
    for state in ENDED:
        for transfer in core.tables.all("transfer", state=state):
            if transfer["ended"] < limit:
                relationship = core.tables.get("relationship", transfer["relationship"])
                if relationship is None or relationship["transfer"] != transfer["uuid"]:
                    core.tables.delete("transfer", transfer["uuid"])


def describe(core: Core, volume: Record) -> Record:
    """A volume with its snapshots, as the other cluster needs it."""
    fields = ("uuid", "name", "state", "junction", "export_policy", "size", "style", "root", "comment")
    copies = [{name: value for name, value in snapshot.items() if name not in ("uuid", "volume", "order")} for snapshot in snapshots(core, volume)]
    return {**{name: volume[name] for name in fields}, "snapshots": copies}


def _source(core: Core, name: str) -> Record:
    svm = core.tables.find("svm", name=name)
    if svm is None or svm["subtype"] != DEFAULT:
        raise refused(13303810, f'SVM "{name}" is not a source on cluster "{core.name}".')
    return svm


@peer_op("resync_look")
async def _look(core: Core, message: Record) -> Record:
    svm = _source(core, message["source_svm"])
    return {"volumes": [describe(core, volume) for volume in core.tables.all("volume", svm=svm["name"], protection="protected")]}


@peer_op("transfer_start")
async def _start(core: Core, message: Record) -> Record:
    """Freeze every volume at one instant, and tell what there is to take."""
    svm, now = _source(core, message["source_svm"]), core.now()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d_%H%M%S")
    name = f"vserverdr.{message['sequence']}.{message['relationship']}.{stamp}"
    volumes = core.tables.all("volume", svm=svm["name"], protection="protected")
    for volume in volumes:
        add_snapshot(core, volume, name, mirror=message["relationship"])
    core.tables.put("destination", {
        "uuid": message["relationship"], "svm": svm["name"], "peer_svm": message["svm"], "cluster": message["cluster"], "identity": message["identity"],
    })
    return {
        "snapshot": name, "created": now, "volumes": [{**describe(core, volume), "frozen": core.contents.size(volume["uuid"])} for volume in volumes],
        "configuration": {
            "nfs": core.tables.get("nfs", svm["uuid"]),
            "export_policies": [{"name": item["name"], "rules": item["rules"]} for item in core.tables.all("export_policy", svm=svm["name"])],
            "lifs": core.tables.all("lif", svm=svm["name"]), "routes": core.tables.all("route", svm=svm["name"]),
        },
    }


@peer_op("transfer_read")
async def _read(core: Core, message: Record) -> Record:
    contents = {}
    for item in message["items"]:
        if core.tables.find("snapshot", volume=item["uuid"], name=message["snapshot"]) is None:
            raise refused(FAILED, f'Snapshot "{message["snapshot"]}" is gone from the source.')
        contents[item["uuid"]] = b64encode(core.contents.read(item["uuid"], item["start"], item["end"])).decode()
    return {"contents": contents}


@peer_op("transfer_done")
async def _done(core: Core, message: Record) -> Record:
    drop_bases(core, message["source_svm"], message["relationship"], keep=message["snapshot"])
    return {}


def drop_bases(core: Core, svm: str, relationship: str, keep: str = "") -> None:
    """Delete the snapshots that SnapMirror made for a relationship, but one."""
    for volume in core.tables.all("volume", svm=svm):
        for snapshot in core.tables.all("snapshot", volume=volume["uuid"], mirror=relationship):
            if snapshot["name"] != keep:
                core.tables.delete("snapshot", snapshot["uuid"])
