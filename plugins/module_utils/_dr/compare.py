# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""One object as the backup holds it against the one that stands on the cluster. Pure.

Only paths are told, never values: of a Secret, and of an environment variable, the name of a key is all that may be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from .manifests import CLAIMS, NAMESPACES, PVS, Key, Manifest

PRESENT, DIFFERING, MISSING = "present", "differing", "missing"
GIVEN_BY_CLUSTER, OWN_STATUS = "given by the cluster that holds the object", "a cluster writes its own status"
"""Reasons of what differs in every object of every restore: such differences alone leave an object ``present``."""


@dataclass(frozen=True)
class Difference:
    """``path`` such as ``spec.template.spec.containers[app].image``; ``why`` explains an expected one and is empty otherwise."""

    path: str
    why: str = ""

    @property
    def expected(self) -> bool:
        """A restore onto another cluster always brings it."""
        return bool(self.why)


@dataclass(frozen=True)
class Comparison:
    """What became of one object. ``why`` explains an expected absence."""

    key: Key
    outcome: str
    differences: tuple[Difference, ...] = ()
    why: str = ""

    @cached_property
    def unexpected(self) -> tuple[Difference, ...]:
        """The differences that nothing explains."""
        return tuple(found for found in self.differences if not found.expected)

    @property
    def good(self) -> bool:
        """Present, or absent or different for a reason that is known."""
        return bool(self.why) if self.outcome == MISSING else not self.unexpected


@dataclass(frozen=True)
class Context:
    """What the collection itself changed on purpose.

    Attributes:
        replicas: recorded replicas by key.
        elsewhere: claims whose volume does not lie on the SVM.
    """

    replicas: Mapping[Key, int] = field(default_factory=dict)
    elsewhere: frozenset[Key] = frozenset()


EXPECTED: tuple[tuple[str, str, str], ...] = (
    (r".*", r"status(\..*)?", OWN_STATUS),
    (r".*", r"metadata\.(uid|resourceVersion|generation|creationTimestamp|managedFields|selfLink|generateName|deletion.*)(\..*|\[.*)?",
     GIVEN_BY_CLUSTER),
    (r".*", r"metadata\.ownerReferences.*", "Ark restores without owners, their uids are gone"),
    (r".*", r"metadata\.labels\.(velero\.io/.*|ark\.heptio\.com/.*|ark-restore|velero-restore)", "written by the restore"),
    (r".*", r"metadata\.annotations\.(velero\.io/.*|ark\.heptio\.com/.*|kubectl\.kubernetes\.io/last-applied-configuration)",
     "written by the restore or a client"),
    (r".*", r"metadata\.annotations\.kubedr\.ontap/.*", "noted by fence, for people"),
    (r".*", r"metadata\.annotations\.(deployment\.kubernetes\.io/revision|control-plane\.alpha\.kubernetes\.io/leader)", "kept by a controller"),
    (r"daemonsets\.apps", r"metadata\.annotations\.deprecated\.daemonset\.template\.generation", "kept by a controller"),
    (r"pods", r"metadata\.annotations\..*", "written where the pod runs"),
    (r"pods", r"metadata\.labels\.(pod-template-hash|controller-revision-hash|controller-uid|apps\.kubernetes\.io/pod-index)", "kept by a controller"),
    (r"jobs\.batch", r"(spec\.selector|spec\.template\.metadata\.labels|metadata\.labels)\..*controller-uid", "the uid of the job that was"),
    (r".*", r"metadata\.finalizers.*", "kept by controllers; Ark drops them"),
    (r"persistentvolumeclaims", r"metadata\.annotations\.(pv\.kubernetes\.io/.*|volume(\.beta)?\.kubernetes\.io/.*)", "written when the claim is bound"),
    (r"persistentvolumes", r"metadata\.annotations\.pv\.kubernetes\.io/.*", "written when the volume is bound"),
    (r"persistentvolumes", r"spec\.claimRef\.(uid|resourceVersion|apiVersion|kind)", "the claim is a new object of the same name"),
    (r"services", r"spec\.(clusterIP|clusterIPs.*|healthCheckNodePort|ipFamilies.*|ipFamilyPolicy)", "addresses belong to the cluster"),
    (r"services", r"spec\.ports\[.*\]\.nodePort", "node ports belong to the cluster"),
    (r"serviceaccounts", r"(secrets|imagePullSecrets).*", "a cluster adds its own token secrets"),
    (r"secrets", r"(data|stringData)\.(token|ca\.crt|namespace)", "a service account's token is made by the cluster"),
    (r"configmaps", r"data\.(ca\.crt|service-ca\.crt)", "every namespace gets this cluster's own CA bundle"),
    (r"pods", r"spec\.(nodeName|priority|preemptionPolicy|schedulerName|tolerations.*|serviceAccount|hostname|enableServiceLinks)",
     "decided where the pod is made"),
    (r"pods", r"spec\.volumes\[.*(token|kube-api-access).*\].*", "a service account's token is mounted by the cluster"),
    (r"pods", r"spec\.(initContainers|containers|ephemeralContainers)\[.*\]\.volumeMounts.*", "a service account's token is mounted by the cluster"),
    (r"pods", r"spec\.(initContainers|containers|ephemeralContainers)\[.*\]\.imagePullPolicy", "a default of the cluster"),
    (r"namespaces", r"(spec|metadata\.labels|metadata\.annotations).*", "a namespace that exists is left as it is"),
    (r"(endpoints|endpointslices\.discovery\.k8s\.io)", r".*", "made from the services and pods of this cluster"),
    (r"replicasets\.apps", r"(spec\.replicas|metadata\.annotations\.deployment\.kubernetes\.io/.*)", "decided by its Deployment"),
    (r"leases\.coordination\.k8s\.io", r"spec.*", "whoever holds a lease renews it all the time"),
    (r"customresourcedefinitions\.apiextensions\.k8s\.io", r"spec\.conversion.*", "a CA bundle belongs to the cluster"),
    (r"tridentvolumes\.trident\.netapp\.io", r"(state|orphaned|pool)(\..*)?", "kept by Trident"),
    (r"tridentbackends\.trident\.netapp\.io", r"(state|online|version|nodePools|userState|stateReason)(\..*)?", "kept by Trident"),
    (r"storageclasses\.storage\.k8s\.io", r"metadata\.annotations\.storageclass\.kubernetes\.io/is-default-class", "decided by the cluster"),
)
"""Kind, path, reason: what differs between two clusters although the restore was right."""
_RULES = tuple((re.compile(kind), re.compile(path), why) for kind, path, why in EXPECTED)

