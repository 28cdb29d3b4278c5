# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster, its nodes, ports, IPspaces, aggregates, and network interfaces and routes."""

from __future__ import annotations

import ipaddress

from ..messages import Response
from .core import Core, iso
from .errors import conflict, missing, not_found, refused
from .query import schema
from .rest import Call, Resource, created, done
from .svms import check_change
from .tables import Record

VERSION = {"full": "NetApp Release 9.16.1: Thu Jan 30 2026", "generation": 9, "major": 16, "minor": 1}
SERVICES = {
    "default-intercluster": ["intercluster_core", "management_https"],
    "default-management": ["management_core", "management_https", "management_ssh"],
    "default-data-files": ["data_core", "data_nfs", "data_cifs", "management_dns_client"],
}
CLUSTER = schema(
    "name uuid version{full generation major minor patch} contact location san_optimized timezone{name} management_interfaces{name uuid ip{address}}"
    " dns_domains name_servers ntp_servers peering_policy* metric* statistics* certificate*"
)
NODE = schema("uuid name model serial_number state version* location uptime date cluster_interfaces{name uuid ip{address}} management_interfaces* ha*")
PORT = schema("uuid name node{name uuid} type state enabled mtu speed broadcast_domain{name uuid ipspace{name}} vlan* lag* mac_address")
DOMAIN = schema("uuid name mtu ipspace{name uuid} ports{name uuid node{name}}")
IPSPACE = schema("uuid name")
AGGREGATE = schema("uuid name node{name uuid} home_node{name uuid} state space{block_storage{size available used}*} block_storage* volume_count")
LIF = schema(
    "uuid name ip{address netmask family} enabled state scope svm{name uuid} ipspace{name uuid} services service_policy{name uuid}"
    " location{home_node{name uuid} home_port{name uuid node{name}} node{name uuid} port{name uuid node{name}} is_home auto_revert failover"
    " broadcast_domain{name}}"
    " dns_zone ddns_enabled probe_port subnet{name uuid} vip metric* statistics* rdma_protocols"
)
ROUTE = schema("uuid destination{address netmask family} gateway metric scope svm{name uuid} ipspace{name uuid} interfaces{name uuid ip{address}}")
LIF_BODY = schema("fail_if_subnet_conflicts")


async def _cluster(call: Call) -> list[Record]:
    core = call.core
    return [{
        "name": core.name, "uuid": core.cluster["identity"], "version": VERSION, "contact": core.cluster["contact"], "location": core.cluster["location"],
        "san_optimized": False, "timezone": {"name": "Etc/UTC"}, "management_interfaces": [], "name_servers": [], "dns_domains": [], "ntp_servers": [],
    }]


async def _nodes(call: Call) -> list[Record]:
    core = call.core
    return [
        {
            "uuid": node["uuid"], "name": node["name"], "model": "LAB", "serial_number": node["uuid"][:8], "state": "up", "version": VERSION,
            "date": iso(core.now()), "cluster_interfaces": [],
        }
        for node in core.tables.all("node")
    ]


async def _ports(call: Call) -> list[Record]:
    return [
        {
            "uuid": port["uuid"], "name": port["name"], "node": {"name": port["node"]}, "type": "physical", "state": port["state"], "enabled": True,
            "mtu": 1500, "broadcast_domain": {"name": port["broadcast_domain"], "ipspace": {"name": "Default"}},
        }
        for port in call.core.tables.all("port")
    ]


async def _domains(call: Call) -> list[Record]:
    tables = call.core.tables
    return [
        {
            "uuid": domain["uuid"], "name": domain["name"], "mtu": 1500, "ipspace": {"name": "Default"},
            "ports": [{"name": port["name"], "node": {"name": port["node"]}} for port in tables.all("port", broadcast_domain=domain["name"])],
        }
        for domain in tables.all("broadcast_domain")
    ]


async def _ipspaces(call: Call) -> list[Record]:
    return [{"uuid": ipspace["uuid"], "name": ipspace["name"]} for ipspace in call.core.tables.all("ipspace")]


async def _aggregates(call: Call) -> list[Record]:
    size = 1 << 44
    return [
        {
            "uuid": item["uuid"], "name": item["name"], "node": {"name": item["node"]}, "home_node": {"name": item["node"]}, "state": "online",
            "space": {"block_storage": {"size": size, "available": size, "used": 0}},
        }
        for item in call.core.tables.all("aggregate")
    ]


