# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequences that in-process tests drive (tests/support/drivers.py) are those of the roles: the same modules, phases and options in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...support import drivers

ROLES = Path(__file__).resolve().parents[3] / "roles"
OURS = "kubedr.ontap."
LIF = {"name": "ic1", "node": "n", "port": "e0c", "address": "192.0.2.1", "netmask": "24"}
SITE: dict[str, Any] = {"ontap": {"hostname": "h", "username": "u", "password": "p"}, "kubernetes": {"kubeconfig": "/k"}, "intercluster_lifs": [LIF]}
GROUP: dict[str, Any] = {
    "name": "app1", "source_site": "tokyo", "destination_site": "osaka", "source_svm": "a", "destination_svm": "b", "sites": {"tokyo": SITE, "osaka": SITE},
}


def role_tasks(role: str, variables: dict[str, str] | None = None, file: str = "main", rescue: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our tasks of a role in order, imports and blocks unfolded, a task with a loop once for each of the two sites.

    Args:
        rescue: only what is in the rescue parts, instead of what is not.
    """
    known = variables or {}
    for task, rescuing in _flat(yaml.safe_load((ROLES / role / "tasks" / f"{file}.yml").read_text(encoding="utf-8"))):
        if "ansible.builtin.import_role" in task:
            imported = task["ansible.builtin.import_role"]
            yield from role_tasks(imported["name"].removeprefix(OURS), task.get("vars"), imported.get("tasks_from", "main"), rescue)
        elif included := task.get("ansible.builtin.import_tasks") or task.get("ansible.builtin.include_tasks"):
            yield from role_tasks(role, task.get("vars") or known, included.removesuffix(".yml"), rescue)
        else:
            for name in (key for key in task if key.startswith(OURS) and rescuing == rescue):
                args = {key: known.get(str(value).strip("{} "), value) for key, value in task[name].items()}
                for _item in range(2 if "loop" in task else 1):
                    yield name.removeprefix(OURS), args


def _flat(tasks: list[dict[str, Any]], rescuing: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every task, and whether it stands in a rescue part."""
    for task in tasks:
        if "block" in task:
            yield from _flat(task["block"], rescuing)
            yield from _flat(task.get("rescue", []), True)
            yield from _flat(task.get("always", []), rescuing)
        else:
            yield task, rescuing


def conditional(role: str, file: str) -> set[str]:
    """The phases that only a planned run has: those of the files that a task file includes under that condition."""
    flat = [task for task, _rescuing in _flat(yaml.safe_load((ROLES / role / "tasks" / f"{file}.yml").read_text(encoding="utf-8")))]
    files = [task["ansible.builtin.include_tasks"].removesuffix(".yml") for task in flat if task.get("when") == "dr_mode == 'planned'"]
    return {args["phase"] for file in files for _name, args in role_tasks(role, file=file)}


def assert_same(driven: list[tuple[str, dict[str, Any]]], played: list[tuple[str, dict[str, Any]]]) -> None:
    """The same modules, with the options that the driver gives, and with the driver's values where the role has constants."""
    assert [
        (name, params.get("verb"), params.get("phase")) for name, params in driven
    ] == [(name, args.get("verb"), args.get("phase")) for name, args in played]
    for (name, given), (_name, args) in zip(driven, played, strict=True):
        assert set(given) <= set(args), f"{name}: the role does not set {sorted(set(given) - set(args))}"
        constants = {key: value for key, value in args.items() if "{{" not in str(value)}
        assert {key: given.get(key) for key in constants} == constants


@pytest.mark.parametrize(("role", "driver"), [
    ("setup", drivers.setup_tasks), ("fence", drivers.fence_tasks), ("failover", drivers.planned_tasks), ("reprotect", drivers.reprotect_tasks),
    ("failback", drivers.failback_tasks), ("teardown", drivers.teardown_tasks),
])
def test_the_driver_does_what_the_role_does(role: str, driver: Callable[..., Iterator[drivers.Task]]) -> None:
    assert_same(list(driver(GROUP)), list(role_tasks(role)))


@pytest.mark.parametrize("verb", ["failover", "failback"])
def test_a_planned_verb_that_fails_is_rolled_back(verb: str) -> None:
    assert_same(list(drivers.rollback_tasks(GROUP, verb)), list(role_tasks(verb, rescue=True)))


def test_an_unplanned_failover_leaves_out_what_needs_the_source() -> None:
    planned = conditional("failover", "before")
    assert planned == {"prepare", "workloads", "sync"}
    unplanned = [(name, args) for name, args in role_tasks("failover") if args["phase"] not in planned]
    assert_same(list(drivers.failover_tasks(GROUP)), unplanned)
