# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding of claims and volumes as the PV controller of Kubernetes does it (light tier only). Source: pv_controller.go, volume/persistentvolume/index.go."""

from __future__ import annotations

from collections.abc import Iterable

from . import pods
from .api import CLAIMS, STORAGE_CLASSES, VOLUMES, Api, key, meta
from .ports import Obj

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def quantity(text: str | int) -> float:
    """Bytes of a Kubernetes quantity such as ``1Gi``. Raises ValueError."""
    value = str(text)
    for unit, factor in UNITS.items():
        if value.endswith(unit):
            return float(value[:-len(unit)]) * factor
    return float(value)


def size_of(volume: Obj) -> float:
    """The volume's capacity in bytes."""
    return quantity(((volume.get("spec") or {}).get("capacity") or {}).get("storage", 0))


def requested(claim: Obj) -> float:
    """The bytes that the claim asks for."""
    return quantity((((claim["spec"].get("resources") or {}).get("requests")) or {}).get("storage", 0))


def class_of(obj: Obj) -> str:
    """The storage class of a claim or a volume, "" for none."""
    return (obj.get("spec") or {}).get("storageClassName") or ""


def annotations_of(obj: Obj) -> dict[str, str]:
    """The object's annotations."""
    return meta(obj).get("annotations") or {}


def reserved_for(volume: Obj, claim: Obj) -> bool:
    """Whether the volume's claimRef names this claim; without a uid it names any claim of that name."""
    reference = (volume.get("spec") or {}).get("claimRef") or {}
    if (reference.get("namespace"), reference.get("name")) != key(claim):
        return False
    return reference.get("uid", "") in ("", meta(claim)["uid"])


def holds(volume: Obj, claim: Obj) -> bool:
    """Whether the volume is large enough and has the claim's access modes and volume mode."""
    spec, wanted = volume["spec"], claim["spec"]
    modes_fit = set(wanted.get("accessModes") or []) <= set(spec.get("accessModes") or [])
    return modes_fit and spec.get("volumeMode", "Filesystem") == wanted.get("volumeMode", "Filesystem") and size_of(volume) >= requested(claim)


def find_match(claim: Obj, volumes: Iterable[Obj]) -> Obj | None:
    """The volume that is reserved for the claim by name, otherwise the smallest free one of its class, modes and labels."""
    fitting = [volume for volume in volumes if not meta(volume).get("deletionTimestamp") and holds(volume, claim)]
    for volume in fitting:
        if reserved_for(volume, claim):
            return volume
    selector = claim["spec"].get("selector") or {}
    free = [
        volume for volume in fitting
        if not volume["spec"].get("claimRef") and (volume.get("status") or {}).get("phase") == "Available"
        and class_of(volume) == class_of(claim) and pods.matches(selector, meta(volume).get("labels") or {})
    ]
    return min(free, key=lambda volume: (size_of(volume), meta(volume)["name"]), default=None)


