# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply: which manager owns which leaf, conflicts, take-over by force, removal of what a manager no longer sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..copying import copied
from .errors import Json, KubeError
from .patches import merge_key, merge_maps
from .resources import Resource

Path = tuple[str, ...]
_OWNED_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
_SERVER_METADATA = ("managedFields", "uid", "creationTimestamp", "generation")


def apply_patch(resource: Resource, current: Json | None, body: Json, manager: str, force: bool, now: str) -> Json:
    """The object after ``manager`` applied ``body``, with new ``metadata.managedFields``.

    Raises:
        KubeError: 409 with one cause per leaf that another manager owns with another value, unless ``force``.
    """
    body = copied(body)
    for name in _SERVER_METADATA:
        body["metadata"].pop(name, None)
    owned = _ownable(body)
    fields = _to_fields(owned)
    mine = set(_leaves(fields))
    result = copied(current) if current else {}
    entries: list[Json] = result.get("metadata", {}).get("managedFields") or []
    others = [entry for entry in entries if (entry["manager"], entry["operation"]) != (manager, "Apply")]
    _drop_forgotten(result, entries, others, mine)
    kept = _settle(current, owned, others, mine, force)
    result = merge_maps(result, body)
    entry = {"manager": manager, "operation": "Apply", "apiVersion": resource.api_version, "fieldsType": "FieldsV1", "fieldsV1": fields}
    same = next((old for old in entries if old not in others and {**old, "time": ""} == {**entry, "time": ""}), None)
    # Applied once more without any change it is the same entry, so that nothing is written.
    result["metadata"]["managedFields"] = entries if same and kept == others else [*kept, {**entry, "time": now}]
    return result


def _ownable(body: Json) -> Json:
    owned = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
    metadata = {key: body["metadata"][key] for key in _OWNED_METADATA if key in body["metadata"]}
    return {**owned, "metadata": metadata} if metadata else owned


def _drop_forgotten(result: Json, entries: list[Json], others: list[Json], mine: set[Path]) -> None:
    """Take away what this manager owned alone and does not send any more."""
    elsewhere = {path for entry in others for path in _leaves(entry["fieldsV1"])}
    for entry in entries:
        if entry not in others:
            # An item of a keyed list goes before its fields: without its key it could not be found any more.
            for path in sorted(set(_leaves(entry["fieldsV1"])) - mine - elsewhere, key=len):
                _delete(result, path)


def _settle(current: Json | None, owned: Json, others: list[Json], mine: set[Path], force: bool) -> list[Json]:
    """The other managers' entries, without the leaves that were taken over."""
    kept, conflicts = [], []
    for entry in others:
        shared = [path for path in _leaves(entry["fieldsV1"]) if path in mine and path[-1].startswith("f:")]
        clashes = [path for path in shared if _read(current, path) != _read(owned, path)]
        conflicts += [(path, entry["manager"]) for path in clashes]
        if clashes:
            entry = copied(entry)
            for path in clashes:
                _forget(entry["fieldsV1"], path)
        kept.append(entry)
    if conflicts and not force:
        raise _conflict(conflicts)
    return kept


def _conflict(conflicts: list[tuple[Path, str]]) -> KubeError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": "." + ".".join(step[2:] for step in path)}
        for path, manager in conflicts
    ]
    listed = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    return KubeError(409, f"Apply failed with {len(causes)} conflict(s): {listed}", details={"causes": causes})


def _to_fields(value: Any, name: str = "") -> Json:
    """FieldsV1 of a value: ``f:`` for fields, ``k:`` for items of keyed lists; all other lists are one leaf."""
    if isinstance(value, dict):
        return {f"f:{key}": _to_fields(item, key) for key, item in value.items()}
    key = merge_key(name, value) if isinstance(value, list) else None
    if key is None:
        return {}
    return {"k:" + json.dumps({key: item.get(key)}, separators=(",", ":")): {".": {}, **_to_fields(item)} for item in value}


def _leaves(fields: Json, path: Path = ()) -> Iterator[Path]:
    if path and (not fields or "." in fields):
        yield path
    for step, below in fields.items():
        if step != ".":
            yield from _leaves(below, (*path, step))


def _step(value: Any, step: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:]) if isinstance(value, dict) else None
    ((key, wanted),) = json.loads(step[2:]).items()
    return next((item for item in value or [] if item.get(key) == wanted), None) if isinstance(value, list) else None


def _read(value: Any, path: Path) -> Any:
    for step in path:
        value = _step(value, step)
    return value


def _delete(value: Any, path: Path) -> None:
    parent, step = _read(value, path[:-1]), path[-1]
    if step.startswith("f:") and isinstance(parent, dict):
        parent.pop(step[2:], None)
    elif step.startswith("k:") and isinstance(parent, list):
        ((key, unwanted),) = json.loads(step[2:]).items()
        parent[:] = [item for item in parent if item.get(key) != unwanted]


def _forget(fields: Json, path: Path) -> None:
    for step in path[:-1]:
        fields = fields.get(step, {})
    fields.pop(path[-1], None)
