# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a core over HTTPS: every connection and request is seen, and a request can be answered late, wrongly, or never."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from ..clock import LabClock
from ..messages import Request, Response, Stream, json_response
from .edge import Edge, Handler, Recorder, iso
from .faults import Rule
from .filler import SOURCE

BACKLOG = 512
Call = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""What a part offers to the rest of the lab: JSON in, JSON out."""


class LogFile:
    """JSON lines, each safe from the death of the process as soon as it is written."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, event: Mapping[str, Any]) -> None:
        """Add one event."""
        os.write(self._descriptor, json.dumps(event, separators=(",", ":")).encode() + b"\n")


def tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Listener:
    """One listening socket. ``via`` is ``api`` for whoever administers the system and ``peer`` for the lab's own traffic.

    Args:
        context: TLS, None for plain HTTP.
        server: makes a protocol for each connection.
    """

    def __init__(self, sock: socket.socket, via: str, context: ssl.SSLContext | None, server: web.Server, clock: LabClock, record: Recorder) -> None:
        self.sock = sock
        self._via, self._context, self._server, self._clock, self._record = via, context, server, clock, record
        self._attaching: set[asyncio.Task[None]] = set()
        sock.setblocking(False)

    async def accept(self) -> None:
        """Take connections for ever. Dummies that only keep the queue full are let go unseen."""
        loop = asyncio.get_running_loop()
        while True:
            connection, address = await loop.sock_accept(self.sock)
            if address[0] == SOURCE:
                connection.close()
                continue
            self._record({"time": iso(self._clock.now()), "via": self._via, "event": "connection", "client": f"{address[0]}:{address[1]}"})
            task = loop.create_task(self._attach(connection))
            self._attaching.add(task)
            task.add_done_callback(self._attaching.discard)

    async def _attach(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        patience = 30 if self._context else None
        with contextlib.suppress(OSError):  # a client that does not trust us, or has left: its own affair
            await loop.connect_accepted_socket(self._server, connection, ssl=self._context, ssl_handshake_timeout=patience)


class Front:
    """Between HTTP and an edge.

    Args:
        calls: the lab's own calls by name, offered under ``/lab/<name>``.
        acted: told after each request that may have changed something.
    """

    def __init__(self, edge: Edge, via: str, clock: LabClock, calls: Mapping[str, Call] | None = None, acted: Callable[[], None] = lambda: None) -> None:
        self._edge, self._via, self._clock, self._calls, self._acted = edge, via, clock, calls or {}, acted

    def server(self) -> web.Server:
        """For a listener."""
        return web.Server(self.answer, access_log=None, keepalive_timeout=600)

    def middleware(self) -> Any:
        """The same in front of an aiohttp application, whose own handlers then stand for the core."""

        @web.middleware
        async def through_edge(raw: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
            await raw.read()

            async def core(request: Request) -> Response:
                answer = await handler(raw)
                body = answer.body if isinstance(answer, web.Response) else None
                return Response(answer.status, {"content-type": answer.content_type}, body if isinstance(body, bytes) else b"")

            return await self.answer(raw, core)

        return through_edge

    async def answer(self, raw: web.BaseRequest, core: Handler | None = None) -> web.StreamResponse:
        """One request, through the lab's own calls or the edge."""
        request = await _read(raw)
        call = self._calls.get(request.path.removeprefix("/lab/")) if request.path.startswith("/lab/") else None
        if call is not None:
            message = request.json() or {}
            self._edge.note(request, self._via, {"op": [str(message["op"])]} if "op" in message else {})
            response = json_response(200, await call(message))
            self._acted()
            return _plain(response)
        outcome = await self._edge.answer(request, self._via, core)
        if request.method != "GET":
            self._acted()
        if outcome.delay:
            await asyncio.sleep(self._clock.real(outcome.delay))
        if outcome.answer is None:
            return await _withhold(raw, outcome.reset)
        if isinstance(outcome.answer, Response):
            return _plain(outcome.answer)
        return await _follow(raw, outcome.answer)


async def _read(raw: web.BaseRequest) -> Request:
    query: dict[str, list[str]] = {}
    for name, value in raw.query.items():
        query.setdefault(name, []).append(value)
    headers = {name.lower(): value for name, value in raw.headers.items()}
    body = await raw.read() if isinstance(raw, web.Request) else await raw.content.read()
    return Request(raw.method, raw.path, query, headers, body, raw.raw_path)


def _plain(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)


async def _withhold(raw: web.BaseRequest, reset: bool) -> web.StreamResponse:
    transport = raw.transport
    if transport is not None and reset:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    while raw.transport is not None and not raw.transport.is_closing():
        await asyncio.sleep(0.1)
    return web.Response()


async def _follow(raw: web.BaseRequest, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(status=stream.status, headers=stream.headers)
    try:
        await response.prepare(raw)
        async for chunk in stream:
            await response.write(chunk)
    finally:
        stream.close()
    return response


def fault_calls(edge: Edge) -> dict[str, Call]:
    """The lab's own calls that set faults at this edge."""

    async def add(message: dict[str, Any]) -> dict[str, Any]:
        edge.faults.add(Rule(**{name: value for name, value in message.items() if name != "seen"}))
        return {"faults": [rule.as_data() for rule in edge.faults.rules]}

    async def clear(message: dict[str, Any]) -> dict[str, Any]:
        edge.faults.clear()
        return {"faults": []}

    return {"fault": add, "faults-clear": clear}


def drop_on_signal(number: signal.Signals, sockets: list[socket.socket]) -> None:
    """On that signal: accept queues shrink to nothing and this process stops, with those that it started. Continued, it listens as before."""

    def drop() -> None:
        for sock in sockets:
            sock.listen(0)
        os.killpg(0, signal.SIGSTOP)
        for sock in sockets:
            sock.listen(BACKLOG)

    asyncio.get_running_loop().add_signal_handler(number, drop)
