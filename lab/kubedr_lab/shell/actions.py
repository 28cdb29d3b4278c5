# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands do with a running lab: let its systems work, set faults, read disks and logs."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..settings import SITES, Group, groups
from ..state import Folder, Lab, LabError, Part
from ..store import SqliteStore
from ..world import BACKUP_RUNS, TRANSFER_ENDS, read_group
from . import commands
from .client import call
from .faults import Rule

PATIENCE = 600.0


def known_group(folder: Folder, name: str) -> Group:
    """A protection group of this lab.

    Raises:
        LabError: there is none of that name.
    """
    found = {group.name: group for group in groups(folder.load().settings)}
    if name not in found:
        raise LabError(f"there is no group {name!r}; this lab has {', '.join(found)}")
    return found[name]


def _part(lab: Lab, site: str, system: str) -> Part:
    return lab.of_site(site, system)[0]


def deploy(folder: Folder, group: str | None) -> dict[str, Any]:
    """Put the example application of one group, or of all, on the source site, and return when its pods are ready."""
    lab = folder.load()
    names = [known_group(folder, group).name] if group else [found.name for found in groups(lab.settings)]
    part = _part(lab, SITES[0], "kubernetes")
    for name in names:
        call(folder, part, "deploy", {"group": name})
    for name in names:
        _until(functools.partial(call, folder, part, "pending", {"group": name}), lambda answer: not answer["pending"], f"{name} is not ready")
    return {"deployed": names}


def backup(folder: Folder, site: str) -> dict[str, Any]:
    """Let the site's Ark write a backup now. Returns ``{name, phase}`` once it ended, however it ended."""
    part = _part(folder.load(), site, "kubernetes")
    begun = call(folder, part, "backup")
    return _until(lambda: call(folder, part, "backup-state", begun), lambda answer: answer["phase"] not in BACKUP_RUNS, f"{begun['name']} does not end")


def transfer(folder: Folder, group: str) -> dict[str, Any]:
    """Let the group's relationship transfer now, wherever it ends. Returns ``{state, snapshot}``, the snapshot that the destination then shows.

    Raises:
        LabError: no site is the destination of a mirror of this group, or the transfer failed.
    """
    lab, name = folder.load(), known_group(folder, group).name
    for site in SITES:
        part = _part(lab, site, "ontap")
        begun = call(folder, part, "transfer", {"group": name}) if commands.condition(part) == "running" else {}
        if begun:
            look = functools.partial(call, folder, part, "transfer-state", begun)
            done = _until(look, lambda answer: answer["state"] in TRANSFER_ENDS, "the transfer does not end")
            if done["state"] != "success":
                raise LabError(f"{group}: the transfer ended as {done['state']}")
            return done
    raise LabError(f"{group}: no site that runs is the destination of a mirror")


def _until(look: Callable[[], dict[str, Any]], done: Callable[[dict[str, Any]], bool], problem: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while not done(answer := look()):
        if time.monotonic() > end:
            raise LabError(f"{problem} after {PATIENCE:g} s: {json.dumps(answer)}")
        time.sleep(0.1)
    return answer


def fault(folder: Folder, site: str, rule: Rule) -> dict[str, Any]:
    """Set a rule at every part of a site that runs. Rules live in the processes: one that is killed comes back without any.

    Returns:
        ``{part: the rules in force there}``.

    Raises:
        LabError: no part of the site runs.
    """
    running = [part for part in folder.load().of_site(site) if commands.condition(part) == "running"]
    if not running:
        raise LabError(f"nothing of {site} runs: faults can be set only where something does")
    return {part.name: call(folder, part, "fault", rule.as_data())["faults"] for part in running}


def clear_faults(folder: Folder) -> dict[str, Any]:
    """End all faults of every part that runs. Returns the names of the parts that were not reached."""
    unreached = []
    for part in folder.load().parts.values():
        if commands.condition(part) == "running":
            call(folder, part, "faults-clear")
        elif commands.condition(part) != "dead":
            unreached.append(part.name)
    return {"unreached": unreached}


def read(folder: Folder, site: str, group: str, with_records: bool) -> dict[str, Any]:
    """What the group's volumes hold, read from the disk of the site's ONTAP cluster, which may be dead."""
    _part(folder.load(), site, "ontap")
    store = SqliteStore(folder.part_file(f"{site}-ontap", "sqlite"), read_only=True)
    try:
        return read_group(store, known_group(folder, group), with_records)
    finally:
        store.close()


def describe(name: str, volume: dict[str, Any]) -> str:
    """One line about a volume."""
    found = volume["records"]
    if not found["count"]:
        return f"{name}: no records"
    gaps = f", {len(found['missing'])} missing" if found["missing"] else ", none missing"
    lines = [f"{name}: {found['count']} records, {found['first']} to {found['last']}{gaps}, last written {found['last_at']}"]
    return "\n".join(lines + [f"  {number} {at}" for number, at in found.get("records", [])])


def log(folder: Folder, site: str) -> list[dict[str, Any]]:
    """Connections, requests and operations of a site's parts, merged by time. Each bears its part's name."""
    events: list[dict[str, Any]] = []
    for part in folder.load().of_site(site):
        path = Path(part.log)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        # a line without its end was being written when the part was killed
        events += [{"part": part.name, **json.loads(text)} for text in lines if text.endswith("\n")]
    return sorted(events, key=lambda event: str(event["time"]))


def describe_event(event: dict[str, Any]) -> str:
    """One line about an event."""
    head = f"{event['time']} {event['part']}"
    if event["event"] == "operation":
        return f"{head} operation {event['operation']} {event['object']}: {event['started']} to {event['ended']}"
    if event["event"] == "connection":
        return f"{head} {event['via']} connection from {event['client']}"
    query = "&".join(f"{name}={value}" for name, value in event["query"].items())
    status = event["status"] if event["status"] is not None else "no answer"
    return f"{head} {event['via']} {event['method']} {event['path']}{f'?{query}' if query else ''} {status} {event['ms']} ms"
