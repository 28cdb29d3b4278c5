# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted ONTAP: the calls a test expects, in order. A call that differs, comes too often or does not come fails the test."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient

DATE = "Wed, 01 Jul 2026 10:00:00 GMT"
UNCHECKED = ("fields", "return_timeout")
"""What to read, and how long ONTAP may wait, is not what these tests are about."""
ANY: Any = object()
"""A body of any content."""


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def utcnow(self) -> datetime:
        return datetime(2026, 7, 1, 10, tzinfo=UTC)


@dataclass
class Call:
    """One expected call. ``answer`` is a Response, or an exception to raise."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    answer: Response | Exception = field(default_factory=lambda: Response(200, {"date": DATE}, {}))


class Scripted:
    """A transport with a script."""

    def __init__(self, *script: Call | Iterable[Call]) -> None:
        self.script = list(itertools.chain.from_iterable([item] if isinstance(item, Call) else item for item in script))
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        number = len(self.requests)
        assert self.script, f"call {number} was not expected: {request}"
        call = self.script.pop(0)
        asked = {key: value for key, value in request.query.items() if key not in UNCHECKED}
        got = (request.method, request.path, asked, call.body if call.body is ANY else request.body)
        assert got == (call.method, call.path, dict(call.query), call.body), f"call {number}: got {got}, expected {call}"
        if isinstance(call.answer, Exception):
            raise call.answer
        return call.answer

    def finish(self) -> None:
        """Every expected call came."""
        assert not self.script, f"calls that did not come: {self.script}"


def client_of(*script: Call | Iterable[Call], check_mode: bool = False, retries: int = 3) -> OntapClient:
    """A client whose transport follows the script; ``client.transport.finish()`` ends the test."""
    return OntapClient(Scripted(*script), FakeClock(), "ONTAP osaka", check_mode=check_mode, retries=retries)


def finish(*clients: OntapClient) -> None:
    """All scripts are used up."""
    for client in clients:
        assert isinstance(client.transport, Scripted)
        client.transport.finish()


def answer(body: Any = None, status: int = 200, **headers: str) -> Response:
    return Response(status, {"date": DATE, **{key.replace("_", "-"): value for key, value in headers.items()}}, {} if body is None else body)


def records(*found: Mapping[str, Any]) -> Response:
    return answer({"records": list(found), "num_records": len(found)})


def error(code: str, message: str = "no", status: int = 400, **headers: str) -> Response:
    return answer({"error": {"message": message, "code": code}}, status, **headers)


def accepted(job: str = "J") -> Response:
    return answer({"job": {"uuid": job, "_links": {"self": {"href": f"/api/cluster/jobs/{job}"}}}}, 202)


def job(state: str, uuid: str = "J", **more: Any) -> Call:
    return Call("GET", f"/api/cluster/jobs/{uuid}", answer=answer({"uuid": uuid, "state": state, **more}))


def get(path: str, response: Response | Exception, **query: str) -> Call:
    return Call("GET", path, {key.replace("__", "."): value for key, value in query.items()}, answer=response)


def write(method: str, path: str, body: Any = None, response: Response | Exception | None = None, **query: str) -> Call:
    return Call(method, path, query, body, answer() if response is None else response)


def relation(state: str, **more: Any) -> dict[str, Any]:
    found = {
        "uuid": "R",
        "source": {"path": "svm1:"},
        "destination": {"path": "svm1_dr:"},
        "state": state,
        "healthy": True,
        "policy": {"name": "p"},
        "transfer_schedule": {"name": "s"},
        "identity_preservation": "full",
        "exported_snapshot": "snap.1",
        "lag_time": "PT8M42S",
    }
    return {**found, **more}


def svm(state: str, subtype: str = "default", **more: Any) -> dict[str, Any]:
    return {"uuid": "V", "name": "svm1_dr", "subtype": subtype, "state": state, **more}
