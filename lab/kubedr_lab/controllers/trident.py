# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trident's own objects: fields at top level, no ``status``. Pure. Source: NetApp/trident persistent_store/crd/apis/netapp/v1."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from .api import key, meta
from .claims import PROVISIONED_BY, class_of, requested
from .ports import Obj

PROVISIONER = "csi.trident.netapp.io"
NAMESPACE = "trident"
PREFIX = "trident_"
FINALIZERS = ["trident.netapp.io"]


def stable_uuid(text: str) -> str:
    """The same uuid for the same words in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"kubedr-lab/{text}"))


def backend(group: str, address: str) -> Obj:
    """The group's TridentBackend, reached through its SVM's LIF. ``svm`` is left out, so that it fits whichever SVM answers there."""
    identity = stable_uuid(f"backend/{group}")
    config = {
        "version": 1, "storageDriverName": "ontap-nas", "storagePrefix": PREFIX, "backendName": group, "managementLIF": address, "dataLIF": address,
        "svm": "", "username": f"secret:tbe-{identity}", "password": f"secret:tbe-{identity}",
    }
    return {
        "metadata": {"namespace": NAMESPACE, "name": f"tbe-{group}", "finalizers": FINALIZERS}, "backendName": group, "backendUUID": identity,
        "config": {"ontap_config": config}, "version": "1", "online": True, "state": "online",
    }


def backend_address(entry: Obj) -> str:
    """The address under which a backend's SVM is reached."""
    config = (entry.get("config") or {}).get("ontap_config") or {}
    return str(config.get("dataLIF") or config.get("managementLIF") or "")


def backend_for(namespace: str, backends: Iterable[Obj]) -> Obj | None:
    """The backend whose group owns the namespace: ``app1`` owns ``app1`` and ``app1-batch``, not ``app10``."""
    owners = [entry for entry in backends if namespace == entry.get("backendName") or namespace.startswith(f"{entry.get('backendName')}-")]
    return max(owners, key=lambda entry: len(str(entry["backendName"])), default=None)


def volume_name(claim: Obj) -> str:
    """Name of PV, TridentVolume and volume handle."""
    return f"pvc-{meta(claim)['uid']}"


def internal_name(name: str) -> str:
    """Name of the ONTAP volume."""
    return PREFIX + name.replace("-", "_")


def trident_volume(claim: Obj, entry: Obj) -> Obj:
    """The TridentVolume of a claim on a backend."""
    name, modes = volume_name(claim), claim["spec"].get("accessModes") or ["ReadWriteOnce"]
    config = {
        "version": "1", "name": name, "internalName": internal_name(name), "size": str(int(requested(claim))), "protocol": "file", "fileSystem": "nfs",
        "storageClass": class_of(claim), "accessMode": modes[0], "volumeMode": "Filesystem", "namespace": key(claim)[0],
        "accessInformation": {"nfsServerIp": backend_address(entry), "nfsPath": f"/{internal_name(name)}"},
    }
    return {
        "metadata": {"namespace": NAMESPACE, "name": name, "finalizers": FINALIZERS}, "config": config, "backendUUID": entry["backendUUID"],
        "pool": "aggr1", "orphaned": False, "state": "online",
    }


def persistent_volume(claim: Obj, entry: Obj, storage_class: Obj) -> Obj:
    """The PV as Trident's CSI provisioner makes it: it names no server, only Trident's volume."""
    name = volume_name(claim)
    attributes = {"backendUUID": entry["backendUUID"], "name": name, "internalName": internal_name(name), "protocol": "file"}
    source = {"csi": {"driver": PROVISIONER, "volumeHandle": name, "volumeAttributes": attributes}}
    return provisioned_volume(name, claim, storage_class, source)


def provisioned_volume(name: str, claim: Obj, storage_class: Obj, source: Obj) -> Obj:
    """A PV that a provisioner makes for one claim, with the reclaim policy of the class."""
    namespace, claim_name = key(claim)
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim_name, "uid": meta(claim)["uid"]}
    wanted = claim["spec"]
    spec = {
        "capacity": {"storage": wanted["resources"]["requests"]["storage"]}, "accessModes": wanted.get("accessModes") or ["ReadWriteOnce"],
        "volumeMode": "Filesystem", "claimRef": reference,
        "storageClassName": class_of(claim),
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete", **source,
    }
    return {"metadata": {"name": name, "annotations": {PROVISIONED_BY: storage_class["provisioner"]}}, "spec": spec}
