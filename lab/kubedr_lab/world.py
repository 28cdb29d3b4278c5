# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site put together from the cores: the same for the servers and for the pocket lab, which only bring different ports."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from . import app, kube_seed
from .ark import ArkServer, Periods
from .clock import Clock
from .controllers.api import Api, Kind, KubeRefused, meta
from .controllers.manager import Controllers, light_controllers
from .controllers.ontap_volumes import OntapRefused
from .controllers.ports import DataPort, KubePort, Obj, OntapPort, Reach, SiteSilent
from .kube.cluster import KubeCluster
from .kube.port import InProcessPort
from .messages import Request
from .objects import ObjectStore
from .ontap.cluster import OntapCluster, read_volumes
from .ontap.core import Pause, PeerPort, Spawn
from .ontap.seed import DESTINATION, SOURCE, seed_site
from .profile import PROFILES, Profile
from .settings import BUCKET, ONTAP_USER, SITES, Group, Secrets, Settings, basic, groups
from .store import Store

Call = Callable[[Obj], Awaitable[Obj]]
"""What a site offers to the lab itself: JSON in, JSON out; ``{"refused": why}`` where it cannot."""
Tick = Callable[[], Awaitable[float | None]]
"""Lets what is due proceed; returns the epoch second of what comes next."""
QUICK = Periods(sync_tick=1, sync=1, validation_tick=2, validation=2, schedule=1, gc=60, sweep=10)
"""Without latency, Ark looks every second at what it looks at every minute otherwise."""
BACKUP_RUNS = ("New", "Queued", "ReadyToStart", "InProgress", "WaitingForPluginOperations", "Finalizing")
TRANSFER_ENDS = ("success", "failed", "aborted", "hard_aborted")
EXPORT_POLICY = "k8s"
APPLICATION = next(filter(Path.is_dir, (Path(__file__).with_name("application"), app.EXAMPLES)), app.EXAMPLES)
"""The example application's manifests: in an installed lab inside the package, otherwise where the repository has them."""
MARK = ("lab", "seeded")


class Station(Protocol):
    """One system of a site, as its driver sees it."""

    calls: dict[str, Call]
    ticks: list[Tick]

    async def handle(self, request: Request) -> Any:
        """A Response, or a Watch."""
        ...

    def version(self) -> int:
        """Rises when something changed that other loops of the station may have to look at."""
        ...

    def drain(self) -> list[dict[str, Any]]:
        """Operations that ended since the last call: ``{name, object, started, ended}``."""
        ...


class OntapPortHere:
    """An ONTAP cluster in this process, with its administrator's rights."""

    def __init__(self, handle: Callable[[Request], Awaitable[Any]], password: str) -> None:
        self._handle = handle
        self._headers = {"authorization": basic(password), "accept": "application/hal+json", "content-type": "application/json"}

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, Obj]:
        """Status and decoded body."""
        payload = b"" if body is None else json.dumps(body).encode()
        answer = await self._handle(Request(method, path, {name: [value] for name, value in (query or {}).items()}, self._headers, payload))
        return answer.status, answer.json() or {}


class OntapSite:
    """An ONTAP cluster and what the lab asks of it."""

    def __init__(self, core: OntapCluster, settings: Settings, password: str) -> None:
        self.core = core
        self.port = OntapPortHere(core.handle, password)
        self.ticks: list[Tick] = [core.tick]
        self.calls: dict[str, Call] = {"cluster": core.handle_peer, "data": core.data, "transfer": self.transfer, "transfer-state": self.transfer_state}
        self._groups = {group.name: group for group in groups(settings)}

    async def handle(self, request: Request) -> Any:
        """The REST interface."""
        return await self.core.handle(request)

    def version(self) -> int:
        """One loop only: nothing to tell others."""
        return 0

    def drain(self) -> list[dict[str, Any]]:
        """Operations that ended since the last call."""
        return _drain(self.core.operations)

    async def transfer(self, message: Obj) -> Obj:
        """Begin a transfer of ``{group}``. Returns ``{relationship, transfer}``, empty where this cluster is not the destination of a mirror of it."""
        group = self._groups[message["group"]]
        query = {"destination.path": f"{group.source_svm}:|{group.destination_svm}:", "state": "snapmirrored", "fields": "uuid"}
        _, answer = await self.port.request("GET", "/api/snapmirror/relationships", query)
        if not answer.get("records"):
            return {}
        uuid = answer["records"][0]["uuid"]
        status, begun = await self.port.request("POST", f"/api/snapmirror/relationships/{uuid}/transfers", {"return_records": "true"}, {})
        if status >= 300:
            return {"refused": begun["error"]["message"]}
        return {"relationship": uuid, "transfer": begun["records"][0]["uuid"]}

    async def transfer_state(self, message: Obj) -> Obj:
        """``{state, snapshot}`` of what ``transfer`` began; ``snapshot`` is the one that the destination shows now."""
        base = f"/api/snapmirror/relationships/{message['relationship']}"
        _, transfer = await self.port.request("GET", f"{base}/transfers/{message['transfer']}", {"fields": "state"})
        _, relationship = await self.port.request("GET", base, {"fields": "exported_snapshot"})
        return {"state": transfer.get("state", "unknown"), "snapshot": relationship.get("exported_snapshot")}


