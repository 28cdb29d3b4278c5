# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Preflight: what would spoil a failover, found while both sites still stand. Findings, not failures; it never writes."""

from __future__ import annotations

from typing import Any

from .._dr.failover import missing_at_destination
from .._dr.seen import NoAnswer, Seen, StorageSeen
from .._dr.state import derive
from .._kube import locations, volumes
from .connect import Side
from .look import answered, look_both
from .walk import Run


def open_phase(run: Run) -> dict[str, Any]:
    """Look at both sites.

    Returns: ``findings`` [{severity: error|warning, what, where, advice}], ``state``.
    """
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen, run.config.rpo_seconds)
    findings = [*_silent(run, seen), *_destination(run, seen), *_volumes(run), *_locations(run)]
    for finding in findings:
        run.env.reporter.progress(f"{finding['severity']}: {finding['what']} ({finding['where']})")
    return {"findings": findings, "state": state.as_dict()}


def _finding(severity: str, what: str, where: str, advice: str) -> dict[str, str]:
    return {"severity": severity, "what": what, "where": where, "advice": advice}


def _silent(run: Run, seen: Seen) -> list[dict[str, str]]:
    parts = {
        f"ONTAP {run.config.source.name}": seen.source_storage, f"ONTAP {run.config.destination.name}": seen.destination_storage,
        f"Kubernetes {run.config.source.name}": seen.source_objects, f"Kubernetes {run.config.destination.name}": seen.destination_objects,
    }
    return [
        _finding("error", f"gives no answer: {part.why}", name, "Check the network and the credentials.") for name, part in parts.items()
        if isinstance(part, NoAnswer)
    ]


def _destination(run: Run, seen: Seen) -> list[dict[str, str]]:
    storage = seen.destination_storage
    if not isinstance(storage, StorageSeen) or storage.incoming is None or storage.incoming.state == "uninitialized":
        return []
    source = seen.source_storage
    routes = isinstance(source, StorageSeen) and bool(source.routes)
    return [
        _finding(
            "error", f"the destination SVM lacks {lack}", f"ONTAP {storage.site}: {run.config.destination_svm}",
            "Make it there: a failover is refused until it stands.",
        )
        for lack in missing_at_destination(storage, routes)
    ]


def _volumes(run: Run) -> list[dict[str, str]]:
    """Volumes that Ark would make anew and empty: reclaim policy Delete, no snapshot."""
    claims = answered(lambda: volumes.claims(run.source.kube, run.config.namespaces))
    if isinstance(claims, NoAnswer):
        return []
    names = {str((claim.get("spec") or {}).get("volumeName") or "") for claim in claims}
    wrong = [pv for pv in volumes.pvs(run.source.kube) if pv["metadata"]["name"] in names and volumes.policy_of(pv) != "Retain"]
    return [
        _finding(
            "warning",
            f"PersistentVolume {pv['metadata']['name']} has reclaim policy {volumes.policy_of(pv)}: Ark alone would restore its claim onto a new, empty volume",
            f"Kubernetes {run.config.source.name}", "A failover of this collection makes the volume first. Set dr_patch_reclaim_policy to make it Retain.",
        )
        for pv in wrong
    ]


def _locations(run: Run) -> list[dict[str, str]]:
    return [finding for side in (run.source, run.destination) for finding in _location(side)]


def _location(side: Side) -> list[dict[str, str]]:
    where = f"Kubernetes {side.config.name}"
    if not side.ark.dialect.has_location:
        return []
    found = answered(lambda: locations.read(side.kube, side.ark))
    if isinstance(found, NoAnswer):
        return []
    return [
        _finding("warning", reason, where, "Backups of the other site may not be seen here.") for reason in locations.staleness(found, side.kube.server_time)
    ]
