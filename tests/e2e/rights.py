# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shipped roles grant, and what a lab's log shows to have been used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.kubedr.ontap.tests.e2e.real import RealLab

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
EXCUSED = {
    ("create", "namespaces"): "Velero makes the group's; Trident's stands",
    ("create", "persistentvolumeclaims"): "only where claims are left out of a restore",
    ("create", "volumeattributesclasses"): "no group of the lab has any", ("create", "runtimeclasses"): "no group of the lab has any",
    ("create", "ingressclasses"): "no group of the lab has any", ("create", "volumesnapshotclasses"): "no group of the lab has any",
    ("create", "tridentstorageclasses"): "the lab's Trident keeps none", ("create", "storageclasses"): "the lab's sites have the same classes",
    ("patch", "replicasets"): "no group of the lab has one of its own", ("patch", "replicationcontrollers"): "no group of the lab has any",
    ("patch", "cronjobs"): "no group of the lab has any", ("patch", "jobs"): "no group of the lab has one that runs for long",
    ("create", "backupstoragelocations"): "only with ark.location", ("patch", "backupstoragelocations"): "only with ark.location",
    ("patch", "schedules"): "only where a schedule changes, or serves the group alone and rests during a planned verb",
    ("delete", "pods"): "only those that an ordered StatefulSet at zero keeps: see test_each_right.py",
    ("escalate", "clusterroles"): "no request of its own", ("bind", "clusterroles"): "no request of its own",
}
"""Rights of which the whole circle in the lab makes no request, and why they are granted all the same."""


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
        found.add((VERBS[event["method"]], "/".join([rest[0], *rest[2:3]])))
    return found - {("create", "selfsubjectaccessreviews")}


def shipped() -> list[dict[str, Any]]:
    """The roles of examples/rbac/kubedr.yaml."""
    path = next(parent / "examples" / "rbac" / "kubedr.yaml" for parent in Path(__file__).resolve().parents if (parent / "examples" / "rbac").is_dir())
    return [document for document in yaml.safe_load_all(path.read_text()) if document.get("rules")]


def granted() -> set[tuple[str, str]]:
    """(verb, resource) of everything but reads that the shipped roles allow."""
    rules = [rule for role in shipped() for rule in role["rules"]]
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"] if verb not in ("get", "list")}
