# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights of examples/rbac/kubedr.yaml on real RBAC: each that is granted is used or excused, and one that is missing is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CORE, RealLab, statement, until

ROLE = "/apis/rbac.authorization.k8s.io/v1/namespaces/velero/roles/kubedr"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
EXCUSED = {
    ("create", "namespaces"): "Velero makes the group's; Trident's stands", ("create", "customresourcedefinitions"): "only those that the site does not have",
    ("create", "persistentvolumeclaims"): "only where claims are left out of a restore",
    ("create", "volumeattributesclasses"): "no group of the lab has any", ("create", "runtimeclasses"): "no group of the lab has any",
    ("create", "ingressclasses"): "no group of the lab has any", ("create", "volumesnapshotclasses"): "no group of the lab has any",
    ("create", "tridentstorageclasses"): "the lab's Trident keeps none", ("create", "storageclasses"): "the lab's sites have the same classes",
    ("escalate", "clusterroles"): "no request of its own", ("bind", "clusterroles"): "no request of its own",
    ("patch", "replicasets"): "only fencing", ("patch", "deployments"): "only fencing", ("patch", "statefulsets"): "only fencing",
    ("patch", "replicationcontrollers"): "only fencing", ("patch", "cronjobs"): "only fencing", ("patch", "jobs"): "only fencing",
    ("delete", "configmaps"): "only teardown", ("delete", "schedules"): "only ark_schedule with state absent, and teardown",
    ("patch", "schedules"): "only where a schedule changes", ("create", "backups"): "only planned verbs, and ark_backup",
    ("create", "backupstoragelocations"): "only with ark.location", ("patch", "backupstoragelocations"): "only with ark.location",
    ("patch", "persistentvolumes"): "only dr_patch_reclaim_policy, and volumes that are Released",
}


def used(lab: RealLab, site: str) -> set[tuple[str, str]]:
    """(verb, resource) of every write at a site that was not the test's own and was not refused."""
    found = set()
    for event in lab.log(site):
        parts = event["path"].strip("/").split("/")
        if event["part"] != f"{site}-kubernetes" or event["method"] not in VERBS or event["query"].get("fieldManager") == "test" or event["status"] >= 300:
            continue
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        if rest[0] == "namespaces" and len(rest) > 2:
            rest = rest[2:]
        found.add((VERBS[event["method"]], rest[0]))
    return found - {("create", "selfsubjectaccessreviews")}


def granted() -> set[tuple[str, str]]:
    """(verb, resource) of everything but reads that the shipped roles allow."""
    path = next(parent / "examples" / "rbac" / "kubedr.yaml" for parent in Path(__file__).resolve().parents if (parent / "examples" / "rbac").is_dir())
    rules = [rule for document in yaml.safe_load_all(path.read_text()) for rule in document.get("rules") or []]
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"] if verb not in ("get", "list")}


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


def test_every_right_is_used_or_excused(lab: RealLab) -> None:
    done = used(lab, "osaka") | used(lab, "tokyo")
    assert done <= granted()
    assert granted() - done - set(EXCUSED) == set()
