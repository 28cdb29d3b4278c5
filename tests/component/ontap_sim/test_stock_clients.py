# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole SVM-DR life through clients that nobody here wrote, over HTTPS: netapp.ontap's modules and NetApp's netapp-ontap library."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import json
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from netapp_ontap.error import NetAppRestError
from netapp_ontap.host_connection import HostConnection

from kubedr_lab.clock import LabClock
from kubedr_lab.ontap import OntapCluster, seed_site
from kubedr_lab.pki import Authority
from kubedr_lab.shell.edge import Edge
from kubedr_lab.shell.server import Front, Listener, tls
from kubedr_lab.store import MemoryStore

ontap: Any = importlib.import_module("netapp_ontap.resources")
"""It makes its names as they are asked for, which no type checker can see."""
PASSWORD = "netapp-lab"
HOSTS = {"tokyo": "127.0.0.1", "osaka": "localhost"}
"""Two names, because na_ontap_vserver_peer takes a peer of the same host name for the same cluster and then accepts nothing."""


@dataclass
class Direct:
    """The way to the other cluster, in this process."""

    clusters: dict[str, OntapCluster]
    to: str

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self.clusters[self.to].handle_peer(message)


@dataclass
class Sites:
    """Two clusters behind HTTPS on loopback."""

    ca: Path
    ports: dict[str, int] = field(default_factory=dict)
    clusters: dict[str, OntapCluster] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def common(self, site: str) -> dict[str, Any]:
        """Connection options of a stock module."""
        return {"hostname": HOSTS[site], "http_port": self.ports[site], "username": "admin", "password": PASSWORD, "https": True, "validate_certs": True}

    def run(self, name: str, site: str, /, **options: Any) -> dict[str, Any]:
        """One stock module in this process; what it returned."""
        module = importlib.import_module(f"ansible_collections.netapp.ontap.plugins.modules.na_ontap_{name}")
        printed = io.StringIO()
        with patch_module_args({**self.common(site), **options}), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
        return result

    def done(self, name: str, site: str, /, changed: bool = True, **options: Any) -> dict[str, Any]:
        """A module run that must not fail."""
        result = self.run(name, site, **options)
        assert not result.get("failed"), result
        assert result["changed"] is changed, result
        return result

    def connection(self, site: str) -> HostConnection:
        """For the library."""
        verify: Any = str(self.ca)
        return HostConnection("127.0.0.1", username="admin", password=PASSWORD, verify=verify, port=self.ports[site], poll_interval=1)

    def peer_options(self, site: str) -> dict[str, Any]:
        """The same, where a module takes them in a dict."""
        return {name: value for name, value in self.common(site).items() if name != "https"} | {"use_rest": "always"}


