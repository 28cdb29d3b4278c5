# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequences that in-process tests drive (tests/support/drivers.py) are those of the roles: the same modules, phases and options in the same order."""

from __future__ import annotations

from collections.abc import Iterator
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


def role_tasks(role: str, variables: dict[str, str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our tasks of a role in order, imported roles and blocks unfolded, a task with a loop once for each of the two sites."""
    known = variables or {}
    for task in _flat(yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text(encoding="utf-8"))):
        if "ansible.builtin.import_role" in task:
            yield from role_tasks(task["ansible.builtin.import_role"]["name"].removeprefix(OURS), task.get("vars"))
            continue
        (name,) = (key for key in task if key.startswith(OURS))
        args = {key: known.get(str(value).strip("{} "), value) for key, value in task[name].items()}
        for _item in range(2 if "loop" in task else 1):
            yield name.removeprefix(OURS), args


def _flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        if "block" in task:
            yield from _flat(task["block"] + task.get("rescue", []) + task.get("always", []))
        else:
            yield task


@pytest.mark.parametrize("role", ["setup", "fence", "failover"])
def test_the_driver_does_what_the_role_does(role: str) -> None:
    driven = list(getattr(drivers, f"{role}_tasks")(GROUP))
    played = list(role_tasks(role))
    assert [name for name, _args in driven] == [name for name, _args in played]
    for (name, given), (_name, args) in zip(driven, played, strict=True):
        assert set(given) <= set(args), f"{name}: the role does not set {sorted(set(given) - set(args))}"
        constants = {key: value for key, value in args.items() if "{{" not in str(value)}
        assert {key: given.get(key) for key in constants} == constants
