# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Workloads, volumes, nodes, and objects of any kind."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, NotFound, Refused, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import nodes, objects, volumes, workloads
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.workloads import WorkloadRef

from .fakes import FakeApi

WEB = WorkloadRef("deployments.apps", "app1", "web")
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com"


def deployment(api: FakeApi, replicas: int = 2, ready: int = 2, **metadata: Any) -> None:
    api.put(WEB.path, {"metadata": {"name": "web", "generation": 1, **metadata}, "spec": {"replicas": replicas},
                       "status": {"readyReplicas": ready, "observedGeneration": 1}})


def pod(api: FakeApi, name: str, ready: bool = True, phase: str = "Running", owner: str = "", **status: Any) -> None:
    references = [{"kind": owner, "name": "o", "controller": True}] if owner else []
    condition = {"type": "Ready", "status": "True" if ready else "False", "message": "" if ready else "containers with unready status: [web]"}
    api.put(
        f"/api/v1/namespaces/app1/pods/{name}",
        {"metadata": {"name": name, "ownerReferences": references}, "status": {"phase": phase, "conditions": [condition], **status},
         "spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "t", "emptyDir": {}}]}},
    )


def pv(name: str = "pv1", phase: str = "Available", claim: str | None = "data", uid: str | None = None, policy: str = "Retain") -> dict[str, Any]:
    ref = {"claimRef": {"namespace": "app1", "name": claim, **({"uid": uid} if uid else {})}} if claim else {}
    return {"metadata": {"name": name}, "spec": {"persistentVolumeReclaimPolicy": policy, **ref}, "status": {"phase": phase}}


def test_scalable_leaves_out_what_others_control(client: KubeClient, api: FakeApi) -> None:
    deployment(api)
    owned = {"ownerReferences": [{"controller": True, "kind": "Deployment", "name": "web"}]}
    api.put("/apis/apps/v1/namespaces/app1/replicasets/web-1", {"metadata": {"name": "web-1", **owned}, "spec": {"replicas": 2}})
    api.put("/apis/batch/v1/namespaces/app1/cronjobs/nightly", {"metadata": {"name": "nightly"}, "spec": {"suspend": False}})
    api.put("/apis/batch/v1/namespaces/app1/jobs/done", {"metadata": {"name": "done"}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    api.put("/apis/apps/v1/namespaces/app2/deployments/other", {"metadata": {"name": "other"}, "spec": {}})
    found = {str(workload.ref): workload.replicas for workload in workloads.scalable(client, ["app1"])}
    assert found == {"cronjobs.batch/app1/nightly": 1, "deployments.apps/app1/web": 2}
    assert WorkloadRef.parse(str(WEB)) == WEB


def test_replicas_left_out_mean_one(client: KubeClient, api: FakeApi) -> None:
    api.put(WEB.path, {"metadata": {"name": "web"}, "spec": {}})
    assert workloads.scalable(client, ["app1"])[0].replicas == 1


def test_scale_twice_writes_once(client: KubeClient, api: FakeApi) -> None:
    deployment(api)
    assert workloads.scale(client, WEB, 0)[1] is True
    assert workloads.scale(client, WEB, 0)[1] is False
    assert len(api.writes()) == 1


def test_a_cronjob_is_suspended(client: KubeClient, api: FakeApi) -> None:
    ref = WorkloadRef("cronjobs.batch", "app1", "nightly")
    api.put(ref.path, {"metadata": {"name": "nightly"}, "spec": {}})
    assert workloads.scale(client, ref, 0)[0].replicas == 0
    assert api.objects[ref.path]["spec"] == {"suspend": True}
    assert workloads.scale(client, ref, 3) == (workloads.scale(client, ref, 3)[0], True)


def test_scaling_what_is_not_there(client: KubeClient) -> None:
    with pytest.raises(ApiError, match="does not exist"):
        workloads.scale(client, WEB, 0)


def test_ready_is_workloads_and_pods(client: KubeClient, api: FakeApi) -> None:
    deployment(api, ready=1)
    pod(api, "web-1")
    waiting = [{"state": {"waiting": {"reason": "ContainerCreating", "message": "mount failed"}}}]
    pod(api, "web-2", ready=False, phase="Pending", containerStatuses=waiting)
    pod(api, "done", ready=False, phase="Succeeded")
    pod(api, "batch", ready=False, phase="Failed", owner="Job")
    assert workloads.not_ready(client, ["app1"]) == ["deployments.apps/app1/web: 1 of 2 ready", "pod app1/web-2: ContainerCreating: mount failed"]
    with pytest.raises(WaitTimeout, match="mount failed"):
        workloads.wait_ready(client, ["app1"], 10)
    deployment(api)
    pod(api, "web-2")
    workloads.wait_ready(client, ["app1"], 10)


def test_a_workload_whose_pods_do_not_exist_yet_is_not_ready(client: KubeClient, api: FakeApi) -> None:
    deployment(api, ready=0)
    assert workloads.not_ready(client, ["app1"]) != []


def test_pods_know_their_claims_and_why_they_wait(client: KubeClient, api: FakeApi) -> None:
    pod(api, "web-1", ready=False)
    found = workloads.pods(client, ["app1"])[0]
    assert (found.claims, found.why, found.finished) == (("data",), "containers with unready status: [web]", False)


def test_a_pod_that_is_being_deleted_is_not_ready() -> None:
    record = {"metadata": {"name": "p", "deletionTimestamp": "x"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert not workloads.Pod.from_record(record).ready


def test_wait_gone(client: KubeClient, api: FakeApi) -> None:
    pod(api, "done", phase="Succeeded")
    pod(api, "web-1")
    with pytest.raises(WaitTimeout, match="web-1"):
        workloads.wait_gone(client, ["app1"], 5)
    del api.objects["/api/v1/namespaces/app1/pods/web-1"]
    workloads.wait_gone(client, ["app1"], 5)


@pytest.mark.parametrize(("replicas", "ready", "gone"), [(0, (False, False), True), (0, (True, False), False), (2, (False, False), False)])
def test_pods_that_a_stateful_set_at_zero_keeps_for_ever_are_deleted(
    client: KubeClient, api: FakeApi, replicas: int, ready: tuple[bool, bool], gone: bool,
) -> None:
    """Two that are not ready wait for each other; one alone is taken away by its set; and a set that still wants pods keeps them."""
    api.put("/apis/apps/v1/namespaces/app1/statefulsets/o", {"metadata": {"name": "o"}, "spec": {"replicas": replicas}})
    for number, is_ready in enumerate(ready):
        pod(api, f"db-{number}", ready=is_ready, owner="StatefulSet")
    if gone:
        workloads.wait_gone(client, ["app1"], 5)
    else:
        with pytest.raises(WaitTimeout):
            workloads.wait_gone(client, ["app1"], 5)
    assert len([path for path in api.objects if "/pods/" in path]) == (0 if gone else 2)


def test_precreate_once(client: KubeClient, api: FakeApi) -> None:
    assert volumes.precreate(client, pv())[1] is True
    assert volumes.precreate(client, pv())[1] is False
    assert len(api.writes()) == 1


@pytest.mark.parametrize("claim", ["other", None])
def test_precreate_does_not_take_anothers_volume(client: KubeClient, api: FakeApi, claim: str | None) -> None:
    api.put("/api/v1/persistentvolumes/pv1", pv(phase="Bound", claim=claim))
    with pytest.raises(Refused, match="wanted is app1/data"):
        volumes.precreate(client, pv())


def test_released_volume_is_freed_once(client: KubeClient, api: FakeApi) -> None:
    released = pv(phase="Released", uid="gone", policy="Delete")
    api.put("/api/v1/persistentvolumes/pv1", released)
    api.fail.append(("PATCH", "pv1", "executed"))
    assert volumes.unclaim_released(client, released)[1] is True
    live = api.objects["/api/v1/persistentvolumes/pv1"]["spec"]
    assert live == {"persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": "app1", "name": "data"}}
    assert volumes.unclaim_released(client, released)[1] is False
    assert len(api.writes()) == 1


@pytest.mark.parametrize("uid", ["gone", "new"])
def test_a_volume_that_is_bound_again_is_left_alone(client: KubeClient, api: FakeApi, uid: str) -> None:
    api.put("/api/v1/persistentvolumes/pv1", pv(phase="Bound", uid=uid))
    assert volumes.unclaim_released(client, pv(phase="Released", uid="gone"))[1] is False
    assert api.writes() == []


def test_retain_and_group_pvs(client: KubeClient, api: FakeApi) -> None:
    api.put("/api/v1/persistentvolumes/pv1", pv(policy="Delete"))
    api.put("/api/v1/persistentvolumes/pv2", pv("pv2"))
    api.put("/api/v1/namespaces/app1/persistentvolumeclaims/data", {"metadata": {"name": "data"}, "spec": {"volumeName": "pv1"}})
    api.put("/api/v1/namespaces/app1/persistentvolumeclaims/new", {"metadata": {"name": "new"}, "spec": {}})
    assert [found["metadata"]["name"] for found in volumes.group_pvs(client, ["app1"])] == ["pv1"]
    assert volumes.retain(client, "pv1")[1] is True
    assert volumes.retain(client, "pv1")[1] is False
    with pytest.raises(ApiError, match="does not exist"):
        volumes.retain(client, "none")


def test_internal_ips(client: KubeClient, api: FakeApi) -> None:
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "fd00::1"}]
    api.put("/api/v1/nodes/n1", {"status": {"addresses": addresses}})
    api.put("/api/v1/nodes/n2", {"status": {"addresses": addresses[:1]}})
    api.put("/api/v1/nodes/n3", {})
    assert nodes.internal_ips(client) == ["10.0.0.1", "fd00::1"]


def test_an_object_is_created_once_and_left_alone(client: KubeClient, api: FakeApi) -> None:
    gold = {"kind": "StorageClass", "metadata": {"name": "gold"}, "provisioner": "p"}
    assert objects.ensure_present(client, "storageclasses.storage.k8s.io", gold)[1] is True
    seen, changed = objects.ensure_present(client, "storageclasses.storage.k8s.io", {**gold, "provisioner": "q"})
    assert seen is not None
    assert (seen["provisioner"], changed) == ("p", False)
    assert objects.ensure_namespace(client, "trident")[1] is True


def test_a_kind_that_is_not_served(client: KubeClient) -> None:
    with pytest.raises(NotFound, match="does not serve gadgets.example.com"):
        objects.ensure_present(client, "gadgets.example.com", {"metadata": {"name": "g", "namespace": "app1"}})
    assert objects.ensure_present(client, "gadgets.example.com", {"metadata": {"name": "g"}}, check_mode=True) == (None, True)


def test_a_crd_is_waited_for_and_then_served(client: KubeClient, api: FakeApi) -> None:
    crd = {"kind": "CustomResourceDefinition", "metadata": {"name": "gadgets.example.com"}}
    with pytest.raises(WaitTimeout, match="gadgets.example.com"):
        objects.ensure_present(client, objects.CRDS, crd, 5)

    def establish() -> None:
        api.put(CRD_PATH, {**crd, "status": {"conditions": [{"type": "Established", "status": "True"}]}})
        api.kinds["example.com"] = [("gadgets", "Gadget", True)]

    api.clock.on_tick.append(establish)
    assert client.resource("gadgets.example.com") is None
    objects.ensure_present(client, objects.CRDS, crd, 5)
    api.namespaces("app1")
    assert objects.ensure_present(client, "gadgets.example.com", {"metadata": {"name": "g", "namespace": "app1"}})[1] is True
