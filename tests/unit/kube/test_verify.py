# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The comparison as a whole: claims with their volumes, pods, requests."""

from __future__ import annotations

import copy
from threading import Lock
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.compare import Context
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import Key, MemoryObjects
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import group_volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._env import at_once
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AuthError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.dr_verify_core import Verification, verify

from ..dr_pure.manifests import SVM, Manifest, claim, nfs, obj, pv
from .fakes import FakeApi

WEB = obj("Deployment", "web", "app1", spec={"replicas": 1}, status={"readyReplicas": 1})
HELD: dict[Key, Manifest] = {
    ("namespaces", "", "app1"): obj("Namespace", "app1"), ("persistentvolumeclaims", "app1", "c"): claim("c", "pv1"),
    ("persistentvolumes", "", "pv1"): pv("pv1", "c", nfs("/data")), ("deployments.apps", "app1", "web"): WEB,
    ("configmaps", "app1", "settings"): obj("ConfigMap", "settings", "app1", data={"a": "1"}),
    ("persistentvolumeclaims", "app1", "scratch"): claim("scratch", "pv9"),
    ("persistentvolumes", "", "pv9"): pv("pv9", "scratch", {"hostPath": {"path": "/x"}}),
}
PATHS = {"deployments.apps": "/apis/apps/v1"}
PV, CLAIM = "/api/v1/persistentvolumes/pv1", "/api/v1/namespaces/app1/persistentvolumeclaims/c"


@pytest.fixture
def standing(api: FakeApi) -> FakeApi:
    """Everything as the backup holds it, and one ready pod."""
    for (kind, namespace, name), manifest in HELD.items():
        base = PATHS.get(kind, "/api/v1") + (f"/namespaces/{namespace}" if namespace else "")
        api.put(f"{base}/{kind.partition('.')[0]}/{name}", manifest)
    pod(api, True)
    return api


def pod(api: FakeApi, ready: bool) -> None:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready), "message": "mount failed"}]}
    api.put("/api/v1/namespaces/app1/pods/web-1", {"metadata": {"name": "web-1", "namespace": "app1"}, "status": status})


def verified(client: KubeClient, held: dict[Key, Manifest] | None = None, namespaces: tuple[str, ...] = ("app1",), **more: Any) -> Verification:
    backup = MemoryObjects(held or HELD)
    return verify(client, backup, namespaces, volumes=group_volumes(backup, namespaces, SVM), **{"writable": ["data"], **more})


def change(api: FakeApi, path: str, part: str, value: Any) -> None:
    """Set one field, such as ``spec.volumeName``; None takes the object away."""
    live = copy.deepcopy(api.objects[path])
    *parents, last = part.split(".")
    place = live
    for name in parents:
        place = place[name]
    place[last] = value
    api.objects[path] = live


def test_as_it_was(client: KubeClient, standing: FakeApi) -> None:
    result = verified(client)
    assert result.good, result.as_dict()
    assert (result.pods, result.kinds["configmaps"]) == (1, {"present": 1})
    assert [(check.claim, check.volume, check.on_svm) for check in result.claims] == [("app1/c", "data", True), ("app1/scratch", None, False)]


@pytest.mark.parametrize(
    ("path", "part", "value", "problem"),
    [
        (CLAIM, "spec.volumeName", "pv2", "bound to pv2 instead of pv1: it was provisioned anew"), (CLAIM, "spec.volumeName", "", "bound to nothing instead"),
        (CLAIM, "status.phase", "Lost", "it is Lost"), (PV, "spec.claimRef.name", "other", "belongs to claim app1/other"),
        (PV, "spec.nfs.server", "10.9.9.9", "leads to 10.9.9.9:/data instead of 10.0.0.10:/data"),
    ],
)
def test_claims_that_lost_their_volume(client: KubeClient, standing: FakeApi, path: str, part: str, value: str, problem: str) -> None:
    change(standing, path, part, value)
    told = verified(client).claim_problems
    assert len(told) == 1
    assert problem in told[0]


@pytest.mark.parametrize(("path", "problem"), [(CLAIM, "the claim does not exist"), (PV, "PersistentVolume pv1 does not exist")])
def test_claims_and_volumes_that_are_gone(client: KubeClient, standing: FakeApi, path: str, problem: str) -> None:
    del standing.objects[path]
    result = verified(client)
    assert any(problem in told for told in result.claim_problems)
    assert len(result.missing) == 1


@pytest.mark.parametrize(("writable", "good"), [(["data"], True), ([], False), (None, True)])
def test_a_volume_that_is_not_writable(client: KubeClient, standing: FakeApi, writable: list[str] | None, good: bool) -> None:
    assert verified(client, writable=writable).good is good


