# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real API server refuses of built-in kinds, as far as a disaster-recovery tool can meet it: one row per refusal, and the same object accepted."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.store import MemoryStore

from .conftest import CRDS, Json, Lab, definition

MERGE = "application/merge-patch+json"
POD: Json = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
WORKLOAD: Json = {"spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, **POD}}}
VOLUME: Json = {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "nfs": {"server": "10.0.0.1", "path": "/v"}}}
CLAIM: Json = {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gold"}}
CLASS: Json = {"provisioner": "csi.trident.netapp.io", "parameters": {"backendType": "ontap-nas"}}
SERVICE: Json = {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}
BINDING: Json = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}}
DATA: Json = {"data": {"k": "dg=="}}

PATHS = {
    "Pod": "/api/v1/namespaces/default/pods",
    "ConfigMap": "/api/v1/namespaces/default/configmaps",
    "Secret": "/api/v1/namespaces/default/secrets",
    "Service": "/api/v1/namespaces/default/services",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/default/persistentvolumeclaims",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
    "Namespace": "/api/v1/namespaces",
    "CustomResourceDefinition": CRDS,
}
GOOD: dict[str, Json] = {
    "Pod": POD,
    "ConfigMap": DATA,
    "Secret": DATA,
    "Service": SERVICE,
    "PersistentVolume": VOLUME,
    "PersistentVolumeClaim": CLAIM,
    "StorageClass": CLASS,
    "Deployment": WORKLOAD,
    "StatefulSet": WORKLOAD,
    "RoleBinding": BINDING,
    "Namespace": {},
}


