# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduler and kubelet of both tiers: a pod is ready only while each of its volumes leads to data."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from . import pods
from .api import CLAIMS, NODES, PODS, TRIDENT_BACKENDS, TRIDENT_VOLUMES, VOLUMES, Api, key, meta, timestamp
from .ports import Obj, Reach
from .volumes import Mount, NfsTarget, NoTarget, StorageView


@dataclass(frozen=True)
class Look:
    """What a pod's volumes led to when last asked."""

    at: float
    mounts: tuple[Mount, ...]
    problem: str


class Kubelet:
    """Places pods on nodes, follows their volumes, reports their status, and finishes those that are being deleted.

    Args:
        reach: the data planes, the own site's first.
        retry: seconds between two looks at a pod that is not ready.
        recheck: seconds between two looks at a ready pod, so that it turns unready when its volume goes.
    """

    def __init__(self, api: Api, reach: Reach, *, retry: float = 0.5, recheck: float = 10.0) -> None:
        self._api, self._reach, self._retry, self._recheck = api, reach, retry, recheck
        self._looks: dict[str, Look] = {}
        self._ended: dict[str, float] = {}

    async def tick(self, now: float) -> float | None:
        """One pass. Returns when the next look is due, None without pods."""
        nodes = {meta(node)["name"]: internal_ip(node) for node in await self._api.list(NODES) if is_schedulable(node)}
        view = await storage_view(self._api)
        answers: dict[tuple[str, NfsTarget], str] = {}
        due: list[float] = []
        all_pods = await self._api.list(PODS)
        self._forget({meta(pod)["uid"] for pod in all_pods})
        for pod in all_pods:
            if meta(pod).get("deletionTimestamp"):
                due.append(await self._api.attempt(self._end(pod, now), now + self._recheck))
            elif pods.is_active(pod):
                due.append(await self._api.attempt(self._sync(pod, nodes, view, answers, now), now + self._recheck))
        return min(due, default=None)

    async def _sync(self, pod: Obj, nodes: dict[str, str], view: StorageView, answers: dict[tuple[str, NfsTarget], str], now: float) -> float:
        node = (pod.get("spec") or {}).get("nodeName")
        if not node:
            node = await self._place(pod, sorted(nodes), view.unbound(pod), now)
        if not node:
            return now + self._retry
        uid, mounts = meta(pod)["uid"], tuple(view.mounts(pod))
        before = self._looks.get(uid)
        if before is None or before.mounts != mounts or now >= self._due(before):
            problem = await self._problem(mounts, nodes.get(node, ""), answers)
            before = self._looks[uid] = Look(now, mounts, problem)
        await self._report(pod, before.problem, nodes.get(node, ""), now)
        return self._due(before)

    async def _end(self, pod: Obj, now: float) -> float:
        """Let go of a pod that is being deleted. One that a finalizer holds is asked for again only after a while."""
        uid = meta(pod)["uid"]
        if uid not in self._ended or now >= self._ended[uid] + self._recheck:
            self._ended[uid] = now
            await self._api.delete(PODS, pod, grace=0)
        return self._ended[uid] + self._recheck

    def _due(self, look: Look) -> float:
        return look.at + (self._retry if look.problem else self._recheck)

    async def _place(self, pod: Obj, nodes: list[str], unbound: list[str], now: float) -> str:
        """Bind the pod to a node, unless a claim without a volume keeps it from any. Returns the node, "" for none."""
        problem = "pod has unbound immediate PersistentVolumeClaims: " + ", ".join(unbound) if unbound else "no nodes available to schedule pods"
        if unbound or not nodes:
            conditions = pods.with_condition((pod.get("status") or {}).get("conditions"), "PodScheduled", False, "Unschedulable", problem, now)
            await self._api.set_status(PODS, pod, {"phase": "Pending", "conditions": conditions})
            return ""
        node = nodes[zlib.crc32("/".join(key(pod)).encode()) % len(nodes)]
        namespace, name = key(pod)
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"namespace": namespace, "name": name}, "target": target}
        return node if await self._api.post(PODS, pod, "binding", body) else ""

    async def _problem(self, mounts: tuple[Mount, ...], client: str, answers: dict[tuple[str, NfsTarget], str]) -> str:
        """Why the pod cannot run, "" if each volume leads to data."""
        for mount in mounts:
            reason = mount.target.reason if isinstance(mount.target, NoTarget) else ""
            if isinstance(mount.target, NfsTarget):
                asked = (client, mount.target)
                if asked not in answers:
                    answers[asked] = await self._probe(client, mount.target)
                reason = answers[asked]
            if reason:
                return f'MountVolume.SetUp failed for volume "{mount.volume}" (claim "{mount.claim}"): {reason}'
        return ""

    async def _probe(self, client: str, target: NfsTarget) -> str:
        answer = await self._reach.ask({"op": "probe", "address": target.address, "client": client, "path": target.path})
        return "" if answer.get("ok") else f"mount.nfs {target.address}:{target.path}: {answer.get('message') or answer.get('reason')}"

    async def _report(self, pod: Obj, problem: str, host: str, now: float) -> None:
        status = pod.get("status") or {}
        ran = any("running" in (entry.get("state") or {}) for entry in status.get("containerStatuses") or [])
        conditions = status.get("conditions")
        for kind in ("PodScheduled", "Initialized"):
            conditions = pods.with_condition(conditions, kind, True, "", "", now)
        for kind in ("ContainersReady", "Ready"):
            conditions = pods.with_condition(conditions, kind, not problem, "ContainersNotReady" if problem else "", problem, now)
        started = status.get("startTime") or timestamp(now)
        number = zlib.crc32(meta(pod)["uid"].encode())
        await self._api.set_status(PODS, pod, {
            "phase": "Pending" if problem and not ran else "Running", "hostIP": host or None, "startTime": started, "conditions": conditions,
            "podIP": f"10.244.{number >> 8 & 255}.{number % 254 + 1}", "containerStatuses": container_statuses(pod, problem, ran, timestamp(now)),
        })

    def _forget(self, living: set[str]) -> None:
        self._looks = {uid: look for uid, look in self._looks.items() if uid in living}
        self._ended = {uid: at for uid, at in self._ended.items() if uid in living}


async def storage_view(api: Api) -> StorageView:
    """The storage objects of a cluster as they are now."""
    return StorageView.of(await api.list(CLAIMS), await api.list(VOLUMES), await api.list(TRIDENT_VOLUMES), await api.list(TRIDENT_BACKENDS))


def container_statuses(pod: Obj, problem: str, ran: bool, now: str) -> list[Obj]:
    """One status per container: waiting as ContainerCreating until the volumes were there once, running from then on, ready while they are."""
    before = {entry["name"]: entry for entry in (pod.get("status") or {}).get("containerStatuses") or []}
    found = []
    for container in pod["spec"].get("containers") or []:
        state: Obj = {"waiting": {"reason": "ContainerCreating", "message": problem}}
        if ran and container["name"] in before:
            state = before[container["name"]]["state"]
        elif not problem:
            state = {"running": {"startedAt": now}}
        found.append({
            "name": container["name"], "image": container.get("image", ""), "imageID": "", "ready": not problem, "restartCount": 0,
            "started": "running" in state, "state": state,
        })
    return found


def internal_ip(node: Obj) -> str:
    """The node's InternalIP, "" without one."""
    addresses = (node.get("status") or {}).get("addresses") or []
    return next((str(entry["address"]) for entry in addresses if entry["type"] == "InternalIP"), "")


def is_schedulable(node: Obj) -> bool:
    """Ready and not cordoned."""
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")
