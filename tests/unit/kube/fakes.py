# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A small API server in memory: enough of Kubernetes for the collection's client, with failures on order. The lab's own server is tested elsewhere."""

from __future__ import annotations

import copy
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response

KINDS: dict[str, list[tuple[str, str, bool]]] = {
    "": [
        ("namespaces", "Namespace", False), ("nodes", "Node", False), ("persistentvolumes", "PersistentVolume", False), ("pods", "Pod", True),
        ("persistentvolumeclaims", "PersistentVolumeClaim", True), ("configmaps", "ConfigMap", True), ("secrets", "Secret", True),
        ("services", "Service", True),
        ("serviceaccounts", "ServiceAccount", True),
    ],
    "apps": [("deployments", "Deployment", True), ("statefulsets", "StatefulSet", True), ("replicasets", "ReplicaSet", True)],
    "batch": [("jobs", "Job", True), ("cronjobs", "CronJob", True)],
    "storage.k8s.io": [("storageclasses", "StorageClass", False)],
    "apiextensions.k8s.io": [("customresourcedefinitions", "CustomResourceDefinition", False)],
    "velero.io": [
        (plural, plural, True) for plural in ("backups", "restores", "schedules", "backupstoragelocations", "downloadrequests")
    ],
    "ark.heptio.com": [(plural, plural, True) for plural in ("backups", "restores", "schedules", "downloadrequests")],
}
START = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_tick: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for tick in list(self.on_tick):
            tick()

    def utcnow(self) -> datetime:
        return START + timedelta(seconds=self.now)


