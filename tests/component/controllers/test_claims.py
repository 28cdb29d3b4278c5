# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding of claims and volumes."""

from __future__ import annotations

from typing import Any

import pytest

from kubedr_lab.controllers import claims
from kubedr_lab.controllers.ports import Obj

from .conftest import Site

PVS, PVCS = "/api/v1/persistentvolumes", "/api/v1/namespaces/app1/persistentvolumeclaims"


def volume(name: str, **spec: Any) -> Obj:
    base = {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": "Retain", "nfs": {"server": "s", "path": "/p"}}
    return {"metadata": {"name": name}, "spec": {**base, **spec}}


def claim(name: str, metadata: Obj | None = None, **spec: Any) -> Obj:
    base = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"namespace": "app1", "name": name, **(metadata or {})}, "spec": {**base, **spec}}


def phases(site: Site) -> tuple[dict[str, str], dict[str, str]]:
    pvs = {pv["metadata"]["name"]: pv.get("status", {}).get("phase") for pv in site.kube.of("persistentvolumes")}
    return pvs, {pvc["metadata"]["name"]: pvc.get("status", {}).get("phase") for pvc in site.kube.of("persistentvolumeclaims")}


@pytest.mark.parametrize(("text", "value"), [("1Gi", 2**30), ("500M", 5e8), ("2048", 2048.0), ("1.5Ki", 1536.0)])
def test_quantities(text: str, value: float) -> None:
    assert claims.quantity(text) == value


