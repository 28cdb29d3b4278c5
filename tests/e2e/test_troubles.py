# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only real Kubernetes and real Velero get in the way with. Each time the run names what is wrong, and ends right when it is run again without it.

The tests build on one another: app1 fails over planned, among troubles with its last backup; then tokyo is killed, and app2 and app3 fail over among
troubles with the bucket and with the restore.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.bucket import as_it_was, cut, expiring, forge, half
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CORE, RealLab, ended, statement, until

PLANNED = ("-e", "dr_mode=planned")
LOCATION = f"{ARK}/backupstoragelocations/default"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GADGETS = "/apis/lab.example.com/v1/namespaces/app3/gadgets"
LIFE = 150
"""Seconds until a forged backup is over: long enough to be seen at osaka before that."""
MANY = 400
"""ConfigMaps that make a backup of app1 take long enough to be interrupted."""


def config_map(name: str, **metadata: Any) -> dict[str, Any]:
    """One with nothing in it."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def gadget_crd(versions: list[str], sizes: list[str]) -> dict[str, Any]:
    """A kind with these versions, of which the last is stored, and with this choice of sizes."""
    size = {"type": "string", "enum": sizes}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "required": ["size"], "properties": {"size": size}}}}
    served = [
        {"name": name, "served": True, "storage": name == versions[-1], "schema": {"openAPIV3Schema": schema}} for name in versions
    ]
    names = {"kind": "Gadget", "listKind": "GadgetList", "plural": "gadgets", "singular": "gadget"}
    spec = {"group": "lab.example.com", "scope": "Namespaced", "names": names, "versions": served}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "gadgets.lab.example.com"}, "spec": spec}


def served(lab: RealLab, site: str) -> bool:
    """Whether gadgets are served: before that the answer is a 404 in plain text."""
    with contextlib.suppress(ValueError):
        return lab.request(site, "kubernetes", "GET", GADGETS)[0] == 200
    return False


def change_location(lab: RealLab, site: str, phase: str, **spec: Any) -> None:
    """What an operator does to a location, until Velero has seen it."""
    record = lab.get(site, LOCATION)
    record["spec"].update(spec)
    status, answer = lab.request(site, "kubernetes", "PUT", LOCATION, record)
    assert status == 200, answer
    wait_location(lab, site, phase)


def wait_location(lab: RealLab, site: str, phase: str) -> None:
    """Velero looks every few seconds, but ticks only once in ten."""
    until(f"the location of {site} {phase}", lambda: lab.phase(site, "backupstoragelocations", "default") == phase, 120)


def serving(lab: RealLab, group: str) -> bool:
    """Whether nothing of the group went down at tokyo: SVM running, mirror whole, pods there."""
    svms = lab.request("tokyo", "ontap", "GET", f"/api/svm/svms?name=svm_{group}&fields=state")[1]["records"]
    pods = lab.get("tokyo", f"{CORE}/namespaces/{group}/pods")["items"]
    return [svm["state"] for svm in svms] == ["running"] and len(pods) > 1 and mirror(lab, group) == "snapmirrored"


def record(lab: RealLab, group: str) -> dict[str, Any]:
    """What osaka keeps of the group."""
    data = lab.get("osaka", f"{CORE}/namespaces/velero/configmaps/kubedr-{group}")["data"]
    found: dict[str, Any] = json.loads(next(iter(data.values())))
    return found


def mirror(lab: RealLab, group: str) -> str:
    """The state of the group's relationship, as osaka has it."""
    path = f"/api/snapmirror/relationships?destination.path=svm_{group}_dr:&fields=state"
    return str(lab.request("osaka", "ontap", "GET", path)[1]["records"][0]["state"])


