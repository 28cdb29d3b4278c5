# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in this process, asked as over HTTP but without an event loop: cores never wait."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.support.coroutines import drive

from kubedr_lab.clock import VirtualClock
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.watch import Watch
from kubedr_lab.messages import Request, Response
from kubedr_lab.store import MemoryStore, Store

Json = dict[str, Any]


class Lab:
    """One cluster on a virtual clock."""

    def __init__(self, store: Store, clock: VirtualClock, tokens: dict[str, str] | None = None) -> None:
        self.store, self.clock = store, clock
        self.cluster = KubeCluster("tokyo", store, clock, seed=7, tokens=tokens)

    def ask(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", accept: str = "application/json", token: str = "", **query: str
    ) -> Any:
        """The Response, or the Watch."""
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"accept": accept, "content-type": content_type, **({"authorization": f"Bearer {token}"} if token else {})}
        return drive(self.cluster.handle(Request(method, path, {name: [value] for name, value in query.items()}, headers, payload)))

    def ok(self, method: str, path: str, body: Any = None, **more: str) -> Json:
        """The decoded body of a request that must succeed."""
        response: Response = self.ask(method, path, body, **more)
        assert response.status < 300, response.body
        data: Json = json.loads(response.body)
        return data

    def refused(self, code: int, method: str, path: str, body: Any = None, **more: str) -> Json:
        """The Status of a request that must fail with ``code``."""
        response: Response = self.ask(method, path, body, **more)
        assert response.status == code, response.body
        data: Json = json.loads(response.body)
        assert data["kind"] == "Status"
        assert data["code"] == code
        assert data["message"]
        return data

    def watch(self, path: str, **query: str) -> Watch:
        """A running watch."""
        found = self.ask("GET", path, watch="1", **query)
        assert isinstance(found, Watch)
        return found

    def tick(self) -> None:
        """What the cluster does in the background."""
        assert drive(self.cluster.tick()) is None


def events(watch: Watch) -> list[tuple[str, Json]]:
    """(type, object) of all that is due now."""
    taken = [json.loads(line) for line in watch.take()]
    return [(event["type"], event["object"]) for event in taken]


def definition(group: str, plural: str, kind: str, schema: Json, **more: Any) -> Json:
    """A CustomResourceDefinition with one version."""
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **more}
    spec = {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [version]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"}, "spec": spec}


BACKUP_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["ttl"],
            "properties": {
                "ttl": {"type": "string"},
                "includedNamespaces": {"type": "array", "items": {"type": "string"}},
                "limit": {"type": "integer", "minimum": 1},
                "storageLocation": {"type": "string", "default": "default"},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string", "enum": ["New", "InProgress", "Completed"]}}},
    },
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BACKUPS = "/apis/velero.io/v1/namespaces/default/backups"


@pytest.fixture
def lab() -> Lab:
    """An empty cluster."""
    return Lab(MemoryStore(), VirtualClock())


@pytest.fixture
def velero(lab: Lab) -> Lab:
    """A cluster that knows Velero's Backup, without a status subresource, as Velero has it."""
    lab.ok("POST", CRDS, definition("velero.io", "backups", "Backup", BACKUP_SCHEMA))
    return lab
