# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CustomResourceDefinitions: what is checked, what the server fills in, and the rows of the registry that follow."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import Cause, Json
from .resources import Resource
from .validation import choice_fault

_CONDITIONS = (
    ("NamesAccepted", "NoConflicts", "no conflicts found"),
    ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
)


def crd_faults(obj: Json) -> list[Cause]:
    """What makes a definition invalid."""
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    faults: list[Cause] = [(f"spec.{key}", "Required value") for key in ("group", "scope") if not spec.get(key)]
    faults += [(f"spec.names.{key}", "Required value") for key in ("plural", "kind") if not names.get(key)]
    if spec.get("scope"):
        faults += choice_fault("spec.scope", spec["scope"], ("Cluster", "Namespaced"))
    name = obj["metadata"]["name"]
    if not faults and name != f"{names['plural']}.{spec['group']}":
        faults.append(("metadata.name", f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'))
    return faults + _version_faults(spec.get("versions") or [])


def _version_faults(versions: list[Json]) -> list[Cause]:
    faults: list[Cause] = []
    for index, version in enumerate(versions):
        at = f"spec.versions[{index}]"
        if not version.get("name"):
            faults.append((f"{at}.name", "Required value"))
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            faults.append((f"{at}.schema.openAPIV3Schema", "Required value: schemas are required"))
        for column in version.get("additionalPrinterColumns") or []:
            faults += [(f"{at}.additionalPrinterColumns.{key}", "Required value") for key in ("name", "type", "jsonPath") if not column.get(key)]
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
    status = obj["status"] = dict(obj.get("status") or {})  # the stored object may share it
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
            group=spec["group"], version=version["name"], plural=names["plural"], kind=names["kind"], namespaced=spec["scope"] == "Namespaced",
            short=tuple(names.get("shortNames") or ()), categories=tuple(names.get("categories") or ()),
            subresources=frozenset(version.get("subresources") or ()), singular=names["singular"], list_kind=names["listKind"],
            columns=columns, schema=version["schema"]["openAPIV3Schema"], crd=obj["metadata"]["name"],
        )