class KubeCalls:
    """What the lab asks of a Kubernetes cluster of either tier, through its API."""

    def __init__(self, settings: Settings, port: KubePort, ontap: OntapPort, reach: Reach) -> None:
        self.port: KubePort = port
        self._settings, self._ontap, self._reach = settings, ontap, reach
        self.calls: dict[str, Call] = {name: _telling(call) for name, call in {
            "deploy": self.deploy, "pending": self.pending, "append": self.append, "backup": self.backup, "backup-state": self.backup_state,
        }.items()}

    async def deploy(self, message: Obj) -> Obj:
        """The example application of ``{group}``. Returns ``{pending}``, what is not ready yet."""
        return {"pending": await app.deploy(message["group"], self.port, self._ontap, export_policy=EXPORT_POLICY, folder=APPLICATION)}

    async def pending(self, message: Obj) -> Obj:
        """What of ``{group}`` is not ready."""
        return {"pending": await app.pending(message["group"], self.port)}

    async def append(self, message: Obj) -> Obj:
        """Record ``{n}`` of ``{group}``, dated ``{at}`` or when it is stored, through whichever pod is ready. Returns the acknowledgements by PV."""
        done = await app.write_once(message["group"], message["n"], self.port, self._reach, message.get("at"))
        return {"volumes": {volume: asdict(answer) for volume, answer in done.items()}}

    async def backup(self, message: Obj) -> Obj:
        """Begin a backup as the site's first schedule would make it, of everything where it has none. Returns ``{name}``."""
        api, namespace, dialect = Api(self.port), self._settings.ark_namespace, self._settings.ark_group
        version = f"{dialect}/v1"
        schedules = [entry for entry in await api.list(Kind(version, "schedules", "Schedule")) if meta(entry)["namespace"] == namespace]
        kind = Kind(version, "backups", "Backup")
        taken = {meta(entry)["name"] for entry in await api.list(kind)}
        metadata: Obj = {"namespace": namespace}
        spec: Obj = {"ttl": "720h0m0s"}
        if schedules:
            label = "velero.io/schedule-name" if dialect == "velero.io" else "ark-schedule"
            metadata["labels"] = {**(meta(schedules[0]).get("labels") or {}), label: meta(schedules[0])["name"]}
            spec = {name: value for name, value in schedules[0]["spec"]["template"].items() if name != "metadata"}
        stem = f"{meta(schedules[0])['name'] if schedules else 'lab'}-manual"
        metadata["name"] = next(name for number in range(1, len(taken) + 2) if (name := f"{stem}-{number}") not in taken)
        await api.create(kind, {"metadata": metadata, "spec": spec})
        return {"name": metadata["name"]}

    async def backup_state(self, message: Obj) -> Obj:
        """``{name, phase}`` of a backup, phase ``New`` while the server has not taken it up."""
        kind = Kind(f"{self._settings.ark_group}/v1", "backups", "Backup")
        found = await Api(self.port).get(kind, self._settings.ark_namespace, message["name"])
        return {"name": message["name"], "phase": ((found or {}).get("status") or {}).get("phase") or "New"}


class KubeSite(KubeCalls):
    """A simulated Kubernetes cluster with Ark, the mini-controllers and the nodes."""

    def __init__(
        self, settings: Settings, core: KubeCluster, port: InProcessPort, ark: ArkServer, controllers: Controllers, ontap: OntapPort, reach: Reach,
    ) -> None:
        super().__init__(settings, port, ontap, reach)
        self.core, self.ark, self.controllers = core, ark, controllers
        self.ticks: list[Tick] = [core.tick, ark.tick, controllers.tick]

    async def handle(self, request: Request) -> Any:
        """The API server."""
        return await self.core.handle(request)

    def version(self) -> int:
        """Rises with each write to the API."""
        return self.core.version

    def drain(self) -> list[dict[str, Any]]:
        """Ark's operations that ended since the last call."""
        return _drain(self.ark.operations)


