# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may know whom. docs/architecture.md has the same as a picture."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .tree import LAB, PLUGINS, ROOT, UTILS, parse, python_files

COMMON = {"_errors", "_clock", "_http", "_report", "_env", "_argspec"}
SHARED = {"_secrets", "_fetch"}
ROOMS = {"_ontap", "_kube", "_dr", "_verbs"}

MAY: dict[str, set[str]] = {
    **dict.fromkeys(COMMON, COMMON),
    "_secrets": set(),
    "_fetch": COMMON,
    "_ontap": COMMON | {"_ontap"},
    "_kube": COMMON | {"_kube"},
    "_dr": {"_errors", "_dr"},
    "_verbs": COMMON | {"_verbs", "_dr", "_ontap", "_kube"},
    "_run": COMMON | SHARED | {"_ontap", "_kube"},
    "modules": {"_run", "_verbs"},
    "action": {"_verbs", "plugin_utils"},
    "plugin_utils": COMMON | SHARED | {"_run", "plugin_utils"},
    "doc_fragments": set(),
}
MAY_NOT_IMPORT: dict[str, set[str]] = {
    **{room: {"ansible"} for room in (*COMMON, *SHARED, *ROOMS)},
    "_ontap": {"ansible", "kubernetes"},
    "_kube": {"ansible", "netapp_ontap"},
    "_dr": {"ansible", "kubernetes", "requests", "urllib3", "netapp_ontap", "time"},
    "_verbs": {"ansible", "kubernetes", "requests", "urllib3", "netapp_ontap", "time"},
}
FILES = python_files(PLUGINS)


def room_of(path: Path) -> str:
    """The room that a file belongs to: a folder of module_utils, a single file there, or a folder of plugins."""
    parts = path.relative_to(PLUGINS).parts
    return parts[1].removesuffix(".py") if parts[0] == "module_utils" else parts[0]


def imported(path: Path) -> set[str]:
    """Rooms and top-level packages that a file imports; what is imported by name from a package counts as part of its room."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            found.update(_relative(path, node))
    return found


def _relative(path: Path, node: ast.ImportFrom) -> set[str]:
    base = path
    for _step in range(node.level):
        base = base.parent
    named = node.module.split(".") if node.module else []
    targets = [base.joinpath(*named)] if named else [base / alias.name for alias in node.names]
    return {room_of(target if target.is_dir() else target.with_suffix(".py")) for target in targets if target != UTILS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_arrows_run_one_way(path: Path) -> None:
    room = room_of(path)
    if path.stem == "__init__":
        assert path.read_text(encoding="utf-8") == ""
        return
    assert room in MAY, f"{room} is a room that docs/architecture.md does not know"
    known = {name for name in imported(path) if name in MAY}
    assert known - MAY[room] == set()
    assert imported(path) & MAY_NOT_IMPORT.get(room, set()) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_only_the_clock_sleeps_and_only_run_fails_a_module(path: Path) -> None:
    called = {node.func.attr for node in ast.walk(parse(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    if path != UTILS / "_run.py":
        assert called & {"fail_json", "exit_json"} == set()
    if path != UTILS / "_clock.py":
        slept = [
            node.lineno for node in ast.walk(parse(path))
            if isinstance(node, ast.Attribute) and node.attr == "sleep" and isinstance(node.value, ast.Name) and node.value.id == "time"
        ]
        assert slept == []


@pytest.mark.parametrize("path", python_files(LAB), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lab_does_not_know_the_collection(path: Path) -> None:
    assert imported_packages(path) & {"ansible", "ansible_collections"} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_the_collection_does_not_know_the_lab(path: Path) -> None:
    assert "kubedr_lab" not in path.read_text(encoding="utf-8")


def imported_packages(path: Path) -> set[str]:
    """Top-level packages only."""
    nodes = list(ast.walk(parse(path)))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