def test_a_claim_takes_the_smallest_volume_that_fits(tokyo: Site) -> None:
    for name, size in (("large", "9Gi"), ("fitting", "2Gi"), ("small", "512Mi")):
        tokyo.add(PVS, volume(name, capacity={"storage": size}))
    tokyo.add(PVS, volume("other-class", storageClassName="gold", capacity={"storage": "1Gi"}))
    tokyo.add(PVS, volume("other-mode", accessModes=["ReadWriteOnce"], capacity={"storage": "1Gi"}))
    tokyo.add(PVCS, claim("c"))
    tokyo.settle()
    bound = tokyo.kube.one("persistentvolumeclaims", "c")
    assert bound["spec"]["volumeName"] == "fitting"
    assert bound["status"] == {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "2Gi"}}
    assert bound["metadata"]["annotations"] == {claims.BIND_COMPLETED: "yes", claims.BOUND_BY_CONTROLLER: "yes"}
    pv = tokyo.kube.one("persistentvolumes", "fitting")
    assert pv["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]
    assert phases(tokyo)[0] == {"large": "Available", "fitting": "Bound", "small": "Available", "other-class": "Available", "other-mode": "Available"}


def test_two_claims_never_share_a_volume(tokyo: Site) -> None:
    tokyo.add(PVS, volume("only"))
    tokyo.add(PVCS, claim("a"))
    tokyo.add(PVCS, claim("b"))
    tokyo.settle()
    assert sorted(phases(tokyo)[1].values()) == ["Bound", "Pending"]


def test_a_volume_reserved_by_name_beats_provisioning(tokyo: Site) -> None:
    tokyo.add("/apis/storage.k8s.io/v1/storageclasses", {"metadata": {"name": "ontap-nas"}, "provisioner": "csi.trident.netapp.io"})
    reserved = {"namespace": "app1", "name": "data-db-0"}
    tokyo.add(PVS, volume("precreated", storageClassName="ontap-nas", claimRef=reserved))
    tokyo.add(PVCS, claim("data-db-0", storageClassName="ontap-nas"))
    tokyo.settle()
    assert tokyo.kube.one("persistentvolumeclaims", "data-db-0")["spec"]["volumeName"] == "precreated"
    assert tokyo.ontap.posts == 0
    assert claims.BOUND_BY_CONTROLLER not in tokyo.kube.one("persistentvolumes", "precreated")["metadata"].get("annotations", {})


def test_a_reserved_volume_that_is_too_small_is_not_taken(tokyo: Site) -> None:
    tokyo.add(PVS, volume("small", capacity={"storage": "1Mi"}, claimRef={"namespace": "app1", "name": "c"}))
    tokyo.add(PVCS, claim("c"))
    tokyo.settle()
    assert phases(tokyo) == ({"small": "Available"}, {"c": "Pending"})


def test_a_claim_of_a_volume_bound_to_another_uid_stays_pending(tokyo: Site) -> None:
    tokyo.add(PVS, volume("old", claimRef={"namespace": "app1", "name": "c", "uid": "before"}))
    tokyo.add(PVCS, claim("c", volumeName="old"))
    tokyo.settle()
    assert phases(tokyo) == ({"old": "Released"}, {"c": "Pending"})
    assert "already bound to a different claim" in tokyo.kube.of("events")[0]["message"]
    tokyo.patch(f"{PVS}/old", {"spec": {"claimRef": {"uid": None}}})
    tokyo.settle()
    assert phases(tokyo) == ({"old": "Bound"}, {"c": "Bound"})


@pytest.mark.parametrize(
    ("wanted", "reason"), [({"volumeName": "absent"}, "FailedBinding"), ({"volumeName": "v", "storageClassName": "gold"}, "VolumeMismatch")])
def test_a_named_volume_that_is_missing_or_unfit_leaves_the_claim_pending(tokyo: Site, wanted: Obj, reason: str) -> None:
    tokyo.add(PVS, volume("v"))
    tokyo.add(PVCS, claim("c", **wanted))
    tokyo.settle()
    assert phases(tokyo) == ({"v": "Available"}, {"c": "Pending"})
    assert tokyo.kube.of("events")[0]["reason"] == reason


@pytest.mark.parametrize(("policy", "phase"), [("Retain", "Released"), ("Delete", "Failed")])
def test_a_deleted_claim_releases_its_volume(tokyo: Site, policy: str, phase: str) -> None:
    tokyo.add(PVS, volume("v", persistentVolumeReclaimPolicy=policy))
    tokyo.add(PVCS, claim("c"))
    tokyo.settle()
    tokyo.delete(f"{PVCS}/c")
    tokyo.settle()
    assert phases(tokyo) == ({"v": phase}, {})
    tokyo.add(PVCS, claim("c"))
    tokyo.settle()
    assert phases(tokyo) == ({"v": phase}, {"c": "Pending"})


def test_a_bound_claim_whose_volume_vanished_is_lost(tokyo: Site) -> None:
    tokyo.add(PVS, volume("v"))
    tokyo.add(PVCS, claim("c"))
    tokyo.settle()
    tokyo.delete(f"{PVS}/v")
    tokyo.settle()
    assert phases(tokyo)[1] == {"c": "Lost"}


def test_an_ark_restore_that_kept_the_bind_annotation_binds_again(tokyo: Site) -> None:
    """Ark 0.9 drops claimRef from the volume and leaves the claim's annotation."""
    tokyo.add(PVS, volume("v"))
    tokyo.add(PVCS, claim("c", {"annotations": {claims.BIND_COMPLETED: "yes"}}, volumeName="v"))
    tokyo.settle()
    assert phases(tokyo) == ({"v": "Bound"}, {"c": "Bound"})
    assert tokyo.kube.one("persistentvolumes", "v")["spec"]["claimRef"]["uid"] == tokyo.kube.one("persistentvolumeclaims", "c")["metadata"]["uid"]


def test_selectors_narrow_the_choice(tokyo: Site) -> None:
    tokyo.add(PVS, volume("a"))
    labelled = volume("b")
    labelled["metadata"]["labels"] = {"use": "exports"}
    tokyo.add(PVS, labelled)
    tokyo.add(PVCS, claim("c", selector={"matchExpressions": [{"key": "use", "operator": "In", "values": ["exports"]}]}))
    tokyo.settle()
    assert tokyo.kube.one("persistentvolumeclaims", "c")["spec"]["volumeName"] == "b"
