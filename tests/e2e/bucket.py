# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups in the bucket that are not what they say: made from a good one, file by file, as Velero lays them out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.kubedr.ontap.tests.e2e.real import RealLab

Change = Callable[[Path, dict[str, Any]], None]
METADATA = "velero-backup.json"


def forge(lab: RealLab, good: str, name: str, later: float, change: Change) -> None:
    """A backup that began ``later`` seconds after the good one, and is otherwise a copy of it but for one change."""
    backups = lab.path / "parts" / "buckets" / "kubedr" / "backups"
    fresh = backups.parent / f"{name}.new"
    shutil.copytree(backups / good, fresh)
    for path in list(fresh.iterdir()):
        if path.name.startswith(good):
            path.rename(fresh / path.name.replace(good, name, 1))
    backup = json.loads((fresh / METADATA).read_text())
    backup["metadata"]["name"] = name
    for key in ("startTimestamp", "completionTimestamp"):
        backup["status"][key] = shifted(backup["status"][key], later)
    change(fresh / f"{name}.tar.gz", backup)
    if (fresh / f"{name}.tar.gz").exists() and backup:
        (fresh / METADATA).write_text(json.dumps(backup))
    fresh.rename(backups / name)


def shifted(instant: str, seconds: float) -> str:
    """As Kubernetes writes times."""
    return (datetime.fromisoformat(instant) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cut(tarball: Path, backup: dict[str, Any]) -> None:
    """The upload of the contents broke off."""
    tarball.write_bytes(tarball.read_bytes()[: tarball.stat().st_size // 2])


def half(tarball: Path, backup: dict[str, Any]) -> None:
    """Only the contents came to be uploaded, and nothing that says what they are."""
    (tarball.parent / METADATA).unlink()
    backup.clear()


def expiring(at: float) -> Change:
    """It is over at that instant, in epoch seconds. Velero deletes what it finds expired, and looks again only after an hour."""

    def change(tarball: Path, backup: dict[str, Any]) -> None:
        backup["status"]["expiration"] = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return change


def as_it_was(tarball: Path, backup: dict[str, Any]) -> None:
    """Only its times lie."""
