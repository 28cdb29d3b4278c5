# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What is restored for one group: the cluster-scoped objects that its own objects refer to, then its namespaces. Pure.

A Restore selects by kind, namespace and label only, for Ark and Velero alike. It can not name single objects, so one that takes the group's StorageClass takes
every other group's too, and one that takes ClusterRoleBindings takes the dead cluster's own. Therefore step 1 is not a Restore: the collection creates exactly
the objects of the allow-list from the backup's manifests, stripped as Velero strips them, and leaves alone what exists, as Velero does. Doing it again
changes nothing. Step 2 is a Restore of the group's namespaces with ``includeClusterResources`` left out: Ark then takes along only the PersistentVolumes that
the restored claims pull in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .._errors import ConfigError
from .labels import matches, parse_selector
from .manifests import (
    CLAIMS,
    CRDS,
    PVS,
    STORAGE_CLASSES,
    TRIDENT_BACKENDS,
    TRIDENT_CLASSES,
    TRIDENT_VOLUMES,
    Key,
    Manifest,
    Objects,
    pod_spec,
    storage_class_of,
    text_of,
)
from .pvs import TRIDENT, ClaimVolume

ROLES, BINDINGS = "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"
ROLE_BINDINGS = "rolebindings.rbac.authorization.k8s.io"
PRIORITIES, RUNTIMES = "priorityclasses.scheduling.k8s.io", "runtimeclasses.node.k8s.io"
INGRESSES, INGRESS_CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
SNAPSHOTS, SNAPSHOT_CLASSES = "volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotclasses.snapshot.storage.k8s.io"
ATTRIBUTE_CLASSES = "volumeattributesclasses.storage.k8s.io"
POD_MAKERS = (
    "pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "replicationcontrollers", "jobs.batch", "cronjobs.batch",
)
NEVER = frozenset(
    {PVS, "nodes", "namespaces", "componentstatuses", "apiservices.apiregistration.k8s.io", "csinodes.storage.k8s.io", "csidrivers.storage.k8s.io",
     "volumeattachments.storage.k8s.io", "certificatesigningrequests.certificates.k8s.io", "flowschemas.flowcontrol.apiserver.k8s.io",
     "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io"},
)
"""Kinds that belong to a cluster, or to other groups: not even a pattern brings them."""
ORDER = (CRDS, STORAGE_CLASSES, ATTRIBUTE_CLASSES, PRIORITIES, RUNTIMES, INGRESS_CLASSES, SNAPSHOT_CLASSES, ROLES, BINDINGS)
TRIDENT_ORDER = ("secrets", TRIDENT_BACKENDS, TRIDENT_CLASSES, TRIDENT_VOLUMES)
DEFAULT_ROLES = frozenset({"cluster-admin", "admin", "edit", "view"})
BOOTSTRAP_LABEL = "kubernetes.io/bootstrapping"


@dataclass(frozen=True)
class Needed:
    """One object of step 1 and who asks for it."""

    key: Key
    why: str

    def __str__(self) -> str:
        return text_of(self.key)


@dataclass(frozen=True)
class Scope:
    """Both steps.

    Attributes:
        objects: step 1, in the order in which they are created.
        namespaces: that must exist before step 1, such as Trident's.
        missing: referred to by the group, but not in the backup: the DR cluster must have them. Key -> who asks.
        denied: named by ``dr_cluster_objects`` and never taken. Key -> why.
        restore_spec: step 2, the Restore's spec.
    """

    objects: tuple[Needed, ...]
    namespaces: tuple[str, ...]
    missing: Mapping[Key, str]
    denied: Mapping[Key, str]
    restore_spec: Manifest = field(default_factory=dict)


