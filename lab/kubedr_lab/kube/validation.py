# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an object of a built-in kind invalid (422), at creation and at every update. Messages follow the real API server's validation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .errors import Cause, Json
from .selectors import dig

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_QUANTITY = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+|[numkKMGTPE]i?)?")
_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
VOLUME_SOURCES = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker", "gcePersistentDisk", "glusterfs",
    "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)
"""The fields of a PersistentVolume's spec that name where its data is."""
_SOURCE_FIELDS = {"nfs": ("server", "path"), "csi": ("driver", "volumeHandle"), "hostPath": ("path",), "iscsi": ("targetPortal", "iqn"), "local": ("path",)}


def faults(group: str, kind: str, obj: Json) -> list[Cause]:
    """Everything wrong with an object of a built-in kind; kinds without a rule have no faults."""
    rule = _RULES.get((group, kind))
    return list(rule(obj)) if rule else []


def choice_fault(field: str, value: Any, choices: tuple[str, ...]) -> Iterator[Cause]:
    """One cause where ``value`` is not among ``choices``."""
    if value not in choices:
        yield field, f"Unsupported value: {json.dumps(value)}: supported values: " + ", ".join(json.dumps(choice) for choice in choices)


def _spec(obj: Json) -> Json:
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def _config_map(obj: Json) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if not _DATA_KEY.fullmatch(key) or len(key) > 253:
                yield f"{field}[{key}]", f"Invalid value: {json.dumps(key)}: a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    for key in set(obj.get("data") or {}) & set(obj.get("binaryData") or {}):
        yield f"data[{key}]", f"Invalid value: {json.dumps(key)}: duplicate of key present in binaryData"


def _secret(obj: Json) -> Iterator[Cause]:
    yield from _config_map({"data": obj.get("data")})
    if obj.get("type") == "kubernetes.io/dockerconfigjson" and ".dockerconfigjson" not in (obj.get("data") or {}):
        yield "data[.dockerconfigjson]", "Required value"


def _pod_spec(spec: Any, path: str) -> Iterator[Cause]:
    containers = dig(spec, ["containers"])
    if not containers:
        yield f"{path}.containers", "Required value"
        return
    names = set()
    for index, container in enumerate(containers):
        at = f"{path}.containers[{index}]"
        for field in ("name", "image"):
            if not container.get(field):
                yield f"{at}.{field}", "Required value"
        if container.get("name") in names:
            yield f"{at}.name", f"Duplicate value: {json.dumps(container['name'])}"
        names.add(container.get("name"))


def _pod(obj: Json) -> Iterator[Cause]:
    yield from _pod_spec(_spec(obj), "spec")


def _workload(obj: Json) -> Iterator[Cause]:
    spec = _spec(obj)
    replicas = spec.get("replicas", 1)
    if replicas is not None and replicas < 0:
        yield "spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0"
    selector = spec.get("selector") or {}
    labels = dig(spec, ["template", "metadata", "labels"]) or {}
    if not selector:
        yield "spec.selector", "Required value"
    elif any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        yield "spec.template.metadata.labels", f"Invalid value: {json.dumps(labels)}: `selector` does not match template `labels`"
    yield from _pod_spec(dig(spec, ["template", "spec"]), "spec.template.spec")


def _service(obj: Json) -> Iterator[Cause]:
    spec = _spec(obj)
    kind = spec.get("type", "ClusterIP")
    yield from choice_fault("spec.type", kind, ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"))
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield "spec.externalName", "Required value"
    elif not spec.get("ports") and spec.get("clusterIP") != "None":
        yield "spec.ports", "Required value"
    for index, port in enumerate(spec.get("ports") or []):
        number = port.get("port")
        if not isinstance(number, int) or not 1 <= number <= 65535:
            yield f"spec.ports[{index}].port", f"Invalid value: {json.dumps(number)}: must be between 1 and 65535, inclusive"


def _quantity(field: str, value: Any) -> Iterator[Cause]:
    if not isinstance(value, (str, int)) or not _QUANTITY.fullmatch(str(value)):
        yield field, f"Invalid value: {json.dumps(value)}: quantities must match the regular expression"
    elif str(value).startswith("-") or str(value) == "0":
        yield field, f"Invalid value: {json.dumps(value)}: must be greater than zero"


def _access_modes(spec: Json) -> Iterator[Cause]:
    modes = spec.get("accessModes") or []
    if not modes:
        yield "spec.accessModes", "Required value: at least 1 access mode is required"
    for mode in modes:
        yield from choice_fault("spec.accessModes", mode, _ACCESS_MODES)


def _volume(obj: Json) -> Iterator[Cause]:
    spec = _spec(obj)
    yield from _access_modes(spec)
    storage = dig(spec, ["capacity", "storage"])
    if storage is None:
        yield "spec.capacity", "Required value"
    else:
        yield from _quantity("spec.capacity[storage]", storage)
    sources = [name for name in VOLUME_SOURCES if spec.get(name) is not None]
    if not sources:
        yield "spec", "Required value: must specify a volume type"
    for extra in sources[1:]:
        yield f"spec.{extra}", "Forbidden: may not specify more than 1 volume type"
    for source in sources[:1]:
        for field in _SOURCE_FIELDS.get(source, ()):
            if not spec[source].get(field):
                yield f"spec.{source}.{field}", "Required value"
    yield from choice_fault("spec.persistentVolumeReclaimPolicy", spec.get("persistentVolumeReclaimPolicy", "Retain"), ("Delete", "Recycle", "Retain"))


def _claim(obj: Json) -> Iterator[Cause]:
    spec = _spec(obj)
    yield from _access_modes(spec)
    storage = dig(spec, ["resources", "requests", "storage"])
    if storage is None:
        yield "spec.resources[storage]", "Required value"
    else:
        yield from _quantity("spec.resources[storage]", storage)


def _storage_class(obj: Json) -> Iterator[Cause]:
    if not obj.get("provisioner"):
        yield "provisioner", "Required value"
    yield from choice_fault("reclaimPolicy", obj.get("reclaimPolicy", "Delete"), ("Delete", "Retain"))
    yield from choice_fault("volumeBindingMode", obj.get("volumeBindingMode", "Immediate"), ("Immediate", "WaitForFirstConsumer"))


def _binding(obj: Json) -> Iterator[Cause]:
    reference = obj.get("roleRef") or {}
    if reference.get("kind") not in ("Role", "ClusterRole"):
        yield from choice_fault("roleRef.kind", reference.get("kind"), ("Role", "ClusterRole"))
    if not reference.get("name"):
        yield "roleRef.name", "Required value"


_RULES: dict[tuple[str, str], Callable[[Json], Iterator[Cause]]] = {
    ("", "ConfigMap"): _config_map,
    ("", "Secret"): _secret,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    **{("apps", kind): _workload for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
}
