# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole circle with an account that may only read, and is granted each right when a verb fails for want of it, by the error that names it.

So each right of examples/rbac/kubedr.yaml is seen to be needed, and named where it is missing, and no other is; and every verb goes on where it was stopped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, RealLab, statement, tell, until
from ansible_collections.kubedr.ontap.tests.e2e.rights import EXCUSED, granted, shipped

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMED = re.compile(r'cannot (\w+) resource "([\w/]+)" in API group "([\w.]*)"')
GRANTING = "attempting to grant RBAC permissions not currently held"
READS = ("get", "list")
TIDY = {("delete", "downloadrequests")}
"""Not needed: what was read is taken away again, and Velero does so after ten minutes where that is not allowed."""
MOST = 40
Right = tuple[str, str, str]
"""Verb, resource, API group."""


def path_of(role: dict[str, Any]) -> str:
    """Where a role or cluster role lives."""
    if role["kind"] == "ClusterRole":
        return f"{RBAC}/clusterroles/{role['metadata']['name']}"
    return f"{RBAC}/namespaces/{role['metadata']['namespace']}/roles/{role['metadata']['name']}"


def set_rules(lab: RealLab, site: str, role: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    """Put these rules in force."""
    status, answer = lab.request(site, "kubernetes", "PUT", path_of(role), {**lab.get(site, path_of(role)), "rules": rules})
    assert status == 200, answer


def grant(lab: RealLab, site: str, right: Right) -> None:
    """One verb on one resource, in the role that ships it."""
    verb, resource, group = right
    for role in shipped():
        rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        if any(verb in held["verbs"] and resource in held["resources"] and group in held["apiGroups"] for held in role["rules"]):
            set_rules(lab, site, role, [*(lab.get(site, path_of(role))["rules"] or []), rule])
            return
    pytest.fail(f"a verb asks for a right that is not shipped: {right}")


def wanted(message: str) -> Right | None:
    """The right that an error names."""
    if GRANTING in message:
        binding = "clusterrolebindings" in message
        return ("bind" if binding else "escalate", "clusterroles", "rbac.authorization.k8s.io")
    found = NAMED.search(message)
    return (found.group(1), found.group(2), found.group(3)) if found else None


def walk(lab: RealLab, verb: str, *words: str) -> set[tuple[str, str]]:
    """Run a verb until it succeeds, and grant what it asks for by name. Returns that."""
    asked: dict[tuple[str, Right], None] = {}
    for _round in range(MOST):
        text, _unused = lab.begin(verb, ["app1"], *words).communicate(timeout=300)
        run = lab.evidence("app1", verb)
        if run["result"] == "succeeded":
            tell(f"{verb}: asked for {', '.join(f'{right[0]} {right[1]} ({site})' for site, right in asked) or 'nothing'}")
            return {(right[0], right[1]) for _site, right in asked}
        if run["loss"] and run["loss"]["token"] and run["result"] == "refused":
            words = (*words, "-e", json.dumps({"dr_accept_loss": {"app1": run["loss"]["token"]}}))
            continue
        right, site = wanted(run["message"]), "tokyo" if "Kubernetes tokyo" in run["message"] else "osaka"
        assert right, text
        assert (site, right) not in asked, f"asked for {right} again\n{text}"
        asked[(site, right)] = None
        grant(lab, site, right)
    raise AssertionError(f"{verb} asks for ever more")


def test_each_right_is_needed_and_named(real_lab: RealLab) -> None:
    lab = real_lab
    lab.run("deploy", "app1")
    for site in ("tokyo", "osaka"):
        for role in shipped():
            set_rules(lab, site, role, [{**rule, "verbs": list(READS)} for rule in role["rules"] if set(rule["verbs"]) & set(READS)])
    lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    asked = walk(lab, "setup")
    backup = lab.run("backup", "tokyo")["name"]
    until("the backup at osaka", lambda: lab.phase("osaka", "backups", backup) == "Completed", 180)
    lab.run("transfer", "app1")
    lab.run("kill", "tokyo")
    asked |= walk(lab, "failover", *statement())
    lab.run("start", "tokyo")
    asked |= walk(lab, "fence")
    asked |= walk(lab, "reprotect")
    asked |= walk(lab, "failback", "-e", "dr_mode=planned")
    asked |= walk(lab, "teardown", "-e", json.dumps({"dr_teardown_consent": {"app1": "unprotect"}}))
    assert lab.get("osaka", f"{ARK}/backupstoragelocations/default")["spec"].get("accessMode", "ReadWrite") == "ReadWrite"
    unasked = granted() - asked - set(EXCUSED) - TIDY
    assert unasked == set(), f"granted, and never missed: {sorted(unasked)}"