def test_a_claim_off_the_svm_may_be_on_another_volume(client: KubeClient, standing: FakeApi) -> None:
    change(standing, "/api/v1/namespaces/app1/persistentvolumeclaims/scratch", "spec.volumeName", "pv10")
    del standing.objects["/api/v1/persistentvolumes/pv9"]
    assert verified(client).good


def test_a_claim_that_was_left_out_is_not_looked_for(client: KubeClient, standing: FakeApi) -> None:
    del standing.objects[CLAIM]
    del standing.objects[PV]
    assert verified(client, left_out=["app1/c"]).good


def test_pods_and_workloads_that_are_not_ready(client: KubeClient, standing: FakeApi) -> None:
    pod(standing, False)
    change(standing, "/apis/apps/v1/namespaces/app1/deployments/web", "status.readyReplicas", 0)
    assert verified(client).not_ready == ["deployments.apps/app1/web: 0 of 1 ready", "pod app1/web-1: mount failed"]


def test_recorded_replicas(client: KubeClient, standing: FakeApi) -> None:
    change(standing, "/apis/apps/v1/namespaces/app1/deployments/web", "spec.replicas", 3)
    change(standing, "/apis/apps/v1/namespaces/app1/deployments/web", "status.readyReplicas", 3)
    assert [found.key[2] for found in verified(client).differing] == ["web"]
    assert verified(client, context=Context({("deployments.apps", "app1", "web"): 3})).good


def test_a_kind_that_is_not_served_is_missing(client: KubeClient, standing: FakeApi) -> None:
    del standing.kinds["apps"]
    assert [found.key for found in verified(client).missing] == [("deployments.apps", "app1", "web")]


def test_objects_of_a_selector_only(client: KubeClient, standing: FakeApi) -> None:
    del standing.objects["/api/v1/namespaces/app1/configmaps/settings"]
    assert not verified(client).good
    assert verified(client, label_selector="tier=web").good


def test_other_namespaces_are_nobodys_business(client: KubeClient, standing: FakeApi) -> None:
    standing.put("/api/v1/namespaces/app2/pods/sick", {"metadata": {"name": "sick"}, "status": {"phase": "Pending"}})
    held = {**HELD, **{("configmaps", "app1", f"c{number:04}"): obj("ConfigMap", f"c{number:04}", "app1") for number in range(1200)}}
    for number in range(1200):
        standing.put(f"/api/v1/namespaces/app1/configmaps/c{number:04}", {})
    client.get("/api/v1/nodes/none")
    standing.sent.clear()
    result = verified(client, held, ("app1", "app1-b", "app1-c"))
    assert (result.good, result.kinds["configmaps"]["present"]) == (True, 1201)
    assert len(standing.sent) <= len(result.kinds) + 3 + 20
    assert {method for method, _path in standing.sent} == {"GET"}


def spoiled(api: FakeApi) -> dict[Key, Manifest]:
    """1,200 ConfigMaps of which some differ and some are missing, and a workload that is not ready."""
    held = {**HELD, **{("configmaps", "app1", f"c{number:04}"): obj("ConfigMap", f"c{number:04}", "app1", data={"a": "1"}) for number in range(1200)}}
    for number in range(1200):
        if number % 100 != 7:
            api.put(f"/api/v1/namespaces/app1/configmaps/c{number:04}", {"data": {"a": "2" if number % 100 == 3 else "1"}})
    del api.objects[CLAIM]
    pod(api, False)
    return held


def test_lists_read_side_by_side_give_what_they_give_in_turn(client: KubeClient, standing: FakeApi) -> None:
    held = spoiled(standing)
    beside = KubeClient(standing, standing.clock, "Kubernetes osaka", together=at_once)
    in_turn, side_by_side = verified(client, held).as_dict(), verified(beside, held).as_dict()
    assert side_by_side == in_turn
    assert (len(in_turn["differing"]), len(in_turn["missing"])) == (12, 13)


def test_a_list_that_fails_fails_the_whole(standing: FakeApi) -> None:
    standing.fail += [("GET", "/deployments", 403)]
    with pytest.raises(AuthError):
        verified(KubeClient(standing, standing.clock, "Kubernetes osaka", together=at_once))


def test_a_long_list_keeps_the_lease_alive_and_a_lost_one_ends_it(standing: FakeApi) -> None:
    held, looks, inside = spoiled(standing), 0, Lock()

    def look() -> None:
        nonlocal looks
        assert inside.acquire(blocking=False), "two threads at once"
        looks += 1
        inside.release()
        if looks > 20:
            raise Refused("lease_lost", "taken over")

    beside = KubeClient(standing, standing.clock, "Kubernetes osaka", together=at_once)
    verified(beside, held, between=look)
    assert looks >= 4  # two lists that are begun, and every 500 objects of the long one
    looks = 20
    with pytest.raises(Refused):
        verified(beside, held, between=look)
