# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's API server, and an ONTAP that is small and easy to break, for the controllers to work against."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from ansible_collections.kubedr.ontap.tests.support.coroutines import drive as run

from kubedr_lab.app import deploy
from kubedr_lab.clock import START, VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import Api, meta
from kubedr_lab.controllers.manager import Controllers, light_controllers
from kubedr_lab.controllers.ports import Obj, SiteSilent
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.port import InProcessPort
from kubedr_lab.kube_seed import NODES, SiteSeed, seed
from kubedr_lab.store import MemoryStore

T = TypeVar("T")


class Kube:
    """The lab's own API server, with a record of the requests and a way to have one refused."""

    def __init__(self, clock: VirtualClock) -> None:
        self.cluster = KubeCluster("tokyo", MemoryStore(), clock)
        self._port = InProcessPort(self.cluster.handle)
        self.requests: list[tuple[str, str]] = []
        self.refuse: dict[tuple[str, str], tuple[int, Obj]] = {}

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Obj]:
        self.requests.append((method, path))
        if (method, path) in self.refuse:
            return self.refuse[method, path]
        return await self._port.request(method, path, query, body, content_type)

    @property
    def writes(self) -> int:
        return sum(method != "GET" for method, _unused in self.requests)

    def of(self, plural: str) -> list[Obj]:
        """All objects outside of the namespaces that the server makes by itself."""
        kind = next(kind for kind in vars(kinds).values() if isinstance(kind, kinds.Kind) and kind.plural == plural)
        items = run(Api(self).list(kind))
        return [obj for obj in items if meta(obj).get("namespace", "") not in ("default", "kube-system", "kube-public", "kube-node-lease")]

    def one(self, plural: str, name: str) -> Obj:
        return next(obj for obj in self.of(plural) if meta(obj)["name"] == name)


class FakeOntap:
    """SVMs by LIF address, volumes with bytes, and one list of nodes that the exports let in."""

    def __init__(self) -> None:
        self.lifs: dict[str, Obj] = {}
        self.volumes: dict[tuple[str, str], bytearray] = {}
        self.silent = False
        self.slow_jobs = False
        self.clients: tuple[str, ...] = ("10.1.2.11", "10.1.2.12", "10.2.2.11", "10.2.2.12")
        self.posts = 0
        self.asked = 0

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        if self.silent:
            raise SiteSilent("no answer")
        query = query or {}
        if path == "/api/network/ip/interfaces":
            found = [
                {"ip": {"address": address}, "svm": {"name": lif["svm"]}, "state": "up" if lif["up"] else "down", "enabled": True}
                for address, lif in self.lifs.items() if query.get("ip.address", address) == address and query.get("svm.name", lif["svm"]) == lif["svm"]
            ]
            return 200, {"records": found}
        if method == "GET":
            key = query["svm.name"], query["name"]
            return 200, {"records": [{"uuid": "/".join(key), "name": key[1], "state": "online"}] if key in self.volumes else []}
        if method == "POST":
            return self._create(body)
        svm, name = path.split("/")[-2:]
        del self.volumes[svm, name]
        return 202, {"job": {"uuid": "j"}}

    def _create(self, body: Obj) -> tuple[int, Obj]:
        self.posts += 1
        if not any(lif["svm"] == body["svm"]["name"] for lif in self.lifs.values()):
            return 404, {"error": {"code": "2621462", "message": "SVM does not exist"}}
        assert body["nas"]["path"] == f"/{body['name']}"
        if not self.slow_jobs:
            self.volumes[body["svm"]["name"], body["name"]] = bytearray()
        return 202, {"job": {"uuid": "j"}}

    async def data(self, message: Obj) -> Obj:
        self.asked += 1
        if self.silent:
            raise SiteSilent("no answer")
        lif = self.lifs.get(message["address"])
        if lif is None or not lif["up"]:
            return {"ok": False, "reason": "lif_down" if lif else "no_such_address", "message": "No route to host"}
        content = self.volumes.get((lif["svm"], message["path"].strip("/")))
        if content is None:
            return {"ok": False, "reason": "no_such_path", "message": "No such file or directory"}
        if message["client"] not in self.clients:
            return {"ok": False, "reason": "export_denied", "message": "access denied by server"}
        if message["op"] == "append":
            content.extend(message["data"].encode())
        return {"ok": True, "reason": "", "svm": lif["svm"], "volume": message["path"].strip("/")}


class Site:
    """One Kubernetes cluster with its controllers, its own ONTAP, and the other one."""

    def __init__(self, own: FakeOntap, other: FakeOntap, clock: VirtualClock) -> None:
        self.kube, self.ontap, self.other, self.clock = Kube(clock), own, other, clock
        self.controllers: Controllers = light_controllers(self.kube, own, [own.data, other.data], clock, ca="CA")

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass and the controllers come to rest."""
        self.clock.advance(seconds)
        run(self.kube.cluster.tick())
        run(self.controllers.tick())

    def add(self, path: str, obj: Obj) -> Obj:
        """Create an object the way a user does."""
        status, made = run(self.kube.request("POST", path, None, obj))
        assert status == 201, made
        return made

    def patch(self, path: str, patch: Obj) -> None:
        """Merge a patch into an object the way a user does."""
        status, answer = run(self.kube.request("PATCH", path, None, patch, kinds.MERGE))
        assert status == 200, answer

    def delete(self, path: str) -> None:
        """Delete an object the way a user does."""
        status, answer = run(self.kube.request("DELETE", path))
        assert status == 200, answer


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def tokyo(clock: VirtualClock) -> Site:
    """The site whose ONTAP serves svm_app1 at 10.1.1.21, still without objects."""
    own = FakeOntap()
    own.lifs["10.1.1.21"] = {"svm": "svm_app1", "up": True}
    site = Site(own, FakeOntap(), clock)
    site.add("/api/v1/namespaces", {"metadata": {"name": "app1"}})
    return site


def site_seed(site: str, backends: dict[str, str]) -> SiteSeed:
    """What a new site is made of; both sites see one bucket."""
    location = {"provider": "aws", "objectStorage": {"bucket": "kubedr"}, "config": {"region": "us-east-1"}}
    return SiteSeed(NODES[site], location, backends, now=START)


@pytest.fixture
def running(tokyo: Site) -> Site:
    """Tokyo with the example application of app1 running."""
    run(seed(tokyo.kube, site_seed("tokyo", {"app1": "10.1.1.21"})))
    run(deploy("app1", tokyo.kube, tokyo.ontap))
    tokyo.settle()
    return tokyo
