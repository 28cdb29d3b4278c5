# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries requests from the lab's recording listener to a real server behind it. Bytes, status and headers pass unchanged."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
from yarl import URL

from ..messages import Request, Response, json_response

HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect", "content-length"})
"""Headers that belong to one connection, RFC 9110 section 7.6.1; and the length, which is counted anew."""
ADDED_BY_AIOHTTP = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Piecewise:
    """An answer that is passed on as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status, self.headers = answer.status, _passed(answer.headers)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces; ends early where the server behind ends."""
        try:
            async for piece in self._answer.content.iter_any():
                yield piece
        except aiohttp.ClientError:
            return

    def close(self) -> None:
        """Hang up on the server behind."""
        self._answer.close()


class Forward:
    """The way to one server.

    Args:
        base: such as ``https://127.0.0.1:6443``.
        ca: the file with the CA certificate that its certificate is checked against; None for http, and for an authority that the machine trusts.
        tokens: bearer tokens of the lab, and those that the server behind knows instead.
    """

    def __init__(self, base: str, ca: Path | None = None, tokens: Mapping[str, str] | None = None) -> None:
        self._base = base.rstrip("/")
        self._known = {f"Bearer {ours}": f"Bearer {theirs}" for ours, theirs in (tokens or {}).items()}
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: Request) -> Response | Piecewise:
        """The server's own answer; 503 while it does not answer."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False)
        url, headers = URL(self._base + (request.target or request.path), encoded=True), _passed(request.headers)
        if headers.get("authorization") in self._known:
            headers["authorization"] = self._known[headers["authorization"]]
        try:
            answer = await self._session.request(
                request.method, url, headers=headers, data=request.body or None, ssl=self._tls, allow_redirects=False,
                skip_auto_headers=ADDED_BY_AIOHTTP,
            )
            if is_stream(request):
                return Piecewise(answer)
            return Response(answer.status, _answered(request.method, answer), await answer.read())
        except (aiohttp.ClientError, OSError) as error:
            return _unavailable(f"the server behind does not answer: {error or type(error).__name__}")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _unavailable(message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "ServiceUnavailable", "message": message, "code": 503}
    return json_response(503, status)


def is_stream(request: Request) -> bool:
    """Whether the answer has no end of its own: a watch."""
    return request.first("watch").lower() in ("1", "true") or "/watch/" in request.path


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


def _answered(method: str, answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers of a whole answer. The length of a body that HEAD asks about is news, not framing."""
    headers = _passed(answer.headers)
    if method == "HEAD" and "Content-Length" in answer.headers:
        headers["content-length"] = answer.headers["Content-Length"]
    return headers
