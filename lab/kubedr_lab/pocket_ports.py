# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports that cores are given in a pocket lab, and stores that can be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .controllers.ports import DataPort, Obj, SiteSilent
from .objects import MemoryObjects, StoreUnreachable
from .ontap.core import PeerUnreachable
from .settings import DATA_PATIENCE, PEER_PATIENCE
from .store import MemoryStore

if TYPE_CHECKING:
    from .pocket import PocketLab

STORE_PATIENCE = 10.0


class PocketStore(MemoryStore):
    """A store that can be copied cheaply: its values are never changed in place."""

    def copy(self) -> PocketStore:
        """Another store with the same entries."""
        twin = PocketStore()
        twin._kinds = {kind: dict(entries) for kind, entries in self._kinds.items()}
        return twin


class Bucket(MemoryObjects):
    """A bucket whose content can be taken out and put in."""

    def contents(self) -> dict[str, bytes]:
        """A copy of everything."""
        return dict(self._objects)

    def load(self, contents: dict[str, bytes]) -> None:
        """Hold exactly this."""
        self._objects = dict(contents)


class PocketPeer:
    """A PeerPort to the cluster of a site."""

    def __init__(self, lab: PocketLab, site: str) -> None:
        self._lab, self._name = lab, f"{site}-ontap"

    async def call(self, message: Obj) -> Obj:
        """One question, one answer; PeerUnreachable."""
        silent = await self._lab.silence(self._name, PEER_PATIENCE, between_sites=True)
        if silent:
            raise PeerUnreachable(silent)
        answer: Obj = await self._lab.station(self._name).calls["cluster"](message)
        self._lab.woken(self._name)
        return answer


class PocketOntapPort:
    """A site's own ONTAP cluster as its Kubernetes uses it."""

    def __init__(self, lab: PocketLab, site: str) -> None:
        self._lab, self._name = lab, f"{site}-ontap"

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        """Status and decoded body; SiteSilent."""
        silent = await self._lab.silence(self._name, PEER_PATIENCE)
        if silent:
            raise SiteSilent(silent)
        station: Any = self._lab.station(self._name)
        status, answer = await station.port.request(method, path, query, body)
        self._lab.woken(self._name)
        return status, answer


class PocketObjects:
    """The bucket as a site's Ark reaches it."""

    def __init__(self, lab: PocketLab) -> None:
        self._lab = lab

    async def _reach(self) -> Bucket:
        silent = await self._lab.silence("store", STORE_PATIENCE)
        if silent:
            raise StoreUnreachable(silent)
        return self._lab.objects

    async def get(self, key: str) -> bytes:
        """The object's bytes."""
        return await (await self._reach()).get(key)

    async def put(self, key: str, data: bytes) -> None:
        """Write or replace one object."""
        await (await self._reach()).put(key, data)

    async def delete(self, key: str) -> None:
        """Remove one object."""
        await (await self._reach()).delete(key)

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """Keys, folded at the delimiter."""
        return await (await self._reach()).list(prefix, delimiter)

    def sign(self, key: str, seconds: float) -> str:
        """A download URL."""
        return self._lab.objects.sign(key, seconds)


def pocket_plane(lab: PocketLab, site: str, between_sites: bool = False) -> DataPort:
    """The data plane of a site's ONTAP cluster."""

    async def ask(message: Obj) -> Obj:
        silent = await lab.silence(f"{site}-ontap", DATA_PATIENCE, between_sites)
        if silent:
            raise SiteSilent(silent)
        return await lab.station(f"{site}-ontap").calls["data"](message)

    return ask
