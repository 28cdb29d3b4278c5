# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One restore at work: which items of the tarball, in which order, and what becomes of each (velero pkg/restore/restore.go)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from ..controllers.api import NAMESPACES, STORAGE_CLASSES, KubeRefused, meta
from ..controllers.ports import Obj
from . import modifiers, transform
from .context import Context
from .discovery import Discovery, Resource
from .filters import NameFilter, selected
from .results import Messages, ordered

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_TERMINATING_TIMEOUT = 600.0


@dataclass
class Restoration:
    """Restores ``contents`` (objects by resource name) as ``spec`` says.

    Attributes:
        rules: of resource modifiers, parsed.
        classes: storage classes to exchange, old to new.
        outcome: per item ``created``, ``updated``, ``skipped`` or ``failed``; items that were left out on purpose are not in it.
    """

    context: Context
    name: str
    spec: Obj
    contents: dict[str, list[Obj]]
    discovery: Discovery
    rules: list[Obj] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    warnings: Messages = field(default_factory=Messages)
    errors: Messages = field(default_factory=Messages)
    log: list[str] = field(default_factory=list)
    outcome: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mapping: dict[str, str] = self.spec.get("namespaceMapping") or {}
        self._namespaces = NameFilter.of(self.spec.get("includedNamespaces"), self.spec.get("excludedNamespaces"))
        self._known: set[str] = set()
        self._done: set[tuple[str, str, str]] = set()
        self._reprovisioned: set[str] = set()

    def _resources(self) -> NameFilter:
        # names are resolved late, because the restore itself may bring the definition
        return NameFilter.of(self.spec.get("includedResources"), self.spec.get("excludedResources"), self.discovery.resolve)

    def chosen(self, name: str) -> list[Obj]:
        """The items of one resource that the filters leave. Namespaces are made when something is restored into them."""
        if name == "namespaces" or not self._resources().has(name):
            return []
        return [obj for obj in self.contents.get(name, []) if self._in_scope(meta(obj).get("namespace", "")) and selected(self.spec, meta(obj).get("labels"))]

    def _in_scope(self, namespace: str) -> bool:
        if namespace:
            return self._namespaces.has(namespace)
        cluster = self.spec.get("includeClusterResources")
        # Ark 0.10 takes every cluster-scoped object unless told not to; Velero only in a restore of everything
        return cluster is True or (cluster is None and (self._namespaces.everything or not self.context.dialect.velero))

    def total(self) -> int:
        """How many items the filters leave."""
        return sum(len(self.chosen(name)) for name in self.contents)

    async def run(self) -> AsyncIterator[bool]:
        """Restore item by item: True after each, False while one has to wait for something in the cluster."""
        for name in ordered(self.contents, self.context.dialect):
            items = self.chosen(name)
            if items and name not in self.discovery.resources:
                self.discovery = await Discovery.load(self.context.port)
                if name not in self.discovery.resources:
                    self._say(f"Skipping restore of resource because it cannot be resolved via discovery: {name}")
                    continue
            for obj in items:
                try:
                    async for waiting in self._namespace(meta(obj).get("namespace", "")):
                        yield not waiting
                    await self._restore(self.discovery.resources[name], obj)
                except KubeRefused as error:
                    self.errors.add(self._target(obj), f"error restoring {name}/{meta(obj)['name']}: {error}")
                yield True

    def _say(self, text: str) -> None:
        self.log.append(f'level=info msg="{text}" restore={self.context.namespace}/{self.name}')

    async def _namespace(self, original: str) -> AsyncIterator[bool]:
        """Make sure that the target namespace exists, with labels and annotations of the backup's. Yields True while an old one terminates."""
        name = self._mapping.get(original, original)
        if not name or name in self._known:
            return
        since = self.context.clock.now()
        while (here := await self.context.api.get(NAMESPACES, "", name)) is not None and meta(here).get("deletionTimestamp"):
            if self.context.clock.now() - since >= _TERMINATING_TIMEOUT:
                self.errors.add(None, f"timed out waiting for terminating namespace {name} to disappear before restoring")
                break
            yield True
        if here is None:
            stored = next((obj for obj in self.contents.get("namespaces", []) if meta(obj)["name"] == original), {})
            kept = {part: meta(stored)[part] for part in ("labels", "annotations") if meta(stored).get(part)}
            kept.get("labels", {}).pop("kubernetes.io/metadata.name", None)
            await self.context.api.create(NAMESPACES, {"metadata": {"name": name, **kept}})
            self.outcome[("namespaces", "", name)] = "created"
        self._known.add(name)

    async def _restore(self, resource: Resource, stored: Obj) -> None:
        item = (resource.name, meta(stored).get("namespace", ""), meta(stored)["name"])
        if item in self._done:
            return
        self._done.add(item)
        reason = transform.skip_reason(stored, resource.name)
        if reason or (resource.name == "persistentvolumes" and self._reprovision(stored)):
            self._say(f"Skipping {resource.name} {item[2]}: {reason or 'it will be provisioned anew'}")
            return
        if self.context.dialect.velero:
            await self._additional(resource, stored)
        try:
            obj = await self._prepared(resource, stored)
        except ValueError as error:
            self.errors.add(self._target(stored), f"error preparing {resource.name}/{item[2]}: {error}")
            return
        await self._create(resource, obj, stored)

    def _reprovision(self, volume: Obj) -> bool:
        """The trap: a PV with policy Delete and no snapshot is dropped, and its claim will get a new, empty one. No warning, no error."""
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            return False
        self._reprovisioned.add(meta(volume)["name"])
        self._say("Dynamically re-provisioning persistent volume because it doesn't have a snapshot and its reclaim policy is Delete.")
        return True

    async def _additional(self, resource: Resource, obj: Obj) -> None:
        """A pod brings its claims, a claim its volume, whatever the namespace filter says of cluster scope; explicit filters hold."""
        wanted: list[tuple[str, str, str]] = []
        if resource.name == "persistentvolumeclaims" and obj["spec"].get("volumeName"):
            wanted.append(("persistentvolumes", "", obj["spec"]["volumeName"]))
        if resource.name == "pods":
            claims = [volume["persistentVolumeClaim"]["claimName"] for volume in obj["spec"].get("volumes") or [] if "persistentVolumeClaim" in volume]
            wanted += [("persistentvolumeclaims", meta(obj)["namespace"], claim) for claim in claims]
        for name, namespace, wanted_name in wanted:
            if not self._resources().has(name) or (not namespace and self.spec.get("includeClusterResources") is False):
                self._say(f"Not restoring additional item {name} {wanted_name} because of the filters")
                continue
            for other in self.contents.get(name, []):
                if (meta(other).get("namespace", ""), meta(other)["name"]) == (namespace, wanted_name):
                    await self._restore(self.discovery.resources[name], other)

    def _target(self, stored: Obj) -> str:
        namespace: str = meta(stored).get("namespace", "")
        return self._mapping.get(namespace, namespace)

    async def _prepared(self, resource: Resource, stored: Obj) -> Obj:
        """The manifest to create.

        Raises:
            ValueError: it names a storage class that does not exist here.
        """
        dialect, obj = self.context.dialect, transform.reset(stored, self.context.dialect)
        if resource.name == "persistentvolumes":
            transform.volume_as_is(obj, dialect, self._mapping)
        elif resource.name == "persistentvolumeclaims":
            transform.claim(obj, dialect, obj["spec"].get("volumeName") in self._reprovisioned)
        elif resource.name == "services":
            transform.service(obj, self.spec.get("preserveNodePorts") is True)
        elif resource.name in transform.PLAIN:
            transform.PLAIN[resource.name](obj)
        elif resource.name.startswith(("rolebindings.", "clusterrolebindings.")):
            transform.remap_subjects(obj, self._mapping)
        if self.classes and resource.name in ("persistentvolumes", "persistentvolumeclaims", "statefulsets.apps"):
            for name in transform.storage_class(obj, resource.name, self.classes):
                if await self.context.api.get(STORAGE_CLASSES, "", name) is None:
                    raise ValueError(f"error getting storage class {name} from API: not found")
        if self.rules:
            obj, problems = modifiers.apply(self.rules, obj, resource.name)
            for problem in problems:
                self.errors.add(self._target(stored), problem)
        if self._target(stored):
            meta(obj)["namespace"] = self._target(stored)
        transform.add_labels(obj, dialect, self.name, self.spec["backupName"])
        return obj

    async def _create(self, resource: Resource, obj: Obj, stored: Obj) -> None:
        namespace, name = self._target(stored), meta(obj)["name"]
        item = (resource.name, namespace, name)
        try:
            made = await self.context.api.create(resource.kind, obj)
            if made is None:
                self.outcome[item] = await self._meet(resource, obj, namespace)
                return
            self.outcome[item] = "created"
            await self._restore_status(resource, made, stored)
        except KubeRefused as error:
            self.outcome[item] = "failed"
            self.errors.add(namespace, f"error restoring {resource.name}{f'/{namespace}' if namespace else ''}/{name}: {error}")

    async def _restore_status(self, resource: Resource, made: Obj, stored: Obj) -> None:
        wish = self.spec.get("restoreStatus")
        resolve = self.discovery.resolve
        named = wish is not None and NameFilter.of(wish.get("includedResources") or ["-"], wish.get("excludedResources"), resolve).has(resource.name)
        if not (named or (meta(stored).get("annotations") or {}).get("velero.io/restore-status") == "true") or "status" not in stored:
            return
        if await self.context.api.merge(resource.kind, made, {"status": stored["status"]}, "status") is None:
            self.warnings.add(meta(made).get("namespace", ""), f"could not restore status of {made['kind']}:{meta(made)['name']}")

    async def _meet(self, resource: Resource, obj: Obj, namespace: str) -> str:
        """An object of that name exists: leave it, merge a ServiceAccount, or update it where the policy says so."""
        api, dialect, name = self.context.api, self.context.dialect, meta(obj)["name"]
        there = await api.get(resource.kind, namespace, name)
        if there is None:
            self.errors.add(namespace, f"error retrieving in-cluster version of {resource.name}/{name}: not found")
            return "failed"
        here = transform.reset({**there, "apiVersion": obj["apiVersion"], "kind": obj["kind"]}, dialect)
        alike = transform.reset(here, dialect)
        transform.add_labels(alike, dialect, self.name, self.spec["backupName"])
        update = self.spec.get("existingResourcePolicy") == "update"
        if resource.name == "serviceaccounts" and alike != obj:
            patch = transform.difference(here, transform.merged_account(here, obj))
            return await self._patch(resource, there, patch, namespace) if patch else "skipped"
        if update:
            return await self._patch(resource, there, transform.difference(here, obj), namespace)
        if alike != obj:
            self.warnings.add(namespace, _exists(obj, resource, dialect.velero))
        return "skipped"

    async def _patch(self, resource: Resource, there: Obj, patch: Any, namespace: str) -> str:
        try:
            await self.context.api.merge(resource.kind, there, patch)
        except KubeRefused as error:
            self.warnings.add(namespace, f"could not update {there.get('kind', resource.kind.name)}:{meta(there)['name']}: {error}")
            labels = {"metadata": {"labels": patch.get("metadata", {}).get("labels") or {}}}
            await self.context.api.merge(resource.kind, there, labels)
            return "failed"
        return "updated"

    def resource_list(self) -> dict[str, list[str]]:
        """As in ``restore-R-resource-list.json.gz``: kinds to ``namespace/name(outcome)``."""
        found: dict[str, list[str]] = {}
        for (name, namespace, item), outcome in self.outcome.items():
            resource = self.discovery.resources[name]
            found.setdefault(f"{resource.kind.api_version}/{resource.kind.name}", []).append(f"{f'{namespace}/' if namespace else ''}{item}({outcome})")
        return {kind: sorted(items) for kind, items in sorted(found.items())}


def _exists(obj: Obj, resource: Resource, velero: bool) -> str:
    name = meta(obj)["name"]
    if velero:
        return f"could not restore, {obj['kind']}:{name} already exists. Warning: the in-cluster version is different than the backed-up version"
    return f'not restored: {resource.name} "{name}" already exists and is different from backed up version.'