@pytest.fixture(scope="module")
def lab(real_lab: RealLab) -> RealLab:
    """Three groups are set up; app3 has an object of a kind of its own, in the older of its two versions."""
    real_lab.run("deploy", "--all")
    real_lab.post("tokyo", CRDS, gadget_crd(["v1alpha1", "v1"], ["small", "large"]))
    until("the kind served", lambda: served(real_lab, "tokyo"))
    real_lab.post(
        "tokyo", GADGETS.replace("/v1/", "/v1alpha1/"),
        {"apiVersion": "lab.example.com/v1alpha1", "kind": "Gadget", "metadata": {"name": "odd"}, "spec": {"size": "large"}},
    )
    real_lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    for number in range(MANY):
        real_lab.post("tokyo", f"{CORE}/namespaces/app1/configmaps", config_map(f"many-{number}"))
    real_lab.post("tokyo", f"{CORE}/namespaces/app2/configmaps", config_map("unwanted"))
    real_lab.playbook("setup", ["app1", "app2", "app3"], "-e", '{"dr_backup_cron": "0 3 1 1 *"}')  # no backup comes in between
    return real_lab


def test_velero_is_killed_in_the_middle_of_the_last_backup(lab: RealLab) -> None:
    process = lab.begin("failover", ["app1"], *PLANNED)
    until("the backup under way", lambda: lab.phase("tokyo", "backups", "kubedr-app1-e2-1") == "InProgress", 120, pause=0.02)
    lab.signal("tokyo-kubernetes", "velero")
    text = ended(process, 2)
    assert "the final backup ended Failed" in text
    assert "kubedr-app1-e2-1" in text
    assert serving(lab, "app1")


def test_the_store_is_gone_at_a_planned_failover(lab: RealLab) -> None:
    lab.run("kill", "store")
    text = lab.playbook("failover", ["app1"], *PLANNED, status=2)
    assert "kubedr-app1-e2-2" in text or "location default is Unavailable" in text
    assert serving(lab, "app1")
    lab.run("start", "store")
    for site in ("tokyo", "osaka"):
        wait_location(lab, site, "Available")


def test_somebody_made_the_location_read_only(lab: RealLab) -> None:
    change_location(lab, "tokyo", "Available", accessMode="ReadOnly")
    text = lab.playbook("failover", ["app1"], *PLANNED, status=2)
    assert "read-only" in text.lower()
    assert lab.get("tokyo", LOCATION)["spec"]["accessMode"] == "ReadOnly"
    assert serving(lab, "app1")
    change_location(lab, "tokyo", "Available", accessMode="ReadWrite")
    lab.playbook("failover", ["app1"], *PLANNED)
    assert lab.evidence("app1")["state_after"]["objects"] == "verified"


def test_a_finalizer_blocks_what_is_to_be_cleared(lab: RealLab) -> None:
    path = f"{CORE}/namespaces/app1/configmaps"
    lab.post("tokyo", path, config_map("guarded", finalizers=["lab.example.com/guard"]))
    text = lab.playbook("reprotect", ["app1"], "-e", '{"dr_timeouts": {"scale": 20}}', status=2)
    assert "lab.example.com/guard" in text
    assert "configmaps" in text
    status, answer = lab.request("tokyo", "kubernetes", "PUT", f"{path}/guarded", config_map("guarded"))
    assert status == 200, answer
    lab.playbook("reprotect", ["app1"])
    assert lab.storage("app1") == "reprotected"


def test_tokyo_dies_and_the_store_with_it(lab: RealLab) -> None:
    good = str(lab.run("backup", "tokyo")["name"])
    until("the backup at osaka", lambda: lab.phase("osaka", "backups", good) == "Completed", 180)
    for group in ("app2", "app3"):
        lab.run("transfer", group)
    over = time.time() + LIFE
    forge(lab, good, "cut", 3000, cut)
    forge(lab, good, "half", 3100, half)
    forge(lab, good, "past", 2900, expiring(over))
    for name in ("cut", "past"):
        until(f"{name} at osaka", lambda name=name: lab.phase("osaka", "backups", name) == "Completed", 180)  # type: ignore[misc]
    lab.run("kill", "tokyo")
    lab.run("kill", "store")
    text = lab.playbook("failover", ["app2"], *statement(), status=2)
    assert "not reachable from here" in text or "location default is Unavailable" in text
    assert mirror(lab, "app2") == "snapmirrored"
    wait_location(lab, "osaka", "Unavailable")
    text = lab.playbook("failover", ["app2"], *statement(), status=2)
    assert "location default is Unavailable to Velero as well" in text
    assert mirror(lab, "app2") == "snapmirrored"
    lab.run("start", "store")
    wait_location(lab, "osaka", "Available")
    time.sleep(max(0.0, over + 1 - time.time()))


