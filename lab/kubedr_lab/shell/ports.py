# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports that cores are given when they run as servers: calls to the peer listeners of other parts."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from ..controllers.ports import DataPort, Obj, SiteSilent
from ..ontap.core import PeerUnreachable
from ..settings import PEER_PATIENCE
from ..state import Folder, Part


class Silence(Exception):
    """No answer: refused, timed out, reset, or the link between the sites is cut."""


class Line:
    """Requests to the peer listener of one part.

    Args:
        between_sites: the line runs over the link that ``--only link`` cuts.
        authorization: the header's value, empty for none.
        patience: real seconds after which no answer counts as none.
    """

    def __init__(self, folder: Folder, part: Part, between_sites: bool = False, authorization: str = "", patience: float = PEER_PATIENCE) -> None:
        self._base = f"https://127.0.0.1:{part.peer_port}"
        self._link = folder.link if between_sites else None
        self._tls = ssl.create_default_context(cafile=str(folder.path / "ca.pem"))
        self._headers = {"Authorization": authorization} if authorization else {}
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        """Status and decoded body.

        Raises:
            Silence: no answer.
        """
        await self._cross()
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._patience), headers=self._headers)
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self._session.request(method, self._base + path, params=query, data=data, ssl=self._tls) as answer:
                decoded: Obj = await answer.json()
                return answer.status, decoded
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Silence(f"{method} {path}: {error or type(error).__name__}") from error

    async def _cross(self) -> None:
        """Pass the link, if the line runs over it: refused at once, or after a time of silence."""
        if self._link is None:
            return
        try:
            state = self._link.read_text()
        except FileNotFoundError:
            return
        if state == "silent":
            await asyncio.sleep(self._patience)
        raise Silence("the link between the sites is down")


class HttpPeer:
    """The other ONTAP cluster, as a PeerPort."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def call(self, message: Obj) -> Obj:
        """One question, one answer; PeerUnreachable."""
        try:
            status, answer = await self._line.send("POST", "/lab/cluster", body=message)
        except Silence as silence:
            raise PeerUnreachable(str(silence)) from silence
        if status != 200:
            raise PeerUnreachable(f"HTTP {status}")
        return answer


class HttpOntap:
    """A site's own ONTAP cluster as its Kubernetes uses it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        """Status and decoded body; SiteSilent."""
        try:
            return await self._line.send(method, path, query, body)
        except Silence as silence:
            raise SiteSilent(str(silence)) from silence


def http_plane(line: Line) -> DataPort:
    """The data plane of an ONTAP cluster."""

    async def ask(message: Obj) -> Obj:
        try:
            status, answer = await line.send("POST", "/lab/data", body=message)
        except Silence as silence:
            raise SiteSilent(str(silence)) from silence
        if status != 200:
            raise SiteSilent(f"HTTP {status}")
        return answer

    return ask
