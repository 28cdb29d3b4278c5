# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubectl prints: Tables with one row per object, and PartialObjectMetadata."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from .errors import Json
from .resources import Resource
from .selectors import dig

Column = tuple[str, str, str | Callable[[Json], Any]]
"""(name, type, JSON path or function)."""
_AGE: Column = ("Age", "date", ".metadata.creationTimestamp")
_STEP = re.compile(r"""\.([^.\[]+)|\['([^']+)'\]|\[(\d+)\]|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]""")


def _containers(pod: Json) -> list[Json]:
    return dig(pod, ["status", "containerStatuses"]) or []


def _pod_ready(pod: Json) -> str:
    return f"{sum(bool(status.get('ready')) for status in _containers(pod))}/{len(pod['spec'].get('containers') or [])}"


def _pod_restarts(pod: Json) -> str:
    return str(sum(status.get("restartCount", 0) for status in _containers(pod)))


def _replicas_ready(workload: Json) -> str:
    return f"{dig(workload, ['status', 'readyReplicas']) or 0}/{workload['spec'].get('replicas', 1)}"


def _count(name: str, *path: str) -> Column:
    return name, "integer", lambda obj: dig(obj, list(path)) or 0


def _data(obj: Json) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


def _claim(volume: Json) -> str:
    reference = volume["spec"].get("claimRef") or {}
    return f"{reference.get('namespace')}/{reference.get('name')}" if reference else ""


def _node_ready(node: Json) -> str:
    conditions = dig(node, ["status", "conditions"]) or []
    return "Ready" if any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions) else "NotReady"


def _involved(event: Json) -> str:
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name')}"


def _texts(**paths: str) -> tuple[Column, ...]:
    """Text columns; an underscore in a name stands for a blank."""
    return tuple((name.replace("_", " "), "string", path) for name, path in paths.items())


_READY: Column = ("Ready", "string", _replicas_ready)
_DATA: Column = ("Data", "integer", _data)
_CLASS = _texts(StorageClass=".spec.storageClassName")
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "namespaces": (*_texts(Status=".status.phase"), _AGE),
    "nodes": (("Status", "string", _node_ready), _AGE),
    "pods": (("Ready", "string", _pod_ready), *_texts(Status=".status.phase"), ("Restarts", "string", _pod_restarts), _AGE),
    "configmaps": (_DATA, _AGE),
    "secrets": (*_texts(Type=".type"), _DATA, _AGE),
    "services": (*_texts(Type=".spec.type"), ("Cluster-IP", "string", ".spec.clusterIP"), _AGE),
    "events": (("Last Seen", "date", ".lastTimestamp"), *_texts(Type=".type", Reason=".reason"), ("Object", "string", _involved), *_texts(Message=".message")),
    "persistentvolumes": (
        *_texts(Capacity=".spec.capacity.storage", Reclaim_Policy=".spec.persistentVolumeReclaimPolicy", Status=".status.phase"),
        ("Claim", "string", _claim), *_CLASS, _AGE,
    ),
    "persistentvolumeclaims": (*_texts(Status=".status.phase", Volume=".spec.volumeName", Capacity=".status.capacity.storage"), *_CLASS, _AGE),
    "deployments.apps": (_READY, _count("Up-to-date", "status", "updatedReplicas"), _count("Available", "status", "availableReplicas"), _AGE),
    "statefulsets.apps": (_READY, _AGE),
    "replicasets.apps": (_count("Desired", "spec", "replicas"), _count("Current", "status", "replicas"), _count("Ready", "status", "readyReplicas"), _AGE),
    "storageclasses.storage.k8s.io": (
        *_texts(Provisioner=".provisioner", ReclaimPolicy=".reclaimPolicy", VolumeBindingMode=".volumeBindingMode"),
        _AGE,
    ),
    "customresourcedefinitions.apiextensions.k8s.io": (("Created At", "date", ".metadata.creationTimestamp"),),
}


def table(resource: Resource, objects: Sequence[Json], metadata: Json, now: float, include: str = "", columns: bool = True) -> Json:
    """A Table. ``include``: ``None``, ``Metadata`` (the default) or ``Object``; ``columns`` false leaves the definitions out, as later rows of a watch do."""
    used = _COLUMNS.get(resource.qualified) or resource.columns or (_AGE,)
    definitions = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    definitions += [{"name": name, "type": "string" if kind == "date" else kind, "format": "", "description": "", "priority": 0} for name, kind, _ in used]
    rows = [_row(used, obj, now, include) for obj in objects]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return {**head, "columnDefinitions": definitions if columns else None, "rows": rows}


def partial(obj: Json) -> Json:
    """An object reduced to its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _row(columns: Sequence[Column], obj: Json, now: float, include: str) -> Json:
    cells = [obj["metadata"]["name"], *(_cell(kind, source(obj) if callable(source) else json_path(obj, source), now) for _, kind, source in columns)]
    if include == "None":
        return {"cells": cells}
    return {"cells": cells, "object": obj if include == "Object" else partial(obj)}


def _cell(kind: str, value: Any, now: float) -> Any:
    if kind == "date":
        return age(value, now)
    return "" if value is None else value


def json_path(value: Any, path: str) -> Any:
    """What printer columns use of JSONPath: fields, indexes, and ``[?(@.type=="Ready")]``."""
    for name, quoted, index, key, wanted in _STEP.findall(path.replace("\\.", "\0")):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        elif key:
            value = next((item for item in value if isinstance(item, dict) and item.get(key) == wanted), None) if isinstance(value, list) else None
        else:
            value = value.get((name or quoted).replace("\0", ".")) if isinstance(value, dict) else None
    return value


def age(timestamp: str | None, now: float) -> str:
    """How long ago, as kubectl prints it."""
    if not timestamp:
        return "<unknown>"
    seconds = max(0, int(now - datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()))
    for limit, unit, letter in ((120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit}{letter}"
    return f"{seconds // 86400}d"
