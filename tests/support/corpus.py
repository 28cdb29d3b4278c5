# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One corpus of requests for both tiers of Kubernetes, and what of their answers is compared.

The requests go to an API server without controllers, which holds Velero's CRDs and nothing else of ours, in the order in which they stand.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
NS = "corpus"
STALE = "1"
VARYING = frozenset({
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "clusterIP", "clusterIPs", "nodePort", "selfLink", "continue", "remainingItemCount",
    "lastTransitionTime", "lastPhaseTransitionTime", "time",
})
"""Fields whose values differ from server to server, or from run to run."""


@dataclass(frozen=True)
class Ask:
    """One request. ``compare`` says how much of the answer counts: ``all``, or only ``status`` with reason and details."""

    name: str
    method: str
    path: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    accept: str = "application/json"
    compare: str = "all"


@dataclass(frozen=True)
class Subject:
    """One kind that goes through every verb."""

    api: str
    plural: str
    kind: str
    spec: dict[str, Any]
    patch: dict[str, Any]
    namespaced: bool = True
    custom: bool = False

    @property
    def collection(self) -> str:
        """The path of its objects."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        return f"{root}/namespaces/{NS}/{self.plural}" if self.namespaced else f"{root}/{self.plural}"

    def body(self, name: str, **metadata: Any) -> dict[str, Any]:
        """A whole object."""
        place = {"namespace": NS} if self.namespaced else {}
        labels = {"corpus": "yes", "name": name}
        return {"apiVersion": self.api, "kind": self.kind, "metadata": {"name": name, **place, "labels": labels, **metadata}, **copy.deepcopy(self.spec)}


POD = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "main", "image": "registry.example.com/x:1"}]}}
SELECTOR = {"matchLabels": {"app": "x"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"}
NFS = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "nfs": {"server": "10.0.0.1", "path": "/x"}}
SUBJECTS = (
    Subject("v1", "configmaps", "ConfigMap", {"data": {"a": "1", "b": "2"}}, {"data": {"b": None, "c": "3"}}),
    Subject("v1", "secrets", "Secret", {"type": "Opaque", "data": {"k": base64.b64encode(b"v").decode()}}, {"stringData": {"l": "w"}}),
    Subject("v1", "serviceaccounts", "ServiceAccount", {}, {"metadata": {"annotations": {"n": "1"}}}),
    Subject("v1", "services", "Service", {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}, {"spec": {"selector": {"app": "y"}}}),
    Subject("v1", "persistentvolumeclaims", "PersistentVolumeClaim", {"spec": CLAIM}, {"metadata": {"annotations": {"n": "1"}}}),
    Subject("v1", "pods", "Pod", {"spec": POD["spec"]}, {"metadata": {"labels": {"more": "1"}}}),
    Subject("v1", "persistentvolumes", "PersistentVolume", {"spec": NFS}, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}, namespaced=False),
    Subject("apps/v1", "deployments", "Deployment", {"spec": {"selector": SELECTOR, "template": POD}}, {"spec": {"replicas": 3}}),
    Subject("apps/v1", "statefulsets", "StatefulSet", {"spec": {"selector": SELECTOR, "serviceName": "x", "template": POD}}, {"spec": {"replicas": 0}}),
    Subject("storage.k8s.io/v1", "storageclasses", "StorageClass", {"provisioner": "example.com/x"}, {"allowVolumeExpansion": True}, namespaced=False),
    Subject("rbac.authorization.k8s.io/v1", "roles", "Role", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}, {"rules": []}),
    Subject("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", {"value": 7}, {"description": "seven"}, namespaced=False),
    Subject("velero.io/v1", "backups", "Backup", {"spec": {"includedNamespaces": ["a"], "ttl": "720h0m0s"}}, {"spec": {"ttl": "1h0m0s"}}, custom=True),
    Subject("velero.io/v1", "restores", "Restore", {"spec": {"backupName": "b"}}, {"spec": {"includedNamespaces": ["a"]}}, custom=True),
    Subject(
        "velero.io/v1", "schedules", "Schedule", {"spec": {"schedule": "*/5 * * * *", "template": {"ttl": "1h0m0s"}}}, {"spec": {"paused": True}}, custom=True,
    ),
    Subject(
        "velero.io/v1", "backupstoragelocations", "BackupStorageLocation", {"spec": {"provider": "aws", "objectStorage": {"bucket": "b"}}},
        {"spec": {"accessMode": "ReadOnly"}}, custom=True,
    ),
)


def corpus() -> list[Ask]:
    """Every request, in order."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS, "labels": {"kubernetes.io/metadata.name": NS}}}
    asks = [*_discovery(), Ask("namespace create", "POST", "/api/v1/namespaces", space), Ask("namespace again", "POST", "/api/v1/namespaces", space)]
    for subject in SUBJECTS:
        asks += _life(subject)
    return [*asks, *_refusals(), *_namespaces()]


