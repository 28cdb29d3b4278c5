# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, read, update, patch, apply, delete, on built-in and custom resources."""

from __future__ import annotations

import json

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.store import MemoryStore

from .conftest import BACKUPS, CRDS, Json, Lab, definition

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE, STRATEGIC, JSON_PATCH = (f"application/{kind}+json" for kind in ("merge-patch", "strategic-merge-patch", "json-patch"))
APPLY = "application/apply-patch+yaml"


def deployment(name: str = "web", replicas: int = 2) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "web:1", "env": [{"name": "A", "value": "1"}]}]}}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}}


def test_a_new_object_gets_what_the_server_gives(lab: Lab) -> None:
    made = lab.ok("POST", MAPS, {"metadata": {"generateName": "record-", "annotations": {"note": None}}, "data": {"epoch": "1"}})
    metadata = made["metadata"]
    assert metadata["name"].startswith("record-")
    assert len(metadata["name"]) == len("record-") + 5
    assert metadata["creationTimestamp"] == "2026-07-01T00:00:00Z"
    assert metadata["annotations"] == {"note": ""}
    assert "generation" not in metadata
    assert lab.ok("GET", f"{MAPS}/{metadata['name']}") == made


def test_names_are_taken_once_and_namespaces_must_exist(lab: Lab) -> None:
    lab.ok("POST", MAPS, {"metadata": {"name": "a"}})
    assert lab.refused(409, "POST", MAPS, {"metadata": {"name": "a"}})["reason"] == "AlreadyExists"
    assert lab.refused(404, "POST", "/api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}})["details"]["name"] == "none"
    lab.refused(400, "POST", MAPS, {"metadata": {"name": "b", "namespace": "other"}})
    lab.refused(400, "POST", MAPS, {"metadata": {"name": "b", "resourceVersion": "3"}})
    lab.refused(400, "POST", MAPS, {"kind": "Secret", "metadata": {"name": "b"}})
    lab.refused(400, "POST", MAPS, b"{not json")
    lab.refused(422, "POST", MAPS, {"metadata": {}})


def test_an_update_needs_the_version_that_it_was_computed_from(velero: Lab) -> None:
    made = velero.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h"}})
    changed = {**made, "spec": {"ttl": "2h"}}
    newer = velero.ok("PUT", f"{BACKUPS}/b1", changed)
    assert newer["metadata"]["generation"] == 2
    assert velero.refused(409, "PUT", f"{BACKUPS}/b1", changed)["reason"] == "Conflict"
    without = {**newer, "metadata": {"name": "b1"}}
    assert "must be specified for an update" in velero.refused(422, "PUT", f"{BACKUPS}/b1", without)["message"]
    velero.refused(500, "PUT", f"{BACKUPS}/b1", {**newer, "metadata": {"name": "b1", "resourceVersion": "abc"}})
    velero.refused(400, "PUT", f"{BACKUPS}/b1", {**newer, "metadata": {**newer["metadata"], "name": "b2"}})
    velero.refused(409, "PUT", f"{BACKUPS}/b1", {**newer, "metadata": {**newer["metadata"], "uid": "another"}})


def test_an_update_that_changes_nothing_is_no_write(lab: Lab) -> None:
    made = lab.ok("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    before = lab.cluster.version
    assert lab.ok("PUT", f"{MAPS}/a", made) == made
    assert lab.ok("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, content_type=MERGE) == made
    assert lab.cluster.version == before


def test_server_owned_metadata_cannot_be_changed(lab: Lab) -> None:
    made = lab.ok("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    lab.ok("PATCH", f"{MAPS}/a", {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z", "generation": 9}}, content_type=MERGE)
    assert lab.ok("GET", f"{MAPS}/a")["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    for body in ({"kind": "Secret"}, {"metadata": {"uid": "x"}}):
        lab.refused(422, "PATCH", f"{MAPS}/a", body, content_type=MERGE)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_dry_run_answers_and_stores_nothing(lab: Lab, method: str) -> None:
    lab.ok("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    before = lab.cluster.version
    path, name = (MAPS, "b") if method == "POST" else (f"{MAPS}/a", "a")
    body = None if method == "DELETE" else {"metadata": {"name": name}, "data": {"k": "w"}}
    content_type = MERGE if method == "PATCH" else "application/json"
    answer = lab.ok(method, path, body, content_type=content_type, dryRun="All")
    assert answer["kind"] == "Status" if method == "DELETE" else answer["data"] == {"k": "w"}
    assert lab.cluster.version == before
    assert lab.ok("GET", f"{MAPS}/a")["data"] == {"k": "v"}
    lab.refused(422, method, path, body, content_type=content_type, dryRun="Some")


def test_status_is_a_resource_of_its_own_where_the_type_says_so(lab: Lab) -> None:
    made = lab.ok("POST", DEPLOYMENTS, {**deployment(), "status": {"replicas": 5}})
    assert made["status"] == {}
    assert made["metadata"]["generation"] == 1
    seen = lab.ok("PATCH", f"{DEPLOYMENTS}/web/status", {"status": {"readyReplicas": 2}, "spec": {"replicas": 9}}, content_type=MERGE)
    assert (seen["status"], seen["spec"]["replicas"], seen["metadata"]["generation"]) == ({"readyReplicas": 2}, 2, 1)
    seen = lab.ok("PATCH", f"{DEPLOYMENTS}/web", {"status": {"readyReplicas": 0}, "spec": {"replicas": 3}}, content_type=MERGE)
    assert (seen["status"], seen["spec"]["replicas"], seen["metadata"]["generation"]) == ({"readyReplicas": 2}, 3, 2)


def test_status_of_a_velero_backup_is_part_of_it(velero: Lab) -> None:
    velero.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h"}})
    seen = velero.ok("PATCH", f"{BACKUPS}/b1", {"status": {"phase": "Completed"}}, content_type=MERGE)
    assert seen["metadata"]["generation"] == 2
    velero.refused(404, "GET", f"{BACKUPS}/b1/status")
    velero.refused(404, "PATCH", f"{BACKUPS}/b1/status", {"status": {"phase": "New"}}, content_type=MERGE)


def test_volumes_and_claims_have_a_status_subresource(lab: Lab) -> None:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "nfs": {"server": "10.0.0.1", "path": "/v"}}
    made = lab.ok("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "pv1"}, "spec": spec, "status": {"phase": "Bound"}})
    assert made["status"] == {"phase": "Pending"}
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert lab.ok("PATCH", "/api/v1/persistentvolumes/pv1/status", {"status": {"phase": "Available"}}, content_type=MERGE)["status"] == {"phase": "Available"}


def test_custom_resources_are_pruned_defaulted_and_checked(velero: Lab) -> None:
    made = velero.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h", "other": 1}, "status": {"phase": "New", "conditions": []}})
    assert made["spec"] == {"ttl": "1h", "storageLocation": "default"}
    assert made["status"] == {"phase": "New"}
    strict = velero.refused(400, "POST", BACKUPS, {"metadata": {"name": "b2"}, "spec": {"ttl": "1h", "other": 1}}, fieldValidation="Strict")
    assert 'strict decoding error: unknown field "spec.other"' in strict["message"]
    body = {"metadata": {"name": "b2"}, "spec": {"includedNamespaces": "all", "limit": 0}, "status": {"phase": "Odd"}}
    causes = velero.refused(422, "POST", BACKUPS, body)["details"]["causes"]
    assert {cause["field"] for cause in causes} == {"spec.ttl", "spec.includedNamespaces", "spec.limit", "status.phase"}


def test_json_patch(lab: Lab) -> None:
    lab.ok("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    operations = [{"op": "test", "path": "/data/k", "value": "v"}, {"op": "replace", "path": "/data/k", "value": "w"}]
    assert lab.ok("PATCH", f"{MAPS}/a", operations, content_type=JSON_PATCH)["data"] == {"k": "w"}
    lab.refused(422, "PATCH", f"{MAPS}/a", operations, content_type=JSON_PATCH)
    lab.refused(400, "PATCH", f"{MAPS}/a", {"op": "test"}, content_type=JSON_PATCH)
    lab.refused(422, "PATCH", f"{MAPS}/a", [{"op": "replace", "path": "", "value": 3}], content_type=JSON_PATCH)


def test_strategic_merge_knows_keyed_lists_and_custom_resources_refuse_it(velero: Lab) -> None:
    velero.ok("POST", DEPLOYMENTS, deployment())
    container = {"name": "main", "image": "web:2", "env": [{"name": "B", "value": "2"}, {"name": "A", "$patch": "delete"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container, {"name": "side", "image": "s:1"}]}}}}
    seen = velero.ok("PATCH", f"{DEPLOYMENTS}/web", patch, content_type=STRATEGIC)
    containers = seen["spec"]["template"]["spec"]["containers"]
    assert [(each["name"], each["image"]) for each in containers] == [("main", "web:2"), ("side", "s:1")]
    assert containers[0]["env"] == [{"name": "B", "value": "2"}]
    velero.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h"}})
    assert velero.refused(415, "PATCH", f"{BACKUPS}/b1", {}, content_type=STRATEGIC)["reason"] == "UnsupportedMediaType"


def test_a_patch_with_an_old_version_is_a_conflict(lab: Lab) -> None:
    made = lab.ok("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    guarded = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"k": "w"}}
    lab.ok("PATCH", f"{MAPS}/a", guarded, content_type=MERGE)
    lab.refused(409, "PATCH", f"{MAPS}/a", {**guarded, "data": {"k": "x"}}, content_type=MERGE)


def test_apply_owns_fields_and_reports_conflicts(lab: Lab) -> None:
    def apply(manager: str, data: Json, code: int = 200, **more: str) -> Json:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}
        if code >= 400:
            return lab.refused(code, "PATCH", f"{MAPS}/a", body, content_type=APPLY, fieldManager=manager, **more)
        return lab.ok("PATCH", f"{MAPS}/a", body, content_type=APPLY, fieldManager=manager, **more)

    apply("one", {"x": "1", "y": "1"})
    before = lab.cluster.version
    apply("one", {"x": "1", "y": "1"})
    assert lab.cluster.version == before
    assert apply("two", {"y": "2"}, 409)["details"]["causes"][0]["field"] == ".data.y"
    assert apply("two", {"y": "2"}, force="true")["data"] == {"x": "1", "y": "2"}
    assert apply("one", {"z": "1"})["data"] == {"y": "2", "z": "1"}
    lab.refused(422, "PATCH", f"{MAPS}/a", {"apiVersion": "v1", "kind": "ConfigMap"}, content_type=APPLY)
    lab.refused(400, "PATCH", f"{MAPS}/a", {"kind": "ConfigMap"}, content_type=APPLY, fieldManager="one")


def test_apply_takes_items_of_keyed_lists_back(lab: Lab) -> None:
    def apply(*names: str) -> list[str]:
        body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment()}
        body["spec"]["template"]["spec"]["containers"] = [{"name": name, "image": "i:1"} for name in names]
        seen = lab.ok("PATCH", f"{DEPLOYMENTS}/web", body, content_type=APPLY, fieldManager="one")
        return [container["name"] for container in seen["spec"]["template"]["spec"]["containers"]]

    assert apply("main", "side") == ["main", "side"]
    assert apply("main") == ["main"]


def test_apply_reads_yaml(lab: Lab) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
    assert lab.ask("PATCH", f"{MAPS}/a", body, content_type=APPLY, fieldManager="one").status == 201
    lab.refused(400, "PATCH", f"{MAPS}/a", b"a: [", content_type=APPLY, fieldManager="one")


def test_scale(lab: Lab) -> None:
    lab.ok("POST", DEPLOYMENTS, deployment())
    assert lab.ok("GET", f"{DEPLOYMENTS}/web/scale")["spec"] == {"replicas": 2}
    assert lab.ok("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 0}}, content_type=MERGE)["spec"] == {"replicas": 0}
    assert lab.ok("PUT", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 4}})["spec"] == {"replicas": 4}
    assert lab.ok("GET", f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 4
    lab.refused(422, "PUT", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": -1}})
    lab.refused(400, "PUT", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": "3"}})


def test_a_pod_gets_its_node_once_through_its_binding(lab: Lab) -> None:
    lab.ok("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    lab.refused(422, "PATCH", f"{PODS}/p", {"spec": {"nodeName": "n1"}}, content_type=MERGE)
    target = {"target": {"kind": "Node", "name": "n1"}}
    lab.ok("POST", f"{PODS}/p/binding", target)
    assert lab.ok("GET", f"{PODS}/p")["spec"]["nodeName"] == "n1"
    lab.refused(409, "POST", f"{PODS}/p/binding", target)
    lab.refused(404, "POST", f"{PODS}/q/binding", target)
    lab.refused(405, "GET", f"{PODS}/p/binding")


PODS = "/api/v1/namespaces/default/pods"
ODD_REQUESTS = [
    ("PUT", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": "3"}}),
    ("PUT", f"{DEPLOYMENTS}/web/scale", ["spec"]),
    ("PUT", f"{DEPLOYMENTS}/web/status", {"status": {"conditions": "none"}}),
    ("PUT", f"{DEPLOYMENTS}/web/status", 5),
    ("PUT", f"{PODS}/p/status", {"status": {"containerStatuses": [None]}}),
    ("POST", f"{PODS}/p/binding", {"target": "n1"}),
    ("POST", f"{PODS}/p/binding", "n1"),
    ("DELETE", f"{DEPLOYMENTS}/web", {"preconditions": {"uid": 5}}),
    ("DELETE", f"{DEPLOYMENTS}/web", {"dryRun": "All"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ODD_REQUESTS)
def test_odd_bodies_of_subresources_and_options_are_refused(lab: Lab, method: str, path: str, body: object) -> None:
    lab.ok("POST", DEPLOYMENTS, deployment())
    lab.ok("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    before = lab.cluster.version
    lab.refused(400, method, path, body)
    assert lab.cluster.version == before


def test_deletion_honours_preconditions_finalizers_and_policies(lab: Lab) -> None:
    made = lab.ok("POST", MAPS, {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    lab.refused(409, "DELETE", f"{MAPS}/a", {"preconditions": {"uid": "another"}})
    lab.refused(422, "DELETE", f"{MAPS}/a", {"propagationPolicy": "Sideways"})
    lab.refused(422, "DELETE", f"{MAPS}/a", propagationPolicy="Sideways")
    lab.clock.advance(60)
    marked = lab.ok("DELETE", f"{MAPS}/a", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert marked["metadata"]["deletionTimestamp"] == "2026-07-01T00:01:00Z"
    assert lab.ok("DELETE", f"{MAPS}/a") == marked
    lab.ok("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    lab.refused(404, "GET", f"{MAPS}/a")
    lab.refused(404, "DELETE", f"{MAPS}/a")


def test_a_collection_can_be_deleted_by_label(lab: Lab) -> None:
    for name in ("a", "b", "c"):
        lab.ok("POST", MAPS, {"metadata": {"name": name, "labels": {"keep": str(name == "b").lower()}}})
    assert len(lab.ok("DELETE", MAPS, labelSelector="keep=false")["items"]) == 2
    assert [item["metadata"]["name"] for item in lab.ok("GET", MAPS)["items"]] == ["b"]
    for path in ("/api/v1/configmaps", "/api/v1/namespaces"):
        lab.refused(405, "DELETE", path)


def test_paths_and_methods_that_do_not_exist(velero: Lab) -> None:
    for path in ("/api/v1/nothing", "/apis/none.io/v1/things", "/apis/none.io", "/api/v2", "/other", f"{MAPS}/a/status", "/api/v1/namespaces/default/nodes"):
        velero.refused(404, "GET", path)
    velero.refused(404, "POST", "/apis/velero.io/v1/backups", {"metadata": {"name": "b"}})
    velero.refused(405, "POST", "/api/v1/configmaps", {"metadata": {"name": "a"}})
    velero.refused(405, "PUT", MAPS, {"metadata": {"name": "a"}})
    velero.refused(405, "POST", f"{MAPS}/a", {"metadata": {"name": "a"}})
    velero.refused(405, "POST", "/version")


def test_a_definition_adds_a_type_and_its_deletion_takes_type_and_objects(velero: Lab) -> None:
    conditions = velero.ok("GET", f"{CRDS}/backups.velero.io")["status"]["conditions"]
    assert {condition["type"]: condition["status"] for condition in conditions} == {"NamesAccepted": "True", "Established": "True"}
    velero.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h"}})
    velero.ok("PATCH", f"{CRDS}/backups.velero.io", {"spec": {"names": {"shortNames": ["bak"]}}}, content_type=MERGE)
    assert velero.ok("GET", "/apis/velero.io/v1")["resources"][0]["shortNames"] == ["bak"]
    assert velero.ok("GET", BACKUPS)["items"][0]["metadata"]["name"] == "b1"
    velero.ok("DELETE", f"{CRDS}/backups.velero.io")
    velero.tick()
    velero.refused(404, "GET", BACKUPS)
    velero.ok("POST", CRDS, definition("velero.io", "backups", "Backup", {"type": "object"}))
    assert velero.ok("GET", BACKUPS)["items"] == []


def test_protobuf_of_kubectl_is_understood_and_other_kinds_are_named(lab: Lab) -> None:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    def envelope(kind: bytes, message: bytes) -> bytes:
        return b"k8s\0" + field(1, field(1, b"v1") + field(2, kind)) + field(2, message)

    data = field(2, field(1, b"k") + field(2, b"v"))
    protobuf = "application/vnd.kubernetes.protobuf"
    made = lab.ok("POST", MAPS, envelope(b"ConfigMap", field(1, field(1, b"a") + field(11, field(1, b"l") + field(2, b"1"))) + data), content_type=protobuf)
    assert (made["metadata"]["name"], made["metadata"]["labels"], made["data"]) == ("a", {"l": "1"}, {"k": "v"})
    assert "LimitRange" in lab.refused(415, "POST", MAPS, envelope(b"LimitRange", b""), content_type=protobuf)["message"]
    for broken in (b"nonsense", b"k8s\0", envelope(b"ConfigMap", b"\x0a\xff")):
        lab.refused(400, "POST", MAPS, broken, content_type=protobuf)


def test_tokens() -> None:
    lab = Lab(MemoryStore(), VirtualClock(), {"good": "admin"})
    assert lab.refused(401, "GET", MAPS, token="bad")["reason"] == "Unauthorized"
    assert lab.refused(403, "GET", MAPS)["reason"] == "Forbidden"
    assert lab.ok("GET", MAPS, token="good")["items"] == []
    assert lab.ask("GET", "/readyz").body == b"ok"
    review = {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}}
    answer = lab.ok("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, token="good")
    assert answer["status"] == {"allowed": True}
    assert json.loads(lab.ask("GET", "/version").body)["gitVersion"].startswith("v1.")


def test_each_answer_carries_the_lab_s_date(lab: Lab) -> None:
    lab.clock.advance(3600)
    assert lab.ask("GET", MAPS).headers["date"] == "Wed, 01 Jul 2026 01:00:00 GMT"
    assert lab.ask("GET", "/nothing").headers["date"] == "Wed, 01 Jul 2026 01:00:00 GMT"
