# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The run journal: ``<evidence dir>/<group>/<run id>/run.json``, whole and valid at every instant, as run.schema.json beside this file says."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RUNNING = "running"
RECOVERING = ("failover", "failback")
"""The verbs that have a recovery time."""

EMPTY: dict[str, Any] = {
    "verb": "", "mode": None, "group": "", "run_id": "", "by": "", "started_at": "", "ended_at": None, "result": RUNNING, "message": "",
    "state_before": None, "state_after": None, "epoch": None, "fence": None, "backup": None, "snapshot": None, "steps": [],
    "loss": None, "rpo": None, "rto_seconds": None,
}


def instant(at: datetime) -> str:
    """UTC, ISO 8601, milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def new_run_id(verb: str, at: datetime) -> str:
    """``YYYYMMDDThhmmssZ-<verb>-<6 hex>``."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{verb}-{secrets.token_hex(3)}"


class Journal:
    """One run's evidence. Each change replaces the file as a whole, so that a killed run has left what it did up to then."""

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self.path, self.document = path, document

    @classmethod
    def begin(cls, evidence_dir: str, group: str, verb: str, mode: str | None, by: str, at: datetime) -> Journal:
        """Start a new run's journal and write it at once."""
        run_id = new_run_id(verb, at)
        path = Path(os.path.abspath(os.path.expanduser(evidence_dir))) / group / run_id / "run.json"
        journal = cls(path, {**EMPTY, "steps": [], "verb": verb, "mode": mode, "group": group, "run_id": run_id, "by": by, "started_at": instant(at)})
        journal.write()
        return journal

    @classmethod
    def resume(cls, path: str) -> Journal | None:
        """The journal that an earlier task of the same run began; None where it cannot be read: evidence that is gone stops no failover."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return cls(Path(path), document) if isinstance(document, dict) else None

    @property
    def open(self) -> bool:
        """Whether the run has not ended yet."""
        return bool(self.document.get("result") == RUNNING)

    def note(self, fields: Mapping[str, Any]) -> None:
        """Set top-level keys."""
        self.document.update(fields)
        self.write()

    def step_started(self, name: str, asked: Any, at: datetime) -> None:
        """Append a step that has not ended."""
        self.document["steps"].append({"name": name, "started_at": instant(at), "ended_at": None, "asked": asked, "seen": None, "changed": None})
        self.write()

    def step_ended(self, name: str, seen: Any, changed: bool, at: datetime) -> None:
        """End the open step of that name; a step that was never started, because nothing was to be done, is appended whole."""
        open_step = next((step for step in reversed(self.document["steps"]) if step["name"] == name and step["ended_at"] is None), None)
        if open_step is None:
            open_step = {"name": name, "started_at": instant(at), "asked": None}
            self.document["steps"].append(open_step)
        open_step.update({"ended_at": instant(at), "seen": seen, "changed": changed})
        self.write()

    def finish(self, result: str, message: str, at: datetime) -> None:
        """The run ended: succeeded, failed, refused or planned. What a run noted as its message stays above."""
        texts = [text for text in (self.document.get("message"), message) if text]
        self.document.update({"result": result, "message": "\n".join(dict.fromkeys(texts)), "ended_at": instant(at)})
        if result == "succeeded" and self.document["verb"] in RECOVERING and self.document["rto_seconds"] is None:
            self.document["rto_seconds"] = self._recovery_seconds()
        self.write()

    def _recovery_seconds(self) -> float | None:
        """From the run's start to the end of its last step, the verification; None where nothing was left to do, so that nothing was recovered."""
        ends = [step["ended_at"] for step in self.document["steps"] if step["ended_at"]]
        if not ends or not any(step["changed"] for step in self.document["steps"]):
            return None
        return round((datetime.fromisoformat(ends[-1]) - datetime.fromisoformat(self.document["started_at"])).total_seconds(), 3)

    def write(self) -> None:
        """Replace the file atomically."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".run.json.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_lines(self.document))
            os.replace(temporary, self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _lines(document: Mapping[str, Any]) -> str:
    """JSON with a line for each key and for each step: to be read by people and by diff, and still made by json's fast encoder, which knows no indent."""
    parts = []
    for key, value in document.items():
        text = "[\n" + ",\n".join(f"  {_json(step)}" for step in value) + "\n ]" if key == "steps" and value else _json(value)
        parts.append(f" {_json(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
