# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CustomResourceDefinitions: what is checked, what the server fills in, and the rows of the registry that follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import Cause, Json
from .resources import Resource

_CONDITIONS = (
    ("NamesAccepted", "NoConflicts", "no conflicts found"),
    ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
)


def crd_faults(obj: Json) -> list[Cause]:
    """What makes a definition invalid."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return [("spec", "Required value")]
    given = spec.get("names")
    names: Json = given if isinstance(given, dict) else {}
    faults: list[Cause] = [(f"spec.{key}", "Required value") for key in ("group", "scope") if not spec.get(key)]
    faults += [(f"spec.names.{key}", "Required value") for key in ("plural", "kind") if not names.get(key)]
    if spec.get("scope") and spec["scope"] not in ("Cluster", "Namespaced"):
        faults.append(("spec.scope", f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"'))
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if not faults and obj["metadata"].get("name") != wanted:
        faults.append(("metadata.name", f'Invalid value: "{obj["metadata"].get("name")}": must be spec.names.plural+"."+spec.group'))
    return faults + _version_faults(spec.get("versions"))


def _version_faults(versions: Any) -> list[Cause]:
    if not isinstance(versions, list) or not versions or not all(isinstance(version, dict) for version in versions):
        return [("spec.versions", "Required value: must have exactly one version marked as storage version")]
    faults: list[Cause] = []
    for index, version in enumerate(versions):
        if not version.get("name"):
            faults.append((f"spec.versions[{index}].name", "Required value"))
        schema = version.get("schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("openAPIV3Schema"), dict):
            faults.append((f"spec.versions[{index}].schema.openAPIV3Schema", "Required value: schemas are required"))
    if sum(version.get("storage") is True for version in versions) != 1:
        faults.append(("spec.versions", "Invalid value: must have exactly one version marked as storage version"))
    return faults


def complete_crd(obj: Json, now: str) -> None:
    """Fill in names and status: accepted and established at once."""
    spec = obj["spec"]
    names = spec["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", names["kind"] + "List")
    spec.setdefault("conversion", {"strategy": "None"})
    status = obj.setdefault("status", {})
    status["acceptedNames"] = names
    status["storedVersions"] = [version["name"] for version in spec["versions"] if version.get("storage")]
    if not status.get("conditions"):
        status["conditions"] = [
            {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now} for kind, reason, message in _CONDITIONS
        ]


def crd_rows(obj: Json) -> Iterator[Resource]:
    """One row per served version."""
    spec = obj["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        columns = tuple((column["name"], column["type"], column["jsonPath"]) for column in version.get("additionalPrinterColumns") or [])
        yield Resource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            short=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=frozenset(version.get("subresources") or ()),
            singular=names["singular"],
            list_kind=names["listKind"],
            columns=columns,
            schema=version["schema"]["openAPIV3Schema"],
            crd=obj["metadata"]["name"],
        )
