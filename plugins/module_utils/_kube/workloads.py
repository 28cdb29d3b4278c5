# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What runs in namespaces: counted, scaled, and waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .._clock import poll
from .._errors import ApiError, NotFound
from .client import KubeClient, act


@dataclass(frozen=True, order=True)
class WorkloadRef:
    """``resource`` is ``plural.group``, as in ``deployments.apps``."""

    resource: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """In the API."""
        plural, _dot, group = self.resource.partition(".")
        base = f"/apis/{group}/v1" if group else "/api/v1"
        return f"{base}/namespaces/{self.namespace}/{plural}/{self.name}"

    def __str__(self) -> str:
        return f"{self.resource}/{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> WorkloadRef:
        """From its text form, which is what the record keeps."""
        resource, namespace, name = text.split("/")
        return cls(resource, namespace, name)


@dataclass(frozen=True)
class Workload:
    """``replicas`` is what it asks for, ``ready`` what it has. A CronJob or Job counts as 1, or as 0 when it is suspended."""

    ref: WorkloadRef
    replicas: int
    ready: int
    settled: bool = True
    """Its controller has seen the newest spec."""


@dataclass(frozen=True)
class Pod:
    """``owner`` is ``Kind/name`` of its controller; ``claims`` the names of the claims that it mounts; ``why`` says what a pod that is not ready waits for."""

    namespace: str
    name: str
    phase: str
    ready: bool
    owner: str
    claims: tuple[str, ...]
    why: str = ""
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Pod:
        """From the API's JSON."""
        metadata, status = record["metadata"], record.get("status") or {}
        conditions = {str(entry.get("type")): entry for entry in status.get("conditions") or ()}
        owner = next((f"{ref['kind']}/{ref['name']}" for ref in metadata.get("ownerReferences") or () if ref.get("controller")), "")
        volumes = (record.get("spec") or {}).get("volumes") or ()
        ready = (conditions.get("Ready") or {}).get("status") == "True" and not metadata.get("deletionTimestamp")
        return cls(
            namespace=str(metadata.get("namespace", "")), name=str(metadata["name"]), phase=str(status.get("phase") or "Pending"), ready=ready, owner=owner,
            claims=tuple(str(volume["persistentVolumeClaim"]["claimName"]) for volume in volumes if volume.get("persistentVolumeClaim")),
            why="" if ready else _waiting_for(status, conditions), raw=record,
        )

    @property
    def finished(self) -> bool:
        """It ran to its end and holds no volume any more."""
        return self.phase in ("Succeeded", "Failed")


REPLICAS_NOTE = "kubedr.ontap/replicas"
REPLICATED = ("deployments.apps", "statefulsets.apps", "replicasets.apps", "replicationcontrollers")
SUSPENDED = ("cronjobs.batch", "jobs.batch")
READY_GROWTH = 1.1
"""Pods are seen ready a tenth of the wait late at most: everything else stands behind it."""


def scalable(client: KubeClient, namespaces: Iterable[str]) -> list[Workload]:
    """Everything that makes pods and can be told not to, except what another of them controls. DaemonSets and bare pods can not be told."""
    return sorted(_scalable(client, list(namespaces)), key=lambda workload: workload.ref)


def _scalable(client: KubeClient, namespaces: list[str]) -> Iterator[Workload]:
    places = [WorkloadRef(resource, namespace, "") for resource in (*REPLICATED, *SUSPENDED) for namespace in namespaces]
    for place, items in zip(places, client.together([partial(listed, client, place.path.rstrip("/")) for place in places]), strict=True):
        for item in items:
            if controlled(item) or _finished_job(place.resource, item):
                continue
            yield workload_of(WorkloadRef(place.resource, place.namespace, str(item["metadata"]["name"])), item)


def controlled(item: dict[str, Any]) -> bool:
    """Another object decides about this one."""
    return any(ref.get("controller") for ref in item["metadata"].get("ownerReferences") or ())


def listed(client: KubeClient, collection: str) -> list[dict[str, Any]]:
    """An older cluster serves some kinds at another version only: what it does not serve at ``v1`` is not looked for."""
    with contextlib.suppress(NotFound):
        return list(client.items(collection))
    return []


