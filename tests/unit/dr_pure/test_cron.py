# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Cron as Go's robfig/cron reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.cron import check_cron, parse
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("*/5 * * * *", "2026-11-24T12:05"), ("0 * * * *", "2026-11-24T13:00"), ("@hourly", "2026-11-24T13:00"), ("@daily", "2026-11-25T00:00"),
        ("@weekly", "2026-11-29T00:00"), ("@monthly", "2026-12-01T00:00"), ("@yearly", "2027-01-01T00:00"), ("30 1 * * *", "2026-11-25T01:30"),
        ("0 0 1 JAN *", "2027-01-01T00:00"), ("0 0 * * mon-fri", "2026-11-25T00:00"), ("0 0 * * SUN", "2026-11-29T00:00"), ("5/20 * * * *", "2026-11-24T12:05"),
        ("0 0 29 2 *", "2028-02-29T00:00"), ("0 0 13 * 5", "2026-11-27T00:00"), ("0 0 13 * ?", "2026-12-13T00:00"), ("1,2,3 13 * * *", "2026-11-24T13:01"),
        ("CRON_TZ=Asia/Tokyo 0 6 * * *", "2026-11-24T21:00"), ("TZ=UTC 0 6 * * *", "2026-11-25T06:00"), ("@every 90m", "2026-11-24T13:30"),
        ("@every 1h30m10s", "2026-11-24T13:30"), ("10-20/5 12 * * *", "2026-11-24T12:10"),
    ],
)
def test_next(text: str, following: str) -> None:
    assert (parse(text).next_after(NOON) or NOON).isoformat().startswith(following)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"), ("* * * *", "4 fields"), ("* * * * * *", "6 fields"), ("60 * * * *", "outside 0 to 59"), ("* 24 * * *", "outside"),
        ("* * 0 * *", "outside 1 to 31"), ("* * * 13 *", "outside"), ("* * * * 7", "outside 0 to 6"),
        ("*/0 * * * *", "step of 0"), ("a * * * *", "not a number"),
        ("5-1 * * * *", "begins after"), ("@often", "unknown descriptor"), ("@every", "unknown descriptor"), ("@every 5", "no duration"),
        ("@every -5m", "no duration"), ("TZ=Mars/Base 0 * * * *", "unknown time zone"), ("TZ=UTC", "is empty"), ("0 0 30 2 *", "never comes due"),
        ("1,,2 * * * *", "not a number"), ("*/x * * * *", "not a number"), ("1--2 * * * *", "not a number"), ("0 0 * jam *", "not a number"),
        ("-1 * * * *", "number"),
        ("*/5 * * * *; rm", "6 fields"),
    ],
)
def test_what_is_wrong_is_said_with_the_variable(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        check_cron(text, "dr_backup_cron")
    assert caught.value.variable == "dr_backup_cron"


@pytest.mark.parametrize("text", ["@hourly", "TZ=UTC 0 * * * *", "@every 5m"])
def test_systems_without_descriptors(text: str) -> None:
    assert check_cron(text, "x") == text
    with pytest.raises(ConfigError, match="five fields"):
        check_cron(text, "dr_transfer_schedule", five_fields_only=True)


def test_blanks_are_trimmed() -> None:
    assert check_cron("  */5 * * * * ", "x") == "*/5 * * * *"


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    return st.one_of(st.just("*"), number.map(str), spans, st.integers(1, 30).map(lambda step: f"*/{step}"))


@given(st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
def test_next_comes_after_and_matches(fields: tuple[str, ...], moment: datetime) -> None:
    cron, start = parse(" ".join(fields)), moment.replace(tzinfo=UTC)
    found = cron.next_after(start)
    if found is None:  # both days restricted to a star with a step may take years to meet
        return
    assert found > start
    assert found.minute in cron.fields[0]
    assert found.hour in cron.fields[1]
    assert found.month in cron.fields[3]
    again = cron.next_after(found - timedelta(seconds=1))
    assert again == found


@given(st.text(alphabet="0123456789*/,-?@ aevry=TZ", min_size=1, max_size=20))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        found = str(parse(text).text)
    except ValueError as error:
        found = str(error)
    assert found
