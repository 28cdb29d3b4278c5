# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Which volume every claim of a group leads to, and what must stand on the DR cluster before its restore so that each PersistentVolume meets its data. Pure.

Ark never restores a PersistentVolume with reclaim policy Delete that has no snapshot: it lets the claim be provisioned anew, empty, and ends Completed
(velero restore.go, "Dynamically re-provisioning persistent volume"). A volume that stands there before, kept for the claim by namespace and name, wins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .labels import matches, parse_selector
from .manifests import CLAIMS, PVS, TRIDENT_BACKENDS, TRIDENT_DRIVER, TRIDENT_VOLUMES, Manifest, Objects, pod_spec, storage_class_of, stripped

NFS, TRIDENT, OTHER = "nfs", "trident", "other"
DROPPED_ANNOTATIONS = ("pv.kubernetes.io/bound-by-controller", "pv.kubernetes.io/bind-completed")


@dataclass(frozen=True)
class SvmView:
    """The SVM as it is known: its volumes by name, where each is mounted, and its addresses.

    Attributes:
        volumes: name -> junction path, empty where it is not mounted or not known.
        addresses: data LIFs, of the SVM itself and of the one that it mirrors; host names that are known to lead there may be among them.
        names: of the SVM and of the one that it mirrors, as Trident's backends name them.
    """

    volumes: Mapping[str, str]
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def volume_at(self, path: str) -> str | None:
        """The volume that an exported path lies in: the longest junction that leads to it, or a volume named as the path's first part.

        The root volume counts for the path ``/`` only: below it lies whatever is not mounted.
        """
        path = "/" + path.strip("/")
        matching = [
            (len(junction), name)
            for name, junction in self.volumes.items()
            if junction and (path == junction or (junction != "/" and path.startswith(junction.rstrip("/") + "/")))
        ]
        if matching:
            return max(matching)[1]
        first = path.strip("/").split("/")[0]
        return first if first in self.volumes and not self.volumes[first] else None


@dataclass(frozen=True)
class ClaimVolume:
    """One claim of the group, its PersistentVolume, and the volume behind it.

    Attributes:
        kind: ``nfs``, ``trident`` or ``other``.
        target: server and path, or Trident's internal name: where the PersistentVolume leads.
        on_svm: it lies on the group's SVM. What can not be told from the backup counts as lying there.
        volume: the volume on the DR SVM; None where there is none.
        reprovisioned: Ark would give the claim a new, empty volume.
        manifest: the PersistentVolume to create on the DR cluster; None where the backup lacks it.
        why: how ``on_svm`` was decided.
    """

    namespace: str
    claim: str
    pv: str
    kind: str
    target: str
    on_svm: bool
    volume: str | None
    reprovisioned: bool
    policy: str
    size: str
    storage_class: str
    why: str
    manifest: Manifest | None = field(repr=False, default=None)

    @property
    def meets_data(self) -> bool:
        """Nothing to worry about: it is not on the SVM, or its volume is there."""
        return not self.on_svm or self.volume is not None

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.namespace}/{self.claim} ({self.pv or 'no volume'} -> {self.target or 'unknown'})"

    def as_dict(self) -> dict[str, Any]:
        """For a task's result."""
        return {key: value for key, value in self.__dict__.items() if key != "manifest"}


POD_MAKERS = ("pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "replicationcontrollers", "jobs.batch", "cronjobs.batch")


@dataclass(frozen=True)
class Mounted:
    """The claims that objects name: by name, or by what a StatefulSet's template makes of it (``<template>-<set>-<number>``). Each with its namespace."""

    names: frozenset[tuple[str, str]]
    stems: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, backup: Objects, namespaces: Iterable[str], selector: Mapping[str, Any]) -> Mounted:
        """Those of the selected objects in these namespaces."""
        names, stems, wanted = set[tuple[str, str]](), set[tuple[str, str]](), set(namespaces)
        for kind in POD_MAKERS:
            for key, manifest in backup.objects(kind):
                if key[1] not in wanted or not matches(selector, (manifest.get("metadata") or {}).get("labels") or {}):
                    continue
                mounted = [volume["persistentVolumeClaim"] for volume in pod_spec(manifest).get("volumes") or () if volume.get("persistentVolumeClaim")]
                names.update((key[1], str(claim["claimName"])) for claim in mounted)
                templates = (manifest.get("spec") or {}).get("volumeClaimTemplates") or ()
                stems.update((key[1], f"{template['metadata']['name']}-{key[2]}") for template in templates)
        return cls(frozenset(names), frozenset(stems))

    def holds(self, namespace: str, name: str) -> bool:
        """Whether it is one of them."""
        stem, _dash, number = name.rpartition("-")
        return (namespace, name) in self.names or (number.isdigit() and (namespace, stem) in self.stems)


