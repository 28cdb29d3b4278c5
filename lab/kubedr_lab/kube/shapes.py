# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON types of the fields of built-in kinds, as far as clients of a disaster-recovery tool get them wrong. A wrong type is a 400, as from Go's decoder."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from .errors import Json, bad_request
from .resources import Resource

_GO = {str: "string", int: "int32", bool: "bool", bytes: "[]uint8", list: "[]interface {}", dict: "map[string]interface {}"}

Shape = Any
"""A Python type (``bytes`` = base64 text), ``[shape]`` for lists, ``{"*": shape}`` for maps, ``{field: shape}`` for structs."""

_STRINGS: Shape = {"*": str}
_CONTAINER: Shape = {"name": str, "image": str, "command": [str], "args": [str], "env": [dict], "ports": [dict], "volumeMounts": [dict], "resources": dict}
_POD: Shape = {
    "containers": [_CONTAINER], "initContainers": [_CONTAINER], "volumes": [dict],
    "nodeName": str, "nodeSelector": _STRINGS, "serviceAccountName": str, "restartPolicy": str,
}
_TEMPLATE: Shape = {"metadata": {"labels": _STRINGS, "annotations": _STRINGS}, "spec": _POD}
_SELECTOR: Shape = {"matchLabels": _STRINGS, "matchExpressions": [dict]}
_WORKLOAD: Shape = {"replicas": int, "selector": _SELECTOR, "template": _TEMPLATE, "serviceName": str, "volumeClaimTemplates": [dict]}
_CLAIM_REFERENCE: Shape = {"kind": str, "namespace": str, "name": str, "uid": str, "apiVersion": str, "resourceVersion": str}
_PV: Shape = {
    "capacity": dict, "accessModes": [str], "claimRef": _CLAIM_REFERENCE, "mountOptions": [str],
    "persistentVolumeReclaimPolicy": str, "storageClassName": str,
    "nfs": {"server": str, "path": str, "readOnly": bool},
    "csi": {"driver": str, "volumeHandle": str, "volumeAttributes": _STRINGS},
}
_PVC: Shape = {"accessModes": [str], "resources": {"requests": dict, "limits": dict}, "volumeName": str, "storageClassName": str, "selector": dict}
_CRD_VERSION: Shape = {
    "name": str, "served": bool, "storage": bool, "schema": {"openAPIV3Schema": dict}, "subresources": dict,
    "additionalPrinterColumns": [dict.fromkeys(("name", "type", "jsonPath"), str)],
}
_CRD_NAMES: Shape = {**dict.fromkeys(("plural", "singular", "kind", "listKind"), str), "shortNames": [str], "categories": [str]}
_SHAPES: dict[tuple[str, str], Shape] = {
    ("", "ConfigMap"): {"data": _STRINGS, "binaryData": {"*": bytes}, "immutable": bool},
    ("", "Secret"): {"data": {"*": bytes}, "stringData": _STRINGS, "type": str, "immutable": bool},
    ("", "Pod"): {"spec": _POD},
    ("", "PersistentVolume"): {"spec": _PV},
    ("", "PersistentVolumeClaim"): {"spec": _PVC},
    ("", "Service"): {"spec": {"selector": _STRINGS, "ports": [dict], "clusterIP": str, "type": str, "externalName": str}},
    ("", "Namespace"): {"spec": {"finalizers": [str]}},
    ("storage.k8s.io", "StorageClass"): {
        "provisioner": str, "parameters": _STRINGS, "reclaimPolicy": str,
        "volumeBindingMode": str, "allowVolumeExpansion": bool, "mountOptions": [str],
    },
    **{("apps", kind): {"spec": _WORKLOAD} for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    **{("rbac.authorization.k8s.io", kind): {"roleRef": {"apiGroup": str, "kind": str, "name": str}} for kind in ("RoleBinding", "ClusterRoleBinding")},
    ("apiextensions.k8s.io", "CustomResourceDefinition"): {"spec": {"group": str, "scope": str, "names": _CRD_NAMES, "versions": [_CRD_VERSION]}},
    ("batch", "Job"): {"spec": {"parallelism": int, "completions": int, "template": _TEMPLATE}},
    ("batch", "CronJob"): {"spec": {"schedule": str, "suspend": bool, "jobTemplate": dict}},
}
_STATUS: Shape = {"phase": str, "conditions": [dict], "containerStatuses": [{"restartCount": int}], "replicas": int, "capacity": dict}
_OPTIONS: dict[str, Shape] = {
    "Scale": {"spec": {"replicas": int}},
    "Binding": {"target": {"name": str}},
    "DeleteOptions": {"propagationPolicy": str, "dryRun": [str], "preconditions": {"uid": str, "resourceVersion": str}, "gracePeriodSeconds": int},
}
_METADATA: Shape = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), str),
    "labels": _STRINGS, "annotations": _STRINGS, "finalizers": [str], "ownerReferences": [dict.fromkeys(("apiVersion", "kind", "name", "uid"), str)],
}


