# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the controllers of one Kubernetes cluster until they are at rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..clock import Clock
from .api import Api
from .claims import ClaimBinder
from .deployment import DeploymentController
from .kubelet import Kubelet
from .namespaces import NamespaceDefaults
from .ontap_volumes import EXPORT_POLICY
from .ports import DataPort, KubePort, OntapPort, Reach
from .provisioner import Provisioner
from .statefulset import StatefulSetController

MOST_PASSES = 20
RETRY = 1.0
UNSETTLED = 0.1
"""Seconds until controllers that still write after MOST_PASSES go on."""


class Controller(Protocol):
    """One control loop."""

    async def tick(self, now: float) -> float | None:
        """One pass over all objects. Returns the epoch second at which it wants another one even if nothing changes."""
        ...


class Controllers:
    """All control loops of one cluster.

    Args:
        poll: seconds between two looks for changes made by others. None: whoever drives this calls ``tick`` after every change.
    """

    def __init__(self, api: Api, clock: Clock, controllers: Sequence[Controller], *, poll: float | None = None) -> None:
        self._api, self._clock, self._controllers, self._poll = api, clock, controllers, poll
        self._version = ""
        self._due: float | None = None

    async def tick(self) -> float | None:
        """Let the controllers work until none of them writes. Returns the epoch second of the next look, None if only a change can give work."""
        for _ in range(MOST_PASSES):
            now = self._clock.now()
            version = await self._api.version()
            if version == self._version and (self._due is None or now < self._due):
                break
            if version != self._version:
                self._api.refresh()
            written = self._api.writes
            self._due = await self._pass(now)
            self._version = version if self._api.writes == written else ""
        return self._next(self._clock.now())

    async def _pass(self, now: float) -> float | None:
        """One pass of each controller; one that is refused does not keep the others from working."""
        self._api.problems.clear()
        due = [await self._api.attempt(controller.tick(now), now + RETRY) for controller in self._controllers]
        if self._api.problems:
            due.append(now + RETRY)
        return min((when for when in due if when is not None), default=None)

    def _next(self, now: float) -> float | None:
        unsettled = None if self._version else now + UNSETTLED
        times = [when for when in (self._due, unsettled, None if self._poll is None else now + self._poll) if when is not None]
        return min(times, default=None)


def light_controllers(
    kube: KubePort, ontap: OntapPort, planes: Sequence[DataPort], clock: Clock, *, ca: str = "", export_policy: str = EXPORT_POLICY, poll: float | None = None
) -> Controllers:
    """Everything that a light cluster needs. ``planes``: the data planes, the own site's first."""
    api = Api(kube)
    workloads: list[Controller] = [NamespaceDefaults(api, ca), DeploymentController(api), StatefulSetController(api), ClaimBinder(api)]
    return Controllers(api, clock, [*workloads, Provisioner(api, ontap, export_policy=export_policy), Kubelet(api, Reach(planes, clock))], poll=poll)


def node_controllers(
    kube: KubePort, ontap: OntapPort, planes: Sequence[DataPort], clock: Clock, *, export_policy: str = EXPORT_POLICY, poll: float | None = 1.0
) -> Controllers:
    """What a real control plane lacks: provisioner, scheduler and kubelet."""
    api = Api(kube)
    return Controllers(api, clock, [Provisioner(api, ontap, export_policy=export_policy), Kubelet(api, Reach(planes, clock))], poll=poll)
