# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server fills into built-in objects at creation, as far as a comparison of backup and live object meets it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import IPv4Address
from random import Random

from .errors import Json

_SERVICE_NET = int(IPv4Address("10.96.0.0"))


def complete(group: str, kind: str, obj: Json, rng: Random) -> None:
    """Fill in defaults, in place. ``rng`` picks a Service's cluster address."""
    filler = _FILLERS.get((group, kind))
    if filler:
        filler(obj)
    if (group, kind) == ("", "Service"):
        _service(obj, rng)
    if (group, kind) == ("", "Secret") and obj.get("stringData"):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in obj.pop("stringData").items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def initial_status(group: str, kind: str, obj: Json) -> Json | None:
    """The status of a new object whose status a client cannot set at creation; None where it has none."""
    if (group, kind) == ("", "Node"):
        status: Json | None = obj.get("status")
        return status
    phases = {"Namespace": "Active", "Pod": "Pending", "PersistentVolume": "Pending", "PersistentVolumeClaim": "Pending"}
    if not group and kind in phases:
        return {"phase": phases[kind]}
    if (group, kind) == ("", "Service"):
        return {"loadBalancer": {}}
    return {} if group in ("apps", "batch", "networking.k8s.io") else None


def _namespace(obj: Json) -> None:
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _secret(obj: Json) -> None:
    obj.setdefault("type", "Opaque")


def _pod_spec(spec: Json) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("serviceAccountName", "default")
    for container in spec.get("containers") or []:
        container.setdefault("imagePullPolicy", "IfNotPresent")


def _pod(obj: Json) -> None:
    _pod_spec(obj["spec"])


def _deployment(obj: Json) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
    spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    spec.setdefault("revisionHistoryLimit", 10)


def _stateful_set(obj: Json) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})


def _replica_set(obj: Json) -> None:
    obj["spec"].setdefault("replicas", 1)


def _volume(obj: Json) -> None:
    obj["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    obj["spec"].setdefault("volumeMode", "Filesystem")


def _claim(obj: Json) -> None:
    obj["spec"].setdefault("volumeMode", "Filesystem")


def _storage_class(obj: Json) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def _service(obj: Json, rng: Random) -> None:
    spec = obj["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName":
        if not spec.get("clusterIP"):
            spec["clusterIP"] = str(IPv4Address(_SERVICE_NET + rng.randrange(256, 65535)))
        spec.setdefault("clusterIPs", [spec["clusterIP"]])


_FILLERS: dict[tuple[str, str], Callable[[Json], None]] = {
    ("", "Namespace"): _namespace,
    ("", "Secret"): _secret,
    ("", "Pod"): _pod,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
