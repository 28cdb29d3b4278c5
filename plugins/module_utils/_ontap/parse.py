# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Reading of REST records, and what records look like in results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

Record = Mapping[str, Any]
DURATION = re.compile(r"^P(?:(?P<weeks>[\d.]+)W)?(?:(?P<days>[\d.]+)D)?(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?$")
UNIT_SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def dig(record: Record, path: str, default: Any = "") -> Any:
    """The value at a dotted path, or the default where any part is missing or null."""
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return default if value is None else value


def seconds_of(duration: str) -> float | None:
    """Seconds of an ISO 8601 duration such as ``PT8M42S``; None where it is none."""
    match = DURATION.match(duration or "")
    parts = {unit: value for unit, value in match.groupdict().items() if value} if match else {}
    return sum(UNIT_SECONDS[unit] * float(value) for unit, value in parts.items()) if parts else None


def time_of(text: str) -> datetime | None:
    """An ISO 8601 instant in UTC; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def plain(value: Any) -> Any:
    """Any of these records as JSON data for results and errors; ``raw`` is left out, instants become ISO 8601 text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value) if item.name != "raw"}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value
