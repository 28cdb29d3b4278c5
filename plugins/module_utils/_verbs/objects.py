# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The Kubernetes half of a failover: choose the backup, give every PersistentVolume its volume, restore, verify. On the destination cluster only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from .._dr import choice, pvs, scope, young
from .._dr.compare import Context
from .._dr.failover import View
from .._dr.manifests import CRDS, stripped, text_of
from .._dr.statement import instant, parse_instant
from .._dr.words import Objects
from .._errors import KubedrError, Refused, WaitTimeout
from .._kube import backups, locations, restores, volumes, workloads
from .._kube.contents import BackupContents
from .._kube.objects import ensure_namespace
from . import claims, dr_verify_core
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


def choose(run: Run, view: View) -> dict[str, Any]:
    """The newest usable backup, or the one that the operator named.

    Raises:
        Refused: none can be used; nothing was broken yet.
    """
    replicas = view.record.get("replicas") or {}
    scaled = parse_instant(replicas.get("at")) if replicas.get("epoch") == view.record.get("epoch") else None
    client, ark = run.destination.kube, run.destination.ark
    found = backups.list_backups(client, ark)
    now = client.server_time
    if now is None:
        raise Refused(
            "clock_unknown", "the cluster told no time, so no backup's expiry can be judged", system=client.system, operation="choose backup",
            obj=run.config.name,
        )
    rules = choice.Rules(
        namespaces=run.config.namespaces, schedule=schedule_of(run, view), now=now, svm=svm_view(run, view), scaled_down_at=scaled,
        named=str(run.options.get("backup") or ""),
        own=frozenset(filter(None, [str((view.record.get(part) or {}).get(key) or "") for part, key in (("planned", "backup"), ("backup", "name"))])),
        since=promoted_at(run, view), note=workloads.REPLICAS_NOTE, label_selector=run.config.label_selector,
    )
    picked = choice.choose(found, lambda name: contents(run, name), rules)
    for name, why in picked.skipped[:5]:
        run.env.reporter.progress(f"backup {name} is passed over: {why}")
    return picked.as_dict()


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


def _backup_name(view: View) -> str:
    return str((view.record.get("backup") or {})["name"])


def mark(run: Run, **facts: Any) -> None:
    """Set facts of the objects' progress in the record."""

    def change(record: dict[str, Any]) -> None:
        record["objects"] = {**(record.get("objects") or {}), "epoch": record["epoch"], "side": run.config.role, **facts}

    run.update(run.destination, change)


def give_volumes(run: Run, view: View) -> dict[str, Any]:
    """Every PersistentVolume of the group that lies on the SVM stands before its claim is restored: Retain, and kept for that claim by name.

    Ark would make a volume with policy Delete anew and empty; a volume that stands there already, kept for the claim, wins over that.

    Raises:
        Refused: one of that name stands there and leads elsewhere, or belongs to another claim; or its manifest is missing.
    """
    held = contents(run, _backup_name(view))
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
                obj=_backup_name(view),
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
    mark(run, state=str(Objects.RESTORING), volumes=[volume.pv for volume in found if volume.meets_data], left_out=left_out)
    return {"volumes": asked, "left_out": left_out}


def _claim_exists(run: Run, namespace: str, name: str) -> bool:
    return run.destination.kube.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}") is not None


def _apply(run: Run, todo: Iterable[tuple[pvs.ClaimVolume, pvs.PvAction]]) -> dict[str, str]:
    kube, given = run.destination.kube, list(todo)
    run.renew(run.destination)

    def give(volume: pvs.ClaimVolume, action: pvs.PvAction) -> str:
        if action.do == pvs.CREATE and volume.manifest is not None:
            return volumes.phase_of(volumes.precreate(kube, volume.manifest)[0] or {})
        return volumes.phase_of(volumes.patch_pv(kube, volume.pv, action.patch or {})[0])

    return dict(zip((volume.pv for volume, _action in given), run.env.together([partial(give, *pair) for pair in given]), strict=True))


def restore(run: Run, view: View) -> dict[str, Any]:
    """Cluster-scoped objects first, made from the backup's manifests; then the namespaces, by a Restore. The location is read-only meanwhile.

    Raises:
        KubedrError: the restore ended otherwise than well; the record says so, and a rerun makes a new one under a new name.
    """
    kube, ark = run.destination.kube, run.destination.ark
    held = contents(run, _backup_name(view))
    found = pvs.group_volumes(held, run.config.namespaces, svm_view(run, view), run.config.label_selector)
    plan = scope.plan(
        held, _backup_name(view), run.config.namespaces, ark_namespace=ark.namespace, volumes=found, cluster_objects=run.config.cluster_objects,
        label_selector=run.config.label_selector,
    )
    locations.hold_read_only(kube, ark, run.config.name, run.config.timeouts["hold"])
    try:
        step1, result = _both_steps(run, view, held, found, plan)
    except KubedrError:
        if not restores.unfinished(kube, ark, _restore_prefix(run)):  # where one does, the hold stays, and the run that finds it ended gives it back
            with suppress(KubedrError):
                locations.release_hold(kube, ark, run.config.name)
        raise
    locations.release_hold(kube, ark, run.config.name)
    mark(run, state=str(Objects.RESTORED))
    return {
        "cluster_objects": step1, "restore": result, "missing": [text_of(key) for key in plan.missing],
        "denied": {text_of(k): why for k, why in plan.denied.items()},
    }


def _both_steps(run: Run, view: View, held: BackupContents, found: list[pvs.ClaimVolume], plan: scope.Scope) -> tuple[Any, Any]:
    ark = run.destination.ark
    step1 = run.step("restore_cluster_objects", [str(needed) for needed in plan.objects], lambda: _cluster_objects(run, held, plan))
    spec = dict(plan.restore_spec)
    if not ark.dialect.scoped_restore:
        spec["includeClusterResources"] = False
        run.step("volumes_elsewhere", "what does not lie on the SVM, as Ark restores it", lambda: claims.elsewhere(run, held, found))
    if (view.record.get("objects") or {}).get("left_out"):
        spec = claims.without_claims(run, held, found, spec)
    elif run.config.label_selector:
        run.step("claims_by_name", "claims that the selector does not name, and selected objects mount", lambda: claims.unselected(run, held, found))
    return step1, run.step("restore_namespaces", list(run.config.namespaces), lambda: _restore_namespaces(run, view, spec))


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
    attempt = int((view.record.get("restores") or {}).get("attempt") or 0)
    last = restores.read(run.destination.kube, run.destination.ark, _restore_name(run, view, attempt)) if attempt else None
    ended = last is not None and restores.phase_of(last) in run.destination.ark.dialect.restore_done
    if not attempt or (ended and last is not None and not restores.from_record(last, run.destination.ark.dialect).succeeded):
        attempt += 1
    for number in range(attempt, attempt + MOST_ATTEMPTS):
        result = _one_restore(run, view, number, spec)
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


def _one_restore(run: Run, view: View, attempt: int, spec: dict[str, Any]) -> restores.RestoreResult:
    """The name is in the record before the Restore is made, so that a rerun finds its own."""
    name = _restore_name(run, view, attempt)
    run.update(run.destination, lambda record: record.update(restores={"epoch": record["epoch"], "attempt": attempt, "namespaces": name}))

    def look(seen: dict[str, Any]) -> None:
        run.renew(run.destination)
        run.env.reporter.progress(f"restore {name}: {restores.progress_of(seen)}")

    precreated = (view.record.get("objects") or {}).get("volumes") or ()
    return restores.create_and_wait(run.destination.kube, run.destination.ark, spec, name, run.config.timeouts["restore"], look, run.env.fetch, precreated)


def wanted_replicas(run: Run, view: View, held: BackupContents) -> dict[str, int]:
    """What was scaled down for this promotion, by the record; where that is silent, what fence noted on the objects that the backup holds at zero."""
    replicas = view.record.get("replicas") or {}
    counts = replicas.get("counts") or {} if replicas.get("epoch") in (view.record.get("epoch"), int(view.record.get("epoch") or 0) - 1) else {}
    return {**choice.noted_replicas(held, run.config.namespaces, workloads.REPLICAS_NOTE), **{str(name): int(count) for name, count in counts.items()}}


