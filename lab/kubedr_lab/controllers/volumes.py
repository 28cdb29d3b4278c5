# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a pod's volumes to the address and path where their data lies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from . import trident
from .api import key, meta
from .ports import Obj


@dataclass(frozen=True)
class NfsTarget:
    """An NFS export that a node has to reach."""

    address: str
    path: str


@dataclass(frozen=True)
class OnNode:
    """Data on the node itself: always there."""


@dataclass(frozen=True)
class NoTarget:
    """The volume leads nowhere."""

    reason: str


Target = NfsTarget | OnNode | NoTarget


@dataclass(frozen=True)
class Mount:
    """One claim of a pod. ``volume`` is the PV's name."""

    volume: str
    claim: str
    target: Target


@dataclass(frozen=True)
class StorageView:
    """The objects that lead from pods to data, by name."""

    claims: dict[tuple[str, str], Obj] = field(default_factory=dict)
    volumes: dict[str, Obj] = field(default_factory=dict)
    trident_volumes: dict[str, Obj] = field(default_factory=dict)
    backends: dict[str, Obj] = field(default_factory=dict)

    @classmethod
    def of(cls, claims: Iterable[Obj], volumes: Iterable[Obj], trident_volumes: Iterable[Obj], backends: Iterable[Obj]) -> StorageView:
        """From lists as the API gives them."""
        return cls(
            {key(claim): claim for claim in claims}, {meta(volume)["name"]: volume for volume in volumes},
            {meta(entry)["name"]: entry for entry in trident_volumes}, {str(entry.get("backendUUID")): entry for entry in backends},
        )

    def unbound(self, pod: Obj) -> list[str]:
        """The pod's claims that have no volume yet, with the reason."""
        reasons = []
        for name in claim_names(pod):
            claim = self.claims.get((meta(pod)["namespace"], name))
            if claim is None:
                reasons.append(f'persistentvolumeclaim "{name}" not found')
            elif (claim.get("status") or {}).get("phase") != "Bound":
                reasons.append(f'persistentvolumeclaim "{name}" is {(claim.get("status") or {}).get("phase", "Pending")}')
        return reasons

    def mounts(self, pod: Obj) -> list[Mount]:
        """Where each of the pod's bound claims leads."""
        found = []
        for name in claim_names(pod):
            claim = self.claims.get((meta(pod)["namespace"], name))
            volume = str(((claim or {}).get("spec") or {}).get("volumeName") or "")
            found.append(Mount(volume, name, self._target(volume)))
        return found

    def _target(self, name: str) -> Target:
        volume = self.volumes.get(name)
        if volume is None:
            return NoTarget(f'persistentvolume "{name}" not found')
        spec = volume["spec"]
        if "nfs" in spec:
            return NfsTarget(spec["nfs"]["server"], spec["nfs"]["path"])
        if "hostPath" in spec or "local" in spec:
            return OnNode()
        if (spec.get("csi") or {}).get("driver") == trident.PROVISIONER:
            return self._trident_target(spec["csi"]["volumeHandle"])
        return NoTarget(f'volume "{name}" is of a kind that this node cannot mount')

    def _trident_target(self, handle: str) -> Target:
        entry = self.trident_volumes.get(handle)
        if entry is None:
            return NoTarget(f"rpc error: code = NotFound desc = volume {handle} was not found in Trident")
        backend = self.backends.get(str(entry.get("backendUUID")))
        if backend is None or not backend.get("online", True):
            return NoTarget(f"rpc error: backend {entry.get('backendUUID')} of volume {handle} {'was not found' if backend is None else 'is offline'}")
        access = (entry.get("config") or {}).get("accessInformation") or {}
        if not access.get("nfsServerIp") or not access.get("nfsPath"):
            return NoTarget(f"volume {handle} has no access information")
        return NfsTarget(access["nfsServerIp"], access["nfsPath"])


def claim_names(pod: Obj) -> list[str]:
    """The names of the claims that a pod mounts."""
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if volume.get("persistentVolumeClaim")]
