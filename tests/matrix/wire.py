# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the collection and the pocket lab: numbers every API call of a run, and lets one of them go wrong or be the last."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env, KubeAccess, OntapAccess, Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, AuthError
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, PocketTransport, pocket_env

from kubedr_lab.pocket import PocketLab
from kubedr_lab.shell.faults import job_backed

FAULTS: dict[str, str] = {
    "500": "500", "503": "503", "401": "401", "reset": "reset", "no-answer": "drop", "executed": "executed", "job-failed": "job-failed",
    "job-failed-silent": "job-failed-silent", "job-lost": "job-lost",
}
"""The nine ways in which a call fails, and what the lab calls each."""
JOB_FAULTS = ("job-failed", "job-failed-silent", "job-lost")
STORE = "store"
_NAMES_OF_ITS_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=downloadrequests/kubedr-)[0-9a-f]{16}")


class Killed(BaseException):
    """The run's process died. Nothing may catch it, and a dead process sends nothing more."""


class Call(NamedTuple):
    """One API call: in which task of the run, to what, and how. Names that are new in every run are starred out of ``path``."""

    task: int
    site: str
    system: str
    method: str
    path: str

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in ("GET", "FETCH")

    @property
    def has_job(self) -> bool:
        """Whether ONTAP answers it with a job."""
        return self.system == "ontap" and job_backed(self.method, self.path.replace("*", "0"))

    def kinds(self) -> list[str]:
        """The ways in which it can fail."""
        return [kind for kind in FAULTS if kind not in JOB_FAULTS or self.has_job]

    def __str__(self) -> str:
        return f"{self.method} {self.site} {self.system} {self.path}"


@dataclass(frozen=True)
class Mishap:
    """What befalls one call, counted from 0 over the whole run. ``kind`` is one of FAULTS, or ``kill-before`` or ``kill-after``."""

    number: int
    kind: str


@dataclass
class Wire:
    """Every connection of one run.

    Args:
        first: the number of the first call, where a run is begun in its middle.
        branch: asked at each call, by its number, what befalls it, where ``mishap`` is not decided.
        watch: called before and after each call with (moment, call, request); ``moment`` is ``before`` or ``after``.
    """

    lab: PocketLab
    mishap: Mishap | None = None
    first: int = 0
    watch: Callable[[str, Call, Request | None], None] = lambda moment, call, request: None
    branch: Callable[[int], Mishap | None] = lambda number: None
    task: int = 0
    calls: list[Call] = field(default_factory=list)
    opened: set[tuple[str, str]] = field(default_factory=set)
    hit: Call | None = None
    dead: bool = False

    def env(self, process: Process, alive: Callable[[Process], bool], **options: Any) -> Env:
        """What a run is given."""
        env = pocket_env(self.lab, process=lambda: process, process_alive=alive, **options)
        fetch = env.fetch
        env.open_ontap = self._open_ontap
        env.open_kube = self._open_kube
        env.fetch = lambda url, timeout: self._fetch(fetch, url, timeout)
        return env

    def _open_ontap(self, access: OntapAccess) -> _Carrier:
        self.opened.add((access.site, "ontap"))
        return _Carrier(self, PocketOntap(self.lab, access.site, access.username, access.password))

    def _open_kube(self, access: KubeAccess) -> _Carrier:
        self.opened.add((access.site, "kubernetes"))
        return _Carrier(self, PocketKube(self.lab, access.site, access.api_key))

    def begin(self, site: str, system: str, method: str, path: str) -> tuple[Call, str]:
        """Count a call; tells what befalls it, empty for nothing."""
        if self.dead:
            raise Killed
        number = self.first + len(self.calls)
        call = Call(self.task, site, system, method, _NAMES_OF_ITS_OWN.sub("*", path))
        self.calls.append(call)
        self.mishap = self.mishap or self.branch(number)
        if self.mishap is None or self.mishap.number != number:
            return call, ""
        self.hit = call
        return call, self.mishap.kind

    def die(self) -> None:
        """From here on nothing is sent any more, whatever the code cleans up."""
        self.dead = True
        raise Killed

    def _fetch(self, fetch: Callable[[str, float], bytes], url: str, timeout: float) -> bytes:
        _call, kind = self.begin(STORE, STORE, "FETCH", "signed URL")
        where: dict[str, Any] = {"system": "object store", "operation": "GET"}
        if kind in ("500", "503"):
            raise ApiError("injected failure", status=int(kind), code=kind, **where)
        if kind == "401":
            raise AuthError("injected failure", code=kind, **where)
        if kind == "no-answer":
            self.lab.run(timeout)
        if kind:
            raise AnswerLost("injected failure", **where)
        return fetch(url, timeout)


class _Carrier:
    """The transport of one system."""

    def __init__(self, wire: Wire, inner: PocketTransport) -> None:
        self._wire, self._inner = wire, inner

    def send(self, request: Request) -> Response:
        """As the inner transport, unless this is the call that is to go wrong."""
        wire, path = self._wire, request.path.partition("?")[0]
        call, kind = wire.begin(self._inner.site, self._inner.system, request.method, path)
        wire.watch("before", call, request)
        if kind == "kill-before":
            wire.die()
        if kind in FAULTS:
            wire.lab.fault(self._inner.site, f"{request.method} {re.escape(path)}$", FAULTS[kind])
        try:
            answer = self._inner.send(request)
        finally:
            if kind in FAULTS:
                wire.lab.clear_faults()
            wire.watch("after", call, request)
        if kind == "kill-after":
            wire.die()
        return answer
