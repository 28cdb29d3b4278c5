# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets in memory and on disk, and a wrapper that breaks."""

from __future__ import annotations

import os
from pathlib import Path

from ..clock import Clock, LabClock
from .port import NoSuchKey, ObjectStore, Signer, StoreDenied, StoreUnreachable, fold


class MemoryObjects:
    """A bucket that lives as long as its process; ``signer`` opens its URLs for ``fetch_signed``."""

    def __init__(self, clock: Clock | None = None, base_url: str = "https://objects.invalid/kubedr", secret: str = "memory") -> None:
        self.signer = Signer(secret, base_url, clock or LabClock())
        self._objects: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes:
        """The object's bytes; NoSuchKey."""
        try:
            return self._objects[key]
        except KeyError:
            raise NoSuchKey(f"NoSuchKey: {key}") from None

    async def put(self, key: str, data: bytes) -> None:
        """Write or replace one object."""
        self._objects[key] = data

    async def delete(self, key: str) -> None:
        """Remove one object if it is there."""
        self._objects.pop(key, None)

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """Keys, folded at the delimiter."""
        return fold(self._objects, prefix, delimiter)

    def sign(self, key: str, seconds: float) -> str:
        """A download URL."""
        return self.signer.sign(key, seconds)


class DirObjects:
    """A bucket that is a folder: survives its process; every object is replaced whole or not at all."""

    def __init__(self, root: Path, signer: Signer) -> None:
        self.signer = signer
        self._root = root.resolve()
        self._root.mkdir(parents=True, exist_ok=True)

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not key or key.endswith((".tmp", "/")) or not path.is_relative_to(self._root):
            raise StoreDenied(f"not a usable key: {key!r}")
        return path

    async def get(self, key: str) -> bytes:
        """The object's bytes; NoSuchKey."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NoSuchKey(f"NoSuchKey: {key}") from None

    async def put(self, key: str, data: bytes) -> None:
        """Write or replace one object."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".tmp")
        scratch.write_bytes(data)
        os.replace(scratch, path)

    async def delete(self, key: str) -> None:
        """Remove one object if it is there. Folders that are left empty are no keys and do not matter."""
        self._path(key).unlink(missing_ok=True)

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """Keys, folded at the delimiter."""
        files = (path for path in self._root.rglob("*") if path.is_file() and path.suffix != ".tmp")
        return fold((path.relative_to(self._root).as_posix() for path in files), prefix, delimiter)

    def sign(self, key: str, seconds: float) -> str:
        """A download URL."""
        return self.signer.sign(key, seconds)


class BreakableObjects:
    """Another store as one server sees it: ``unreachable`` fails every call, ``deny_writes`` is a read-only credential."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self.unreachable = self.deny_writes = False

    def _reach(self, writing: bool = False) -> None:
        if self.unreachable:
            raise StoreUnreachable("dial tcp: i/o timeout")
        if writing and self.deny_writes:
            raise StoreDenied("AccessDenied: Access Denied")

    async def get(self, key: str) -> bytes:
        """As the inner store, unless broken."""
        self._reach()
        return await self._inner.get(key)

    async def put(self, key: str, data: bytes) -> None:
        """As the inner store, unless broken."""
        self._reach(writing=True)
        await self._inner.put(key, data)

    async def delete(self, key: str) -> None:
        """As the inner store, unless broken."""
        self._reach(writing=True)
        await self._inner.delete(key)

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """As the inner store, unless broken."""
        self._reach()
        return await self._inner.list(prefix, delimiter)

    def sign(self, key: str, seconds: float) -> str:
        """Signing is arithmetic: it works without the store."""
        return self._inner.sign(key, seconds)
