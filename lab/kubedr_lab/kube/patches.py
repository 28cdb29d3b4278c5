# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three classic patch dialects as pure functions (target, patch) -> new object. Server-side apply is in apply.py."""

from __future__ import annotations

from typing import Any

import jsonpatch  # type: ignore[import-untyped,unused-ignore]
from jsonpointer import JsonPointerException  # type: ignore[import-untyped,unused-ignore]

from ..copying import copied
from .errors import Json, KubeError, bad_request

_BY_NAME = ("containers", "initContainers", "ephemeralContainers", "volumes", "env", "imagePullSecrets", "secrets")
MERGE_KEYS = {
    **dict.fromkeys(_BY_NAME, "name"),
    "volumeMounts": "mountPath", "volumeDevices": "devicePath", "hostAliases": "ip", "conditions": "type",
    "ownerReferences": "uid", "topologySpreadConstraints": "topologyKey",
}
"""Lists of built-in types whose items are merged by a key (Kubernetes' patchMergeKey); all others are replaced whole."""


def json_patch(target: Json, patch: Any) -> Json:
    """RFC 6902.

    Raises:
        KubeError: 422, an operation failed (a ``test`` too); 400, not a list of operations.
    """
    if not isinstance(patch, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    try:
        result: Json = jsonpatch.apply_patch(target, patch)
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise KubeError(422, f"the server rejected our request due to an error in our request: {error}") from error
    return result


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge(target: Any, patch: Any, key: str = "") -> Any:
    """Kubernetes' strategic merge, with its directives ``$patch``, ``$retainKeys``, ``$deleteFromPrimitiveList``; ``key`` names the field of a list."""
    if isinstance(patch, dict):
        return merge_maps(target, patch)
    if isinstance(patch, list):
        return _merge_lists(target if isinstance(target, list) else [], patch, key)
    return patch


def merge_maps(target: Any, patch: Json) -> Json:
    """Strategic merge of two maps."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged: Json = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key in ("$patch", "$retainKeys") or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            merged[name] = [item for item in merged.get(name) or [] if item not in value]
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge(merged.get(key), value, key)
    return merged


def merge_key(field: str, items: list[Any]) -> str | None:
    """The key by which the items of a list are told apart, None for a list that is replaced whole."""
    if not all(isinstance(item, dict) for item in items):
        return None
    if field == "ports":
        return next((key for key in ("containerPort", "port") if items and key in items[0]), None)
    return MERGE_KEYS.get(field)


def _merge_lists(target: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field == "finalizers":
        return list(dict.fromkeys([*target, *patch]))
    key = merge_key(field, patch)
    if key is None:
        return patch
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    merged = list(target)
    for item in patch:
        at = next((index for index, old in enumerate(merged) if old.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if at is not None:
                merged.pop(at)
        elif at is None:
            merged.append(copied(item))
        else:
            merged[at] = strategic_merge(merged[at], item)
    return merged
