# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules, action plugins, their documentation, their specs and the action group agree."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .tree import PLUGINS, ROOT, names, parse

BASE = "ansible_collections.kubedr.ontap.plugins"
MODULES = sorted(names(PLUGINS / "modules"))


def strings(path: Path) -> dict[str, str]:
    """Texts that are assigned to names in a file, at its top or in a class."""
    return {
        node.targets[0].id: node.value.value
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def documented(module: str) -> dict[str, Any]:
    """Options of a module as its documentation has them, fragments included."""
    doc = yaml.safe_load(strings(PLUGINS / "modules" / f"{module}.py")["DOCUMENTATION"])
    options: dict[str, Any] = {}
    for fragment in doc["extends_documentation_fragment"]:
        _namespace, _name, stem, *part = fragment.split(".")
        text = strings(PLUGINS / "doc_fragments" / f"{stem}.py")[part[0].upper() if part else "DOCUMENTATION"]
        options.update(yaml.safe_load(text).get("options") or {})
    return {**options, **(doc.get("options") or {})}


def facts(options: Mapping[str, Any], below: str) -> dict[str, Any]:
    """What a spec and its documentation must have in common, in one form."""
    return {
        name: {
            "type": option.get("type", "str"), "elements": option.get("elements"), "required": bool(option.get("required")), "default": option.get("default"),
            "choices": option.get("choices"), "below": facts(option.get(below) or {}, below),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("module", MODULES)
def test_documentation_and_spec_agree(module: str) -> None:
    spec = importlib.import_module(f"{BASE}.module_utils._verbs.{module}").SPEC
    assert facts(documented(module), "suboptions") == facts(spec.options, "options")


@pytest.mark.parametrize("module", MODULES)
def test_the_action_plugin_runs_what_the_module_runs(module: str) -> None:
    verb = importlib.import_module(f"{BASE}.module_utils._verbs.{module}")
    action = importlib.import_module(f"{BASE}.action.{module}").ActionModule
    assert action.spec is verb.SPEC
    assert action.runner is verb.run


@pytest.mark.parametrize("module", MODULES)
def test_secret_options_are_marked_or_found_by_name(module: str) -> None:
    from ansible_collections.kubedr.ontap.plugins.module_utils._secrets import SECRET_OPTION

    spec = importlib.import_module(f"{BASE}.module_utils._verbs.{module}").SPEC
    unmarked = [name for name, option in flat(spec.options) if SECRET_OPTION.search(name) and option.get("no_log") is not True]
    unnamed = [name for name, option in flat(spec.options) if option.get("no_log") and not SECRET_OPTION.search(name)]
    assert (unmarked, unnamed) == ([], [])


def flat(options: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """All options, those of dicts too."""
    return [pair for name, option in options.items() for pair in [(name, option), *flat(option.get("options") or {})]]


def test_every_module_has_an_action_plugin_and_is_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    group = runtime["action_groups"]["dr"]
    assert sorted(names(PLUGINS / "action")) == MODULES
    assert group == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_only_options_that_exist(module: str) -> None:
    options = set(documented(module))
    for task in yaml.safe_load(strings(PLUGINS / "modules" / f"{module}.py")["EXAMPLES"]):
        assert set(task[f"kubedr.ontap.{module}"]) <= options
