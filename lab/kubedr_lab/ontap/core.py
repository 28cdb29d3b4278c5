# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every room of the simulator uses: the objects, the time, the peer, the log of operations."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Protocol

from ..clock import Clock
from ..profile import Profile
from ..store import Store
from .errors import ApiError, not_found
from .tables import Contents, Record, Tables

SELF = "self"
HEALTH_INTERVAL = 15.0
"""Lab seconds between two pings of a cluster peer."""


class PeerUnreachable(Exception):
    """The other cluster gave no answer."""


class PeerPort(Protocol):
    """The way to the other cluster."""

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer.

        Raises:
            PeerUnreachable: refused, timed out, or lost on the way.
        """
        ...


Pause = Callable[[float], Awaitable[None]]
"""Waits so many lab seconds; lets ``return_timeout`` hold an answer back as ONTAP does."""
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs a coroutine beside the caller, so that a peer that hangs stalls only what is about it."""


@dataclass
class Knobs:
    """Behaviour that differs between releases or sites, kept with the cluster."""

    break_starts_svm: bool = False
    """A break ends with the destination SVM running (NetAppDocs/ontap issue 1922)."""
    break_locks_svm: bool = False
    """A break leaves the configuration lock on the SVM: it starts only after ``vserver unlock``."""
    confirmation_bug: bool = False
    """The job that starts an SVM fails with the text on command confirmations although the SVM runs."""
    refuse_flexgroup_beside: bool = True
    """With FlexGroups a reverse relationship is refused while the forward one is still known at its source."""


class Core:
    """State and ports of one cluster. Rooms are functions over it."""

    def __init__(
        self, name: str, store: Store, peer: PeerPort, clock: Clock, profile: Profile, seed: int = 0, pause: Pause | None = None, spawn: Spawn | None = None,
    ) -> None:
        self.name, self.peer, self.clock, self.profile = name, peer, clock, profile
        self.pause, self.spawn = pause, spawn
        self.tables = Tables(store)
        self.contents = Contents(self.tables)
        self.operations: list[dict[str, Any]] = []
        self.busy: set[str] = set()
        """Keys of work that waits for the peer in this process, so that it is not begun twice."""
        self._cluster = self.tables.get("cluster", SELF) or self._new_cluster(seed)
        self.knobs = Knobs(**self._cluster["knobs"])

    def _new_cluster(self, seed: int) -> Record:
        record = {
            "uuid": SELF, "seed": seed, "counter": 0, "username": "admin", "password": "netapp-lab", "knobs": asdict(Knobs()), "last_ping": 0.0,
            "identity": str(uuid.uuid5(uuid.NAMESPACE_URL, f"kubedr-lab/{self.name}/{seed}")), "location": "", "contact": "",
        }
        self.tables.put("cluster", record)
        self.tables.flush()
        return record

    @property
    def cluster(self) -> Record:
        """The cluster's own record; ``identity`` is its uuid."""
        return self._cluster

    def set_knobs(self, **values: bool) -> None:
        """Change knobs by name.

        Raises:
            TypeError: no such knob.
        """
        unknown = set(values) - {knob.name for knob in fields(Knobs)}
        if unknown:
            raise TypeError(f"no such knob: {', '.join(sorted(unknown))}")
        self.knobs = Knobs(**{**asdict(self.knobs), **values})
        self._cluster["knobs"] = asdict(self.knobs)
        self.tables.put("cluster", self._cluster)
        self.tables.flush()

    def now(self) -> float:
        """Lab time, seconds since the epoch."""
        return self.clock.now()

    def uuid(self) -> str:
        """A new uuid: the same run makes the same ones, also across a restart."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"kubedr-lab/{self.name}/{self._cluster['seed']}/{self.number()}"))

    def log(self, name: str, target: str, started: float) -> None:
        """Note an operation that ends now."""
        self.operations.append({"name": name, "object": target, "started": started, "ended": self.now()})

    async def ask(self, op: str, **message: Any) -> dict[str, Any]:
        """Ask the peer and note that it answered, or did not.

        Raises:
            PeerUnreachable: no answer, or the peer does not know this cluster.
            ApiError: the peer refused.
        """
        if op != "peer_hello" and not self.tables.all("cluster_peer", joined=True):
            raise PeerUnreachable("there is no accepted cluster peer")
        try:
            answer = await self.peer.call({"op": op, "cluster": self.name, "cluster_uuid": self._cluster["identity"], **message})
        except PeerUnreachable:
            self._note_peer("unavailable")
            raise
        if answer.get("unknown_peer"):
            self._note_peer("unavailable", "problem")
            raise PeerUnreachable("the peer cluster does not accept this cluster")
        if op != "peer_hello":
            self._note_peer("available", "ok")
        if "error" in answer:
            error = answer["error"]
            raise ApiError(int(error.get("status", 400)), int(error["code"]), str(error["message"]))
        return answer

    def _note_peer(self, state: str, authentication: str = "") -> None:
        for peer in self.tables.all("cluster_peer", joined=True):
            peer.update(status=state, update_time=self.now(), auth_state=authentication or peer["auth_state"])
            self.tables.put("cluster_peer", peer)

    def peer_seen_down(self) -> bool:
        """Whether the last exchange with the peer failed."""
        return all(peer["status"] != "available" for peer in self.tables.all("cluster_peer", joined=True))

    def number(self) -> int:
        """A new small number, for objects that ONTAP numbers."""
        self._cluster["counter"] += 1
        self.tables.put("cluster", self._cluster)
        return int(self._cluster["counter"])

    def svm(self, name_or_uuid: str) -> Record:
        """An SVM by name or uuid.

        Raises:
            ApiError: 404.
        """
        found = self.tables.get("svm", name_or_uuid) or self.tables.find("svm", name=name_or_uuid)
        if found is None:
            raise not_found("svm.name")
        return found


def iso(seconds: float) -> str:
    """A time as ONTAP writes it."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def iso_exact(seconds: float) -> str:
    """With milliseconds: ONTAP shows whole seconds, but what a snapshot holds can then be told from records only to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def duration(seconds: float) -> str:
    """An ISO 8601 duration, whole seconds."""
    left = max(0, int(seconds))
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, rest = divmod(left, 60)
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if value)
    text = f"P{days}D" if days else "P"
    return text + (f"T{time}" if time else "" if days else "T0S")
