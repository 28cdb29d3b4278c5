# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's objects in memory, written through to the store in whole steps."""

from __future__ import annotations

from typing import Any, cast

from ..store import Store, Value

Record = dict[str, Any]

KINDS = (
    "cluster", "node", "port", "broadcast_domain", "ipspace", "aggregate", "lif", "route", "cluster_peer", "svm_peer", "permission", "svm", "volume",
    "snapshot", "nfs", "export_policy", "schedule", "policy", "relationship", "transfer", "destination", "job",
)
INDEXED = ("svm", "name", "volume", "relationship", "state")
"""Fields by which records are found without looking at all of them: a cluster may hold 128 relationships and thousands of snapshots."""
CONTENT = "content"
"""Bytes of a volume in pieces, key ``<volume uuid>/<offset>``."""


class Tables:
    """Objects by kind and uuid. Whoever changes a record calls ``put``; ``flush`` makes every change since the last one durable, all or none."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kinds: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
        self._index: dict[tuple[str, str, Any], dict[str, None]] = {}
        self._indexed: dict[tuple[str, str], list[tuple[str, str, Any]]] = {}
        self._changes: dict[tuple[str, str], Value | None] = {}
        for kind in KINDS:
            for _, value in store.items(kind):
                self._keep(kind, cast(Record, value))

    def _keep(self, kind: str, record: Record) -> None:
        key = record["uuid"]
        self._kinds[kind][key] = record
        places = [(kind, field, record[field]) for field in INDEXED if field in record]
        if self._indexed.get((kind, key)) != places:
            self._forget(kind, key)
            self._indexed[kind, key] = places
            for place in places:
                self._index.setdefault(place, {})[key] = None

    def _forget(self, kind: str, key: str) -> None:
        for place in self._indexed.pop((kind, key), []):
            self._index[place].pop(key, None)

    def all(self, kind: str, **equal: Any) -> list[Record]:
        """Records whose fields equal the given ones."""
        table = self._kinds[kind]
        index = [self._index.get((kind, field, equal[field]), {}) for field in INDEXED if field in equal]
        records = [table[key] for key in min(index, key=len)] if index else table.values()
        return [record for record in records if all(record.get(name) == value for name, value in equal.items())]

    def find(self, kind: str, **equal: Any) -> Record | None:
        """The first of ``all``."""
        return next(iter(self.all(kind, **equal)), None)

    def get(self, kind: str, key: str) -> Record | None:
        """By uuid."""
        return self._kinds[kind].get(key)

    def put(self, kind: str, record: Record) -> Record:
        """Add or change."""
        self._keep(kind, record)
        self._changes[kind, record["uuid"]] = record
        return record

    def delete(self, kind: str, key: str) -> None:
        """Remove; nothing happens where it is gone."""
        if self._kinds[kind].pop(key, None) is not None:
            self._forget(kind, key)
            self._changes[kind, key] = None

    def put_bytes(self, key: str, data: bytes) -> None:
        """Add or change a piece of content."""
        self._changes[CONTENT, key] = data

    def drop_bytes(self, prefix: str) -> None:
        """Remove every piece of content whose key begins so, written or about to be."""
        written = [key for key, _ in self.store.items(CONTENT, prefix)]
        waiting = [key for kind, key in self._changes if kind == CONTENT and key.startswith(prefix)]
        for key in (*written, *waiting):
            self._changes[CONTENT, key] = None

    def flush(self) -> None:
        """Write everything changed since the last flush."""
        if self._changes:
            changes, self._changes = self._changes, {}
            self.store.write((kind, key, value) for (kind, key), value in changes.items())


class Contents:
    """What is in the volumes. Content only grows, or is cut back to a snapshot, so a snapshot is the length that the content had."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._loaded: dict[str, bytearray] = {}

    def _content(self, volume: str) -> bytearray:
        if volume not in self._loaded:
            self._loaded[volume] = bytearray(b"".join(cast(bytes, value) for _, value in self._tables.store.items(CONTENT, f"{volume}/")))
        return self._loaded[volume]

    def size(self, volume: str) -> int:
        """Bytes in the volume."""
        return len(self._content(volume))

    def read(self, volume: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes from ``start`` up to ``end`` (of a snapshot: its size)."""
        return bytes(self._content(volume)[start:end])

    def append(self, volume: str, data: bytes) -> None:
        """Add to the end; durable after the next flush."""
        content = self._content(volume)
        if data:
            self._tables.put_bytes(f"{volume}/{len(content):015d}", data)
            content.extend(data)

    def cut(self, volume: str, size: int) -> None:
        """Go back to the first ``size`` bytes; 0 forgets the volume."""
        content = self._content(volume)
        if size >= len(content):
            return
        del content[size:]
        self._tables.drop_bytes(f"{volume}/")
        if content:
            self._tables.put_bytes(f"{volume}/{0:015d}", bytes(content))
