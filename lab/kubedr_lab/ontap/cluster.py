# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated ONTAP cluster, sans-I/O. Drive it with ``handle`` and ``tick``; give it a peer, a clock and a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from ..clock import Clock
from ..messages import Request, Response
from ..profile import NONE, Profile
from ..store import Store
from . import exports, jobs, mirror, network, peering, policies, returning, snapmirror, storage, svm_peers, svms
from .core import Core, Pause, PeerPort, Spawn
from .data import data
from .peer import answer_peer
from .rest import Router, route
from .tables import CONTENT, Record

_ROUTER = Router([
    resource for room in (network, svms, peering, svm_peers, policies, snapmirror, storage, exports, jobs) for resource in room.RESOURCES
])
_REGISTERED = returning
"""Imported for the operations that it registers."""


class OntapCluster:
    """The cluster ``name``; two of them with each other's ``handle_peer`` behind their ``peer`` ports make a pair of sites.

    Args:
        store: everything is written through to it; a cluster made on a store that holds one goes on where that one was.
        pause: waits so many lab seconds. With it ``return_timeout`` holds an answer back until the job ended; without it such an answer is a 202.
        spawn: runs a coroutine beside. With it a peer that hangs stalls only what is about it; without it ``tick`` waits for the peer.
    """

    def __init__(
        self, name: str, store: Store, peer: PeerPort, clock: Clock, profile: Profile = NONE, seed: int = 0, pause: Pause | None = None,
        spawn: Spawn | None = None,
    ) -> None:
        self.core = Core(name, store, peer, clock, profile, seed, pause, spawn)

    @property
    def operations(self) -> list[dict[str, Any]]:
        """Ended operations ``{name, object, started, ended}``: quiesce, break, svm_start, svm_stop, initialize, transfer, resync. Whoever reads drains it."""
        return self.core.operations

    async def handle(self, request: Request) -> Response:
        """Answer one REST request. ``x-lab-job-fault`` in its headers makes the job that it starts go wrong (see ``jobs.FAULTS``)."""
        await self._catch_up()
        response = await route(self.core, _ROUTER, request)
        self.core.tables.flush()
        return response

    async def handle_peer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Answer the other cluster."""
        await self._catch_up()
        return await answer_peer(self.core, message)

    async def data(self, message: dict[str, Any]) -> dict[str, Any]:
        """The data plane, see data.data."""
        await self._catch_up()
        return await data(self.core, message)

    async def _catch_up(self) -> None:
        """What is due and needs no peer."""
        await jobs.run_due(self.core, peer_bound=False)
        mirror.fire_schedules(self.core)
        self.core.tables.flush()

    async def tick(self) -> float | None:
        """Do everything that is due.

        Returns:
            The lab time at which to call again, None where nothing is waiting. A request in between may make it sooner.
        """
        core = self.core
        await self._catch_up()
        await jobs.run_due(core, peer_bound=True)
        for transfer in self._transfers():
            if transfer["due"] <= core.now():
                if core.spawn is None:
                    await mirror.advance(core, transfer)
                else:
                    core.spawn(mirror.advance(core, transfer))
        mirror.forget_old(core)
        ping = peering.next_ping(core)
        if ping is not None and ping <= core.now():
            core.cluster["last_ping"] = core.now()
            core.tables.put("cluster", core.cluster)
            if core.spawn is None:
                await peering.ping(core)
            else:
                core.spawn(peering.ping(core))
        core.tables.flush()
        return min(self._next(), default=None)

    def _transfers(self) -> list[Record]:
        """Those under way that nothing in this process works on."""
        active = [transfer for state in mirror.ACTIVE for transfer in self.core.tables.all("transfer", state=state)]
        return [transfer for transfer in active if transfer["uuid"] not in self.core.busy]

    def _next(self) -> Iterator[float]:
        core = self.core
        yield from jobs.next_due(core)
        yield from (transfer["due"] for transfer in self._transfers())
        for relationship in core.tables.all("relationship", state="snapmirrored"):
            if relationship["next_fire"] is not None:
                yield relationship["next_fire"]
        ping = peering.next_ping(core)
        if ping is not None:
            yield ping

    def set_knobs(self, **values: bool) -> None:
        """See core.Knobs."""
        self.core.set_knobs(**values)

    def add_volume(self, svm: str, name: str, size: int = 1 << 30, junction: str = "", export_policy: str = "default") -> dict[str, Any]:
        """Create an empty volume at once, as a provisioner does; mounted at ``/<name>`` unless told otherwise.

        Raises:
            ApiError: no such SVM or export policy, name or junction taken, or the SVM is a SnapMirror destination.
        """
        core = self.core
        body = {"name": name, "size": size, "nas": {"path": junction or f"/{name}", "export_policy": {"name": export_policy}}}
        volume = core.tables.put("volume", storage.new_volume(core, core.svm(svm), body))
        core.tables.flush()
        return dict(volume)


def read_volumes(store: Store, svm: str) -> dict[str, dict[str, Any]]:
    """What the data volumes of an SVM hold, straight from a store, also of a cluster that is dead.

    Returns:
        By volume name: ``uuid``, ``junction``, ``type``, ``content`` (bytes), and ``snapshots``: name -> bytes that it froze.
    """
    found: dict[str, dict[str, Any]] = {}
    for _, value in store.items("volume"):
        volume = cast(Record, value)
        if volume["svm"] == svm and not volume["root"]:
            content = b"".join(cast(bytes, piece) for _, piece in store.items(CONTENT, f"{volume['uuid']}/"))
            mine = [cast(Record, item) for _, item in store.items("snapshot") if cast(Record, item)["volume"] == volume["uuid"]]
            found[volume["name"]] = {
                "uuid": volume["uuid"], "junction": volume["junction"], "type": volume["type"], "content": content,
                "snapshots": {item["name"]: content[:item["size"]] for item in sorted(mine, key=lambda item: (item["created"], item["order"]))},
            }
    return found
