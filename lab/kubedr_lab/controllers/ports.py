# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's controllers reach the world through. Whoever drives them (the pocket lab, the servers) brings these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ..clock import Clock
from ..kube.port import KubePort as KubePort

Obj = dict[str, Any]


class OntapPort(Protocol):
    """One ONTAP cluster's REST interface."""

    async def request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Send one request. Returns the HTTP status and the decoded body, also of an error."""
        ...


class SiteSilent(Exception):
    """A site's data plane gives no answer: dead, hung or dropped."""


DataPort = Callable[[Obj], Awaitable[Obj]]
"""One cluster's data plane: ``{"op", "address", "client", "path", ...}`` to ``{"ok", "reason", "message", "svm", "volume", ...}``. Raises SiteSilent."""


class Reach:
    """A stretched network: an address is looked for at the own site first, then at the others.

    Args:
        planes: the data planes, the own site's first.
        clock: lab time. With it, a site that was silent is not asked again for ``pause`` seconds, because a hung one costs a time-out each time.
    """

    def __init__(self, planes: Sequence[DataPort], clock: Clock | None = None, pause: float = 5.0) -> None:
        self._planes, self._clock, self._pause = planes, clock, pause
        self._silent_until: dict[int, float] = {}

    async def ask(self, message: Obj) -> Obj:
        """The first answer that is ok. Otherwise the refusal of a cluster that has the address, or the first one heard.

        Never raises: where no site answers, ``reason`` is ``no_answer``.
        """
        refusals: list[Obj] = []
        for number, plane in enumerate(self._planes):
            if self._clock is not None and self._clock.now() < self._silent_until.get(number, 0.0):
                continue
            try:
                answer = await plane(message)
            except SiteSilent:
                if self._clock is not None:
                    self._silent_until[number] = self._clock.now() + self._pause
                continue
            if answer.get("ok"):
                return answer
            refusals.append(answer)
        telling = [refusal for refusal in refusals if refusal.get("reason") != "no_such_address"]
        return (telling or refusals or [{"ok": False, "reason": "no_answer", "message": f"no answer from {message.get('address')}"}])[0]
