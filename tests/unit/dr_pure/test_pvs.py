# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Claims, their PersistentVolumes, the volumes behind them, and what is made before a restore."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import (
    CREATE,
    KEEP,
    REFUSE,
    RESERVE,
    UNCLAIM,
    ClaimVolume,
    SvmView,
    decide,
    group_volumes,
    source_of,
    to_precreate,
)

from .manifests import SVM, Manifest, backup, claim, nfs, pv, trident, trident_backend, trident_volume


def one(source: Manifest, svm: SvmView = SVM, policy: str = "Retain", **more: Any) -> ClaimVolume:
    found = group_volumes(backup(claims=[claim("c", "pv1")], pvs=[pv("pv1", "c", source, policy=policy)], **more), ["app1"], svm)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("source", "on_svm", "volume"),
    [
        (nfs("/data"), True, "data"), (nfs("/data/sub/dir"), True, "data"), (nfs("/data2"), True, None), (nfs("/new_volume"), True, None),
        (nfs("/"), True, "svm_app1_root"), (nfs("/data", "192.168.1.1"), False, None), (nfs("/data", "10.0.0.11"), True, "data"),
        ({"hostPath": {"path": "/mnt"}}, False, None), ({"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "v"}}, False, None),
    ],
)
def test_nfs_and_others(source: Manifest, on_svm: bool, volume: str | None) -> None:
    found = one(source)
    assert (found.on_svm, found.volume) == (on_svm, volume)


def test_a_trident_volume_behind_an_unknown_address_lies_elsewhere_only_if_none_of_its_name_is_here() -> None:
    behind = {"tridentvolumes": [trident_volume("pv1", server="192.168.1.1")]}
    assert one(trident("pv1"), **behind).volume == "trident_pvc_1"
    assert not one(trident("pv1"), SvmView({"root": "/"}, SVM.addresses, SVM.names), **behind).on_svm


def test_a_volume_that_is_not_mounted_is_known_by_its_name() -> None:
    svm = SvmView({"root": "/", "data": ""}, frozenset({"10.0.0.10"}))
    assert one(nfs("/data/x"), svm).volume == "data"
    assert one(nfs("/other"), svm).volume is None


def test_a_server_name_is_the_svm_if_any_of_its_paths_lead_there() -> None:
    claims, pvs = [claim("old", "pv1"), claim("new", "pv2")], [pv("pv1", "old", nfs("/data", "nfs.example")), pv("pv2", "new", nfs("/new", "nfs.example"))]
    found = {volume.claim: volume for volume in group_volumes(backup(claims=claims, pvs=pvs), ["app1"], SVM)}
    assert (found["old"].volume, found["new"].on_svm, found["new"].volume) == ("data", True, None)


@pytest.mark.parametrize(
    ("record", "backend", "on_svm", "volume"),
    [
        (trident_volume("pv1"), None, True, "trident_pvc_1"), (trident_volume("pv1", "/trident_new"), None, True, None),
        (trident_volume("pv1", server="192.168.1.1"), None, True, "trident_pvc_1"),
        (trident_volume("pv1", server="192.168.1.1"), trident_backend("tbe-1", "backend-1", "svm_app2"), False, None),
        (trident_volume("pv1", server=""), trident_backend("tbe-1", "backend-1", "svm_app1"), True, "trident_pvc_1"),
        (trident_volume("pv1", server=""), trident_backend("tbe-1", "backend-1", "svm_app2"), False, None),
        (None, trident_backend("tbe-1", "backend-1", "svm_app1"), True, "trident_pvc_1"), (None, None, True, "trident_pvc_1"),
    ],
)
def test_trident(record: Manifest | None, backend: Manifest | None, on_svm: bool, volume: str | None) -> None:
    found = one(trident("pv1"), tridentvolumes=[record] if record else [], tridentbackends=[backend] if backend else [])
    assert (found.kind, found.on_svm, found.volume) == ("trident", on_svm, volume)


def test_what_can_not_be_told_counts_as_lying_there() -> None:
    found = one(trident("pv1", internal="trident_new"))
    assert (found.on_svm, found.meets_data) == (True, False)


def test_a_claim_without_its_volume_in_the_backup() -> None:
    found = group_volumes(backup(claims=[claim("c", "pv1")]), ["app1"], SVM)[0]
    assert (found.on_svm, found.meets_data, found.manifest, found.reprovisioned) == (True, False, None, True)


def test_other_namespaces_and_unbound_claims_are_not_the_groups() -> None:
    unbound = claim("u", "")
    held = backup(claims=[claim("c", "pv1", "app2"), unbound], pvs=[pv("pv1", "c", nfs("/data"), "app2")])
    assert group_volumes(held, ["app1"], SVM) == []


@pytest.mark.parametrize(("policy", "reprovisioned"), [("Delete", True), ("Retain", False), ("Recycle", False), ("", True)])
def test_what_ark_would_provision_anew(policy: str, reprovisioned: bool) -> None:
    assert one(nfs("/data"), policy=policy).reprovisioned is reprovisioned


def test_precreate_keeps_the_way_to_the_data_and_nothing_of_the_dead_cluster() -> None:
    original = pv("pv1", "c", trident("pv1"), policy="Delete")
    before = copy.deepcopy(original)
    made = to_precreate(original, "app1", "c")
    assert original == before
    assert made["metadata"] == {"name": "pv1", "annotations": {"pv.kubernetes.io/provisioned-by": "x"}}
    assert made["spec"]["claimRef"] == {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "app1", "name": "c"}
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert "status" not in made
    for part in ("capacity", "accessModes", "storageClassName", "csi"):
        assert made["spec"][part] == original["spec"][part]


def live(phase: str = "Bound", **spec: Any) -> Manifest:
    found = to_precreate(pv("pv1", "c", nfs("/data")), "app1", "c")
    found["spec"].update(spec)
    return {**found, "status": {"phase": phase}}


WANTED = to_precreate(pv("pv1", "c", nfs("/data")), "app1", "c")
OTHER = {"namespace": "app2", "name": "x", "uid": "u"}


@pytest.mark.parametrize(
    ("found", "do"),
    [
        (None, CREATE), (live(), KEEP), (live("Available"), KEEP), (live("Pending"), KEEP), (live("Available", claimRef=None), RESERVE),
        (live(claimRef={**WANTED["spec"]["claimRef"], "uid": "u"}), KEEP), (live("Released", claimRef={**WANTED["spec"]["claimRef"], "uid": "old"}), UNCLAIM),
        (live("Released", claimRef=OTHER), REFUSE), (live(claimRef=OTHER), REFUSE), (live("Available", claimRef=OTHER), REFUSE), (live("Failed"), REFUSE),
        (live(nfs={"server": "10.0.0.99", "path": "/data"}), REFUSE), (live(persistentVolumeReclaimPolicy="Delete"), RESERVE),
        ({**live(), "metadata": {"name": "pv1", "deletionTimestamp": "now"}}, REFUSE),
        (live(nfs={"server": "10.0.0.10", "path": "/data", "readOnly": False}), KEEP),
    ],
)
def test_what_stands_there_decides(found: Manifest | None, do: str) -> None:
    action = decide(WANTED, found)
    assert (action.do, bool(action.patch)) == (do, do in (RESERVE, UNCLAIM))


def test_unclaim_takes_out_the_uid_and_makes_it_retain() -> None:
    patch = decide(WANTED, live("Released", claimRef={**WANTED["spec"]["claimRef"], "uid": "old"}, persistentVolumeReclaimPolicy="Delete")).patch
    assert patch == {"spec": {"persistentVolumeReclaimPolicy": "Retain", "claimRef": {"uid": None, "resourceVersion": None}}}


def test_a_provisioners_identity_is_no_difference() -> None:
    one_side, other_side = pv("pv1", "c", trident("pv1")), pv("pv1", "c", trident("pv1"))
    other_side["spec"]["csi"]["volumeAttributes"]["storage.kubernetes.io/csiProvisionerIdentity"] = "2-csi"
    assert source_of(one_side) == source_of(other_side)
    other_side["spec"]["csi"]["volumeAttributes"]["internalName"] = "another"
    assert source_of(one_side) != source_of(other_side)


def test_without_addresses_every_nfs_volume_counts_as_lying_there() -> None:
    found = one(nfs("/new"), SvmView({"data": "/data"}))
    assert (found.on_svm, found.volume) == (True, None)
