# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What a backup holds: its tarball in memory, with an index to every object; manifests are parsed when they are asked for."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._errors import ApiError
from .client import KubeClient
from .dialect import ArkAccess
from .downloads import Fetch, download, gunzip


class ObjectKey(NamedTuple):
    """``group_resource`` is ``plural.group`` (``plural`` for the core group); ``namespace`` is empty for a cluster-scoped object."""

    group_resource: str
    namespace: str
    name: str


BLOCK, USTAR = 512, b"ustar\x0000"


class BackupContents:
    """A backup's objects, by key. Layout: ``resources/<plural[.group]>/{cluster|namespaces/NS}/NAME.json`` (velero pkg/archive)."""

    def __init__(self, backup: str, data: bytes, index: Mapping[ObjectKey, tuple[int, int]]) -> None:
        self.backup = backup
        self._data, self._index = data, index
        self._by_kind: dict[str, list[ObjectKey]] = {}
        for key in sorted(index):
            self._by_kind.setdefault(key.group_resource, []).append(key)

    @classmethod
    def load(cls, client: KubeClient, ark: ArkAccess, backup_name: str, fetch: Fetch, timeout: float = 60.0) -> BackupContents:
        """Download and index.

        Raises:
            NotFound, WaitTimeout, Unreachable: the tarball can not be had (see ``downloads.download``).
            ApiError: it can not be read.
        """
        return cls.from_bytes(backup_name, download(client, ark, "BackupContents", backup_name, fetch, timeout), client.system)

    @classmethod
    def from_bytes(cls, backup_name: str, packed: bytes, system: str = "") -> BackupContents:
        """From the stored ``.tar.gz``."""
        data = gunzip(packed, f"backup {backup_name}", system)
        try:
            index = {key: (start, size) for name, start, size in _files(data, whole=data is not packed) if (key := _key(name))}
        except (tarfile.TarError, EOFError) as error:
            raise ApiError(f"backup {backup_name} is damaged in the object store: {error}", system=system, operation="read backup", obj=backup_name) from error
        if any(start + size > len(data) for start, size in index.values()):
            raise ApiError(f"backup {backup_name} is cut short in the object store", system=system, operation="read backup", obj=backup_name)
        return cls(backup_name, data, index)

    def kinds(self) -> list[str]:
        """Every group_resource that it holds, sorted."""
        return list(self._by_kind)

    def keys(self, group_resource: str) -> list[ObjectKey]:
        """The keys of one kind, sorted, without parsing anything."""
        return list(self._by_kind.get(group_resource, ()))

    def objects(self, group_resource: str) -> Iterator[tuple[ObjectKey, dict[str, Any]]]:
        """Key and manifest of every object of one kind."""
        for key in self._by_kind.get(group_resource, ()):
            yield key, self._manifest(key)

    def get(self, group_resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        """One manifest, as it was stored."""
        key = ObjectKey(group_resource, namespace, name)
        return self._manifest(key) if key in self._index else None

    def __iter__(self) -> Iterator[tuple[ObjectKey, dict[str, Any]]]:
        for group_resource in self._by_kind:
            yield from self.objects(group_resource)

    def __len__(self) -> int:
        return len(self._index)

    def _manifest(self, key: ObjectKey) -> dict[str, Any]:
        start, size = self._index[key]
        try:
            manifest = json.loads(memoryview(self._data)[start : start + size].tobytes())
        except ValueError as error:
            raise ApiError(f"backup {self.backup} holds an unreadable object", operation="read backup", obj="/".join(part for part in key if part)) from error
        return manifest if isinstance(manifest, dict) else {}


def _files(data: bytes, *, whole: bool = False) -> list[tuple[str, int, int]]:
    """Name, offset and size of every file of an archive. The plain headers of which Velero's consist are read here, several times as fast as by tarfile.

    Args:
        whole: what gzip unpacked is what was packed, by its own checksum: those of the headers are not looked at.
    """
    found = _plain_files(data, whole=whole)
    if found is None:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            found = [(member.name, member.offset_data, member.size) for member in archive if member.isfile()]
    return found


def _plain_files(data: bytes, *, whole: bool = False) -> list[tuple[str, int, int]] | None:
    """The same; None where a header is damaged, the end is missing, or one is not of the POSIX format of 1988 (ustar): longer names, links."""
    found: list[tuple[str, int, int]] = []
    at, end = 0, len(data)
    while at + BLOCK <= end and data[at]:
        head = data[at : at + BLOCK]
        try:
            size, checksum = int(head[124:136].rstrip(b"\0 ") or b"0", 8), int(head[148:156].rstrip(b"\0 "), 8)
            name, prefix = head[:100].rstrip(b"\0").decode(), head[345:500].rstrip(b"\0").decode()
        except ValueError:
            return None
        if head[257:265] != USTAR or head[156] not in b"05" or not (whole or sum(head) - sum(head[148:156]) + 8 * 32 == checksum):
            return None
        at += BLOCK
        if head[156:157] == b"0":
            found.append((f"{prefix}/{name}" if prefix else name, at, size))
        at += -(-size // BLOCK) * BLOCK
    return found if at + BLOCK <= end else None


def _key(path: str) -> ObjectKey | None:
    """The object that a member of the tarball is; None for metadata, and for the copies that Velero keeps per API version."""
    parts = path.removeprefix("./").split("/")
    if len(parts) < 4 or parts[0] != "resources" or not parts[-1].endswith(".json"):
        return None
    name = parts[-1].removesuffix(".json")
    if parts[2] == "cluster" and len(parts) == 4:
        return ObjectKey(parts[1], "", name)
    if parts[2] == "namespaces" and len(parts) == 5:
        return ObjectKey(parts[1], parts[3], name)
    return None
