# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NFS servers and export policies."""

from __future__ import annotations

import ipaddress
from typing import Any

from ..messages import Response, json_response
from .core import Core
from .errors import conflict, invalid_value, missing, not_found, refused
from .query import schema
from .rest import Call, Resource, created, done
from .svms import check_change
from .tables import Record

NFS = schema("svm{name uuid} enabled state protocol* transport* security* vstorage_enabled showmount_enabled")
_RULE = "index clients{match} protocols ro_rule rw_rule superuser anonymous_user allow_suid allow_device_creation chown_mode ntfs_unix_security"
POLICY = schema(f"id name svm{{name uuid}} rules{{{_RULE}}}")
RULE = schema(f"{_RULE} policy{{id name}} svm{{name uuid}}")


def _svm(core: Core, name: str) -> Record:
    svm = core.tables.find("svm", name=name)
    return {"name": name, "uuid": svm["uuid"] if svm else ""}


def _service(core: Core, nfs: Record) -> Record:
    return {
        "svm": _svm(core, nfs["svm"]), "enabled": nfs["enabled"], "state": "online" if nfs["enabled"] else "offline",
        "protocol": {"v3_enabled": nfs["v3"], "v4_enabled": nfs["v4"]},
    }


async def _services(call: Call) -> list[Record]:
    return [_service(call.core, nfs) for nfs in call.core.tables.all("nfs", **call.exact("svm.name"))]


async def _create_service(call: Call) -> Response:
    core, body = call.core, call.body
    wanted = body.get("svm", {})
    svm = core.svm(wanted.get("uuid") or wanted.get("name") or "")
    check_change(core, svm, "protocol")
    if core.tables.get("nfs", svm["uuid"]):
        raise conflict(3276994, "The NFS server exists already on this SVM.")
    protocol = body.get("protocol", {})
    nfs = {
        "uuid": svm["uuid"], "svm": svm["name"], "enabled": bool(body.get("enabled", True)), "v3": bool(protocol.get("v3_enabled", True)),
        "v4": bool(protocol.get("v4_enabled", True)),
    }
    return created(call, _service(core, core.tables.put("nfs", nfs)))


async def _modify_service(call: Call) -> Response:
    core = call.core
    nfs = core.tables.get("nfs", call.key)
    if nfs is None:
        raise not_found("svm.uuid")
    check_change(core, core.svm(nfs["svm"]), "protocol")
    return done(call, _service(core, core.tables.put("nfs", {**nfs, "enabled": bool(call.body.get("enabled", nfs["enabled"]))})))


async def _remove_service(call: Call) -> Response:
    core = call.core
    nfs = core.tables.get("nfs", call.key)
    if nfs is None:
        raise not_found("svm.uuid")
    check_change(core, core.svm(nfs["svm"]), "protocol")
    core.tables.delete("nfs", nfs["uuid"])
    return done(call)


def _policy(core: Core, policy: Record) -> Record:
    return {"id": policy["id"], "name": policy["name"], "svm": _svm(core, policy["svm"]), "rules": policy["rules"]}


async def _policies(call: Call) -> list[Record]:
    return [_policy(call.core, policy) for policy in call.core.tables.all("export_policy", **call.exact("svm.name"))]


def _rules(given: list[Record]) -> list[Record]:
    """Rules as kept: complete, numbered from 1."""
    return [{**_rule(rule), "index": index} for index, rule in enumerate(sorted(given, key=lambda rule: rule.get("index", 1 << 16)), start=1)]


def _rule(given: Record) -> Record:
    clients: list[Any] = given.get("clients", [])
    if not clients:
        raise missing("clients")
    matches = [str(client.get("match", "")) if isinstance(client, dict) else str(client) for client in clients]
    for match in matches:
        if not match or (match[0].isdigit() and not _network(match)):
            raise refused(1704037, f'"{match}" is not a valid client match.')
    return {
        "index": given.get("index", 1 << 16), "clients": [{"match": match} for match in matches], "protocols": given.get("protocols", ["any"]),
        "ro_rule": given.get("ro_rule", ["any"]), "rw_rule": given.get("rw_rule", ["any"]), "superuser": given.get("superuser", ["none"]),
        "anonymous_user": given.get("anonymous_user", "65534"),
    }


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def lets_in(policy: Record | None, client: str, write: bool) -> bool:
    """Whether the first rule that names the client gives it NFS access."""
    if policy is None:
        return False
    address = ipaddress.ip_address(client)
    for rule in policy["rules"]:
        networks = [_network(item["match"]) for item in rule["clients"]]
        if any(network and address in network for network in networks) and set(rule["protocols"]) & {"any", "nfs", "nfs3", "nfs4"}:
            return "never" not in rule["rw_rule" if write else "ro_rule"]
    return False