def group_volumes(backup: Objects, namespaces: Iterable[str], svm: SvmView, label_selector: str = "") -> list[ClaimVolume]:
    """Every bound claim of the group in the backup. Claims that were not bound hold no data yet and are left out.

    With a selector also the claims that selected objects mount, whatever their own labels: whoever makes those pods would make a claim that is missing anew,
    and empty.
    """
    wanted, selector = set(namespaces), parse_selector(label_selector)
    mounted = Mounted.of(backup, wanted, selector) if selector else None
    found: list[tuple[Manifest, Manifest | None]] = []
    for key, claim in backup.objects(CLAIMS):
        name = (claim.get("spec") or {}).get("volumeName")
        if key[1] in wanted and name and (matches(selector, claim["metadata"].get("labels") or {}) or (mounted and mounted.holds(key[1], key[2]))):
            found.append((claim, backup.get(PVS, "", str(name))))
    known = _with_server_names(svm, [pv for _claim, pv in found if pv])
    return [_claim_volume(backup, claim, pv, known) for claim, pv in found]


def _with_server_names(svm: SvmView, pvs: Iterable[Manifest]) -> SvmView:
    """An NFS server given by name is the SVM if one of its paths leads to a volume of the SVM."""
    names = {
        str(nfs["server"])
        for pv in pvs
        if (nfs := (pv.get("spec") or {}).get("nfs")) and not _is_address(str(nfs.get("server"))) and svm.volume_at(str(nfs.get("path")))
    }
    return SvmView(svm.volumes, svm.addresses | names, svm.names)


def _claim_volume(backup: Objects, claim: Manifest, pv: Manifest | None, svm: SvmView) -> ClaimVolume:
    metadata, spec = claim["metadata"], claim.get("spec") or {}
    pv_spec = (pv or {}).get("spec") or {}
    kind, target, on_svm, volume, why = _leads_to(backup, pv, svm)
    policy = str(pv_spec.get("persistentVolumeReclaimPolicy") or "")
    reprovisioned = policy not in ("Retain", "Recycle")
    if reprovisioned and not on_svm and kind == NFS:
        # An address that set-up did not see, such as that of a LIF made since: better its volume under an old address than a new, empty one.
        path = str(pv_spec["nfs"].get("path") or "/")
        named = svm.volume_at(path) if path.strip("/") else None
        on_svm, volume, why = (True, named, f"{why}, but {path} leads to its volume {named}") if named else (on_svm, volume, why)
    size = (pv_spec.get("capacity") or {}).get("storage") or ((spec.get("resources") or {}).get("requests") or {}).get("storage") or ""
    return ClaimVolume(
        namespace=str(metadata["namespace"]), claim=str(metadata["name"]), pv=str(spec["volumeName"]), kind=kind, target=target, on_svm=on_svm, volume=volume,
        reprovisioned=reprovisioned, policy=policy, size=str(size), storage_class=storage_class_of(spec, metadata), why=why,
        manifest=to_precreate(pv, str(metadata["namespace"]), str(metadata["name"])) if pv else None,
    )


