# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch as a value: what is due is taken from it, and whoever drives it decides when. ``async for`` makes it a stream under asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from ..clock import Clock, LabClock
from .errors import Json, KubeError
from .objects import Event, Key, Table, encode
from .resources import Resource
from .selectors import Predicate
from .tables import table

_BOOKMARK_SECONDS = 30.0
_NO_TIMEOUT = 1800.0


@dataclass(frozen=True)
class WatchSpec:
    """What a client asked for. ``since`` 0: begin with everything that is there. ``as_table``: events carry one-row Tables."""

    resource: Resource
    matches: Predicate
    candidates: Callable[[], list[Key]]
    since: int = 0
    timeout: float = _NO_TIMEOUT
    bookmarks: bool = False
    initial_events: bool = False
    as_table: bool = False
    include: str = ""


class Watch:
    """One running watch.

    Attributes:
        on_event: called when ``take`` has something new to give.
        ended: the stream is to be closed.
    """

    status = 200
    headers = {"content-type": "application/json"}

    def __init__(self, spec: WatchSpec, source: Table, clock: Clock, version: Callable[[], int]) -> None:
        self._spec, self._source, self._clock, self._version = spec, source, clock, version
        factor = clock.factor if isinstance(clock, LabClock) else 1.0
        # Clients count the seconds of their own clock, which a fast lab clock runs ahead of.
        self._deadline = clock.now() + spec.timeout * factor
        self._interval = _BOOKMARK_SECONDS * factor
        self._next_bookmark = min(clock.now() + self._interval, self._last_bookmark())
        self._ready: deque[bytes] = deque()
        self._first = True
        self.on_event: Callable[[], None] | None = None
        self.ended = False
        self._begin()
        if not self.ended:
            source.listeners.append(self._hear)

    def take(self) -> list[bytes]:
        """All bytes that are due now, one event each; may end the watch."""
        now = self._clock.now()
        if self._spec.bookmarks and not self.ended and now >= self._next_bookmark:
            self._ready.append(self._bookmark())
            later = now + self._interval
            self._next_bookmark = self._last_bookmark() if now < self._last_bookmark() < later else later
        if now >= self._deadline:
            self.close()
        taken = list(self._ready)
        self._ready.clear()
        return taken

    def wait(self) -> float:
        """Lab seconds until time alone makes a difference."""
        due = min(self._deadline, self._next_bookmark) if self._spec.bookmarks else self._deadline
        return max(0.0, due - self._clock.now())

    def close(self) -> None:
        """Hear nothing more. What is ready can still be taken."""
        if self._hear in self._source.listeners:
            self._source.listeners.remove(self._hear)
        self.ended = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The stream, on an event loop and in real time."""
        heard = asyncio.Event()
        self.on_event = heard.set
        factor = self._clock.factor if isinstance(self._clock, LabClock) else 1.0
        try:
            while True:
                heard.clear()
                for chunk in self.take():
                    yield chunk
                if self.ended:
                    return
                try:
                    await asyncio.wait_for(heard.wait(), self.wait() / factor + 0.001)
                except TimeoutError:
                    continue
        finally:
            self.close()

    def _last_bookmark(self) -> float:
        return self._deadline - min(1.0, self._spec.timeout / 2)

    def _begin(self) -> None:
        spec, source = self._spec, self._source
        if spec.since and spec.since < source.base and not spec.initial_events:
            expired = KubeError(410, f"too old resource version: {spec.since} ({source.base})")
            self._ready.append(_line("ERROR", encode(expired.status)))
            self.ended = True
        elif spec.since and not spec.initial_events:
            for event in list(source.history):
                if event.version > spec.since:
                    self._convert(event)
        else:
            for key in spec.candidates():
                if spec.matches(source.objects[key]):
                    self._ready.append(self._encoded("ADDED", source.objects[key], source.encoded[key]))
            if spec.initial_events and spec.bookmarks:
                self._ready.append(self._bookmark({"k8s.io/initial-events-end": "true"}))

    def _hear(self, event: Event) -> None:
        self._convert(event)
        if self._ready and self.on_event:
            self.on_event()

    def _convert(self, event: Event) -> None:
        """An object that comes to match, or ceases to, is added or deleted for this client."""
        matches = self._spec.matches
        was, is_now = event.old is not None and matches(event.old), event.type != "DELETED" and matches(event.new)
        if is_now:
            self._ready.append(self._encoded("MODIFIED" if was else "ADDED", event.new, event.encoded))
        elif was and event.old is not None:
            last = {**event.old, "metadata": {**event.old["metadata"], "resourceVersion": str(event.version)}}
            self._ready.append(self._encoded("DELETED", last, encode(last)))

    def _encoded(self, kind: str, obj: Json, encoded: bytes) -> bytes:
        spec = self._spec
        if spec.as_table:
            metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            encoded = encode(table(spec.resource, [obj], metadata, self._clock.now(), spec.include, self._first))
            self._first = False
        elif obj["apiVersion"] != spec.resource.api_version:
            encoded = encode({**obj, "apiVersion": spec.resource.api_version})
        return _line(kind, encoded)

    def _bookmark(self, annotations: Json | None = None) -> bytes:
        metadata = {"resourceVersion": str(self._version()), "creationTimestamp": None, **({"annotations": annotations} if annotations else {})}
        body = {"kind": self._spec.resource.kind, "apiVersion": self._spec.resource.api_version, "metadata": metadata}
        return _line("BOOKMARK", encode(body))


def _line(kind: str, encoded: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + encoded + b"}\n"
