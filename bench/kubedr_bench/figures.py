# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds per role out of what ansible.posix's json callback printed, and the tables of the benchmark. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


def role_seconds(printed: str) -> dict[str, float]:
    """Seconds per role, in the order in which they ran. The check of a role's arguments is a task of that role.

    Args:
        printed: the callback's JSON; lines before it (warnings, progress) are passed over.

    Raises:
        ValueError: there is no JSON in it.
    """
    lines = printed.splitlines()
    begin = next((number for number, line in enumerate(lines) if line == "{"), None)
    if begin is None:
        raise ValueError(f"ansible-playbook printed no JSON: {printed[-500:]}")
    report, _end = json.JSONDecoder().raw_decode("\n".join(lines[begin:]))
    found: dict[str, float] = {}
    for play in report["plays"]:
        for task in play["tasks"]:
            role = _role(task["task"]["name"])
            found[role] = found.get(role, 0.0) + _seconds(task["task"]["duration"])
    return found


def _role(name: str) -> str:
    role, _colon, _task = name.partition(" : ")
    return role.rpartition(".")[2]


def _seconds(duration: dict[str, Any]) -> float:
    if "end" not in duration:
        return 0.0
    return (datetime.fromisoformat(duration["end"]) - datetime.fromisoformat(duration["start"])).total_seconds()


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be; numbers to the right."""
    cells = [[str(cell) for cell in header], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(header))]
    lines = ["  ".join(_aligned(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _aligned(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(".", "", 1).isdigit() else cell.ljust(width)
