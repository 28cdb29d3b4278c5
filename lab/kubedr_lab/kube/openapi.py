# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenAPI documents, as far as kubectl needs them: per kind a patch operation with ``dryRun`` and ``fieldValidation``, and the schema of custom resources."""

from __future__ import annotations

from ..copying import copied
from .errors import Json, no_such_path
from .resources import Registry, Resource

_INFO_TITLE = "Kubernetes"


def v2(version: str) -> Json:
    """``/openapi/v2``: kubectl asks, but needs nothing of it once v3 answers."""
    return {"swagger": "2.0", "info": {"title": _INFO_TITLE, "version": version}, "paths": {}, "definitions": {}}


def v3_index(registry: Registry, revision: int) -> Json:
    """``/openapi/v3``."""
    names = [f"apis/{group}/{version}" if group else f"api/{version}" for group, versions in registry.groups().items() for version in versions]
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={revision}"} for name in names}}


def v3(registry: Registry, version: str, group: str, group_version: str) -> Json:
    """``/openapi/v3/api/v1`` and ``/openapi/v3/apis/{group}/{version}``."""
    rows = registry.groups().get(group, {}).get(group_version)
    if rows is None:
        raise no_such_path()
    paths: Json = {}
    schemas: Json = {}
    for row in rows:
        name = f"{'.'.join(reversed(group.split('.'))) if '.' in group else 'io.k8s.api.' + (group or 'core')}.{group_version}.{row.kind}"
        paths |= _paths(row, name)
        schemas[name] = _schema(row)
    return {"openapi": "3.0.0", "info": {"title": _INFO_TITLE, "version": version}, "paths": paths, "components": {"schemas": schemas}}


def _gvk(row: Resource) -> Json:
    return {"group": row.group, "version": row.version, "kind": row.kind}


def _paths(row: Resource, schema: str) -> Json:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    responses = {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}}

    def operation(action: str, given: list[Json]) -> Json:
        head = {"operationId": f"{action}{row.kind}", "x-kubernetes-action": action, "x-kubernetes-group-version-kind": _gvk(row)}
        return {**head, "responses": responses, **({"parameters": given} if given else {})}

    base = row.prefix + ("/namespaces/{namespace}" if row.namespaced else "") + f"/{row.plural}"
    writes = {verb: operation(verb, parameters) for verb in ("put", "patch")}
    return {
        base: {"get": operation("list", []), "post": operation("post", parameters)},
        base + "/{name}": {"get": operation("get", []), **writes, "delete": operation("delete", parameters[:1])},
    }


def _schema(row: Resource) -> Json:
    schema: Json = copied(row.schema) if row.schema else {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema.setdefault("properties", {}).update(apiVersion={"type": "string"}, kind={"type": "string"}, metadata=free)
    schema["x-kubernetes-group-version-kind"] = [_gvk(row)]
    return schema
