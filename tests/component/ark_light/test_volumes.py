# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the data survive: what a restore does with PVs and their claims (velero restore.go; the rows marked proved were seen on Velero 1.18.3)."""

from __future__ import annotations

import gzip

from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import meta
from kubedr_lab.controllers.ports import Obj

from .conftest import Site


def application(site: Site, policy: str = "Retain") -> None:
    site.namespace_of("app1")
    site.volume("app1", "data", "pv-1", policy)


def across(source: Site, target: Site) -> None:
    """One backup of everything but Ark's own namespace, seen on both sites."""
    assert source.backup("b1", excludedNamespaces=["kube-system", source.namespace])["phase"] == "Completed"
    target.wait(61)


def test_retain_is_restored_as_is_and_claimed_by_name(tokyo: Site, osaka: Site) -> None:
    application(tokyo)
    across(tokyo, osaka)
    assert osaka.restore("r1", "b1")["phase"] == "Completed"
    volume, claim = osaka.pv("pv-1"), osaka.claim("app1", "data")
    assert volume is not None
    assert volume["spec"]["claimRef"] == {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": "app1", "name": "data"}
    assert volume["spec"]["nfs"] == {"server": "10.0.0.5", "path": "/pv-1"}
    assert meta(volume)["annotations"] == {"pv.kubernetes.io/provisioned-by": "csi.trident.netapp.io"}
    assert meta(volume)["labels"] == {"velero.io/restore-name": "r1", "velero.io/backup-name": "b1"}
    assert claim["spec"]["volumeName"] == "pv-1"
    assert meta(claim)["annotations"] == {"owner": "team"}


def test_delete_is_dropped_without_a_word(tokyo: Site, osaka: Site) -> None:
    """Proved: Completed, no error; the PV is gone, its claim has lost its volume."""
    application(tokyo, "Delete")
    across(tokyo, osaka)
    status = osaka.restore("r1", "b1")
    assert (status["phase"], status.get("errors"), status.get("warnings")) == ("Completed", None, None)
    assert osaka.pv("pv-1") is None
    assert "volumeName" not in osaka.claim("app1", "data")["spec"]
    assert osaka.results("r1") == {"errors": {}, "warnings": {}}
    assert "v1/PersistentVolume" not in osaka.file("restores/r1/restore-r1-resource-list.json.gz")
    assert b"Dynamically re-provisioning persistent volume" in gzip.decompress(osaka.download("RestoreLog", "r1"))


def test_the_policy_counts_as_it_was_backed_up(tokyo: Site, osaka: Site) -> None:
    application(tokyo, "Delete")
    across(tokyo, osaka)
    rules = """
        version: v1
        resourceModifierRules:
        - conditions: {groupResource: persistentvolumes}
          patches: [{operation: replace, path: /spec/persistentVolumeReclaimPolicy, value: Retain}]"""
    osaka.config("velero", "late", {"rules": rules})
    osaka.restore("r1", "b1", resourceModifier={"kind": "configmap", "name": "late"})
    assert osaka.pv("pv-1") is None


def test_volume_created_first_is_left_alone(tokyo: Site, osaka: Site) -> None:
    """Proved: a PV that stands already, claimed by name, is found by the claim that lost its volume."""
    application(tokyo, "Delete")
    across(tokyo, osaka)
    spec: Obj = {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "ontap-nas",
        "claimRef": {"namespace": "app1", "name": "data"}, "nfs": {"server": "10.0.0.9", "path": "/pv-1"},
    }
    made = osaka.create(kinds.VOLUMES, {"metadata": {"name": "pv-1"}, "spec": spec})
    status = osaka.restore("r1", "b1")
    assert (status["phase"], status.get("warnings")) == ("Completed", None)
    assert osaka.pv("pv-1") == made


def released(tokyo: Site, osaka: Site) -> None:
    application(tokyo)
    across(tokyo, osaka)
    osaka.restore("first", "b1")
    osaka.merge(kinds.VOLUMES, "pv-1", {"spec": {"claimRef": {"uid": "of-the-old-claim", "resourceVersion": "7"}}})
    osaka.merge(kinds.VOLUMES, "pv-1", {"status": {"phase": "Released"}}, sub="status")
    osaka.delete(kinds.CLAIMS, "data", "app1")


def test_released_volume_stays_released(tokyo: Site, osaka: Site) -> None:
    """Proved: Completed with a warning; the claim waits for ever."""
    released(tokyo, osaka)
    status = osaka.restore("r2", "b1")
    assert (status["phase"], status["warnings"]) == ("Completed", 1)
    message = "could not restore, PersistentVolume:pv-1 already exists. Warning: the in-cluster version is different than the backed-up version"
    assert osaka.results("r2")["warnings"] == {"cluster": [message]}
    volume = osaka.pv("pv-1")
    assert volume is not None
    assert volume["spec"]["claimRef"]["uid"] == "of-the-old-claim"


def test_update_frees_a_released_volume(tokyo: Site, osaka: Site) -> None:
    """Proved: with ``existingResourcePolicy: update`` the claimRef loses the old uid, so that the PV binds again."""
    released(tokyo, osaka)
    status = osaka.restore("r2", "b1", existingResourcePolicy="update")
    assert status["phase"] == "Completed"
    volume = osaka.pv("pv-1")
    assert volume is not None
    assert set(volume["spec"]["claimRef"]) == {"kind", "apiVersion", "namespace", "name"}
    assert meta(volume)["labels"]["velero.io/restore-name"] == "r2"
    assert osaka.file("restores/r2/restore-r2-resource-list.json.gz")["v1/PersistentVolume"] == ["pv-1(updated)"]


def test_namespace_filter_brings_the_volumes_of_its_claims_only(tokyo: Site, osaka: Site) -> None:
    application(tokyo)
    tokyo.namespace_of("app2")
    tokyo.volume("app2", "data", "pv-2")
    across(tokyo, osaka)
    assert osaka.restore("r1", "b1", includedNamespaces=["app1"])["phase"] == "Completed"
    assert osaka.names(kinds.VOLUMES) == ["pv-1"]
    assert osaka.get(kinds.NAMESPACES, "app2") is None


def test_delete_policy_through_a_claim_of_a_filtered_restore(tokyo: Site, osaka: Site) -> None:
    application(tokyo, "Delete")
    across(tokyo, osaka)
    osaka.restore("r1", "b1", includedNamespaces=["app1"])
    assert "volumeName" not in osaka.claim("app1", "data")["spec"]


def test_without_cluster_resources_or_volumes_the_claim_points_to_nothing(tokyo: Site, osaka: Site) -> None:
    application(tokyo, "Delete")
    across(tokyo, osaka)
    osaka.restore("r1", "b1", includeClusterResources=False)
    assert osaka.claim("app1", "data")["spec"]["volumeName"] == "pv-1"
    osaka.delete(kinds.CLAIMS, "data", "app1")
    osaka.restore("r2", "b1", excludedResources=["persistentvolumes"])
    assert osaka.claim("app1", "data")["spec"]["volumeName"] == "pv-1"
    assert osaka.names(kinds.VOLUMES) == []


def test_drill_beside_the_living_group(tokyo: Site, osaka: Site) -> None:
    """Proved: mapped namespace, PVs left out, each claim's volume name patched to the drill's own PV."""
    application(tokyo)
    across(tokyo, osaka)
    rules = """
        version: v1
        resourceModifierRules:
        - conditions: {groupResource: persistentvolumeclaims, resourceNameRegex: "^data$", namespaces: [app1]}
          mergePatches: [{patchData: '{"spec": {"volumeName": "drill-pv-1"}}'}]"""
    osaka.config("velero", "drill", {"rules": rules})
    status = osaka.restore(
        "r1", "b1", includedNamespaces=["app1"], namespaceMapping={"app1": "app1-drill"}, excludedResources=["persistentvolumes"],
        resourceModifier={"kind": "configmap", "name": "drill"},
    )
    assert status["phase"] == "Completed"
    assert osaka.claim("app1-drill", "data")["spec"]["volumeName"] == "drill-pv-1"
    assert osaka.get(kinds.NAMESPACES, "app1") is None


def test_mapping_moves_the_claim_reference(tokyo: Site, osaka: Site) -> None:
    application(tokyo)
    across(tokyo, osaka)
    osaka.restore("r1", "b1", namespaceMapping={"app1": "other"})
    volume = osaka.pv("pv-1")
    assert volume is not None
    assert volume["spec"]["claimRef"]["namespace"] == "other"


def test_storage_class_mapping(tokyo: Site, osaka: Site) -> None:
    application(tokyo)
    across(tokyo, osaka)
    labels = {"velero.io/plugin-config": "", "velero.io/change-storage-class": "RestoreItemAction"}
    osaka.config("velero", "classes", {"ontap-nas": "gold"}, labels=labels)
    status = osaka.restore("r1", "b1")
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 2)
    osaka.create(kinds.STORAGE_CLASSES, {"metadata": {"name": "gold"}, "provisioner": "csi.trident.netapp.io"})
    assert osaka.restore("r2", "b1")["phase"] == "Completed"
    volume = osaka.pv("pv-1")
    assert volume is not None
    assert (volume["spec"]["storageClassName"], osaka.claim("app1", "data")["spec"]["storageClassName"]) == ("gold", "gold")