_RULES = ("rules", "aggregationRule")
_TOP: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Pod", "PersistentVolume", "PersistentVolumeClaim", "Service", "Namespace", "Node"), ("spec", "status")),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"), ("spec", "status")),
    "ConfigMap": ("data", "binaryData", "immutable"),
    "Secret": ("data", "stringData", "type", "immutable"),
    "ServiceAccount": ("secrets", "imagePullSecrets", "automountServiceAccountToken"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode", "allowVolumeExpansion", "mountOptions", "allowedTopologies"),
    "PriorityClass": ("value", "globalDefault", "description", "preemptionPolicy"),
    **dict.fromkeys(("Role", "ClusterRole"), _RULES),
    **dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), ("roleRef", "subjects")),
}
"""The fields beside apiVersion, kind and metadata of the kinds that a disaster recovery meets."""


def known_fields(resource: Resource, obj: Json) -> tuple[Json, list[str]]:
    """The object of a built-in kind without fields that its kind does not have, and the names of those: a real server drops them unless asked to be strict."""
    known = _TOP.get(resource.kind)
    unknown = [] if known is None else [name for name in obj if name not in ("apiVersion", "kind", "metadata", *known)]
    return ({name: value for name, value in obj.items() if name not in unknown} if unknown else obj), unknown


def check_types(resource: Resource, obj: Json) -> None:
    """Every field that the table knows has the JSON type that it must have.

    Raises:
        KubeError: 400, naming the first field at fault.
    """
    builtin = {} if resource.crd else {"spec": dict, "status": _STATUS, **_SHAPES.get((resource.group, resource.kind), {})}
    _check(resource.kind, resource.version, obj, {"metadata": _METADATA, **builtin})


def checked_options(kind: str, body: Any) -> Json:
    """The body of a request that is no object of its own: a Scale, a Binding, or DeleteOptions; {} where there is none.

    Raises:
        KubeError: 400, naming the first field at fault.
    """
    _check(kind, "v1", body, _OPTIONS[kind])
    return body or {}


def _check(kind: str, version: str, value: Any, shape: Shape) -> None:
    for fault in _faults(value, shape, ""):
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {fault}')


def _faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield _mismatch(value, path, dict)
            return
        for key, item in value.items():
            if key in shape or "*" in shape:
                yield from _faults(item, shape.get(key, shape.get("*")), f"{path}.{key}" if "*" not in shape else path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield _mismatch(value, path, list)
            return
        for item in value:
            yield from _faults(item, shape[0], path) if item is not None else [f"null in the array {path.lstrip('.')}"]
    elif shape is bytes:
        yield from _base64_faults(value, path)
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        yield _mismatch(value, path, shape)


def _base64_faults(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield _mismatch(value, path, bytes)
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        yield f"illegal base64 data in field {path.lstrip('.')}"


def _mismatch(value: Any, path: str, wanted: type) -> str:
    names = {str: "string", bool: "bool", dict: "object", list: "array"}
    return f"json: cannot unmarshal {names.get(type(value), 'number')} into Go struct field {path.lstrip('.')} of type {_GO[wanted]}"
