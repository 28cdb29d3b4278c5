# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report, from evidence alone."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.report import LANGUAGES, TEXTS
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError
from ansible_collections.kubedr.ontap.plugins.module_utils._run import system_env
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.dr_report import run
from ansible_collections.kubedr.ontap.plugins.plugin_utils._journal import Journal

START = datetime(2026, 1, 31, 3, 4, 5, tzinfo=UTC)


def report(folder: Path, count: int = 1) -> dict[str, Any]:
    """Of the group payments."""
    return run({"group": "payments", "evidence_dir": str(folder), "count": count}, system_env())


def failover(folder: Path, at: datetime) -> Journal:
    """A run with all that a failover notes."""
    journal = Journal.begin(str(folder), "payments", "failover", "unplanned", "alice", at)
    journal.note({
        "state_before": {"storage": "active_unreachable", "objects": "none"}, "state_after": {"storage": "failed_over", "objects": "verified"},
        "fence": {"kind": "proof"}, "backup": {"name": "k8sbackup-1", "started_at": "2026-01-31T03:00:00Z"},
        "rpo": {"data_seconds": 61.5, "objects_seconds": 240},
        "loss": {"token": None, "volumes": [{"name": "db", "lost_after": "2026-01-31T03:03:00Z", "bytes": None}]},
    })
    journal.step_ended("break", "broken_off", True, at + timedelta(seconds=4))
    return journal


def test_the_newest_run_is_told_for_people(tmp_path: Path) -> None:
    failover(tmp_path, START - timedelta(days=1)).finish("failed", "no", START)
    failover(tmp_path, START).finish("succeeded", "", START + timedelta(seconds=5))
    found = report(tmp_path)
    assert found["changed"] is False
    assert [document["started_at"] for document in found["runs"]] == ["2026-01-31T03:04:05.000Z"]
    text = "\n".join(found["lines"])
    for told in (
        "by alice: succeeded", "active_unreachable, objects none -> failed_over, objects verified", "word on the other site: proof",
        "k8sbackup-1 of 2026-01-31T03:00:00Z",
        "RPO of data: 61.5 s", "RPO of objects: 240 s", "RTO: 4.0 s", "volume db: writes after 2026-01-31T03:03:00Z are lost",
    ):
        assert told in text


def test_several_runs_come_newest_first(tmp_path: Path) -> None:
    for hours in (3, 1, 2):
        failover(tmp_path, START + timedelta(hours=hours))
    assert [document["started_at"][11:13] for document in report(tmp_path, 2)["runs"]] == ["06", "05"]


def test_a_killed_run_is_told_as_such(tmp_path: Path) -> None:
    failover(tmp_path, START).step_started("restore", None, START)
    text = "\n".join(report(tmp_path)["lines"])
    assert "running" in text
    assert "or it was killed" in text
    assert "its end was not seen" in text


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"other": 1})])
def test_a_file_that_is_no_journal_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "payments" / "20260131T030405Z-failover-000000" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    assert report(tmp_path)["lines"] == [f"{path} cannot be read"]


def test_no_run_is_no_error_and_no_count_is(tmp_path: Path) -> None:
    assert report(tmp_path)["runs"] == []
    with pytest.raises(ConfigError, match="count"):
        report(tmp_path, 0)


def test_japanese_tells_the_same_facts(tmp_path: Path) -> None:
    failover(tmp_path, START).finish("succeeded", "", START + timedelta(seconds=5))
    found = run({"group": "payments", "evidence_dir": str(tmp_path), "count": 1, "language": "ja"}, system_env())
    text = "\n".join(found["lines"])
    for told in ("成功", "証明", "k8sbackup-1", "データの RPO: 61.5 秒", "RTO: 4.0 秒", "2026-01-31T03:03:00Z より後の書き込みは失われます"):
        assert told in text
    assert len(found["lines"]) == len(report(tmp_path)["lines"])


def test_both_languages_know_the_same_words() -> None:
    assert set(TEXTS["en"]) == set(TEXTS["ja"])
    assert set(TEXTS) == set(LANGUAGES)
    fields = {language: {key: sorted(re.findall(r"{(\w+)}", text)) for key, text in texts.items()} for language, texts in TEXTS.items()}
    assert fields["en"] == fields["ja"]