def lif_up(core: Core, lif: Record) -> bool:
    """Up only if enabled, on a port that is up, on an SVM that runs, and with no other such LIF of the same address."""
    port = core.tables.find("port", name=lif["port"], node=lif["node"])
    if not lif["enabled"] or port is None or port["state"] != "up" or not _svm_runs(core, lif):
        return False
    twins = [twin for twin in core.tables.all("lif", address=lif["address"], enabled=True) if twin["uuid"] < lif["uuid"] and _svm_runs(core, twin)]
    return not twins


def _svm_runs(core: Core, lif: Record) -> bool:
    if not lif["svm"]:
        return True
    svm = core.tables.find("svm", name=lif["svm"])
    return bool(svm and svm["state"] == "running")


def _lif(core: Core, lif: Record) -> Record:
    svm = core.tables.find("svm", name=lif["svm"]) if lif["svm"] else None
    home = {"name": lif["home_port"], "node": {"name": lif["home_node"]}}
    record: Record = {
        "uuid": lif["uuid"], "name": lif["name"], "ip": {"address": lif["address"], "netmask": lif["netmask"], "family": "ipv4"}, "enabled": lif["enabled"],
        "state": "up" if lif_up(core, lif) else "down", "scope": lif["scope"], "ipspace": {"name": "Default"},
        "services": SERVICES.get(lif["service_policy"], []), "service_policy": {"name": lif["service_policy"]}, "vip": False,
        "location": {
            "home_node": {"name": lif["home_node"]}, "home_port": home, "node": {"name": lif["node"]},
            "port": {"name": lif["port"], "node": {"name": lif["node"]}}, "is_home": True, "auto_revert": True, "failover": "home_port_only",
        },
    }
    return {**record, "svm": {"name": svm["name"], "uuid": svm["uuid"]}} if svm else record


async def _lifs(call: Call) -> list[Record]:
    return [_lif(call.core, lif) for lif in call.core.tables.all("lif", **call.exact("svm.name"), **call.exact("name"), **call.exact("uuid"))]


def _name(value: Record | None) -> str:
    return str((value or {}).get("name", ""))


def _home(core: Core, location: Record) -> Record:
    """The port that a LIF is to live on."""
    port_name, node = _name(location.get("home_port")), _name((location.get("home_port") or {}).get("node"))
    home_node, domain = _name(location.get("home_node")), _name(location.get("broadcast_domain"))
    if not (port_name or home_node or domain) or (port_name and domain) or (node and home_node and node != home_node):
        raise refused(1967111, "Exactly one of home_port, home_node or broadcast_domain must be given.")
    node = node or home_node
    wanted = {"name": port_name, "node": node, "broadcast_domain": domain}
    ports = core.tables.all("port", **{name: value for name, value in wanted.items() if value})
    if not ports:
        raise refused(1967136 if domain else 1967130 if port_name else 1967153, "No port fits the location in this IPspace.")
    up = [port for port in ports if port["state"] == "up"]
    if not up:
        raise refused(1967154, f'Port "{ports[0]["name"]}" is not up.')
    return up[0]


def _check_address(core: Core, address: str, netmask: str) -> None:
    try:
        ipaddress.ip_interface(f"{address}/{netmask}")
    except ValueError:
        raise refused(1967387, f'The address "{address}/{netmask}" is not valid.') from None
    if core.tables.find("lif", address=address):
        raise conflict(1376963, f'IP address "{address}" is already in use.')


async def _create_lif(call: Call) -> Response:
    core, body = call.core, call.body
    svm_name, ip, ipspace = _name(body.get("svm")), body.get("ip", {}), _name(body.get("ipspace"))
    if not body.get("name"):
        raise missing("name")
    if svm_name and body.get("scope") == "cluster":
        raise refused(1967402, "A cluster-scoped interface cannot have a data SVM.")
    if not svm_name and not ipspace:
        raise refused(1967128, "An IPspace is required for a cluster-scoped interface.")
    if ipspace and core.tables.find("ipspace", name=ipspace) is None:
        raise refused(1967127, f'IPspace "{ipspace}" does not exist.')
    policy = _name(body.get("service_policy")) or ("default-data-files" if svm_name else "default-management")
    if policy not in SERVICES:
        raise refused(53281065, f'The service policy "{policy}" does not exist.')
    svm = core.svm(svm_name) if svm_name else None
    if svm:
        check_change(core, svm, "network")
    if core.tables.find("lif", name=body["name"], svm=svm_name):
        raise conflict(1966140, f'An interface named "{body["name"]}" exists already.')
    _check_address(core, str(ip.get("address", "")), str(ip.get("netmask", "")))
    home = _home(core, body.get("location", {}))
    lif = new_lif(core, body["name"], svm_name, ip["address"], str(ip["netmask"]), home, policy)
    lif["enabled"] = bool(body.get("enabled", True))
    return created(call, _lif(core, core.tables.put("lif", lif)))


