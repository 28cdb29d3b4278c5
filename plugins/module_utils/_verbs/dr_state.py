# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The module `dr_state`: both axes of a group's protection state, with any part of both sites dead. Never writes."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from .._argspec import GROUP, ArgumentSpec
from .._dr.config import GroupConfig, parse_group
from .._dr.proposal import proposals
from .._dr.seen import NoAnswer, ObjectsSeen, Seen, StorageSeen
from .._dr.state import State, derive, fence_at_destination
from .._dr.statement import instant
from .._dr.words import Objects, Storage
from .._env import Env
from .._errors import KubedrError
from .connect import Side
from .look import look_both

SPEC = GROUP.merge(ArgumentSpec({"require": {"type": "str", "choices": ["answers", "ready"], "default": "answers"}}))


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Look at all four systems.

    Args:
        params: ``group`` (docs/architecture.md); ``require``: ``answers`` fails unless all four answered, ``ready`` unless the group is ready for a failover.

    Returns: ``state`` {storage, objects, active, why}, ``systems`` {name: what was seen or "no answer"}, ``record``, ``guard`` (warnings), ``ready``,
        ``proposals`` (the verbs that lead on).

    Raises:
        KubedrError: what ``require`` demands was not seen.
    """
    config = parse_group(params["group"])
    seen = look_group(config, env)
    state = derive(seen, config.rpo_seconds)
    answers = systems(config, seen)
    result: dict[str, Any] = {
        "changed": False, "state": state.as_dict(), "systems": answers, "record": public_record(seen), "guard": guard(config, seen, state),
        "ready": ready(state), "proposals": list(proposals(state, seen.record)),
        "steps": [],
    }
    brief = {"state": state.as_dict(), "answers": {name: found["answer"] for name, found in answers.items()}, "guard": result["guard"],
             "proposals": result["proposals"]}
    silent = [name for name, found in answers.items() if found["answer"] != "yes"]
    if silent:
        raise KubedrError(
            f"no answer from {', '.join(silent)}; what the others show: {state.storage}, objects {state.objects}", operation="status", obj=config.name,
            seen=brief,
            advice="Unknown is neither healthy nor down.",
        )
    if params.get("require") == "ready" and not result["ready"]:
        raise KubedrError(f"not ready: {state.storage}, objects {state.objects}: {state.why}", operation="status", obj=config.name, seen=brief)
    return result


def look_group(config: GroupConfig, env: Env) -> Seen:
    """All four systems, each with the short deadline of a look."""
    answer = config.timeouts["answer"]
    return look_both(config, Side(config.source, env, answer, 0), Side(config.destination, env, answer, 0), deep=True)


def ready(state: State) -> bool:
    """A failover could start now, or has been done whole."""
    return state.storage is Storage.PROTECTED or (state.storage in (Storage.FAILED_OVER, Storage.FAILED_OVER_UNFENCED) and state.objects is Objects.VERIFIED)


def systems(config: GroupConfig, seen: Seen) -> dict[str, dict[str, Any]]:
    """Per system: whether it answered, and what it showed."""
    source, destination = config.source.name, config.destination.name
    found = {
        f"ONTAP {source}": seen.source_storage, f"ONTAP {destination}": seen.destination_storage,
        f"Kubernetes {source}": seen.source_objects, f"Kubernetes {destination}": seen.destination_objects,
    }
    return {name: {"answer": f"no: {part.why}"} if isinstance(part, NoAnswer) else {"answer": "yes", **_plain(part)} for name, part in found.items()}


def _plain(part: Any) -> Any:
    if is_dataclass(part) and not isinstance(part, type):
        return {key: _plain(value) for key, value in asdict(part).items() if key != "record"}
    if isinstance(part, dict):
        return {str(key): _plain(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_plain(value) for value in part]
    return instant(part) if isinstance(part, datetime) else part


def public_record(seen: Seen) -> dict[str, Any]:
    """The record's facts that an operator asks for."""
    keys = ("epoch", "active_site", "roles", "run", "fence", "proof", "backup", "point", "objects", "verified", "digests", "lease")
    return {key: seen.record[key] for key in keys if key in seen.record}


def guard(config: GroupConfig, seen: Seen, state: State) -> list[str]:
    """For the site that returns: what runs on the side that is not the active one, by the newer record. `fence` is named only where it stops that side."""
    active, warnings = seen.record.get("active_site"), []
    fenced = config.destination.name if fence_at_destination(state, seen.record, config.source.name) else config.source.name
    sides = ((config.source.name, config.source_svm, seen.source_storage, seen.source_objects),
             (config.destination.name, config.destination_svm, seen.destination_storage, seen.destination_objects))
    for site, svm, storage, objects in sides:
        if active in (None, site):
            continue
        helps = "run fence" if site == fenced else "stop it by hand, for fence stops the other side now"
        if isinstance(storage, StorageSeen) and storage.svm and storage.svm.writable:
            warnings.append(f"{svm} runs at {site}, which is not the active side: {helps}")
        if isinstance(objects, ObjectsSeen) and (any(w.replicas for w in objects.workloads) or objects.pods):
            warnings.append(f"workloads of {config.name} are up at {site}, which is not the active side: {helps}")
    if state.storage is Storage.SPLIT_BRAIN:
        warnings.append("both SVMs are writable and running: run fence")
    return warnings
