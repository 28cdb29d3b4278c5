# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as the workload controllers see them: selectors, owners, templates, readiness. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from ..copying import copied
from .api import Kind, meta, timestamp
from .ports import Obj


def matches(selector: Obj, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects the labels. An empty selector selects everything."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(term, labels) for term in selector.get("matchExpressions") or [])


def _holds(term: Obj, labels: dict[str, str]) -> bool:
    name, operator, values = term["key"], term["operator"], term.get("values") or []
    if operator in ("Exists", "DoesNotExist"):
        return bool((name in labels) == (operator == "Exists"))
    return bool((labels.get(name) in values) == (operator == "In"))


def owner_reference(kind: Kind, owner: Obj) -> Obj:
    """The controller reference that a child carries."""
    name, uid = meta(owner)["name"], meta(owner)["uid"]
    return {"apiVersion": kind.api_version, "kind": kind.name, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}


def controller_uid(obj: Obj) -> str | None:
    """The uid of the object's controller, if it has one."""
    return next((ref["uid"] for ref in meta(obj).get("ownerReferences") or [] if ref.get("controller")), None)


def children(owner: Obj, candidates: Iterable[Obj]) -> tuple[list[Obj], list[Obj]]:
    """Of the candidates in the owner's namespace: (owned, orphans that its selector claims). Restored objects are orphans: Ark strips owner references."""
    uid, selector = meta(owner)["uid"], owner["spec"].get("selector") or {}
    owned, orphans = [], []
    for obj in candidates:
        controller = controller_uid(obj)
        if controller == uid:
            owned.append(obj)
        elif controller is None and selector and matches(selector, meta(obj).get("labels") or {}) and not meta(obj).get("deletionTimestamp"):
            orphans.append(obj)
    return owned, orphans


def is_active(pod: Obj) -> bool:
    """Neither ended nor being deleted."""
    return not meta(pod).get("deletionTimestamp") and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Active, and its Ready condition is True."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return is_active(pod) and any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def digest(template: Obj) -> str:
    """Ten characters that name a pod template, the same at every site."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def from_template(template: Obj, owner: Obj, reference: Obj, labels: dict[str, str]) -> Obj:
    """A pod without a name, in the owner's namespace, with further labels."""
    wanted = template.get("metadata") or {}
    metadata: Obj = {
        "namespace": meta(owner).get("namespace"), "labels": {**(wanted.get("labels") or {}), **labels},
        "annotations": dict(wanted.get("annotations") or {}), "ownerReferences": [reference],
    }
    return {"metadata": metadata, "spec": copied(template.get("spec") or {})}


def with_condition(conditions: list[Obj] | None, kind: str, status: bool, reason: str, message: str, now: float) -> list[Obj]:
    """The list with one condition set. Its transition time changes only with its status; empty reasons and messages are left out."""
    before = next((entry for entry in conditions or [] if entry["type"] == kind), None)
    word = "True" if status else "False"
    since = before["lastTransitionTime"] if before and before["status"] == word and "lastTransitionTime" in before else timestamp(now)
    entry: Obj = {"type": kind, "status": word, "lastTransitionTime": since}
    entry.update({name: text for name, text in (("reason", reason), ("message", message)) if text})
    return [*(other for other in conditions or [] if other["type"] != kind), entry]


def counts(**numbers: int) -> dict[str, Any]:
    """Status counters as Kubernetes writes them: a zero is left out, None removes it."""
    return {name: number or None for name, number in numbers.items()}