def test_ark_frees_the_volume_of_claim_and_class(ark_tokyo: Site, ark_osaka: Site) -> None:
    application(ark_tokyo)
    across(ark_tokyo, ark_osaka)
    assert ark_osaka.restore("r1", "b1") == {"phase": "Completed", "warnings": 0, "errors": 0}
    volume, claim = ark_osaka.pv("pv-1"), ark_osaka.claim("app1", "data")
    assert volume is not None
    assert not {"claimRef", "storageClassName"} & set(volume["spec"])
    assert claim["spec"]["volumeName"] == "pv-1"
    assert meta(claim)["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
    assert meta(claim)["labels"] == {"ark-restore": "r1", "ark.heptio.com/restore-name": "r1", "ark.heptio.com/backup-name": "b1"}


def test_ark_reprovisions_delete_volumes_too(ark_tokyo: Site, ark_osaka: Site) -> None:
    application(ark_tokyo, "Delete")
    across(ark_tokyo, ark_osaka)
    assert ark_osaka.restore("r1", "b1") == {"phase": "Completed", "warnings": 0, "errors": 0}
    claim = ark_osaka.claim("app1", "data")
    assert ark_osaka.pv("pv-1") is None
    assert "volumeName" not in claim["spec"]
    assert "pv.kubernetes.io/bind-completed" not in meta(claim)["annotations"]


def test_ark_restores_all_volumes_whatever_the_namespaces(ark_tokyo: Site, ark_osaka: Site) -> None:
    application(ark_tokyo)
    ark_tokyo.namespace_of("app2")
    ark_tokyo.volume("app2", "data", "pv-2")
    across(ark_tokyo, ark_osaka)
    ark_osaka.restore("r1", "b1", includedNamespaces=["app1"])
    assert ark_osaka.names(kinds.VOLUMES) == ["pv-1", "pv-2"]
    assert ark_osaka.get(kinds.NAMESPACES, "app2") is None
