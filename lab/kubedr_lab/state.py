# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's folder: ``lab.json`` says what runs where; one command at a time may change it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .settings import Settings

VERSION = 1


class LabError(Exception):
    """A command cannot be done; the text is for the user."""


@dataclass
class Process:
    """A process of the lab. ``started`` tells it from a later one with the same id (clock ticks since boot; 0 where the system does not say)."""

    pid: int = 0
    started: int = 0


@dataclass
class Part:
    """One server: an ONTAP cluster, a Kubernetes cluster, or the object store."""

    site: str
    system: str
    api_port: int
    peer_port: int
    log: str
    output: str
    process: Process = field(default_factory=Process)
    filler: Process = field(default_factory=Process)

    @property
    def name(self) -> str:
        """Such as ``tokyo-ontap``; the store is just ``store``."""
        return self.site if self.system == "store" else f"{self.site}-{self.system}"


@dataclass
class Lab:
    """What ``lab.json`` holds."""

    settings: Settings
    started_at: str
    parts: dict[str, Part]
    writers: dict[str, Process] = field(default_factory=dict)

    def of_site(self, site: str, only: str | None = None) -> list[Part]:
        """The parts of a site, or one of them.

        Raises:
            LabError: no such site, or no such system there.
        """
        found = [part for part in self.parts.values() if part.site == site]
        if not found:
            raise LabError(f"there is no site {site!r}; this lab has {', '.join(sorted({part.site for part in self.parts.values()}))}")
        if only is None:
            return found
        chosen = [part for part in found if part.system == only]
        if not chosen:
            raise LabError(f"site {site} has no {only}; it has {', '.join(part.system for part in found)}")
        return chosen


class Folder:
    """The state folder and the files in it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    @property
    def lab_json(self) -> Path:
        """There while a lab exists."""
        return self.path / "lab.json"

    @property
    def link(self) -> Path:
        """There while the two sites cannot reach one another: ``refused`` or ``silent``."""
        return self.path / "link"

    def part_file(self, part: str, suffix: str) -> Path:
        """A file of one part, such as its database (``sqlite``), log (``jsonl``) or certificate (``pem``)."""
        return self.path / "parts" / f"{part}.{suffix}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from changing the lab meanwhile."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def load(self) -> Lab:
        """What runs.

        Raises:
            LabError: no lab here, or one of another version.
        """
        try:
            data = json.loads(self.lab_json.read_text())
        except FileNotFoundError:
            raise LabError(f"there is no lab in {self.path}: start one with 'kubedr-lab up', or name its folder with --state") from None
        if data.get("version") != VERSION:
            raise LabError(f"the lab in {self.path} was made by another version of kubedr-lab")
        parts = {name: _part(record) for name, record in data["parts"].items()}
        writers = {group: Process(**record) for group, record in data["writers"].items()}
        return Lab(Settings(**data["settings"]), data["started_at"], parts, writers)

    def save(self, lab: Lab) -> None:
        """Replace ``lab.json`` in one step."""
        data: dict[str, Any] = {"version": VERSION, **asdict(lab)}
        fresh = self.lab_json.with_suffix(".new")
        fresh.write_text(json.dumps(data, indent=2) + "\n")
        os.replace(fresh, self.lab_json)


def _part(record: dict[str, Any]) -> Part:
    return Part(**{**record, "process": Process(**record["process"]), "filler": Process(**record["filler"])})
