# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket of ``objects.server`` as an ObjectStore."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from .port import NoSuchKey, Signer, StoreDenied, StoreUnreachable


class HttpObjects:
    """A remote bucket.

    Args:
        base_url: of the bucket, such as ``https://127.0.0.1:9000/kubedr``.
        signer: with the server's secret; signs locally, as S3 clients do.
        tls: verifies the server; None for http.
        timeout: seconds for one call.
    """

    def __init__(self, base_url: str, token: str, signer: Signer, tls: ssl.SSLContext | None = None, timeout: float = 10.0) -> None:
        self._base_url, self._token, self._signer, self._tls = base_url.rstrip("/"), token, signer, tls
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def _call(self, method: str, key: str, query: Mapping[str, str] | None = None, data: bytes | None = None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers={"Authorization": f"Bearer {self._token}"})
        url = f"{self._base_url}/{quote(key)}" if key else self._base_url
        try:
            async with self._session.request(method, url, params=query, data=data, ssl=self._tls or True) as answer:
                body = await answer.read() if key else await answer.json()
                status = answer.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise StoreUnreachable(f"{method} {url}: {error or type(error).__name__}") from error
        if status == 404:
            raise NoSuchKey(f"NoSuchKey: {key}")
        if status in (401, 403):
            raise StoreDenied(f"{method} {key}: AccessDenied")
        if status >= 400:
            raise StoreUnreachable(f"{method} {key}: HTTP {status}")
        return body

    async def get(self, key: str) -> bytes:
        """The object's bytes; NoSuchKey, StoreDenied, StoreUnreachable."""
        return bytes(await self._call("GET", key))

    async def put(self, key: str, data: bytes) -> None:
        """Write or replace one object."""
        await self._call("PUT", key, data=data)

    async def delete(self, key: str) -> None:
        """Remove one object if it is there."""
        await self._call("DELETE", key)

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """Keys, folded at the delimiter."""
        return list(await self._call("GET", "", {"prefix": prefix, "delimiter": delimiter}))

    def sign(self, key: str, seconds: float) -> str:
        """A download URL, made without asking the server."""
        return self._signer.sign(key, seconds)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
