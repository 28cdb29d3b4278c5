# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes requests in the words of a controller: kinds, lists that are read once per pass, merge patches, events."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from .ports import KubePort, Obj

MERGE = "application/merge-patch+json"
T = TypeVar("T")
Objs = list[Obj]


class KubeRefused(Exception):
    """The API server answered with an error that the caller has no other use for."""

    def __init__(self, status: int, answer: Obj, what: str) -> None:
        super().__init__(f"{what}: {status} {answer.get('reason', '')} {answer.get('message', '')}".strip())
        self.status = status


@dataclass(frozen=True)
class Kind:
    """Where objects of one kind live."""

    api_version: str
    plural: str
    name: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """``/apis/apps/v1/namespaces/app1/deployments/web/status`` and the shorter ones."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return root + middle + "".join(f"/{part}" for part in (self.plural, name, sub) if part)


NAMESPACES = Kind("v1", "namespaces", "Namespace", namespaced=False)
NODES = Kind("v1", "nodes", "Node", namespaced=False)
PODS = Kind("v1", "pods", "Pod")
EVENTS = Kind("v1", "events", "Event")
CONFIG_MAPS = Kind("v1", "configmaps", "ConfigMap")
SECRETS = Kind("v1", "secrets", "Secret")
SERVICES = Kind("v1", "services", "Service")
SERVICE_ACCOUNTS = Kind("v1", "serviceaccounts", "ServiceAccount")
VOLUMES = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
CLAIMS = Kind("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS = Kind("apps/v1", "deployments", "Deployment")
REPLICA_SETS = Kind("apps/v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Kind("apps/v1", "statefulsets", "StatefulSet")
STORAGE_CLASSES = Kind("storage.k8s.io/v1", "storageclasses", "StorageClass", namespaced=False)
CRDS = Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
TRIDENT_VOLUMES = Kind("trident.netapp.io/v1", "tridentvolumes", "TridentVolume")
TRIDENT_BACKENDS = Kind("trident.netapp.io/v1", "tridentbackends", "TridentBackend")
TRIDENT_NODES = Kind("trident.netapp.io/v1", "tridentnodes", "TridentNode")
TRIDENT_VERSIONS = Kind("trident.netapp.io/v1", "tridentversions", "TridentVersion")


def meta(obj: Obj) -> Obj:
    """The object's metadata, empty if it has none."""
    return obj.get("metadata") or {}


def key(obj: Obj) -> tuple[str, str]:
    """(namespace, name)."""
    return meta(obj).get("namespace", ""), meta(obj).get("name", "")