def _discovery() -> Iterator[Ask]:
    for path in ("/api", "/apis/apps", "/apis/velero.io", "/apis/nowhere.example.com", "/apis/apps/v9", "/nothing", "/api/v1/nothing", "/apis/apps/v1/nothing"):
        yield Ask(f"discovery {path}", "GET", path, compare="status" if path in ("/api", "/nothing") else "all")
    for path in ("/healthz", "/readyz", "/livez", "/version"):
        yield Ask(f"health {path}", "GET", path, compare="status")
    for group, resource, verb in (("", "pods", "list"), ("velero.io", "restores", "create")):
        spec = {"resourceAttributes": {"group": group, "resource": resource, "verb": verb, "namespace": NS}}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        yield Ask(f"access {verb} {resource}", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, compare="status")


def _life(subject: Subject) -> Iterator[Ask]:
    """Create, read in every form, change in every form, delete."""
    at, one = subject.collection, f"{subject.collection}/one"
    only = {"labelSelector": "corpus=yes"}

    def ask(name: str, method: str, path: str, body: Any = None, **more: Any) -> Ask:
        return Ask(f"{subject.plural} {name}", method, path, body, **more)

    yield ask("dry run", "POST", at, subject.body("dry"), query={"dryRun": "All"})
    yield ask("dry run left nothing", "GET", f"{at}/dry")
    yield ask("create", "POST", at, subject.body("one"))
    yield ask("create again", "POST", at, subject.body("one"))
    yield ask("create two", "POST", at, subject.body("two", annotations={"n": "2"}))
    yield ask("create unknown field warned", "POST", at, {**subject.body("three"), "nonsense": 1}, query={"fieldValidation": "Ignore"})
    yield ask("create unknown field strict", "POST", at, {**subject.body("four"), "nonsense": 1}, query={"fieldValidation": "Strict"})
    yield ask("bad name", "POST", at, subject.body("Bad_Name"), compare="status")
    yield ask("bad label", "POST", at, subject.body("five", labels={"a b": "c"}), compare="status")
    if subject.kind != "Service":  # a real server tries to give it an address until the request times out
        yield ask("no name", "POST", at, {key: value for key, value in subject.body("x").items() if key != "metadata"}, compare="status")
    yield ask("wrong kind", "POST", at, {**subject.body("six"), "kind": "Nonsense"}, compare="status")
    yield ask("get", "GET", one)
    yield ask("get missing", "GET", f"{at}/missing")
    yield ask("list", "GET", at, query=only)
    yield ask("list none", "GET", at, query={"labelSelector": "corpus=no"})
    yield ask("list by set", "GET", at, query={"labelSelector": "name in (one,two),corpus"})
    yield ask("list not equal", "GET", at, query={"labelSelector": "corpus=yes,name!=one"})
    yield ask("list bad selector", "GET", at, query={"labelSelector": "a in (b"}, compare="status")
    yield ask("list by field", "GET", at, query={**only, "fieldSelector": "metadata.name=two"})
    yield ask("list by unknown field", "GET", at, query={"fieldSelector": "spec.nonsense=two"}, compare="status")
    yield ask("list first page", "GET", at, query={**only, "limit": "1"})
    yield ask("list bad continue", "GET", at, query={"limit": "1", "continue": "nonsense"}, compare="status")
    yield ask("list as metadata", "GET", at, query=only, accept=METADATA_LIST)
    yield ask("get as metadata", "GET", one, accept=METADATA)
    yield ask("get as table", "GET", one, accept=TABLE, compare="status")
    yield ask("merge", "PATCH", one, subject.patch, content_type=MERGE)
    yield ask("merge dry run", "PATCH", one, {"metadata": {"labels": {"dry": "1"}}}, content_type=MERGE, query={"dryRun": "All"})
    yield ask("merge nothing", "PATCH", one, {}, content_type=MERGE)
    yield ask("merge missing", "PATCH", f"{at}/missing", {}, content_type=MERGE)
    yield ask("merge stale", "PATCH", one, {"metadata": {"resourceVersion": STALE}}, content_type=MERGE, compare="status")
    yield ask("merge other name", "PATCH", one, {"metadata": {"name": "other"}}, content_type=MERGE, compare="status")
    yield ask("merge other uid", "PATCH", one, {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}}, content_type=MERGE, compare="status")
    yield ask("json patch", "PATCH", one, [{"op": "add", "path": "/metadata/labels/j", "value": "1"}], content_type=JSON_PATCH)
    yield ask("json patch test fails", "PATCH", one, [{"op": "test", "path": "/metadata/labels/j", "value": "2"}], content_type=JSON_PATCH, compare="status")
    yield ask("json patch path missing", "PATCH", one, [{"op": "remove", "path": "/metadata/nonsense"}], content_type=JSON_PATCH, compare="status")
    yield ask("strategic", "PATCH", one, {"metadata": {"labels": {"s": "1"}}}, content_type=STRATEGIC, compare="status" if subject.custom else "all")
    yield ask("patch unknown type", "PATCH", one, {}, content_type="application/x-nonsense", compare="status")
    applied = {"apiVersion": subject.api, "kind": subject.kind, "metadata": {"name": "one", "labels": {"applied": "1"}}}
    yield ask("apply", "PATCH", one, applied, content_type=APPLY, query={"fieldManager": "corpus"})
    conflicting = {**applied, "metadata": {"name": "one", "labels": {"corpus": "changed"}}}
    yield ask("apply conflict", "PATCH", one, conflicting, content_type=APPLY, query={"fieldManager": "corpus"}, compare="status")
    yield ask("apply forced", "PATCH", one, conflicting, content_type=APPLY, query={"fieldManager": "corpus", "force": "true"})
    yield ask("put stale", "PUT", one, subject.body("one", resourceVersion=STALE), compare="status")
    yield ask("put without version", "PUT", one, subject.body("one"), compare="status")
    yield ask("put other name", "PUT", one, subject.body("other"), compare="status")
    yield ask("finalizer", "PATCH", one, {"metadata": {"finalizers": ["example.com/hold"]}}, content_type=MERGE)
    wrong = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "wrong"}}
    yield ask("delete other uid", "DELETE", one, wrong, compare="status")
    yield ask("delete held", "DELETE", one)
    yield ask("get held", "GET", one)
    yield ask("release", "PATCH", one, {"metadata": {"finalizers": None}}, content_type=MERGE, compare="status")
    yield ask("delete", "DELETE", f"{at}/two", {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}, compare="status")
    yield ask("delete missing", "DELETE", f"{at}/missing")