def _telling(call: Call) -> Call:
    """The call, with what the systems refused as its answer."""

    async def tell(message: Obj) -> Obj:
        try:
            return await call(message)
        except (KubeRefused, OntapRefused, SiteSilent, LookupError, FileNotFoundError) as error:
            return {"refused": str(error) or type(error).__name__}

    return tell


def _drain(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    taken = list(operations)
    operations.clear()
    return taken


def profile_of(settings: Settings) -> Profile:
    """How long operations take."""
    return PROFILES[settings.latency]


def bucket_url(port: int) -> str:
    """Where the bucket is found."""
    return f"http://127.0.0.1:{port}/{BUCKET}"


async def build_ontap(
    site: str, settings: Settings, secrets: Secrets, store: Store, peer: PeerPort, clock: Clock, pause: Pause | None = None, spawn: Spawn | None = None,
) -> OntapSite:
    """An ONTAP cluster on its store; a new one gets nodes and ports, and the source site gets the groups' SVMs."""
    core = OntapCluster(site, store, peer, clock, profile_of(settings), settings.seed, pause=pause, spawn=spawn)
    if store.get(*MARK) is None:
        nodes, addresses = list(kube_seed.NODES[site].values()), [group.address for group in groups(settings)]
        role = SOURCE if site == SITES[0] else DESTINATION
        seed_site(core, settings.groups, role, settings.flexgroup, nodes, addresses, ONTAP_USER, secrets.ontap[site])
        store.put(*MARK, {"seeded": True})
    return OntapSite(core, settings, secrets.ontap[site])


async def build_kube(
    site: str, settings: Settings, secrets: Secrets, store: Store, clock: Clock, ontap: OntapPort, planes: Sequence[DataPort], objects: ObjectStore,
    objects_url: str, ca: str,
) -> KubeSite:
    """A Kubernetes cluster on its store; a new one gets nodes, classes, Ark and Trident."""
    tokens = {secrets.kubernetes[site]: "kubedr-lab-admin"}
    core = KubeCluster(site, store, clock, settings.seed, tokens)
    port = InProcessPort(core.handle, secrets.kubernetes[site])
    periods = Periods() if settings.latency == "realistic" else QUICK
    ark = ArkServer(port, objects, clock, profile_of(settings), settings.ark_group, periods=periods, bucket=BUCKET)
    controllers = light_controllers(port, ontap, planes, clock, ca=ca, export_policy=EXPORT_POLICY)
    if store.get(*MARK) is None:
        await kube_seed.seed(port, site_seed(site, settings, clock, location(objects_url)))
        store.put(*MARK, {"seeded": True})
    return KubeSite(settings, core, port, ark, controllers, ontap, Reach(planes))


def location(objects_url: str) -> dict[str, Any]:
    """The spec of the BackupStorageLocation, the same at every site."""
    server = objects_url.removesuffix(f"/{BUCKET}")
    return {"provider": "aws", "objectStorage": {"bucket": BUCKET}, "config": {"region": "lab", "s3ForcePathStyle": "true", "s3Url": server}}


def site_seed(site: str, settings: Settings, clock: Clock, where: dict[str, Any]) -> kube_seed.SiteSeed:
    """What a new Kubernetes cluster of that site holds; ``where`` is the spec of its backup location."""
    backends = {group.name: group.address for group in groups(settings)} if site == SITES[0] else {}
    return kube_seed.SiteSeed(kube_seed.NODES[site], where, backends, settings.ark_group, settings.ark_namespace, clock.now())


def read_group(store: Store, group: Group, with_records: bool) -> dict[str, Any]:
    """Per data volume of the group's SVMs: ``{records: {first, last, count, missing, first_at, last_at[, records]}, sha256}``."""
    found = {}
    for svm in (group.source_svm, group.destination_svm):
        for name, volume in sorted(read_volumes(store, svm).items()):
            found[name] = app.summarise(volume["content"])
            if with_records:
                found[name]["records"]["records"] = [list(record) for record in app.records(volume["content"])]
    return found
