# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The end of a failover's Kubernetes half: replicas back, pods ready, everything compared with the backup, every claim seen on its volume."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._dr import choice
from .._dr.compare import Context
from .._dr.failover import View
from .._dr.statement import instant
from .._dr.words import Objects
from .._errors import KubedrError, WaitTimeout
from .._kube import volumes, workloads
from .._kube.contents import BackupContents
from . import dr_verify_core, fence, objects
from .look import look_storage
from .walk import Run


def restore_and_verify(run: Run, view: View) -> dict[str, Any]:
    """The same, and the verification right behind it: what that needs of the backup is read while the server restores.

    Raises:
        KubedrError: as ``restore`` and ``verify``.
    """
    result, held = objects.restore_only(run, view)
    current = replace(view, objects=replace(view.objects, record=run.last_record(run.destination)))
    _ended, found = run.env.together([lambda: objects.end_restore(run), lambda: check(run, current, held)])
    return {**result, **_conclude(run, current, found), "verified": True}


def wanted_replicas(run: Run, view: View, held: BackupContents) -> dict[str, int]:
    """What was scaled down for this promotion, by the record; where that is silent, what fence noted on the objects that the backup holds at zero."""
    replicas = view.record.get("replicas") or {}
    counts = replicas.get("counts") or {} if replicas.get("epoch") in (view.record.get("epoch"), int(view.record.get("epoch") or 0) - 1) else {}
    return {**choice.noted_replicas(held, run.config.namespaces, workloads.REPLICAS_NOTE), **{str(name): int(count) for name, count in counts.items()}}


def put_replicas(run: Run, view: View, held: BackupContents) -> None:
    """Replicas of the record, where fence counted them; what the backup brought otherwise."""
    counts, kube = wanted_replicas(run, view, held), run.destination.kube
    there = {str(found.ref): found.replicas for found in workloads.scalable(kube, run.config.namespaces)} if counts else {}
    wanted = {name: count for name, count in counts.items() if name in there and there[name] != count}
    if wanted:
        run.step(
            "replicas", wanted,
            lambda: (fence.scale_all(run, run.destination, wanted), True),
        )


def verification(run: Run, view: View, backup: str, held: BackupContents | None = None) -> dr_verify_core.Verification:
    """Compare with the backup once, against the SVM as it is now."""
    held = held or objects.contents(run, backup)
    found, plan = objects.scope_of(run, view, held)
    return dr_verify_core.verify(
        run.destination.kube, held, run.config.namespaces, volumes=found, also=[needed.key for needed in plan.objects],
        context=context(wanted_replicas(run, view, held)),
        writable=[volume.name for volume in view.storage.volumes if volume.type == "rw" and volume.state == "online"], label_selector=run.config.label_selector,
        left_out=[f"{volume.namespace}/{volume.claim}" for volume in found if not volume.meets_data],
        between=run.renew_all,
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
    return _conclude(run, view, check(run, view, None))


def check(run: Run, view: View, held: BackupContents | None) -> dict[str, Any]:
    """Replicas back, pods ready, the comparison; its result, good or not."""
    kube, held = run.destination.kube, held or objects.contents(run, objects.backup_name(view))
    put_replicas(run, view, held)

    def look(missing: list[str]) -> None:
        run.renew(run.destination)
        run.env.reporter.progress(f"verify: {len(missing)} not ready, such as {missing[0]}" if missing else "verify: all ready")

    def wait() -> None:
        with suppress(WaitTimeout):  # the comparison below names what is not ready, beside everything else that is wrong
            workloads.wait_ready(kube, run.config.namespaces, run.config.timeouts["ready"], look)

    # The storage as it is now: since it was looked at last, the whole restore may have passed.
    _waited, storage = run.env.together([wait, lambda: look_storage(run.destination, run.config.destination_svm, brief=True)])
    view = replace(view, storage=storage)
    found: dict[str, Any] = run.step(
        "verify", {"backup": objects.backup_name(view)}, lambda: (verification(run, view, objects.backup_name(view), held).as_dict(), False),
    )
    return found


def _conclude(run: Run, view: View, result: dict[str, Any]) -> dict[str, Any]:
    """What the comparison found goes into the record; raises where it is not good."""
    kube = run.destination.kube
    left_out = (view.record.get("objects") or {}).get("left_out") or ()
    if not result["verified"] or left_out:
        objects.mark(run, state=str(Objects.RESTORED))
        wrong = dr_verify_core.problems(result, left_out)
        raise KubedrError(
            f"not as the backup holds it: {wrong}", system=kube.system, operation="verify", obj=objects.backup_name(view), seen=result,
            advice="Everything else serves. Mend what is named and run failover again: it verifies anew.",
        )

    def change(record: dict[str, Any]) -> None:
        record["objects"] = {**(record.get("objects") or {}), "state": str(Objects.VERIFIED)}
        record["verified"] = {"epoch": record["epoch"], "backup": record["backup"]["name"], "restores": record.get("restores"), "at": instant(kube.server_time)}

    run.step("verified", "record that it is verified", lambda: (run.update(run.destination, change)["verified"], True))
    return {"verification": result}


def check_whole_again(run: Run) -> None:
    """After something was started anew: pods get their time to become ready, then as below."""
    with suppress(WaitTimeout):
        workloads.wait_ready(run.destination.kube, run.config.namespaces, run.config.timeouts["ready"], lambda missing: run.renew_all())
    check_still_whole(run)


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