class ClaimBinder:
    """Binds, releases, and marks for provisioning. It deletes nothing: a Released volume with policy Delete is its provisioner's."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._volumes: dict[str, Obj] = {}

    async def tick(self, now: float) -> float | None:
        """One pass. Has no timers of its own, so it returns None."""
        self._volumes = {meta(volume)["name"]: volume for volume in await self._api.list(VOLUMES)}
        claims = {key(claim): claim for claim in await self._api.list(CLAIMS)}
        for volume in list(self._volumes.values()):
            await self._api.attempt(self._sync_volume(volume, claims), None)
        for claim in claims.values():
            if meta(claim).get("deletionTimestamp"):
                continue
            work = self._sync_bound(claim) if BIND_COMPLETED in annotations_of(claim) else self._sync_unbound(claim, now)
            await self._api.attempt(work, None)
        return None

    async def _sync_volume(self, volume: Obj, claims: dict[tuple[str, str], Obj]) -> None:
        reference = volume["spec"].get("claimRef") or {}
        if not reference.get("uid"):
            await self._set_phase(volume, "Available")
            return
        claim = claims.get((reference.get("namespace", ""), reference.get("name", "")))
        if claim is None or meta(claim)["uid"] != reference["uid"]:
            await self._release(volume)
        elif claim["spec"].get("volumeName") == meta(volume)["name"]:
            await self._set_phase(volume, "Bound")
        elif claim["spec"].get("volumeName"):
            await self._taken_elsewhere(volume)

    async def _release(self, volume: Obj) -> None:
        """Its claim is gone. Retain leaves it Released for good; Delete without a provisioner that could delete it is a failure."""
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete" and not annotations_of(volume).get(PROVISIONED_BY):
            message = f'error getting deleter volume plugin for volume "{meta(volume)["name"]}": no deletable volume plugin matched'
            await self._set_phase(volume, "Failed", message)
        else:
            await self._set_phase(volume, "Released")

    async def _taken_elsewhere(self, volume: Obj) -> None:
        """Its claim is bound to another volume: give this one up, keeping a reservation that somebody made by hand."""
        if annotations_of(volume).get(PROVISIONED_BY) and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            await self._set_phase(volume, "Released")
            return
        by_controller = BOUND_BY_CONTROLLER in annotations_of(volume)
        reference = None if by_controller else {"uid": None, "resourceVersion": None}
        await self._keep(await self._api.merge(VOLUMES, volume, {"spec": {"claimRef": reference}}))

    async def _sync_bound(self, claim: Obj) -> None:
        volume = self._volumes.get(claim["spec"].get("volumeName", ""))
        if volume is None:
            await self._api.set_status(CLAIMS, claim, {"phase": "Lost"})
            return
        reference = volume["spec"].get("claimRef")
        if reference and not reserved_for(volume, claim):
            await self._api.set_status(CLAIMS, claim, {"phase": "Lost"})
        elif not reference or not reference.get("uid") or (claim.get("status") or {}).get("phase") != "Bound":
            await self._bind(claim, volume)

    async def _sync_unbound(self, claim: Obj, now: float) -> None:
        await self._set_pending(claim)
        asked = claim["spec"].get("volumeName")
        if asked:
            volume = self._volumes.get(asked)
            if volume is None:
                await self._api.event(CLAIMS, claim, "FailedBinding", f'volume "{asked}" not found', now)
            elif volume["spec"].get("claimRef") and not reserved_for(volume, claim):
                await self._api.event(CLAIMS, claim, "FailedBinding", f'volume "{asked}" already bound to a different claim.', now)
            elif not holds(volume, claim) or class_of(volume) != class_of(claim):
                await self._api.event(CLAIMS, claim, "VolumeMismatch", f'Cannot bind to requested volume "{asked}"', now)
            else:
                await self._bind(claim, volume)
            return
        volume = find_match(claim, self._volumes.values())
        if volume is not None:
            await self._bind(claim, volume)
        elif not await self._mark_for_provisioning(claim):
            await self._api.event(CLAIMS, claim, "FailedBinding", "no persistent volumes available for this claim and no storage class is set", now)

    async def _mark_for_provisioning(self, claim: Obj) -> bool:
        """Tell the class's provisioner that no volume matched. False where there is no such class."""
        classes = {meta(entry)["name"]: entry for entry in await self._api.list(STORAGE_CLASSES)}
        storage_class = classes.get(class_of(claim))
        if storage_class is None or storage_class.get("provisioner") == "kubernetes.io/no-provisioner":
            return False
        if annotations_of(claim).get(STORAGE_PROVISIONER) != storage_class["provisioner"]:
            await self._api.merge(CLAIMS, claim, {"metadata": {"annotations": {STORAGE_PROVISIONER: storage_class["provisioner"]}}})
        return True

    async def _bind(self, claim: Obj, volume: Obj) -> None:
        """Volume first, claim second, as Kubernetes does: a pass that dies in between is finished by the next one."""
        namespace, name = key(claim)
        reference = volume["spec"].get("claimRef") or {}
        if reference.get("uid") != meta(claim)["uid"]:
            wanted = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": meta(claim)["uid"]}
            patch: Obj = {"spec": {"claimRef": wanted}}
            if not reference:
                patch["metadata"] = {"annotations": {BOUND_BY_CONTROLLER: "yes"}}
            written = await self._api.merge(VOLUMES, volume, patch)
            if written is None:
                return
            volume = written
        await self._set_phase(volume, "Bound")
        patch = {"metadata": {"annotations": {BIND_COMPLETED: "yes"}}}
        if not claim["spec"].get("volumeName"):
            patch["metadata"]["annotations"][BOUND_BY_CONTROLLER] = "yes"
            patch["spec"] = {"volumeName": meta(volume)["name"]}
        bound = await self._api.merge(CLAIMS, claim, patch)
        if bound is not None:
            spec = volume["spec"]
            await self._api.set_status(CLAIMS, bound, {"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": spec.get("capacity")})

    async def _set_pending(self, claim: Obj) -> None:
        if (claim.get("status") or {}).get("phase") != "Pending":
            await self._api.set_status(CLAIMS, claim, {"phase": "Pending"})

    async def _set_phase(self, volume: Obj, phase: str, message: str | None = None) -> None:
        await self._keep(await self._api.set_status(VOLUMES, volume, {"phase": phase, "message": message}))

    async def _keep(self, written: Obj | None) -> None:
        """Remember a volume as written, so that no second claim of this pass takes it."""
        if written is not None:
            self._volumes[meta(written)["name"]] = written
