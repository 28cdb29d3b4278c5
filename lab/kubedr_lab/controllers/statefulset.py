# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""StatefulSets (light tier only: a real cluster has its own controller)."""

from __future__ import annotations

from collections.abc import Mapping

from ..copying import copied
from . import pods
from .api import CLAIMS, PODS, STATEFUL_SETS, Api, key, meta
from .deployment import wanted_replicas
from .ports import Obj

REVISION = "controller-revision-hash"


class StatefulSetController:
    """Ordered pods, each with its own claims. Claims that exist are used again, and outlive their pods."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def tick(self, now: float) -> float | None:
        """One pass. Has no timers of its own, so it returns None."""
        for workload in await self._api.list(STATEFUL_SETS):
            if not meta(workload).get("deletionTimestamp"):
                await self._api.attempt(self._sync(workload), None)
        return None

    async def _sync(self, workload: Obj) -> None:
        owned, orphans = pods.children(workload, await self._api.list_in(PODS, meta(workload)["namespace"]))
        orphans = [pod for pod in orphans if ordinal(workload, pod) is not None]
        reference = pods.owner_reference(STATEFUL_SETS, workload)
        for orphan in orphans:
            await self._api.merge(PODS, orphan, {"metadata": {"ownerReferences": [reference]}})
        by_ordinal = {number: pod for pod in owned + orphans if (number := ordinal(workload, pod)) is not None}
        wanted = wanted_replicas(workload)
        for number in removable(workload, by_ordinal, wanted):
            await self._api.delete(PODS, by_ordinal[number])
        await self._fill(workload, by_ordinal, wanted)
        await self._api.set_status(STATEFUL_SETS, workload, stateful_set_status(workload, list(by_ordinal.values())))

    async def _fill(self, workload: Obj, by_ordinal: dict[int, Obj], wanted: int) -> None:
        """Make the missing pods in order, replace ended ones, and roll those of an old template from the top."""
        ordered = is_ordered(workload)
        for number in range(wanted):
            pod = by_ordinal.get(number)
            if pod is None:
                await self._make(workload, number)
            elif not pods.is_active(pod) and not meta(pod).get("deletionTimestamp"):
                await self._api.delete(PODS, pod)
            if ordered and (pod is None or not pods.is_ready(pod)):
                return
        for number in range(wanted - 1, -1, -1):
            pod = by_ordinal.get(number)
            if pod and (meta(pod).get("labels") or {}).get(REVISION) != revision(workload):
                await self._api.delete(PODS, pod)
                return

    async def _make(self, workload: Obj, number: int) -> None:
        pod = new_pod(workload, number)
        known = {key(claim) for claim in await self._api.list_in(CLAIMS, meta(workload)["namespace"])}
        for template in workload["spec"].get("volumeClaimTemplates") or []:
            claim = new_claim(workload, template, meta(pod)["name"])
            if key(claim) not in known:
                await self._api.create(CLAIMS, claim)
        await self._api.create(PODS, pod)


def removable(workload: Obj, by_ordinal: Mapping[int, Obj], wanted: int) -> list[int]:
    """Those above the wanted number, from the top. An ordered set waits at one that is not ready while a lower one is not ready either, for ever."""
    unready = [number for number, pod in sorted(by_ordinal.items()) if not pods.is_ready(pod) and not meta(pod).get("deletionTimestamp")]
    found = []
    for number in sorted((number for number in by_ordinal if number >= wanted), reverse=True):
        if is_ordered(workload) and number in unready[1:]:
            break
        if not meta(by_ordinal[number]).get("deletionTimestamp"):
            found.append(number)
    return found


def is_ordered(workload: Obj) -> bool:
    """Whether each pod waits for those below it."""
    return bool(workload["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady")


def revision(workload: Obj) -> str:
    """Names the present pod template."""
    return f"{meta(workload)['name']}-{pods.digest(workload['spec']['template'])}"


def ordinal(workload: Obj, pod: Obj) -> int | None:
    """The pod's number in the set, None where its name is not one of the set's."""
    prefix, _dash, number = meta(pod)["name"].rpartition("-")
    return int(number) if prefix == meta(workload)["name"] and number.isdigit() else None


def new_claim(workload: Obj, template: Obj, pod_name: str) -> Obj:
    """The claim ``<template>-<pod>``."""
    wanted = template.get("metadata") or {}
    labels = {**(wanted.get("labels") or {}), **(workload["spec"]["selector"].get("matchLabels") or {})}
    metadata: Obj = {"namespace": meta(workload)["namespace"], "name": f"{wanted['name']}-{pod_name}", "labels": labels}
    if wanted.get("annotations"):
        metadata["annotations"] = dict(wanted["annotations"])
    return {"metadata": metadata, "spec": copied(template["spec"])}


def new_pod(workload: Obj, number: int) -> Obj:
    """The pod of that ordinal, with its claims as volumes."""
    name = f"{meta(workload)['name']}-{number}"
    labels = {REVISION: revision(workload), "statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(number)}
    pod = pods.from_template(workload["spec"]["template"], workload, pods.owner_reference(STATEFUL_SETS, workload), labels)
    pod["metadata"]["name"] = name
    pod["spec"].update(hostname=name, subdomain=workload["spec"].get("serviceName", ""))
    templates = [template["metadata"]["name"] for template in workload["spec"].get("volumeClaimTemplates") or []]
    others = [volume for volume in pod["spec"].get("volumes") or [] if volume["name"] not in templates]
    pod["spec"]["volumes"] = others + [{"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{name}"}} for claim in templates]
    return pod


def stateful_set_status(workload: Obj, members: list[Obj]) -> Obj:
    """The status that clients wait for: observedGeneration, revisions, counters."""
    present = revision(workload)
    alive = [pod for pod in members if pods.is_active(pod)]
    updated = [pod for pod in alive if (meta(pod).get("labels") or {}).get(REVISION) == present]
    ready = sum(1 for pod in alive if pods.is_ready(pod))
    rolled = len(updated) == len(alive)
    before = (workload.get("status") or {}).get("currentRevision")
    return {
        "observedGeneration": meta(workload).get("generation", 1), "replicas": len(alive), "updateRevision": present,
        "currentRevision": present if rolled or not before else before, "collisionCount": 0,
        **pods.counts(readyReplicas=ready, availableReplicas=ready, updatedReplicas=len(updated), currentReplicas=len(updated) if rolled else 0),
    }