def workload_of(ref: WorkloadRef, item: dict[str, Any]) -> Workload:
    """From the API's JSON."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    if ref.resource in SUSPENDED:
        running = int(status.get("ready") or 0) if ref.resource == "jobs.batch" else len(status.get("active") or ())
        return Workload(ref, 0 if spec.get("suspend") else 1, running)
    replicas = spec.get("replicas")
    settled = int(status.get("observedGeneration") or 0) >= int(item["metadata"].get("generation") or 0)
    return Workload(ref, 1 if replicas is None else int(replicas), int(status.get("readyReplicas") or 0), settled)


def _finished_job(resource: str, item: dict[str, Any]) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return resource == "jobs.batch" and any(entry.get("type") in ("Complete", "Failed") and entry.get("status") == "True" for entry in conditions)


def scale(client: KubeClient, ref: WorkloadRef, replicas: int, *, note: bool = False, check_mode: bool = False) -> tuple[Workload, bool]:
    """The workload asks for so many replicas. A CronJob or Job is suspended at 0 and goes on otherwise. Does not wait for pods.

    Args:
        note: at 0, how many it asked for is noted in an annotation of its own, for people; otherwise that note is taken away.

    Raises:
        ApiError: it does not exist.
    """

    def look() -> Workload:
        seen = client.get(ref.path)
        if seen is None:
            raise ApiError("it does not exist", system=client.system, operation="scale", obj=str(ref), status=404)
        return workload_of(ref, seen)

    suspends = ref.resource in SUSPENDED
    wanted = min(replicas, 1) if suspends else replicas
    spec = {"suspend": replicas == 0} if suspends else {"replicas": replicas}

    def send(seen: Workload) -> object:
        noted = {"metadata": {"annotations": {REPLICAS_NOTE: str(seen.replicas) if replicas == 0 else None}}} if note else {}
        return client.merge(ref.path, {"spec": spec, **noted})

    return act(client, look, lambda seen: seen.replicas == wanted, send, what=f"scale {ref}", check_mode=check_mode)


def pods(client: KubeClient, namespaces: Iterable[str]) -> list[Pod]:
    """Every pod of these namespaces."""
    found = client.together([partial(listed, client, f"/api/v1/namespaces/{namespace}/pods") for namespace in namespaces])
    return [Pod.from_record(item) for items in found for item in items]


def not_ready(client: KubeClient, namespaces: Iterable[str]) -> list[str]:
    """What is still missing, one line each: workloads with fewer ready pods than asked for, and pods that are not ready."""
    names = list(namespaces)
    makers, running = client.together([lambda: scalable(client, names), lambda: pods(client, names)])
    short = [
        f"{workload.ref}: {workload.ready} of {workload.replicas} ready"
        for workload in makers
        if workload.ref.resource in REPLICATED and (workload.ready < workload.replicas or not workload.settled)
    ]
    waiting = [f"pod {pod.namespace}/{pod.name}: {pod.why}" for pod in running if not pod.ready and pod.phase != "Succeeded" and not _job_pod(pod)]
    return short + waiting


def _job_pod(pod: Pod) -> bool:
    return pod.owner.startswith("Job/")


def wait_ready(client: KubeClient, namespaces: Iterable[str], deadline: float, on_look: Callable[[list[str]], None] = lambda seen: None) -> None:
    """Until every workload has the ready pods that it asks for, and every pod is ready.

    Raises:
        WaitTimeout: with what was missing at the last look.
    """
    names = list(namespaces)
    poll(
        client.clock, lambda: not_ready(client, names), lambda missing: not missing, timeout=deadline, what="wait for pods", system=client.system,
        on_look=on_look, growth=READY_GROWTH,
    )


def wait_gone(client: KubeClient, namespaces: Iterable[str], deadline: float, on_look: Callable[[list[str]], None] = lambda seen: None) -> None:
    """Until no pod is left that could write: those that ran to their end do not count. What a StatefulSet at zero would keep for ever is deleted.

    Raises:
        WaitTimeout: with the pods that were left.
    """
    names = list(namespaces)

    def left() -> list[str]:
        found = [pod for pod in pods(client, names) if not pod.finished]
        _let_go(client, found)
        return [f"{pod.namespace}/{pod.name}" for pod in found]

    poll(client.clock, left, lambda found: not found, timeout=deadline, what="wait until no pod is left", system=client.system, on_look=on_look)


def _let_go(client: KubeClient, left: Iterable[Pod]) -> None:
    """With two pods that are not ready, such as after their storage was stopped, an ordered StatefulSet at zero takes away neither: the higher one waits for
    the lower one to become ready (kubernetes stateful_set_control.go, processCondemned)."""
    held: dict[tuple[str, str], list[Pod]] = {}
    for pod in left:
        kind, _slash, name = pod.owner.partition("/")
        if kind == "StatefulSet" and not pod.ready and not pod.raw["metadata"].get("deletionTimestamp"):
            held.setdefault((pod.namespace, name), []).append(pod)
    for (namespace, name), stuck in held.items():
        if len(stuck) > 1 and ((client.get(WorkloadRef("statefulsets.apps", namespace, name).path) or {}).get("spec") or {}).get("replicas") == 0:
            for pod in stuck:
                client.delete(f"/api/v1/namespaces/{namespace}/pods/{pod.name}")


def _waiting_for(status: dict[str, Any], conditions: dict[str, Any]) -> str:
    """The most telling reason that a pod gives for not being ready."""
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return ": ".join(part for part in (str(waiting["reason"]), str(waiting.get("message") or "")) if part)
    for kind in ("PodScheduled", "Ready"):
        entry = conditions.get(kind) or {}
        if entry.get("status") == "False" and (entry.get("message") or entry.get("reason")):
            return str(entry.get("message") or entry.get("reason"))
    return str(status.get("message") or status.get("phase") or "Pending")