class FakeApi:
    """A transport. ``objects`` maps a path to an object; ``fail`` holds (method, part of the path, how) for the next matching requests."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.objects: dict[str, dict[str, Any]] = {}
        self.kinds = copy.deepcopy(KINDS)
        self.sent: list[tuple[str, str]] = []
        self.fail: list[tuple[str, str, Any]] = []
        self.version = 0
        self.namespaces("default", "velero", "heptio-ark")

    def namespaces(self, *names: str) -> None:
        for name in names:
            self.put(f"/api/v1/namespaces/{name}", {"kind": "Namespace", "metadata": {"name": name}})

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Place an object, as another client would."""
        self.version += 1
        stored = copy.deepcopy(body)
        metadata = stored.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", f"uid-{self.version}")
        metadata.setdefault("name", path.rpartition("/")[2])
        if "/namespaces/" in path and not path.startswith("/api/v1/namespaces/" + metadata["name"]):
            metadata.setdefault("namespace", path.split("/namespaces/")[1].split("/")[0])
        self.objects[path] = stored

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.sent if method != "GET" and "accessreviews" not in path]

    def send(self, request: Request) -> Response:
        self.sent.append((request.method, request.path))
        how = next((rule for rule in self.fail if rule[0] in (request.method, "*") and rule[1] in request.path), None)
        if how is None:
            return self._answer(request)
        self.fail.remove(how)
        if how[2] == "unreachable":
            raise Unreachable("refused")
        if how[2] == "lost":
            raise AnswerLost("reset")
        if how[2] == "executed":
            self._answer(request)
            raise AnswerLost("reset after it was carried out")
        return how[2] if isinstance(how[2], Response) else status(int(how[2]), "Injected", "injected")

    def _answer(self, request: Request) -> Response:
        response = self._dispatch(request)
        date = format_datetime(self.clock.utcnow(), usegmt=True)
        return Response(response.status, {**response.headers, "date": date}, response.body)

    def _dispatch(self, request: Request) -> Response:
        found = self._discovery(request.path)
        if found is not None:
            return Response(200, {}, found)
        if request.path.endswith("selfsubjectaccessreviews"):
            return Response(201, {}, {**request.body, "status": {"allowed": request.body["spec"]["resourceAttributes"]["verb"] != "delete"}})
        handler = {"GET": self._get, "POST": self._post, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}[request.method]
        return handler(request)

    def _discovery(self, path: str) -> dict[str, Any] | None:
        if path == "/apis":
            return {"groups": [{"name": group, "preferredVersion": {"version": "v1"}} for group in self.kinds if group]}
        for group, kinds in self.kinds.items():
            if path == (f"/apis/{group}/v1" if group else "/api/v1"):
                listed = [{"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]} for plural, kind, namespaced in kinds]
                return {"resources": [*listed, {"name": f"{kinds[0][0]}/status", "kind": kinds[0][1], "namespaced": True}]}
        return None

    def _plural(self, path: str) -> str | None:
        """The plural if the path is a collection's that is served."""
        for group, kinds in self.kinds.items():
            base = f"/apis/{group}/v1/" if group else "/api/v1/"
            if path.startswith(base):
                rest = path.removeprefix(base).split("/")
                last = rest[2] if rest[0] == "namespaces" and len(rest) == 3 else rest[0] if len(rest) == 1 else ""
                return last if last in [kind[0] for kind in kinds] else None
        return None

    def _get(self, request: Request) -> Response:
        if request.path in self.objects:
            return Response(200, {}, copy.deepcopy(self.objects[request.path]))
        plural = self._plural(request.path)
        if plural is None:
            return status(404, "NotFound", "not found")
        prefix, marker = request.path.rpartition("/")[0], f"/{plural}/"
        names = sorted(path for path in self.objects if marker in path and path.startswith(prefix) and path.rpartition("/")[0].endswith(f"/{plural}"))
        if "/namespaces/" in request.path:
            names = [path for path in names if path.rpartition("/")[0] == request.path]
        wanted = dict(term.split("=", 1) for term in request.query.get("labelSelector", "").split(",") if term)
        items = [copy.deepcopy(self.objects[name]) for name in names]
        items = [item for item in items if all((item["metadata"].get("labels") or {}).get(key) == value for key, value in wanted.items())]
        start, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 500)
        page = {"items": items[start : start + limit], "metadata": {"continue": str(start + limit) if start + limit < len(items) else ""}}
        return Response(200, {}, page)

    def _post(self, request: Request) -> Response:
        if self._plural(request.path) is None:
            return Response(404, {}, "404 page not found")
        if "/namespaces/" in request.path and "/".join(request.path.split("/namespaces/")[1].split("/")[:1]) not in self._namespace_names():
            return status(404, "NotFound", "namespaces not found")
        path = f"{request.path}/{request.body['metadata']['name']}"
        if path in self.objects:
            return status(409, "AlreadyExists", "already exists")
        self.put(path, request.body)
        return Response(201, {}, copy.deepcopy(self.objects[path]))

    def _namespace_names(self) -> set[str]:
        return {path.rpartition("/")[2] for path in self.objects if path.startswith("/api/v1/namespaces/") and path.count("/") == 4}

    def _put(self, request: Request) -> Response:
        live = self.objects.get(request.path)
        if live is None:
            return status(404, "NotFound", "not found")
        if request.body["metadata"].get("resourceVersion") not in (None, live["metadata"]["resourceVersion"]):
            return status(409, "Conflict", "the object has been modified")
        self.put(request.path, request.body)
        return Response(200, {}, copy.deepcopy(self.objects[request.path]))

    def _patch(self, request: Request) -> Response:
        live = self.objects.get(request.path)
        if live is None:
            return status(404, "NotFound", "not found")
        self.put(request.path, merged(live, request.body))
        return Response(200, {}, copy.deepcopy(self.objects[request.path]))

    def _delete(self, request: Request) -> Response:
        if self.objects.pop(request.path, None) is None:
            return status(404, "NotFound", "not found")
        return status(200, "", "")


def merged(live: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def status(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """A Status object."""
    return Response(code, headers or {}, {"kind": "Status", "reason": reason, "message": message, "code": code})


def tarball(manifests: dict[tuple[str, str, str], dict[str, Any]], extra: dict[str, bytes] | None = None) -> bytes:
    """A backup as Velero stores it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        files = {
            f"resources/{kind}/{'namespaces/' + namespace if namespace else 'cluster'}/{name}.json": json.dumps(manifest).encode()
            for (kind, namespace, name), manifest in manifests.items()
        }
        for path, data in {"metadata/version": b"1", **files, **(extra or {})}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
