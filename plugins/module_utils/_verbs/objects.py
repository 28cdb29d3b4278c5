# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The Kubernetes half of a failover: choose the backup, give every PersistentVolume its volume, restore, verify. On the destination cluster only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from .._dr import choice, pvs, scope, young
from .._dr.failover import View
from .._dr.manifests import CRDS, stripped, text_of
from .._dr.statement import exact_instant, parse_instant
from .._dr.words import Objects
from .._errors import KubedrError, Refused
from .._kube import backups, locations, restores, volumes, workloads
from .._kube.contents import BackupContents
from .._kube.objects import ensure_namespace
from . import claims
from .walk import Run

MOST_ATTEMPTS = 5
"""Restores in one run of which the server's restart ended each before."""


def svm_view(run: Run, view: View) -> pvs.SvmView:
    """The SVM as PersistentVolumes name it: the destination's volumes, under the addresses and names of both SVMs."""
    return pvs.SvmView(
        volumes={volume.name: volume.junction for volume in view.storage.volumes},
        addresses=frozenset([*(lif.address for lif in view.storage.lifs), *(view.record.get("source_addresses") or ())]),
        names=frozenset([run.config.source_svm, run.config.destination_svm]),
    )


Listed = tuple[list[backups.Backup], "datetime | None"]
"""Backups, and the clock of the cluster that showed them."""


def listed(run: Run) -> Listed:
    """The backups that this cluster shows, and its clock."""
    found = backups.list_backups(run.destination.kube, run.destination.ark)
    return found, run.destination.kube.server_time


def judged_by(run: Run, view: View) -> dict[str, Any]:
    """What of the record as it is before a decision says which backups are usable: kept with the decision, for one that changes it."""
    replicas = view.record.get("replicas") or {}
    own = [str((view.record.get(part) or {}).get(key) or "") for part, key in (("planned", "backup"), ("backup", "name"))]
    return {
        "scaled_down_at": replicas.get("at") if replicas.get("epoch") == view.record.get("epoch") else None, "own": sorted(filter(None, own)),
        "since": exact_instant(promoted_at(run, view)), "schedule": schedule_of(run, view),
    }


def choose(run: Run, view: View, shown: Listed, judged: Mapping[str, Any], until: datetime | None = None) -> choice.Choice:
    """The newest usable backup of those shown, or the one that the operator named.

    Args:
        judged: as ``judged_by`` gave it.
        until: when the snapshot was made that is to be served.

    Raises:
        Refused: none can be used; nothing was broken yet.
    """
    found, now = shown
    if now is None:
        raise Refused(
            "clock_unknown", "the cluster told no time, so no backup's expiry can be judged", system=run.destination.kube.system, operation="choose backup",
            obj=run.config.name,
        )
    rules = choice.Rules(
        namespaces=run.config.namespaces, schedule=str(judged["schedule"]), now=now, svm=svm_view(run, view),
        scaled_down_at=parse_instant(judged["scaled_down_at"]),
        named=str(run.options.get("backup") or ""),
        own=frozenset(judged["own"]), since=parse_instant(judged["since"]), until=until, note=workloads.REPLICAS_NOTE, label_selector=run.config.label_selector,
    )
    picked = choice.choose(found, lambda name: contents(run, name), rules)
    for name, why in picked.skipped[:5]:
        run.env.reporter.progress(f"backup {name} is passed over: {why}")
    return picked


def promoted_at(run: Run, view: View) -> datetime | None:
    """When the side that serves was promoted, by its own clock; None where it serves since set-up. What it was restored from stands for the time before."""
    promotion = view.record.get("run") or {}
    if promotion.get("verb") in (None, run.verb) or promotion.get("epoch") != view.record.get("epoch"):
        return None
    return parse_instant(promotion.get("began"))


def schedule_of(run: Run, view: View) -> str:
    """The schedule of the side that served so far."""
    if run.config.home_is_destination:
        return str((view.record.get("return_schedule") or {}).get("name") or "")
    return str(view.record.get("backup_schedule") or run.config.backup_schedule)


def contents(run: Run, name: str) -> BackupContents:
    """What a backup holds."""
    return BackupContents.load(run.destination.kube, run.destination.ark, name, run.env.fetch)


