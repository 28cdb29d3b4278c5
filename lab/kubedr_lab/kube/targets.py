# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object a URL path means, and what a request's query and headers ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ..messages import Request, Response
from .errors import Json, KubeError, no_such_path
from .objects import encode
from .resources import Registry, Resource

JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Target:
    """``namespace`` and ``name`` are "" where the path has none. ``watch``: one of the old ``/watch/`` paths."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    watch: bool = False


def split_version(parts: list[str]) -> tuple[str, str, list[str]]:
    """(group, version, the rest) of the segments of an API path.

    Raises:
        KubeError: 404.
    """
    if parts[0] == "api" and len(parts) >= 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) >= 3:
        return parts[1], parts[2], parts[3:]
    raise no_such_path()


def locate(registry: Registry, group: str, version: str, rest: list[str]) -> Target:
    """The target of what follows the group and version in a path.

    Raises:
        KubeError: 404, no such resource or subresource here.
    """
    watch = rest[0] == "watch"
    if watch:
        rest = rest[1:]
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and not (group == "" and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(group, version, rest[0]) if rest else None
    if resource is None or (namespace and not resource.namespaced) or len(rest) > 3:
        raise no_such_path()
    name, subresource = [*rest[1:], "", ""][:2]
    if (subresource and subresource not in resource.subresources) or (name and resource.namespaced and not namespace):
        raise no_such_path()
    return Target(resource, namespace, name, subresource, watch)


def wants(request: Request, representation: str) -> bool:
    """Whether the client accepts ``Table``, ``PartialObjectMetadata`` or ``PartialObjectMetadataList``."""
    return f"as={representation};" in request.headers.get("accept", "").replace(",", ";") + ";"


def is_dry_run(request: Request, body: Json | None = None) -> bool:
    """Whether nothing is to be stored.

    Raises:
        KubeError: 422, a value other than ``All``.
    """
    values = [value for value in [*request.query.get("dryRun", []), *((body or {}).get("dryRun") or [])] if value]
    for value in values:
        if value != "All":
            raise KubeError(422, f'dryRun: Unsupported value: "{value}": supported values: "All"')
    return bool(values)


def number(request: Request, name: str) -> int:
    """A query parameter that counts; 0 where it is absent.

    Raises:
        KubeError: 400 (500 for a resourceVersion, as the real server has it).
    """
    text = request.first(name) or "0"
    if not text.isdigit():
        raise KubeError(500 if name == "resourceVersion" else 400, f'{name}: parsing "{text}": invalid syntax')
    return int(text)


def answer(data: Json | bytes, status: int = 200, content_type: str = JSON_TYPE) -> Response:
    """A JSON answer; bytes are JSON already."""
    return Response(status, {"content-type": content_type}, data if isinstance(data, bytes) else encode(data))
