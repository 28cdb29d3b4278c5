# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Kubernetes site as a station of the lab: its processes behind the recording listener, its nodes and provisioner, what it holds when new."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .. import kube_seed
from ..app import KINDS
from ..clock import LabClock
from ..controllers import api as kinds
from ..controllers.api import Api, Kind, meta
from ..controllers.manager import node_controllers
from ..controllers.ports import DataPort, Obj, OntapPort, Reach
from ..crds import load_crds
from ..kube.port import HttpPort, KubePort
from ..messages import Request
from ..settings import BUCKET, Settings
from ..state import LabError
from ..world import EXPORT_POLICY, KubeCalls, Tick, site_seed
from . import binaries
from .forward import Forward
from .own import Heartbeat, OwnPlane, store
from .site import PATIENCE, ControlPlane, credentials_file

ACCESS_KEY = "kubedr-lab"
"""The S3 user of both sites."""
CREDENTIALS = {"name": "cloud-credentials", "key": "cloud"}
COLLECTION = "kubedr"
"""The user with the rights that the collection needs, and no more."""
RIGHTS = next(filter(Path.is_dir, (Path(__file__).with_name("rbac"), Path(__file__).resolve().parents[3] / "examples" / "rbac")), Path()) / "kubedr.yaml"
"""In an installed lab inside the package, otherwise where the repository has it."""
POLL = 0.3
"""Seconds between two looks of the nodes and the provisioner for changes made by others."""
SEEDED = "seeded"


class RealKubeSite(KubeCalls):
    """A real control plane with real Velero, and the lab's nodes and provisioner working through its API."""

    def __init__(
        self, settings: Settings, plane: ControlPlane, port: HttpPort, ontap: OntapPort, planes: Sequence[DataPort], clock: LabClock,
    ) -> None:
        super().__init__(settings, port, ontap, Reach(planes))
        self._forward = Forward(plane.server, plane.ca, plane.tokens)
        controllers = node_controllers(port, ontap, planes, clock, export_policy=EXPORT_POLICY, poll=POLL)
        self.ticks: list[Tick] = [controllers.tick]
        if isinstance(plane, OwnPlane):
            self.ticks.append(Heartbeat(port, kube_seed.NODES[plane.name], clock).tick)

    async def handle(self, request: Request) -> Any:
        """The API server's own answer."""
        return await self._forward.handle(request)

    def version(self) -> int:
        """One loop only: nothing to tell others."""
        return 0

    def drain(self) -> list[dict[str, Any]]:
        """Velero tells how long it took in its own objects."""
        return []


def location(server: str) -> Obj:
    """The spec of the BackupStorageLocation, with periods of seconds: the tick of Velero's sync stays a minute."""
    return {
        "provider": "aws", "default": True, "objectStorage": {"bucket": BUCKET}, "credential": CREDENTIALS,
        "backupSyncPeriod": "5s", "validationFrequency": "5s", "config": {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": server},
    }


async def start(
    site: str, settings: Settings, plane: ControlPlane, ontap: OntapPort, planes: Sequence[DataPort], clock: LabClock, store_url: str, store_secret: str,
) -> RealKubeSite:
    """Start a site's processes; a new one gets CRDs, nodes, classes, Velero and Trident. Returns when Velero has seen its location, if the site is new.

    Raises:
        LabError: something did not come up within a minute.
        KubeRefused: the API server refused an object.
    """
    await plane.start()
    port = plane.port()
    new = not (plane.folder / SEEDED).exists()
    if new:
        await _seed(site, settings, port, clock, store_url, store_secret)
        (plane.folder / SEEDED).write_text("")
    plane.start_velero(settings.ark_namespace)
    if new:
        await _available(settings, port)
    return RealKubeSite(settings, plane, port, ontap, planes, clock)


async def _seed(site: str, settings: Settings, port: KubePort, clock: LabClock, store_url: str, store_secret: str) -> None:
    api, namespace = Api(port), settings.ark_namespace
    text = await asyncio.to_thread(binaries.crds)
    for crd in [*velero_crds(text), *load_crds("trident.netapp.io")]:
        await api.create(kinds.CRDS, crd)
    await served(port)
    await api.create(kinds.NAMESPACES, {"metadata": {"name": namespace}})
    own = store()
    user = (own.access_key, own.secret_key) if own else (ACCESS_KEY, store_secret)
    secret = base64.b64encode(credentials_file(*user).encode()).decode()
    metadata = {"namespace": namespace, "name": CREDENTIALS["name"]}
    await api.create(kinds.SECRETS, {"metadata": metadata, "type": "Opaque", "data": {CREDENTIALS["key"]: secret}})
    await kube_seed.seed(port, site_seed(site, settings, clock, location(store_url)))
    for obj in rights(RIGHTS.read_text()):
        await api.create(KINDS[obj["kind"]], obj)


def rights(text: str) -> list[Obj]:
    """The manifests that give a ServiceAccount the collection's rights, with the lab's user beside it."""
    found: list[Obj] = [document for document in yaml.safe_load_all(text) if document]
    for obj in found:
        if "subjects" in obj:
            obj["subjects"].append({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": COLLECTION})
    return found


def velero_crds(text: str) -> list[Obj]:
    """The CRDs in the YAML that ``velero install --crds-only`` prints: documents, or Lists of them."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    objects = [item for document in documents for item in (document["items"] if str(document.get("kind", "")).endswith("List") else [document])]
    return [item for item in objects if item["kind"] == "CustomResourceDefinition"]


async def served(port: KubePort) -> None:
    """Until every CRD is served. Raises LabError after a minute."""
    end = time.monotonic() + PATIENCE
    while True:
        open_ones = [meta(crd)["name"] for crd in await Api(port).list(kinds.CRDS) if not established(crd)]
        if not open_ones:
            return
        if time.monotonic() > end:
            raise LabError(f"CRDs are not served after {PATIENCE:g} s: {', '.join(open_ones)}")
        await asyncio.sleep(0.1)


def established(crd: Obj) -> bool:
    """Whether the API server serves the kind."""
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


async def _available(settings: Settings, port: KubePort) -> None:
    end = time.monotonic() + PATIENCE
    kind = Kind(f"{settings.ark_group}/v1", "backupstoragelocations", "BackupStorageLocation")
    while True:
        found = await Api(port).get(kind, settings.ark_namespace, "default") or {}
        status = found.get("status") or {}
        if status.get("phase") == "Available":
            return
        if time.monotonic() > end:
            raise LabError(f"Velero's location is {status.get('phase', 'not looked at')} after {PATIENCE:g} s: {status.get('message', '')}")
        await asyncio.sleep(0.1)