def test_a_policy_rejects_an_object_and_bad_backups_are_passed_over(lab: RealLab) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    spec = {
        "failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.metadata.name != 'unwanted'", "message": "not in this house"}],
    }
    policy = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "house"}, "spec": spec}
    lab.post("osaka", f"{ADMISSION}/validatingadmissionpolicies", policy)
    binding = {**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": {"policyName": "house", "validationActions": ["Deny"]}}
    lab.post("osaka", f"{ADMISSION}/validatingadmissionpolicybindings", binding)
    probe = f"{CORE}/namespaces/default/configmaps"
    until("the policy at work", lambda: lab.request("osaka", "kubernetes", "POST", f"{probe}?dryRun=All", config_map("unwanted"))[0] == 422)
    text = lab.playbook("failover", ["app2"], *statement(), status=2)
    run = lab.evidence("app2")
    assert run["result"] == "failed"
    assert "app2/unwanted" in run["message"], text
    assert "not in this house" in run["message"]
    passed_over = {entry["name"]: entry["reason"] for entry in record(lab, "app2")["backup"]["skipped"]}
    assert {name for name in passed_over if not name.startswith("k8sbackup-osaka")} == {"cut", "past"}  # the schedule of the way home may have run
    assert "cut" in passed_over["cut"] or "damaged" in passed_over["cut"]
    assert "it expired at" in passed_over["past"]
    for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        lab.delete("osaka", f"{ADMISSION}/{plural}/house")
    time.sleep(2)
    lab.playbook("failover", ["app2"], *statement())
    assert lab.evidence("app2")["state_after"]["objects"] == "verified"
    assert lab.get("osaka", f"{CORE}/namespaces/app2/configmaps/unwanted")


def test_a_quota_forbids_and_a_kind_is_stricter_at_the_other_site(lab: RealLab) -> None:
    change_location(lab, "osaka", "Available", accessMode="ReadOnly")
    forge(lab, str(record(lab, "app2")["backup"]["name"]), "tomorrow", 7200, as_it_was)
    until("tomorrow at osaka", lambda: lab.phase("osaka", "backups", "tomorrow") == "Completed", 180)
    lab.post("osaka", f"{CORE}/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app3"}})
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "little"}, "spec": {"hard": {"count/services": "0"}}}
    lab.post("osaka", f"{CORE}/namespaces/app3/resourcequotas", quota)
    until("the quota at work", lambda: lab.get("osaka", f"{CORE}/namespaces/app3/resourcequotas/little").get("status", {}).get("hard"))
    lab.post("osaka", CRDS, gadget_crd(["v1alpha1", "v1"], ["small"]))
    until("the kind served", lambda: served(lab, "osaka"))
    lab.playbook("failover", ["app3"], *statement(), status=2)
    run = lab.evidence("app3")
    assert run["result"] == "failed"
    assert "exceeded quota: little" in run["message"]
    assert "app3/odd" in run["message"]
    assert 'Unsupported value: "large"' in run["message"]
    lab.delete("osaka", f"{CORE}/namespaces/app3/resourcequotas/little")
    crd = lab.get("osaka", f"{CRDS}/gadgets.lab.example.com")
    crd["spec"]["versions"] = gadget_crd(["v1alpha1", "v1"], ["small", "large"])["spec"]["versions"]
    status, answer = lab.request("osaka", "kubernetes", "PUT", f"{CRDS}/gadgets.lab.example.com", crd)
    assert status == 200, answer
    time.sleep(2)
    lab.playbook("failover", ["app3"], *statement())
    run = lab.evidence("app3")
    assert run["state_after"]["objects"] == "verified"
    assert run["backup"]["name"] == "tomorrow"
    assert run["rpo"]["objects_seconds"] is None, "a clock that lies gives no recovery point"
    assert lab.get("osaka", f"{GADGETS}/odd")["spec"] == {"size": "large"}
    assert lab.get("osaka", LOCATION)["spec"]["accessMode"] == "ReadOnly"
