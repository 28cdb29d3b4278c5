# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between the recording listener and the real server behind it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from kubedr_lab.messages import Request, Response
from kubedr_lab.real.forward import Forward, Piecewise
from kubedr_lab.real.station import established, velero_crds

Seen = list[tuple[str, str, dict[str, str], bytes]]


def behind(answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], ask: Callable[[Forward], Awaitable[Any]]) -> tuple[Any, Seen]:
    """Run a server and ask it through a Forward. Returns the answer, and what the server saw."""
    seen: Seen = []

    async def serve(raw: web.BaseRequest) -> web.StreamResponse:
        seen.append((raw.method, raw.raw_path, {name.lower(): value for name, value in raw.headers.items()}, await raw.content.read()))
        return await answer(raw)

    async def main() -> Any:
        runner = web.ServerRunner(web.Server(serve))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        forward = Forward(f"http://127.0.0.1:{runner.addresses[0][1]}")
        try:
            return await ask(forward)
        finally:
            await forward.close()
            await runner.cleanup()

    return asyncio.run(main()), seen


async def plain(raw: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=201, headers={"X-Kind": "Status", "Content-Encoding": "gzip"}, body=gzip.compress(b"{}"))


def test_bytes_headers_and_the_target_pass_unchanged() -> None:
    target = "/kubedr/a%2Fb%20c?X-Amz-Credential=k%2F2026&location="
    sent = {"host": "lab:9", "authorization": "AWS4 x", "expect": "100-continue", "content-length": "3"}
    request = Request("PUT", "/kubedr/a/b c", {"location": [""]}, sent, b"abc", target)
    answer, seen = behind(plain, lambda forward: forward.handle(request))
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers["x-kind"], gzip.decompress(answer.body)) == (201, "Status", b"{}")
    assert "content-length" not in answer.headers
    method, path, headers, body = seen[0]
    assert (method, path, body) == ("PUT", target, b"abc")
    assert headers == {"host": "lab:9", "authorization": "AWS4 x", "content-length": "3"}


def test_head_keeps_the_length_that_it_asks_for() -> None:
    async def head(raw: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers={"Content-Length": "1234"})

    answer, _unused = behind(head, lambda forward: forward.handle(Request("HEAD", "/x")))
    assert (answer.headers["content-length"], answer.body) == ("1234", b"")


def test_a_watch_comes_piece_by_piece() -> None:
    going_on = asyncio.Event()

    async def watch(raw: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(raw)
        await response.write(b"first\n")
        await going_on.wait()
        await response.write(b"second\n")
        return response

    async def ask(forward: Forward) -> list[bytes]:
        stream = await forward.handle(Request("GET", "/api/v1/pods", {"watch": ["1"]}))
        assert isinstance(stream, Piecewise)
        pieces = []
        async for piece in stream:
            pieces.append(piece)
            going_on.set()
        return pieces

    assert behind(watch, ask)[0] == [b"first\n", b"second\n"]


def test_a_server_that_does_not_answer_is_a_503() -> None:
    async def ask() -> Any:
        forward = Forward("http://127.0.0.1:1")
        try:
            return await forward.handle(Request("GET", "/readyz"))
        finally:
            await forward.close()

    answer = asyncio.run(ask())
    assert (answer.status, answer.json()["reason"]) == (503, "ServiceUnavailable")


def test_crds_are_found_in_documents_and_in_lists() -> None:
    crd = "kind: CustomResourceDefinition, metadata"
    text = f"{{{crd}: {{name: a}}}}\n---\nkind: List\nitems:\n- {{{crd}: {{name: b}}}}\n- {{kind: Namespace}}\n---\n"
    assert [crd["metadata"]["name"] for crd in velero_crds(text)] == ["a", "b"]
    assert not established({"status": {"conditions": [{"type": "NamesAccepted", "status": "True"}]}})
    assert established({"status": {"conditions": [{"type": "Established", "status": "True"}]}})