def plan(
    backup: Objects, backup_name: str, namespaces: Sequence[str], *, ark_namespace: str, volumes: Iterable[ClaimVolume] = (),
    cluster_objects: Iterable[Mapping[str, Any] | str] = (), label_selector: str = "",
) -> Scope:
    """Compute both steps from what the backup holds.

    Args:
        volumes: the group's claims (``pvs.group_volumes``): Trident's objects of those on the SVM come along.
        cluster_objects: ``{kind, name}`` or ``KIND/NAME``; ``kind`` is the kind or ``plural.group``, ``name`` a shell pattern, by default all.
        label_selector: of the group; applied to step 2 and to what is looked at for references.

    Raises:
        ConfigError: Ark's own namespace is among the group's, or a pattern is unreadable.
    """
    if ark_namespace in namespaces:
        raise ConfigError("dr_namespaces", f"{ark_namespace} is the namespace of Ark itself: restoring it would start the dead site's schedules here")
    try:
        selector = parse_selector(label_selector)
    except ValueError as error:
        raise ConfigError("dr_label_selector", str(error)) from error
    collector = _Collector(backup)
    for group_resource, manifest in _group_objects(backup, namespaces, selector):
        for kind, name in references(group_resource, manifest):
            collector.add((kind, "", name), f"{group_resource}/{manifest['metadata'].get('namespace')}/{manifest['metadata']['name']}")
    _custom_kinds(collector, backup, namespaces)
    _rights(collector, backup, set(namespaces))
    _patterns(collector, backup, cluster_objects)
    trident = _trident(collector, backup, volumes)
    objects = sorted(collector.found.items(), key=lambda entry: _position(entry[0]))
    spec: Manifest = {"backupName": backup_name, "includedNamespaces": list(namespaces)}
    if selector:
        spec["labelSelector"] = selector
    return Scope(tuple(Needed(key, why) for key, why in objects), trident, collector.missing, collector.denied, spec)


class _Collector:
    """Gathers keys, each once, told apart into held, missing and denied."""

    def __init__(self, backup: Objects) -> None:
        self._backup = backup
        self.found: dict[Key, str] = {}
        self.missing: dict[Key, str] = {}
        self.denied: dict[Key, str] = {}

    def add(self, key: Key, why: str, *, asked: bool = False) -> Manifest | None:
        """Take an object unless it is the cluster's own. ``asked`` says that a pattern named it: then a denial is told."""
        if key in self.found:
            return self._backup.get(*key)
        manifest = self._backup.get(*key)
        reason = clusters_own(key, manifest or {})
        if reason:
            if asked:
                self.denied[key] = reason
        elif manifest is None:
            self.missing.setdefault(key, why)
        else:
            self.found[key] = why
            return manifest
        return None


def clusters_own(key: Key, manifest: Manifest) -> str:
    """Why an object is the cluster's own, or another group's, and so is never taken; empty when it may be."""
    kind, _namespace, name = key
    labels = (manifest.get("metadata") or {}).get("labels") or {}
    if kind in NEVER:
        return f"{kind} belong to a cluster, or to other groups"
    if name.startswith("system:") or (kind == PRIORITIES and name.startswith("system-")):
        return "it is one of the cluster's own"
    if kind in (ROLES, BINDINGS) and (BOOTSTRAP_LABEL in labels or name in DEFAULT_ROLES):
        return "every cluster makes it for itself"
    return ""


