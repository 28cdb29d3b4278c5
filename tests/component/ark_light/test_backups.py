# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup holds, its files, and its ends."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from kubedr_lab.ark.bucket import unpack
from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import Kind, meta
from kubedr_lab.objects import MemoryObjects
from kubedr_lab.profile import REALISTIC

from .conftest import PRIORITIES, ROLE_BINDINGS, ROLES, Site, run

TRIDENT = Kind("trident.netapp.io/v1", "tridentvolumes", "TridentVolume")
CRD = "customresourcedefinitions.apiextensions.k8s.io"


def populate(site: Site) -> None:
    """Two applications, and what lies around them."""
    for namespace in ("app1", "app2"):
        site.namespace_of(namespace)
        site.volume(namespace, "data", f"pv-{namespace}")
        site.config(namespace, "settings", {"a": "b"}, labels={"app": namespace})
    site.create(kinds.STORAGE_CLASSES, {"metadata": {"name": "ontap-nas"}, "provisioner": "csi.trident.netapp.io"})
    site.create(PRIORITIES, {"metadata": {"name": "gold"}, "value": 5})
    site.create(ROLES, {"metadata": {"name": "reader"}, "rules": []})
    site.create(kinds.SERVICE_ACCOUNTS, {"metadata": {"namespace": "app1", "name": "web"}})
    subjects = [{"kind": "ServiceAccount", "namespace": "app1", "name": "web"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    site.create(ROLE_BINDINGS, {"metadata": {"name": "web-reads"}, "subjects": subjects, "roleRef": reference})


def contents(site: Site, backup: str) -> dict[str, list[str]]:
    """Names by resource, namespaced ones as ``namespace/name``."""
    data = run(site.bucket.get(f"backups/{backup}/{backup}.tar.gz"))
    return {name: ["/".join(filter(None, kinds.key(obj))) for obj in objects] for name, objects in unpack(data).items()}


def test_everything(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.create(TRIDENT, {"metadata": {"namespace": "velero", "name": "pv-app1"}, "config": {"size": "1"}})
    status = tokyo.backup("b1")
    held = contents(tokyo, "b1")
    assert status["phase"] == "Completed"
    assert {"persistentvolumes", "storageclasses.storage.k8s.io", "priorityclasses.scheduling.k8s.io", "tridentvolumes.trident.netapp.io"} <= set(held)
    assert {"namespaces", "backups.velero.io"} <= set(held)
    assert status["progress"] == {"totalItems": sum(map(len, held.values())), "itemsBackedUp": sum(map(len, held.values()))}
    assert set(status) == {"phase", "version", "formatVersion", "startTimestamp", "completionTimestamp", "expiration", "progress"}


def test_the_articles_filter_silently_drops_cluster_scope(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.create(TRIDENT, {"metadata": {"namespace": "app1", "name": "tv"}})
    tokyo.backup("b1", excludedNamespaces=["kube-system", "velero"])
    held = contents(tokyo, "b1")
    assert "storageclasses.storage.k8s.io" not in held
    assert "priorityclasses.scheduling.k8s.io" not in held
    assert held["persistentvolumes"] == ["pv-app1", "pv-app2"]
    assert held[CRD] == ["tridentvolumes.trident.netapp.io"]
    assert held["clusterrolebindings.rbac.authorization.k8s.io"] == ["web-reads"]
    assert held["clusterroles.rbac.authorization.k8s.io"] == ["reader"]
    assert {"app1", "app2"} <= set(held["namespaces"])


def test_include_cluster_resources_true_and_false(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.backup("all", excludedNamespaces=["kube-system"], includeClusterResources=True)
    assert {"storageclasses.storage.k8s.io", "priorityclasses.scheduling.k8s.io"} <= set(contents(tokyo, "all"))
    tokyo.backup("none", includeClusterResources=False)
    held = contents(tokyo, "none")
    assert not {"persistentvolumes", CRD, "clusterroles.rbac.authorization.k8s.io"} & set(held)
    assert "persistentvolumeclaims" in held


def test_one_namespace_brings_its_volume_only(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.volume("app1", "later", "pv-later", phase="Pending")
    tokyo.backup("b1", includedNamespaces=["app1"])
    held = contents(tokyo, "b1")
    assert held["persistentvolumes"] == ["pv-app1"]
    assert held["namespaces"] == ["app1"]
    assert all(name.startswith("app1/") for name in held["configmaps"])


def test_resources_labels_and_what_they_pull_in(tokyo: Site) -> None:
    populate(tokyo)
    pod = {"containers": [{"name": "c", "image": "i"}], "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
    tokyo.create(kinds.PODS, {"metadata": {"namespace": "app1", "name": "p", "labels": {"app": "app1"}}, "spec": pod})
    tokyo.backup("labelled", labelSelector={"matchLabels": {"app": "app1"}})
    held = contents(tokyo, "labelled")
    assert held["configmaps"] == ["app1/settings"]
    assert held["persistentvolumeclaims"] == ["app1/data"]
    assert held["persistentvolumes"] == ["pv-app1"]
    assert held["namespaces"] == ["app1"]
    tokyo.backup("kinds", includedResources=["cm", "PersistentVolumeClaims"], excludedResources=["persistentvolumes"])
    assert set(contents(tokyo, "kinds")) == {"configmaps", "persistentvolumeclaims"}
    expressions = [{"key": "app", "operator": "In", "values": ["app2"]}, {"key": "no", "operator": "DoesNotExist"}]
    tokyo.backup("or", orLabelSelectors=[{"matchExpressions": expressions}, {"matchLabels": {"app": "none"}}])
    assert contents(tokyo, "or")["configmaps"] == ["app2/settings"]


def test_scoped_filters(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.backup("b1", includedNamespaces=["app1"], includedClusterScopedResources=["storageclasses"], includedNamespaceScopedResources=["configmaps"])
    assert set(contents(tokyo, "b1")) == {"configmaps", "storageclasses.storage.k8s.io", "namespaces"}


def test_excluded_by_label_and_being_deleted(tokyo: Site) -> None:
    populate(tokyo)
    tokyo.config("app1", "secretive", {}, labels={"velero.io/exclude-from-backup": "true"})
    tokyo.config("app1", "going", {}, finalizers=["x.io/hold"])
    tokyo.delete(kinds.CONFIG_MAPS, "going", "app1")
    tokyo.namespace_of("private", labels={"velero.io/exclude-from-backup": "true"})
    tokyo.config("private", "x", {})
    tokyo.backup("b1")
    held = contents(tokyo, "b1")
    assert held["configmaps"] == ["app1/settings", "app2/settings"]
    assert "private" not in held["namespaces"]
    assert "storageclasses.storage.k8s.io" not in held, "an excluded namespace switches cluster scope off"


def test_files_and_layout(tokyo: Site, bucket: MemoryObjects) -> None:
    populate(tokyo)
    tokyo.backup("b1", includedNamespaces=["app1"])
    assert run(bucket.list("backups/b1/")) == [f"backups/b1/{name}" for name in (
        "b1-itemoperations.json.gz", "b1-logs.gz", "b1-podvolumebackups.json.gz", "b1-resource-list.json.gz", "b1-results.gz", "b1-volumeinfo.json.gz",
        "b1-volumesnapshots.json.gz", "b1.tar.gz", "velero-backup.json",
    )]
    stored = json.loads(run(bucket.get("backups/b1/velero-backup.json")))
    assert stored["status"]["phase"] == "Completed"
    assert stored["status"]["completionTimestamp"] == tokyo.status("Backup", "b1")["completionTimestamp"]
    with tarfile.open(fileobj=io.BytesIO(run(bucket.get("backups/b1/b1.tar.gz"))), mode="r:gz") as tar:
        names = tar.getnames()
        volume = json.load(tar.extractfile("resources/persistentvolumes/cluster/pv-app1.json") or io.BytesIO())
    assert "metadata/version" in names
    assert "resources/configmaps/namespaces/app1/settings.json" in names
    assert "resources/configmaps/v1-preferredversion/namespaces/app1/settings.json" in names
    assert (volume["apiVersion"], volume["kind"]) == ("v1", "PersistentVolume")
    assert tokyo.file("backups/b1/b1-resource-list.json.gz")["v1/PersistentVolumeClaim"] == ["app1/data"]
    (info,) = tokyo.file("backups/b1/b1-volumeinfo.json.gz")
    assert (info["pvName"], info["backupMethod"], info["pvInfo"]["reclaimPolicy"]) == ("pv-app1", "", "Retain")


def test_completed_spec(tokyo: Site) -> None:
    tokyo.backup("b1", snapshotVolumes=False)
    backup = tokyo.seen("Backup", "b1")
    assert backup["spec"] == {
        "snapshotVolumes": False, "ttl": "720h0m0s", "storageLocation": "default", "includedNamespaces": ["*"], "csiSnapshotTimeout": "10m0s",
        "itemOperationTimeout": "4h0m0s", "defaultVolumesToFsBackup": False, "snapshotMoveData": False,
        "excludedResources": ["volumesnapshotcontents.snapshot.storage.k8s.io", "volumesnapshots.snapshot.storage.k8s.io"],
    }
    assert meta(backup)["annotations"]["velero.io/source-cluster-k8s-gitversion"].startswith("v1.")
    assert backup["status"]["expiration"] == "2026-07-31T00:00:00Z"


@pytest.mark.parametrize(("spec", "message"), [
    ({"storageLocation": "none"}, "a BackupStorageLocation CRD with the name none specified in the backup spec needs to be created"),
    ({"ttl": "a while"}, "invalid duration"),
    ({"includedNamespaces": ["a"], "excludedNamespaces": ["a"]}, "namespace lists: excludes list cannot contain an item in the includes list: a"),
    ({"includedResources": ["*", "pods"]}, "Invalid included/excluded resource lists: includes list must either contain '*' only"),
    ({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}, '"Like" is not a valid label selector operator'),
    ({"excludedResources": ["*"]}, "excludes list cannot contain '*'"),
    ({"includedResources": ["pods"], "includedClusterScopedResources": ["nodes"]}, "They cannot be used together"),
    ({"labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{"matchLabels": {"a": "b"}}]}, "only one can be specified"),
])
def test_refused(tokyo: Site, spec: dict[str, Any], message: str) -> None:
    status = tokyo.backup("b1", **spec)
    assert status["phase"] == "FailedValidation"
    assert any(message in error for error in status["validationErrors"])
    assert run(tokyo.bucket.list()) == []


def test_refused_on_a_read_only_location_and_without_any(tokyo: Site) -> None:
    tokyo.tick()
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"accessMode": "ReadOnly"}})
    message = "backup can't be created because backup storage location default is currently in read-only mode"
    assert tokyo.backup("b1") == {"phase": "FailedValidation", "validationErrors": [message]}
    tokyo.delete("BackupStorageLocation", "default")
    assert tokyo.backup("b2")["validationErrors"][0].startswith("an existing backup storage location was not specified")


def test_a_name_in_the_bucket_cannot_be_used_again(tokyo: Site, osaka: Site) -> None:
    tokyo.backup("b1")
    status = osaka.backup("b1")
    assert (status["phase"], status["failureReason"]) == ("Failed", "backup already exists in object storage")


def test_queue_and_duration(clock: VirtualClock, bucket: MemoryObjects) -> None:
    site = Site("tokyo", clock, bucket, "velero.io", REALISTIC)
    for name in ("b1", "b2", "b3"):
        site.ark("Backup", name, {})
    site.tick()
    assert site.status("Backup", "b1")["phase"] == "InProgress"
    assert [site.status("Backup", name) for name in ("b2", "b3")] == [{"phase": "Queued", "queuePosition": 1}, {"phase": "Queued", "queuePosition": 2}]
    site.wait(10)
    assert site.status("Backup", "b1")["phase"] == "InProgress"
    site.wait(2)
    assert site.status("Backup", "b1")["phase"] == "Completed"
    assert site.status("Backup", "b2")["phase"] == "InProgress"
    assert site.status("Backup", "b3")["queuePosition"] == 1
    site.wait(60)
    assert site.status("Backup", "b3")["phase"] == "Completed"
    assert [entry["object"] for entry in site.server.operations] == ["velero/b1", "velero/b2", "velero/b3"]
    count = site.status("Backup", "b1")["progress"]["totalItems"]
    assert site.server.operations[0]["ended"] - site.server.operations[0]["started"] == pytest.approx(10 + 0.005 * count, abs=0.01)


def test_objects_are_read_when_it_starts(clock: VirtualClock, bucket: MemoryObjects) -> None:
    site = Site("tokyo", clock, bucket, "velero.io", REALISTIC)
    site.namespace_of("app1")
    site.ark("Backup", "b1", {"includedNamespaces": ["app1"]})
    site.tick()
    site.config("app1", "late", {})
    site.wait(30)
    assert site.status("Backup", "b1")["phase"] == "Completed"
    assert "configmaps" not in contents(site, "b1")


def test_restart_fails_what_was_in_progress(clock: VirtualClock, bucket: MemoryObjects) -> None:
    site = Site("tokyo", clock, bucket, "velero.io", REALISTIC)
    site.ark("Backup", "b1", {})
    site.tick()
    site.restart()
    site.tick()
    status = site.status("Backup", "b1")
    assert status["phase"] == "Failed"
    assert status["failureReason"] == 'found a backup with status "InProgress" during the server starting, mark it as "Failed"'
    site.wait(60)
    assert run(bucket.list()) == []


def test_faults(tokyo: Site) -> None:
    tokyo.server.fail_next("backup", "PartiallyFailed", "pod hook failed")
    status = tokyo.backup("b1")
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert tokyo.file("backups/b1/b1-results.gz") == {"errors": {"velero": ["pod hook failed"]}, "warnings": {}}
    tokyo.server.fail_next("backup", "Failed", "broken")
    assert tokyo.backup("b2")["failureReason"] == "broken"
    assert "backups/b2/b2.tar.gz" not in run(tokyo.bucket.list())
    tokyo.server.fail_next("backup", "FailedValidation", "no")
    assert tokyo.backup("b3")["validationErrors"] == ["no"]
    assert tokyo.backup("b4")["phase"] == "Completed"
    with pytest.raises(ValueError, match="cannot let"):
        tokyo.server.fail_next("schedule")


def test_store_lost_and_credentials_that_cannot_write(tokyo: Site) -> None:
    tokyo.tick()
    tokyo.objects.unreachable = True
    status = tokyo.backup("b1")
    assert status["phase"] == "Failed"
    assert "i/o timeout" in status["failureReason"]
    tokyo.objects.unreachable, tokyo.objects.deny_writes = False, True
    status = tokyo.backup("b2")
    assert status["phase"] == "Failed"
    assert "AccessDenied" in status["failureReason"]


def test_ark(ark_tokyo: Site, bucket: MemoryObjects) -> None:
    populate(ark_tokyo)
    ark_tokyo.create(TRIDENT, {"metadata": {"namespace": "app1", "name": "tv"}})
    status = ark_tokyo.backup("b1", excludedNamespaces=["kube-system"])
    assert set(status) == {"phase", "version", "startTimestamp", "completionTimestamp", "expiration"}
    assert run(bucket.list()) == [f"backups/b1/{name}" for name in ("ark-backup.json", "b1-logs.gz", "b1-volumesnapshots.json.gz", "b1.tar.gz")]
    held = contents(ark_tokyo, "b1")
    assert CRD not in held
    assert held["persistentvolumes"] == ["pv-app1", "pv-app2"]
    assert "excludedResources" not in ark_tokyo.seen("Backup", "b1")["spec"]
