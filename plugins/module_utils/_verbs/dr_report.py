# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``dr_report``: the last runs of a group, from their evidence alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .._argspec import ArgumentSpec
from .._dr.report import LANGUAGES, describe
from .._env import Env
from .._errors import ConfigError

SPEC = ArgumentSpec({
    "group": {"type": "str", "required": True},
    "evidence_dir": {"type": "str", "default": "./evidence"},
    "count": {"type": "int", "default": 1},
    "language": {"type": "str", "choices": list(LANGUAGES), "default": "en"},
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
            lines.extend(describe(document, params.get("language") or "en"))
    return {"changed": False, "runs": runs, "lines": lines or [f"no run of {params['group']} below {params['evidence_dir']}"]}


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "run_id" in document else None