def _leads_to(backup: Objects, pv: Manifest | None, svm: SvmView) -> tuple[str, str, bool, str | None, str]:
    """Kind, target, whether it lies on the SVM, its volume there, and why."""
    if pv is None:
        return OTHER, "", True, None, "the backup holds the claim without its PersistentVolume"
    spec = pv.get("spec") or {}
    if spec.get("nfs"):
        server, path = str(spec["nfs"].get("server") or ""), str(spec["nfs"].get("path") or "/")
        return (NFS, f"{server}:{path}", *_nfs(server, path, svm))
    csi = spec.get("csi") or {}
    if csi.get("driver") == TRIDENT_DRIVER:
        return _trident(backup, csi, svm)
    source = str(csi.get("driver") or next(iter(source_of(pv)), "unknown"))
    return OTHER, source, False, None, f"a volume of {source} does not lie on an SVM"


def _nfs(server: str, path: str, svm: SvmView) -> tuple[bool, str | None, str]:
    volume = svm.volume_at(path)
    if server in svm.addresses:
        return True, volume, f"{server} is an address of the SVM"
    if not svm.addresses:
        return True, volume, "the SVM's addresses are not known"
    return False, None, f"{server} is no address of the SVM"


def _trident(backup: Objects, csi: Manifest, svm: SvmView) -> tuple[str, str, bool, str | None, str]:
    """Trident keeps the addresses in its own TridentVolume; the PersistentVolume itself has only names."""
    attributes = csi.get("volumeAttributes") or {}
    record = _trident_volume(backup, str(csi.get("volumeHandle") or attributes.get("name") or ""))
    config = (record or {}).get("config") or {}
    access = config.get("accessInformation") or {}
    internal = str(config.get("internalName") or attributes.get("internalName") or "")
    path, server = str(access.get("nfsPath") or ""), str(access.get("nfsServerIp") or access.get("iscsiTargetPortal") or "").rpartition(":")[0] or ""
    server = str(access.get("nfsServerIp") or "") or server
    volume = (svm.volume_at(path) if path else None) or (internal if internal in svm.volumes else None)
    target = f"{server}:{path}" if path else internal
    if server and server in svm.addresses:
        return TRIDENT, target, True, volume, f"{server} is an address of the SVM"
    backend = str((record or {}).get("backendUUID") or attributes.get("backendUUID") or "")
    svm_name = _backend_svm(backup, backend)
    if svm_name and svm.names:
        on_svm = svm_name in svm.names
        return TRIDENT, target, on_svm, volume if on_svm else None, f"its Trident backend is on SVM {svm_name}"
    if server and svm.addresses and internal not in svm.volumes:
        return TRIDENT, target, False, None, f"{server} is no address of the SVM"
    if server and svm.addresses:
        # Trident names a volume after its claim's uid: one of that name is this one, whatever LIF was made since set-up.
        return TRIDENT, target, True, internal, f"{server} is no address of the SVM, but its volume {internal} is there"
    return TRIDENT, target, True, volume, "the backup does not tell which SVM it lies on"


def _trident_volume(backup: Objects, name: str) -> Manifest | None:
    return next((manifest for key, manifest in backup.objects(TRIDENT_VOLUMES) if key[2] == name), None)


def _backend_svm(backup: Objects, uuid: str) -> str:
    """The SVM that a Trident backend works on, empty when the backup does not say."""
    for _key, backend in backup.objects(TRIDENT_BACKENDS):
        if uuid and str(backend.get("backendUUID") or "") == uuid:
            config = backend.get("config") or {}
            return str((config.get("ontap_config") or config).get("svm") or "")
    return ""


def _is_address(server: str) -> bool:
    try:
        ipaddress.ip_address(server)
    except ValueError:
        return False
    return True


