# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on behind the requests: terminating namespaces, owner references, restarts, and the ports."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from kubedr_lab.clock import VirtualClock
from kubedr_lab.kube.port import HttpPort, InProcessPort
from kubedr_lab.messages import Request
from kubedr_lab.store import MemoryStore, SqliteStore

from .conftest import BACKUP_SCHEMA, BACKUPS, CRDS, Json, Lab, definition, drive, events

MERGE = "application/merge-patch+json"
MAPS = "/api/v1/namespaces/{}/configmaps"


def owned(lab: Lab, name: str, *owners: Json) -> Json:
    references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]} for owner in owners]
    return lab.ok("POST", MAPS.format("default"), {"metadata": {"name": name, "ownerReferences": references}})


def there(lab: Lab) -> list[str]:
    return [item["metadata"]["name"] for item in lab.ok("GET", MAPS.format("default"))["items"]]


def test_a_namespace_ends_when_it_is_empty(velero: Lab) -> None:
    velero.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    velero.ok("POST", MAPS.format("app"), {"metadata": {"name": "a"}})
    velero.ok("POST", MAPS.format("app"), {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    velero.ok("POST", BACKUPS.replace("default", "app"), {"metadata": {"name": "b"}, "spec": {"ttl": "1h"}})
    assert velero.ok("DELETE", "/api/v1/namespaces/app")["status"] == {"phase": "Terminating"}
    assert "being terminated" in velero.refused(403, "POST", MAPS.format("app"), {"metadata": {"name": "late"}})["message"]
    velero.tick()
    assert [item["metadata"]["name"] for item in velero.ok("GET", MAPS.format("app"))["items"]] == ["held"]
    assert velero.ok("GET", "/api/v1/namespaces/app")["status"] == {"phase": "Terminating"}
    velero.ok("PATCH", f"{MAPS.format('app')}/held", {"metadata": {"finalizers": []}}, content_type=MERGE)
    velero.tick()
    velero.refused(404, "GET", "/api/v1/namespaces/app")
    velero.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    assert velero.ok("GET", MAPS.format("app"))["items"] == []


def test_a_namespace_can_be_finalized_by_hand(lab: Lab) -> None:
    made = lab.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    lab.ok("PUT", "/api/v1/namespaces/app", {**made, "spec": {}})
    assert lab.ok("GET", "/api/v1/namespaces/app")["spec"] == {"finalizers": ["kubernetes"]}
    marked = lab.ok("DELETE", "/api/v1/namespaces/app")
    lab.ok("PUT", "/api/v1/namespaces/app/finalize", {**marked, "spec": {"finalizers": []}})
    lab.refused(404, "GET", "/api/v1/namespaces/app")


def test_what_lost_all_its_owners_goes(lab: Lab) -> None:
    first, second = owned(lab, "first"), owned(lab, "second")
    child = owned(lab, "child", first)
    owned(lab, "shared", first, second)
    owned(lab, "grandchild", child)
    lab.tick()
    assert there(lab) == ["child", "first", "grandchild", "second", "shared"]
    lab.ok("DELETE", f"{MAPS.format('default')}/first")
    lab.tick()
    assert there(lab) == ["second", "shared"]


def test_orphans_stay_without_their_owner(lab: Lab) -> None:
    owner = owned(lab, "owner")
    owned(lab, "child", owner)
    lab.ok("DELETE", f"{MAPS.format('default')}/owner", {"propagationPolicy": "Orphan"})
    lab.tick()
    assert there(lab) == ["child"]
    assert "ownerReferences" not in lab.ok("GET", f"{MAPS.format('default')}/child")["metadata"]


def test_foreground_deletion_waits_for_the_dependents(lab: Lab) -> None:
    owner = owned(lab, "owner")
    child = owned(lab, "child", owner)
    path = MAPS.format("default")
    lab.ok("PATCH", f"{path}/child", {"metadata": {"finalizers": ["example.com/hold"]}}, content_type=MERGE)
    lab.ok("DELETE", f"{path}/owner", {"propagationPolicy": "Foreground"})
    lab.tick()
    assert there(lab) == ["child", "owner"]
    assert lab.ok("GET", f"{path}/child")["metadata"]["deletionTimestamp"]
    lab.ok("PATCH", f"{path}/child", {"metadata": {"finalizers": None}}, content_type=MERGE)
    lab.tick()
    assert there(lab) == []
    assert child["metadata"]["name"] == "child"


def test_a_tick_without_writes_does_nothing(lab: Lab) -> None:
    lab.tick()
    before = lab.cluster.version
    lab.tick()
    assert lab.cluster.version == before


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_nothing_is_lost_at_a_restart(kind: str, tmp_path: Path) -> None:
    clock = VirtualClock()
    store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "kube.db")
    lab = Lab(store, clock)
    lab.ok("POST", CRDS, definition("velero.io", "backups", "Backup", BACKUP_SCHEMA))
    made = lab.ok("POST", BACKUPS, {"metadata": {"name": "b1"}, "spec": {"ttl": "1h"}})
    lab.ok("POST", BACKUPS, {"metadata": {"name": "b2"}, "spec": {"ttl": "1h"}})
    lab.ok("DELETE", f"{BACKUPS}/b2")
    version = lab.cluster.version
    again = Lab(store if kind == "memory" else SqliteStore(tmp_path / "kube.db"), clock)
    assert again.cluster.version == version
    assert again.ok("GET", BACKUPS)["items"] == [made]
    newer = again.ok("POST", BACKUPS, {"metadata": {"name": "b2"}, "spec": {"ttl": "1h"}})
    assert int(newer["metadata"]["resourceVersion"]) == version + 1
    assert newer["metadata"]["uid"] not in {made["metadata"]["uid"]}
    assert [status["code"] for _unused, status in events(again.watch(BACKUPS, resourceVersion=str(version - 1)))] == [410]


def test_the_same_seed_gives_the_same_uids() -> None:
    first, second = (Lab(MemoryStore(), VirtualClock()) for _unused in range(2))
    assert owned(first, "a") == owned(second, "a")


def test_the_port_in_this_process(lab: Lab) -> None:
    port = InProcessPort(lab.cluster.handle)
    assert drive(port.request("POST", MAPS.format("default"), body={"metadata": {"name": "a"}}))[0] == 201
    status, answer = drive(port.request("GET", MAPS.format("default"), {"fieldSelector": "metadata.name=a"}))
    assert (status, len(answer["items"])) == (200, 1)
    assert drive(port.request("GET", "/healthz")) == (200, {"text": "ok"})
    with pytest.raises(TypeError):
        drive(port.request("GET", MAPS.format("default"), {"watch": "1"}))


def test_the_port_over_http_says_the_same() -> None:
    async def play() -> None:
        lab = Lab(MemoryStore(), VirtualClock(), {"secret": "admin"})

        async def serve(raw: web.BaseRequest) -> web.StreamResponse:
            query = {name: raw.query.getall(name) for name in raw.query}
            headers = {name.lower(): value for name, value in raw.headers.items()}
            answer = await lab.cluster.handle(Request(raw.method, raw.path, query, headers, await raw.read()))
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

        runner = web.ServerRunner(web.Server(serve))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with HttpPort(server, "secret") as port, HttpPort(server, "wrong") as stranger:
            assert (await port.request("POST", MAPS.format("default"), body={"metadata": {"name": "a"}}))[0] == 201
            status, answer = await port.request("PATCH", f"{MAPS.format('default')}/a", body={"data": {"k": "v"}}, content_type=MERGE)
            assert (status, answer["data"]) == (200, {"k": "v"})
            assert len((await port.request("GET", MAPS.format("default"), {"limit": "1"}))[1]["items"]) == 1
            assert (await stranger.request("GET", MAPS.format("default")))[0] == 401
        await runner.cleanup()

    asyncio.run(asyncio.wait_for(play(), 10))
