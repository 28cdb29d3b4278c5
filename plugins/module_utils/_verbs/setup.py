# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The parts of set-up that are not one module's: may it run, do both sites see the same backups, and the record."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .._dr.seen import NoAnswer, ObjectsSeen, Seen, StorageSeen
from .._dr.state import State, derive, released
from .._dr.table import refusal
from .._dr.words import Storage, Verb
from .._errors import KubedrError, Refused, Unreachable
from .._kube import location_setup, locations, volumes
from .connect import Side
from .look import look_both
from .setup_checks import before_anything, same_bucket, wait_available
from .steps import ABSENT
from .walk import Change, Run


def open_phase(run: Run) -> dict[str, Any]:
    """Both sites must answer, and the group must not have been failed over. Nothing is written before this was seen.

    Raises:
        Unreachable: a system gives no answer; set-up needs all four.
        Refused: the state's reason; or the two ONTAP clusters' versions differ.
        ConfigError: what set-up needs is missing (``before_anything``).
    """
    seen = look_both(run.config, run.source, run.destination, deep=False)
    state = derive(seen, run.config.rpo_seconds)
    no = refusal(Verb.SETUP, None, state)
    silent = next(((system, side) for system, side in _parts(run, seen) if isinstance(side, NoAnswer)), None)
    if silent and (no is None or state.storage in (Storage.UNKNOWN, Storage.ACTIVE_UNREACHABLE)):
        raise Unreachable(
            f"gives no answer: {silent[1].why}", system=silent[0], operation="set up", obj=run.config.name, seen=state.as_dict(),
            advice="Check its address in dr_sites and the network: set-up needs all four systems. Nothing was touched.",
        )
    if no:
        raise Refused(no.reason, no.message, operation="setup", obj=run.config.name, seen=state.as_dict(), advice=no.advice)
    _source_there(run, seen)
    _two_alike(seen)
    _not_kept(run, seen)
    before_anything(run)
    return {"state": state.as_dict()}


def _parts(run: Run, seen: Seen) -> list[tuple[str, StorageSeen | ObjectsSeen | NoAnswer]]:
    source, destination = run.config.source.name, run.config.destination.name
    return [
        (f"ONTAP {source}", seen.source_storage), (f"ONTAP {destination}", seen.destination_storage),
        (f"Kubernetes {source}", seen.source_objects), (f"Kubernetes {destination}", seen.destination_objects),
    ]


def _source_there(run: Run, seen: Seen) -> None:
    storage = seen.source_storage
    if isinstance(storage, StorageSeen) and storage.svm is None:
        raise Refused(
            "source_missing", f"there is no SVM {run.config.source_svm}", system=f"ONTAP {run.config.source.name}", operation="setup", obj="dr_source_svm",
            advice="Check dr_source_svm and dr_source_site.",
        )


def _two_alike(seen: Seen) -> None:
    """Two clusters, not one by two addresses, of the same version."""
    source, destination = seen.source_storage, seen.destination_storage
    if not isinstance(source, StorageSeen) or not isinstance(destination, StorageSeen):
        return
    if source.cluster == destination.cluster:
        raise Refused(
            "same_cluster", f"the addresses of {source.site} and {destination.site} both lead to ONTAP cluster {source.cluster}", operation="setup",
            obj=f"dr_sites.{destination.site}.ontap.hostname", advice="SVM-DR needs two clusters, of two names: check the two hostnames.",
        )
    if source.version != destination.version:
        raise Refused(
            "versions_differ", f"ONTAP is {source.version} at {source.site} and {destination.version} at {destination.site}", operation="setup",
            advice="SVM-DR needs the same version on both for failover and failback.",
        )


def _not_kept(run: Run, seen: Seen) -> None:
    """Teardown kept the DR SVM with its data: whose they are now, only the operator knows."""
    storage = seen.destination_storage
    if isinstance(storage, StorageSeen) and storage.incoming is None and storage.svm and storage.svm.subtype == "default" and released(seen.record):
        raise Refused(
            "destination_kept", f"teardown kept SVM {run.config.destination_svm} with its volumes", system=f"ONTAP {storage.site}", operation="setup",
            obj="dr_destination_svm",
            advice="Delete that SVM with its volumes, or give dr_destination_svm another name, and run setup again.",
        )


def objects_phase(run: Run) -> dict[str, Any]:
    """Make or check the backup location on both clusters, patch reclaim policies if told, and write the record on both."""
    for side in (run.source, run.destination):
        _location(run, side)
    same_bucket(run)
    if run.config.patch_reclaim_policy:
        _patch_policies(run)
    _record(run)
    return {}


