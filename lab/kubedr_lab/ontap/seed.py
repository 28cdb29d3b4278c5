# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two clusters as the lab begins: tokyo serves, osaka is empty. Nothing is peered, and no intercluster LIF exists yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .cluster import OntapCluster
from .core import Core
from .network import new_lif
from .policies import new_policy, new_schedule
from .svms import DATA_ONLY, DEFAULT, add_root, new_svm

SOURCE, DESTINATION = "source", "destination"
TOKYO_NODES = ("10.1.2.11", "10.1.2.12")
SCHEDULES = {"5min": {"minutes": list(range(0, 60, 5))}, "hourly": {"minutes": [5]}, "daily": {"minutes": [10], "hours": [0]}}


def seed_site(
    cluster: OntapCluster, groups: int, role: str, flexgroup: bool = False, node_addresses: Sequence[str] = TOKYO_NODES, addresses: Sequence[str] = (),
    username: str = "admin", password: str = "netapp-lab",
) -> None:
    """Fill an empty cluster.

    Args:
        groups: how many SVMs ``svm_app1`` ... the source has; each with a root volume, a data LIF, NFS, a route, and the export policies ``default``
            and ``k8s``.
        role: ``source`` or ``destination``.
        flexgroup: volumes made without saying otherwise are FlexGroups.
        node_addresses: the only clients that the export policies let in.
        addresses: of the data LIFs, one per group; by default 10.1.1.1 and so on.
    """
    core = cluster.core
    core.cluster.update(username=username, password=password, volume_style="flexgroup" if flexgroup else "flexvol")
    core.tables.put("cluster", core.cluster)
    _hardware(core)
    for name, cron in SCHEDULES.items():
        core.tables.put("schedule", new_schedule(core, name, cron))
    rules: dict[str, dict[str, Any]] = {
        "Asynchronous": {"retention": [{"label": "daily", "count": "7"}]}, "MirrorAllSnapshots": {"copy_all_source_snapshots": True},
    }
    for name, rule in rules.items():
        core.tables.put("policy", {**new_policy(core, {"name": name, "identity_preservation": DATA_ONLY, **rule}), "built_in": True})
    if role == SOURCE:
        for group in range(1, groups + 1):
            _svm(core, group, addresses[group - 1] if addresses else f"10.1.1.{group}", node_addresses)
    core.tables.flush()


def _hardware(core: Core) -> None:
    node = f"{core.name}-01"
    core.tables.put("node", {"uuid": core.uuid(), "name": node})
    core.tables.put("ipspace", {"uuid": core.uuid(), "name": "Default"})
    core.tables.put("broadcast_domain", {"uuid": core.uuid(), "name": "Default"})
    for port in ("e0c", "e0d"):
        core.tables.put("port", {"uuid": core.uuid(), "name": port, "node": node, "broadcast_domain": "Default", "state": "up"})
    core.tables.put("aggregate", {"uuid": core.uuid(), "name": "aggr1", "node": node})


def _svm(core: Core, group: int, address: str, node_addresses: Sequence[str]) -> None:
    svm = core.tables.put("svm", {**new_svm(core, f"svm_app{group}", DEFAULT), "aggregates": ["aggr1"]})
    add_root(core, svm)
    rule = {
        "clients": [{"match": node} for node in node_addresses], "protocols": ["nfs"], "ro_rule": ["sys"], "rw_rule": ["sys"], "superuser": ["sys"],
        "anonymous_user": "65534", "index": 1,
    }
    default = core.tables.find("export_policy", svm=svm["name"], name="default") or {}
    core.tables.put("export_policy", {**default, "rules": [rule]})
    number = core.number()
    core.tables.put("export_policy", {"uuid": str(number), "id": number, "name": "k8s", "svm": svm["name"], "rules": [rule]})
    core.tables.put("nfs", {"uuid": svm["uuid"], "svm": svm["name"], "enabled": True, "v3": True, "v4": True})
    port = core.tables.find("port", name="e0d") or {}
    core.tables.put("lif", new_lif(core, "data1", svm["name"], address, "255.255.255.0", port, "default-data-files"))
    core.tables.put("route", {"uuid": core.uuid(), "svm": svm["name"], "destination": "0.0.0.0/0", "gateway": "10.1.1.254"})