def to_precreate(pv: Manifest, namespace: str, claim: str) -> Manifest:
    """The PersistentVolume as it is created before the restore: same source, class, size and modes; Retain; kept for the claim by name, without its uid."""
    fresh = stripped(pv)
    fresh["metadata"].pop("finalizers", None)
    annotations = {key: value for key, value in (fresh["metadata"].get("annotations") or {}).items() if key not in DROPPED_ANNOTATIONS}
    fresh["metadata"].pop("annotations", None)
    if annotations:
        fresh["metadata"]["annotations"] = annotations
    fresh["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    fresh["spec"]["claimRef"] = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim}
    return fresh


CREATE, KEEP, RESERVE, UNCLAIM, REFUSE = "create", "keep", "reserve", "unclaim", "refuse"


@dataclass(frozen=True)
class PvAction:
    """What to do with a PersistentVolume of the wanted name on the DR cluster. ``patch`` is the merge patch of ``reserve`` and ``unclaim``."""

    do: str
    why: str
    patch: Manifest | None = None


def decide(wanted: Manifest, live: Manifest | None, claim_exists: Callable[[str, str], bool] = lambda namespace, name: False) -> PvAction:
    """Compare what is wanted (``to_precreate``) with what stands there already.

    Args:
        claim_exists: whether a claim stands on the DR cluster; asked only about the one that holds a wrongly bound volume.
    """
    if live is None:
        return PvAction(CREATE, "absent")
    name, spec = str(wanted["metadata"]["name"]), live.get("spec") or {}
    if (live.get("metadata") or {}).get("deletionTimestamp"):
        return PvAction(REFUSE, f"{name} is being deleted")
    if source_of(live) != source_of(wanted):
        return PvAction(REFUSE, f"{name} exists and leads elsewhere: to {describe_source(live)} instead of {describe_source(wanted)}")
    phase, ref, mine = str((live.get("status") or {}).get("phase") or "Pending"), spec.get("claimRef") or {}, wanted["spec"]["claimRef"]
    same = (ref.get("namespace"), ref.get("name")) == (mine["namespace"], mine["name"])
    held = f"{ref.get('namespace')}/{ref.get('name')}"
    retained = spec.get("persistentVolumeReclaimPolicy") == "Retain"
    keep = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    if phase == "Failed":
        return PvAction(REFUSE, f"{name} is Failed")
    if not ref:
        return PvAction(RESERVE, f"{name} is {phase} and kept for no claim", {"spec": {"persistentVolumeReclaimPolicy": "Retain", "claimRef": mine}})
    if phase == "Released" and same:
        freed = {"spec": {**keep["spec"], "claimRef": {"uid": None, "resourceVersion": None}}}
        return PvAction(UNCLAIM, f"{name} is Released by a claim of the same name", freed)
    if not same:
        exists = "which exists" if claim_exists(str(ref.get("namespace")), str(ref.get("name"))) else "which does not exist here"
        return PvAction(REFUSE, f"{name} is {phase} for claim {held}, {exists}")
    if not retained:
        return PvAction(RESERVE, f"{name} is {phase} for the right claim, but not Retain", keep)
    return PvAction(KEEP, f"{name} is {phase} for the right claim")


_NOT_SOURCE = frozenset(
    {"capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions", "volumeMode", "nodeAffinity",
     "volumeAttributesClassName"},
)
_HELD_BY_CLUSTER = ("nodePublishSecretRef", "controllerPublishSecretRef", "nodeStageSecretRef", "controllerExpandSecretRef", "nodeExpandSecretRef")


def source_of(pv: Manifest) -> Manifest:
    """Where a PersistentVolume leads, comparable between clusters: its driver's own fields without the identities that a provisioner adds."""
    source = {key: value for key, value in (pv.get("spec") or {}).items() if key not in _NOT_SOURCE}
    if isinstance(source.get("csi"), dict):
        csi = {key: value for key, value in source["csi"].items() if key not in _HELD_BY_CLUSTER}
        attributes = {key: value for key, value in (csi.get("volumeAttributes") or {}).items() if key != "storage.kubernetes.io/csiProvisionerIdentity"}
        source["csi"] = {**csi, "volumeAttributes": attributes}
    if isinstance(source.get("nfs"), dict):
        source["nfs"] = {"readOnly": False, **source["nfs"]}
    return source


def describe_source(pv: Manifest) -> str:
    """For people: ``server:path``, or driver and handle."""
    source = source_of(pv)
    if "nfs" in source:
        return f"{source['nfs'].get('server')}:{source['nfs'].get('path')}"
    if "csi" in source:
        return f"{source['csi'].get('driver')} {source['csi'].get('volumeHandle')}"
    return ", ".join(sorted(source)) or "nothing"
