# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab's own controllers and servers talk to a Kubernetes API: in this process, or over HTTPS to either tier."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from ..messages import Request, Response
from .errors import Json


class KubePort(Protocol):
    """A Kubernetes API server."""

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Json]:
        """Send one request (not a watch). Returns the HTTP status and the decoded body, also of an error."""
        ...


class InProcessPort:
    """A cluster in this process.

    Args:
        handle: ``KubeCluster.handle``, or whatever stands before it.
        token: sent as bearer token, if there is one.
    """

    def __init__(self, handle: Callable[[Request], Awaitable[Any]], token: str = "") -> None:
        self._handle, self._token = handle, token

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Json]:
        """Send one request. Returns the HTTP status and the decoded body."""
        headers = {"accept": "application/json", "content-type": content_type, **({"authorization": f"Bearer {self._token}"} if self._token else {})}
        payload = b"" if body is None else json.dumps(body).encode()
        answer = await self._handle(Request(method, path, {name: [value] for name, value in (query or {}).items()}, headers, payload))
        if not isinstance(answer, Response):
            raise TypeError("a watch cannot be asked for through a port")
        return answer.status, _decoded(answer.body)


class HttpPort:
    """A cluster over HTTPS. Use it as an async context manager, or call ``close``.

    Args:
        server: such as ``https://127.0.0.1:6443``.
        ca: the file with the CA certificate.
        timeout: seconds for one request.
    """

    def __init__(self, server: str, token: str, ca: Path | None = None, timeout: float = 30.0) -> None:
        self._server = server.rstrip("/")
        self._headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpPort:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Json]:
        """Send one request. Returns the HTTP status and the decoded body.

        Raises:
            aiohttp.ClientError, TimeoutError: no answer.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        payload = None if body is None else json.dumps(body).encode()
        headers = {"content-type": content_type} if payload else {}
        async with self._session.request(method, self._server + path, params=query, data=payload, headers=headers, ssl=self._tls) as answer:
            return answer.status, _decoded(await answer.read())

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _decoded(body: bytes) -> Json:
    """The body as a JSON object; what is none (``ok`` of a health check, a proxy's page) comes under ``text``."""
    try:
        data = json.loads(body) if body.strip() else {}
    except ValueError:
        return {"text": body.decode(errors="replace")}
    return data if isinstance(data, dict) else {"text": data}
