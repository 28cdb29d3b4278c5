# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller manager does in the background: empties terminating namespaces and definitions, collects objects whose owners are gone."""

from __future__ import annotations

from collections.abc import Iterator

from ..copying import copied
from .errors import Json, KubeError
from .resources import Resource
from .verbs import Options, Verbs

_PASSES = 50


class Collector:
    """Works on demand; nothing here takes time by itself."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs
        self._objects, self._registry = verbs.objects, verbs.registry
        self._seen = 0

    def run(self) -> None:
        """Everything that can be done now; returns at once where nothing was written since the last run."""
        for _ in range(_PASSES):
            if self._seen == self._objects.version:
                return
            self._seen = self._objects.version
            self._namespaces()
            self._definitions()
            self._owners()

    def _all(self, wanted: str) -> Iterator[tuple[Resource, Json]]:
        """All objects whose metadata has the field ``wanted``, as they are stored."""
        for resource in list(self._registry.types()):
            for obj in list(self._objects.table(resource).objects.values()):
                if wanted in obj["metadata"]:
                    yield resource, obj

    def _namespaces(self) -> None:
        resource = self._registry.resolve("namespaces")
        for obj in list(self._objects.table(resource).objects.values()):
            name = obj["metadata"]["name"]
            rows = [row for row in self._registry.types() if row.namespaced]
            if obj["metadata"].get("deletionTimestamp") and self._emptied(rows, name) and obj["spec"].get("finalizers"):
                body = {**copied(obj), "spec": {"finalizers": []}}
                self._verbs.update(resource, "", name, body, Options(patch=True, subresource="finalize"))

    def _definitions(self) -> None:
        resource = self._registry.resolve("customresourcedefinitions.apiextensions.k8s.io")
        for obj in list(self._objects.table(resource).objects.values()):
            rows = [row for row in self._registry.types() if row.crd == obj["metadata"]["name"]]
            if obj["metadata"].get("deletionTimestamp") and self._emptied(rows):
                self._objects.remove(resource, obj)
                self._registry.remove_definition(obj["metadata"]["name"])

    def _emptied(self, rows: list[Resource], namespace: str = "") -> bool:
        """Delete what is there; whether all of it is gone (finalizers may hold some)."""
        for row in rows:
            for key in self._objects.table(row).in_namespace(namespace):
                self._delete(row, key)
        return not any(self._objects.table(row).in_namespace(namespace) for row in rows)

    def _delete(self, resource: Resource, key: tuple[str, str]) -> None:
        try:
            self._verbs.delete(resource, *key)
        except KubeError as error:
            if error.code != 404:
                raise

    def _owners(self) -> None:
        for resource, obj in self._all("ownerReferences"):
            metadata = obj["metadata"]
            owners = [owner.get("uid") for owner in metadata["ownerReferences"] or []]
            if owners and not any(uid in self._objects.uids for uid in owners):
                self._delete(resource, (metadata.get("namespace", ""), metadata["name"]))
        for resource, obj in self._all("deletionTimestamp"):
            for marker in ("orphan", "foregroundDeletion"):
                if marker in (obj["metadata"].get("finalizers") or []):
                    self._propagate(resource, obj, marker)

    def _propagate(self, resource: Resource, owner: Json, marker: str) -> None:
        """Let the dependents go, or free them from their owner; then take the marker from the owner."""
        uid = owner["metadata"]["uid"]
        for row, child in self._all("ownerReferences"):
            metadata = child["metadata"]
            others = [reference for reference in metadata["ownerReferences"] or [] if reference.get("uid") != uid]
            if len(others) == len(metadata["ownerReferences"] or []):
                continue
            namespace, name = metadata.get("namespace", ""), metadata["name"]
            if others or marker == "orphan":
                self._verbs.update(row, namespace, name, {**copied(child), "metadata": {**metadata, "ownerReferences": others}}, Options(patch=True))
            else:
                self._delete(row, (namespace, name))
                if (namespace, name) in self._objects.table(row).objects:
                    return
        metadata = owner["metadata"]
        finalizers = [finalizer for finalizer in metadata["finalizers"] if finalizer != marker]
        body = {**copied(owner), "metadata": {**metadata, "finalizers": finalizers}}
        self._verbs.update(resource, metadata.get("namespace", ""), metadata["name"], body, Options(patch=True))
