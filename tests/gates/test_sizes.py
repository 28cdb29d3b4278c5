# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces: what grows past these bounds has a wall in the wrong place."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from .tree import LAB, PLUGINS, ROOT, code_lines, functions, parse, python_files

SOURCES = [*python_files(PLUGINS), *python_files(LAB)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_over_50_lines_and_no_file_over_400(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    long = [(node.name, node.end_lineno - node.lineno + 1) for node in functions(parse(path)) if node.end_lineno and node.end_lineno - node.lineno + 1 > 50]
    assert long == []
    assert lines <= 400 or path.parent == PLUGINS / "doc_fragments"


def test_module_files_hold_documentation_and_little_else() -> None:
    sizes = {path.stem: code_lines(path) for path in python_files(PLUGINS / "modules")}
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert statistics.median(sizes.values()) <= 40


def test_action_files_are_thin() -> None:
    assert {path.stem: code_lines(path) for path in python_files(PLUGINS / "action") if code_lines(path) > 25} == {}


def test_the_lab_stays_the_servant() -> None:
    plugins, lab = (sum(map(code_lines, python_files(folder))) for folder in (PLUGINS, LAB))
    assert lab <= 1.5 * plugins, f"lab {lab} code lines, plugins {plugins}"
