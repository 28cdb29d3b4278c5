# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pocket lab: both sites and the object store in this process, on a virtual clock. For tests that run thousands of histories."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .clock import START, VirtualClock
from .controllers.ports import Obj
from .messages import Request, Response
from .objects import fetch_signed
from .pocket_ports import Bucket, PocketObjects, PocketOntapPort, PocketPeer, PocketStore, pocket_plane
from .scheduler import Loop, Scheduler
from .settings import SITES, Group, Secrets, Settings, groups
from .shell.edge import Edge, iso
from .shell.faults import Rule
from .world import BACKUP_RUNS, TRANSFER_ENDS, Station, build_kube, build_ontap, profile_of, read_group

READY_PATIENCE = 600.0
WRITE_INTERVAL = 0.2
BUCKET_URL = "https://objects.invalid/kubedr"
SYSTEMS = ("ontap", "kubernetes")


class NoAnswer(Exception):
    """A request met no answer. ``sent`` is False only where no connection was made, so that nothing can have been carried out."""

    def __init__(self, part: str, sent: bool) -> None:
        super().__init__(f"{part} gives no answer" if sent else f"{part} cannot be reached")
        self.sent = sent


class LabRefused(Exception):
    """A system of the lab refused what the lab asked of it."""


@dataclass
class PartState:
    """One system: what survives its death (store, log, condition), and what does not (station, edge, loops)."""

    name: str
    store: PocketStore = field(default_factory=PocketStore)
    condition: str = "running"
    log: list[dict[str, Any]] = field(default_factory=list)
    station: Station | None = None
    edge: Edge | None = None
    loops: list[Loop] = field(default_factory=list)


