# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks: task files and roles at named points, with a timeout and a policy on failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
POINTS = ["before_backup", "before_fence", "after_fence", "after_promote", "before_restore", "after_verify"]


def play(folder: Path, hooks: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The hooks of one point, and a task after them."""
    include = {"name": "Hooks", "ansible.builtin.include_role": {"name": "kubedr.ontap.dr", "tasks_from": "hooks"}, "vars": {"dr_hook_point": "after_verify"}}
    after = {"name": "After", "ansible.builtin.debug": {"msg": "went on"}}
    tasks = [include, after]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    options = ["-e", json.dumps({"dr_hooks": {"after_verify": hooks}}), *arguments]
    env = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "False", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False", "ANSIBLE_ROLES_PATH": str(folder / "roles")}
    command = [sys.executable, "-m", "ansible", "playbook", *options, str(folder / "play.yml")]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hook that touches a file, one that fails, one that takes too long, and a role."""
    touch = {"ansible.builtin.copy": {"dest": str(tmp_path / "done"), "content": "{{ dr_hook_point }}", "mode": "0600"}}
    (tmp_path / "good.yml").write_text(json.dumps([{"name": "Good", **touch}]))
    (tmp_path / "bad.yml").write_text(json.dumps([{"name": "Bad", "ansible.builtin.fail": {"msg": "the shop is still open"}}]))
    (tmp_path / "slow.yml").write_text(json.dumps([{"name": "Slow", "ansible.builtin.command": "sleep 30", "changed_when": False}]))
    role = tmp_path / "roles" / "switch" / "tasks"
    role.mkdir(parents=True)
    (role / "main.yml").write_text(json.dumps([{"name": "Switch", **touch}]))
    return tmp_path


@pytest.mark.parametrize("kind", ["file", "role"])
def test_a_hook_is_run_at_its_point(folder: Path, kind: str) -> None:
    ended = play(folder, [{"file": str(folder / "good.yml")} if kind == "file" else {"role": "switch"}])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (folder / "done").read_text() == "after_verify"
    assert "went on" in ended.stdout


def test_a_hook_that_fails_ends_the_run(folder: Path) -> None:
    ended = play(folder, [{"file": str(folder / "bad.yml")}, {"file": str(folder / "good.yml")}])
    assert ended.returncode == 2
    assert "after_verify failed: the shop is still open" in ended.stdout
    assert "went on" not in ended.stdout
    assert not (folder / "done").exists()


def test_its_failure_may_be_allowed(folder: Path) -> None:
    ended = play(folder, [{"file": str(folder / "bad.yml"), "on_failure": "continue"}, {"file": str(folder / "good.yml")}])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "after_verify failed: the shop is still open" in ended.stdout
    assert (folder / "done").exists()


def test_a_hook_that_takes_too_long_is_a_failure(folder: Path) -> None:
    ended = play(folder, [{"file": str(folder / "slow.yml"), "timeout": 1}])
    assert ended.returncode == 2
    assert "went on" not in ended.stdout


@pytest.mark.parametrize("hook", [{}, {"file": "a", "role": "b"}, {"file": "a", "on_failure": "perhaps"}])
def test_what_is_no_hook_is_named(folder: Path, hook: dict[str, str]) -> None:
    ended = play(folder, [hook])
    assert ended.returncode == 2
    assert "Give file or role" in ended.stdout


def test_check_mode_runs_none(folder: Path) -> None:
    ended = play(folder, [{"file": str(folder / "good.yml")}], "--check")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not (folder / "done").exists()


def _tasks(name: str) -> list[dict[str, Any]]:
    """With the files that they include, in their places."""
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "roles" / "failover" / "tasks" / f"{name}.yml").read_text(encoding="utf-8"))
    return [inner for task in found for inner in _unfolded(task)]


def _unfolded(task: dict[str, Any]) -> list[dict[str, Any]]:
    included = task.get("ansible.builtin.include_tasks")
    return _tasks(included.removesuffix(".yml")) if included else [task]


def test_the_promotion_has_every_point_in_its_order_and_the_docs_name_them() -> None:
    (promotion,) = _tasks("promotion")
    tasks = [inner for task in promotion["block"] for inner in _unfolded(task)]
    order = [task.get("vars", {}).get("dr_hook_point") or task["kubedr.ontap.dr_phase"]["phase"] for task in tasks]
    assert [name for name in order if name in POINTS] == POINTS
    assert order.index("before_backup") < order.index("prepare") < order.index("before_fence") < order.index("workloads")
    assert order.index("sync") < order.index("after_fence") < order.index("decide")
    assert order.index("promote") < order.index("after_promote") < order.index("volumes") < order.index("before_restore") < order.index("restore")
    assert order.index("verify") < order.index("after_verify")
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert [point for point in POINTS if f"| `{point}` |" not in page] == []
