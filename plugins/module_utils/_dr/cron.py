# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Cron expressions as Ark reads them: Go's robfig/cron ``ParseStandard``. Pure.

Five fields (minute, hour, day of month, month, day of week), or a descriptor such as ``@daily`` or ``@every 90m``, each with an optional ``TZ=`` or
``CRON_TZ=`` prefix. There is no field for seconds, and Sunday is 0 only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .._errors import ConfigError

MONTHS = {name: number for number, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}), ("hour", 0, 23, {}), ("day of month", 1, 31, {}), ("month", 1, 12, MONTHS), ("day of week", 0, 6, DAYS),
)
DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
HORIZON = timedelta(days=366 * 5)


@dataclass(frozen=True)
class Cron:
    """A parsed expression. ``every`` is seconds for ``@every``; otherwise the fields hold the values that match."""

    text: str
    zone: tzinfo
    every: float | None = None
    fields: tuple[frozenset[int], ...] = ()
    any_day: bool = True
    any_weekday: bool = True

    def next_after(self, moment: datetime) -> datetime | None:
        """The first matching time after ``moment``, UTC, to the minute; None when none comes within five years, as for the 30th of February."""
        if self.every is not None:
            return (moment + timedelta(seconds=self.every)).replace(microsecond=0).astimezone(UTC)
        local = moment.astimezone(self.zone).replace(second=0, microsecond=0)
        end = local + HORIZON
        day, first = local.date(), True
        while datetime(day.year, day.month, day.day, tzinfo=self.zone) <= end:
            if self._day_matches(day.month, day.day, (day.weekday() + 1) % 7):
                for hour in sorted(self.fields[1]):
                    for minute in sorted(self.fields[0]):
                        found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).astimezone(UTC)
                        if not first or found > moment.astimezone(UTC):
                            return found
            day, first = day + timedelta(days=1), False
        return None

    def _day_matches(self, month: int, day: int, weekday: int) -> bool:
        """Day of month and day of week are alternatives when both are restricted."""
        if month not in self.fields[3]:
            return False
        of_month, of_week = day in self.fields[2], weekday in self.fields[4]
        return (of_month and of_week) if self.any_day or self.any_weekday else (of_month or of_week)


def parse(text: str) -> Cron:
    """Read an expression.

    Raises:
        ValueError: one sentence that says what is wrong.
    """
    spec, zone = _zone(text.strip())
    if not spec:
        raise ValueError("is empty")
    if spec.startswith("@every "):
        return Cron(text, zone, every=_every(spec[len("@every ") :].strip()))
    if spec.startswith("@"):
        if spec not in DESCRIPTORS:
            raise ValueError(f"unknown descriptor {spec!r}, known are: {', '.join(DESCRIPTORS)} and @every DURATION")
        spec = DESCRIPTORS[spec]
    parts = spec.split()
    if len(parts) != 5:
        raise ValueError(f"has {len(parts)} fields instead of five (minute hour day-of-month month day-of-week)")
    fields = tuple(_field(part, *rule) for part, rule in zip(parts, FIELDS, strict=True))
    found = Cron(text, zone, None, fields, _star(parts[2]), _star(parts[4]))
    if found.next_after(datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("never comes due: no month has that day")
    return found


def check_cron(text: str, variable: str, *, five_fields_only: bool = False) -> str:
    """The expression, without outer blanks, if Ark would take it.

    Args:
        five_fields_only: also refuse descriptors and time zones, for a system that has neither.

    Raises:
        ConfigError: naming ``variable``.
    """
    try:
        found = parse(text)
        if five_fields_only and (text.strip().startswith("@") or "TZ=" in text):
            raise ValueError("must be five fields")
    except ValueError as error:
        raise ConfigError(variable, f"{text!r} is no cron expression: {error}", advice="Five fields such as '*/5 * * * *', or @hourly, @every 90m.") from None
    return found.text.strip()


def _zone(text: str) -> tuple[str, tzinfo]:
    match = re.match(r"(?:CRON_)?TZ=(\S*)\s*(.*)", text, re.DOTALL)
    if not match:
        return text, UTC
    name = match[1]
    if name in ("", "UTC"):
        return match[2].strip(), UTC
    try:
        return match[2].strip(), ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}") from None


def _every(text: str) -> float:
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        raise ValueError(f"{text!r} is no duration such as 90m or 1h30m")
    return max(float(int(sum(float(number) * _UNITS[unit] for number, unit in pieces))), 1.0)


def _star(field: str) -> bool:
    """A step above 1 makes a star an ordinary restriction."""
    return any(part in ("*", "?", "*/1", "?/1") for part in field.split(","))


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    """All values that match. ``N/S`` means from N to the field's end, as in robfig/cron."""
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = 1
        if slash:
            step = _number(step_text, name, {})
            if step == 0:
                raise ValueError(f"{name}: step of 0 in {part!r}")
        if span in ("*", "?"):
            start, end = low, high
        else:
            first, dash, last = span.partition("-")
            start = _number(first, name, names)
            end = _number(last, name, names) if dash else (high if slash else start)
        if start < low or end > high:
            raise ValueError(f"{name}: {part!r} is outside {low} to {high}")
        if start > end:
            raise ValueError(f"{name}: {part!r} begins after its end")
        values.update(range(start, end + 1, step))
    return frozenset(values)


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError(f"{name}: {text!r} is not a number" + (" or a name" if names else ""))
    return int(text)
