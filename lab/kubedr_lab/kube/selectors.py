# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label and field selectors: text of a query parameter -> predicate on an object."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import Json, bad_request
from .resources import Resource

Predicate = Callable[[Json], bool]
_PART = re.compile(r"[^,(]+(?:\([^)]*\))?[^,]*")
_SET = re.compile(r"([\w./-]+)\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(r"([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)")
_EXISTS = re.compile(r"(!?)\s*([\w./-]+)")
_FIELD = re.compile(r"\s*([\w.]+)\s*(==|=|!=)(.*)")
_FIELDS = {
    "pods": {"spec.nodeName", "status.phase", "spec.restartPolicy", "spec.serviceAccountName", "status.podIP"},
    "events": {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "reason", "type", "source"},
    "secrets": {"type"},
    "namespaces": {"status.phase"},
}


def label_selector(text: str) -> Predicate:
    """All comma-separated requirements hold: ``k=v``, ``k!=v``, ``k in (a, b)``, ``k notin (a)``, ``k``, ``!k``.

    Raises:
        KubeError: 400, not a selector.
    """
    requirements = [_requirement(part.strip()) for part in _PART.findall(text)]

    def matches(obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return matches


def _requirement(part: str) -> Callable[[Json], bool]:
    if found := _SET.fullmatch(part):
        key, negated, values = found[1], found[2] == "notin", {value.strip() for value in found[3].split(",")}
        return lambda labels: (labels.get(key) in values) != negated
    if found := _EQUAL.fullmatch(part):
        key, negated, value = found[1], found[2] == "!=", found[3]
        return lambda labels: (labels.get(key) == value) != negated
    if found := _EXISTS.fullmatch(part):
        key, absent = found[2], bool(found[1])
        return lambda labels: (key in labels) != absent
    raise bad_request(f"unable to parse requirement: {part!r}")


def field_selector(resource: Resource, text: str) -> Predicate:
    """The fields that a real server indexes for this type; every type has ``metadata.name`` and ``metadata.namespace``.

    Raises:
        KubeError: 400, not a selector, or a field that is not supported for this type.
    """
    requirements: list[tuple[list[str], bool, str]] = []
    for part in text.split(","):
        found = _FIELD.fullmatch(part)
        if not found:
            raise bad_request(f"invalid selector: {part!r}")
        supported = {"metadata.name", "metadata.namespace"} | (_FIELDS.get(resource.plural, set()) if not resource.group else set())
        if found[1] not in supported:
            raise bad_request(f"field label not supported: {found[1]}")
        requirements.append((found[1].split("."), found[2] == "!=", found[3].strip()))
    return lambda obj: all((str(dig(obj, path) or "") == value) != negated for path, negated, value in requirements)


def dig(obj: Any, path: list[str]) -> Any:
    """The value under a chain of keys, None where there is none."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj
