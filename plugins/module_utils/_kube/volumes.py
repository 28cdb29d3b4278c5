# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Claims and PersistentVolumes: read, made before a restore, and freed of the claim that a dead namespace left in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._errors import ApiError, Refused
from .client import KubeClient, act

PVS = "/api/v1/persistentvolumes"


def claims(client: KubeClient, namespaces: Iterable[str]) -> list[dict[str, Any]]:
    """Every PersistentVolumeClaim of these namespaces."""
    return [item for namespace in namespaces for item in client.items(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")]


def pvs(client: KubeClient) -> list[dict[str, Any]]:
    """Every PersistentVolume of the cluster."""
    return list(client.items(PVS))


def group_pvs(client: KubeClient, namespaces: Iterable[str]) -> list[dict[str, Any]]:
    """The PersistentVolumes that the claims of these namespaces are bound to, by name."""
    bound = sorted({str(name) for claim in claims(client, namespaces) if (name := (claim.get("spec") or {}).get("volumeName"))})
    return [found for name in bound if (found := read_pv(client, name)) is not None]


def read_pv(client: KubeClient, name: str) -> dict[str, Any] | None:
    """One PersistentVolume by name."""
    return client.get(f"{PVS}/{name}")


def phase_of(pv: dict[str, Any]) -> str:
    """Available, Bound, Released, Failed, or Pending."""
    return str((pv.get("status") or {}).get("phase") or "Pending")


def policy_of(pv: dict[str, Any]) -> str:
    """Its reclaim policy."""
    return str((pv.get("spec") or {}).get("persistentVolumeReclaimPolicy") or "")


def claim_of(pv: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name of the claim that it is bound to or kept for; empty when none."""
    ref = (pv.get("spec") or {}).get("claimRef") or {}
    return str(ref.get("namespace") or ""), str(ref.get("name") or "")


def precreate(
    client: KubeClient, manifest: dict[str, Any], *, check_mode: bool = False, absent: bool = False,
) -> tuple[dict[str, Any] | None, bool]:
    """The PersistentVolume exists, kept for the claim that the manifest names. One that exists already is left alone if it is kept for that claim.

    Args:
        manifest: as ``_dr/pvs.py`` makes it: Retain, claimRef without uid, no status.
        absent: it was just read, and is not there. A server that knows better refuses the creation, and it is read.

    Raises:
        Refused: one of that name exists for another claim, or leads elsewhere.
    """
    name, wanted = str(manifest["metadata"]["name"]), claim_of(manifest)
    found, changed = act(
        client, lambda: read_pv(client, name), lambda seen: seen is not None, lambda _seen: client.create(PVS, manifest),
        what=f"create volume {name}", check_mode=check_mode, first=(lambda: None) if absent else None,
    )
    if found is not None and claim_of(found) != wanted:
        raise Refused(
            "pv_taken", f"a PersistentVolume of this name exists for claim {'/'.join(claim_of(found)) or 'none'}, wanted is {'/'.join(wanted)}",
            system=client.system, operation="create volume", obj=name, seen={"phase": phase_of(found), "claim": claim_of(found)},
        )
    return found, changed


def patch_pv(client: KubeClient, name: str, patch: dict[str, Any], *, check_mode: bool = False) -> tuple[dict[str, Any], bool]:
    """A merge patch on a PersistentVolume that exists; nothing is sent where it holds already."""

    def look() -> dict[str, Any]:
        seen = read_pv(client, name)
        if seen is None:
            raise ApiError("the PersistentVolume does not exist", system=client.system, operation="patch volume", obj=name)
        return seen

    return act(
        client, look, lambda seen: _patched(patch, seen), lambda _seen: client.merge(f"{PVS}/{name}", patch), what=f"patch volume {name}",
        check_mode=check_mode,
    )


def unclaim_released(client: KubeClient, pv: dict[str, Any], *, check_mode: bool = False) -> tuple[dict[str, Any], bool]:
    """A Released PersistentVolume is free again for a claim of the same namespace and name: the uid of the claim that is gone is taken out.

    A volume that is not Released, or whose claim is Bound again, is left alone.
    """
    name = str(pv["metadata"]["name"])

    def look() -> dict[str, Any]:
        seen = read_pv(client, name)
        if seen is None:
            raise ApiError("the PersistentVolume is gone", system=client.system, operation="free volume", obj=name)
        return seen

    patch = {"spec": {"claimRef": {"uid": None, "resourceVersion": None}, "persistentVolumeReclaimPolicy": "Retain"}}
    gone = str(((pv.get("spec") or {}).get("claimRef") or {}).get("uid") or "")

    def freed(seen: dict[str, Any]) -> bool:
        uid = str(((seen.get("spec") or {}).get("claimRef") or {}).get("uid") or "")
        return phase_of(seen) == "Bound" or not uid or uid != gone

    return act(client, look, freed, lambda _seen: client.merge(f"{PVS}/{name}", patch), what=f"free volume {name}", check_mode=check_mode)


def retain(client: KubeClient, name: str, *, check_mode: bool = False) -> tuple[dict[str, Any], bool]:
    """The volume's data outlives its claim."""
    return patch_pv(client, name, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}, check_mode=check_mode)


def _patched(patch: Any, live: Any) -> bool:
    if isinstance(patch, dict):
        return isinstance(live, dict) and all(_patched(value, live.get(key)) for key, value in patch.items())
    return bool(patch == live)
