# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as Go programs write it: durations, RFC 3339, and cron as robfig/cron's ParseStandard reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from croniter import croniter

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
_NAMES = re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)", re.IGNORECASE)


def duration(text: str | None, default: float) -> float:
    """Seconds of a Go duration such as ``720h0m0s``; ``default`` where there is none. ValueError: not a duration."""
    if not text:
        return default
    sign, body = (-1.0, text[1:]) if text[0] == "-" else (1.0, text)
    if body == "0":
        return 0.0
    if not body or _PART.sub("", body):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(body))


def seconds(text: str | None) -> float | None:
    """Epoch seconds of an RFC 3339 time, None where there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def compact(now: float) -> str:
    """``YYYYMMDDhhmmss``, the end of a scheduled backup's name, UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")


@dataclass(frozen=True)
class Cron:
    """A schedule: five fields, or a fixed distance (``@every``)."""

    fields: str
    zone: tzinfo
    every: float = 0.0

    def next(self, after: float) -> float:
        """The first due time later than ``after``, epoch seconds."""
        if self.every:
            return int(after) + max(1.0, self.every)
        return float(croniter(self.fields, datetime.fromtimestamp(after, self.zone)).get_next(float))


def parse_cron(text: str) -> Cron:
    """A cron line with an optional ``TZ=`` or ``CRON_TZ=`` in front.

    Raises:
        ValueError: with the sentence that goes into ``status.validationErrors``.
    """
    if not text:
        raise ValueError("Schedule must be a non-empty valid Cron expression")
    try:
        return _parse(text)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"invalid schedule: {error}") from error


def _parse(text: str) -> Cron:
    zone: tzinfo = UTC
    if text.startswith(("TZ=", "CRON_TZ=")):
        name, _, text = text.partition(" ")
        zone, text = ZoneInfo(name.partition("=")[2]), text.strip()
    if text.startswith("@every "):
        return Cron("", zone, duration(text[7:].strip(), 0.0))
    if text.startswith("@"):
        if text not in _ALIASES:
            raise ValueError(f"unrecognized descriptor: {text}")
        return Cron(_ALIASES[text], zone)
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: {fields}")
    for field, (what, low, high) in zip(fields, _FIELDS, strict=True):
        _check_field(field, what, low, high)
    # robfig reads ``?`` as a star in every field, croniter in some only
    return Cron(" ".join(fields).replace("?", "*"), zone)


def _check_field(field: str, what: str, low: int, high: int) -> None:
    plain = _NAMES.sub(str(low), field) if what in ("month", "day of week") else field
    for part in plain.split(","):
        found = re.fullmatch(r"(?:[*?]|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if not found:
            raise ValueError(f"failed to parse {what}: {field}")
        first, last, step = (int(value) if value else None for value in found.groups())
        if first is not None and first < low:
            raise ValueError(f"beginning of range ({first}) below minimum ({low}): {field}")
        if (last or first or 0) > high:
            raise ValueError(f"end of range ({last or first}) above maximum ({high}): {field}")
        if first is not None and last is not None and first > last and not _NAMES.search(field):
            raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {field}")
        if step == 0:
            raise ValueError(f"step of range should be a positive number: {field}")
