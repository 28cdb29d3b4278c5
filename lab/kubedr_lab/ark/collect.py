# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a Backup holds: its filters, and what they pull in: volumes of claims, claims of pods, roles of accounts, definitions of custom objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..controllers.api import key, meta
from ..controllers.ports import Obj
from .context import Context
from .discovery import Discovery, Resource
from .filters import NameFilter, selected

NAMESPACES = "namespaces"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_ROLE_BINDINGS, _ROLES = "clusterrolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"
OLD_FILTERS = ("includedResources", "excludedResources", "includeClusterResources")
NEW_FILTERS = (
    "includedClusterScopedResources", "excludedClusterScopedResources", "includedNamespaceScopedResources", "excludedNamespaceScopedResources",
)


@dataclass
class Collector:
    """Gathers one Backup's items in ``items``, each once, and what happened in ``log``."""

    context: Context
    discovery: Discovery
    spec: Obj
    items: dict[tuple[str, str, str], tuple[Resource, Obj]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _read: dict[str, dict[tuple[str, str], Obj]] = field(default_factory=dict)

    async def run(self) -> None:
        """Read the cluster and fill ``items``."""
        namespaces = list((await self._all(self.discovery.resources[NAMESPACES])).values())
        excluded = [meta(obj)["name"] for obj in namespaces if self._labelled_out(obj)]
        self._namespaces = NameFilter.of(self.spec.get("includedNamespaces"), [*(self.spec.get("excludedNamespaces") or []), *excluded])
        self._resources = NameFilter.of(self.spec.get("includedResources"), self.spec.get("excludedResources"), self.discovery.resolve)
        for name, resource in self.discovery.resources.items():
            cohabits = name == "events.events.k8s.io" and "events" in self.discovery.resources
            if resource.can_backup and name != NAMESPACES and not cohabits and self._wanted(resource):
                for (namespace, _name), obj in list((await self._all(resource)).items()):
                    if (not namespace or self._namespaces.has(namespace)) and selected(self.spec, meta(obj).get("labels")):
                        await self._take(resource, obj)
        self._take_namespaces(namespaces)

    async def _all(self, resource: Resource) -> dict[tuple[str, str], Obj]:
        """By namespace and name, read once. The items of a list carry neither apiVersion nor kind: both are put in."""
        if resource.name not in self._read:
            known = {"apiVersion": resource.kind.api_version, "kind": resource.kind.name}
            self._read[resource.name] = {key(obj): {**obj, **known} for obj in await self.context.api.list(resource.kind)}
        return self._read[resource.name]

    def _labelled_out(self, obj: Obj) -> bool:
        label = self.context.dialect.exclude_label
        return bool(label) and (meta(obj).get("labels") or {}).get(label) == "true"

    def _wanted(self, resource: Resource) -> bool:
        """The resource is collected for its own sake (Velero GlobalIncludesExcludes, ScopeIncludesExcludes)."""
        if any(self.spec.get(name) for name in NEW_FILTERS):
            return self._wanted_by_scope(resource)
        cluster = self.spec.get("includeClusterResources")
        if not resource.kind.namespaced and (cluster is False or (cluster is None and not self._namespaces.everything)):
            return False
        return self._resources.has(resource.name)

    def _wanted_by_scope(self, resource: Resource) -> bool:
        scope = "NamespaceScoped" if resource.kind.namespaced else "ClusterScoped"
        names = NameFilter.of(self.spec.get(f"included{scope}Resources"), self.spec.get(f"excluded{scope}Resources"), self.discovery.resolve)
        if resource.kind.namespaced or names.includes:
            return names.has(resource.name)
        return self._namespaces.everything and not names.drops(resource.name)

    def _allowed(self, resource: Resource) -> bool:
        """The resource may come along as somebody's additional item."""
        if not resource.kind.namespaced and self.spec.get("includeClusterResources") is False:
            return False
        excluded = self.spec.get(f"excluded{'NamespaceScoped' if resource.kind.namespaced else 'ClusterScoped'}Resources")
        return not self._resources.drops(resource.name) and not NameFilter.of((), excluded, self.discovery.resolve).drops(resource.name)

    async def _take(self, resource: Resource, obj: Obj) -> None:
        item = (resource.name, *key(obj))
        if item in self.items or self._labelled_out(obj):
            return
        if meta(obj).get("deletionTimestamp"):
            self.log.append(f'level=info msg="Skipping item because it\'s being deleted." name={item[2]} resource={item[0]}')
            return
        self.items[item] = (resource, obj)
        if self.context.dialect.velero and "." in resource.name:
            await self._take_named(CRDS, "", resource.name)
        match resource.name:
            case "persistentvolumeclaims":
                if (obj.get("status") or {}).get("phase") == "Bound" and obj["spec"].get("volumeName"):
                    await self._take_named("persistentvolumes", "", obj["spec"]["volumeName"])
            case "pods":
                for volume in obj["spec"].get("volumes") or []:
                    if "persistentVolumeClaim" in volume:
                        await self._take_named("persistentvolumeclaims", item[1], volume["persistentVolumeClaim"]["claimName"])
            case "serviceaccounts":
                await self._take_roles(item[1], item[2])

    async def _take_named(self, name: str, namespace: str, wanted: str) -> None:
        resource = self.discovery.resources.get(name)
        if resource is None or not self._allowed(resource):
            return
        obj = (await self._all(resource)).get((namespace, wanted))
        if obj is not None:
            await self._take(resource, obj)

    async def _take_roles(self, namespace: str, account: str) -> None:
        bindings = self.discovery.resources.get(_ROLE_BINDINGS)
        if bindings is None or not self._allowed(bindings):
            return
        for binding in (await self._all(bindings)).values():
            subjects = binding.get("subjects") or []
            if any((who.get("kind"), who.get("namespace"), who.get("name")) == ("ServiceAccount", namespace, account) for who in subjects):
                await self._take(bindings, binding)
                await self._take_named(_ROLES, "", binding["roleRef"]["name"])

    def _take_namespaces(self, namespaces: list[Obj]) -> None:
        resource = self.discovery.resources[NAMESPACES]
        if not (self._resources.has(NAMESPACES) or NAMESPACES in map(self.discovery.resolve, self.spec.get("includedClusterScopedResources") or [])):
            return
        used = {namespace for _name, namespace, _item in self.items}
        for obj in namespaces:
            name = meta(obj)["name"]
            if self._namespaces.has(name) and (name in used or selected(self.spec, meta(obj).get("labels"))) and not meta(obj).get("deletionTimestamp"):
                self.items[(NAMESPACES, "", name)] = (resource, obj)


def filter_errors(spec: Obj) -> list[str]:
    """The one rule between filters that the lists' own rules do not cover."""
    if any(spec.get(name) for name in OLD_FILTERS) and any(spec.get(name) for name in NEW_FILTERS):
        old, new = ", ".join(OLD_FILTERS), ", ".join(NEW_FILTERS)
        return [f"{old} are old filter parameters.\n{new} are new filter parameters.\nThey cannot be used together"]
    return []
