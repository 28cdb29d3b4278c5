# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kubernetes site holds when it is new: nodes, classes, Ark with its location, Trident with a backend per group."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .controllers import api as kinds
from .controllers import trident
from .controllers.api import Api, Kind, timestamp
from .controllers.ports import KubePort
from .controllers.provisioner import LOCAL_PROVISIONER
from .crds import load_crds

NODES: dict[str, dict[str, str]] = {
    "tokyo": {"tokyo-node-1": "10.1.2.11", "tokyo-node-2": "10.1.2.12"},
    "osaka": {"osaka-node-1": "10.2.2.11", "osaka-node-2": "10.2.2.12"},
}
"""Node name to InternalIP, by site."""
TRIDENT_CLASS, LOCAL_CLASS = "ontap-nas", "local"
TRIDENT_VERSION = "26.06.0"


@dataclass(frozen=True)
class SiteSeed:
    """One new Kubernetes site.

    Args:
        nodes: node name to InternalIP.
        backends: group name to the address of its SVM's LIF; only the site where the groups begin has any.
        ark_group: ``velero.io`` or ``ark.heptio.com``.
        location: the spec of the BackupStorageLocation ``default``; the same bucket at every site.
        now: lab time, epoch seconds.
    """

    nodes: Mapping[str, str]
    location: Mapping[str, Any]
    backends: Mapping[str, str] = field(default_factory=dict)
    ark_group: str = "velero.io"
    ark_namespace: str = "velero"
    now: float = 0.0


async def seed(kube: KubePort, site: SiteSeed) -> None:
    """Make everything that is missing; what is there already is left alone, so a second call changes nothing.

    Raises:
        KubeRefused: the API server refused an object.
    """
    api = Api(kube)
    for kind, obj in objects(site):
        made = await api.create(kind, obj)
        if made is not None and kind is kinds.NODES:
            await api.set_status(kind, made, obj["status"])


def objects(site: SiteSeed) -> list[tuple[Kind, dict[str, Any]]]:
    """Everything of the site in the order of creation."""
    crds = [(kinds.CRDS, crd) for crd in load_crds(site.ark_group) + load_crds("trident.netapp.io")]
    namespaces = [(kinds.NAMESPACES, {"metadata": {"name": name}}) for name in (trident.NAMESPACE, site.ark_namespace)]
    nodes = [(kinds.NODES, node(name, address, site.now)) for name, address in site.nodes.items()]
    return [*crds, *namespaces, *nodes, *classes(), *ark_objects(site), *trident_objects(site)]


def node(name: str, address: str, now: float) -> dict[str, Any]:
    """A ready node."""
    addresses = [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]
    ready = {
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastHeartbeatTime": timestamp(now), "lastTransitionTime": timestamp(now),
    }
    size = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {"metadata": {"name": name, "labels": labels}, "status": {"addresses": addresses, "conditions": [ready], "capacity": size, "allocatable": size}}


def classes() -> list[tuple[Kind, dict[str, Any]]]:
    """The storage classes: Trident on the SVMs, and directories of the nodes, which no mirror carries over."""
    trident_class = {
        "metadata": {"name": TRIDENT_CLASS}, "provisioner": trident.PROVISIONER, "parameters": {"backendType": "ontap-nas"}, "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate", "allowVolumeExpansion": True,
    }
    local_class = {"metadata": {"name": LOCAL_CLASS}, "provisioner": LOCAL_PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
    return [(kinds.STORAGE_CLASSES, trident_class), (kinds.STORAGE_CLASSES, local_class)]


def ark_objects(site: SiteSeed) -> list[tuple[Kind, dict[str, Any]]]:
    """The backup location, and the Deployment that Velero's restores look for; it runs outside of the cluster, so it has no replicas."""
    labels = {"component": "velero"}
    container = {"name": "velero", "image": "velero/velero:v1.18.3", "args": ["server"]}
    deployment = {
        "metadata": {"namespace": site.ark_namespace, "name": "velero", "labels": labels},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    location = {"metadata": {"namespace": site.ark_namespace, "name": "default"}, "spec": dict(site.location)}
    return [(kinds.DEPLOYMENTS, deployment), (Kind(f"{site.ark_group}/v1", "backupstoragelocations", "BackupStorageLocation"), location)]


def trident_objects(site: SiteSeed) -> list[tuple[Kind, dict[str, Any]]]:
    """Trident's version, its view of the nodes, and per group a backend with its credentials."""
    version = {"metadata": {"namespace": trident.NAMESPACE, "name": "trident"}, "trident_version": TRIDENT_VERSION, "store_version": "crdv1"}
    found: list[tuple[Kind, dict[str, Any]]] = [(kinds.TRIDENT_VERSIONS, version)]
    for name, address in site.nodes.items():
        found.append((kinds.TRIDENT_NODES, {"metadata": {"namespace": trident.NAMESPACE, "name": name}, "name": name, "ips": [address]}))
    for group, address in site.backends.items():
        entry = trident.backend(group, address)
        login = {"username": "vsadmin", "password": f"lab-vsadmin-{group}"}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in login.items()}
        secret = {"metadata": {"namespace": trident.NAMESPACE, "name": f"tbe-{entry['backendUUID']}"}, "type": "Opaque", "data": data}
        found += [(kinds.SECRETS, secret), (kinds.TRIDENT_BACKENDS, entry)]
    return found
