# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists, selectors, paging, tables, discovery and watches."""

from __future__ import annotations

import asyncio
import json

import pytest

from kubedr_lab.clock import LabClock, VirtualClock
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.watch import Watch
from kubedr_lab.messages import Request
from kubedr_lab.store import MemoryStore

from .conftest import BACKUP_SCHEMA, BACKUPS, CRDS, Json, Lab, definition, events

MAPS = "/api/v1/namespaces/default/configmaps"
FREE: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def put(lab: Lab, name: str, namespace: str = "default", **labels: str) -> Json:
    return lab.ok("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": name, "labels": labels}, "data": {"k": name}})


def names(answer: Json) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


def test_lists_are_ordered_and_carry_their_kind(lab: Lab) -> None:
    for name, namespace in (("b", "default"), ("a", "kube-system"), ("a", "default")):
        put(lab, name, namespace)
    answer = lab.ok("GET", "/api/v1/configmaps")
    assert (answer["kind"], answer["apiVersion"], names(answer)) == ("ConfigMapList", "v1", ["a", "b", "a"])
    assert answer["metadata"]["resourceVersion"] == str(lab.cluster.version)
    assert names(lab.ok("GET", MAPS)) == ["a", "b"]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("tier=db", ["a"]),
        ("tier==db", ["a"]),
        ("tier!=db", ["b", "c"]),
        ("tier in (db,web)", ["a", "b"]),
        ("tier notin (db)", ["b", "c"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("tier in (db,web),tier!=web", ["a"]),
        ("example.com/x=1", []),
    ],
)
def test_label_selectors(lab: Lab, selector: str, found: list[str]) -> None:
    put(lab, "a", tier="db")
    put(lab, "b", tier="web")
    put(lab, "c")
    assert names(lab.ok("GET", MAPS, labelSelector=selector)) == found


def test_field_selectors(lab: Lab) -> None:
    put(lab, "a")
    put(lab, "b")
    assert names(lab.ok("GET", MAPS, fieldSelector="metadata.name=b")) == ["b"]
    assert names(lab.ok("GET", MAPS, fieldSelector="metadata.name!=b,metadata.namespace=default")) == ["a"]
    for selector in ("spec.nodeName=n1", "nonsense"):
        lab.refused(400, "GET", MAPS, fieldSelector=selector)
    lab.refused(400, "GET", MAPS, labelSelector="a=b=c=")
    assert names(lab.ok("GET", "/api/v1/pods", fieldSelector="spec.nodeName=n1,status.phase!=Running")) == []


def test_pages_follow_one_another(lab: Lab) -> None:
    for name in "edcba":
        put(lab, name, odd=str(name in "ace").lower())
    first = lab.ok("GET", MAPS, limit="2")
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    second = lab.ok("GET", MAPS, **{"limit": "2", "continue": first["metadata"]["continue"]})
    last = lab.ok("GET", MAPS, **{"limit": "2", "continue": second["metadata"]["continue"]})
    assert (names(second), names(last)) == (["c", "d"], ["e"])
    assert "continue" not in last["metadata"]
    chosen = lab.ok("GET", MAPS, limit="2", labelSelector="odd=true")
    assert names(chosen) == ["a", "c"]
    assert "remainingItemCount" not in chosen["metadata"]
    lab.refused(400, "GET", MAPS, **{"continue": "nonsense"})
    lab.refused(400, "GET", MAPS, limit="many")
    lab.refused(500, "GET", MAPS, resourceVersion="abc")