def changed(obj: Json, path: str, value: Any) -> Json:
    """A copy with one field set, or removed for ``...``. A number in the path is an index."""
    result = copy.deepcopy(obj)
    at: Any = result
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parents:
        at = at[part] if isinstance(part, int) else at.setdefault(part, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return result


@pytest.mark.parametrize("kind", GOOD)
def test_good_objects_are_accepted(lab: Lab, kind: str) -> None:
    assert lab.ok("POST", PATHS[kind], {"metadata": {"name": "x"}, **GOOD[kind]})["kind"] == kind


CREATIONS = [
    ("Pod", "spec/containers", ..., 422, "spec.containers"),
    ("Pod", "spec/containers", [], 422, "spec.containers"),
    ("Pod", "spec/containers", [{"image": "i"}], 422, "spec.containers[0].name"),
    ("Pod", "spec/containers", [{"name": "c"}], 422, "spec.containers[0].image"),
    ("Pod", "spec/containers", [{"name": "c", "image": "i"}] * 2, 422, "spec.containers[1].name"),
    ("Pod", "spec/containers", "c", 400, "of type []interface"),
    ("Pod", "spec", ..., 422, "spec.containers"),
    ("Deployment", "spec/selector", ..., 422, "spec.selector"),
    ("Deployment", "spec/selector", {"matchLabels": {"a": "c"}}, 422, "does not match template"),
    ("Deployment", "spec/replicas", -1, 422, "spec.replicas"),
    ("Deployment", "spec/replicas", "3", 400, "cannot unmarshal string into Go struct field spec.replicas of type int32"),
    ("Deployment", "spec/replicas", True, 400, "cannot unmarshal bool"),
    ("Deployment", "spec/template", ..., 422, "spec.template.spec.containers"),
    ("Deployment", "spec", ..., 422, "spec.selector"),
    ("Deployment", "status", "up", 400, "cannot unmarshal string"),
    ("StatefulSet", "spec/replicas", -2, 422, "spec.replicas"),
    ("ConfigMap", "data", {"k": 1}, 400, "cannot unmarshal number into Go struct field data of type string"),
    ("ConfigMap", "data", ["k"], 400, "cannot unmarshal array"),
    ("ConfigMap", "data", {"a key": "v"}, 422, "data[a key]"),
    ("ConfigMap", "binaryData", {"k2": "###"}, 400, "illegal base64"),
    ("ConfigMap", "binaryData", {"k": "dg=="}, 422, "data[k]"),
    ("Secret", "data", {"k": "no base64"}, 400, "illegal base64"),
    ("Secret", "data", {"k": 5}, 400, "cannot unmarshal number"),
    ("Secret", "data", {"a/b": "dg=="}, 422, "data[a/b]"),
    ("Secret", "stringData", {"k": 5}, 400, "cannot unmarshal number"),
    ("Service", "spec/ports", ..., 422, "spec.ports"),
    ("Service", "spec/ports", [{"port": 0}], 422, "spec.ports[0].port"),
    ("Service", "spec/type", "Odd", 422, "spec.type"),
    ("PersistentVolume", "spec/nfs", ..., 422, "must specify a volume type"),
    ("PersistentVolume", "spec/csi", {"driver": "d", "volumeHandle": "h"}, 422, "may not specify more than 1 volume type"),
    ("PersistentVolume", "spec/nfs/server", ..., 422, "spec.nfs.server"),
    ("PersistentVolume", "spec/nfs/path", "", 422, "spec.nfs.path"),
    ("PersistentVolume", "spec/nfs", "10.0.0.1:/v", 400, "cannot unmarshal string"),
    ("PersistentVolume", "spec/capacity", ..., 422, "spec.capacity"),
    ("PersistentVolume", "spec/capacity/storage", "lots", 422, "spec.capacity[storage]"),
    ("PersistentVolume", "spec/capacity/storage", "-1Gi", 422, "spec.capacity[storage]"),
    ("PersistentVolume", "spec/accessModes", ..., 422, "spec.accessModes"),
    ("PersistentVolume", "spec/accessModes", ["ReadWriteSometimes"], 422, "spec.accessModes"),
    ("PersistentVolume", "spec/persistentVolumeReclaimPolicy", "Keep", 422, "persistentVolumeReclaimPolicy"),
    ("PersistentVolumeClaim", "spec/accessModes", [], 422, "spec.accessModes"),
    ("PersistentVolumeClaim", "spec/resources", ..., 422, "spec.resources[storage]"),
    ("PersistentVolumeClaim", "spec/volumeName", 7, 400, "spec.volumeName"),
    ("StorageClass", "provisioner", ..., 422, "provisioner"),
    ("StorageClass", "reclaimPolicy", "Keep", 422, "reclaimPolicy"),
    ("StorageClass", "parameters", {"n": 1}, 400, "cannot unmarshal number"),
    ("RoleBinding", "roleRef", ..., 422, "roleRef.name"),
    ("RoleBinding", "roleRef/kind", "Person", 422, "roleRef.kind"),
    ("ConfigMap", "metadata/labels", {"a b": "v"}, 422, "metadata.labels"),
    ("ConfigMap", "metadata/labels", {"a": "no blanks"}, 422, "metadata.labels"),
    ("ConfigMap", "metadata/labels", {"a": "x" * 64}, 422, "63 characters"),
    ("ConfigMap", "metadata/labels", {"x" * 64: "v"}, 422, "63 characters"),
    ("ConfigMap", "metadata/labels", {"UP/a": "v"}, 422, "prefix part"),
    ("ConfigMap", "metadata/labels", {"a": 1}, 400, "cannot unmarshal number"),
    ("ConfigMap", "metadata/annotations", {"a b": "v"}, 422, "metadata.annotations"),
    ("ConfigMap", "metadata/annotations", {"a": "x" * 262144}, 422, "Too long"),
    ("ConfigMap", "metadata/ownerReferences", [{"kind": "Pod", "name": "p"}], 422, "ownerReferences.uid"),
    ("ConfigMap", "metadata/name", "Upper", 422, "metadata.name"),
    ("ConfigMap", "metadata/name", "x" * 254, 422, "253 characters"),
    ("ConfigMap", "metadata/name", "a..b", 422, "metadata.name"),
    ("ConfigMap", "metadata", "text", 400, "not a ConfigMap"),
    ("Namespace", "metadata/name", "a.b", 422, "metadata.name"),
    ("Namespace", "metadata/name", "x" * 64, 422, "63 characters"),
    ("Service", "metadata/name", "1st", 422, "DNS-1035"),
    ("RoleBinding", "metadata/name", "a/b", 422, "metadata.name"),
]


@pytest.mark.parametrize(("kind", "path", "value", "code", "says"), CREATIONS)
def test_bad_objects_are_refused(lab: Lab, kind: str, path: str, value: Any, code: int, says: str) -> None:
    body = changed({"metadata": {"name": "x"}, **GOOD[kind]}, path, value)
    before = lab.cluster.version
    status = lab.refused(code, "POST", PATHS[kind], body)
    assert says in status["message"]
    assert status["reason"] == {400: "BadRequest", 422: "Invalid"}[code]
    assert lab.cluster.version == before


CHANGES = [
    ("Deployment", {"spec": {"selector": {"matchLabels": {"a": "c"}}, "template": {"metadata": {"labels": {"a": "c"}}}}}, "spec.selector"),
    ("StatefulSet", {"spec": {"serviceName": "other"}}, "updates to statefulset spec"),
    ("Pod", {"spec": {"nodeName": "n1"}}, "pod updates may not change fields"),
    ("PersistentVolume", {"spec": {"nfs": {"server": "10.0.0.2"}}}, "persistentvolumesource is immutable"),
    ("PersistentVolume", {"spec": {"nfs": None, "csi": {"driver": "d", "volumeHandle": "h"}}}, "persistentvolumesource is immutable"),
    ("PersistentVolume", {"spec": {"volumeMode": "Block"}}, "spec.volumeMode"),
    ("PersistentVolumeClaim", {"spec": {"storageClassName": "other"}}, "spec is immutable after creation"),
    ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, "spec is immutable after creation"),
    ("StorageClass", {"provisioner": "other"}, "updates to provisioner are forbidden"),
    ("StorageClass", {"parameters": {"more": "x"}}, "updates to parameters are forbidden"),
    ("StorageClass", {"reclaimPolicy": "Retain"}, "reclaimPolicy"),
    ("Secret", {"type": "other"}, "type"),
    ("Service", {"spec": {"clusterIP": "10.96.9.9"}}, "spec.clusterIP"),
    ("RoleBinding", {"roleRef": {"name": "other"}}, "cannot change roleRef"),
]


