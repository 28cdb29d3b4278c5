# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery documents, classic and aggregated, computed from the registry on request: there is no second source of truth."""

from __future__ import annotations

from .errors import Json, no_such_path
from .resources import Registry, Resource

_SUBRESOURCE_VERBS = ["get", "patch", "update"]


def api_versions(host: str) -> Json:
    """``/api``."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]}


def group_list(registry: Registry) -> Json:
    """``/apis``."""
    groups = [_group(name, list(versions)) for name, versions in registry.groups().items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Json:
    """``/apis/{group}``."""
    versions = registry.groups().get(name)
    if not name or versions is None:
        raise no_such_path()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, list(versions))}


def resource_list(registry: Registry, name: str, version: str) -> Json:
    """``/api/v1`` and ``/apis/{group}/{version}``."""
    rows = registry.groups().get(name, {}).get(version)
    if rows is None:
        raise no_such_path()
    resources = [entry for row in rows for entry in [_classic(row), *_classic_subresources(row)]]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": rows[0].api_version, "resources": resources}


def aggregated(registry: Registry, core: bool, version: str) -> Json:
    """``/api`` or ``/apis`` as one APIGroupDiscoveryList (``version``: v2 or v2beta1)."""
    items = []
    for name, versions in registry.groups().items():
        if (name == "") == core:
            listed = [{"version": each, "freshness": "Current", "resources": [_aggregated_row(row) for row in rows]} for each, rows in versions.items()]
            items.append({"metadata": {"name": name, "creationTimestamp": None}, "versions": listed})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items}


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in sorted(versions)]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _names(row: Resource) -> Json:
    return {**({"shortNames": list(row.short)} if row.short else {}), **({"categories": list(row.categories)} if row.categories else {})}


def _classic(row: Resource) -> Json:
    verbs = list(row.verbs)
    return {"name": row.plural, "singularName": row.singular, "namespaced": row.namespaced, "kind": row.kind, "verbs": verbs, **_names(row)}


def _answers(row: Resource, subresource: str) -> tuple[str, str, str]:
    """(group, version, kind) that a subresource speaks."""
    special = {"scale": ("autoscaling", "v1", "Scale"), "binding": ("", "v1", "Binding")}
    return special.get(subresource, (row.group, row.version, row.kind))


def _verbs(subresource: str) -> list[str]:
    return {"binding": ["create"], "finalize": ["update"]}.get(subresource, _SUBRESOURCE_VERBS)


def _classic_subresources(row: Resource) -> list[Json]:
    entries = []
    for name in sorted(row.subresources):
        answer = _answers(row, name)
        where = {"group": answer[0], "version": answer[1]} if answer[0] != row.group else {}
        entry = {"name": f"{row.plural}/{name}", "singularName": "", "namespaced": row.namespaced, "kind": answer[2], "verbs": _verbs(name)}
        entries.append({**entry, **where})
    return entries


def _aggregated_row(row: Resource) -> Json:
    def kind(group_version_kind: tuple[str, str, str]) -> Json:
        return dict(zip(("group", "version", "kind"), group_version_kind, strict=True))

    subresources = [{"subresource": name, "responseKind": kind(_answers(row, name)), "verbs": _verbs(name)} for name in sorted(row.subresources)]
    return {
        "resource": row.plural, "responseKind": kind((row.group, row.version, row.kind)), "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular, "verbs": list(row.verbs), **_names(row), **({"subresources": subresources} if subresources else {}),
    }