def scope_of(run: Run, view: View, held: BackupContents) -> tuple[list[pvs.ClaimVolume], scope.Scope]:
    """The group's claims in a backup, and what is restored of it: the restore and the comparison must not differ in that."""
    found = pvs.group_volumes(held, run.config.namespaces, svm_view(run, view), run.config.label_selector)
    plan = scope.plan(
        held, held.backup, run.config.namespaces, ark_namespace=run.destination.ark.namespace, volumes=found, cluster_objects=run.config.cluster_objects,
        label_selector=run.config.label_selector,
    )
    return found, plan


def backup_name(view: View) -> str:
    return str((view.record.get("backup") or {})["name"])


def mark(run: Run, **facts: Any) -> None:
    """Set facts of the objects' progress in the record."""

    def change(record: dict[str, Any]) -> None:
        record["objects"] = {**(record.get("objects") or {}), "epoch": record["epoch"], "side": run.config.role, **facts}

    run.update(run.destination, change)


def prepare(run: Run, view: View) -> None:
    """All that stands before the Restore: the volumes, and the cluster-scoped objects. None of it makes a pod."""
    held = contents(run, backup_name(view))
    give_volumes(run, view, held)
    locations.hold_read_only(run.destination.kube, run.destination.ark, run.config.name, run.config.timeouts["hold"])
    _first_step(run, replace(view, objects=replace(view.objects, record=run.last_record(run.destination))), held)


def prepared(run: Run, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What this run's first step left for its second: ``restore_spec``, ``missing``, ``denied``. A later run does it anew: somebody may have mended a thing."""
    found = record.get("objects") or {}
    ready = found.get("prepared") or {}
    return dict(ready) if ready.get("run_id") == run.run_id and found.get("epoch") == record.get("epoch") else None


def give_hold_back(run: Run) -> None:
    """The read-only hold of a run that fails, unless a Restore of ours runs on, or another run took over: then that one gives it back."""
    kube, ark = run.destination.kube, run.destination.ark
    with suppress(KubedrError):
        record = run.destination.records(run.config).read()[0] or {}
        if (record.get("lease") or {}).get("run_id") == run.run_id and not restores.unfinished(kube, ark, _restore_prefix(run)):
            locations.release_hold(kube, ark, run.config.name)
            over = (record.get("objects") or {}).get("state") in (str(Objects.RESTORED), str(Objects.VERIFIED))
            if not over and prepared(run, record) is not None:  # it stands for the hold as well: a restore that is run again takes it again
                mark(run, prepared=None)


def give_volumes(run: Run, view: View, held: BackupContents | None = None) -> dict[str, Any]:
    """Every PersistentVolume of the group that lies on the SVM stands before its claim is restored: Retain, and kept for that claim by name.

    Ark would make a volume with policy Delete anew and empty; a volume that stands there already, kept for the claim, wins over that.

    Raises:
        Refused: one of that name stands there and leads elsewhere, or belongs to another claim; or its manifest is missing.
    """
    held = held or contents(run, backup_name(view))
    if told := young.warning(young.missed(held, parse_instant((view.record.get("backup") or {}).get("started_at")))):
        run.env.reporter.progress(told)
    found = [volume for volume in pvs.group_volumes(held, run.config.namespaces, svm_view(run, view), run.config.label_selector) if volume.on_svm]
    todo: list[tuple[pvs.ClaimVolume, pvs.PvAction]] = []
    meets = [volume for volume in found if volume.meets_data]
    live = run.env.together([partial(volumes.read_pv, run.destination.kube, volume.pv) for volume in meets])
    for volume, stands in zip(meets, live, strict=True):
        if volume.manifest is None:
            raise Refused(
                "pv_manifest_missing", f"the backup lacks PersistentVolume {volume.pv} of claim {volume.namespace}/{volume.claim}", operation="give volumes",
                obj=backup_name(view),
                advice="Name an older backup with dr_backup, or make that PersistentVolume yourself.",
            )
        action = pvs.decide(volume.manifest, stands, lambda namespace, name: _claim_exists(run, namespace, name))
        if action.do == pvs.REFUSE:
            raise Refused(
                "pv_taken", action.why, system=run.destination.kube.system, operation="give volumes", obj=volume.pv,
                advice="Clear it away or rename it, and run failover again.",
            )
        if action.do != pvs.KEEP:
            todo.append((volume, action))
    asked = {volume.pv: f"{action.do}: {action.why}" for volume, action in todo}
    run.step("volumes", asked, lambda: (_apply(run, todo), bool(todo)))
    left_out = [volume.label for volume in found if not volume.meets_data]
    mark(run, state=str(Objects.RESTORING), prepared=None, volumes=[volume.pv for volume in found if volume.meets_data], left_out=left_out)
    return {"volumes": asked, "left_out": left_out}


def _claim_exists(run: Run, namespace: str, name: str) -> bool:
    return run.destination.kube.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}") is not None


