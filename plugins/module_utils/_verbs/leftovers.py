# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What a promotion leaves behind on the other Kubernetes cluster: cleared, so that the next restore there brings its own backup's objects and not last year's.

No volume is ever deleted: its PersistentVolume is Retain, and was seen to be, before its claim goes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .._clock import poll
from .._dr.labels import matches, parse_selector
from .._errors import KubedrError, Refused, WaitTimeout
from .._kube import volumes, workloads
from .._kube.client import KubeClient
from .connect import Side
from .walk import Run

CLEARING = "clearing"
"""In the record: which PersistentVolumes are to go. Once their claims are gone, nothing on the cluster tells a run that comes after a killed one."""


def clear_leftovers(run: Run, side: Side) -> None:
    """The group's namespaces and PersistentVolumes gone from one cluster, every volume kept.

    Raises:
        Refused: something still runs there, or a PersistentVolume did not become Retain.
    """
    kube, namespaces = side.kube, run.config.namespaces
    there = [name for name in namespaces if kube.get(f"/api/v1/namespaces/{name}") is not None]
    begun = _begun(run, side)
    bound = {str(pv["metadata"]["name"]) for pv in volumes.group_pvs(kube, namespaces)}
    names = sorted(bound | {name for name in (begun or ()) if volumes.read_pv(kube, name) is not None})
    if not there and not names and begun is None:
        return
    if run.env.check_mode:
        run.would("clear", {"namespaces": there, "volumes": names})
        return
    running = [f"{pod.namespace}/{pod.name}" for pod in workloads.pods(kube, there) if not pod.finished]
    if running:
        raise Refused(
            "still_running", f"pods still run: {', '.join(running[:5])}", system=kube.system, operation="clear leftovers", obj=run.config.name, seen=running,
            advice="Run fence.",
        )
    others = _of_others(run, side, there)
    if others:
        raise Refused(
            "others_there", f"workloads that dr_label_selector does not name stand in the group's namespaces: {', '.join(others[:5])}", system=kube.system,
            operation="clear leftovers",
            obj=run.config.name, seen=others,
            advice="With the namespaces they would go as well, and stand nowhere else. Move them, delete them, or let the selector name them.",
        )
    for holding in (run.destination, run.source):
        run.take_lease(holding)
    run.step("retain", names, lambda: _retain(side, names))
    if names:
        run.update(run.destination, lambda record: record.update({CLEARING: {"site": side.config.name, "volumes": names}}))
    run.step("clear", {"namespaces": there, "volumes": names}, lambda: (_clear(run, side, there, names), True))
    if names or begun is not None:
        run.update(run.destination, lambda record: record.pop(CLEARING, None) and None)


def _begun(run: Run, side: Side) -> list[str] | None:
    """What an earlier run was about to delete there; None where none was at it."""
    found = (run.destination.records(run.config).read()[0] or {}).get(CLEARING) or {}
    return [str(name) for name in found.get("volumes") or ()] if found.get("site") == side.config.name else None


def _of_others(run: Run, side: Side, namespaces: list[str]) -> list[str]:
    """What a group with a selector does not hold, and the deletion of its namespaces would take along."""
    selector = parse_selector(run.config.label_selector)
    if not selector:
        return []
    return [
        f"{resource}/{namespace}/{item['metadata']['name']}"
        for namespace in namespaces
        for resource in (*workloads.REPLICATED, *workloads.SUSPENDED)
        for item in workloads.listed(side.kube, workloads.WorkloadRef(resource, namespace, "").path.rstrip("/"))
        if not workloads.controlled(item) and not matches(selector, item["metadata"].get("labels") or {})
    ]


def _retain(side: Side, names: list[str]) -> tuple[dict[str, str], bool]:
    found = side.env.together([partial(volumes.retain, side.kube, name) for name in names])
    changed, seen = any(did for _live, did in found), {name: volumes.policy_of(live) for name, (live, _did) in zip(names, found, strict=True)}
    wrong = [name for name, policy in seen.items() if policy != "Retain"]
    if wrong:
        raise Refused(
            "not_retain", f"PersistentVolumes did not become Retain: {', '.join(wrong)}", system=side.kube.system, operation="clear leftovers", obj=wrong[0],
            advice="Nothing was deleted.",
        )
    return seen, changed


def _held(kube: KubeClient, namespaces: list[str]) -> list[str]:
    """What still stands in namespaces that are being deleted, with the finalizers that nobody took away yet."""
    kinds = [kind for kind in kube.resources() if kind.namespaced and {"list", "delete"} <= set(kind.verbs)]
    return [
        f"{kind.group_resource}/{namespace}/{item['metadata']['name']} ({', '.join(item['metadata']['finalizers'])})"
        for kind in kinds for namespace in namespaces for item in workloads.listed(kube, kind.path(namespace)) if item["metadata"].get("finalizers")
    ]


def _clear(run: Run, side: Side, namespaces: list[str], names: list[str]) -> dict[str, Any]:
    kube = side.kube
    for namespace in namespaces:
        kube.delete(f"/api/v1/namespaces/{namespace}")

    def left() -> list[str]:
        return [name for name in namespaces if kube.get(f"/api/v1/namespaces/{name}") is not None]

    def look(seen: list[str]) -> None:
        run.renew(run.destination)
        run.renew(run.source)
        run.env.reporter.progress(f"clear: namespaces {', '.join(seen)} are being deleted" if seen else "clear: namespaces are gone")

    try:
        poll(
            kube.clock, left, lambda seen: not seen, timeout=run.config.timeouts["scale"], what="wait until the namespaces are gone", system=kube.system,
            on_look=look,
        )
    except WaitTimeout as error:
        held = _held(kube, left())
        if not held:
            raise
        raise WaitTimeout(
            f"{error.message}; finalizers hold {', '.join(held[:5])}", system=kube.system, operation=error.operation, obj=run.config.name, seen=held,
            advice="Let the controller of each do its work, or take the finalizer away, and run again.",
        ) from error
    side.env.together([partial(_delete, kube, name) for name in names])
    poll(
        kube.clock, lambda: [name for name in names if volumes.read_pv(kube, name) is not None], lambda seen: not seen, timeout=run.config.timeouts["scale"],
        what="wait until the PersistentVolumes are gone", system=kube.system,
    )
    return {"namespaces": namespaces, "volumes": names}


def _delete(kube: KubeClient, name: str) -> None:
    """One PersistentVolume, Retain and seen to be: its data stays."""
    live = volumes.read_pv(kube, name)
    if live is None:
        return
    if volumes.policy_of(live) != "Retain":
        raise KubedrError(
            f"PersistentVolume {name} is no longer Retain", system=kube.system, operation="clear leftovers", obj=name,
            advice="It was left alone. Run it again.",
        )
    kube.delete(f"{volumes.PVS}/{name}")
