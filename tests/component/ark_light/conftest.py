# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters with an Ark server each, one bucket, one virtual clock: nothing here needs an event loop."""

from __future__ import annotations

import gzip
import json
from typing import Any, TypeVar

import pytest
from ansible_collections.kubedr.ontap.tests.support.coroutines import drive as run

from kubedr_lab.ark import ArkServer, Periods
from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import Api, Kind, meta
from kubedr_lab.controllers.ports import Obj
from kubedr_lab.crds import load_crds
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.port import InProcessPort
from kubedr_lab.objects import BreakableObjects, MemoryObjects, fetch_signed
from kubedr_lab.profile import NONE, Profile
from kubedr_lab.store import MemoryStore

T = TypeVar("T")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
ROLES = Kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False)
PRIORITIES = Kind("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", namespaced=False)
BUCKET = "kubedr"


class Site:
    """One cluster, its Ark server, and words for what tests do with them."""

    def __init__(self, name: str, clock: VirtualClock, bucket: MemoryObjects, group: str, profile: Profile = NONE) -> None:
        self.clock, self.bucket, self.group, self.profile = clock, bucket, group, profile
        self.namespace = "velero" if group == "velero.io" else "heptio-ark"
        self.cluster = KubeCluster(name, MemoryStore(), clock)
        self.port = InProcessPort(self.cluster.handle)
        self.api = Api(self.port)
        self.objects = BreakableObjects(bucket)
        for crd in load_crds(group) + load_crds("trident.netapp.io"):
            self.create(kinds.CRDS, crd)
        self.namespace_of(self.namespace)
        self.restart()
        location: Obj = {"provider": "aws", "objectStorage": {"bucket": BUCKET}}
        if group == "velero.io":
            location["default"] = True
        self.ark("BackupStorageLocation", "default", location)

    def restart(self) -> None:
        self.server = ArkServer(self.port, self.objects, self.clock, self.profile, self.group, periods=Periods(), bucket=BUCKET)

    def kind(self, name: str) -> Kind:
        return Kind(f"{self.group}/v1", f"{name.lower()}s", name)

    def create(self, kind: Kind, obj: Obj) -> Obj:
        made = run(self.api.create(kind, obj))
        assert made is not None, f"{meta(obj)['name']} exists"
        return made

    def namespace_of(self, name: str, **metadata: Any) -> None:
        self.create(kinds.NAMESPACES, {"metadata": {"name": name, **metadata}})

    def ark(self, kind: str, name: str, spec: Obj, **metadata: Any) -> Obj:
        return self.create(self.kind(kind), {"metadata": {"namespace": self.namespace, "name": name, **metadata}, "spec": spec})

    def get(self, kind: Kind | str, name: str, namespace: str | None = None) -> Obj | None:
        if isinstance(kind, str):
            kind, namespace = self.kind(kind), self.namespace
        return run(self.api.get(kind, namespace or "", name))

    def seen(self, kind: Kind | str, name: str, namespace: str | None = None) -> Obj:
        found = self.get(kind, name, namespace)
        assert found is not None, f"{name} is missing"
        return found

    def status(self, kind: str, name: str) -> Obj:
        return dict(self.seen(kind, name).get("status") or {})

    def merge(self, kind: Kind | str, name: str, patch: Obj, namespace: str | None = None, sub: str = "") -> None:
        if isinstance(kind, str):
            kind, namespace = self.kind(kind), self.namespace
        assert run(self.api.merge(kind, {"metadata": {"name": name, "namespace": namespace or ""}}, patch, sub)) is not None

    def delete(self, kind: Kind | str, name: str, namespace: str | None = None) -> None:
        found = self.seen(kind, name, namespace)
        run(self.api.delete(self.kind(kind) if isinstance(kind, str) else kind, found))

    def names(self, kind: Kind | str) -> list[str]:
        self.api.refresh()
        return sorted(meta(obj)["name"] for obj in run(self.api.list(self.kind(kind) if isinstance(kind, str) else kind)))

    def tick(self) -> float | None:
        run(self.cluster.tick())
        return run(self.server.tick())

    def wait(self, seconds: float) -> None:
        """Let time pass, looking whenever the server says that something is due."""
        end = self.clock.now() + seconds
        due = self.tick()
        while due is not None and due < end:
            assert due > self.clock.now(), "a due time that does not lie ahead"
            self.clock.advance(due - self.clock.now())
            due = self.tick()
        self.clock.advance(max(0.0, end - self.clock.now()))
        self.tick()

    def backup(self, name: str, **spec: Any) -> Obj:
        self.ark("Backup", name, spec)
        self.tick()
        return self.status("Backup", name)

    def restore(self, name: str, backup: str, **spec: Any) -> Obj:
        self.ark("Restore", name, {"backupName": backup, **spec})
        self.tick()
        return self.status("Restore", name)

    def file(self, key: str) -> Any:
        """A gzip-compressed JSON file of the bucket."""
        return json.loads(gzip.decompress(run(self.bucket.get(key))))

    def results(self, restore: str) -> Any:
        return self.file(f"restores/{restore}/restore-{restore}-results.gz")

    def download(self, kind: str, name: str) -> bytes:
        self.ark("DownloadRequest", f"get-{kind.lower()}-{name}", {"target": {"kind": kind, "name": name}})
        self.tick()
        url = self.status("DownloadRequest", f"get-{kind.lower()}-{name}")["downloadURL"]
        return run(fetch_signed(self.bucket, self.bucket.signer, url))

    def volume(self, namespace: str, claim: str, volume: str, policy: str = "Retain", phase: str = "Bound") -> None:
        """A PV and the claim that is bound to it."""
        spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "ontap-nas"}
        claimed = self.create(kinds.CLAIMS, {
            "metadata": {"namespace": namespace, "name": claim, "annotations": {"pv.kubernetes.io/bind-completed": "yes", "owner": "team"}},
            "spec": {**spec, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
        })
        self.merge(kinds.CLAIMS, claim, {"status": {"phase": phase}}, namespace, "status")
        ref = {"namespace": namespace, "name": claim, "uid": meta(claimed)["uid"], "resourceVersion": meta(claimed)["resourceVersion"]}
        annotations = {"pv.kubernetes.io/bound-by-controller": "yes", "pv.kubernetes.io/provisioned-by": "csi.trident.netapp.io"}
        self.create(kinds.VOLUMES, {"metadata": {"name": volume, "annotations": annotations}, "spec": {
            **spec, "capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": policy, "nfs": {"server": "10.0.0.5", "path": f"/{volume}"},
            "claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1", **ref},
        }})

    def claim(self, namespace: str, name: str) -> Obj:
        return self.seen(kinds.CLAIMS, name, namespace)

    def pv(self, name: str) -> Obj | None:
        return self.get(kinds.VOLUMES, name)

    def config(self, namespace: str, name: str, data: dict[str, str], **metadata: Any) -> None:
        self.create(kinds.CONFIG_MAPS, {"metadata": {"namespace": namespace, "name": name, **metadata}, "data": data})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def bucket(clock: VirtualClock) -> MemoryObjects:
    return MemoryObjects(clock)


