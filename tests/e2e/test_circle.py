# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The circle on real Kubernetes and real Velero: set-up, backup, the primary killed, failover, verify; and the traps that only the real ones set.

The tests of this file build on one another: app1 fails over plainly (its volumes have policy Delete), app2 finds a Released volume of its own at the
destination, and app3's Velero dies in the middle of the restore.
"""

from __future__ import annotations

import signal
import tarfile
import time

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CLAIMS, CORE, RealLab, ended, statement, tell, until

GROUPS = ("app1", "app2", "app3")
SHOP = "/apis/shop.example.com/v1/namespaces/app1/storefronts/main"
MANY = 400
"""ConfigMaps that make app3's restore take long enough to be interrupted."""

ARTICLE = {"excludedNamespaces": ["kube-system"], "ttl": "24h0m0s"}
"""What ``ark schedule create k8sbackup --schedule="*/5 * * * *" --exclude-namespaces kube-system --ttl 24h`` asks for."""
CLUSTER_SCOPED = {"storageclasses.storage.k8s.io"}
"""Velero 1.18 sees by itself to the priority classes of pods, and to the cluster roles to which service accounts are bound."""


def restored_by_hand(lab: RealLab, name: str, backup: str, group: str, mapping: dict[str, str] | None = None) -> str:
    """A Restore without the collection, of the claims and volumes of one namespace. Returns the phase in which it ended."""
    spec = {"backupName": backup, "includedNamespaces": [group], "includedResources": ["persistentvolumeclaims", "persistentvolumes"]}
    if mapping:
        spec["namespaceMapping"] = mapping
    lab.post("osaka", f"{ARK}/restores", {"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"name": name}, "spec": spec})
    phase: str = until(f"restore {name}", lambda: (found := lab.phase("osaka", "restores", name)) in ("Completed", "PartiallyFailed", "Failed") and found)
    return phase


def referred(lab: RealLab) -> list[str]:
    """Objects of the cluster that the pods and service accounts of app1 need, as tokyo had them: out of the run's own steps."""
    steps = lab.evidence("app1")["steps"]
    made = next(step for step in steps if step["name"] == "restore_cluster_objects")["seen"]
    groups = {"clusterroles": "rbac.authorization.k8s.io", "clusterrolebindings": "rbac.authorization.k8s.io", "priorityclasses": "scheduling.k8s.io"}
    paths = []
    for text in made:
        kind, name = text.split(".")[0], text.rsplit("/", 1)[1]
        if kind in groups:
            paths.append(f"/apis/{groups[kind]}/v1/{kind}/{name}")
    assert len(paths) >= len(groups)
    return paths


@pytest.fixture(scope="module")
def backup(real_lab: RealLab) -> str:
    """The name of a backup of everything, seen at osaka; the primary is alive still."""
    done = real_lab.run("backup", "tokyo")
    assert done["phase"] == "Completed"
    until("the backup at osaka", lambda: real_lab.phase("osaka", "backups", done["name"]) == "Completed", 120)
    assert kinds_in(real_lab, done["name"]) >= CLUSTER_SCOPED
    name: str = done["name"]
    return name


def kinds_in(lab: RealLab, backup: str) -> set[str]:
    """The kinds that a backup holds, out of its file in the bucket."""
    path = lab.path / "parts" / "buckets" / "kubedr" / "backups" / backup / f"{backup}.tar.gz"
    with tarfile.open(path) as file:
        return {name.split("/")[1] for name in file.getnames() if name.startswith("resources/") and name.endswith(".json")}


def test_by_hand_what_belongs_to_the_cluster_is_left_out(real_lab: RealLab) -> None:
    real_lab.run("deploy", "--all")
    real_lab.signal("tokyo-kubernetes", "velero")  # a new one: Velero looks for new kinds, such as the shop's own, at its start and every five minutes only
    spec = {"schedule": "*/5 * * * *", "template": ARTICLE}
    real_lab.post("tokyo", f"{ARK}/schedules", {"apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": "k8sbackup"}, "spec": spec})
    real_lab.post("tokyo", f"{ARK}/backups", {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "by-hand"}, "spec": ARTICLE})
    until("the backup", lambda: real_lab.phase("tokyo", "backups", "by-hand") == "Completed", 120)
    found = kinds_in(real_lab, "by-hand")
    assert {"persistentvolumes", "namespaces", "customresourcedefinitions.apiextensions.k8s.io"} <= found
    assert not CLUSTER_SCOPED & found


def test_set_up_and_once_more_without_a_change(real_lab: RealLab) -> None:
    for number in range(MANY):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"many-{number}"}, "data": {"number": str(number)}}
        real_lab.post("tokyo", f"{CORE}/namespaces/app3/configmaps", body)
    real_lab.playbook("setup", GROUPS, "-e", '{"dr_backup_cron": "* * * * *"}')
    schedule = real_lab.get("tokyo", f"{ARK}/schedules/k8sbackup")
    assert (schedule["spec"]["schedule"], schedule["status"]["phase"]) == ("* * * * *", "Enabled")
    assert schedule["spec"]["template"]["includeClusterResources"] is True, "the schedule that was made by hand is mended"
    again = real_lab.playbook("setup", GROUPS, "-e", '{"dr_backup_cron": "* * * * *"}')
    assert again.count("changed=0 ") == len(GROUPS), again


def test_the_schedule_ticks_on_velero_s_own_clock(real_lab: RealLab) -> None:
    def scheduled() -> list[str]:
        items = real_lab.get("tokyo", f"{ARK}/backups")["items"]
        return [
            item["metadata"]["name"] for item in items
            if item["metadata"]["labels"].get("velero.io/schedule-name") == "k8sbackup" and (item.get("status") or {}).get("phase") == "Completed"
        ]

    assert until("a scheduled backup", scheduled, 150)