def _location(run: Run, side: Side) -> None:
    wanted = side.config.ark.location
    if wanted:
        was = locations.read(side.kube, side.ark)
        before = {"provider": was.provider, "bucket": was.bucket} if was.found else ABSENT
        found, changed = location_setup.ensure(side.kube, side.ark, wanted, check_mode=run.env.check_mode)
        if changed:
            told = {"provider": wanted.get("provider"), "bucket": wanted.get("bucket")}
            run.step(f"backup_location_{side.config.name}", told, lambda: (told, True), before=before)
        if run.env.check_mode and not found.found:
            return
    wait_available(run, side)


def _patch_policies(run: Run) -> None:
    claims = volumes.claims(run.source.kube, run.config.namespaces)
    names = {str((claim.get("spec") or {}).get("volumeName") or "") for claim in claims}
    found = {str(pv["metadata"]["name"]): volumes.policy_of(pv) for pv in volumes.pvs(run.source.kube)}
    wrong = {name: policy for name, policy in found.items() if name in names and policy != "Retain"}
    if not wrong:
        return
    asked = dict.fromkeys(wrong, "Retain")
    if run.env.check_mode:
        run.would("reclaim_policy", asked, before=wrong)
        return
    run.step("reclaim_policy", asked, lambda: ({name: volumes.policy_of(volumes.retain(run.source.kube, name)[0]) for name in wrong}, True), before=wrong)


def facts_for_record(run: Run) -> dict[str, Any]:
    """What a failover must know of the source without asking it."""
    seen = look_both(run.config, run.source, run.destination, deep=False)
    source, destination, storage = seen.source_objects, seen.destination_objects, seen.source_storage
    if not isinstance(source, ObjectsSeen) or not isinstance(destination, ObjectsSeen) or not isinstance(storage, StorageSeen):
        raise KubedrError("a site stopped answering", operation="setup", obj=run.config.name, advice="Run setup again.")
    return {
        "group": run.config.name, "roles": {"source": run.config.source.name, "destination": run.config.destination.name},
        "svms": {"source": run.config.source_svm, "destination": run.config.destination_svm}, "source_nodes": sorted(source.node_addresses),
        "destination_nodes": sorted(destination.node_addresses),
        "source_addresses": sorted(lif.address for lif in storage.lifs), "source_routes": storage.routes, "backup_schedule": run.config.backup_schedule,
    }


def _record(run: Run) -> None:
    facts = facts_for_record(run)
    found_records = [side.records(run.config).read()[0] or {} for side in (run.source, run.destination)]
    newest = max(found_records, key=lambda record: int(record.get("epoch") or 0))
    for side, record in zip((run.source, run.destination), found_records, strict=True):
        if record and all(
            record.get(key) == value for key, value in facts.items()
        ) and record.get("active_site") and not record.get("released") and not _older(record, newest):
            continue
        before = {key: record[key] for key in facts if key in record} if record else ABSENT
        if run.env.check_mode:
            run.would(f"record_{side.config.name}", facts, before=before)
            continue

        def change(found: dict[str, Any]) -> None:
            if _older(found, newest):
                found.update({key: copy.deepcopy(value) for key, value in newest.items() if key != "lease"})
            found.update(facts)
            found.setdefault("active_site", run.config.source.name)
            found.pop("released", None)

        def write(side: Side = side, change: Change = change) -> tuple[Any, bool]:
            return _kept(run.update(side, change)), True

        run.step(f"record_{side.config.name}", facts, write, before=before)


def _older(record: Mapping[str, Any], newest: Mapping[str, Any]) -> bool:
    """A cluster that was made anew, or was away at the last promotion, must not fall behind: epochs would be given twice, and old decisions hold."""
    return int(record.get("epoch") or 1) < int(newest.get("epoch") or 1)


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"epoch": record.get("epoch"), "active_site": record.get("active_site")}


def close_phase(run: Run) -> dict[str, Any]:
    """Look once more: set-up promises a protected group.

    Raises:
        KubedrError: the group is not protected.
    """
    if run.env.check_mode:
        return {}
    state: State = derive(look_both(run.config, run.source, run.destination, deep=False), run.config.rpo_seconds)
    if state.storage is not Storage.PROTECTED:
        raise KubedrError(
            f"set-up ended, but the group is {state.storage}: {state.why}", operation="setup", obj=run.config.name, seen=state.as_dict(),
            advice="Run status, mend what it names, and run setup again.",
        )
    return {"state": state.as_dict()}