@pytest.mark.parametrize(("kind", "patch", "says"), CHANGES)
def test_what_cannot_be_changed(lab: Lab, kind: str, patch: Json, says: str) -> None:
    made = lab.ok("POST", PATHS[kind], {"metadata": {"name": "x"}, **GOOD[kind]})
    assert says in lab.refused(422, "PATCH", f"{PATHS[kind]}/x", patch, content_type=MERGE)["message"]
    assert lab.ok("GET", f"{PATHS[kind]}/x") == made


ALLOWED = [
    ("Deployment", {"spec": {"replicas": 0}}),
    ("StatefulSet", {"spec": {"replicas": 0}}),
    ("Pod", {"spec": {"containers": [{"name": "c", "image": "newer"}]}}),
    ("PersistentVolume", {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
    ("PersistentVolume", {"spec": {"claimRef": {"namespace": "default", "name": "data"}}}),
    ("PersistentVolumeClaim", {"spec": {"volumeName": "pv1"}}),
    ("StorageClass", {"allowVolumeExpansion": True}),
    ("Secret", {"data": {"k": "eA=="}}),
]


@pytest.mark.parametrize(("kind", "patch"), ALLOWED)
def test_what_can_be_changed(lab: Lab, kind: str, patch: Json) -> None:
    lab.ok("POST", PATHS[kind], {"metadata": {"name": "x"}, **GOOD[kind]})
    seen = lab.ok("PATCH", f"{PATHS[kind]}/x", patch, content_type=MERGE)
    assert lab.ok("PATCH", f"{PATHS[kind]}/x", patch, content_type=MERGE) == seen


def test_a_claim_keeps_its_volume_and_grows_only_when_bound(lab: Lab) -> None:
    path = f"{PATHS['PersistentVolumeClaim']}/x"
    lab.ok("POST", PATHS["PersistentVolumeClaim"], {"metadata": {"name": "x"}, **CLAIM})
    lab.ok("PATCH", path, {"spec": {"volumeName": "pv1"}}, content_type=MERGE)
    lab.refused(422, "PATCH", path, {"spec": {"volumeName": "pv2"}}, content_type=MERGE)
    lab.refused(422, "PATCH", path, {"spec": {"volumeName": None}}, content_type=MERGE)
    lab.ok("PATCH", f"{path}/status", {"status": {"phase": "Bound"}}, content_type=MERGE)
    lab.ok("PATCH", path, {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, content_type=MERGE)


def test_immutable_data_stays(lab: Lab) -> None:
    lab.ok("POST", PATHS["ConfigMap"], {"metadata": {"name": "x"}, "immutable": True, **DATA})
    for patch in ({"data": {"k": "w"}}, {"immutable": False}):
        lab.refused(422, "PATCH", f"{PATHS['ConfigMap']}/x", patch, content_type=MERGE)
    lab.ok("PATCH", f"{PATHS['ConfigMap']}/x", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)


def test_secrets_take_plain_text(lab: Lab) -> None:
    made = lab.ok("POST", PATHS["Secret"], {"metadata": {"name": "x"}, "stringData": {"k": "v"}})
    assert (made["data"], made["type"]) == ({"k": "dg=="}, "Opaque")
    assert "stringData" not in made


def test_names_of_roles_may_have_colons(lab: Lab) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    lab.ok("POST", path, {"metadata": {"name": "system:node:x"}})
    assert lab.ok("GET", f"{path}/system:node:x")["metadata"]["name"] == "system:node:x"


def test_services_get_an_address_unless_headless(lab: Lab) -> None:
    made = lab.ok("POST", PATHS["Service"], {"metadata": {"name": "x"}, **SERVICE})
    assert made["spec"]["clusterIP"].startswith("10.96.")
    replaced = lab.ok("PUT", f"{PATHS['Service']}/x", {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 81}]}})
    assert replaced["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    lab.ok("POST", PATHS["Service"], {"metadata": {"name": "h"}, "spec": {"clusterIP": "None"}})


BROKEN_DEFINITIONS = [
    ("spec", ..., "spec"),
    ("spec/group", ..., "spec.group"),
    ("spec/scope", "Somewhere", "spec.scope"),
    ("spec/names", ..., "spec.names.plural"),
    ("spec/names/kind", ..., "spec.names.kind"),
    ("spec/versions", [], "spec.versions"),
    ("spec/versions/0/schema", ..., "openAPIV3Schema"),
    ("spec/versions/0/name", ..., "spec.versions[0].name"),
    ("spec/versions/0/storage", False, "storage version"),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "Phase"}], "additionalPrinterColumns.jsonPath"),
    ("metadata/name", "other.example.com", "metadata.name"),
]