async def _serve(sites: Sites, sockets: dict[str, socket.socket], context: Any, ready: threading.Event, stop: asyncio.Event) -> None:
    clock = LabClock()
    tasks: set[asyncio.Task[None]] = set()

    async def pause(seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spawn(coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def work(cluster: OntapCluster) -> None:
        while True:
            await cluster.tick()
            await asyncio.sleep(0.01)

    for site, role in (("tokyo", "source"), ("osaka", "destination")):
        other = Direct(sites.clusters, "osaka" if site == "tokyo" else "tokyo")
        cluster = sites.clusters[site] = OntapCluster(site, MemoryStore(), other, clock, pause=pause, spawn=spawn)
        seed_site(cluster, 1, role)
        edge = Edge(cluster.handle, clock, lambda event: sites.requests.append(dict(event)))
        listener = Listener(sockets[site], "api", context, Front(edge, "api", clock).server(), clock, lambda event: None)
        spawn(listener.accept())
        spawn(work(cluster))
    ready.set()
    await stop.wait()
    leftovers = asyncio.all_tasks() - {asyncio.current_task()}
    for task in leftovers:
        task.cancel()
    await asyncio.gather(*leftovers, return_exceptions=True)


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    """Two fresh clusters, served by a thread until the test ends."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    authority.issue("lab").write(tmp_path / "lab.pem", tmp_path / "lab.key")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.05)))
    found, sockets = Sites(tmp_path / "ca.pem"), {}
    for site in ("tokyo", "osaka"):
        sockets[site] = socket.create_server(("127.0.0.1", 0))
        found.ports[site] = sockets[site].getsockname()[1]
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    context = tls(tmp_path / "lab.pem", tmp_path / "lab.key")
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(found, sockets, context, ready, stop)))
    thread.start()
    assert ready.wait(5)
    yield found
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)
    loop.close()
    for sock in sockets.values():
        sock.close()


def _lif(site: str) -> dict[str, Any]:
    network = {"tokyo": 1, "osaka": 2}[site]
    return {
        "interface_name": "ic1", "address": f"10.{network}.0.11", "netmask": "255.255.255.0", "home_node": f"{site}-01", "home_port": "e0c",
        "ipspace": "Default", "service_policy": "default-intercluster", "interface_type": "ip", "state": "present",
    }


def test_netapp_ontap_modules_live_the_whole_life(sites: Sites) -> None:
    sites.clusters["tokyo"].add_volume("svm_app1", "vol1")
    for site in ("tokyo", "osaka"):
        info = sites.done("rest_info", site, changed=False, gather_subset=["cluster", "cluster_node_info", "vserver_info"], use_python_keys=True, fields=["*"])
        assert info["ontap_info"]["cluster"]["name"] == site
        assert info["ontap_info"]["cluster_nodes"]["num_records"] == 1
        sites.done("interface", site, **_lif(site))
        sites.done("interface", site, changed=False, **_lif(site))
        schedule: dict[str, Any] = {"name": "dr15", "job_minutes": [0, 15, 30, 45], "state": "present"}
        sites.done("job_schedule", site, **schedule)
        sites.done("job_schedule", site, changed=False, **schedule)
        sites.done("job_schedule", site, **{**schedule, "job_minutes": [0, 30], "job_hours": [1, 2]})
        policy: dict[str, Any] = {"policy_name": "dr_full", "policy_type": "async", "copy_all_source_snapshots": True, "identity_preservation": "full"}
        sites.done("snapmirror_policy", site, **policy)
        sites.done("snapmirror_policy", site, changed=False, **policy)
    peers: dict[str, Any] = {
        "source_intercluster_lifs": ["10.1.0.11"], "dest_intercluster_lifs": ["10.2.0.11"], "peer_options": sites.peer_options("osaka"),
        "encryption_protocol_proposed": "tls_psk",
    }
    sites.done("cluster_peer", "tokyo", **peers)
    sites.done("cluster_peer", "tokyo", changed=False, **peers)
    sites.done("svm", "osaka", name="svm_app1_dr", subtype="dp_destination")
    sites.done("svm", "osaka", changed=False, name="svm_app1_dr", subtype="dp_destination")
    svm_peers: dict[str, Any] = {
        "vserver": "svm_app1_dr", "peer_vserver": "svm_app1", "peer_cluster": "tokyo", "applications": ["snapmirror"],
        "peer_options": sites.peer_options("tokyo"),
    }
    sites.done("vserver_peer", "osaka", **svm_peers)
    sites.done("vserver_peer", "osaka", changed=False, **svm_peers)
    mirror: dict[str, Any] = {
        "source_endpoint": {"path": "svm_app1:", "cluster": "tokyo"}, "destination_endpoint": {"path": "svm_app1_dr:"}, "policy": "dr_full",
        "schedule": "dr15", "peer_options": sites.peer_options("tokyo"),
    }
    sites.done("snapmirror", "osaka", **mirror)
    condition: dict[str, Any] = {"name": "snapmirror_relationship", "conditions": ["state"], "attributes": {"destination_path": "svm_app1_dr:"}}
    waited = sites.run("wait_for_condition", "osaka", **{**condition, "attributes": {**condition["attributes"], "expected_state": "snapmirrored"}})
    assert waited["msg"].startswith("matched condition: state"), waited
    assert sites.done("snapmirror", "osaka", **mirror)["actions"] == ["check_for_update", "update"]
    sites.done("svm", "tokyo", name="svm_app1", admin_state="stopped")
    broken: dict[str, Any] = {**mirror, "relationship_state": "broken"}
    assert sites.done("snapmirror", "osaka", **broken)["actions"] == ["break"]
    sites.done("snapmirror", "osaka", changed=False, **broken)
    sites.done("svm", "osaka", name="svm_app1_dr", admin_state="running")
    relations = sites.done("rest_info", "osaka", changed=False, gather_subset=["snapmirror/relationships", "storage/volumes"], fields=["*"])
    assert relations["ontap_info"]["snapmirror/relationships"]["records"][0]["state"] == "broken_off"
    assert {volume["type"] for volume in relations["ontap_info"]["storage/volumes"]["records"]} == {"rw"}
    sites.done("svm", "osaka", name="svm_app1_dr", admin_state="stopped")
    assert sites.done("snapmirror", "osaka", **mirror, update=False)["actions"] == ["resync"]
    sites.run("wait_for_condition", "osaka", **{**condition, "attributes": {**condition["attributes"], "expected_state": "snapmirrored"}})
    sources = sites.done("rest_info", "tokyo", changed=False, gather_subset=["snapmirror_destination_info"], parameters={"list_destinations_only": True})
    assert sources["ontap_info"]["snapmirror/relationships"]["num_records"] == 1
    sites.done("snapmirror", "osaka", **mirror, state="absent")
    assert sites.clusters["osaka"].core.tables.all("relationship") == []
    sites.done("vserver_peer", "osaka", **svm_peers, state="absent")
    sites.done("cluster_peer", "tokyo", **peers, source_cluster_name="tokyo", dest_cluster_name="osaka", state="absent")
    assert not [request for request in sites.requests if (request["status"] or 0) >= 500]


def test_restit_sends_what_the_modules_cannot(sites: Sites) -> None:
    sites.done("restit", "tokyo", changed=True, api="private/cli/vserver/stop", method="POST", body={"vserver": "svm_app1"})
    svm = sites.clusters["tokyo"].core.svm("svm_app1")
    assert svm["state"] == "stopped"
    sites.done("rest_cli", "tokyo", command="vserver/start", verb="POST", body={"vserver": "svm_app1", "force": True}, params={})
    assert sites.clusters["tokyo"].core.svm("svm_app1")["state"] == "running"
    failed = sites.run("restit", "tokyo", api="svm/svms/none", method="DELETE")
    assert (failed["failed"], failed["error_code"]) == (True, "4")


def _library_lifs(sites: Sites) -> None:
    for site, network in (("tokyo", 1), ("osaka", 2)):
        with sites.connection(site):
            cluster = ontap.Cluster()
            cluster.get()
            assert (cluster.name, cluster.version.generation) == (site, 9)
            ontap.IpInterface.from_dict({
                "name": "ic1", "ipspace": {"name": "Default"}, "ip": {"address": f"10.{network}.0.11", "netmask": "24"},
                "service_policy": {"name": "default-intercluster"}, "location": {"home_port": {"name": "e0c", "node": {"name": f"{site}-01"}}},
            }).post(hydrate=True)
            assert [lif.name for lif in ontap.IpInterface.get_collection(services="intercluster_core")] == ["ic1"]
            schedule = ontap.Schedule.from_dict({"name": "dr15", "cron": {"minutes": [0, 15, 30, 45]}})
            schedule.post(hydrate=True)
            assert schedule.type == "cron"
            policy = {"name": "dr_full", "type": "async", "identity_preservation": "full", "copy_all_source_snapshots": True}
            ontap.SnapmirrorPolicy.from_dict(policy).post()


def _library_peers(sites: Sites) -> None:
    with sites.connection("osaka"):
        offer = ontap.ClusterPeer.from_dict({"authentication": {"generate_passphrase": True}, "remote": {"ip_addresses": ["10.1.0.11"]}})
        answer = offer.post().http_response.json()
        passphrase = answer["records"][0]["authentication"]["passphrase"]
    with sites.connection("tokyo"):
        ontap.ClusterPeer.from_dict({"authentication": {"passphrase": passphrase}, "remote": {"ip_addresses": ["10.2.0.11"]}}).post()
    with sites.connection("osaka"):
        peer = ontap.ClusterPeer.find(name="tokyo")
        assert (peer.authentication.state, peer.status.state) == ("ok", "available")
        svm = ontap.Svm.from_dict({"name": "svm_app1_dr", "subtype": "dp_destination"})
        svm.post(hydrate=True)
        assert (svm.state, svm.subtype) == ("stopped", "dp_destination")
        ontap.SvmPeer.from_dict({
            "svm": {"name": "svm_app1_dr"}, "peer": {"svm": {"name": "svm_app1"}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"],
        }).post()
    with sites.connection("tokyo"):
        pending = ontap.SvmPeer.find(**{"svm.name": "svm_app1", "state": "pending"})
        pending.state = "peered"
        pending.patch()


def _broken_off(uuid: str) -> Any:
    relationship = ontap.SnapmirrorRelationship(uuid=uuid)
    relationship.state = "broken_off"
    return relationship


def _until(resource: Any, state: str) -> None:
    for _unused in range(100):
        resource.get(fields="*")
        if resource.state == state:
            return
        time.sleep(0.05)
    raise AssertionError(f"{resource.state} is not {state}")


def test_netapp_ontap_library_lives_the_whole_life(sites: Sites) -> None:
    sites.clusters["tokyo"].add_volume("svm_app1", "vol1")
    _library_lifs(sites)
    _library_peers(sites)
    with sites.connection("osaka"):
        mirror = ontap.SnapmirrorRelationship.from_dict({
            "source": {"path": "svm_app1:", "cluster": {"name": "tokyo"}}, "destination": {"path": "svm_app1_dr:"}, "policy": {"name": "dr_full"},
            "transfer_schedule": {"name": "dr15"},
        })
        mirror.post(hydrate=True)
        assert (mirror.state, mirror.identity_preservation) == ("uninitialized", "full")
        mirror.state = "snapmirrored"
        mirror.patch()
        _until(mirror, "snapmirrored")
        ontap.SnapmirrorTransfer(mirror.uuid).post()
        for _unused in range(100):
            transfers = list(ontap.SnapmirrorTransfer.get_collection(mirror.uuid, fields="*"))
            if {transfer.state for transfer in transfers} == {"success"}:
                break
            time.sleep(0.05)
        assert {transfer.state for transfer in transfers} == {"success"}
        with pytest.raises(NetAppRestError, match="running"):
            _broken_off(mirror.uuid).patch()
        _broken_off(mirror.uuid).patch(force="true")
        _until(mirror, "broken_off")
        assert [volume.type for volume in ontap.Volume.get_collection(fields="type,nas.path", **{"svm.name": "svm_app1_dr"})] == ["rw", "rw"]
        svm = ontap.Svm.find(name="svm_app1_dr")
        svm.state = "running"
        with pytest.raises(NetAppRestError, match="partner"):
            svm.patch()
    with sites.connection("tokyo"):
        source = ontap.Svm.find(name="svm_app1")
        source.state = "stopped"
        source.patch()
        assert [found.uuid for found in ontap.SnapmirrorRelationship.get_collection(list_destinations_only="true")] == [mirror.uuid]
    with sites.connection("osaka"):
        svm = ontap.Svm.find(name="svm_app1_dr")
        svm.state = "running"
        svm.patch()
        svm.get()
        assert svm.state == "running"
        mirror.delete(destination_only="true")
        assert ontap.SnapmirrorRelationship.count_collection() == 0
    with sites.connection("tokyo"):
        ontap.SnapmirrorRelationship(uuid=mirror.uuid).delete(source_info_only="true")
        with pytest.raises(NetAppRestError):
            ontap.SnapmirrorRelationship(uuid=mirror.uuid).delete(source_info_only="true")
