# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application on the lab's own ONTAP: LIF, export policy, junctions and bytes as the simulator has them."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from kubedr_lab import app
from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers.manager import light_controllers
from kubedr_lab.controllers.ontap_volumes import data_lifs
from kubedr_lab.controllers.ports import Obj, Reach
from kubedr_lab.kube_seed import NODES, seed
from kubedr_lab.messages import Request
from kubedr_lab.ontap.cluster import OntapCluster
from kubedr_lab.ontap.core import PeerUnreachable
from kubedr_lab.ontap.seed import SOURCE, seed_site
from kubedr_lab.store import MemoryStore

from .conftest import Kube, run, site_seed


class NoPeer:
    """There is no other cluster."""

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        raise PeerUnreachable("none")


class Rest:
    """ONTAP's REST interface in this process."""

    def __init__(self, ontap: OntapCluster) -> None:
        self._ontap = ontap
        self._headers = {"authorization": "Basic " + base64.b64encode(b"admin:test").decode(), "content-type": "application/json"}

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        payload = b"" if body is None else json.dumps(body).encode()
        answer = await self._ontap.handle(Request(method, path, {name: [value] for name, value in (query or {}).items()}, self._headers, payload))
        return answer.status, json.loads(answer.body or b"{}")


class World:
    """Tokyo with its ONTAP, and the application of app1."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.ontap = OntapCluster("tokyo", MemoryStore(), NoPeer(), self.clock)
        seed_site(self.ontap, 1, SOURCE, node_addresses=list(NODES["tokyo"].values()), password="test")
        self.port = Rest(self.ontap)
        self.kube = Kube(self.clock)
        self.controllers = light_controllers(self.kube, self.port, [self.ontap.data], self.clock)
        self.address = run(data_lifs(self.port, svm__name="svm_app1"))[0].address
        run(seed(self.kube, site_seed("tokyo", {"app1": self.address})))
        run(app.deploy("app1", self.kube, self.port))
        self.settle(1.0)

    def settle(self, seconds: float) -> None:
        self.clock.advance(seconds)
        run(self.ontap.tick())
        run(self.controllers.tick())

    def one(self, path: str, query: dict[str, str]) -> Obj:
        status, answer = run(self.port.request("GET", path, query))
        assert status == 200, answer
        found: Obj = answer["records"][0]
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_the_application_is_ready_and_writes(world: World) -> None:
    assert run(app.pending("app1", world.kube)) == []
    done = run(app.write_once("app1", 1, world.kube, Reach([world.ontap.data]), world.clock.now()))
    assert sorted(ack.volume for ack in done.values())[:2] == ["app1_exports", "app1_web"]
    assert [ack.ok for ack in done.values()] == [True] * 4
    asked = {"op": "read", "address": world.address, "client": "10.1.2.11", "path": "/app1_web"}
    content = run(world.ontap.data(asked))["data"].encode()
    assert app.summarise(content)["records"]["count"] == 1


def test_a_record_is_dated_when_it_is_stored(world: World) -> None:
    run(app.write_once("app1", 1, world.kube, Reach([world.ontap.data])))
    world.settle(2.5)
    run(app.write_once("app1", 2, world.kube, Reach([world.ontap.data])))
    asked = {"op": "read", "address": world.address, "client": "10.1.2.11", "path": "/app1_web"}
    (_one, first), (_two, second) = app.records(run(world.ontap.data(asked))["data"].encode())
    assert (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds() == 2.5


def test_a_stopped_svm_makes_the_pods_unready(world: World) -> None:
    svm = world.one("/api/svm/svms", {"name": "svm_app1"})
    status, _answer = run(world.port.request("PATCH", f"/api/svm/svms/{svm['uuid']}", None, {"state": "stopped"}))
    assert status < 300
    world.settle(10.0)
    assert len(run(app.pending("app1", world.kube))) == 3
    assert run(app.write_once("app1", 2, world.kube, Reach([world.ontap.data]), world.clock.now())) == {}


def test_a_claim_that_is_deleted_takes_its_ontap_volume_along(world: World) -> None:
    query = {"svm.name": "svm_app1", "is_svm_root": "false"}
    before = run(world.port.request("GET", "/api/storage/volumes", query))[1]["num_records"]
    for path in ("/apis/apps/v1/namespaces/app1/statefulsets/db", "/api/v1/namespaces/app1/persistentvolumeclaims/data-db-0"):
        run(world.kube.request("DELETE", path))
    run(world.kube.cluster.tick())
    world.settle(1.0)
    world.settle(5.0)
    assert run(world.port.request("GET", "/api/storage/volumes", query))[1]["num_records"] == before - 1
