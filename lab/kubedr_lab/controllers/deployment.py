# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and their ReplicaSets (light tier only: a real cluster has its own controller)."""

from __future__ import annotations

from ..copying import copied
from . import pods
from .api import DEPLOYMENTS, PODS, REPLICA_SETS, Api, meta
from .ports import Obj

HASH = "pod-template-hash"


class DeploymentController:
    """Keeps one ReplicaSet per Deployment at the wanted size. A changed template replaces all pods at once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def tick(self, now: float) -> float | None:
        """One pass. Has no timers of its own, so it returns None."""
        deployments = [entry for entry in await self._api.list(DEPLOYMENTS) if not meta(entry).get("deletionTimestamp")]
        for deployment in deployments:
            await self._api.attempt(self._scale(deployment), None)
        for replica_set in await self._api.list(REPLICA_SETS):
            if not meta(replica_set).get("deletionTimestamp"):
                await self._api.attempt(self._sync_replica_set(replica_set), None)
        for deployment in deployments:
            await self._api.attempt(self._report(deployment, now), None)
        return None

    async def _scale(self, deployment: Obj) -> None:
        owned, orphans = pods.children(deployment, await self._api.list_in(REPLICA_SETS, meta(deployment)["namespace"]))
        for orphan in orphans:
            await self._api.merge(REPLICA_SETS, orphan, {"metadata": {"ownerReferences": [pods.owner_reference(DEPLOYMENTS, deployment)]}})
        sets = owned + orphans
        current = next((entry for entry in sets if same_template(entry, deployment)), None)
        if current is None:
            await self._api.create(REPLICA_SETS, new_replica_set(deployment))
        for entry in sets:
            wanted = wanted_replicas(deployment) if entry is current else 0
            if wanted_replicas(entry) != wanted:
                await self._api.merge(REPLICA_SETS, entry, {"spec": {"replicas": wanted}})

    async def _report(self, deployment: Obj, now: float) -> None:
        sets, _orphans = pods.children(deployment, await self._api.list_in(REPLICA_SETS, meta(deployment)["namespace"]))
        current = next((entry for entry in sets if same_template(entry, deployment)), None)
        await self._api.set_status(DEPLOYMENTS, deployment, deployment_status(deployment, sets, current, now))

    async def _sync_replica_set(self, replica_set: Obj) -> None:
        owned, orphans = pods.children(replica_set, await self._api.list_in(PODS, meta(replica_set)["namespace"]))
        reference = pods.owner_reference(REPLICA_SETS, replica_set)
        for orphan in orphans:
            await self._api.merge(PODS, orphan, {"metadata": {"ownerReferences": [reference]}})
        active = [pod for pod in owned + orphans if pods.is_active(pod)]
        missing = wanted_replicas(replica_set) - len(active)
        for _ in range(missing):
            pod = pods.from_template(replica_set["spec"]["template"], replica_set, reference, {})
            pod["metadata"]["generateName"] = f"{meta(replica_set)['name']}-"
            await self._api.create(PODS, pod)
        for pod in sorted(active, key=pods.is_ready)[:max(0, -missing)]:
            await self._api.delete(PODS, pod)
        ready = sum(1 for pod in active if pods.is_ready(pod))
        generation = meta(replica_set).get("generation", 1)
        counted = pods.counts(fullyLabeledReplicas=len(active), readyReplicas=ready, availableReplicas=ready)
        await self._api.set_status(REPLICA_SETS, replica_set, {"observedGeneration": generation, "replicas": len(active), **counted})


def wanted_replicas(workload: Obj) -> int:
    """``spec.replicas``, 1 where it is not given."""
    replicas = workload["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def same_template(replica_set: Obj, deployment: Obj) -> bool:
    """Whether the ReplicaSet's template is the Deployment's, apart from the hash label."""
    template = copied(replica_set["spec"]["template"])
    (template.get("metadata") or {}).get("labels", {}).pop(HASH, None)
    return bool(template == deployment["spec"]["template"])


def new_replica_set(deployment: Obj) -> Obj:
    """The ReplicaSet for the Deployment's present template."""
    spec = deployment["spec"]
    mark = {HASH: pods.digest(spec["template"])}
    template, selector = copied(spec["template"]), copied(spec["selector"])
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **mark}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **mark}
    metadata = {
        "namespace": meta(deployment)["namespace"], "name": f"{meta(deployment)['name']}-{mark[HASH]}", "labels": labels,
        "ownerReferences": [pods.owner_reference(DEPLOYMENTS, deployment)],
    }
    return {"metadata": metadata, "spec": {"replicas": wanted_replicas(deployment), "selector": selector, "template": template}}


def deployment_status(deployment: Obj, sets: list[Obj], current: Obj | None, now: float) -> Obj:
    """The status that clients wait for: observedGeneration, the counters, the conditions Available and Progressing."""
    wanted = wanted_replicas(deployment)
    seen = [(entry.get("status") or {}) for entry in sets]
    total, ready = sum(entry.get("replicas", 0) for entry in seen), sum(entry.get("readyReplicas") or 0 for entry in seen)
    updated = (current or {}).get("status", {}).get("replicas", 0)
    available, done = ready >= wanted, ready == total == updated == wanted
    conditions = (deployment.get("status") or {}).get("conditions")
    conditions = pods.with_condition(
        conditions, "Available", available, "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
        f"Deployment {'has' if available else 'does not have'} minimum availability.", now)
    conditions = pods.with_condition(
        conditions, "Progressing", True, "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
        f"ReplicaSet {'has successfully progressed' if done else 'is progressing'}.", now)
    counted = pods.counts(
        replicas=total, updatedReplicas=updated, readyReplicas=ready, availableReplicas=ready, unavailableReplicas=max(0, wanted - ready))
    return {"observedGeneration": meta(deployment).get("generation", 1), **counted, "conditions": conditions}
