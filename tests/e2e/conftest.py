# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests on real Kubernetes and real Velero: only run by `make e2e`, which sets KUBEDR_E2E. Where the programs cannot be had they are skipped, loudly.

KUBEDR_E2E=cached builds nothing: what is not in the cache already cannot be had.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import FIGURES, RealLab

from kubedr_lab.real import binaries
from kubedr_lab.state import LabError

collect_ignore_glob = [] if os.environ.get("KUBEDR_E2E") else ["test_*.py"]
_refused: list[str] = []


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> None:
    """The real tier's programs, built if they are not in the cache."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        absent = [binary.name for binary in binaries.missing()]
        if absent and os.environ.get("KUBEDR_E2E") == "cached":
            raise LabError(f"not in {binaries.cache()}: {', '.join(absent)}. 'make e2e' builds them, about 20 minutes on two cores.")
        with capture.global_and_fixture_disabled():
            binaries.ensure(lambda text: print(text, flush=True))
    except LabError as error:
        _refused.append(str(error))
        pytest.skip(f"no real Kubernetes: {error}")


@pytest.fixture(scope="module")
def real_lab(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLab]:
    """One lab per file, with three groups; its tests build on one another in the order in which they stand."""
    lab = RealLab(tmp_path_factory.mktemp("lab"))
    try:
        began = time.monotonic()
        lab.run("up", "--kubernetes", "real", "--groups", "3")
        lab.up_seconds = time.monotonic() - began
        yield lab
    finally:
        lab.run("down")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured. And a skip of everything must not look like success."""
    if FIGURES:
        terminalreporter.write_sep("-", "figures")
    for figure in FIGURES:
        terminalreporter.write_line(figure)
    for reason in _refused:
        terminalreporter.write_sep("!", "NOTHING WAS TESTED ON REAL KUBERNETES", red=True, bold=True)
        terminalreporter.write_line(reason, red=True)
