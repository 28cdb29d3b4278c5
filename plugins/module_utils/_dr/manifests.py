# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Manifests as a backup holds them: how they are looked up, what they refer to, and what is taken off before one is created again. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

Key = tuple[str, str, str]
"""Group resource (``plural.group``, ``plural`` for the core group), namespace (empty for a cluster-scoped object), name."""
Manifest = dict[str, Any]

CLAIMS, PVS, NAMESPACES = "persistentvolumeclaims", "persistentvolumes", "namespaces"
CRDS, STORAGE_CLASSES = "customresourcedefinitions.apiextensions.k8s.io", "storageclasses.storage.k8s.io"
TRIDENT_DRIVER, TRIDENT_GROUP = "csi.trident.netapp.io", "trident.netapp.io"
TRIDENT_VOLUMES, TRIDENT_BACKENDS = f"tridentvolumes.{TRIDENT_GROUP}", f"tridentbackends.{TRIDENT_GROUP}"
TRIDENT_CLASSES = f"tridentstorageclasses.{TRIDENT_GROUP}"

SERVER_METADATA = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields",
    "ownerReferences", "generateName",
)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Objects(Protocol):
    """What a backup holds. ``_kube/contents.py`` is one."""

    def kinds(self) -> list[str]:
        """Every group resource."""

    def keys(self, group_resource: str) -> Iterable[Key]:
        """The keys of one kind."""

    def objects(self, group_resource: str) -> Iterator[tuple[Key, Manifest]]:
        """Key and manifest of every object of one kind."""

    def get(self, group_resource: str, namespace: str, name: str) -> Manifest | None:
        """One manifest."""


class MemoryObjects:
    """Manifests held in a dict, for callers that have them at hand."""

    def __init__(self, manifests: Mapping[Key, Manifest]) -> None:
        self._manifests = manifests

    def kinds(self) -> list[str]:
        """Every group resource, sorted."""
        return sorted({key[0] for key in self._manifests})

    def keys(self, group_resource: str) -> list[Key]:
        """The keys of one kind, sorted."""
        return sorted(key for key in self._manifests if key[0] == group_resource)

    def objects(self, group_resource: str) -> Iterator[tuple[Key, Manifest]]:
        """Key and manifest of every object of one kind."""
        for key in self.keys(group_resource):
            yield key, self._manifests[key]

    def get(self, group_resource: str, namespace: str, name: str) -> Manifest | None:
        """One manifest."""
        return self._manifests.get((group_resource, namespace, name))


def stripped(manifest: Manifest, labels: Mapping[str, str] | None = None) -> Manifest:
    """As it can be created again: without status and what the server gave it, which is what Velero takes off too (restore.go, resetMetadata).

    Args:
        labels: added, such as those by which a restored object is known.
    """
    fresh = copy.deepcopy(manifest)
    fresh.pop("status", None)
    metadata = fresh.setdefault("metadata", {})
    for key in SERVER_METADATA:
        metadata.pop(key, None)
    if labels:
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return fresh


def text_of(key: Key) -> str:
    """``plural.group/namespace/name``, for people."""
    return "/".join(part for part in key if part)


def pod_spec(manifest: Manifest) -> Manifest:
    """The spec of the pods that an object makes or is; empty when it makes none."""
    spec = manifest.get("spec") or {}
    kind = manifest.get("kind")
    if kind == "Pod":
        return dict(spec)
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return dict((spec.get("template") or {}).get("spec") or {}) if isinstance(spec.get("template"), dict) else {}


def storage_class_of(spec: Manifest, metadata: Manifest) -> str:
    """A claim's or a volume's storage class, also in the annotation of old."""
    return str(spec.get("storageClassName") or (metadata.get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class") or "")
