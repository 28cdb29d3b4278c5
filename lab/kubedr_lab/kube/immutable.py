# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update of a built-in kind may not change (422)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ..copying import copied
from .errors import Cause, Json
from .selectors import dig
from .validation import VOLUME_SOURCES

_IMMUTABLE = "Invalid value: {}: field is immutable"
_POD_MUTABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
_STATEFUL_MUTABLE = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds")


def changed_faults(group: str, kind: str, new: Json, old: Json) -> list[Cause]:
    """Every forbidden change between two versions of one object."""
    rule = _RULES.get((group, kind))
    return list(rule(new, old)) if rule else []


def _same(new: Json, old: Json, *path: str) -> Iterator[Cause]:
    value = dig(new, list(path))
    if value != dig(old, list(path)):
        yield ".".join(path), _IMMUTABLE.format(json.dumps(value))


def _selector(new: Json, old: Json) -> Iterator[Cause]:
    yield from _same(new, old, "spec", "selector")


def _stateful_set(new: Json, old: Json) -> Iterator[Cause]:
    fixed = [{key: value for key, value in obj["spec"].items() if key not in _STATEFUL_MUTABLE} for obj in (new, old)]
    if fixed[0] != fixed[1]:
        allowed = "', '".join(_STATEFUL_MUTABLE[:-1])
        yield "spec", f"Forbidden: updates to statefulset spec for fields other than '{allowed}' and '{_STATEFUL_MUTABLE[-1]}' are forbidden"


def _frozen_data(new: Json, old: Json) -> Iterator[Cause]:
    if old.get("immutable"):
        if not new.get("immutable"):
            yield "immutable", "Forbidden: field is immutable when `immutable` is set"
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                yield field, "Forbidden: field is immutable when `immutable` is set"


def _secret(new: Json, old: Json) -> Iterator[Cause]:
    yield from _same(new, old, "type")
    yield from _frozen_data(new, old)


def _pod(new: Json, old: Json) -> Iterator[Cause]:
    def fixed(pod: Json) -> Json:
        spec = {key: copied(value) for key, value in pod["spec"].items() if key not in _POD_MUTABLE}
        for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
            container.pop("image", None)
        return spec

    if fixed(new) != fixed(old):
        fields = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
        yield "spec", f"Forbidden: pod updates may not change fields other than {fields} (only additions to existing tolerations)"


def _volume(new: Json, old: Json) -> Iterator[Cause]:
    if any(new["spec"].get(source) != old["spec"].get(source) for source in VOLUME_SOURCES):
        yield "spec.persistentvolumesource", "Forbidden: spec.persistentvolumesource is immutable after creation"
    yield from _same(new, old, "spec", "volumeMode")


def _claim(new: Json, old: Json) -> Iterator[Cause]:
    before, after = copied(old["spec"]), copied(new["spec"])
    for spec in (before, after):
        if not old["spec"].get("volumeName"):
            spec.pop("volumeName", None)
        if dig(old, ["status", "phase"]) == "Bound":
            (spec.get("resources") or {}).pop("requests", None)
            spec.pop("volumeAttributesClassName", None)
    if before != after:
        yield "spec", "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _storage_class(new: Json, old: Json) -> Iterator[Cause]:
    for field in ("parameters", "provisioner"):
        if new.get(field) != old.get(field):
            yield field, f"Forbidden: updates to {field} are forbidden."
    for field in ("reclaimPolicy", "volumeBindingMode"):
        yield from _same(new, old, field)


def _service(new: Json, old: Json) -> Iterator[Cause]:
    if old["spec"].get("type") != "ExternalName" and new["spec"].get("type") != "ExternalName" and old["spec"].get("clusterIP"):
        yield from _same(new, old, "spec", "clusterIP")


def _binding(new: Json, old: Json) -> Iterator[Cause]:
    if new.get("roleRef") != old.get("roleRef"):
        yield "roleRef", f"Invalid value: {json.dumps(new.get('roleRef'))}: cannot change roleRef"


_RULES: dict[tuple[str, str], Callable[[Json, Json], Iterator[Cause]]] = {
    ("", "ConfigMap"): _frozen_data,
    ("", "Secret"): _secret,
    ("", "Pod"): _pod,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    ("apps", "StatefulSet"): _stateful_set,
    **{("apps", kind): _selector for kind in ("Deployment", "DaemonSet", "ReplicaSet")},
}
