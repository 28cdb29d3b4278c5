# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run journal is whole and valid at every instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.kubedr.ontap.plugins.plugin_utils import _journal
from ansible_collections.kubedr.ontap.plugins.plugin_utils._journal import Journal, instant, new_run_id

SCHEMA = json.loads((Path(_journal.__file__).parent / "run.schema.json").read_text(encoding="utf-8"))
START = datetime(2026, 1, 31, 3, 4, 5, 250000, tzinfo=UTC)


def read(journal: Journal) -> dict[str, Any]:
    """The file, valid against the schema."""
    document: dict[str, Any] = json.loads(journal.path.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    return document


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A failover that has just begun."""
    return Journal.begin(str(tmp_path / "evidence"), "payments", "failover", "unplanned", "ops@control", START)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_run_id_has_its_time_its_verb_and_six_hex_digits() -> None:
    first, second = new_run_id("failover", START), new_run_id("failover", START)
    assert first.startswith("20260131T030405Z-failover-")
    assert len(first.rpartition("-")[2]) == 6
    assert first != second


def test_an_instant_is_utc_with_milliseconds() -> None:
    assert instant(START) == "2026-01-31T03:04:05.250Z"


def test_it_is_there_and_valid_from_the_first_instant(journal: Journal) -> None:
    document = read(journal)
    assert journal.path.parts[-4:] == ("evidence", "payments", document["run_id"], "run.json")
    assert (document["result"], document["verb"], document["mode"], document["ended_at"]) == ("running", "failover", "unplanned", None)


def test_steps_appear_as_they_happen(journal: Journal) -> None:
    journal.step_started("break", "forced", START)
    assert read(journal)["steps"] == [{"name": "break", "started_at": instant(START), "ended_at": None, "asked": "forced", "seen": None, "changed": None}]
    journal.step_ended("break", {"state": "broken_off"}, True, START + timedelta(seconds=5))
    step = read(journal)["steps"][0]
    assert (step["ended_at"], step["seen"], step["changed"]) == ("2026-01-31T03:04:10.250Z", {"state": "broken_off"}, True)


def test_a_step_that_was_never_started_is_kept_whole(journal: Journal) -> None:
    journal.step_ended("pause", "paused before", False, START)
    assert read(journal)["steps"] == [
        {"name": "pause", "started_at": instant(START), "asked": None, "ended_at": instant(START), "seen": "paused before", "changed": False}
    ]


def test_a_later_task_goes_on_where_the_last_one_stopped(journal: Journal) -> None:
    journal.step_started("break", None, START)
    again = Journal.resume(str(journal.path))
    assert again is not None
    again.step_ended("break", "broken_off", True, START)
    again.note({"epoch": 2})
    assert len(read(again)["steps"]) == 1
    assert read(again)["epoch"] == 2


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_evidence_that_is_gone_or_broken_stops_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert Journal.resume(str(path)) is None


@pytest.mark.parametrize("result", ["succeeded", "failed", "refused", "planned"])
def test_it_ends_in_each_way(journal: Journal, result: str) -> None:
    journal.note({"message": "take note\nabc123"})
    journal.finish(result, "the end", START + timedelta(seconds=9))
    document = read(journal)
    assert (document["result"], document["ended_at"], document["message"]) == (result, "2026-01-31T03:04:14.250Z", "take note\nabc123\nthe end")
    assert not journal.open


def test_the_recovery_time_ends_with_the_verification(journal: Journal) -> None:
    journal.step_ended("restore", "Completed", True, START + timedelta(seconds=5))
    journal.step_started("verify", None, START + timedelta(seconds=5))
    journal.step_ended("verify", "verified", False, START + timedelta(seconds=7))
    journal.finish("succeeded", "", START + timedelta(seconds=9))
    assert read(journal)["rto_seconds"] == 7.0


def test_a_run_that_had_nothing_to_do_or_failed_has_no_recovery_time(journal: Journal, tmp_path: Path) -> None:
    journal.step_ended("verify", "verified", False, START + timedelta(seconds=7))
    journal.finish("succeeded", "", START)
    assert read(journal)["rto_seconds"] is None
    other = Journal.begin(str(tmp_path), "payments", "failover", "unplanned", "ops", START)
    other.step_ended("break", "broken_off", True, START)
    other.finish("failed", "no", START)
    assert read(other)["rto_seconds"] is None


def test_a_write_that_fails_leaves_the_file_before_it_and_no_litter(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    before = journal.path.read_bytes()

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_journal.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        journal.note({"epoch": 3})
    assert journal.path.read_bytes() == before
    assert [path.name for path in journal.path.parent.iterdir()] == ["run.json"]
