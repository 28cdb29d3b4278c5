# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Structural schemas of custom resources: prune, default, validate, in one walk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..copying import copied
from .errors import Cause, Json

_TYPES: dict[str, type | tuple[type, ...]] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


@dataclass
class Findings:
    """What a walk found: ``errors`` make the object invalid, ``unknown`` paths are pruned (or refused when asked to be strict)."""

    errors: list[Cause] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def conform(value: Json, schema: Json) -> tuple[Json, Findings]:
    """The object as it would be stored under ``schema`` (openAPIV3Schema), and what is wrong with it."""
    findings = Findings()
    result: Json = _walk(value, schema, "", findings)
    return result, findings


def _walk(value: Any, schema: Any, path: str, findings: Findings) -> Any:
    if not isinstance(schema, dict) or (value is None and schema.get("nullable")):
        return value
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, (int, str)):
            findings.errors.append((path, "Invalid value: must be integer or string"))
        return value
    if not _has_type(value, schema.get("type")):
        findings.errors.append((path, f"Invalid value: {json.dumps(value)}: must be of type {schema['type']}"))
        return value
    findings.errors += [(path, message) for message in _scalar_faults(value, schema)]
    if isinstance(value, dict):
        return _walk_map(value, schema, path, findings)
    if isinstance(value, list):
        return [_walk(item, schema.get("items"), f"{path}[{index}]", findings) for index, item in enumerate(value)]
    return value


def _has_type(value: Any, wanted: str | None) -> bool:
    if wanted not in _TYPES:
        return True
    return isinstance(value, _TYPES[wanted]) and not (wanted in ("integer", "number") and isinstance(value, bool))


def _scalar_faults(value: Any, schema: Json) -> list[str]:
    faults = []
    shown = json.dumps(value) if not isinstance(value, (dict, list)) else ""
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f"Unsupported value: {shown}: supported values: " + ", ".join(json.dumps(choice) for choice in schema["enum"]))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            faults.append(f"Invalid value: {shown}: should be greater than or equal to {schema['minimum']}")
        if "maximum" in schema and value > schema["maximum"]:
            faults.append(f"Invalid value: {shown}: should be less than or equal to {schema['maximum']}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            faults.append(f"Invalid value: {shown}: should match '{schema['pattern']}'")
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            faults.append(f"Invalid value: {shown}: length out of range")
    if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        faults.append(f"Invalid value: {len(value)}: number of items out of range")
    return faults


def _walk_map(value: Json, schema: Json, path: str, findings: Findings) -> Json:
    properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
    # Objects without any declared property keep what they have only where the schema says so; the root's own fields are the server's.
    free = additional is True or schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    result: Json = {}
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        if not path and key in ("apiVersion", "kind", "metadata"):
            result[key] = item
        elif item is None and "default" in properties.get(key, {}) and not properties[key].get("nullable"):
            continue
        elif key in properties:
            result[key] = _walk(item, properties[key], below, findings)
        elif isinstance(additional, dict):
            result[key] = _walk(item, additional, below, findings)
        elif free:
            result[key] = item
        else:
            findings.unknown.append(below)
    for key, below_schema in properties.items():
        if key not in result and "default" in below_schema:
            result[key] = _walk(copied(below_schema["default"]), below_schema, f"{path}.{key}", findings)
    for key in schema.get("required") or []:
        if key not in result and (path or key not in ("apiVersion", "kind", "metadata")):
            findings.errors.append((f"{path}.{key}" if path else key, "Required value"))
    return result