def _refusals() -> Iterator[Ask]:
    """Objects that are wrong in themselves."""
    where = {subject.kind: subject for subject in SUBJECTS}

    def wrong(name: str, kind: str, changes: dict[str, Any]) -> Ask:
        return Ask(f"refused {name}", "POST", where[kind].collection, {**where[kind].body("wrong"), **changes}, compare="status")

    yield wrong("deployment without selector", "Deployment", {"spec": {"template": POD}})
    yield wrong("deployment with negative replicas", "Deployment", {"spec": {"selector": SELECTOR, "template": POD, "replicas": -1}})
    yield wrong("deployment with textual replicas", "Deployment", {"spec": {"selector": SELECTOR, "template": POD, "replicas": "3"}})
    yield wrong("deployment whose selector does not match", "Deployment", {"spec": {"selector": {"matchLabels": {"app": "z"}}, "template": POD}})
    yield wrong("config map with numbers", "ConfigMap", {"data": {"a": 1}})
    yield wrong("secret that is not base64", "Secret", {"data": {"k": "%%%"}})
    yield wrong("claim without size", "PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteOnce"]}})
    yield wrong("claim with unknown access mode", "PersistentVolumeClaim", {"spec": {**CLAIM, "accessModes": ["Nonsense"]}})
    yield wrong("volume without source", "PersistentVolume", {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"]}})
    yield wrong("volume with unknown policy", "PersistentVolume", {"spec": {**NFS, "persistentVolumeReclaimPolicy": "Nonsense"}})
    yield wrong("class without provisioner", "StorageClass", {"provisioner": ""})
    yield wrong("pod without containers", "Pod", {"spec": {"containers": []}})
    yield wrong("service without ports", "Service", {"spec": {"selector": {"app": "x"}}})
    yield wrong("backup whose spec is a list", "Backup", {"spec": []})
    yield wrong("backup whose ttl is a number", "Backup", {"spec": {"ttl": 5}})
    yield wrong("location without provider", "BackupStorageLocation", {"spec": {"objectStorage": {"bucket": "b"}}})
    unknown_mode = {"provider": "aws", "objectStorage": {"bucket": "b"}, "accessMode": "Nonsense"}
    yield wrong("location with unknown mode", "BackupStorageLocation", {"spec": unknown_mode})
    yield Ask("refused not json", "POST", f"/api/v1/namespaces/{NS}/configmaps", b"{", compare="status")
    yield Ask("refused namespace missing", "POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "x"}}, compare="status")
    yield Ask("refused other namespace", "POST", f"/api/v1/namespaces/{NS}/configmaps", {"metadata": {"name": "x", "namespace": "default"}}, compare="status")
    yield Ask("refused put on a collection", "PUT", f"/api/v1/namespaces/{NS}/configmaps", {}, compare="status")
    yield Ask("refused backup status", "GET", f"/apis/velero.io/v1/namespaces/{NS}/backups/one/status", compare="status")


def _namespaces() -> Iterator[Ask]:
    yield Ask("default cannot be deleted", "DELETE", "/api/v1/namespaces/default", compare="status")
    yield Ask("namespace delete", "DELETE", f"/api/v1/namespaces/{NS}", compare="status")
    yield Ask("create in a dying namespace", "POST", f"/api/v1/namespaces/{NS}/configmaps", {"metadata": {"name": "late"}}, compare="status")
    yield Ask("namespace get", "GET", "/api/v1/namespaces/kube-public", compare="status")


def normalised(ask: Ask, status: int, body: bytes) -> dict[str, Any]:
    """What is compared of an answer."""
    try:
        data = json.loads(body)
    except ValueError:
        return {"status": status}
    if not isinstance(data, dict):
        return {"status": status}
    if data.get("kind") == "Status" and status >= 300:
        details = data.get("details") or {}
        return {"status": status, "reason": data.get("reason"), "details": {name: details[name] for name in ("kind", "group") if name in details}}
    return {"status": status, "kind": data.get("kind"), **({"body": _stable(data)} if ask.compare == "all" else {})}


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "*" if name in VARYING else _stable(item) for name, item in sorted(value.items()) if name != "managedFields"}
    return [_stable(item) for item in value] if isinstance(value, list) else value


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Paths at which two normalised answers differ, with both values."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted({*wanted, *found}):
            yield from differences(wanted.get(name, "absent"), found.get(name, "absent"), f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, pair in enumerate(zip(wanted, found, strict=True)):
            yield from differences(*pair, f"{path}[{number}]")
    elif wanted != found:
        yield f"{path.lstrip('.')}: real {json.dumps(wanted)[:120]}, light {json.dumps(found)[:120]}"


def encoded(body: Any) -> bytes:
    """As it goes over the wire; bytes are sent as they are."""
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