def _apply(run: Run, todo: Iterable[tuple[pvs.ClaimVolume, pvs.PvAction]]) -> dict[str, str]:
    kube, given = run.destination.kube, list(todo)
    run.renew(run.destination)

    def give(volume: pvs.ClaimVolume, action: pvs.PvAction) -> str:
        if action.do == pvs.CREATE and volume.manifest is not None:
            return volumes.phase_of(volumes.precreate(kube, volume.manifest, absent=True)[0] or {})
        return volumes.phase_of(volumes.patch_pv(kube, volume.pv, action.patch or {})[0])

    return dict(zip((volume.pv for volume, _action in given), run.env.together([partial(give, *pair) for pair in given]), strict=True))


def restore(run: Run, view: View) -> dict[str, Any]:
    """Cluster-scoped objects first, made from the backup's manifests; then the namespaces, by a Restore. The location is read-only meanwhile.

    Raises:
        KubedrError: the restore ended otherwise than well; the record says so, and a rerun makes a new one under a new name.
    """
    result, _held = restore_only(run, view)
    end_restore(run)
    return result


def restore_only(run: Run, view: View) -> tuple[dict[str, Any], BackupContents | None]:
    """Both steps under one hold, which stands when this returns; and the backup, where it could be read."""
    ready, held = prepared(run, view.record), None
    if ready is None:  # otherwise this run took the hold before
        locations.hold_read_only(run.destination.kube, run.destination.ark, run.config.name, run.config.timeouts["hold"])
    try:
        if ready is None:
            held = contents(run, backup_name(view))
            ready = _first_step(run, view, held)
        spec = dict(ready["restore_spec"])
        ended, read = run.env.together([
            lambda: run.step("restore_namespaces", list(run.config.namespaces), lambda: _restore_namespaces(run, view, spec)),
            lambda: held or _read_meanwhile(run, view),
        ])
    except KubedrError:
        give_hold_back(run)
        raise
    return {"restore": ended, "missing": ready["missing"], "denied": ready["denied"]}, read


def _read_meanwhile(run: Run, view: View) -> BackupContents | None:
    """The backup and the kinds that it holds, for the comparison. Where that fails now, it is tried again then, and fails then."""
    with suppress(KubedrError):
        held = contents(run, backup_name(view))
        run.destination.kube.resources({"", *(kind.partition(".")[2] for kind in held.kinds())})
        return held
    return None


def end_restore(run: Run) -> None:
    """The hold given back, then the end recorded: a run that dies in between finds a restore that is not done, and gives it back again."""
    locations.release_hold(run.destination.kube, run.destination.ark, run.config.name)
    mark(run, state=str(Objects.RESTORED))


def _first_step(run: Run, view: View, held: BackupContents) -> dict[str, Any]:
    """Cluster-scoped objects, and what a Restore cannot bring. How the Restore is to be asked goes into the record."""
    ark = run.destination.ark
    found, plan = scope_of(run, view, held)
    run.step("restore_cluster_objects", [str(needed) for needed in plan.objects], lambda: _cluster_objects(run, held, plan))
    spec = dict(plan.restore_spec)
    if not ark.dialect.scoped_restore:
        spec["includeClusterResources"] = False
        run.step("volumes_elsewhere", "what does not lie on the SVM, as Ark restores it", lambda: claims.elsewhere(run, held, found))
    if (view.record.get("objects") or {}).get("left_out"):
        spec = claims.without_claims(run, held, found, spec)
    elif run.config.label_selector:
        run.step("claims_by_name", "claims that the selector does not name, and selected objects mount", lambda: claims.unselected(run, held, found))
    ready = {
        "run_id": run.run_id, "restore_spec": spec, "missing": [text_of(key) for key in plan.missing],
        "denied": {text_of(key): why for key, why in plan.denied.items()},
    }
    mark(run, prepared=ready)
    return ready


