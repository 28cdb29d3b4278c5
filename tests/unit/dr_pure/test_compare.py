# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A restored object against the backup's."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.compare import DIFFERING, MISSING, PRESENT, Context, compare
from hypothesis import given
from hypothesis import strategies as st

from .manifests import PLURALS, Manifest, claim, key_of, nfs, obj, pv


def judged(kind: str, mine: Manifest, change: dict[str, Any] | None, **context: Any) -> tuple[str, list[str], list[str]]:
    """Outcome, unexpected paths, expected paths, after a merge of ``change`` into a copy."""
    live = copy.deepcopy(mine)
    for path, value in (change or {}).items():
        *parents, last = path.split("/")
        place: Any = live
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    found = compare(key_of(PLURALS.get(kind, kind), mine), mine, live, Context(**context))
    return found.outcome, [difference.path for difference in found.unexpected], [difference.path for difference in found.differences if difference.expected]


WEB = obj("Deployment", "web", "app1", spec={"replicas": 2, "template": {"spec": {"containers": [
    {"name": "app", "image": "web:1", "env": [{"name": "MODE", "value": "a"}], "resources": {"limits": {"memory": "1Gi", "cpu": "500m"}}}]}}})
PORT = {"name": "http", "port": 80, "nodePort": 30001}
SERVICE = obj("Service", "web", "app1", spec={"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": [PORT]})
HEADLESS = obj("Service", "db", "app1", spec={"clusterIP": "None", "ports": [{"port": 5432}]})
SETTINGS = obj("ConfigMap", "settings", "app1", data={"a": "1", "size": "1Gi"})
ROOT_CA = obj("ConfigMap", "kube-root-ca.crt", "app1", data={"ca.crt": "x"})
SECRET = obj("Secret", "s", "app1", data={"password": "aHVudGVyMg=="}, type="Opaque")
TOKEN = obj("Secret", "t", "app1", data={"token": "x"}, type="kubernetes.io/service-account-token")
POD = obj("Pod", "web-1", "app1", spec={"nodeName": "n1", "containers": [{"name": "app", "image": "web:1", "volumeMounts": [{"name": "kube-api-access-x"}]}],
                                        "volumes": [{"name": "kube-api-access-x", "projected": {}}]})


@pytest.mark.parametrize(
    ("kind", "mine", "change", "unexpected", "expected"),
    [
        ("deployments", WEB, {}, [], []),
        ("deployments", WEB, {"metadata/uid": "n", "metadata/resourceVersion": "9", "status": {"x": 1}}, [],
         ["metadata.resourceVersion", "metadata.uid", "status.x"]),
        ("deployments", WEB, {"metadata/labels": {"velero.io/restore-name": "r", "mine": "x"}}, ["metadata.labels.mine"],
         ["metadata.labels.velero.io/restore-name"]),
        ("deployments", WEB, {"spec/replicas": 0}, ["spec.replicas"], []),
        ("deployments", WEB, {"spec/template/spec/containers/0/image": "web:2"}, ["spec.template.spec.containers[app].image"], []),
        ("deployments", WEB, {"spec/template/spec/containers/0/resources/limits": {"memory": "1024Mi", "cpu": "0.5"}}, [], []),
        ("deployments", WEB, {"spec/strategy": {"type": "RollingUpdate"}, "spec/template/spec/dnsPolicy": "ClusterFirst"}, [], []),
        ("deployments", WEB, {"spec/template/spec/containers/0/env": []}, ["spec.template.spec.containers[app].env[MODE]"], []),
        ("services", SERVICE, {"spec/clusterIP": "10.96.0.9", "spec/clusterIPs": ["10.96.0.9"]}, [], ["spec.clusterIP", "spec.clusterIPs[0]"]),
        ("services", SERVICE, {"spec/ports/0/nodePort": 31000}, [], ["spec.ports[http].nodePort"]),
        ("services", SERVICE, {"spec/ports/0/port": 81}, ["spec.ports[http].port"], []),
        ("services", SERVICE, {"spec/clusterIP": "None"}, ["spec.clusterIP"], []),
        ("services", HEADLESS, {"spec/clusterIP": "10.96.0.9"}, ["spec.clusterIP"], []),
        ("configmaps", SETTINGS, {"data/b": "2"}, ["data.b"], []), ("configmaps", SETTINGS, {"data/a": None}, ["data.a"], []),
        ("configmaps", SETTINGS, {"data/size": "1024Mi"}, ["data.size"], []), ("configmaps", ROOT_CA, {"data/ca.crt": "y"}, [], ["data.ca.crt"]),
        ("secrets", SECRET, {"data/password": "b3RoZXI="}, ["data.password"], []), ("secrets", TOKEN, {"data/token": "y"}, [], ["data.token"]),
        ("pods", POD, {"spec/nodeName": "n2", "metadata/annotations": {"cni": "x"}}, [], ["metadata.annotations.cni", "spec.nodeName"]),
        ("pods", POD, {"spec/volumes": [{"name": "kube-api-access-y"}]}, [], ["spec.volumes[kube-api-access-x]", "spec.volumes[kube-api-access-y]"]),
        ("pods", POD, {"spec/containers/0/image": "other"}, ["spec.containers[app].image"], []),
        ("claims", claim("c", "pv1"), {"spec/volumeName": "pv9"}, ["spec.volumeName"], []),
        ("claims", claim("c", "pv1"), {"spec/volumeName": None}, ["spec.volumeName"], []),
        ("pvs", pv("pv1", "c", nfs("/data")), {"spec/claimRef/uid": "new", "spec/claimRef/resourceVersion": "9"}, [],
         ["spec.claimRef.resourceVersion", "spec.claimRef.uid"]),
        ("pvs", pv("pv1", "c", nfs("/data"), policy="Delete"), {"spec/persistentVolumeReclaimPolicy": "Retain"}, [], ["spec.persistentVolumeReclaimPolicy"]),
        ("pvs", pv("pv1", "c", nfs("/data")), {"spec/persistentVolumeReclaimPolicy": "Delete"}, ["spec.persistentVolumeReclaimPolicy"], []),
        ("pvs", pv("pv1", "c", nfs("/data")), {"spec/nfs/server": "10.9.9.9"}, ["spec.nfs.server"], []),
        ("classes", obj("StorageClass", "gold", parameters={"a": "1"}), {"parameters/a": "2"}, ["parameters.a"], []),
        ("roles", obj("ClusterRole", "r", rules=[{"verbs": ["get"]}]), {"rules": [{"verbs": ["get", "list"]}]}, ["rules[0].verbs[1]"], []),
    ],
)
def test_differences(kind: str, mine: Manifest, change: dict[str, Any], unexpected: list[str], expected: list[str]) -> None:
    outcome, bad, good = judged(kind, mine, change)
    assert (bad, good) == (unexpected, expected)
    always = {"metadata.uid", "metadata.resourceVersion", "status.x"}
    assert outcome == (DIFFERING if set(bad + good) - always else PRESENT)