def timestamp(seconds: float) -> str:
    """Epoch seconds as Kubernetes writes them: ``2026-07-01T00:00:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _namespace_ends(answer: Obj) -> bool:
    details = answer.get("details") or {}
    return details.get("kind") == "namespaces" or any(cause.get("reason") == "NamespaceTerminating" for cause in details.get("causes") or [])


class Api:
    """One API server. Lists are kept until ``refresh``; a write through this object drops the list of its kind.

    Attributes:
        writes: how many writes were accepted; controllers are at rest when it stands still.
        problems: the last errors of ``attempt``, newest last.
    """

    def __init__(self, port: KubePort) -> None:
        self._port = port
        self._lists: dict[Kind, list[Obj]] = {}
        self._by_namespace: dict[Kind, dict[str, Objs]] = {}
        self._events: set[str] = set()
        self.writes = 0
        self.problems: deque[str] = deque(maxlen=20)

    async def attempt(self, work: Awaitable[T], otherwise: T) -> T:
        """The result of the work on one object. A refusal is noted, so that it does not keep the other objects from their turn."""
        try:
            return await work
        except KubeRefused as error:
            self.problems.append(str(error))
            return otherwise

    async def version(self) -> str:
        """The resourceVersion of the whole store: it moves with every change, so an unchanged one means nothing to do."""
        _status, answer = await self._send("GET", NAMESPACES.path(), query={"limit": "1"})
        return str(meta(answer).get("resourceVersion", ""))

    def refresh(self) -> None:
        """Forget all lists."""
        self._lists.clear()
        self._by_namespace.clear()

    async def list(self, kind: Kind) -> list[Obj]:
        """All objects of the kind in all namespaces. A kind that the server does not know has none."""
        if kind not in self._lists:
            status, answer = await self._send("GET", kind.path(), missing_ok=True)
            self._lists[kind] = [] if status == 404 else list(answer.get("items") or [])
        return self._lists[kind]

    async def list_in(self, kind: Kind, namespace: str) -> Objs:
        """Those of ``list`` in one namespace, without going through all of them each time."""
        everything = await self.list(kind)
        if kind not in self._by_namespace:
            index = self._by_namespace[kind] = {}
            for obj in everything:
                index.setdefault(key(obj)[0], []).append(obj)
        return self._by_namespace[kind].get(namespace, [])

    async def get(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        status, answer = await self._send("GET", kind.path(namespace, name), missing_ok=True)
        return None if status == 404 else answer

    async def create(self, kind: Kind, obj: Obj) -> Obj | None:
        """The created object, or None where one of that name exists already, or where its namespace is going or gone."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **obj}
        path = kind.path(meta(obj).get("namespace", ""))
        status, answer = await self._port.request("POST", path, None, body, "application/json")
        if status == 409 or (status in (403, 404) and _namespace_ends(answer)):
            return None
        if status >= 300:
            raise KubeRefused(status, answer, f"POST {path} {meta(obj).get('name', '')}")
        return self._written(kind, answer)

    async def merge(self, kind: Kind, obj: Obj, patch: Obj, sub: str = "") -> Obj | None:
        """The patched object, or None where it is gone or was just changed by somebody else: the next pass looks again."""
        path = kind.path(*key(obj), sub)
        status, answer = await self._send("PATCH", path, body=patch, content_type=MERGE, missing_ok=True, conflict_ok=True)
        return None if status in (404, 409) else self._written(kind, answer)

    async def set_status(self, kind: Kind, obj: Obj, status: Obj) -> Obj | None:
        """Merge into ``status`` what differs from it. Keys whose value is None are removed. Returns the object, None as ``merge`` does."""
        now = obj.get("status") or {}
        changes = {name: value for name, value in status.items() if now.get(name) != value}
        return await self.merge(kind, obj, {"status": changes}, "status") if changes else obj

    async def post(self, kind: Kind, obj: Obj, sub: str, body: Obj) -> bool:
        """POST to a subresource. False where the object is gone or in another state."""
        status, answer = await self._send("POST", kind.path(*key(obj), sub), body=body, missing_ok=True, conflict_ok=True)
        if status in (404, 409):
            return False
        self._written(kind, answer)
        return True

    async def delete(self, kind: Kind, obj: Obj, grace: int | None = None) -> None:
        """Delete this very object, never a successor of the same name."""
        body: Obj = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": meta(obj).get("uid")}}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        status, answer = await self._send("DELETE", kind.path(*key(obj)), body=body, missing_ok=True, conflict_ok=True)
        if status not in (404, 409):
            self._written(kind, answer)

    async def ensure(self, kind: Kind, obj: Obj) -> Obj:
        """Create the object, or merge it into the one that is there."""
        made = await self.create(kind, obj)
        if made is None:
            made = await self.merge(kind, obj, obj)
        if made is None:
            raise KubeRefused(409, {}, f"{kind.name} {'/'.join(key(obj))} was changed while it was written")
        return made

    async def event(self, kind: Kind, obj: Obj, reason: str, message: str, now: float) -> None:
        """A warning event about the object, once per object and message."""
        digest = hashlib.sha256(f"{meta(obj).get('uid')} {reason} {message}".encode()).hexdigest()[:16]
        if digest in self._events:
            return
        self._events.add(digest)
        namespace, name = key(obj)
        about = {"apiVersion": kind.api_version, "kind": kind.name, "namespace": namespace, "name": name, "uid": meta(obj).get("uid")}
        at = timestamp(now)
        await self.create(EVENTS, {
            "metadata": {"namespace": namespace or "default", "name": f"{name}.{digest}"}, "involvedObject": about, "type": "Warning",
            "reason": reason, "message": message, "firstTimestamp": at, "lastTimestamp": at, "count": 1, "source": {"component": "kubedr-lab"},
        })

    def _written(self, kind: Kind, answer: Obj) -> Obj:
        self.writes += 1
        self._lists.pop(kind, None)
        self._by_namespace.pop(kind, None)
        return answer

    async def _send(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json",
        missing_ok: bool = False, conflict_ok: bool = False,
    ) -> tuple[int, Obj]:
        status, answer = await self._port.request(method, path, query, body, content_type)
        if status < 300 or (status == 404 and missing_ok) or (status == 409 and conflict_ok):
            return status, answer
        raise KubeRefused(status, answer, f"{method} {path}")