def test_writing_goes_on_until_the_backup_is_at_the_other_site(real_lab: RealLab, backup: str) -> None:
    for group in GROUPS:
        real_lab.run("write", group)
    time.sleep(2)
    for group in GROUPS:
        real_lab.run("transfer", group)
    assert backup


def test_by_hand_a_volume_with_policy_delete_is_lost(real_lab: RealLab, backup: str) -> None:
    assert restored_by_hand(real_lab, "hand-delete", backup, "app1", {"app1": "app1-hand"}) == "Completed"
    original = real_lab.bound("tokyo", "app1", "data-db-0")[1]
    assert real_lab.get("tokyo", f"{CORE}/persistentvolumes/{original}")["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert real_lab.missing("osaka", f"{CORE}/persistentvolumes/{original}")
    assert real_lab.bound("osaka", "app1-hand", "data-db-0") == ("Pending", "")
    real_lab.delete("osaka", f"{CORE}/namespaces/app1-hand")
    real_lab.delete("osaka", f"{CORE}/persistentvolumes/app1-web-content")
    until("the namespace gone", lambda: real_lab.missing("osaka", f"{CORE}/namespaces/app1-hand"))


def test_by_hand_a_released_volume_stays_released(real_lab: RealLab, backup: str) -> None:
    assert restored_by_hand(real_lab, "hand-first", backup, "app2") == "Completed"
    until("bound", lambda: real_lab.bound("osaka", "app2", "web-content")[0] == "Bound")
    real_lab.delete("osaka", f"{CORE}/namespaces/app2")
    path = f"{CORE}/persistentvolumes/app2-web-content"
    until("the namespace gone", lambda: real_lab.missing("osaka", f"{CORE}/namespaces/app2"))
    until("released", lambda: real_lab.get("osaka", path)["status"]["phase"] == "Released")
    assert restored_by_hand(real_lab, "hand-second", backup, "app2") == "Completed"
    time.sleep(3)
    assert real_lab.bound("osaka", "app2", "web-content")[0] == "Pending"
    assert real_lab.get("osaka", path)["status"]["phase"] == "Released"
    real_lab.delete("osaka", f"{CORE}/namespaces/app2")
    until("the namespace gone", lambda: real_lab.missing("osaka", f"{CORE}/namespaces/app2"))


def test_the_primary_dies_and_app1_comes_up_on_its_data(real_lab: RealLab, backup: str) -> None:
    volumes = {claim: real_lab.bound("tokyo", "app1", claim)[1] for claim in CLAIMS}
    real_lab.run("kill", "tokyo")
    began = time.monotonic()
    real_lab.playbook("failover", ["app1"], *statement())
    took = time.monotonic() - began
    run = real_lab.evidence("app1")
    assert (run["result"], run["state_after"]["storage"], run["state_after"]["objects"]) == ("succeeded", "failed_over_unfenced", "verified")
    assert {claim: real_lab.bound("osaka", "app1", claim) for claim in CLAIMS} == {claim: ("Bound", name) for claim, name in volumes.items()}
    for name in volumes.values():
        assert real_lab.get("osaka", f"{CORE}/persistentvolumes/{name}")["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert real_lab.get("osaka", SHOP)["spec"]["languages"] == ["ja", "en"]
    for path in referred(real_lab):
        assert not real_lab.missing("osaka", path), path
    before, after = real_lab.run("read", "tokyo", "app1"), real_lab.run("read", "osaka", "app1")
    for name, volume in after.items():
        kept = volume["records"]
        assert not kept["count"] or kept["first"] == before[name]["records"]["first"]
    assert any(volume["records"]["count"] for volume in after.values())
    restores = real_lab.get("osaka", f"{ARK}/restores")["items"]
    tell(f"failover of app1 took {took:.1f} s; restore: {[item['status'] for item in restores if item['metadata']['name'].startswith('kubedr-app1')]}")


def test_a_released_volume_is_freed_for_app2(real_lab: RealLab) -> None:
    path = f"{CORE}/persistentvolumes/app2-web-content"
    assert real_lab.get("osaka", path)["status"]["phase"] == "Released"
    real_lab.playbook("failover", ["app2"], *statement())
    assert real_lab.evidence("app2")["state_after"]["objects"] == "verified"
    assert real_lab.bound("osaka", "app2", "web-content") == ("Bound", "app2-web-content")


def test_velero_killed_in_the_middle_of_the_restore_of_app3(real_lab: RealLab) -> None:
    process = real_lab.begin("failover", ["app3"], *statement())

    def begun() -> str:
        items = real_lab.get("osaka", f"{ARK}/restores")["items"]
        mine = [item for item in items if item["metadata"]["name"].startswith("kubedr-app3")]
        return next((item["metadata"]["name"] for item in mine if (item.get("status") or {}).get("phase") == "InProgress"), "")

    name = until("the restore under way", begun, 120, pause=0.02)
    real_lab.signal("osaka-kubernetes", "velero", signal.SIGKILL)
    text = ended(process)
    assert real_lab.phase("osaka", "restores", name) == "Failed", text
    run = real_lab.evidence("app3")
    assert (run["result"], run["state_after"]["objects"]) == ("succeeded", "verified")
    assert len([item for item in real_lab.get("osaka", f"{ARK}/restores")["items"] if item["metadata"]["name"].startswith("kubedr-app3")]) == 2


def test_no_location_is_left_read_only(real_lab: RealLab) -> None:
    location = real_lab.get("osaka", f"{ARK}/backupstoragelocations/default")
    assert location["spec"].get("accessMode", "ReadWrite") == "ReadWrite"