@pytest.mark.parametrize(("path", "value", "says"), BROKEN_DEFINITIONS)
def test_broken_definitions_are_refused(lab: Lab, path: str, value: Any, says: str) -> None:
    body = changed(definition("example.com", "things", "Thing", {"type": "object"}), path, value)
    assert says in lab.refused(422, "POST", CRDS, body)["message"]
    lab.refused(404, "GET", "/apis/example.com/v1/things")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_the_cluster_s_own_namespaces_stay(lab: Lab, name: str) -> None:
    assert "may not be deleted" in lab.refused(403, "DELETE", f"/api/v1/namespaces/{name}")["message"]
    assert lab.ok("GET", f"/api/v1/namespaces/{name}")["status"] == {"phase": "Active"}


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all fields, as ``changed`` takes them."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield f"{path}{step}"
        yield from paths_of(below, f"{path}{step}/")


@pytest.mark.parametrize("kind", [*GOOD, "CustomResourceDefinition"])
def test_no_body_is_too_odd_to_be_answered(kind: str) -> None:
    """Each field in turn becomes something else: accepted or refused, never an error of the server, and what was accepted can be listed and collected."""
    crd = definition("example.com", "things", "Thing", {"type": "object"}, additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": ".a"}])
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}
    metadata = {"labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a/b"], "ownerReferences": [owner]}
    base = {**GOOD.get(kind, crd), "metadata": {"name": crd["metadata"]["name"] if kind not in GOOD else "x", **metadata}}
    for path in paths_of(base):
        for value in (None, "x", 5, [], ["x"], [None], {"x": {"y": 1}}, [{"x": 1}]):
            lab = Lab(MemoryStore(), VirtualClock())
            assert lab.ask("POST", PATHS[kind], changed(base, path, value)).status < 500, (path, value)
            lab.tick()
            assert lab.ok("GET", PATHS[kind], accept="application/json;as=Table;v=v1;g=meta.k8s.io")["kind"] == "Table"
