# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two simulated clusters in this process, on a virtual clock, each the other's peer."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.messages import Request
from kubedr_lab.ontap import OntapCluster, PeerUnreachable, seed_site
from kubedr_lab.profile import NONE, Profile
from kubedr_lab.store import MemoryStore, Store

T = TypeVar("T")
PASSWORD = "netapp-lab"
NODE = "10.1.2.11"


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end without an event loop; a core that awaited anything but its ports would fail here."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the core waited for something")


@dataclass
class Wire:
    """The way to the other cluster, which may be cut."""

    clusters: dict[str, OntapCluster]
    to: str
    cut: bool = False
    seen: list[str] = field(default_factory=list)

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(message["op"])
        if self.cut:
            raise PeerUnreachable("no answer")
        answer = await self.clusters[self.to].handle_peer(json.loads(json.dumps(message)))
        found: dict[str, Any] = json.loads(json.dumps(answer))
        return found


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Pair:
    """tokyo and osaka."""

    def __init__(self, groups: int = 1, profile: Profile = NONE, flexgroup: bool = False) -> None:
        self.clock, self.profile = VirtualClock(), profile
        self.stores: dict[str, Store] = {"tokyo": MemoryStore(), "osaka": MemoryStore()}
        self.clusters: dict[str, OntapCluster] = {}
        self.wires = {"tokyo": Wire(self.clusters, "osaka"), "osaka": Wire(self.clusters, "tokyo")}
        for name, role in (("tokyo", "source"), ("osaka", "destination")):
            self.start(name)
            seed_site(self.clusters[name], groups, role, flexgroup)

    def start(self, name: str) -> None:
        """Start, or start anew, a cluster on what its store holds."""
        self.clusters[name] = OntapCluster(name, self.stores[name], self.wires[name], self.clock, self.profile)

    def cut(self, cut: bool = True) -> None:
        for wire in self.wires.values():
            wire.cut = cut

    def call(self, site: str, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        sent = {"authorization": "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode(), **headers}
        data = b"" if body is None else json.dumps(body).encode()
        response = now(self.clusters[site].handle(Request(method, f"/api{parts.path}", query, sent, data)))
        return Answer(response.status, response.json(), response.headers)

    def ok(self, site: str, method: str, url: str, body: Any = None) -> Any:
        """A call that must succeed, its job included."""
        answer = self.call(site, method, url, body)
        assert answer.status < 300, answer.body
        if "job" in (answer.body or {}):
            self.run(0)
            job = self.job(site, answer)
            assert job["state"] == "success", job
        return answer.body

    def job(self, site: str, answer: Answer) -> Any:
        return self.call(site, "GET", answer.body["job"]["_links"]["self"]["href"].removeprefix("/api")).body

    def get(self, site: str, url: str) -> Any:
        answer = self.call(site, "GET", url)
        assert answer.status == 200, answer.body
        return answer.body

    def one(self, site: str, url: str) -> Any:
        records = self.get(site, url)["records"]
        assert len(records) == 1, records
        return records[0]

    def run(self, seconds: float) -> None:
        """Let time pass, from one due moment to the next."""
        end = self.clock.now() + seconds
        for _unused in range(100000):
            due = [found for name in self.clusters if (found := now(self.clusters[name].tick())) is not None]
            coming = min((moment for moment in due if moment > self.clock.now()), default=end)
            if any(moment <= self.clock.now() for moment in due):
                continue
            if coming > end:
                break
            self.clock.advance(coming - self.clock.now())
            if coming == end:
                for cluster in self.clusters.values():
                    now(cluster.tick())
                break
        if self.clock.now() < end:
            self.clock.advance(end - self.clock.now())

    def data(self, site: str, op: str, path: str, data: str = "", client: str = NODE, address: str = "10.1.1.1") -> dict[str, Any]:
        return now(self.clusters[site].data({"op": op, "address": address, "client": client, "path": path, "data": data}))

    def relationship(self, site: str = "osaka", fields: str = "*") -> Any:
        return self.one(site, f"/snapmirror/relationships?fields={fields}")

    def svm(self, site: str, name: str) -> Any:
        return self.one(site, f"/svm/svms?name={name}&fields=*")

    # --- the steps of a set-up, one by one

    def peer_clusters(self) -> None:
        for number, site in enumerate(("tokyo", "osaka"), start=1):
            self.ok(site, "POST", "/network/ip/interfaces", {
                "name": "ic1", "ipspace": {"name": "Default"}, "ip": {"address": f"10.{number}.0.11", "netmask": "255.255.255.0"},
                "service_policy": {"name": "default-intercluster"}, "location": {"home_port": {"name": "e0c", "node": {"name": f"{site}-01"}}},
            })
        offer = self.ok("osaka", "POST", "/cluster/peers", {"authentication": {"generate_passphrase": True}, "remote": {"ip_addresses": ["10.1.0.11"]}})
        passphrase = offer["records"][0]["authentication"]["passphrase"]
        self.ok("tokyo", "POST", "/cluster/peers", {"authentication": {"passphrase": passphrase}, "remote": {"ip_addresses": ["10.2.0.11"]}})

    def peer_svms(self, group: int = 1) -> None:
        source, destination = f"svm_app{group}", f"svm_app{group}_dr"
        self.ok("osaka", "POST", "/svm/svms", {"name": destination, "subtype": "dp_destination"})
        self.ok("osaka", "POST", "/svm/peers", {
            "svm": {"name": destination}, "peer": {"svm": {"name": source}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"],
        })
        pending = self.one("tokyo", f"/svm/peers?svm.name={source}")
        self.ok("tokyo", "PATCH", f"/svm/peers/{pending['uuid']}", {"state": "peered"})

    def relate(self, group: int = 1, identity: str = "full", schedule: str = "") -> str:
        body: dict[str, Any] = {
            "source": {"path": f"svm_app{group}:", "cluster": {"name": "tokyo"}}, "destination": {"path": f"svm_app{group}_dr:"},
            "policy": {"name": "MirrorAllSnapshots"}, "identity_preservation": identity,
        }
        if schedule:
            body["transfer_schedule"] = {"name": schedule}
        self.ok("osaka", "POST", "/snapmirror/relationships", body)
        found = self.one("osaka", f"/snapmirror/relationships?destination.path=svm_app{group}_dr:")
        return str(found["uuid"])

    def protect(self, identity: str = "full", schedule: str = "") -> str:
        """Everything up to snapmirrored; the uuid of the relationship."""
        self.peer_clusters()
        self.peer_svms()
        uuid = self.relate(identity=identity, schedule=schedule)
        self.ok("osaka", "PATCH", f"/snapmirror/relationships/{uuid}", {"state": "snapmirrored"})
        self.run(60)
        assert self.relationship()["state"] == "snapmirrored", self.relationship()
        return uuid

    def transfer(self, uuid: str, site: str = "osaka") -> None:
        self.ok(site, "POST", f"/snapmirror/relationships/{uuid}/transfers", {})
        self.run(30)

    def patch(self, uuid: str, state: str, site: str = "osaka", query: str = "") -> Answer:
        return self.call(site, "PATCH", f"/snapmirror/relationships/{uuid}{query}", {"state": state})

    def set_svm(self, site: str, name: str, state: str) -> None:
        self.ok(site, "PATCH", f"/svm/svms/{self.svm(site, name)['uuid']}", {"state": state})


@pytest.fixture
def pair() -> Pair:
    """Two clusters, nothing peered."""
    return Pair()
