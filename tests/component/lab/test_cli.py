# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``kubedr-lab`` says to people, and what of a lab's folder it does not accept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubedr_lab import cli
from kubedr_lab.settings import Settings, groups
from kubedr_lab.shell import actions
from kubedr_lab.state import Folder, Lab, LabError, Part, Process


def test_state_and_json_stand_before_or_after_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--state", str(tmp_path), "--json", "down"], ["down", "--json", "--state", str(tmp_path)]):
        assert cli.main(arguments) == 0
        assert json.loads(capsys.readouterr().out) == {"ended": False}


def test_an_error_is_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["log", "tokyo", "--state", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.startswith("kubedr-lab: there is no lab in"), err.count("\n")) == ("", True, 1)


@pytest.mark.parametrize("line", ["", "explode", "up --ark heptio", "kill", "kill tokyo --only disk", "fault tokyo", "faults"])
def test_what_is_no_command_is_refused_by_the_parser(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(line.split())
    assert stop.value.code == 2
    assert "usage: kubedr-lab" in capsys.readouterr().err


def test_a_volume_in_words() -> None:
    records = {"first": 1, "last": 5, "count": 4, "missing": [3], "first_at": "a", "last_at": "b", "records": [[1, "a"], [5, "b"]]}
    assert actions.describe("web", {"records": records}) == "web: 4 records, 1 to 5, 1 missing, last written b\n  1 a\n  5 b"
    assert actions.describe("web", {"records": {"count": 0}}) == "web: no records"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"event": "connection", "via": "api", "client": "127.0.0.1:9"}, "api connection from 127.0.0.1:9"),
        ({"event": "operation", "operation": "break", "object": "svm_app1_dr", "started": "a", "ended": "b"}, "operation break svm_app1_dr: a to b"),
        (
            {"event": "request", "via": "peer", "method": "GET", "path": "/api", "query": {"fields": "*"}, "status": None, "ms": 1.5},
            "peer GET /api?fields=* no answer 1.5 ms",
        ),
    ],
)
def test_an_event_in_words(event: dict[str, object], text: str) -> None:
    assert actions.describe_event({"time": "now", "part": "tokyo-ontap", **event}) == f"now tokyo-ontap {text}"


def test_a_lab_is_kept_whole_in_its_file(tmp_path: Path) -> None:
    lab = Lab(Settings(groups=3, seed=5), "now", {"store": Part("store", "store", 1, 2, "log", "out", Process(3, 4))}, {"app1": Process(5, 6)})
    folder = Folder(tmp_path)
    folder.save(lab)
    assert folder.load() == lab
    assert [part.name for part in lab.of_site("store")] == ["store"]


def test_a_lab_of_another_version_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text('{"version": 0}')
    with pytest.raises(LabError, match="another version"):
        Folder(tmp_path).load()


def test_names_of_the_groups() -> None:
    found = groups(Settings(groups=128))
    assert (found[0].name, found[1].source_svm, found[1].destination_svm, found[1].namespaces) == ("app1", "svm_app2", "svm_app2_dr", ("app2", "app2-batch"))
    assert len({group.address for group in found}) == 128


@pytest.mark.parametrize("values", [{"groups": 0}, {"groups": 129}, {"clock": 0}, {"clock": -1}, {"ark": "heptio"}, {"identity": "none"}])
def test_settings_that_cannot_be(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"128 groups|above 0|unknown"):
        Settings(**values)  # type: ignore[arg-type]