_EXACT = ("data", "binaryData", "stringData", "rules", "subjects", "roleRef", "parameters", "provisioner", "webhooks", "metadata")
"""Parts to which a cluster adds nothing by itself. Elsewhere a key that only stands on the cluster is its default."""


def compare(key: Key, backup: Manifest, live: Manifest | None, context: Context = Context()) -> Comparison:  # noqa: B008 - frozen
    """Present, differing (with all paths), or missing."""
    if live is None:
        return Comparison(key, MISSING, (), expected_absence(key, backup))
    kind = key[0]
    found = [_judge(key, kind, path, backup, live, context) for path in _paths(kind, backup, live)]
    differs = any(difference.why not in (GIVEN_BY_CLUSTER, OWN_STATUS) for difference in found)
    return Comparison(key, DIFFERING if differs else PRESENT, tuple(found))


def expected_absence(key: Key, manifest: Manifest) -> str:
    """Why an object need not stand there; empty when it must."""
    kind, _namespace, name = key
    metadata, status = manifest.get("metadata") or {}, manifest.get("status") or {}
    owner = next((ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")), None)
    if kind in ("events", "events.events.k8s.io", "nodes", "backups.velero.io", "restores.velero.io", "backups.ark.heptio.com", "restores.ark.heptio.com"):
        return "Ark never restores this kind"
    if kind in ("endpoints", "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io"):
        return "the cluster makes it when it is needed"
    if kind == "pods" and owner:
        return f"{owner.get('kind')} {owner.get('name')} makes its own pods"
    if kind == "pods" and status.get("phase") in ("Succeeded", "Failed"):
        return "Ark does not restore pods that ran to their end"
    if kind == "pods" and "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return "a mirror of a node's own pod"
    if kind == "jobs.batch" and (status.get("completionTime") or owner):
        return "Ark does not restore jobs that ran to their end" if status.get("completionTime") else "its CronJob makes new ones"
    if kind in ("replicasets.apps", "controllerrevisions.apps") and owner:
        return f"{owner.get('kind')} {owner.get('name')} makes its own"
    if kind == "secrets" and manifest.get("type") == "kubernetes.io/service-account-token":
        return "a service account's token is made by the cluster"
    return "it was being deleted when the backup was made" if metadata.get("deletionTimestamp") else ""


def _judge(key: Key, kind: str, path: str, backup: Manifest, live: Manifest, context: Context) -> Difference:
    why = _expected(kind, path)
    if why and _applies(kind, path, backup, live):
        return Difference(path, why)
    spec = live.get("spec") or {}
    if path == "spec.replicas" and key in context.replicas and context.replicas[key] == spec.get("replicas"):
        return Difference(path, "the recorded number of replicas")
    if kind == PVS and path == "spec.persistentVolumeReclaimPolicy" and spec.get("persistentVolumeReclaimPolicy") == "Retain":
        return Difference(path, "made Retain, so that it meets its data")
    if kind == CLAIMS and key in context.elsewhere and path == "spec.volumeName":
        return Difference(path, "its volume does not lie on the SVM, and is provisioned by this cluster")
    return Difference(path)


@lru_cache(maxsize=4096)
def _expected(kind: str, path: str) -> str:
    """The reason of the first rule for this kind and path: a restore brings the same few to thousands of objects."""
    return next((why for kind_rule, path_rule, why in _RULES if kind_rule.fullmatch(kind) and path_rule.fullmatch(path)), "")


def _applies(kind: str, path: str, backup: Manifest, live: Manifest) -> bool:
    """Conditions that a path alone does not show."""
    name = str((backup.get("metadata") or {}).get("name") or "")
    if kind == "secrets":
        return not path.startswith(("data", "stringData")) or backup.get("type") == "kubernetes.io/service-account-token"
    if kind == "configmaps" and path.startswith("data"):
        return name in ("kube-root-ca.crt", "openshift-service-ca.crt")
    if kind == "services" and path == "spec.clusterIP":
        return "None" not in ((backup.get("spec") or {}).get("clusterIP"), (live.get("spec") or {}).get("clusterIP"))
    if kind == "replicasets.apps":
        return any(ref.get("controller") for manifest in (backup, live) for ref in (manifest.get("metadata") or {}).get("ownerReferences") or ())
    return kind != NAMESPACES or not path.startswith("data")


def _paths(kind: str, backup: Manifest, live: Manifest) -> list[str]:
    """Every path at which the two differ, sorted, each once."""
    top = sorted((set(backup) | set(live)) - {"kind", "apiVersion"})
    exact_all = "spec" not in backup and kind not in ("serviceaccounts",)
    found = [path for part in top for path in _differ(backup.get(part), live.get(part), part, part in _EXACT or exact_all)]
    return sorted(set(found))


def _differ(mine: Any, theirs: Any, path: str, exact: bool) -> Iterator[str]:
    if mine == theirs:
        return
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in sorted(set(mine) | set(theirs)):
            if mine.get(name) == theirs.get(name):  # as most are, of thousands of objects
                continue
            if name not in theirs and _empty(mine[name]):
                continue
            if name not in mine and (not exact or _empty(theirs[name])):
                continue
            yield from _differ(mine.get(name), theirs.get(name), f"{path}.{name}", exact)
    elif isinstance(mine, list) and isinstance(theirs, list):
        yield from _lists(mine, theirs, path, exact)
    elif not (_empty(mine) and _empty(theirs)) and not (not exact and _same_quantity(mine, theirs)):
        if isinstance(mine, dict) or isinstance(theirs, dict):
            for name in sorted(mine if isinstance(mine, dict) else theirs):
                yield f"{path}.{name}"
        else:
            yield path


def _lists(mine: list[Any], theirs: list[Any], path: str, exact: bool) -> Iterator[str]:
    """By name where the items have names, else item by item."""
    if not exact and all(isinstance(item, dict) and "name" in item for item in [*mine, *theirs]):
        ours, others = {str(item["name"]): item for item in mine}, {str(item["name"]): item for item in theirs}
        for name in sorted({**ours, **others}):
            if name in ours and name in others:
                yield from _differ(ours[name], others[name], f"{path}[{name}]", exact)
            else:
                yield f"{path}[{name}]"
        return
    for index in range(max(len(mine), len(theirs))):
        if index >= len(mine) or index >= len(theirs):
            yield f"{path}[{index}]"
        else:
            yield from _differ(mine[index], theirs[index], f"{path}[{index}]", exact)


def _empty(value: Any) -> bool:
    return value is None or value == {} or value == [] or value == ""


_QUANTITY = re.compile(r"([0-9.]+)([munkKMGTPE]?i?)")
_SCALE = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_SCALE.update({f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)})


def _same_quantity(mine: Any, theirs: Any) -> bool:
    """``1Gi`` is ``1024Mi``, and ``0.5`` is ``500m``: a server may write either."""
    found = [_QUANTITY.fullmatch(str(value)) for value in (mine, theirs) if isinstance(value, (str, int, float)) and not isinstance(value, bool)]
    if len(found) != 2 or any(match is None or match[2] not in _SCALE for match in found) or not any(match and match[2] for match in found):
        return False
    amounts = [float(match[1]) * _SCALE[match[2]] for match in found if match and match[1].count(".") < 2]
    return len(amounts) == 2 and amounts[0] == amounts[1]
