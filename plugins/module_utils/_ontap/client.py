# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""ONTAP's REST interface as typed answers: errors, retries of reads, paging, and jobs followed to their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .._clock import Clock, poll
from .._env import Together, in_turn
from .._errors import AnswerLost, ApiError, AuthError, Conflict, JobFailed, KubedrError, NotFound, Unreachable
from .._http import Request, Response, Transport

RETRIES = 3
HOLD = 10
"""Seconds a write may wait inside ONTAP for its job (return_timeout), so that short jobs need no polling."""
RETRYABLE_STATUS = frozenset({429, 500, 502, 503})
NOT_AUTHORISED = "6691623"
EXISTS = "1"
ENDED = frozenset({"success", "failure", "error"})


@dataclass(frozen=True)
class Answer:
    """A write that ONTAP carried out: ``body`` as answered, ``job_uuid`` of the job that did it, ``location`` of a new object.

    ``unread``: the job ended while ONTAP kept the answer back, and nobody has looked how. The object tells; where it does not, ``OntapClient.follow`` does.
    """

    status: int
    body: dict[str, Any]
    job_uuid: str = ""
    location: str = ""
    operation: str = ""
    unread: bool = False


class OntapClient:
    """One cluster.

    Args:
        system: its name in errors, ``ONTAP osaka``.
        timeout: seconds for connecting and for each read of one request.
        deadline: seconds that a write waits for its job unless told otherwise.
        retries: how often a failed read is repeated; 0 where a dead site must be noticed soon.
        together: how reads that do not depend on each other are sent.
        check_mode: acts report what they would do; ``write`` itself refuses, as a last guard.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        system: str,
        timeout: float = 10.0,
        deadline: float = 60.0,
        *,
        retries: int = RETRIES,
        check_mode: bool = False,
        together: Together = in_turn,
    ) -> None:
        self.transport, self.clock, self.system, self.timeout, self.deadline = transport, clock, system, timeout, deadline
        self.together = together
        self.retries, self.check_mode = retries, check_mode
        self.server_time: datetime | None = None

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The body of a GET, repeated on lost answers, 429 and 5xx.

        Raises:
            NotFound, AuthError, ApiError, Unreachable, AnswerLost
        """
        attempt = 0
        while True:
            try:
                return self._send(Request("GET", path, query, timeout=self.timeout))[1]
            except (Unreachable, AnswerLost, ApiError) as error:
                if attempt >= self.retries or not retryable(error):
                    raise
                attempt += 1
                self.clock.sleep(pause_before_retry(error, attempt))

    def records(self, path: str, fields: str, **filters: str) -> list[dict[str, Any]]:
        """All records of a collection that match, over all pages."""
        body = self.get(path, fields=fields, **filters)
        found = list(body.get("records") or [])
        seen_links: set[str] = set()
        while (link := (((body.get("_links") or {}).get("next") or {}).get("href") or "")) and link not in seen_links:
            seen_links.add(link)
            target = urlsplit(link)
            body = self.get(target.path, **dict(parse_qsl(target.query, keep_blank_values=True)))
            found += body.get("records") or []
        return found

    def write(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: dict[str, str] | None = None,
        *,
        deadline: float | None = None,
        hold: int = HOLD,
        until: Callable[[], bool] | None = None,
        defer: bool = False,
    ) -> Answer:
        """Send once; where ONTAP answers with a job, follow it to its end.

        Args:
            deadline: seconds for the job, default the client's.
            hold: seconds ONTAP may keep the answer back until the job ended; 0 where the caller has to act meanwhile.
            until: looked at beside the job; when true the job is no longer followed.
            defer: a job that ended within ``hold`` (status 200 or 201) is not asked how: the caller looks at the object first.

        Raises:
            JobFailed: the job ended in failure; with ``code`` where it gave one.
            AnswerLost: no answer came, or the job's record is gone: what happened can only be seen in the object.
            WaitTimeout: the job had not ended by the deadline.
        """
        if self.check_mode:
            raise RuntimeError(f"{method} {path} in check mode")
        limit = self.deadline if deadline is None else deadline
        hold = int(min(hold, limit))
        asked = {**(query or {}), **({"return_timeout": str(hold)} if hold else {})}
        response, data = self._send(Request(method, path, asked, body, timeout=self.timeout + hold))
        uuid = str((data.get("job") or {}).get("uuid") or "")
        unread = bool(uuid) and defer and response.status in (200, 201)
        if uuid and not unread:
            self._follow(uuid, f"{method} {path}", limit, until)
        return Answer(response.status, data, uuid, response.headers.get("location", ""), f"{method} {path}", unread)

    def follow(self, answer: Answer, deadline: float) -> None:
        """How the job of a deferred write ended. Raises as ``write``."""
        if answer.unread:
            self._follow(answer.job_uuid, answer.operation, deadline, None)

    def _send(self, request: Request) -> tuple[Response, dict[str, Any]]:
        response = self.transport.send(request)
        self.server_time = response.server_time() or self.server_time
        operation = f"{request.method} {request.path}"
        if response.status >= 400 or (isinstance(response.body, dict) and set(response.body) == {"error"}):
            raise error_of(response, self.system, operation)
        if response.body is not None and not isinstance(response.body, dict):
            raise AnswerLost(f"status {response.status} came with something that is not ONTAP's JSON.", system=self.system, operation=operation)
        return response, response.body or {}

    def _follow(self, uuid: str, operation: str, deadline: float, until: Callable[[], bool] | None) -> None:
        def look() -> dict[str, Any]:
            try:
                return self.get(f"/api/cluster/jobs/{uuid}", fields="state,message,code,error")
            except NotFound:
                raise AnswerLost(
                    "the record of its job is gone, so how it ended is not known.",
                    system=self.system,
                    operation=operation,
                    obj=f"job {uuid}",
                ) from None

        job = poll(
            self.clock,
            look,
            lambda seen: seen.get("state") in ENDED or bool(until and until()),
            timeout=deadline,
            what=f"{operation}, job {uuid}",
            system=self.system,
            describe=lambda seen: {key: seen.get(key) for key in ("state", "message", "code")},
        )
        if job.get("state") in ENDED - {"success"}:
            reason = job.get("error") or {}
            code = str(reason.get("code") or job.get("code") or "")
            raise JobFailed(
                str(reason.get("message") or job.get("message") or "its job ended in failure and gives no reason"),
                system=self.system,
                operation=operation,
                obj=f"job {uuid}",
                code="" if code == "0" else code,
                seen={"state": job.get("state")},
            )


