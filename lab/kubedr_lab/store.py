# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a site keeps what must outlive its process: JSON objects and bytes by (kind, key), written through at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

Value = dict[str, Any] | bytes
Change = tuple[str, str, Value | None]
"""(kind, key, new value), or None to delete."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS entries (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
_PUT = "INSERT INTO entries VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value"


class Store(Protocol):
    """Values returned are the caller's own: changing them changes nothing here until they are put back."""

    def get(self, kind: str, key: str) -> Value | None:
        """One value, None where there is none."""
        ...

    def put(self, kind: str, key: str, value: Value) -> None:
        """Write one value; it is safe from the death of the process when this returns."""
        ...

    def delete(self, kind: str, key: str) -> None:
        """Forget one value; nothing happens where there is none."""
        ...

    def items(self, kind: str, prefix: str = "") -> Iterator[tuple[str, Value]]:
        """All (key, value) of a kind whose key begins with ``prefix``, in key order, as of this call."""
        ...

    def write(self, changes: Iterable[Change]) -> None:
        """Several changes, all or none."""
        ...


def _encode(value: Value) -> str | bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"))


def _decode(stored: str | bytes) -> Value:
    if isinstance(stored, bytes):
        return stored
    value: dict[str, Any] = json.loads(stored)
    return value


class MemoryStore:
    """A store that lives as long as its process."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, str | bytes]] = {}

    def get(self, kind: str, key: str) -> Value | None:
        """One value, None where there is none."""
        stored = self._kinds.get(kind, {}).get(key)
        return None if stored is None else _decode(stored)

    def put(self, kind: str, key: str, value: Value) -> None:
        """Write one value."""
        self._kinds.setdefault(kind, {})[key] = _encode(value)

    def delete(self, kind: str, key: str) -> None:
        """Forget one value."""
        self._kinds.get(kind, {}).pop(key, None)

    def items(self, kind: str, prefix: str = "") -> Iterator[tuple[str, Value]]:
        """All (key, value) of a kind whose key begins with ``prefix``, in key order."""
        found = sorted((key, stored) for key, stored in self._kinds.get(kind, {}).items() if key.startswith(prefix))
        return ((key, _decode(stored)) for key, stored in found)

    def write(self, changes: Iterable[Change]) -> None:
        """Several changes, all or none: everything is encoded before anything is kept."""
        encoded = [(kind, key, None if value is None else _encode(value)) for kind, key, value in changes]
        for kind, key, stored in encoded:
            if stored is None:
                self.delete(kind, key)
            else:
                self._kinds.setdefault(kind, {})[key] = stored


class SqliteStore:
    """A store in one file. What was written survives SIGKILL of the process (not a power cut: ``synchronous=OFF``).

    Args:
        path: the database; made with its folder unless ``read_only``.
        read_only: another process may read so while the owner runs, hangs, or is dead.
    """

    def __init__(self, path: str | Path, read_only: bool = False) -> None:
        path = Path(path)
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rwc'}"
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        if not read_only:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(_SCHEMA)

    def get(self, kind: str, key: str) -> Value | None:
        """One value, None where there is none."""
        row = self._db.execute("SELECT value FROM entries WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else _decode(row[0])

    def put(self, kind: str, key: str, value: Value) -> None:
        """Write one value."""
        self._db.execute(_PUT, (kind, key, _encode(value)))

    def delete(self, kind: str, key: str) -> None:
        """Forget one value."""
        self._db.execute("DELETE FROM entries WHERE kind = ? AND key = ?", (kind, key))

    def items(self, kind: str, prefix: str = "") -> Iterator[tuple[str, Value]]:
        """All (key, value) of a kind whose key begins with ``prefix``, in key order."""
        rows = self._db.execute(
            "SELECT key, value FROM entries WHERE kind = ? AND key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
            (kind, prefix, len(prefix), prefix),
        ).fetchall()
        return ((key, _decode(stored)) for key, stored in rows)

    def write(self, changes: Iterable[Change]) -> None:
        """Several changes, all or none."""
        encoded = [(kind, key, None if value is None else _encode(value)) for kind, key, value in changes]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for kind, key, stored in encoded:
                if stored is None:
                    self.delete(kind, key)
                else:
                    self._db.execute(_PUT, (kind, key, stored))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
