# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights of examples/rbac/kubedr.yaml on real RBAC: one that is missing is named. That each is needed, test_each_right.py shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CORE, RealLab, statement, until

ROLE = "/apis/rbac.authorization.k8s.io/v1/namespaces/velero/roles/kubedr"


@contextlib.contextmanager
def without(lab: RealLab, site: str, resource: str) -> Iterator[None]:
    """The collection's user may not write this kind of Velero's objects meanwhile."""

    def set_rules(keep: Any) -> None:
        role = lab.get(site, ROLE)
        role["rules"] = keep(role["rules"])
        status, answer = lab.request(site, "kubernetes", "PUT", ROLE, role)
        assert status == 200, answer

    rules = lab.get(site, ROLE)["rules"]
    set_rules(lambda found: [{**rule, "resources": [name for name in rule["resources"] if name != resource] or ["nothing"]} for rule in found])
    try:
        yield
    finally:
        set_rules(lambda found: rules)


@pytest.fixture(scope="module")
def lab(real_lab: RealLab) -> RealLab:
    """One group runs at tokyo."""
    real_lab.run("deploy", "app1")
    return real_lab


def test_a_missing_right_at_set_up_is_named(lab: RealLab) -> None:
    with without(lab, "tokyo", "schedules"):
        text = lab.playbook("setup", ["app1"], status=2)
    assert 'cannot create resource \\"schedules\\" in API group \\"velero.io\\" in the namespace \\"velero\\"' in text
    assert "Kubernetes tokyo" in text
    lab.playbook("setup", ["app1"])


def test_a_missing_right_at_a_failover_is_named_and_no_hold_stays(lab: RealLab) -> None:
    backup = lab.run("backup", "tokyo")["name"]
    until("the backup at osaka", lambda: lab.phase("osaka", "backups", backup) == "Completed", 180)
    lab.run("kill", "tokyo")
    with without(lab, "osaka", "restores"):
        text = lab.playbook("failover", ["app1"], *statement(), status=2)
    assert 'cannot create resource \\"restores\\" in API group \\"velero.io\\"' in text
    assert lab.get("osaka", f"{ARK}/backupstoragelocations/default")["spec"].get("accessMode", "ReadWrite") == "ReadWrite"
    lab.playbook("failover", ["app1"], *statement())
    assert lab.get("osaka", f"{CORE}/namespaces/app1")["status"]["phase"] == "Active"
