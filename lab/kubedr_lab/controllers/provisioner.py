# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisioners of both tiers: Trident on ONTAP, and hostPath for claims that are not on the SVM.

A claim that lost its volume gets what a real provisioner gives it: a new, empty one.
"""

from __future__ import annotations

from . import trident
from .api import CLAIMS, STORAGE_CLASSES, TRIDENT_BACKENDS, TRIDENT_VOLUMES, VOLUMES, Api, key, meta
from .claims import PROVISIONED_BY, STORAGE_PROVISIONER, annotations_of, class_of, requested
from .ontap_volumes import EXPORT_POLICY, OntapRefused, data_lifs, delete_volume, ensure_volume
from .ports import Obj, OntapPort, SiteSilent

LOCAL_PROVISIONER = "rancher.io/local-path"
LOCAL_ROOT = "/opt/local-path-provisioner"


class Provisioner:
    """Serves claims that the PV controller has marked with one of our provisioners, and deletes what it made once it is Released with policy Delete.

    Args:
        ontap: the own site's cluster; it may raise SiteSilent.
        export_policy: the policy of the SVM that new volumes get.
        retry: seconds until a claim that could not be served is tried again.
    """

    def __init__(self, api: Api, ontap: OntapPort, *, export_policy: str = EXPORT_POLICY, retry: float = 2.0) -> None:
        self._api, self._ontap, self._export_policy, self._retry = api, ontap, export_policy, retry

    async def tick(self, now: float) -> float | None:
        """One pass. Returns when to try again what could not be finished, None if nothing is open."""
        classes = {meta(entry)["name"]: entry for entry in await self._api.list(STORAGE_CLASSES)}
        finished = True
        for claim in await self._api.list(CLAIMS):
            if wants_volume(claim):
                finished &= await self._api.attempt(self._provision(claim, classes.get(class_of(claim)), now), False)
        for volume in await self._api.list(VOLUMES):
            if wants_deletion(volume):
                finished &= await self._api.attempt(self._delete(volume, now), False)
        return None if finished else now + self._retry

    async def _provision(self, claim: Obj, storage_class: Obj | None, now: float) -> bool:
        if storage_class is None:
            return True
        if storage_class["provisioner"] == LOCAL_PROVISIONER:
            namespace, name = key(claim)
            path = f"{LOCAL_ROOT}/{trident.volume_name(claim)}_{namespace}_{name}"
            source = {"hostPath": {"path": path, "type": "DirectoryOrCreate"}}
            await self._api.create(VOLUMES, trident.provisioned_volume(trident.volume_name(claim), claim, storage_class, source))
            return True
        entry = trident.backend_for(key(claim)[0], await self._api.list(TRIDENT_BACKENDS))
        problem = "no available backends for storage class " + class_of(claim) if entry is None else await self._make(claim, entry, storage_class)
        if problem:
            await self._api.event(CLAIMS, claim, "ProvisioningFailed", problem, now)
        return not problem

    async def _make(self, claim: Obj, entry: Obj, storage_class: Obj) -> str:
        """ONTAP volume, TridentVolume, PV, in this order: each names the one before. Returns the reason if it could not be finished."""
        try:
            svm = await self._svm(entry)
            if svm is None:
                return f"backend {entry['backendName']}: SVM is not reachable at {trident.backend_address(entry)}"
            name = trident.internal_name(trident.volume_name(claim))
            made = await ensure_volume(self._ontap, svm, name, int(requested(claim)), self._export_policy)
        except (OntapRefused, SiteSilent) as error:
            return f"backend {entry['backendName']}: {error or 'ONTAP gives no answer'}"
        if made is None:
            return f"volume {name} is being created"
        await self._api.create(TRIDENT_VOLUMES, trident.trident_volume(claim, entry))
        await self._api.create(VOLUMES, trident.persistent_volume(claim, entry, storage_class))
        return ""

    async def _svm(self, entry: Obj) -> str | None:
        """The SVM that serves the backend's address now. A LIF that is down serves nothing."""
        lifs = await data_lifs(self._ontap, ip__address=trident.backend_address(entry))
        return lifs[0].svm if lifs and lifs[0].up else None

    async def _delete(self, volume: Obj, now: float) -> bool:
        if annotations_of(volume)[PROVISIONED_BY] == trident.PROVISIONER:
            problem = await self._unmake(volume)
            if problem:
                await self._api.event(VOLUMES, volume, "VolumeFailedDelete", problem, now)
                return False
        await self._api.delete(VOLUMES, volume)
        return True

    async def _unmake(self, volume: Obj) -> str:
        """Delete the ONTAP volume and its TridentVolume. Returns the reason if it could not be finished."""
        handle = volume["spec"]["csi"]["volumeHandle"]
        backends = {entry.get("backendUUID"): entry for entry in await self._api.list(TRIDENT_BACKENDS)}
        known = next((entry for entry in await self._api.list(TRIDENT_VOLUMES) if meta(entry)["name"] == handle), None)
        if known is None:
            return ""
        entry = backends.get(known.get("backendUUID"))
        if entry is None:
            return f"backend {known.get('backendUUID')} of volume {handle} not found"
        try:
            svm = await self._svm(entry)
            if svm is None or not await delete_volume(self._ontap, svm, known["config"]["internalName"]):
                return f"volume {handle} cannot be deleted yet"
        except (OntapRefused, SiteSilent) as error:
            return str(error) or "ONTAP gives no answer"
        await self._api.merge(TRIDENT_VOLUMES, known, {"metadata": {"finalizers": None}})
        await self._api.delete(TRIDENT_VOLUMES, known)
        return ""


def wants_volume(claim: Obj) -> bool:
    """Marked for one of our provisioners, and without a volume."""
    ours = annotations_of(claim).get(STORAGE_PROVISIONER) in (trident.PROVISIONER, LOCAL_PROVISIONER)
    return ours and not claim["spec"].get("volumeName") and not meta(claim).get("deletionTimestamp")


def wants_deletion(volume: Obj) -> bool:
    """Made by one of our provisioners, released by its claim, and not to be kept."""
    ours = annotations_of(volume).get(PROVISIONED_BY) in (trident.PROVISIONER, LOCAL_PROVISIONER)
    released = (volume.get("status") or {}).get("phase") == "Released"
    return ours and released and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete" and not meta(volume).get("deletionTimestamp")