def references(group_resource: str, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The cluster-scoped objects that one namespaced object names: kind and name."""
    spec = manifest.get("spec") or {}
    if group_resource == CLAIMS:
        yield from _named(STORAGE_CLASSES, storage_class_of(spec, manifest["metadata"]))
        yield from _named(ATTRIBUTE_CLASSES, spec.get("volumeAttributesClassName"))
    if group_resource in POD_MAKERS:
        pod = pod_spec(manifest)
        yield from _named(PRIORITIES, pod.get("priorityClassName"))
        yield from _named(RUNTIMES, pod.get("runtimeClassName"))
        for template in [*(spec.get("volumeClaimTemplates") or ()), *_ephemeral(pod)]:
            yield from _named(STORAGE_CLASSES, storage_class_of(template.get("spec") or {}, template.get("metadata") or {}))
    if group_resource == ROLE_BINDINGS and (manifest.get("roleRef") or {}).get("kind") == "ClusterRole":
        yield from _named(ROLES, manifest["roleRef"].get("name"))
    if group_resource == INGRESSES:
        yield from _named(INGRESS_CLASSES, spec.get("ingressClassName"))
    if group_resource == SNAPSHOTS:
        yield from _named(SNAPSHOT_CLASSES, spec.get("volumeSnapshotClassName"))


def _named(kind: str, name: Any) -> Iterator[tuple[str, str]]:
    if name:
        yield kind, str(name)


def _ephemeral(pod: Manifest) -> list[Manifest]:
    return [volume["ephemeral"].get("volumeClaimTemplate") or {} for volume in pod.get("volumes") or () if isinstance(volume.get("ephemeral"), dict)]


def _group_objects(backup: Objects, namespaces: Iterable[str], selector: Manifest) -> Iterator[tuple[str, Manifest]]:
    wanted = set(namespaces)
    for group_resource in (*POD_MAKERS, CLAIMS, ROLE_BINDINGS, INGRESSES, SNAPSHOTS):
        for key, manifest in backup.objects(group_resource):
            if key[1] in wanted and matches(selector, (manifest.get("metadata") or {}).get("labels") or {}):
                yield group_resource, manifest


def _custom_kinds(collector: _Collector, backup: Objects, namespaces: Iterable[str]) -> None:
    """The CRD of every custom kind that the group uses: it is named exactly ``plural.group``."""
    wanted, crds = set(namespaces), {key[2] for key in backup.keys(CRDS)}  # noqa: SIM118 - not a mapping
    for group_resource in backup.kinds():
        if group_resource in crds and any(key[1] in wanted for key in backup.keys(group_resource)):  # noqa: SIM118
            collector.add((CRDS, "", group_resource), f"{group_resource} of the group")


def _rights(collector: _Collector, backup: Objects, namespaces: set[str]) -> None:
    """ClusterRoleBindings that name the group's service accounts, with their roles, and the roles that those are aggregated from."""
    for key, binding in backup.objects(BINDINGS):
        account = next((subject for subject in binding.get("subjects") or () if _is_ours(subject, namespaces)), None)
        if account is not None and collector.add(key, f"{account.get('kind')} {account.get('namespace') or account.get('name')}") is not None:
            collector.add((ROLES, "", str((binding.get("roleRef") or {}).get("name") or "")), text_of(key))
    for key in [found for found in collector.found if found[0] == ROLES]:
        rule = (backup.get(*key) or {}).get("aggregationRule") or {}
        for selector in rule.get("clusterRoleSelectors") or ():
            for part, role in backup.objects(ROLES):
                if part not in collector.found and matches(selector, (role.get("metadata") or {}).get("labels") or {}):
                    collector.add(part, f"aggregated into {text_of(key)}")


def _is_ours(subject: Manifest, namespaces: set[str]) -> bool:
    if subject.get("kind") == "ServiceAccount":
        return subject.get("namespace") in namespaces
    name = str(subject.get("name") or "")
    if subject.get("kind") == "User":
        return any(name.startswith(f"system:serviceaccount:{namespace}:") for namespace in namespaces)
    return subject.get("kind") == "Group" and name.removeprefix("system:serviceaccounts:") in namespaces and name.startswith("system:serviceaccounts:")


def _patterns(collector: _Collector, backup: Objects, patterns: Iterable[Mapping[str, Any] | str]) -> None:
    """The objects that ``dr_cluster_objects`` names."""
    for index, pattern in enumerate(patterns):
        kind, name = read_pattern(pattern, f"dr_cluster_objects[{index}]")
        for group_resource in backup.kinds():
            keys = [key for key in backup.keys(group_resource) if not key[1] and fnmatchcase(key[2], name)]  # noqa: SIM118 - not a mapping
            if keys and (kind.lower() == group_resource or kind == (backup.get(*keys[0]) or {}).get("kind")):
                for key in keys:
                    collector.add(key, "dr_cluster_objects", asked=True)


def read_pattern(pattern: Mapping[str, Any] | str, variable: str) -> tuple[str, str]:
    """Kind and name pattern.

    Raises:
        ConfigError: neither ``{kind, name}`` nor ``KIND/NAME``.
    """
    if isinstance(pattern, str):
        kind, slash, name = pattern.partition("/")
        if not kind or (slash and not name):
            raise ConfigError(variable, f"{pattern!r} is not KIND/NAME")
        return kind, name or "*"
    kind = str(pattern.get("kind") or "")
    if not kind:
        raise ConfigError(variable, "kind is not set")
    return kind, str(pattern.get("name") or "*")


def _trident(collector: _Collector, backup: Objects, volumes: Iterable[ClaimVolume]) -> tuple[str, ...]:
    """Trident's volume, backend and storage class of every PersistentVolume on the SVM that Trident made; returns Trident's namespaces.

    Its nodes, publications, transactions and versions describe the dead cluster and never come.
    """
    homes: dict[str, None] = {}
    for volume in volumes:
        if volume.kind != TRIDENT or not volume.on_svm or volume.manifest is None:
            continue
        csi = volume.manifest["spec"].get("csi") or {}
        handle = str(csi.get("volumeHandle") or "")
        record = _take(collector, backup, TRIDENT_VOLUMES, _object_name, {handle}, volume.pv, homes)
        uuid = str((record or {}).get("backendUUID") or (csi.get("volumeAttributes") or {}).get("backendUUID") or "")
        if record is None:
            collector.missing.setdefault((TRIDENT_VOLUMES, "", handle), f"{PVS}/{volume.pv}")
        backend = _take(collector, backup, TRIDENT_BACKENDS, _backend_uuid, {uuid} - {""}, volume.pv, homes)
        for namespace, name in _secrets_of(backend):
            collector.add(("secrets", namespace, name), f"{TRIDENT_BACKENDS} of {PVS}/{volume.pv}")
        classes = {str(((record or {}).get("config") or {}).get("storageClass") or ""), volume.storage_class} - {""}
        _take(collector, backup, TRIDENT_CLASSES, _class_name, classes, volume.pv, homes)
        if volume.storage_class:
            collector.add((STORAGE_CLASSES, "", volume.storage_class), f"{PVS}/{volume.pv}")
    for kind in sorted({key[0] for key in collector.found if key[0] in TRIDENT_ORDER[1:]}):
        collector.add((CRDS, "", kind), "Trident's objects of the group")
    return tuple(homes)


def _take(
    collector: _Collector, backup: Objects, kind: str, identity: Callable[[Manifest], str], wanted: set[str], pv: str, homes: dict[str, None],
) -> Manifest | None:
    for key, manifest in backup.objects(kind):
        if identity(manifest) in wanted:
            homes[key[1]] = None
            collector.add(key, f"{PVS}/{pv}")
            return manifest
    return None


def _object_name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def _backend_uuid(manifest: Manifest) -> str:
    return str(manifest.get("backendUUID") or "")


def _class_name(manifest: Manifest) -> str:
    return str((manifest.get("spec") or {}).get("name") or manifest.get("name") or manifest["metadata"]["name"])


def _secrets_of(backend: Manifest | None) -> Iterator[tuple[str, str]]:
    """The Secrets that hold a backend's credentials: Trident writes ``secret:NAME`` in their place (storage/backend.go)."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for item in value.values():
                yield from texts(item)
        elif isinstance(value, str) and value.startswith("secret:"):
            yield value.removeprefix("secret:")

    if backend:
        for name in dict.fromkeys(texts(backend.get("config") or {})):
            yield str(backend["metadata"].get("namespace") or ""), name


def _position(key: Key) -> tuple[int, str, str]:
    """CRDs before what uses them, roles before bindings, Trident's last."""
    if key[0] in ORDER:
        return ORDER.index(key[0]), key[0], key[2]
    if key[0] in TRIDENT_ORDER and key[1]:
        return len(ORDER) + 1 + TRIDENT_ORDER.index(key[0]), key[0], key[2]
    return len(ORDER), key[0], key[2]