def test_recorded_replicas_are_expected() -> None:
    key = ("deployments.apps", "app1", "web")
    assert judged("deployments", WEB, {"spec/replicas": 3}, replicas={key: 3}) == (DIFFERING, [], ["spec.replicas"])
    assert judged("deployments", WEB, {"spec/replicas": 0}, replicas={key: 3}) == (DIFFERING, ["spec.replicas"], [])


def test_a_claim_off_the_svm_may_be_provisioned_anew() -> None:
    elsewhere = frozenset({("persistentvolumeclaims", "app1", "c")})
    assert judged("claims", claim("c", "pv1"), {"spec/volumeName": "pv9"}, elsewhere=elsewhere) == (DIFFERING, [], ["spec.volumeName"])


def owned(kind: str, owner: str) -> Manifest:
    return obj(kind, "x", "app1", metadata={"ownerReferences": [{"kind": owner, "name": "o", "controller": True}]})


@pytest.mark.parametrize(
    ("kind", "mine", "good"),
    [
        ("configmaps", SETTINGS, False), ("secrets", SECRET, False), ("claims", claim("c", "pv1"), False), ("claims", claim("c", ""), False),
        ("pods", POD, False),
        ("pods", owned("Pod", "ReplicaSet"), True), ("pods", {**POD, "status": {"phase": "Succeeded"}}, True), ("secrets", TOKEN, True),
        ("endpoints", obj("Endpoints", "web", "app1"), True), ("replicasets.apps", owned("ReplicaSet", "Deployment"), True),
        ("events", obj("Event", "e", "app1"), True),
        ("replicasets.apps", obj("ReplicaSet", "r", "app1"), False), ("jobs.batch", obj("Job", "j", "app1", status={"completionTime": "t"}), True),
        ("jobs.batch", obj("Job", "j", "app1"), False), ("configmaps", obj("ConfigMap", "m", "app1", metadata={"deletionTimestamp": "t"}), True),
    ],
)
def test_absence(kind: str, mine: Manifest, good: bool) -> None:
    found = compare(key_of(PLURALS.get(kind, kind), mine), mine, None)
    assert (found.outcome, found.good) == (MISSING, good)


def test_values_never_leave() -> None:
    live = {**SECRET, "data": {"password": "bmV3", "more": "Y29uZmlkZW50aWFs"}}
    told = json.dumps([difference.__dict__ for difference in compare(("secrets", "app1", "s"), SECRET, live).differences])
    assert "password" in told
    assert "more" in told
    assert not [value for value in ("aHVudGVyMg==", "bmV3", "Y29uZmlkZW50aWFs") if value in told]


NAMES = st.sampled_from(["a", "name", "data", "spec"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab1Gi", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8,
)


@given(JSON, st.sampled_from(sorted(PLURALS)))
def test_nothing_differs_from_itself(part: Any, kind: str) -> None:
    mine = obj("X", "x", "app1", spec=part, data=part)
    assert judged(kind, mine, {}) == (PRESENT, [], [])


@given(JSON, JSON)
def test_any_two_objects_can_be_compared(one: Any, other: Any) -> None:
    mine, live = obj("X", "x", spec=one, data=one), obj("X", "x", spec=other, data=other)
    found = compare(("gadgets.example.com", "", "x"), mine, live)
    assert all(difference.path for difference in found.differences)
