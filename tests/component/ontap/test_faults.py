# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call fails once, in every way: the run ends right or with an error that says where, and run again it ends right."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import svms

from kubedr_lab.pocket import PocketLab

from .conftest import SITES, World

KINDS = ("500", "503", "401", "reset", "drop", "executed", "job-failed", "job-failed-silent", "job-lost")


def patterns(world: World, site: str, since: int = 0) -> list[str]:
    """Each kind of call to the site, as the match of a fault: uuids and numbers in paths match any."""
    found = set()
    for call in world.requests(site)[since:]:
        method, path = call.split(" ", 1)
        parts = ["[^/]+" if len(part) == 36 or part.isdigit() else part for part in path.split("/")]
        found.add(f"{method} {'/'.join(parts)}$")
    return sorted(found)


def ends_right(run: Callable[[], Any]) -> None:
    """Once more after an error, which must say what failed and where."""
    failures: list[KubedrError] = []
    try:
        run()
    except KubedrError as error:
        failures.append(error)
    for error in failures:
        assert error.message
        assert error.system or error.kind == "config"
        run()


@pytest.mark.parametrize("kind", KINDS)
def test_serving(mirrored: World, frozen: dict[str, Any], kind: str) -> None:
    mirrored.lab.kill("tokyo")
    since = len(mirrored.requests("osaka"))
    mirrored.run("svmdr", state="serving", force=True, source=None)
    hits = 0
    for match in patterns(mirrored, "osaka", since):
        cell = World(PocketLab(frozen=frozen))
        cell.lab.kill("tokyo")
        rule = cell.lab.fault("osaka", match, kind)
        ends_right(lambda cell=cell: cell.run("svmdr", state="serving", force=True, source=None))  # type: ignore[misc]
        assert svms.serving(cell.client("osaka"), "svm_app1_dr")["missing"] == [], (kind, match)
        hits += bool(rule.seen)
    assert hits >= (2 if kind.startswith("job") else 9)


@pytest.mark.parametrize("kind", ["executed", "job-failed-silent", "job-lost"])
def test_set_up(world: World, kind: str) -> None:
    world.setup()
    hits = 0
    for site in SITES:
        for match in patterns(world, site):
            if kind != "executed" and match.startswith("GET"):
                continue
            cell = World(PocketLab())
            rule = cell.lab.fault(site, match, kind)
            ends_right(cell.setup)
            assert cell.relationship()["state"] == "snapmirrored", (kind, site, match)
            assert not any(result["changed"] for result in cell.setup()), (kind, site, match)
            hits += bool(rule.seen)
    assert hits >= 4


@pytest.mark.parametrize("nth", range(1, 12))
def test_set_up_dies_at_a_write_and_is_run_again(nth: int) -> None:
    """Death as nothing can catch it, right before or right after the n-th write."""

    class Killed(BaseException):
        pass

    for after in (False, True):
        cell = World(PocketLab())
        writes = 0
        call = cell.lab.call

        def dying(site: str, system: str, request: Any, timeout: float = 10.0, *, call: Any = call, after: bool = after) -> Any:
            nonlocal writes
            writes += request.method != "GET"
            fatal = request.method != "GET" and writes == nth
            if fatal and not after:
                raise Killed
            answer = call(site, system, request, timeout)
            if fatal:
                raise Killed
            return answer

        cell.lab.call = dying  # type: ignore[method-assign]
        with contextlib.suppress(Killed):
            cell.setup()
        cell.lab.call = call  # type: ignore[method-assign]
        cell.lab.run(5)
        cell.setup()
        assert cell.relationship()["state"] == "snapmirrored", (nth, after)
        assert not any(result["changed"] for result in cell.setup()), (nth, after)