async def _create_policy(call: Call) -> Response:
    core, body = call.core, call.body
    wanted = body.get("svm", {})
    svm = core.svm(wanted.get("uuid") or wanted.get("name") or "")
    check_change(core, svm, "protocol")
    if not body.get("name"):
        raise missing("name")
    if core.tables.find("export_policy", svm=svm["name"], name=body["name"]):
        raise conflict(1703954, "The export policy exists already.")
    number = core.number()
    policy = {"uuid": str(number), "id": number, "name": body["name"], "svm": svm["name"], "rules": _rules(body.get("rules", []))}
    return created(call, _policy(core, core.tables.put("export_policy", policy)))


def _found(call: Call, key: str) -> Record:
    policy = call.core.tables.get("export_policy", call.keys[key])
    if policy is None:
        raise not_found("id")
    if call.method != "GET":
        check_change(call.core, call.core.svm(policy["svm"]), "protocol")
    return policy


async def _modify_policy(call: Call) -> Response:
    core, body, policy = call.core, call.body, _found(call, "id")
    changed = {**policy, "name": body.get("name", policy["name"])}
    if "rules" in body:
        changed["rules"] = _rules(body["rules"])
    if changed["name"] != policy["name"]:
        for volume in core.tables.all("volume", svm=policy["svm"], export_policy=policy["name"]):
            core.tables.put("volume", {**volume, "export_policy": changed["name"]})
    return done(call, _policy(core, core.tables.put("export_policy", changed)))


async def _remove_policy(call: Call) -> Response:
    core, policy = call.core, _found(call, "id")
    if policy["name"] == "default" or core.tables.find("volume", svm=policy["svm"], export_policy=policy["name"]):
        raise refused(1703945, "The export policy is the default one or in use by a volume.")
    core.tables.delete("export_policy", policy["uuid"])
    return done(call)


async def _read_rules(call: Call) -> list[Record]:
    policy = _found(call, "policy.id")
    shared = {"policy": {"id": policy["id"], "name": policy["name"]}, "svm": _svm(call.core, policy["svm"])}
    return [{**rule, **shared} for rule in policy["rules"]]


def _place(others: list[Record], rule: Record, index: int) -> list[Record]:
    """The rules with ``rule`` at ``index``; where that is taken, the later ones move up by one. Gaps stay."""
    taken = any(other["index"] == index for other in others)
    moved = [{**other, "index": other["index"] + (taken and other["index"] >= index)} for other in others]
    return sorted([*moved, {**rule, "index": index}], key=lambda item: int(item["index"]))


async def _add_rule(call: Call) -> Response:
    policy = _found(call, "policy.id")
    index = call.body.get("index", max((rule["index"] for rule in policy["rules"]), default=0) + 1)
    call.core.tables.put("export_policy", {**policy, "rules": _place(policy["rules"], _rule(call.body), index)})
    data: Record = {"num_records": 1, "records": [{**_rule(call.body), "index": index}]} if call.flag("return_records") else {}
    return json_response(201, data, {"location": f"{call.path}/{index}"})


def _one_rule(call: Call, policy: Record) -> Record:
    for rule in policy["rules"]:
        if str(rule["index"]) == call.key:
            found: Record = rule
            return found
    raise not_found("index")


async def _modify_rule(call: Call) -> Response:
    policy = _found(call, "policy.id")
    rule = _one_rule(call, policy)
    changed = _rule({**rule, **{name: value for name, value in call.body.items() if name != "new_index"}})
    index = call.body.get("new_index", rule["index"])
    if not isinstance(index, int) or index < 1:
        raise invalid_value("new_index", index)
    others = [other for other in policy["rules"] if other is not rule]
    call.core.tables.put("export_policy", {**policy, "rules": _place(others, changed, index)})
    return done(call)


async def _remove_rule(call: Call) -> Response:
    policy = _found(call, "policy.id")
    rule = _one_rule(call, policy)
    call.core.tables.put("export_policy", {**policy, "rules": [other for other in policy["rules"] if other is not rule]})
    return done(call)


RESOURCES = [
    Resource(
        "/protocols/nfs/services", NFS, _services, keys=("svm.uuid",), default=("svm",), create=_create_service, modify=_modify_service,
        remove=_remove_service,
    ),
    Resource(
        "/protocols/nfs/export-policies", POLICY, _policies, keys=("id",), default=("id", "name", "svm"), create=_create_policy, modify=_modify_policy,
        remove=_remove_policy,
    ),
    Resource(
        "/protocols/nfs/export-policies/{policy.id}/rules", RULE, _read_rules, keys=("index",), default=("index",), create=_add_rule,
        modify=_modify_rule, remove=_remove_rule, body=schema("new_index"),
    ),
]
