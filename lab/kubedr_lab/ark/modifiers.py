# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource modifiers of a Restore (velero internal/resourcemodifiers): a ConfigMap's rules, checked and applied."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import yaml

from ..controllers.api import meta
from ..controllers.ports import Obj
from ..kube.errors import KubeError
from ..kube.patches import json_patch, merge_patch, strategic_merge
from .filters import selector_matches

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_STYLES = ("patches", "mergePatches", "strategicPatches")
_FIELDS = {
    "rule": {"conditions", *_STYLES},
    "conditions": {"groupResource", "resourceNameRegex", "namespaces", "labelSelector", "matches"},
    "patches": {"operation", "from", "path", "value"},
}


def parse(config: Obj | None, where: str) -> list[Obj]:
    """The rules of a ConfigMap.

    Args:
        where: ``namespace/name``, for the messages.

    Raises:
        ValueError: with the sentence that goes into ``status.validationErrors``.
    """
    if config is None:
        raise ValueError(f"failed to get resource modifiers configmap {where}")
    data = config.get("data") or {}
    if len(data) != 1:
        raise ValueError(f"Error in parsing resource modifiers provided in configmap {where}: illegal resource modifiers {where} configmap")
    try:
        document = yaml.safe_load(next(iter(data.values())))
        rules = _strict(document)
    except (yaml.YAMLError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"Error in parsing resource modifiers provided in configmap {where}: {error}") from error
    for rule in rules:
        problem = _problem(rule)
        if problem:
            raise ValueError(f"Validation error in resource modifiers provided in configmap {where}: {problem}")
    return rules


def _strict(document: Any) -> list[Obj]:
    unknown = set(document) - {"version", "resourceModifierRules"}
    rules: list[Obj] = document.get("resourceModifierRules") or []
    for rule in rules:
        unknown |= set(rule) - _FIELDS["rule"] | set(rule.get("conditions") or {}) - _FIELDS["conditions"]
        for patch in rule.get("patches") or []:
            unknown |= set(patch) - _FIELDS["patches"]
    if unknown:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    if document.get("version") != "v1":
        raise ValueError(f"unsupported resource modifier version {document.get('version')}")
    return rules


def _problem(rule: Obj) -> str:
    conditions = rule.get("conditions") or {}
    if not conditions.get("groupResource"):
        return "groupkind cannot be empty"
    if sum(bool(rule.get(style)) for style in _STYLES) > 1:
        return "only one of patches, mergePatches, strategicPatches can be specified"
    for patch in rule.get("patches") or []:
        if patch.get("operation") not in _OPERATIONS:
            return f"operation {patch.get('operation')} is not supported"
        if not patch.get("path"):
            return "path cannot be empty"
    try:
        re.compile(conditions.get("resourceNameRegex") or "")
    except re.error as error:
        return f"error parsing regexp: {error}"
    return ""


def apply(rules: list[Obj], obj: Obj, resource: str) -> tuple[Obj, list[str]]:
    """The object after all rules that match it as it was, and the errors of those that could not be applied (they leave it as it is)."""
    result, errors = obj, []
    for rule in [rule for rule in rules if _matches(rule["conditions"], obj, resource)]:
        try:
            result = _patched(rule, result)
        except (KubeError, ValueError, yaml.YAMLError) as error:
            errors.append(f"error in applying patch to resource {resource}/{meta(obj)['name']}: {error}")
    return result, errors


def _matches(conditions: Obj, obj: Obj, resource: str) -> bool:
    namespaces, namespace = conditions.get("namespaces") or [], meta(obj).get("namespace")
    return (
        fnmatchcase(resource, conditions["groupResource"])
        and re.search(conditions.get("resourceNameRegex") or "", meta(obj)["name"]) is not None
        and (not namespaces or not namespace or namespace in namespaces)
        and selector_matches(conditions.get("labelSelector"), meta(obj).get("labels") or {})
        and all(_holds(obj, match) for match in conditions.get("matches") or [])
    )


def _holds(obj: Obj, match: Obj) -> bool:
    try:
        json_patch(obj, [{"op": "test", "path": match["path"], "value": value_of(match.get("value", ""))}])
    except KubeError:
        return False
    return True


def _patched(rule: Obj, obj: Obj) -> Obj:
    for patch in rule.get("mergePatches") or []:
        obj = merge_patch(obj, yaml.safe_load(patch["patchData"]))
    for patch in rule.get("strategicPatches") or []:
        obj = strategic_merge(obj, yaml.safe_load(patch["patchData"]))
    operations = [_operation(patch) for patch in rule.get("patches") or []]
    # a failed ``test`` is no error, whatever stands after it
    for position, operation in enumerate(operations):
        if operation["op"] == "test":
            before = json_patch(obj, operations[:position])
            if not _tested(before, operation):
                return obj
    return json_patch(obj, operations) if operations else obj


def _tested(obj: Obj, operation: Obj) -> bool:
    try:
        json_patch(obj, [operation])
    except KubeError:
        return False
    return True


def _operation(patch: Obj) -> Obj:
    operation: Obj = {"op": patch["operation"], "path": patch["path"]}
    if patch["operation"] in ("move", "copy"):
        operation["from"] = patch.get("from", "")
    elif patch["operation"] != "remove":
        operation["value"] = value_of(patch.get("value", ""))
    return operation


def value_of(given: Any) -> Any:
    """A patch value is a string; what reads as JSON is taken as JSON, so that a numeric string needs quotes of its own."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        return given
