# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: sources and refusals, order, changes to objects, existing objects, ends and files."""

from __future__ import annotations

import gzip

import pytest

from kubedr_lab.ark.bucket import pack
from kubedr_lab.ark.discovery import Discovery
from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import Kind, meta
from kubedr_lab.controllers.ports import Obj
from kubedr_lab.crds import load_crds
from kubedr_lab.objects import MemoryObjects
from kubedr_lab.profile import REALISTIC

from .conftest import ROLE_BINDINGS, Site, run

JOBS = Kind("batch/v1", "jobs", "Job")
TRIDENT = Kind("trident.netapp.io/v1", "tridentvolumes", "TridentVolume")


@pytest.mark.parametrize(("spec", "message"), [
    ({}, "Either a backup or schedule must be specified as a source for the restore, but not both"),
    ({"backupName": "b1", "scheduleName": "s"}, "Either a backup or schedule must be specified as a source for the restore, but not both"),
    ({"backupName": "none"}, "Error retrieving backup: can't find backup velero/none"),
    ({"scheduleName": "none"}, "No backups found for schedule"),
    ({"backupName": "b1", "includedResources": ["nodes"]}, "nodes are non-restorable resources"),
    ({"backupName": "b1", "existingResourcePolicy": "recreate"}, "Invalid ExistingResourcePolicy: recreate"),
    ({"backupName": "b1", "includedNamespaces": ["*", "a"]}, "Invalid included/excluded namespace lists: includes list must either contain '*' only"),
    ({"backupName": "b1", "labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{"matchLabels": {"a": "b"}}]}, "only one can be specified"),
    ({"backupName": "b1", "resourceModifier": {"kind": "configmap", "name": "none"}}, "failed to get resource modifiers configmap velero/none"),
])
def test_refused(filled: Site, spec: Obj, message: str) -> None:
    filled.ark("Restore", "r1", spec)
    filled.tick()
    status = filled.status("Restore", "r1")
    assert status["phase"] == "FailedValidation"
    assert any(message in error for error in status["validationErrors"])
    assert filled.get(kinds.NAMESPACES, "app1") is None


def test_refused_while_the_location_is_unavailable(filled: Site) -> None:
    filled.objects.unreachable = True
    filled.wait(61)
    assert filled.restore("r1", "b1")["validationErrors"] == ["The BSL default is unavailable, cannot retrieve the backup"]


def test_namespace_labels_objects_and_files(filled: Site) -> None:
    status = filled.restore("r1", "b1")
    assert set(status) == {"phase", "startTimestamp", "completionTimestamp", "progress"}
    assert (status["phase"], status["progress"]) == ("Completed", {"totalItems": 2, "itemsRestored": 2})
    namespace = filled.seen(kinds.NAMESPACES, "app1")
    assert meta(namespace)["labels"]["team"] == "x"
    assert "velero.io/restore-name" not in meta(namespace)["labels"]
    assert meta(namespace)["annotations"] == {"note": "y"}
    settings = filled.seen(kinds.CONFIG_MAPS, "settings", "app1")
    assert meta(settings)["labels"] == {"app": "web", "velero.io/restore-name": "r1", "velero.io/backup-name": "b1"}
    assert filled.file("restores/r1/restore-r1-resource-list.json.gz") == {
        "v1/ConfigMap": ["app1/other(created)", "app1/settings(created)"], "v1/Namespace": ["app1(created)"],
    }
    assert run(filled.bucket.list("restores/")) == [f"restores/r1/{name}" for name in (
        "r1-volumeinfo.json.gz", "restore-r1-itemoperations.json.gz", "restore-r1-logs.gz", "restore-r1-resource-list.json.gz", "restore-r1-results.gz",
    )]


def test_completed_spec_and_long_names(filled: Site) -> None:
    name = "r" * 70
    filled.restore(name, "b1", excludedResources=["secrets"])
    restore = filled.seen("Restore", name)
    assert restore["spec"]["excludedResources"][:2] == ["secrets", "nodes"]
    assert "backuprepositories.velero.io" in restore["spec"]["excludedResources"]
    assert restore["spec"]["itemOperationTimeout"] == "4h0m0s"
    assert meta(restore)["finalizers"] == ["restores.velero.io/external-resources-finalizer"]
    label = meta(filled.seen(kinds.CONFIG_MAPS, "settings", "app1"))["labels"]["velero.io/restore-name"]
    assert (len(label), label[:57]) == (63, "r" * 57)


def test_schedule_as_source_takes_the_newest_completed(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    for name, fault in (("one", ""), ("two", ""), ("three", "PartiallyFailed")):
        if fault:
            tokyo.server.fail_next("backup", fault)
        tokyo.ark("Backup", name, {"includedNamespaces": ["app1"]}, labels={"velero.io/schedule-name": "s"})
        tokyo.wait(2)
    osaka.wait(61)
    osaka.ark("Restore", "r1", {"scheduleName": "s"})
    osaka.tick()
    spec = osaka.seen("Restore", "r1")["spec"]
    assert (spec["backupName"], spec["scheduleName"]) == ("two", "s")
    osaka.restore("r2", "three")
    assert osaka.seen("Restore", "r2")["spec"]["scheduleName"] == "s"
    assert osaka.status("Restore", "r2")["phase"] == "Completed"


def test_no_completed_backup_of_the_schedule(tokyo: Site) -> None:
    tokyo.server.fail_next("backup", "PartiallyFailed")
    tokyo.ark("Backup", "b", {}, labels={"velero.io/schedule-name": "s"})
    tokyo.tick()
    tokyo.ark("Restore", "r1", {"scheduleName": "s"})
    tokyo.tick()
    assert tokyo.status("Restore", "r1")["validationErrors"] == ["No completed backups found for schedule"]


def test_filters(filled: Site) -> None:
    filled.restore("labelled", "b1", labelSelector={"matchLabels": {"app": "web"}})
    assert filled.names(kinds.CONFIG_MAPS) == ["settings"]
    filled.restore("excluded", "b1", excludedNamespaces=["app1"])
    filled.restore("kinds", "b1", includedResources=["sts"])
    assert filled.names(kinds.CONFIG_MAPS) == ["settings"]


def test_existing_objects_warn_only_when_they_differ(filled: Site) -> None:
    filled.restore("r1", "b1")
    status = filled.restore("again", "b1")
    assert (status["phase"], "warnings" in status) == ("Completed", False)
    filled.merge(kinds.CONFIG_MAPS, "settings", {"data": {"a": "edited", "new": "x"}}, "app1")
    status = filled.restore("r2", "b1")
    assert (status["phase"], status["warnings"]) == ("Completed", 1)
    message = "could not restore, ConfigMap:settings already exists. Warning: the in-cluster version is different than the backed-up version"
    assert filled.results("r2") == {"errors": {}, "warnings": {"namespaces": {"app1": [message]}}}
    assert filled.file("restores/r2/restore-r2-resource-list.json.gz")["v1/ConfigMap"] == ["app1/other(skipped)", "app1/settings(skipped)"]
    filled.restore("r3", "b1", existingResourcePolicy="update")
    settings = filled.seen(kinds.CONFIG_MAPS, "settings", "app1")
    assert settings["data"] == {"a": "b"}
    assert meta(settings)["labels"]["velero.io/restore-name"] == "r3"
    assert meta(filled.seen(kinds.CONFIG_MAPS, "other", "app1"))["labels"]["velero.io/restore-name"] == "r3"


def test_update_that_is_refused_is_a_warning(tokyo: Site) -> None:
    tokyo.namespace_of("app1")
    tokyo.create(kinds.SECRETS, {"metadata": {"namespace": "app1", "name": "s"}, "data": {"a": "eA=="}, "immutable": True})
    tokyo.backup("b1", includedNamespaces=["app1"])
    tokyo.delete(kinds.SECRETS, "s", "app1")
    tokyo.create(kinds.SECRETS, {"metadata": {"namespace": "app1", "name": "s"}, "data": {"a": "eQ=="}, "immutable": True})
    status = tokyo.restore("r1", "b1", existingResourcePolicy="update")
    assert (status["phase"], status["warnings"]) == ("Completed", 1)
    assert "could not update Secret:s" in tokyo.results("r1")["warnings"]["namespaces"]["app1"][0]
    assert meta(tokyo.seen(kinds.SECRETS, "s", "app1"))["labels"]["velero.io/restore-name"] == "r1"


def test_service_accounts_are_merged(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    tokyo.create(kinds.SERVICE_ACCOUNTS, {
        "metadata": {"namespace": "app1", "name": "web", "annotations": {"a": "b"}}, "secrets": [{"name": "web-token-x"}, {"name": "extra"}],
        "imagePullSecrets": [{"name": "registry"}],
    })
    tokyo.backup("b1", includedNamespaces=["app1"])
    osaka.wait(61)
    osaka.namespace_of("app1")
    osaka.create(kinds.SERVICE_ACCOUNTS, {"metadata": {"namespace": "app1", "name": "web"}, "imagePullSecrets": [{"name": "own"}]})
    status = osaka.restore("r1", "b1")
    account = osaka.seen(kinds.SERVICE_ACCOUNTS, "web", "app1")
    assert "warnings" not in status
    assert account["imagePullSecrets"] == [{"name": "own"}, {"name": "registry"}]
    assert account["secrets"] == [{"name": "extra"}]
    assert meta(account)["annotations"] == {"a": "b"}


def test_services_pods_jobs_and_bindings(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "fixed", "port": 81, "nodePort": 30081}]
    applied = '{"spec": {"ports": [{"port": 81, "nodePort": 30081}]}}'
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    tokyo.create(kinds.SERVICES, {
        "metadata": {"namespace": "app1", "name": "web", "annotations": annotations}, "spec": {"type": "NodePort", "ports": ports, "clusterIP": "10.96.7.7"},
    })
    tokyo.create(kinds.SERVICES, {"metadata": {"namespace": "app1", "name": "db"}, "spec": {"clusterIP": "None", "ports": [{"port": 5432}]}})
    containers = [{"name": "c", "image": "i", "volumeMounts": [{"name": "kube-api-access-x", "mountPath": "/t"}, {"name": "work", "mountPath": "/w"}]}]
    volumes = [{"name": "kube-api-access-x", "emptyDir": {}}, {"name": "work", "emptyDir": {}}]
    tokyo.config("app1", "owner", {})
    owner = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": meta(tokyo.seen(kinds.CONFIG_MAPS, "owner", "app1"))["uid"]}]
    for name in ("running", "done"):
        tokyo.create(kinds.PODS, {
            "metadata": {"namespace": "app1", "name": name, "ownerReferences": owner}, "spec": {"containers": containers, "volumes": volumes, "nodeName": "n1"},
        })
    tokyo.merge(kinds.PODS, "done", {"status": {"phase": "Succeeded"}}, "app1", "status")
    template = {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}
    tokyo.create(JOBS, {"metadata": {"namespace": "app1", "name": "finished"}, "spec": {"template": template}})
    tokyo.merge(JOBS, "finished", {"status": {"completionTime": "2026-07-01T00:00:00Z"}}, "app1", "status")
    subjects = [{"kind": "ServiceAccount", "namespace": "app1", "name": "default"}]
    tokyo.create(ROLE_BINDINGS, {
        "metadata": {"name": "crb"}, "subjects": subjects, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"},
    })
    tokyo.backup("b1", excludedNamespaces=["velero", "kube-system"], includeClusterResources=True)
    osaka.wait(61)
    osaka.restore("r1", "b1", namespaceMapping={"app1": "app9"})
    web, db, pod = (osaka.seen(kind, name, "app9") for kind, name in ((kinds.SERVICES, "web"), (kinds.SERVICES, "db"), (kinds.PODS, "running")))
    assert web["spec"].get("clusterIP") != "10.96.7.7"
    assert web["spec"]["ports"][0].get("nodePort") != 30080
    assert web["spec"]["ports"][1]["nodePort"] == 30081
    assert db["spec"]["clusterIP"] == "None"
    assert "nodeName" not in pod["spec"]
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["work"]
    assert [mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]] == ["work"]
    assert "ownerReferences" not in meta(pod)
    assert osaka.get(kinds.PODS, "done", "app9") is None
    assert osaka.get(JOBS, "finished", "app9") is None
    assert osaka.seen(ROLE_BINDINGS, "crb")["subjects"][0]["namespace"] == "app9"


def test_status_is_restored_on_demand_only(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    pod = {"containers": [{"name": "c", "image": "i"}]}
    tokyo.create(kinds.PODS, {"metadata": {"namespace": "app1", "name": "p"}, "spec": pod})
    tokyo.merge(kinds.PODS, "p", {"status": {"message": "kept"}}, "app1", "status")
    tokyo.backup("b1", includedNamespaces=["app1"])
    osaka.wait(61)
    osaka.restore("r1", "b1")
    assert osaka.seen(kinds.PODS, "p", "app1")["status"].get("message") is None
    osaka.delete(kinds.PODS, "p", "app1")
    osaka.restore("r2", "b1", restoreStatus={"includedResources": ["pods"]})
    assert osaka.seen(kinds.PODS, "p", "app1")["status"]["message"] == "kept"


def test_definitions_first_then_their_objects(tokyo: Site, osaka: Site) -> None:
    tokyo.create(TRIDENT, {"metadata": {"namespace": "velero", "name": "tv", "finalizers": ["trident.netapp.io"]}, "config": {"size": "1"}, "state": "online"})
    tokyo.backup("b1")
    osaka.wait(61)
    for crd in load_crds("trident.netapp.io"):
        osaka.delete(kinds.CRDS, crd["metadata"]["name"])
    osaka.restore("nothing", "b1", includedResources=["tridentvolumes.trident.netapp.io"])
    assert b"cannot be resolved via discovery: tridentvolumes" in gzip.decompress(osaka.download("RestoreLog", "nothing"))
    osaka.restore("r1", "b1", includedResources=["tridentvolumes.trident.netapp.io", "customresourcedefinitions"])
    volume = osaka.seen(TRIDENT, "tv", "velero")
    assert (volume["config"], volume["state"], meta(volume)["finalizers"]) == ({"size": "1"}, "online", ["trident.netapp.io"])


def test_never_restored_and_restored_by_surprise(tokyo: Site, osaka: Site) -> None:
    """Backups and Restores never; Schedules of the server's own namespace are, and then run."""
    tokyo.create(kinds.NODES, {"metadata": {"name": "n1"}})
    tokyo.ark("Schedule", "s", {"schedule": "0 3 * * *", "template": {}})
    tokyo.backup("b1")
    osaka.wait(61)
    osaka.restore("r1", "b1", includeClusterResources=True)
    assert osaka.get(kinds.NODES, "n1") is None
    assert osaka.names("Schedule") == ["s"]


def test_an_object_that_is_refused_makes_it_partial(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    tokyo.config("app1", "a", {})
    tokyo.config("app1", "z", {})
    tokyo.backup("b1", includedNamespaces=["app1"])
    osaka.wait(61)
    rules = """
        version: v1
        resourceModifierRules:
        - conditions: {groupResource: configmaps, resourceNameRegex: ^a$}
          mergePatches: [{patchData: "data: 5"}]"""
    osaka.config("velero", "bad", {"rules": rules})
    status = osaka.restore("r1", "b1", resourceModifier={"kind": "configmap", "name": "bad"})
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert osaka.results("r1")["errors"]["namespaces"]["app1"][0].startswith("error restoring configmaps/app1/a: ")
    assert osaka.get(kinds.CONFIG_MAPS, "z", "app1") is not None
    assert "app1/a(failed)" in osaka.file("restores/r1/restore-r1-resource-list.json.gz")["v1/ConfigMap"]


def test_a_namespace_that_cannot_be_made(filled: Site) -> None:
    status = filled.restore("r1", "b1", namespaceMapping={"app1": "Not_A_Name"})
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 2)
    first, _second = filled.results("r1")["errors"]["namespaces"]["Not_A_Name"]
    assert first.startswith("error restoring configmaps/other: POST /api/v1/namespaces Not_A_Name: 422 Invalid")


def test_a_broken_item_fails_the_restore_loudly(tokyo: Site, bucket: MemoryObjects) -> None:
    tokyo.backup("b1", includedNamespaces=["none"])
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "app1", "name": "x"}}
    discovery = run(Discovery.load(tokyo.port))
    run(bucket.put("backups/b1/b1.tar.gz", pack([(discovery.resources["services"], service)], True, 0.0)))
    with pytest.raises(KeyError):
        tokyo.restore("r1", "b1")
    tokyo.tick()
    assert (tokyo.status("Restore", "r1")["phase"], tokyo.status("Restore", "r1")["failureReason"]) == ("Failed", "panic while restoring: KeyError('spec')")


def slow(clock: VirtualClock, bucket: MemoryObjects) -> Site:
    """A site with realistic durations, whose backup b1 has 50 ConfigMaps."""
    site = Site("tokyo", clock, bucket, "velero.io", REALISTIC)
    site.namespace_of("app1")
    for number in range(50):
        site.config("app1", f"c{number:02}", {})
    site.ark("Backup", "b1", {"includedNamespaces": ["app1"]})
    site.wait(30)
    for number in range(50):
        site.delete(kinds.CONFIG_MAPS, f"c{number:02}", "app1")
    return site


def test_one_at_a_time_and_item_by_item(clock: VirtualClock, bucket: MemoryObjects) -> None:
    site = slow(clock, bucket)
    site.ark("Restore", "r1", {"backupName": "b1"})
    site.ark("Restore", "r2", {"backupName": "b1"})
    site.wait(5.5)
    assert 20 <= len(site.names(kinds.CONFIG_MAPS)) < 50
    assert site.status("Restore", "r1")["phase"] == "InProgress"
    assert site.status("Restore", "r1")["progress"]["totalItems"] == 50
    assert site.status("Restore", "r2") == {}
    site.wait(1)
    assert site.status("Restore", "r1")["phase"] == "Completed"
    assert site.status("Restore", "r2")["phase"] == "InProgress"
    site.wait(20)
    first, second = site.server.operations[-2:]
    assert (first["object"], second["object"]) == ("velero/r1", "velero/r2")
    assert 6.0 <= first["ended"] - first["started"] <= 6.5
    assert second["started"] >= first["ended"]


def test_restart_leaves_half_a_restore_and_says_failed(clock: VirtualClock, bucket: MemoryObjects) -> None:
    site = slow(clock, bucket)
    site.ark("Restore", "r1", {"backupName": "b1"})
    site.wait(5.5)
    half = site.names(kinds.CONFIG_MAPS)
    site.restart()
    site.wait(30)
    status = site.status("Restore", "r1")
    assert status["phase"] == "Failed"
    assert status["failureReason"] == 'found a restore with status "InProgress" during the server starting, mark it as "Failed"'
    assert site.names(kinds.CONFIG_MAPS) == half


def test_waits_for_a_namespace_that_terminates(filled: Site) -> None:
    filled.namespace_of("app1")
    filled.config("app1", "held", {}, finalizers=["x.io/hold"])
    filled.delete(kinds.NAMESPACES, "app1")
    assert filled.restore("r1", "b1")["phase"] == "InProgress"
    filled.wait(30)
    assert filled.status("Restore", "r1")["phase"] == "InProgress"
    filled.wait(600)
    status = filled.status("Restore", "r1")
    assert status["phase"] == "PartiallyFailed"
    assert filled.results("r1")["errors"]["velero"][0] == "timed out waiting for terminating namespace app1 to disappear before restoring"


def test_backup_that_cannot_be_read(filled: Site, bucket: MemoryObjects) -> None:
    content = run(bucket.get("backups/b1/b1.tar.gz"))
    run(bucket.put("backups/b1/b1.tar.gz", content[:100]))
    status = filled.restore("torn", "b1")
    assert status["phase"] == "Failed"
    assert status["failureReason"].startswith("error downloading backup: error unzipping and extracting")
    run(bucket.delete("backups/b1/b1.tar.gz"))
    assert "NoSuchKey" in filled.restore("gone", "b1")["failureReason"]
    filled.objects.unreachable = True
    assert "i/o timeout" in filled.restore("cut", "b1")["failureReason"]


def test_faults(filled: Site) -> None:
    filled.server.fail_next("restore", "PartiallyFailed", "no reason")
    status = filled.restore("r1", "b1")
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert filled.results("r1")["errors"] == {"velero": ["no reason"]}
    filled.server.fail_next("restore", "Failed", "worse")
    assert filled.restore("r2", "b1")["failureReason"] == "worse"
    filled.server.fail_next("restore", "FailedValidation", "worst")
    assert filled.restore("r3", "b1")["validationErrors"] == ["worst"]


def test_credentials_that_cannot_write(filled: Site) -> None:
    """The objects are there, but the end is partial and there are no results to read."""
    filled.objects.deny_writes = True
    status = filled.restore("r1", "b1")
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert filled.names(kinds.CONFIG_MAPS) == ["other", "settings"]
    assert run(filled.bucket.list("restores/")) == []


def test_read_only_location_restores_and_still_writes(filled: Site) -> None:
    filled.merge("BackupStorageLocation", "default", {"spec": {"accessMode": "ReadOnly"}})
    assert filled.restore("r1", "b1")["phase"] == "Completed"
    assert "restores/r1/restore-r1-results.gz" in run(filled.bucket.list("restores/"))


def test_deleting_a_restore_takes_its_files(filled: Site) -> None:
    filled.restore("r1", "b1")
    filled.objects.unreachable = True
    filled.wait(61)
    filled.delete("Restore", "r1")
    filled.tick()
    assert "deletionTimestamp" in meta(filled.seen("Restore", "r1"))
    filled.objects.unreachable = False
    filled.wait(61)
    assert filled.get("Restore", "r1") is None
    assert run(filled.bucket.list("restores/")) == []
