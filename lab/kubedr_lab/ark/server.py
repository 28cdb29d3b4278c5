# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ark or Velero server beside one Kubernetes cluster, as a core that is driven by ticks."""

from __future__ import annotations

from typing import Any

from ..clock import Clock
from ..controllers.ports import KubePort
from ..objects import ObjectStore
from ..profile import NONE, Profile
from .backups import Backups
from .context import Context, Periods, earliest
from .dialect import for_group
from .locations import Locations
from .requests import Deletions, Downloads, StatusRequests
from .restores import Restores
from .schedules import Schedules

_PASSES = 20
"""How often one tick looks again after its own writes before it lets others have a turn."""


class ArkServer:
    """Plays the server's part in the objects of ``velero.io/v1`` or ``ark.heptio.com/v1``.

    Args:
        kube: the cluster it serves; its CRDs may be missing, then nothing happens.
        objects: the bucket that all sites share.
        group: ``velero.io`` (Velero 1.18) or ``ark.heptio.com`` (Ark 0.10).
        namespace: of its objects; empty for the group's usual one.
        periods: how often it looks; scale them for a faster lab.
        bucket: the only bucket name that a storage location may give; None accepts all.

    Making a new one on the same cluster is a restart: what was in progress becomes Failed.
    """

    def __init__(
        self, kube: KubePort, objects: ObjectStore, clock: Clock, profile: Profile = NONE, group: str = "velero.io", namespace: str = "",
        periods: Periods | None = None, bucket: str | None = None,
    ) -> None:
        dialect = for_group(group)
        self._clock = clock
        self._context = Context(kube, objects, clock, profile, dialect, namespace or dialect.namespace, periods or Periods(), bucket)
        self._backups, self._restores = Backups(self._context), Restores(self._context)
        self._controllers = (
            Locations(self._context), Schedules(self._context), self._backups, self._restores, Downloads(self._context), StatusRequests(self._context),
            Deletions(self._context),
        )
        self._started = False
        self._seen = ""
        self._next: float | None = None

    @property
    def operations(self) -> list[dict[str, Any]]:
        """Ended backups and restores: ``{name, object, started, ended}`` in lab seconds. Whoever reads it may clear it."""
        return self._context.operations

    def fail_next(self, operation: str, phase: str = "Failed", reason: str = "fault of the lab") -> None:
        """Let the next ``backup`` or ``restore`` end as ``Failed``, ``PartiallyFailed`` or ``FailedValidation``.

        Raises:
            ValueError: an unknown operation or phase.
        """
        if operation not in ("backup", "restore") or phase not in ("Failed", "PartiallyFailed", "FailedValidation"):
            raise ValueError(f"cannot let a {operation} end as {phase}")
        self._context.faults.append((operation, phase, reason))

    async def tick(self) -> float | None:
        """Do everything that is due now. Cheap when nothing changed in the cluster and no time has come.

        Returns:
            Lab time (epoch seconds) of the next thing to do, None if only a change in the cluster can bring one.

        Raises:
            KubeRefused, or what the port raises: the cluster did not answer as it should; tick again later.
        """
        api = self._context.api
        for _pass in range(_PASSES):
            version, now, writes = await api.version(), self._clock.now(), api.writes
            if version == self._seen and (self._next is None or now < self._next):
                return self._next
            if version != self._seen:
                api.refresh()
            if not self._started:
                await self._backups.restart()
                await self._restores.restart()
                self._started = True
            self._next = earliest(*[await controller.step(now) for controller in self._controllers])
            # after writes of our own the version is unknown: somebody else may have written in between
            self._seen = version if api.writes == writes else ""
        return self._next