def error_of(response: Response, system: str, operation: str) -> KubedrError:
    """The typed error in an answer; match on ``code``, since texts vary between releases."""
    envelope = response.body.get("error") if isinstance(response.body, dict) else None
    detail = envelope if isinstance(envelope, dict) else {}
    code = str(detail.get("code") or "")
    target = f" (field {detail['target']})" if detail.get("target") else ""
    message = f"{detail.get('message') or f'HTTP status {response.status}'}{target}"
    where = {"system": system, "operation": operation, "code": code or str(response.status)}
    if response.status in (401, 403) or code == NOT_AUTHORISED:
        return AuthError(message, advice="Check the user, its password or certificate, and its role on this cluster.", **where)
    kind = NotFound if response.status == 404 else Conflict if response.status == 409 or code == EXISTS else ApiError
    return kind(message, status=response.status, retry_after=_retry_after(response), **where)


def _retry_after(response: Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def retryable(error: KubedrError) -> bool:
    """Whether asking again may help: nothing was sent, no answer came, or ONTAP was busy."""
    if isinstance(error, ApiError):
        return error.status in RETRYABLE_STATUS
    return isinstance(error, (Unreachable, AnswerLost))


def pause_before_retry(error: KubedrError, attempt: int) -> float:
    """Seconds: 0.5, 1, 2, ... up to 5, or what the answer's Retry-After says."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    return asked if asked is not None else min(0.5 * 2 ** (attempt - 1), 5.0)


def exact(name: str) -> str:
    """A name as a query value that matches only itself: ONTAP reads ``*``, ``|``, ``!``, ``<``, ``>`` and ``..`` as operators unless quoted."""
    special = any(char in name for char in '*|!<>,{}" ') or ".." in name
    return f'"{name}"' if special else name
