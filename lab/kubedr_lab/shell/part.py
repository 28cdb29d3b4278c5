# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One part of a lab as a process: ``python -m kubedr_lab.shell.part STATE PART API_FD PEER_FD``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import traceback
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ..clock import LabClock
from ..controllers.ports import DataPort
from ..objects import DirObjects, Signer
from ..objects.client import HttpObjects
from ..objects.server import make_app
from ..profile import PROFILES
from ..real import own, station
from ..real.forward import Forward
from ..real.site import ControlPlane, User, gateway
from ..settings import BUCKET, DATA_PATIENCE, SITES, Secrets, basic
from ..state import Folder, Part
from ..store import SqliteStore
from ..world import Station, Tick, bucket_url, build_kube, build_ontap
from .edge import Edge, iso
from .ports import HttpOntap, HttpPeer, Line, http_plane
from .processes import DROP_SIGNAL
from .server import Call, Front, Listener, LogFile, drop_on_signal, fault_calls, tls

AFTER_ERROR = 1.0


class Host:
    """What every part needs: the lab's files, the clock, the log, the two listeners, the loops."""

    def __init__(self, folder: Folder, name: str, sockets: tuple[socket.socket, socket.socket]) -> None:
        self.folder, self.lab, self.sockets = folder, folder.load(), sockets
        self.part: Part = self.lab.parts[name]
        self.settings = self.lab.settings
        self.secrets = Secrets.load(folder.path / "parts" / "secrets.json")
        self.clock = LabClock(self.settings.clock, self.settings.origin)
        self.log = LogFile(folder.part_file(name, "jsonl"))
        self._wakes: list[asyncio.Event] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something happened that may have made work due."""
        for event in self._wakes:
            event.set()

    def spawn(self, coroutine: Any) -> None:
        """Run beside everything else; when it ends, look what is due."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            traceback.print_exception(task.exception())
        self.wake()

    async def pause(self, seconds: float) -> None:
        """Let so many lab seconds pass."""
        await asyncio.sleep(self.clock.real(seconds))

    def tls(self) -> ssl.SSLContext:
        """For this part's certificate."""
        return tls(self.folder.part_file(self.part.name, "pem"), self.folder.part_file(self.part.name, "key"))

    async def serve(self, station: Station) -> None:
        """Carry a system until the process ends."""
        edge = Edge(station.handle, self.clock, self.log.write, PROFILES[self.settings.latency].read)
        calls: dict[str, Call] = {"ready": _ready, **station.calls, **fault_calls(edge)}
        context = self.tls()
        api = Listener(self.sockets[0], "api", context, Front(edge, "api", self.clock, acted=self.wake).server(), self.clock, self.log.write)
        peer = Listener(self.sockets[1], "peer", context, Front(edge, "peer", self.clock, calls, self.wake).server(), self.clock, self.log.write)
        await self.run([api, peer], station.ticks, station)

    async def run(self, listeners: list[Listener], ticks: list[Tick], station: Station | None = None) -> None:
        """Listeners and loops, for ever."""
        drop_on_signal(DROP_SIGNAL, [listener.sock for listener in listeners])
        loops = [self._loop(tick, station) for tick in ticks]
        await asyncio.gather(*(listener.accept() for listener in listeners), *loops)

    async def _loop(self, tick: Tick, station: Station | None) -> None:
        """Let what is due proceed, then sleep until the next instant, or until something was asked or changed."""
        wake = asyncio.Event()
        self._wakes.append(wake)
        while True:
            wake.clear()
            before = station.version() if station else 0
            try:
                due = await tick()
                delay = None if due is None else max(0.001, self.clock.real(due - self.clock.now()))
            except Exception:
                traceback.print_exc()
                delay = AFTER_ERROR
            if station:
                self._note(station.drain())
                if station.version() != before:
                    self.wake()
                    wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), delay)

    def _note(self, operations: list[dict[str, Any]]) -> None:
        for entry in operations:
            times = {"started": iso(entry["started"]), "ended": iso(entry["ended"])}
            self.log.write({"time": times["ended"], "event": "operation", "operation": entry["name"], "object": entry["object"], **times})


async def _ready(message: dict[str, Any]) -> dict[str, Any]:
    return {"ready": True}


async def serve_ontap(host: Host) -> None:
    """An ONTAP cluster."""
    site = host.part.site
    other = host.lab.parts[f"{_other(site)}-ontap"]
    peer = HttpPeer(Line(host.folder, other, between_sites=True))
    store = SqliteStore(host.folder.part_file(host.part.name, "sqlite"))
    await host.serve(await build_ontap(site, host.settings, host.secrets, store, peer, host.clock, host.pause, host.spawn))