def new_lif(core: Core, name: str, svm: str, address: str, netmask: str, home: Record, policy: str) -> Record:
    """The record of a LIF at its home port; cluster scope where ``svm`` is empty."""
    return {
        "uuid": core.uuid(), "name": name, "svm": svm, "scope": "svm" if svm else "cluster", "address": address, "netmask": netmask, "enabled": True,
        "home_node": home["node"], "home_port": home["name"], "node": home["node"], "port": home["name"], "service_policy": policy,
    }


async def _modify_lif(call: Call) -> Response:
    core, body = call.core, call.body
    lif = core.tables.get("lif", call.key)
    if lif is None:
        raise not_found()
    if lif["svm"]:
        check_change(core, core.svm(lif["svm"]), "network")
    changed: Record = {**lif, **{name: body[name] for name in ("name", "enabled") if name in body}}
    if "ip" in body:
        changed |= {"address": body["ip"].get("address", lif["address"]), "netmask": str(body["ip"].get("netmask", lif["netmask"]))}
        if changed["address"] != lif["address"]:
            _check_address(core, changed["address"], changed["netmask"])
    if "service_policy" in body:
        changed["service_policy"] = _name(body["service_policy"])
    location = {name: value for name, value in body.get("location", {}).items() if name in ("home_port", "home_node")}
    if location:
        home = _home(core, location)
        changed |= {"home_node": home["node"], "home_port": home["name"], "node": home["node"], "port": home["name"]}
    return done(call, _lif(core, core.tables.put("lif", changed)))


async def _remove_lif(call: Call) -> Response:
    lif = call.core.tables.get("lif", call.key)
    if lif is None:
        raise not_found()
    if lif["svm"]:
        check_change(call.core, call.core.svm(lif["svm"]), "network")
    call.core.tables.delete("lif", lif["uuid"])
    return done(call)


def _route(core: Core, route: Record) -> Record:
    svm = core.tables.find("svm", name=route["svm"]) if route["svm"] else None
    network = ipaddress.ip_network(route["destination"])
    record: Record = {
        "uuid": route["uuid"], "destination": {"address": str(network.network_address), "netmask": str(network.prefixlen), "family": "ipv4"},
        "gateway": route["gateway"], "metric": 20, "scope": "svm" if route["svm"] else "cluster", "ipspace": {"name": "Default"},
    }
    return {**record, "svm": {"name": svm["name"], "uuid": svm["uuid"]}} if svm else record


async def _routes(call: Call) -> list[Record]:
    return [_route(call.core, route) for route in call.core.tables.all("route", **call.exact("svm.name"))]


async def _create_route(call: Call) -> Response:
    core, body = call.core, call.body
    svm, destination = _name(body.get("svm")), body.get("destination", {})
    if not body.get("gateway"):
        raise missing("gateway")
    if svm:
        check_change(core, core.svm(svm), "network")
    network = f"{destination.get('address', '0.0.0.0')}/{destination.get('netmask', '0')}"
    try:
        network = str(ipaddress.ip_network(network))
    except ValueError:
        raise refused(1967387, f'The destination "{network}" is not valid.') from None
    if core.tables.find("route", svm=svm, destination=network, gateway=body["gateway"]):
        raise conflict(1967146, "The route exists already.")
    route = {"uuid": core.uuid(), "svm": svm, "destination": network, "gateway": body["gateway"]}
    return created(call, _route(core, core.tables.put("route", route)))


async def _remove_route(call: Call) -> Response:
    route = call.core.tables.get("route", call.key)
    if route is None:
        raise not_found()
    if route["svm"]:
        check_change(call.core, call.core.svm(route["svm"]), "network")
    call.core.tables.delete("route", route["uuid"])
    return done(call)


RESOURCES = [
    Resource("/cluster", CLUSTER, _cluster, keys=(), single=True),
    Resource("/cluster/nodes", NODE, _nodes),
    Resource("/network/ethernet/ports", PORT, _ports, default=("uuid", "name", "node")),
    Resource("/network/ethernet/broadcast-domains", DOMAIN, _domains),
    Resource("/network/ipspaces", IPSPACE, _ipspaces),
    Resource("/storage/aggregates", AGGREGATE, _aggregates),
    Resource("/network/ip/interfaces", LIF, _lifs, create=_create_lif, modify=_modify_lif, remove=_remove_lif, body=LIF_BODY),
    Resource("/network/ip/routes", ROUTE, _routes, default=("uuid",), create=_create_route, remove=_remove_route),
]
