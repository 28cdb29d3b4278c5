# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Claims and volumes that a Restore cannot bring as they are needed: made from the backup's manifests, where they are absent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._dr import pvs
from .._dr.labels import matches, parse_selector
from .._dr.manifests import stripped
from .._kube.contents import BackupContents
from .._kube.objects import ensure_namespace, ensure_present
from .walk import Run


def create_absent(run: Run, group_resource: str, manifest: dict[str, Any]) -> str:
    """``created`` or ``there``."""
    run.renew(run.destination)
    return "created" if ensure_present(run.destination.kube, group_resource, manifest)[1] else "there"


def elsewhere(run: Run, held: BackupContents, found: Iterable[pvs.ClaimVolume]) -> tuple[dict[str, str], bool]:
    """For a server whose Restore cannot be kept to the group's volumes: those off the SVM as it would restore them.

    Retain: the volume as it was. Otherwise: the claim without its volume, to be provisioned anew.
    """
    seen = {}
    for volume in [volume for volume in found if not volume.on_svm]:
        if volume.manifest is not None and not volume.reprovisioned:
            seen[volume.pv] = create_absent(run, "persistentvolumes", dict(volume.manifest))
            continue
        claim = held.get("persistentvolumeclaims", volume.namespace, volume.claim)
        if claim is not None:
            ensure_namespace(run.destination.kube, volume.namespace)
            fresh = _claim(claim)
            fresh["spec"].pop("volumeName", None)
            seen[f"{volume.namespace}/{volume.claim}"] = create_absent(run, "persistentvolumeclaims", fresh)
    return seen, any(word == "created" for word in seen.values())


def _claim(manifest: dict[str, Any]) -> dict[str, Any]:
    """As it can be created again: without the marks of its binding."""
    fresh = stripped(manifest)
    kept = {key: text for key, text in (fresh["metadata"].pop("annotations", None) or {}).items() if key not in pvs.DROPPED_ANNOTATIONS}
    fresh["metadata"]["annotations"] = kept
    return fresh


def unselected(run: Run, held: BackupContents, found: Iterable[pvs.ClaimVolume]) -> tuple[dict[str, str], bool]:
    """A Restore with a selector leaves them out; made here, they are there before whatever mounts them is."""
    selector, seen = parse_selector(run.config.label_selector), {}
    for volume in found:
        manifest = held.get("persistentvolumeclaims", volume.namespace, volume.claim)
        if manifest is not None and not matches(selector, manifest["metadata"].get("labels") or {}):
            fresh = _claim(manifest)
            if not volume.on_svm and volume.reprovisioned:
                fresh["spec"].pop("volumeName", None)
            ensure_namespace(run.destination.kube, volume.namespace)
            seen[f"{volume.namespace}/{volume.claim}"] = create_absent(run, "persistentvolumeclaims", fresh)
    return seen, "created" in seen.values()


def without_claims(run: Run, held: BackupContents, found: Iterable[pvs.ClaimVolume], spec: dict[str, Any]) -> dict[str, Any]:
    """Ark cannot leave out single claims: so the Restore leaves out all, and those that have their volume are made here."""
    for volume in found:
        manifest = held.get("persistentvolumeclaims", volume.namespace, volume.claim)
        if volume.meets_data and manifest is not None:
            ensure_namespace(run.destination.kube, volume.namespace)
            create_absent(run, "persistentvolumeclaims", _claim(manifest))
    return {**spec, "excludedResources": ["persistentvolumeclaims", "persistentvolumes"]}
