# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects themselves: per type a map, its keys in order, the encoded JSON of each object, and a bounded history of events. Written through to the store.

Objects in here are never changed in place: every write puts a new one, so watchers and history may keep references.
"""

from __future__ import annotations

import bisect
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..store import Store
from .errors import Json
from .resources import Resource

Key = tuple[str, str]
"""(namespace or "", name)."""
_HISTORY = 5000


def encode(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Event:
    """One write. ``new`` of a deletion is the last object, at the version of its deletion."""

    version: int
    type: str
    new: Json
    old: Json | None
    encoded: bytes


@dataclass
class Table:
    """All objects of one (group, plural). ``base``: the version before which the history is not known."""

    kind: str
    base: int
    version: int
    objects: dict[Key, Json] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    encoded: dict[Key, bytes] = field(default_factory=dict)
    history: deque[Event] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def set(self, key: Key, obj: Json, encoded: bytes) -> None:
        """Add or replace one object."""
        if key not in self.objects:
            bisect.insort(self.keys, key)
        self.objects[key] = obj
        self.encoded[key] = encoded

    def drop(self, key: Key) -> None:
        """Forget one object."""
        self.keys.pop(bisect.bisect_left(self.keys, key))
        del self.objects[key], self.encoded[key]

    def copy(self, key: Key) -> Json:
        """The caller's own copy of one object."""
        obj: Json = json.loads(self.encoded[key])
        return obj

    def in_namespace(self, namespace: str, after: Key = ("", "")) -> list[Key]:
        """The keys of one namespace (all for ""), in order, behind ``after``."""
        start = bisect.bisect_right(self.keys, max(after, (namespace, "")))
        end = bisect.bisect_left(self.keys, (namespace + "\0", "")) if namespace else len(self.keys)
        return self.keys[start:end]

    def record(self, event: Event) -> None:
        """Remember one event and tell the listeners."""
        if len(self.history) == self.history.maxlen:
            self.base = self.history[0].version
        self.history.append(event)
        self.version = event.version
        for listener in list(self.listeners):
            listener(event)


class Objects:
    """All tables, and the one counter that gives resource versions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[tuple[str, str], Table] = {}
        self.uids: set[str] = set()
        saved = store.get("kube", "version")
        self.version = saved["version"] if isinstance(saved, dict) else 1

    def table(self, resource: Resource) -> Table:
        """The table of a type, read from the store when first asked for."""
        found = self._tables.get(resource.key)
        if found is None:
            found = self._tables[resource.key] = self._load(f"kube.{resource.qualified}")
        return found

    def _load(self, kind: str) -> Table:
        table = Table(kind, self.version, self.version)
        for _, value in self._store.items(kind):
            encoded = value if isinstance(value, bytes) else encode(value)
            obj: Json = json.loads(encoded)
            metadata = obj["metadata"]
            table.set((metadata.get("namespace", ""), metadata["name"]), obj, encoded)
            self.uids.add(metadata["uid"])
            self.version = max(self.version, int(metadata["resourceVersion"]))
        table.base = table.version = self.version
        return table

    def settle(self) -> None:
        """After everything was read: nothing is known of what happened before."""
        for table in self._tables.values():
            table.base = table.version = self.version

    def put(self, resource: Resource, obj: Json, old: Json | None) -> None:
        """Write one object (new where ``old`` is None) under the next version, which is put into it."""
        self.version += 1
        metadata = obj["metadata"]
        metadata["resourceVersion"] = str(self.version)
        table = self.table(resource)
        encoded = encode(obj)
        self._store.put(table.kind, f"{metadata.get('namespace', '')}/{metadata['name']}", encoded)
        table.set((metadata.get("namespace", ""), metadata["name"]), obj, encoded)
        self.uids.add(metadata["uid"])
        table.record(Event(self.version, "MODIFIED" if old else "ADDED", obj, old, encoded))

    def remove(self, resource: Resource, obj: Json) -> None:
        """Take one object away for good."""
        self.version += 1
        table = self.table(resource)
        metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
        # The counter is saved with deletions only: any other write leaves its version in an object.
        key = (metadata.get("namespace", ""), metadata["name"])
        self._store.write([(table.kind, f"{key[0]}/{key[1]}", None), ("kube", "version", {"version": self.version})])
        table.drop(key)
        self.uids.discard(metadata["uid"])
        last = {**obj, "metadata": metadata}
        table.record(Event(self.version, "DELETED", last, obj, encode(last)))

    def copies(self, resource: Resource, namespace: str = "") -> Iterator[Json]:
        """The caller's own copies of all objects of a type, in order."""
        table = self.table(resource)
        return (table.copy(key) for key in table.in_namespace(namespace))
