# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisioner and kubelet: a pod is ready only while its volumes lead to data, and a lost volume is replaced by an empty one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubedr_lab.controllers import trident
from kubedr_lab.controllers.ports import Obj
from kubedr_lab.kube_seed import seed

from .conftest import Site, run, site_seed

CLAIMS = "/api/v1/namespaces/app1/persistentvolumeclaims"
TRIDENT = "/apis/trident.netapp.io/v1/namespaces/trident"


def claim(name: str, storage_class: str) -> Obj:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"namespace": "app1", "name": name}, "spec": spec}


def pod_with(claim_name: str) -> Obj:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}]
    return {"metadata": {"namespace": "app1", "name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}}


def ready(pod: Obj) -> tuple[bool, str]:
    condition = next(entry for entry in pod["status"]["conditions"] if entry["type"] == "Ready")
    return condition["status"] == "True", condition.get("message", "")


@pytest.fixture
def seeded(tokyo: Site) -> Site:
    """Tokyo with one Trident claim, and a pod that mounts it."""
    run(seed(tokyo.kube, site_seed("tokyo", {"app1": "10.1.1.21"})))
    tokyo.add(CLAIMS, claim("data", "ontap-nas"))
    tokyo.add("/api/v1/namespaces/app1/pods", pod_with("data"))
    return tokyo


def handle(site: Site) -> str:
    return str(site.kube.one("persistentvolumeclaims", "data")["spec"]["volumeName"])


def test_trident_makes_volume_record_and_pv(seeded: Site) -> None:
    seeded.settle()
    name = handle(seeded)
    internal = trident.internal_name(name)
    assert seeded.ontap.volumes == {("svm_app1", internal): bytearray()}
    entry = seeded.kube.one("tridentvolumes", name)
    assert entry["config"]["accessInformation"] == {"nfsServerIp": "10.1.1.21", "nfsPath": f"/{internal}"}
    assert entry["backendUUID"] == seeded.kube.one("tridentbackends", "tbe-app1")["backendUUID"]
    pv = seeded.kube.one("persistentvolumes", name)
    assert pv["spec"]["csi"]["volumeHandle"] == name
    assert pv["spec"]["csi"]["volumeAttributes"]["internalName"] == internal
    assert pv["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert ready(seeded.kube.one("pods", "p")) == (True, "")


def test_a_claim_that_lost_its_volume_gets_a_new_empty_one(seeded: Site) -> None:
    """What a restore of a Delete volume leads to."""
    seeded.settle()
    seeded.ontap.volumes[("svm_app1", trident.internal_name(handle(seeded)))].extend(b"precious")
    first = handle(seeded)
    seeded.patch(f"/api/v1/persistentvolumes/{first}", {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})
    seeded.delete(f"{CLAIMS}/data")
    seeded.settle()
    seeded.add(CLAIMS, claim("data", "ontap-nas"))
    seeded.settle()
    assert handle(seeded) != first
    assert seeded.kube.one("persistentvolumes", first)["status"]["phase"] == "Released"
    assert seeded.ontap.volumes == {
        ("svm_app1", trident.internal_name(first)): bytearray(b"precious"), ("svm_app1", trident.internal_name(handle(seeded))): bytearray()}


def test_a_released_delete_volume_goes_with_its_data(seeded: Site) -> None:
    seeded.settle()
    seeded.delete(f"{CLAIMS}/data")
    seeded.settle()
    assert seeded.ontap.volumes == {}
    assert seeded.kube.of("persistentvolumes") == seeded.kube.of("tridentvolumes") == []


def test_deletion_waits_for_ontap(seeded: Site) -> None:
    seeded.settle()
    seeded.ontap.silent = True
    seeded.delete(f"{CLAIMS}/data")
    seeded.settle()
    assert seeded.kube.of("persistentvolumes")[0]["status"]["phase"] == "Released"
    seeded.ontap.silent = False
    seeded.settle(2.0)
    assert seeded.kube.of("persistentvolumes") == []


@pytest.mark.parametrize("trouble", ["no backend", "lif down", "silent", "job still running"])
def test_a_claim_stays_pending_until_it_can_be_served(seeded: Site, trouble: str) -> None:
    if trouble == "no backend":
        seeded.patch(f"{TRIDENT}/tridentbackends/tbe-app1", {"backendName": "other"})
    seeded.ontap.lifs["10.1.1.21"]["up"] = trouble != "lif down"
    seeded.ontap.silent = trouble == "silent"
    seeded.ontap.slow_jobs = trouble == "job still running"
    seeded.settle()
    assert seeded.kube.one("persistentvolumeclaims", "data")["status"]["phase"] == "Pending"
    assert "ProvisioningFailed" in {event["reason"] for event in seeded.kube.of("events")}
    condition = seeded.kube.one("pods", "p")["status"]["conditions"][-1]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "Unschedulable")
    if trouble == "no backend":
        seeded.patch(f"{TRIDENT}/tridentbackends/tbe-app1", {"backendName": "app1"})
    seeded.ontap.lifs["10.1.1.21"]["up"], seeded.ontap.silent, seeded.ontap.slow_jobs = True, False, False
    seeded.settle(2.0)
    assert ready(seeded.kube.one("pods", "p")) == (True, "")
    assert len(seeded.ontap.volumes) == 1


def test_a_local_claim_gets_a_directory_of_the_node(seeded: Site) -> None:
    seeded.add(CLAIMS, claim("scratch", "local"))
    seeded.settle()
    scratch = seeded.kube.one("persistentvolumeclaims", "scratch")
    pv = seeded.kube.one("persistentvolumes", scratch["spec"]["volumeName"])
    assert pv["spec"]["hostPath"]["path"].startswith("/opt/local-path-provisioner/pvc-")
    seeded.delete(f"{CLAIMS}/scratch")
    seeded.settle()
    assert [volume["metadata"]["name"] for volume in seeded.kube.of("persistentvolumes")] == [handle(seeded)]


@pytest.mark.parametrize(("namespace", "owner"), [("app1", "app1"), ("app1-batch", "app1"), ("app10", "app10"), ("app1-b-x", "app1-b"), ("other", None)])
def test_a_backend_serves_the_namespaces_of_its_group(namespace: str, owner: str | None) -> None:
    backends = [trident.backend(group, "10.0.0.1") for group in ("app1", "app10", "app1-b")]
    found = trident.backend_for(namespace, backends)
    assert (found and found["backendName"]) == owner


def lose_lif(site: Site) -> None:
    site.ontap.lifs["10.1.1.21"]["up"] = False


def lose_volume(site: Site) -> None:
    site.ontap.volumes.clear()


def lose_access(site: Site) -> None:
    site.ontap.clients = ("10.2.2.11",)


def lose_site(site: Site) -> None:
    site.ontap.silent = site.other.silent = True


def lose_record(site: Site) -> None:
    site.patch(f"{TRIDENT}/tridentvolumes/{handle(site)}", {"metadata": {"finalizers": None}})
    site.delete(f"{TRIDENT}/tridentvolumes/{handle(site)}")


def lose_backend(site: Site) -> None:
    site.patch(f"{TRIDENT}/tridentbackends/tbe-app1", {"online": False})


@pytest.mark.parametrize(("lose", "reason"), [
    (lose_lif, "No route to host"), (lose_volume, "No such file or directory"), (lose_access, "access denied by server"),
    (lose_site, "no answer from 10.1.1.21"), (lose_record, "was not found in Trident"), (lose_backend, "is offline"),
])
def test_a_ready_pod_turns_unready_when_its_volume_goes(seeded: Site, lose: Callable[[Site], None], reason: str) -> None:
    seeded.settle()
    lose(seeded)
    seeded.settle(10.0)
    pod = seeded.kube.one("pods", "p")
    is_ready, message = ready(pod)
    assert not is_ready
    assert reason in message
    assert "running" in pod["status"]["containerStatuses"][0]["state"]


def test_a_pod_that_never_ran_waits_as_container_creating_and_recovers(seeded: Site) -> None:
    seeded.ontap.clients = ()
    seeded.settle()
    pod = seeded.kube.one("pods", "p")
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert pod["spec"]["nodeName"] in ("tokyo-node-1", "tokyo-node-2")
    seeded.ontap.clients = ("10.1.2.11", "10.1.2.12")
    seeded.settle(0.5)
    pod = seeded.kube.one("pods", "p")
    assert (pod["status"]["phase"], ready(pod)) == ("Running", (True, ""))
    assert pod["status"]["hostIP"] in ("10.1.2.11", "10.1.2.12")


def test_the_other_site_is_asked_when_the_own_one_has_not_the_address(seeded: Site) -> None:
    """A stretched network: storage failed over, the pods did not."""
    seeded.settle()
    content = dict(seeded.ontap.volumes)
    seeded.ontap.lifs.clear()
    seeded.other.lifs["10.1.1.21"] = {"svm": "svm_app1_dr", "up": True}
    seeded.other.volumes = {("svm_app1_dr", name): data for (_svm, name), data in content.items()}
    seeded.settle(10.0)
    assert ready(seeded.kube.one("pods", "p")) == (True, "")


def test_ready_pods_are_looked_at_less_often(seeded: Site) -> None:
    seeded.settle()
    asked = seeded.ontap.asked
    seeded.settle(9.0)
    assert seeded.ontap.asked == asked
    seeded.settle(1.0)
    assert seeded.ontap.asked == asked + 1


def test_a_pod_without_a_claim_object_or_a_known_volume_kind(seeded: Site) -> None:
    seeded.add("/api/v1/namespaces/app1/pods", {**pod_with("absent"), "metadata": {"namespace": "app1", "name": "q"}})
    block = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "san", "persistentVolumeReclaimPolicy": "Retain"}
    iscsi = {"targetPortal": "10.0.0.9:3260", "iqn": "iqn.1992-08.com.netapp:sn", "lun": 0}
    seeded.add("/api/v1/persistentvolumes", {"metadata": {"name": "lun"}, "spec": {**block, "iscsi": iscsi}})
    seeded.add(CLAIMS, claim("block", "san"))
    seeded.add("/api/v1/namespaces/app1/pods", {**pod_with("block"), "metadata": {"namespace": "app1", "name": "r"}})
    seeded.settle()
    assert '"absent" not found' in seeded.kube.one("pods", "q")["status"]["conditions"][0]["message"]
    assert "cannot mount" in ready(seeded.kube.one("pods", "r"))[1]


def test_a_pod_that_is_being_deleted_is_finished(seeded: Site) -> None:
    """On a real API server a pod with a node stays until its kubelet lets go."""
    seeded.settle()
    path = "/api/v1/namespaces/app1/pods/p"
    seeded.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}})
    seeded.delete(path)
    before = len(seeded.kube.requests)
    seeded.settle()
    assert seeded.kube.requests[before:].count(("DELETE", path)) == 1
    seeded.patch(path, {"metadata": {"finalizers": None}})
    assert seeded.kube.of("pods") == []


def test_where_the_lif_is_down_nothing_is_provisioned(seeded: Site) -> None:
    seeded.ontap.lifs = {"10.1.1.21": {"svm": "svm_app1_dr", "up": False}}
    seeded.settle()
    assert seeded.ontap.posts == 0