async def serve_kubernetes(host: Host) -> None:
    """A Kubernetes cluster with everything that runs in it."""
    site, parts = host.part.site, host.lab.parts
    own, other = parts[f"{site}-ontap"], parts[f"{_other(site)}-ontap"]
    ontap = HttpOntap(Line(host.folder, own, authorization=basic(host.secrets.ontap[site])))
    planes = [http_plane(Line(host.folder, own, patience=DATA_PATIENCE)), http_plane(Line(host.folder, other, between_sites=True, patience=DATA_PATIENCE))]
    if host.settings.kubernetes == "real":
        await host.serve(await _real_kubernetes(host, ontap, planes))
        return
    url = bucket_url(parts["store"].api_port)
    objects = HttpObjects(url, host.secrets.bucket_token, Signer(host.secrets.bucket_secret, url, host.clock))
    store = SqliteStore(host.folder.part_file(host.part.name, "sqlite"))
    ca = (host.folder.path / "ca.pem").read_text()
    await host.serve(await build_kube(site, host.settings, host.secrets, store, host.clock, ontap, planes, objects, url, ca))


async def _real_kubernetes(host: Host, ontap: HttpOntap, planes: list[DataPort]) -> Station:
    part, site = host.part, host.part.site
    admin = User(host.secrets.kubernetes[site], "kubedr-lab-admin", ("system:masters",))
    collection = User(host.secrets.collection[site], station.COLLECTION)
    folder, certificate, key = (host.folder.part_file(part.name, suffix) for suffix in ("d", "pem", "key"))
    kind = own.OwnPlane if own.named(site, folder) else ControlPlane
    plane = kind(site, folder, certificate, key, host.folder.path / "ca.pem", admin, (collection,), host.spawn)
    store_url = f"http://127.0.0.1:{host.lab.parts['store'].api_port}"
    return await station.start(site, host.settings, plane, ontap, planes, host.clock, store_url, host.secrets.bucket_secret)


async def _serve_real_store(host: Host) -> None:
    """An S3 server behind the listener, over plain HTTP as in the light tier: the lab's, or the user's own."""
    theirs = own.store()
    if theirs is None:
        buckets = host.folder.path / "parts" / "buckets"
        (buckets / BUCKET).mkdir(parents=True, exist_ok=True)
        address, child = gateway(host.folder.part_file(host.part.name, "d"), buckets, station.ACCESS_KEY, host.secrets.bucket_secret)
        host.spawn(child.keep())
    edge = Edge(Forward(theirs.url if theirs else address).handle, host.clock, host.log.write)
    api = Listener(host.sockets[0], "api", None, Front(edge, "api", host.clock).server(), host.clock, host.log.write)
    await _run_store(host, edge, api)


async def serve_store(host: Host) -> None:
    """The object store: downloads over plain HTTP on loopback, as clients follow signed URLs with the machine's own trust store."""
    if host.settings.kubernetes == "real":
        await _serve_real_store(host)
        return
    url = bucket_url(host.part.api_port)
    signer = Signer(host.secrets.bucket_secret, url, host.clock)
    edge = Edge(_unused, host.clock, host.log.write)
    app = make_app(DirObjects(host.folder.path / "parts" / "bucket", signer), BUCKET, host.secrets.bucket_token, signer)
    app.middlewares.insert(0, Front(edge, "api", host.clock).middleware())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    await _run_store(host, edge, Listener(host.sockets[0], "api", None, runner.server, host.clock, host.log.write))


async def _run_store(host: Host, edge: Edge, api: Listener) -> None:
    calls: dict[str, Call] = {"ready": _ready, **fault_calls(edge)}
    peer = Listener(host.sockets[1], "peer", host.tls(), Front(edge, "peer", host.clock, calls).server(), host.clock, host.log.write)
    await host.run([api, peer], [])


async def _unused(request: Any) -> Any:
    raise LookupError("the store's peer listener serves the lab's own calls only")


def _other(site: str) -> str:
    return SITES[1 - SITES.index(site)]


SERVE: dict[str, Callable[[Host], Any]] = {"ontap": serve_ontap, "kubernetes": serve_kubernetes, "store": serve_store}


async def main(arguments: list[str]) -> None:
    """Serve until killed."""
    api, peer = (socket.socket(fileno=int(descriptor)) for descriptor in arguments[2:4])
    host = Host(Folder(arguments[0]), arguments[1], (api, peer))
    await SERVE[host.part.system](host)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