def _cluster_objects(run: Run, held: BackupContents, plan: scope.Scope) -> tuple[dict[str, str], bool]:
    """Made where they are absent; what stands is left alone, as Ark leaves it."""
    kube, seen = run.destination.kube, {}
    for name in plan.namespaces:
        seen[f"namespaces/{name}"] = "created" if ensure_namespace(kube, name)[1] else "there"
    todo = [(needed, stripped(manifest)) for needed in plan.objects if (manifest := held.get(*needed.key)) is not None]
    for rank in range(3):
        some = [(needed, manifest) for needed, manifest in todo if _rank(needed.key[0]) == rank]
        kube.resources({needed.key[0].partition(".")[2] for needed, _manifest in some})
        run.renew(run.destination)
        words = run.env.together([partial(claims.create_absent, run, needed.key[0], manifest) for needed, manifest in some])
        seen.update(zip((str(needed) for needed, _manifest in some), words, strict=True))
    return seen, any(word == "created" for word in seen.values())


def _rank(kind: str) -> int:
    """Definitions come before what they define, and roles before their bindings; objects of one rank do not need each other to be created."""
    return 0 if kind == CRDS else 2 if kind.endswith("bindings.rbac.authorization.k8s.io") else 1


def _restore_namespaces(run: Run, view: View, spec: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    attempt = last_attempt = int((view.record.get("restores") or {}).get("attempt") or 0)
    last = restores.read(run.destination.kube, run.destination.ark, _restore_name(run, view, attempt)) if attempt else None
    ended = last is not None and restores.phase_of(last) in run.destination.ark.dialect.restore_done
    if not attempt or (ended and last is not None and not restores.from_record(last, run.destination.ark.dialect).succeeded):
        attempt += 1
    for number in range(attempt, attempt + MOST_ATTEMPTS):
        result = _one_restore(run, view, number, spec, fresh=number > last_attempt)
        if not result.interrupted:
            break
        run.env.reporter.progress(f"restore {result.name} was ended by a restart of the server: a new one is made")
    if not result.succeeded:
        mark(run, state=str(Objects.FAILED))
        why = result.reason or "; ".join(str(message) for message in result.errors[:5]) or result.results_missing
        raise KubedrError(
            f"the restore ended {result.phase} with {result.error_count} errors: {why}",
            system=run.destination.kube.system, operation="restore", obj=result.name, seen=result.as_dict(),
            advice="Mend what it names and run failover again: it makes a new restore.",
        )
    return result.as_dict(), True


def _restore_prefix(run: Run) -> str:
    return f"kubedr-{run.config.name}-e"


def _restore_name(run: Run, view: View, attempt: int) -> str:
    return f"{_restore_prefix(run)}{view.record['epoch']}-{attempt}"


def _one_restore(run: Run, view: View, attempt: int, spec: dict[str, Any], *, fresh: bool) -> restores.RestoreResult:
    """The name is in the record before the Restore is made, so that a rerun finds its own. ``fresh``: no run used it before."""
    name = _restore_name(run, view, attempt)
    run.update(run.destination, lambda record: record.update(restores={"epoch": record["epoch"], "attempt": attempt, "namespaces": name}))

    def look(seen: dict[str, Any]) -> None:
        run.renew(run.destination)
        run.env.reporter.progress(f"restore {name}: {restores.progress_of(seen)}")

    precreated = (view.record.get("objects") or {}).get("volumes") or ()
    return restores.create_and_wait(
        run.destination.kube, run.destination.ark, spec, name, run.config.timeouts["restore"], look, run.env.fetch, precreated, fresh=fresh,
    )
