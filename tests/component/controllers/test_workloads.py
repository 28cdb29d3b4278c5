# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and StatefulSets."""

from __future__ import annotations

from typing import Any

import pytest

from kubedr_lab.controllers.ports import Obj

from .conftest import Site, run

NODES, NS = "/api/v1/nodes", "/apis/apps/v1/namespaces/app1"


@pytest.fixture
def site(tokyo: Site) -> Site:
    tokyo.add(NODES, {"metadata": {"name": "n1"}})
    status = {"addresses": [{"type": "InternalIP", "address": "10.1.2.11"}], "conditions": [{"type": "Ready", "status": "True"}]}
    tokyo.patch(f"{NODES}/n1/status", {"status": status})
    return tokyo


def workload(kind: str, replicas: int, **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    return {
        "metadata": {"namespace": "app1", "name": "x"}, "kind": kind,
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template, **spec},
    }


def patch(site: Site, plural: str, body: Obj) -> None:
    site.patch(f"{NS}/{plural}/x", body)
    site.settle()


def test_a_deployment_reaches_the_status_that_clients_wait_for(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 2))
    site.settle()
    status = site.kube.one("deployments", "x")["status"]
    conditions = {entry["type"]: entry["status"] for entry in status.pop("conditions")}
    assert status == {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    assert conditions == {"Available": "True", "Progressing": "True"}
    assert {pod["spec"]["nodeName"] for pod in site.kube.of("pods")} == {"n1"}


def test_scaling_a_deployment_to_zero_and_back(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 2))
    site.settle()
    patch(site, "deployments", {"spec": {"replicas": 0}})
    assert site.kube.of("pods") == []
    assert {"replicas", "readyReplicas"} & site.kube.one("deployments", "x")["status"].keys() == set()
    patch(site, "deployments", {"spec": {"replicas": 1}})
    assert len(site.kube.of("pods")) == 1
    assert len(site.kube.of("replicasets")) == 1


def test_a_changed_template_replaces_the_pods(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 2))
    site.settle()
    patch(site, "deployments", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}})
    assert {pod["spec"]["containers"][0]["image"] for pod in site.kube.of("pods")} == {"i:2"}
    assert sorted(entry["spec"]["replicas"] for entry in site.kube.of("replicasets")) == [0, 2]


def test_restored_pods_and_sets_without_owners_are_adopted(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 2))
    site.settle()
    before = {plural: [obj["metadata"]["name"] for obj in site.kube.of(plural)] for plural in ("pods", "replicasets")}
    for plural, root in (("pods", "/api/v1/namespaces/app1"), ("replicasets", NS)):
        for name in before[plural]:
            site.patch(f"{root}/{plural}/{name}", {"metadata": {"ownerReferences": None}})
    site.settle()
    assert before == {plural: [obj["metadata"]["name"] for obj in site.kube.of(plural)] for plural in ("pods", "replicasets")}
    assert all(obj["metadata"]["ownerReferences"][0]["controller"] for plural in before for obj in site.kube.of(plural))


def test_one_refused_workload_does_not_stop_the_others(site: Site) -> None:
    bad = workload("Deployment", 1)
    bad["metadata"]["name"] = "bad"
    site.add(f"{NS}/deployments", bad)
    site.add(f"{NS}/statefulsets", workload("StatefulSet", 1))
    site.kube.refuse["POST", f"{NS}/replicasets"] = (422, {"reason": "Invalid", "message": "no"})
    site.settle()
    assert [pod["metadata"]["name"] for pod in site.kube.of("pods")] == ["x-0"]
    site.kube.refuse.clear()
    site.settle(1.0)
    assert len(site.kube.of("pods")) == 2


def test_a_namespace_that_is_going_takes_no_new_pods_and_is_no_error(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 1))
    site.kube.refuse["POST", "/api/v1/namespaces/app1/pods"] = (403, {"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}})
    site.settle()
    assert site.kube.of("pods") == []


def test_a_stateful_set_waits_for_each_pod_before_it_makes_the_next(site: Site) -> None:
    wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    templates = [{"metadata": {"name": "data"}, "spec": wanted}]
    site.add(f"{NS}/statefulsets", workload("StatefulSet", 2, serviceName="x", volumeClaimTemplates=templates))
    site.settle()
    assert [pod["metadata"]["name"] for pod in site.kube.of("pods")] == ["x-0"]
    condition = site.kube.of("pods")[0]["status"]["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "Unschedulable")
    for number in range(2):
        site.add("/api/v1/persistentvolumes", {"metadata": {"name": f"v{number}"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/d"}}})
    site.settle()
    assert [pod["metadata"]["name"] for pod in site.kube.of("pods")] == ["x-0", "x-1"]
    status = site.kube.one("statefulsets", "x")["status"]
    assert status["readyReplicas"] == status["currentReplicas"] == status["updatedReplicas"] == 2
    assert status["currentRevision"] == status["updateRevision"]


def test_scaling_a_stateful_set_to_zero_keeps_its_claims_and_uses_them_again(site: Site) -> None:
    test_a_stateful_set_waits_for_each_pod_before_it_makes_the_next(site)
    claims = {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in site.kube.of("persistentvolumeclaims")}
    assert set(claims) == {"data-x-0", "data-x-1"}
    patch(site, "statefulsets", {"spec": {"replicas": 0}})
    assert site.kube.of("pods") == []
    patch(site, "statefulsets", {"spec": {"replicas": 2}})
    assert claims == {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in site.kube.of("persistentvolumeclaims")}
    assert len(site.kube.of("pods")) == 2


def test_a_changed_stateful_set_rolls_all_pods(site: Site) -> None:
    site.add(f"{NS}/statefulsets", workload("StatefulSet", 2, serviceName="x"))
    site.settle()
    patch(site, "statefulsets", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}})
    site.settle()
    assert [pod["spec"]["containers"][0]["image"] for pod in site.kube.of("pods")] == ["i:2", "i:2"]


def test_controllers_at_rest_send_one_request(site: Site) -> None:
    site.add(f"{NS}/deployments", workload("Deployment", 2))
    site.settle()
    site.settle()
    before = len(site.kube.requests)
    due = run(site.controllers.tick())
    assert site.kube.requests[before:] == [("GET", "/api/v1/namespaces")]
    assert due is not None
    assert due > site.clock.now()


def test_every_namespace_gets_what_kubernetes_puts_there(site: Site) -> None:
    site.settle()
    assert site.kube.one("serviceaccounts", "default")["metadata"]["namespace"] == "app1"
    assert site.kube.one("configmaps", "kube-root-ca.crt")["data"] == {"ca.crt": "CA"}
