# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What would scale workloads up again that were scaled down: named, so that a person knows what may work against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from .._errors import AuthError
from .client import KubeClient
from .workloads import REPLICATED, SUSPENDED, WorkloadRef, listed

BUILT_IN = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "DaemonSet", "Job", "CronJob"})
"""Kinds whose controllers are Kubernetes' own: what they make follows them."""


def raisers(client: KubeClient, namespaces: Iterable[str]) -> list[str]:
    """One line each: autoscalers, what an operator of its own makes, and CronJobs. What the user may not list is said to be unknown."""
    return sorted({
        line for namespace in namespaces for line in [*_autoscalers(client, namespace), *_made_by_operators(client, namespace), *_cron_jobs(client, namespace)]
    })


def _autoscalers(client: KubeClient, namespace: str) -> Iterator[str]:
    """An autoscaler rests while its target is at 0 replicas (Kubernetes documentation, Horizontal Pod Autoscaling: implicit maintenance-mode deactivation)."""
    path = f"namespaces/{namespace}/horizontalpodautoscalers"
    try:
        found = listed(client, f"/apis/autoscaling/v2/{path}") or listed(client, f"/apis/autoscaling/v1/{path}")
    except AuthError:
        yield f"autoscalers of {namespace} may not be listed: unknown"
        return
    for item in found:
        target = (item.get("spec") or {}).get("scaleTargetRef") or {}
        yield f"HorizontalPodAutoscaler {namespace}/{item['metadata']['name']} scales {target.get('kind')} {target.get('name')}: it rests while that is at 0"


def _made_by_operators(client: KubeClient, namespace: str) -> Iterator[str]:
    places = [WorkloadRef(resource, namespace, "") for resource in REPLICATED]
    for place, items in zip(places, client.together([partial(listed, client, place.path.rstrip("/")) for place in places]), strict=True):
        for item in items:
            owner = _operator(item)
            if owner:
                yield f"{place.resource}/{namespace}/{item['metadata']['name']} is made by {owner}, which is not scaled here: stop it there if its pods stay"


def _operator(item: dict[str, Any]) -> str:
    """The controller of a kind that Kubernetes itself does not know, as ``Kind/name``."""
    refs = [ref for ref in item["metadata"].get("ownerReferences") or () if ref.get("controller") and ref.get("kind") not in BUILT_IN]
    return f"{refs[0]['kind']}/{refs[0]['name']}" if refs else ""


def _cron_jobs(client: KubeClient, namespace: str) -> Iterator[str]:
    place = WorkloadRef(SUSPENDED[0], namespace, "")
    for item in listed(client, place.path.rstrip("/")):
        if not (item.get("spec") or {}).get("suspend"):
            yield f"{place.resource}/{namespace}/{item['metadata']['name']} would start jobs: it is suspended"