class PocketLab:
    """Two sites, ``tokyo`` and ``osaka``, as ``kubedr-lab up`` would make them.

    Args:
        latency: ``none`` or ``realistic``.
        frozen: what ``freeze`` gave, to begin from there; the other arguments must be the same as then.
    """

    def __init__(
        self, groups: int = 1, ark: str = "velero", identity: str = "full", flexgroup: bool = False, seed: int = 0, latency: str = "none",
        frozen: dict[str, Any] | None = None,
    ) -> None:
        self.settings = Settings(groups, ark, latency, 1.0, identity, flexgroup, seed, START)
        self.secrets = Secrets.fixed()
        self.clock = VirtualClock(frozen["now"] if frozen else START)
        self.scheduler = Scheduler(self.clock)
        self.objects = Bucket(self.clock, BUCKET_URL, self.secrets.bucket_secret)
        self.link = "up"
        self._numbers: dict[str, int] = {}
        self.parts = {name: PartState(name) for name in [*(f"{site}-{system}" for site in SITES for system in SYSTEMS), "store"]}
        if frozen:
            self._thaw_all(frozen)
        for name in self.parts:
            self._boot(name)
        self.settle()

    # ------------------------------------------------------------------ time

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.scheduler.run_until(self.clock.now() + seconds)

    def settle(self) -> None:
        """Let everything happen that is due now."""
        self.scheduler.run_until(self.clock.now())

    # -------------------------------------------------------------- requests

    def call(self, site: str, system: str, request: Request, timeout: float = 10.0) -> Response:
        """One request to the API of a site's ``ontap`` or ``kubernetes``, with the time that it takes.

        Raises:
            NoAnswer: the part is dead, hung or dropped, a fault swallowed the answer, or it took longer than ``timeout`` lab seconds.
        """
        part = self.parts[f"{site}-{system}"]
        self._reach(part, timeout)
        assert part.edge is not None
        part.log.append({"time": iso(self.clock.now()), "via": "api", "event": "connection", "client": "pocket"})
        deadline = self.clock.now() + timeout
        task = self.scheduler.start(part.edge.answer(request), part.name)
        if not self.scheduler.finish(task, deadline):
            raise NoAnswer(part.name, sent=True)
        outcome = task.result
        if request.method != "GET":
            self._wake(part)
        self.settle()
        arrival = self.clock.now() + outcome.delay
        if outcome.answer is None and not outcome.reset:
            arrival = math.inf
        self.scheduler.run_until(min(arrival, deadline))
        if arrival > deadline or outcome.answer is None:
            raise NoAnswer(part.name, sent=True)
        if not isinstance(outcome.answer, Response):
            return _first_of(outcome.answer)
        return outcome.answer

    def fetch(self, url: str, timeout: float = 10.0) -> bytes:
        """What a signed URL of the object store gives.

        Raises:
            NoAnswer: the store is dead, hung or dropped.
            StoreError: as the store answers.
        """
        part = self.parts["store"]
        self._reach(part, timeout)
        event = {"time": iso(self.clock.now()), "via": "api", "event": "request", "method": "GET", "path": url.partition("?")[0], "query": {}}
        part.log.append({**event, "status": None, "ms": 0.0})
        content: bytes = self._do(fetch_signed(self.objects, self.objects.signer, url), "store")
        return content

    def _reach(self, part: PartState, timeout: float) -> None:
        if part.condition == "dead":
            raise NoAnswer(part.name, sent=False)
        if part.condition != "running":
            self.run(timeout)
            raise NoAnswer(part.name, sent=part.condition == "hung")

    # ------------------------------------------------------- what can befall

    def kill(self, site: str, only: str | None = None) -> None:
        """Connections are refused; what was not yet durable is lost."""
        self._befall(site, only, "dead")

    def hang(self, site: str, only: str | None = None) -> None:
        """Connections are taken, nothing is answered."""
        self._befall(site, only, "hung")

    def drop(self, site: str, only: str | None = None) -> None:
        """Connects time out."""
        self._befall(site, only, "dropped")

    def start(self, site: str, only: str | None = None) -> None:
        """Undo kill, hang and drop. A dead part comes back from what it had stored."""
        self._befall(site, only, "running")

    thaw = start

    def _befall(self, site: str, only: str | None, condition: str) -> None:
        if only == "link":
            self.link = {"dead": "refused", "running": "up"}.get(condition, "silent")
            return
        for part in self._of_site(site, only):
            if condition == "dead" or part.condition == "dead":
                self.scheduler.end(part.name)
                part.station, part.edge, part.loops = None, None, []
            if condition == "running" and part.condition == "dead":
                part.condition = condition
                self._boot(part.name)
            elif condition == "dead" or part.condition != "dead":
                part.condition = condition
            (self.scheduler.frozen.discard if part.condition == "running" else self.scheduler.frozen.add)(part.name)
            self._wake(part)
        self.settle()

    def _of_site(self, site: str, only: str | None = None) -> list[PartState]:
        names = ["store"] if site == "store" else [f"{site}-{system}" for system in SYSTEMS if only in (None, system)]
        return [self.parts[name] for name in names]

    def fault(self, site: str, match: str, kind: str, **options: Any) -> Rule:
        """As ``kubedr-lab fault``; the rule is returned, so that a test can ask how often it was hit."""
        rule = Rule.parse(match, kind, **options)
        for part in self._of_site(site):
            assert part.edge is not None, f"{part.name} is dead"
            part.edge.faults.add(rule)
        return rule

    def clear_faults(self) -> None:
        """End all faults."""
        for part in self.parts.values():
            if part.edge is not None:
                part.edge.faults.clear()

    # ------------------------------------------------------- work and looking

    def deploy(self, group: str, site: str = SITES[0]) -> None:
        """The example application, until its pods are ready."""
        self.ask(f"{site}-kubernetes", "deploy", {"group": group})
        self._until(lambda: not self.ask(f"{site}-kubernetes", "pending", {"group": group})["pending"], f"{group} is not ready")

    def write(self, group: str, n: int) -> int:
        """Write ``n`` more records, one every 0.2 s, through whichever pod is ready. Returns the number of the last one."""
        for _ in range(n):
            number = self._numbers[group] = self._numbers.get(group, 0) + 1
            for site in SITES:
                if self.parts[f"{site}-kubernetes"].condition != "running":
                    continue
                answer = self.ask(f"{site}-kubernetes", "append", {"group": group, "n": number, "at": self.clock.now()})
                if any(volume["ok"] for volume in answer["volumes"].values()):
                    break
            self.run(WRITE_INTERVAL)
        return self._numbers.get(group, 0)

    def read(self, site: str, group: str, records: bool = False) -> dict[str, Any]:
        """What the group's volumes hold at a site, which may be dead."""
        return read_group(self.parts[f"{site}-ontap"].store, self.group(group), records)

    def backup(self, site: str) -> str:
        """Let the site's Ark write a backup. Returns its name once it ended, however it ended."""
        name = self.ask(f"{site}-kubernetes", "backup")["name"]
        part = f"{site}-kubernetes"
        self._until(lambda: self.ask(part, "backup-state", {"name": name})["phase"] not in BACKUP_RUNS, f"backup {name} does not end")
        return str(name)

    def transfer(self, group: str) -> str:
        """Let the group's relationship transfer. Returns the snapshot that the destination then shows."""
        for site in SITES:
            part = f"{site}-ontap"
            begun = self.ask(part, "transfer", {"group": group}) if self.parts[part].condition == "running" else {}
            if begun:
                self._until(lambda part=part, begun=begun: self.ask(part, "transfer-state", begun)["state"] in TRANSFER_ENDS, "the transfer does not end")  # type: ignore[misc]
                return str(self.ask(part, "transfer-state", begun)["snapshot"])
        raise LabRefused(f"{group}: no site that runs is the destination of a mirror")

    def log(self, site: str) -> list[dict[str, Any]]:
        """Connections, requests and operations of a site, by time."""
        events = [{"part": part.name, **event} for part in self._of_site(site) for event in part.log]
        return sorted(events, key=lambda event: str(event["time"]))

    def group(self, name: str) -> Group:
        """A group by name; LookupError."""
        found = {group.name: group for group in groups(self.settings)}
        return found[name]

    def freeze(self) -> dict[str, Any]:
        """Everything that is durable now, to begin other pocket labs from. Faults, logs and what is only under way are not in it."""
        self.settle()
        stores = {name: part.store.copy() for name, part in self.parts.items()}
        conditions = {name: part.condition for name, part in self.parts.items()}
        return {
            "now": self.clock.now(), "stores": stores, "conditions": conditions, "objects": self.objects.contents(), "numbers": dict(self._numbers),
            "link": self.link,
        }

    def _thaw_all(self, frozen: dict[str, Any]) -> None:
        self.link, self._numbers = frozen["link"], dict(frozen["numbers"])
        self.objects.load(frozen["objects"])
        for name, part in self.parts.items():
            part.store = frozen["stores"][name].copy()
            part.condition = frozen["conditions"][name]
            if part.condition != "running":
                self.scheduler.frozen.add(name)

    def ask(self, part: str, name: str, message: Obj | None = None) -> Obj:
        """One of the lab's own calls to a part.

        Raises:
            LabRefused: the systems refused.
        """
        state = self.parts[part]
        assert state.condition == "running", f"{part} is {state.condition}"
        answer: Obj = self._do(self.station(part).calls[name](message or {}), part)
        self._wake(state)
        self.settle()
        if "refused" in answer:
            raise LabRefused(f"{part}: {answer['refused']}")
        return answer

    def _do(self, awaitable: Awaitable[Any], owner: str) -> Any:
        async def run() -> Any:
            return await awaitable

        task = self.scheduler.start(run(), owner)
        self.scheduler.finish(task)
        return task.result

    def _until(self, done: Callable[[], bool], problem: str) -> None:
        end = self.clock.now() + READY_PATIENCE
        while not done():
            if self.clock.now() > end:
                raise LabRefused(f"{problem} after {READY_PATIENCE:g} s")
            self.run(0.5)

    # ------------------------------------------------------------- assembly

    def _boot(self, name: str) -> None:
        part = self.parts[name]
        if name == "store" or part.condition == "dead":
            return
        site, _, system = name.rpartition("-")
        build = self._ontap(site, part) if system == "ontap" else self._kubernetes(site, part)
        station: Station = self._do(build, "lab")
        part.station = station
        part.edge = Edge(station.handle, self.clock, part.log.append, profile_of(self.settings).read)
        last = [station.version()]

        def after() -> None:
            for entry in station.drain():
                times = {"started": iso(entry["started"]), "ended": iso(entry["ended"])}
                part.log.append({"time": times["ended"], "event": "operation", "operation": entry["name"], "object": entry["object"], **times})
            if station.version() != last[0]:
                last[0] = station.version()
                self._wake(part)

        part.loops = [Loop(self.scheduler, name, tick, after) for tick in station.ticks]

    def _wake(self, part: PartState) -> None:
        for loop in part.loops:
            loop.wake()

    async def _ontap(self, site: str, part: PartState) -> Station:
        def spawn(coroutine: Any) -> None:
            self.scheduler.start(coroutine, part.name)

        return await build_ontap(site, self.settings, self.secrets, part.store, PocketPeer(self, other(site)), self.clock, self.scheduler.pause, spawn)

    async def _kubernetes(self, site: str, part: PartState) -> Station:
        planes = [pocket_plane(self, site), pocket_plane(self, other(site), between_sites=True)]
        return await build_kube(
            site, self.settings, self.secrets, part.store, self.clock, PocketOntapPort(self, site), planes, PocketObjects(self), BUCKET_URL, "",
        )

    def station(self, name: str) -> Station:
        """A part that is not dead."""
        station = self.parts[name].station
        assert station is not None
        return station

    async def silence(self, name: str, patience: float, between_sites: bool = False) -> str:
        """Why a part cannot be reached by another part, after the time that this takes to find out; empty where it can."""
        link, condition = self.link if between_sites else "up", self.parts[name].condition
        if link == "silent" or (link == "up" and condition in ("hung", "dropped")):
            await self.scheduler.pause(patience)
        if link != "up":
            return "the link between the sites is down"
        return "" if condition == "running" else f"{name} gives no answer"

    def woken(self, name: str) -> None:
        """A part was asked something by another part."""
        self._wake(self.parts[name])


def other(site: str) -> str:
    """The other site."""
    return SITES[1 - SITES.index(site)]


def _first_of(watch: Any) -> Response:
    """A watch in a pocket lab gives what is there at once, and ends."""
    body = b"".join(watch.take())
    watch.close()
    return Response(watch.status, dict(watch.headers), body)