@pytest.fixture
def tokyo(clock: VirtualClock, bucket: MemoryObjects) -> Site:
    """The primary, with Velero."""
    return Site("tokyo", clock, bucket, "velero.io")


@pytest.fixture
def osaka(clock: VirtualClock, bucket: MemoryObjects) -> Site:
    """The DR site, with Velero."""
    return Site("osaka", clock, bucket, "velero.io")


@pytest.fixture
def ark_tokyo(clock: VirtualClock, bucket: MemoryObjects) -> Site:
    """The primary, with Ark."""
    return Site("tokyo", clock, bucket, "ark.heptio.com")


@pytest.fixture
def ark_osaka(clock: VirtualClock, bucket: MemoryObjects) -> Site:
    """The DR site, with Ark."""
    return Site("osaka", clock, bucket, "ark.heptio.com")


@pytest.fixture
def filled(tokyo: Site, osaka: Site) -> Site:
    """A primary whose namespace app1 holds one ConfigMap; its backup b1 is known on both sites."""
    tokyo.namespace_of("app1", labels={"team": "x"}, annotations={"note": "y"})
    tokyo.config("app1", "settings", {"a": "b"}, labels={"app": "web"})
    tokyo.config("app1", "other", {"a": "b"})
    tokyo.backup("b1", includedNamespaces=["app1"])
    osaka.wait(61)
    return osaka
