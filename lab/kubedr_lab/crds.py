# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CustomResourceDefinitions of the lab, grown from the short notation of ``crds/*.yaml``.

In that notation a field is ``str``, ``int``, ``bool``, ``time``, ``any`` (kept whole, not pruned), ``=A|B`` (enum), the name of one of the
file's ``types``, ``[x]`` (list), ``{"*": x}`` (map), or a mapping of fields (object). ``~`` after a scalar or type makes it nullable, as does
the key ``~`` in an object; ``!`` after a field's name makes the field required.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

Schema = dict[str, Any]
_SCALARS: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
FILES = {"velero.io": "velero.yaml", "ark.heptio.com": "ark.yaml", "trident.netapp.io": "trident.yaml"}


def load_crds(group: str) -> list[dict[str, Any]]:
    """All CRDs of ``velero.io``, ``ark.heptio.com`` or ``trident.netapp.io``, ready to be posted."""
    data = _notation(FILES[group])
    types: dict[str, Any] = data.get("types", {})
    return [_crd(group, kind, entry, types) for kind, entry in data["kinds"].items()]


@cache
def _notation(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("crds", name).read_text(encoding="utf-8"))
    return loaded


def _crd(group: str, kind: str, entry: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in entry.items() if name not in ("plural", "short", "columns")}
    schema = _schema(fields, types)
    schema["properties"] = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}, **schema["properties"]}
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if "columns" in entry:
        version["additionalPrinterColumns"] = [
            {"name": name, "jsonPath": path, "type": "date" if name in ("Age", "Last Validated") else "string"} for name, path in entry["columns"].items()
        ]
    names = {"kind": kind, "listKind": f"{kind}List", "plural": entry["plural"], "singular": kind.lower(), "shortNames": entry.get("short", [])}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{entry['plural']}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _schema(value: Any, types: dict[str, Any]) -> Schema:
    if isinstance(value, list):
        return {"type": "array", "items": _schema(value[0], types)}
    if isinstance(value, dict):
        return _object(value, types)
    if value.endswith("~"):
        return {**_schema(value[:-1], types), "nullable": True}
    if value.startswith("="):
        return {"type": "string", "enum": value[1:].split("|")}
    return dict(_SCALARS[value]) if value in _SCALARS else _schema(types[value], types)


def _object(value: dict[str, Any], types: dict[str, Any]) -> Schema:
    if "*" in value:
        return {"type": "object", "additionalProperties": _schema(value["*"], types)}
    fields = {name: field for name, field in value.items() if name != "~"}
    schema: Schema = {"type": "object", "properties": {name.rstrip("!"): _schema(field, types) for name, field in fields.items()}}
    required = [name.rstrip("!") for name in fields if name.endswith("!")]
    if required:
        schema["required"] = required
    if "~" in value:
        schema["nullable"] = True
    return schema