def put_replicas(run: Run, view: View) -> None:
    """Replicas of the record, where fence counted them; what the backup brought otherwise."""
    counts, kube = wanted_replicas(run, view, contents(run, _backup_name(view))), run.destination.kube
    there = {str(found.ref): found.replicas for found in workloads.scalable(kube, run.config.namespaces)} if counts else {}
    wanted = {name: count for name, count in counts.items() if name in there and there[name] != count}
    if wanted:
        run.step(
            "replicas", wanted,
            lambda: ({name: workloads.scale(kube, workloads.WorkloadRef.parse(name), count, note=True)[0].replicas for name, count in wanted.items()}, True),
        )


def verification(run: Run, view: View, backup: str) -> dr_verify_core.Verification:
    """Compare with the backup once, against the SVM as it is now."""
    kube, ark = run.destination.kube, run.destination.ark
    held = contents(run, backup)
    found = pvs.group_volumes(held, run.config.namespaces, svm_view(run, view), run.config.label_selector)
    plan = scope.plan(
        held, backup, run.config.namespaces, ark_namespace=ark.namespace, volumes=found, cluster_objects=run.config.cluster_objects,
        label_selector=run.config.label_selector,
    )
    return dr_verify_core.verify(
        kube, held, run.config.namespaces, volumes=found, also=[needed.key for needed in plan.objects], context=context(wanted_replicas(run, view, held)),
        writable=[volume.name for volume in view.storage.volumes if volume.type == "rw" and volume.state == "online"], label_selector=run.config.label_selector,
        left_out=[f"{volume.namespace}/{volume.claim}" for volume in found if not volume.meets_data],
    )


def context(counts: Mapping[str, int]) -> Context:
    """What was changed on purpose: replicas."""
    refs = {workloads.WorkloadRef.parse(name): count for name, count in counts.items()}
    return Context(replicas={(ref.resource, ref.namespace, ref.name): count for ref, count in refs.items()})


def verify(run: Run, view: View) -> dict[str, Any]:
    """Replicas back, pods ready, then the comparison; only what was seen good is recorded as verified.

    Raises:
        KubedrError: something differs that nothing explains, is missing, not ready, or not on its data; or claims were left out.
    """
    put_replicas(run, view)
    kube = run.destination.kube

    def look(missing: list[str]) -> None:
        run.renew(run.destination)
        run.env.reporter.progress(f"verify: {len(missing)} not ready, such as {missing[0]}" if missing else "verify: all ready")

    with suppress(WaitTimeout):  # the comparison below names what is not ready, beside everything else that is wrong
        workloads.wait_ready(kube, run.config.namespaces, run.config.timeouts["ready"], look)
    result = run.step("verify", {"backup": _backup_name(view)}, lambda: (verification(run, view, _backup_name(view)).as_dict(), False))
    left_out = (view.record.get("objects") or {}).get("left_out") or ()
    if not result["verified"] or left_out:
        mark(run, state=str(Objects.RESTORED))
        wrong = dr_verify_core.problems(result, left_out)
        raise KubedrError(
            f"not as the backup holds it: {wrong}", system=kube.system, operation="verify", obj=_backup_name(view), seen=result,
            advice="Everything else serves. Mend what is named and run failover again: it verifies anew.",
        )

    def change(record: dict[str, Any]) -> None:
        record["objects"] = {**(record.get("objects") or {}), "state": str(Objects.VERIFIED)}
        record["verified"] = {"epoch": record["epoch"], "backup": record["backup"]["name"], "restores": record.get("restores"), "at": instant(kube.server_time)}

    run.step("verified", "record that it is verified", lambda: (run.update(run.destination, change)["verified"], True))
    return {"verification": result}


def check_still_whole(run: Run) -> None:
    """A verified failover seen again: pods ready, and claim, PV and volume still together. Later edits of objects are no failure.

    Raises:
        KubedrError: naming what came apart.
    """
    kube = run.destination.kube
    missing = workloads.not_ready(kube, run.config.namespaces)
    loose = [
        f"claim {claim['metadata']['namespace']}/{claim['metadata']['name']} is {(claim.get('status') or {}).get('phase') or 'Pending'}"
        for claim in volumes.claims(kube, run.config.namespaces)
        if (claim.get("status") or {}).get("phase") != "Bound"
    ]
    if missing or loose:
        raise KubedrError(
            f"failed over and verified before, but now: {'; '.join([*missing, *loose][:8])}", system=kube.system, operation="failover", obj=run.config.name,
            seen=[*missing, *loose],
            advice="The data serves. Look at these pods and claims.",
        )
