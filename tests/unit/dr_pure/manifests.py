# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A small backup to think about: two groups on two SVMs, Trident, the cluster's own objects."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import Key, MemoryObjects
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import SvmView

Manifest = dict[str, Any]
SVM = SvmView(
    {"svm_app1_root": "/", "data": "/data", "trident_pvc_1": "/trident_pvc_1"}, frozenset({"10.0.0.10", "10.0.0.11"}), frozenset({"svm_app1", "svm_app1_dr"}),
)


def obj(kind: str, name: str, namespace: str = "", **parts: Any) -> Manifest:
    metadata: Manifest = {"name": name, **({"namespace": namespace} if namespace else {}), "uid": f"uid-{name}", "resourceVersion": "7"}
    metadata.update(parts.pop("metadata", {}))
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **parts}


def claim(name: str, pv: str, namespace: str = "app1", storage_class: str = "gold") -> Manifest:
    spec = {"volumeName": pv, "storageClassName": storage_class, "resources": {"requests": {"storage": "1Gi"}}}
    return obj("PersistentVolumeClaim", name, namespace, spec=spec, status={"phase": "Bound"})


def pv(name: str, claim_name: str, source: Manifest, namespace: str = "app1", policy: str = "Retain") -> Manifest:
    ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim_name, "uid": "claim-uid", "resourceVersion": "3"}
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": policy, "claimRef": ref,
            "storageClassName": "gold", **source}
    annotations = {"pv.kubernetes.io/bound-by-controller": "yes", "pv.kubernetes.io/provisioned-by": "x"}
    metadata = {"annotations": annotations, "finalizers": ["kubernetes.io/pv-protection"]}
    return obj("PersistentVolume", name, spec=spec, status={"phase": "Bound"}, metadata=metadata)


def nfs(path: str, server: str = "10.0.0.10") -> Manifest:
    return {"nfs": {"server": server, "path": path}}


def trident(handle: str, internal: str = "trident_pvc_1", backend: str = "backend-1") -> Manifest:
    attributes = {"backendUUID": backend, "name": handle, "internalName": internal, "storage.kubernetes.io/csiProvisionerIdentity": "1-csi"}
    return {"csi": {"driver": "csi.trident.netapp.io", "volumeHandle": handle, "volumeAttributes": attributes}}


def trident_volume(handle: str, path: str = "/trident_pvc_1", server: str = "10.0.0.10", backend: str = "backend-1") -> Manifest:
    access = {"nfsServerIp": server, "nfsPath": path}
    config = {"name": handle, "internalName": path.strip("/"), "storageClass": "gold", "accessInformation": access}
    return obj("TridentVolume", handle, "trident", config=config, backendUUID=backend, metadata={"finalizers": ["trident.netapp.io"]})


def trident_backend(name: str, uuid: str, svm: str) -> Manifest:
    config = {"ontap_config": {"svm": svm, "username": f"secret:{name}", "password": f"secret:{name}"}}
    return obj("TridentBackend", name, "trident", config=config, backendUUID=uuid)


def key_of(kind: str, manifest: Manifest) -> Key:
    return kind, str(manifest["metadata"].get("namespace", "")), str(manifest["metadata"]["name"])


def backup(**kinds: list[Manifest]) -> MemoryObjects:
    """Keywords are those of PLURALS, or a plural of the core group."""
    return MemoryObjects({key_of(PLURALS.get(name, name), manifest): manifest for name, manifests in kinds.items() for manifest in manifests})


PLURALS = {
    "claims": "persistentvolumeclaims", "pvs": "persistentvolumes", "tridentvolumes": "tridentvolumes.trident.netapp.io",
    "tridentbackends": "tridentbackends.trident.netapp.io", "tridentclasses": "tridentstorageclasses.trident.netapp.io",
    "tridentnodes": "tridentnodes.trident.netapp.io", "classes": "storageclasses.storage.k8s.io", "crds": "customresourcedefinitions.apiextensions.k8s.io",
    "roles": "clusterroles.rbac.authorization.k8s.io", "bindings": "clusterrolebindings.rbac.authorization.k8s.io",
    "rolebindings": "rolebindings.rbac.authorization.k8s.io", "priorities": "priorityclasses.scheduling.k8s.io", "runtimes": "runtimeclasses.node.k8s.io",
    "ingresses": "ingresses.networking.k8s.io", "ingressclasses": "ingressclasses.networking.k8s.io", "deployments": "deployments.apps",
    "statefulsets": "statefulsets.apps", "gadgets": "gadgets.example.com", "apiservices": "apiservices.apiregistration.k8s.io", "cronjobs": "cronjobs.batch",
}
