# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and playbooks: what the laws forbid is not there, and defaults, argument specs and READMEs tell the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .tree import ROOT

ROLES = sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/meta/main.yml"))
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
CONTRACT = ["drill", "drill_cleanup", "failback", "failover", "fence", "report", "reprotect", "setup", "status", "teardown"]
FORBIDDEN = {"ignore_errors", "any_errors_fatal", "ignore_unreachable", "vars_prompt", "ansible.builtin.pause", "pause", "failed_when", "no_log", "tags"}


def load(path: Path) -> Any:
    """A YAML file, None where it is not there."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """All dicts of a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from mappings(value)


TASK_FILES = [*sorted((ROOT / "roles").glob("*/tasks/*.yml")), *PLAYBOOKS]


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_error_is_swallowed_and_nobody_is_asked(path: Path) -> None:
    used = {key for mapping in mappings(load(path)) for key in mapping}
    assert used & FORBIDDEN == set()
    for mapping in mappings(load(path)):
        if "rescue" in mapping:
            assert "ansible.builtin.fail" in mapping["rescue"][-1]


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_playbooks_are_role_calls_on_the_groups(path: Path) -> None:
    (play,) = load(path)
    assert (play["hosts"], play["connection"], play["gather_facts"]) == ("protection_groups", "local", False)
    if "tasks" in play:
        assert [set(task) for task in play["tasks"]] == [{"name", "ansible.builtin.fail"}]
    else:
        assert set(play) == {"name", "hosts", "connection", "gather_facts", "roles"}


def test_all_playbooks_of_the_contract_are_there() -> None:
    assert [path.stem for path in PLAYBOOKS] == CONTRACT


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_specified_alike_and_in_the_readme(role: str) -> None:
    folder = ROOT / "roles" / role
    options = load(folder / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = load(folder / "defaults" / "main.yml") or {}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    computed = {name for name, value in defaults.items() if isinstance(value, str) and "{{" in value}
    assert set(defaults) <= set(options)
    assert {name: option["default"] for name, option in options.items() if "default" in option and name not in computed} == {
        name: value for name, value in defaults.items() if name not in computed
    }
    assert [name for name in options if f"`{name}`" not in readme] == []
    assert all(name.startswith(f"{role}_") for name in options)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "dr"])
def test_every_role_depends_on_the_contract(role: str) -> None:
    assert load(ROOT / "roles" / role / "meta" / "main.yml")["dependencies"] == [{"role": "kubedr.ontap.dr"}]


def test_every_variable_of_a_group_reaches_the_modules() -> None:
    options = load(ROOT / "roles" / "dr" / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    group = load(ROOT / "roles" / "dr" / "vars" / "main.yml")["dr_group"]
    run_options = {"dr_mode", "dr_require", "dr_fence", "dr_fence_statement", "dr_backup", "dr_snapshot", "dr_accept_loss", "dr_teardown_consent", "dr_hooks"}
    taken = dict(re.findall(r"'(\w+)': (\w+)[ ,]", group))
    assert taken.pop("name") == "inventory_hostname"
    assert all(variable == f"dr_{key}" for key, variable in taken.items())
    assert {f"dr_{key}" for key in taken} == set(options) - run_options


def test_every_run_option_reaches_the_first_phase() -> None:
    """An unplanned failover may decide in it: an option that is not handed over there would be ignored."""
    options = load(ROOT / "roles" / "dr" / "vars" / "main.yml")["dr_run_options"]
    handed = (ROOT / "roles" / "preflight" / "tasks" / "main.yml").read_text(encoding="utf-8")
    assert [name for name in options if f"dr_run_options.{name} " not in handed] == []
