# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server fills into built-in objects at creation, as far as a comparison of backup and live object meets it."""

from __future__ import annotations

import base64
from ipaddress import IPv4Address
from random import Random

from ..copying import copied
from .errors import Json

_SERVICE_NET = int(IPv4Address("10.96.0.0"))
_TEMPLATE: Json = {
    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "securityContext": {},
}
_PATIENT = [
    {"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300} for trouble in ("not-ready", "unreachable")
]
_POD: Json = {
    **_TEMPLATE, "serviceAccountName": "default", "enableServiceLinks": True, "priority": 0, "preemptionPolicy": "PreemptLowerPriority",
    "tolerations": _PATIENT,
}
_CONTAINER: Json = {"resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_KEPT: Json = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}, "revisionHistoryLimit": 10}
_ROLLING: Json = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
_ORDERED: Json = {"podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}
_NETWORK: Json = {"internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
_DEFAULTS: dict[tuple[str, str], Json] = {
    ("", "Namespace"): {"spec": {"finalizers": ["kubernetes"]}},
    ("", "Secret"): {"type": "Opaque"},
    ("", "Pod"): {"spec": _POD},
    ("", "Service"): {"spec": {"type": "ClusterIP", "sessionAffinity": "None", **_NETWORK}},
    ("", "PersistentVolume"): {"spec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"}},
    ("", "PersistentVolumeClaim"): {"spec": {"volumeMode": "Filesystem"}},
    ("apps", "Deployment"): {"spec": {"replicas": 1, "strategy": _ROLLING, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}},
    ("apps", "StatefulSet"): {"spec": {"replicas": 1, **_ORDERED, **_KEPT}},
    ("apps", "ReplicaSet"): {"spec": {"replicas": 1}},
    ("scheduling.k8s.io", "PriorityClass"): {"preemptionPolicy": "PreemptLowerPriority"},
    ("storage.k8s.io", "StorageClass"): {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
}
_PHASES = {"Namespace": "Active", "Pod": "Pending", "PersistentVolume": "Pending", "PersistentVolumeClaim": "Pending"}


def complete(group: str, kind: str, obj: Json, rng: Random) -> None:
    """Fill in defaults, in place. ``rng`` picks a Service's cluster address."""
    defaults = _DEFAULTS.get((group, kind), {})
    _fill(obj, {key: value for key, value in defaults.items() if key != "spec"})
    if "spec" in defaults:
        obj["spec"] = obj.get("spec") or {}
        _fill(obj["spec"], defaults["spec"])
    if (group, kind) == ("", "Namespace"):
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    if (group, kind) == ("", "Service"):
        _service(obj["spec"], rng)
    if (group, kind) == ("", "Pod"):
        _containers(obj["spec"])
    if group == "apps" and isinstance((obj["spec"].get("template") or {}).get("spec"), dict):
        _fill(obj["spec"]["template"]["spec"], _TEMPLATE)
        _containers(obj["spec"]["template"]["spec"])
    if (group, kind) == ("", "Secret") and obj.get("stringData"):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in obj.pop("stringData").items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _fill(target: Json, defaults: Json) -> None:
    for key, value in defaults.items():
        target.setdefault(key, copied(value))


def _containers(spec: Json) -> None:
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        latest = str(container.get("image", "")).rpartition("/")[2].partition(":")[2] in ("", "latest")
        _fill(container, {**_CONTAINER, "imagePullPolicy": "Always" if latest else "IfNotPresent"})
        for port in container.get("ports") or []:
            _fill(port, {"protocol": "TCP"})


def _service(spec: Json, rng: Random) -> None:
    for port in spec.get("ports") or []:
        _fill(port, {"protocol": "TCP", "targetPort": port.get("port")})
    if spec["type"] != "ExternalName":
        if not spec.get("clusterIP"):
            spec["clusterIP"] = str(IPv4Address(_SERVICE_NET + rng.randrange(256, 65535)))
        spec.setdefault("clusterIPs", [spec["clusterIP"]])


def initial_status(group: str, kind: str, obj: Json) -> Json | None:
    """The status of a new object whose status a client cannot set at creation; None where it has none. A Node brings its own."""
    if (group, kind) == ("", "Node"):
        status: Json | None = obj.get("status")
        return status
    if not group and kind in _PHASES:
        return {"phase": _PHASES[kind], **({"qosClass": "BestEffort"} if kind == "Pod" else {})}
    if (group, kind) == ("apps", "StatefulSet"):
        return {"replicas": 0, "availableReplicas": 0}
    if (group, kind) == ("", "Service"):
        return {"loadBalancer": {}}
    return {} if group in ("apps", "batch", "networking.k8s.io") else None
