# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore changes in an object before it creates it: pure functions, backup manifest in, new manifest out."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..controllers.api import meta
from ..controllers.ports import Obj
from ..copying import copied
from .dialect import Dialect, label_value

_DROPPED = (
    "generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "ownerReferences", "managedFields",
)
BIND = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
_CLAIM = (*BIND, "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def reset(obj: Obj, dialect: Dialect) -> Obj:
    """A copy without status and without what the API server owns. Ark keeps four fields of the metadata only."""
    kept = {name: value for name, value in meta(obj).items() if name not in _DROPPED}
    if not dialect.velero:
        kept = {name: value for name, value in kept.items() if name in ("name", "namespace", "labels", "annotations")}
    return copied({**{name: value for name, value in obj.items() if name != "status"}, "metadata": kept})


def drop_annotations(obj: Obj, names: tuple[str, ...]) -> None:
    """Remove annotations, and the map itself when it ends empty."""
    left = {name: value for name, value in (meta(obj).get("annotations") or {}).items() if name not in names}
    if left:
        meta(obj)["annotations"] = left
    else:
        meta(obj).pop("annotations", None)


def add_labels(obj: Obj, dialect: Dialect, restore: str, backup: str) -> None:
    """The labels that tell which restore made the object."""
    ours = dict.fromkeys(dialect.restore_labels, label_value(restore)) | {dialect.backup_label: label_value(backup)}
    meta(obj)["labels"] = {**(meta(obj).get("labels") or {}), **ours}


def volume_as_is(volume: Obj, dialect: Dialect, namespaces: dict[str, str]) -> None:
    """A PV without snapshot whose policy is not Delete. Velero keeps it claimed by name; Ark frees it of claim and class."""
    spec = volume["spec"]
    if not dialect.velero:
        spec.pop("claimRef", None)
        spec.pop("storageClassName", None)
        return
    claim = spec.get("claimRef")
    if claim:
        spec["claimRef"] = {name: value for name, value in claim.items() if name not in ("uid", "resourceVersion")}
        spec["claimRef"]["namespace"] = namespaces.get(claim.get("namespace", ""), claim.get("namespace", ""))
    drop_annotations(volume, BIND)


def claim(obj: Obj, dialect: Dialect, reprovision: bool) -> None:
    """A PVC: keeps its volume's name unless that volume is to be provisioned anew. Ark leaves the binding annotations of a kept one."""
    if reprovision:
        obj["spec"].pop("volumeName", None)
    if dialect.velero or reprovision:
        drop_annotations(obj, _CLAIM)


def service(obj: Obj, preserve_ports: bool) -> None:
    """Addresses and node ports of the old cluster go, except a headless service's and ports that the manifest itself named."""
    spec = obj["spec"]
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    if preserve_ports:
        return
    applied = json.loads((meta(obj).get("annotations") or {}).get(_LAST_APPLIED, "{}")).get("spec") or {}
    named = {port.get("nodePort") for port in applied.get("ports") or []}
    for port in spec.get("ports") or []:
        if port.get("nodePort") not in named:
            port.pop("nodePort", None)
    if not applied.get("healthCheckNodePort"):
        spec.pop("healthCheckNodePort", None)


def _pod(obj: Obj) -> None:
    spec = obj["spec"]
    for name in ("nodeName", "priority"):
        spec.pop(name, None)
    prefixes = ("kube-api-access-", f"{spec.get('serviceAccountName') or 'default'}-token-")
    if "volumes" in spec:
        spec["volumes"] = [volume for volume in spec["volumes"] if not volume["name"].startswith(prefixes)]
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        if "volumeMounts" in container:
            container["volumeMounts"] = [mount for mount in container["volumeMounts"] if not mount["name"].startswith(prefixes)]


def _job(obj: Obj) -> None:
    names = ("controller-uid", "batch.kubernetes.io/controller-uid")
    spec = obj["spec"]
    for labels in ((spec.get("selector") or {}).get("matchLabels"), meta(spec.get("template") or {}).get("labels"), meta(obj).get("labels")):
        for name in names:
            (labels or {}).pop(name, None)
    if not (spec.get("selector") or {}).get("matchLabels"):
        spec.pop("selector", None)


def _account(obj: Obj) -> None:
    prefix = f"{meta(obj)['name']}-token-"
    if "secrets" in obj:
        obj["secrets"] = [secret for secret in obj["secrets"] if not secret.get("name", "").startswith(prefix)]


PLAIN: dict[str, Callable[[Obj], None]] = {"pods": _pod, "jobs.batch": _job, "serviceaccounts": _account}
"""Changes that need nothing but the object."""


def remap_subjects(obj: Obj, namespaces: dict[str, str]) -> None:
    """The namespaces of a (Cluster)RoleBinding's subjects."""
    for subject in obj.get("subjects") or []:
        if subject.get("namespace") in namespaces:
            subject["namespace"] = namespaces[subject["namespace"]]


def storage_class(obj: Obj, resource: str, classes: dict[str, str]) -> set[str]:
    """Exchange storage classes; returns the new names that were put in, which must exist."""
    used: set[str] = set()
    templates = obj["spec"].get("volumeClaimTemplates") or [] if resource == "statefulsets.apps" else []
    specs = [template["spec"] for template in templates] or ([obj["spec"]] if resource in ("persistentvolumes", "persistentvolumeclaims") else [])
    for spec in specs:
        if spec.get("storageClassName") in classes:
            spec["storageClassName"] = classes[spec["storageClassName"]]
            used.add(spec["storageClassName"])
    return used


def skip_reason(obj: Obj, resource: str) -> str:
    """Why an object is not restored at all, empty where it is."""
    status = obj.get("status") or {}
    if resource == "pods" and status.get("phase") in ("Succeeded", "Failed"):
        return "the pod is complete"
    if resource == "pods" and "kubernetes.io/config.mirror" in (meta(obj).get("annotations") or {}):
        return "the pod is a mirror pod"
    if resource == "jobs.batch" and status.get("completionTime"):
        return "the job is complete"
    return ""


def merged_account(here: Obj, wanted: Obj) -> Obj:
    """A ServiceAccount that exists, with the secrets, labels and annotations of the backup's added."""
    merged = copied(here)
    for name in ("secrets", "imagePullSecrets"):
        entries = here.get(name) or []
        added = [entry for entry in wanted.get(name) or [] if entry not in entries]
        if added:
            merged[name] = [*entries, *added]
    for name in ("labels", "annotations"):
        both = {**(meta(wanted).get(name) or {}), **(meta(here).get(name) or {})}
        if both:
            meta(merged)[name] = both
    return merged


def difference(old: object, new: object) -> object:
    """The JSON merge patch (RFC 7386) that turns ``old`` into ``new``; None, standing for null, where ``new`` is None."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    patch: Obj = dict.fromkeys((name for name in old if name not in new), None)
    for name, value in new.items():
        if name not in old:
            patch[name] = value
        elif old[name] != value:
            patch[name] = difference(old[name], value)
    return patch
