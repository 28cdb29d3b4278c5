# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the listener and a core: faults, latency and recording, the same for the servers and for the pocket lab."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from ..clock import Clock
from ..messages import Request, Response, json_response
from .faults import Faults, Rule

Handler = Callable[[Request], Awaitable[Any]]
"""A core's ``handle``: answers with a Response, or with a stream that the listener follows."""
Recorder = Callable[[dict[str, Any]], None]

_SECRET = re.compile(r"sign|token|secret|credential|pass", re.IGNORECASE)
JOB_FAULTS = {"job-failed": "failed", "job-failed-silent": "silent", "job-lost": "lost"}
"""How the ONTAP core is told."""


@dataclass(frozen=True)
class Outcome:
    """What the listener is to do: after ``delay`` lab seconds send ``answer``; where it is None, reset the connection or stay silent."""

    answer: Any
    delay: float = 0.0
    reset: bool = False


def iso(seconds: float) -> str:
    """UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def visible_query(query: dict[str, list[str]]) -> dict[str, str]:
    """The query for the log: values of anything that could be a secret (a signature of a URL, say) are left out."""
    return {name: "***" if _SECRET.search(name) else ",".join(values) for name, values in query.items()}


class Edge:
    """One core as its clients meet it.

    Args:
        handle: the core.
        latency: lab seconds that any request costs.
        record: takes one event, ready for the log.
    """

    def __init__(self, handle: Handler, clock: Clock, record: Recorder, latency: float = 0.0) -> None:
        self._handle, self._clock, self._record, self._latency = handle, clock, record, latency
        self.faults = Faults()

    async def answer(self, request: Request, via: str = "api", core: Handler | None = None) -> Outcome:
        """Let the core answer, unless a rule says otherwise. Requests that come ``via`` peer meet no faults and no latency.

        Args:
            core: answers this request in place of the usual one.
        """
        started = self._clock.now()
        handle = core or self._handle
        rule = self.faults.decide(request.method, request.path) if via == "api" else None
        outcome = await self._play(rule, request, handle) if rule else Outcome(await handle(request))
        if via == "api":
            outcome = replace(outcome, delay=outcome.delay + self._latency)
        if isinstance(outcome.answer, Response):
            outcome.answer.headers.setdefault("date", formatdate(self._clock.now(), usegmt=True))
        event: dict[str, Any] = {"time": iso(started), "via": via, "event": "request", "method": request.method, "path": request.path}
        event["query"] = visible_query(request.query)
        event["status"] = None if outcome.answer is None else getattr(outcome.answer, "status", 200)
        event["ms"] = round((self._clock.now() - started + outcome.delay) * 1000, 1)
        if rule:
            event["fault"] = rule.kind
        self._record(event)
        return outcome

    def note(self, request: Request, via: str, query: dict[str, list[str]]) -> None:
        """Put a request into the log that is none of the core's."""
        event = {"time": iso(self._clock.now()), "via": via, "event": "request", "method": request.method, "path": request.path}
        self._record({**event, "query": visible_query(query), "status": 200, "ms": 0.0})

    async def _play(self, rule: Rule, request: Request, handle: Handler) -> Outcome:
        if rule.kind in ("drop", "reset"):
            return Outcome(None, reset=rule.kind == "reset")
        if rule.kind in ("500", "503", "401"):
            return Outcome(error_response(request.path, int(rule.kind), rule.seconds))
        if rule.kind in JOB_FAULTS:
            request = replace(request, headers={**request.headers, "x-lab-job-fault": JOB_FAULTS[rule.kind]})
        answer = await handle(request)
        if rule.kind == "executed":
            return Outcome(None, reset=True)
        if rule.kind == "slow":
            return Outcome(answer, delay=rule.seconds)
        return Outcome(unhealthy(answer, rule.message) if rule.kind == "unhealthy" else answer)


def error_response(path: str, status: int, retry_after: float) -> Response:
    """An error as the system behind ``path`` would word it: a Kubernetes Status or an ONTAP error."""
    reason = {500: "InternalError", 503: "ServiceUnavailable", 401: "Unauthorized"}[status]
    headers = {"retry-after": str(max(1, round(retry_after)))} if status == 503 else {}
    if path.startswith("/api/") and not path.startswith("/api/v1"):
        return json_response(status, {"error": {"message": f"Injected failure: {reason}.", "code": {401: "6691623", 503: "1115127"}.get(status, "2")}}, headers)
    data = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": f"injected failure: {reason}", "reason": reason, "code": status}
    return json_response(status, data, headers)


def unhealthy(answer: Response, message: str) -> Response:
    """The same relationships, shown as unhealthy."""
    data = answer.json()
    if answer.status != 200 or not isinstance(data, dict):
        return answer
    for record in data.get("records", [data]):
        record |= {"healthy": False, "unhealthy_reason": [{"message": message, "code": "13303812"}]}
    return Response(200, answer.headers, json.dumps(data).encode())
