# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``dr_report``: the last runs of a group, from their evidence alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._argspec import ArgumentSpec
from .._env import Env
from .._errors import ConfigError

SPEC = ArgumentSpec({
    "group": {"type": "str", "required": True},
    "evidence_dir": {"type": "str", "default": "./evidence"},
    "count": {"type": "int", "default": 1},
})


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Read the newest runs.

    Returns: ``{changed: False, runs: [document], lines: [str]}``, newest first; a file that is no journal is told in ``lines``.

    Raises:
        ConfigError: ``count`` is below 1.
    """
    if params["count"] < 1:
        raise ConfigError("count", f"{params['count']} is not at least 1")
    folder = Path(os.path.expanduser(params["evidence_dir"])) / params["group"]
    # A run id begins with its time, so the order of names is the order of runs.
    paths = sorted(folder.glob("*/run.json"), key=lambda path: path.parent.name, reverse=True)[: params["count"]]
    runs: list[dict[str, Any]] = []
    lines: list[str] = []
    for path in paths:
        document = _document(path)
        if document is None:
            lines.append(f"{path} cannot be read")
        else:
            runs.append(document)
            lines.extend(describe(document))
    return {"changed": False, "runs": runs, "lines": lines or [f"no run of {params['group']} below {params['evidence_dir']}"]}


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "run_id" in document else None


def describe(run: Mapping[str, Any]) -> list[str]:
    """One run for people, a line per fact; facts that a run does not have are left out."""
    before, after = run.get("state_before") or {}, run.get("state_after") or {}
    rpo, backup, fence = run.get("rpo") or {}, run.get("backup") or {}, run.get("fence") or {}
    facts = (
        ("message", run.get("message")),
        ("state", " -> ".join(f"{state['storage']}, objects {state.get('objects')}" for state in (before, after) if state.get("storage"))),
        ("word on the other site", fence.get("kind")),
        ("backup", backup.get("name") and f"{backup['name']} of {backup.get('started_at')}"),
        ("RPO of data", _seconds(rpo.get("data_seconds"))),
        ("RPO of objects", _seconds(rpo.get("objects_seconds"))),
        ("RTO", _seconds(run.get("rto_seconds"))),
        *((f"volume {volume.get('name')}", f"writes after {volume.get('lost_after')} are lost") for volume in (run.get("loss") or {}).get("volumes") or ()),
        *((f"step {step.get('name')}", _step(step)) for step in run.get("steps") or ()),
    )
    head = f"{run['run_id']} by {run.get('by')}: {run.get('result')}, {run.get('started_at')} to {run.get('ended_at') or 'now, or it was killed'}"
    return [head, *(f"  {name}: {text}" for name, text in facts if text)]


def _seconds(value: Any) -> str:
    return f"{value} s" if value is not None else ""


def _step(step: Mapping[str, Any]) -> str:
    if not step.get("ended_at"):
        return f"begun {step.get('started_at')}, its end was not seen"
    return f"{step.get('started_at')} to {step.get('ended_at')}{'' if step.get('changed') else ', nothing to change'}"