def test_tables_have_kubectl_s_columns(lab: Lab) -> None:
    put(lab, "a")
    lab.clock.advance(3 * 3600)
    answer = lab.ok("GET", MAPS, accept=TABLE)
    assert [column["name"] for column in answer["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert answer["rows"][0]["cells"] == ["a", 1, "3h"]
    assert answer["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert lab.ok("GET", MAPS, accept=TABLE, includeObject="Object")["rows"][0]["object"]["data"] == {"k": "a"}
    assert "object" not in lab.ok("GET", f"{MAPS}/a", accept=TABLE, includeObject="None")["rows"][0]
    partial = lab.ok("GET", MAPS, accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert "data" not in partial["items"][0]


def test_printer_columns_of_a_definition(lab: Lab) -> None:
    ready = '.status.conditions[?(@.type=="Ready")].status'
    paths = (("Phase", ".status.phase"), ("Ready", ready), ("First", ".status.conditions[0].type"), ("Gone", ".status.none[3]"))
    columns = [{"name": name, "type": "string", "jsonPath": path} for name, path in paths]
    lab.ok("POST", CRDS, definition("example.com", "things", "Thing", FREE, additionalPrinterColumns=columns))
    status = {"phase": "Up", "conditions": [{"type": "Old", "status": "False"}, {"type": "Ready", "status": "True"}]}
    path = "/apis/example.com/v1/namespaces/default/things"
    lab.ok("POST", path, {"metadata": {"name": "t"}, "status": status})
    assert lab.ok("GET", path, accept=TABLE)["rows"][0]["cells"] == ["t", "Up", "True", "Old", ""]


def test_two_versions_of_a_type_share_their_objects(lab: Lab) -> None:
    body = definition("example.com", "things", "Thing", FREE)
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v2", "storage": False})
    lab.ok("POST", CRDS, body)
    old, new = (f"/apis/example.com/{version}/namespaces/default/things" for version in ("v1", "v2"))
    lab.ok("POST", old, {"metadata": {"name": "t"}, "spec": {"a": 1}})
    assert lab.ok("GET", f"{new}/t")["apiVersion"] == "example.com/v2"
    assert [item["apiVersion"] for item in lab.ok("GET", new)["items"]] == ["example.com/v2"]
    assert events(lab.watch(new))[0][1]["apiVersion"] == "example.com/v2"


def test_discovery_in_both_forms(velero: Lab) -> None:
    assert "velero.io" in [group["name"] for group in velero.ok("GET", "/apis")["groups"]]
    assert velero.ok("GET", "/apis/velero.io")["preferredVersion"] == {"groupVersion": "velero.io/v1", "version": "v1"}
    core = velero.ok("GET", "/api/v1")
    listed = {resource["name"]: resource for resource in core["resources"]}
    assert core["groupVersion"] == "v1"
    assert listed["pods"]["categories"] == ["all"]
    assert listed["persistentvolumeclaims/status"]["kind"] == "PersistentVolumeClaim"
    assert listed["pods/binding"]["verbs"] == ["create"]
    assert [resource["name"] for resource in velero.ok("GET", "/apis/velero.io/v1")["resources"]] == ["backups"]
    for path, group in (("/api", ""), ("/apis", "velero.io")):
        answer = velero.ok("GET", path, accept=AGGREGATED)
        assert answer["apiVersion"] == "apidiscovery.k8s.io/v2"
        assert group in [item["metadata"]["name"] for item in answer["items"]]
    assert velero.ok("GET", "/api")["versions"] == ["v1"]


def test_openapi_has_what_kubectl_looks_for(velero: Lab) -> None:
    index = velero.ok("GET", "/openapi/v3")["paths"]
    assert index["apis/velero.io/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/velero.io/v1?hash=")
    document = velero.ok("GET", "/openapi/v3/apis/velero.io/v1")
    patch = document["paths"]["/apis/velero.io/v1/namespaces/{namespace}/backups/{name}"]["patch"]
    assert {parameter["name"] for parameter in patch["parameters"]} >= {"dryRun", "fieldValidation"}
    assert patch["x-kubernetes-group-version-kind"] == {"group": "velero.io", "version": "v1", "kind": "Backup"}
    schema = document["components"]["schemas"]["io.velero.v1.Backup"]
    assert schema["properties"]["spec"] == BACKUP_SCHEMA["properties"]["spec"]
    assert "/api/v1/nodes/{name}" in velero.ok("GET", "/openapi/v3/api/v1")["paths"]
    velero.refused(404, "GET", "/openapi/v3/apis/none.io/v1")
    velero.refused(404, "GET", "/openapi/v3/other")


def test_a_watch_tells_what_happens(lab: Lab) -> None:
    put(lab, "a")
    watch = lab.watch(MAPS)
    put(lab, "b")
    put(lab, "elsewhere", "kube-system")
    lab.ok("PATCH", f"{MAPS}/b", {"data": {"k": "x"}}, content_type=MERGE)
    lab.ok("DELETE", f"{MAPS}/a")
    assert [(kind, obj["metadata"]["name"]) for kind, obj in events(watch)] == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    assert events(watch) == []


def test_a_watch_goes_on_where_a_list_ended(lab: Lab) -> None:
    put(lab, "a")
    version = lab.ok("GET", MAPS)["metadata"]["resourceVersion"]
    put(lab, "b")
    assert [(kind, obj["metadata"]["name"]) for kind, obj in events(lab.watch(MAPS, resourceVersion=version))] == [("ADDED", "b")]


def test_a_watch_from_before_the_history_is_told_so(lab: Lab) -> None:
    put(lab, "a")
    for number in range(5002):
        lab.ok("PATCH", f"{MAPS}/a", {"data": {"k": str(number)}}, content_type=MERGE)
    watch = lab.watch(MAPS, resourceVersion="5")
    [(kind, status)] = events(watch)
    assert (kind, status["code"], status["reason"], watch.ended) == ("ERROR", 410, "Expired", True)


def test_objects_come_and_go_with_a_selector(lab: Lab) -> None:
    watch = lab.watch(MAPS, labelSelector="tier=db")
    put(lab, "a", tier="web")
    lab.ok("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"tier": "db"}}}, content_type=MERGE)
    lab.ok("PATCH", f"{MAPS}/a", {"data": {"k": "x"}}, content_type=MERGE)
    lab.ok("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"tier": "web"}}}, content_type=MERGE)
    lab.ok("DELETE", f"{MAPS}/a")
    assert [kind for kind, _unused in events(watch)] == ["ADDED", "MODIFIED", "DELETED"]


def test_bookmarks_and_the_end_follow_the_clock(lab: Lab) -> None:
    watch = lab.watch(MAPS, timeoutSeconds="45", allowWatchBookmarks="true")
    assert watch.wait() == 30
    lab.clock.advance(30)
    assert [kind for kind, _unused in events(watch)] == ["BOOKMARK"]
    assert watch.wait() == 14
    lab.clock.advance(14)
    assert [kind for kind, _unused in events(watch)] == ["BOOKMARK"]
    assert not watch.ended
    lab.clock.advance(1)
    assert events(watch) == []
    assert watch.ended
    put(lab, "late")
    assert events(watch) == []


def test_initial_events_end_with_a_bookmark(lab: Lab) -> None:
    put(lab, "a")
    watch = lab.watch(MAPS, sendInitialEvents="true", allowWatchBookmarks="true", resourceVersion=str(lab.cluster.version))
    (added, _unused), (mark, obj) = events(watch)
    assert (added, mark, obj["metadata"]["annotations"]) == ("ADDED", "BOOKMARK", {"k8s.io/initial-events-end": "true"})


def test_a_watch_can_speak_tables_and_the_old_path_works(lab: Lab) -> None:
    watch = lab.watch("/api/v1/watch/namespaces/default/configmaps", accept=TABLE)
    put(lab, "a")
    put(lab, "b")
    tables = [obj for _unused, obj in events(watch)]
    assert [table["rows"][0]["cells"][0] for table in tables] == ["a", "b"]
    assert [table["columnDefinitions"] is None for table in tables] == [False, True]


def test_a_watch_is_a_stream_under_asyncio() -> None:
    async def play() -> list[str]:
        cluster = KubeCluster("tokyo", MemoryStore(), LabClock(factor=50))
        watch = await cluster.handle(Request("GET", MAPS, {"watch": ["1"], "timeoutSeconds": ["1"]}))
        assert isinstance(watch, Watch)

        async def write() -> None:
            await asyncio.sleep(0.05)
            await cluster.handle(Request("POST", MAPS, body=b'{"metadata": {"name": "a"}}'))

        task = asyncio.create_task(write())
        seen = [json.loads(chunk)["object"]["metadata"]["name"] async for chunk in watch]
        await task
        return seen

    assert asyncio.run(asyncio.wait_for(play(), 5)) == ["a"]


def test_a_closed_watch_hears_nothing(lab: Lab) -> None:
    calls: list[int] = []
    watch = lab.watch(MAPS)
    watch.on_event = lambda: calls.append(1)
    put(lab, "a")
    watch.close()
    put(lab, "b")
    assert len(calls) == 1
    assert [obj["metadata"]["name"] for _unused, obj in events(watch)] == ["a"]


def test_long_lists_are_joins_of_what_is_encoded(velero: Lab) -> None:
    for number in range(300):
        velero.ok("POST", BACKUPS, {"metadata": {"name": f"b{number:03}"}, "spec": {"ttl": "1h"}})
    answer = velero.ok("GET", "/apis/velero.io/v1/backups")
    assert len(answer["items"]) == 300
    assert answer["items"][7] == velero.ok("GET", f"{BACKUPS}/b007")
    assert isinstance(velero.clock, VirtualClock)
