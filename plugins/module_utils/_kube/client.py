# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Kubernetes' own conventions over a transport: Status objects as typed errors, paging, discovery, patches, optimistic concurrency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from .._clock import Clock
from .._env import Together, in_turn
from .._errors import AnswerLost, ApiError, AuthError, Conflict, KubedrError, NotFound, Unreachable
from .._http import JSON, MERGE_PATCH, Request, Response, Transport

RETRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
RETRYABLE = (429, 500, 502, 503, 504)
STALE, OVERTAKEN = "409 Conflict", 40
"""What a write on an older version of the object gets, and how often a write may be overtaken: many groups change what a site shares at the same time."""
NO_RIGHT_HELPS = ("exceeded quota", "being terminated", "denied the request", "denied request", "violates PodSecurity")
"""What admission says with a 403 as well: a quota, a dying namespace, a webhook, a policy, a Pod Security Standard."""

T = TypeVar("T")


@dataclass(frozen=True)
class ApiResource:
    """One kind as the server's discovery names it. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = ()

    @property
    def group_resource(self) -> str:
        """``plural.group`` as Ark's tarballs and messages write it, ``plural`` alone for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """The collection's path, in one namespace or all, or an object's."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace and self.namespaced:
            base = f"{base}/namespaces/{namespace}"
        return f"{base}/{self.plural}/{name}" if name else f"{base}/{self.plural}"


class KubeClient:
    """One cluster. Reads are retried; writes are sent once: the functions that write read again before they send again.

    Args:
        system: who this is in errors, such as ``Kubernetes osaka``.
        timeout: seconds for the connect and for each read.
        retries: how often a failed read is sent again; 0 where a system that may be dead is only asked once.
        together: how reads that do not depend on each other are sent.
    """

    def __init__(
        self, transport: Transport, clock: Clock, system: str, timeout: float = 10.0, retries: int = RETRIES, *, together: Together = in_turn,
    ) -> None:
        self.clock, self.system, self.timeout, self.retries, self.together = clock, system, timeout, retries, together
        self.server_time: datetime | None = None
        """The server's clock (Date header) at its last answer."""
        self._transport = transport
        self._groups: dict[str, str] | None = None
        self._resources: dict[str, list[ApiResource]] = {}

    def get(self, path: str) -> dict[str, Any] | None:
        """The object, or None on 404."""
        try:
            return self._read("GET", path)
        except NotFound:
            return None

    def items(self, path: str, label_selector: str = "", limit: int = 500) -> Iterator[dict[str, Any]]:
        """Every object of a list, a page at a time. A list that expires half-way (410) is begun anew, without repeating what was given.

        Raises:
            NotFound: the server does not know this kind.
        """
        given: set[tuple[str | None, str]] = set()
        token, starts = "", 0
        while True:
            query = {"limit": str(limit), **({"labelSelector": label_selector} if label_selector else {}), **({"continue": token} if token else {})}
            try:
                page = self._read("GET", path, query)
            except ApiError as error:
                if error.status != 410 or starts >= RETRIES:
                    raise
                token, starts = "", starts + 1
                continue
            items = page.get("items") or []
            keys = [(metadata.get("namespace"), metadata["name"]) for metadata in (item["metadata"] for item in items)]
            yield from (item for key, item in zip(keys, items, strict=True) if key not in given) if starts else items
            given.update(keys)
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST, sent once. ``path`` is the collection's."""
        return self._send("POST", path, body=body)

    def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """PUT, sent once. With ``metadata.resourceVersion`` in ``body`` a change by somebody else since the read is a Conflict."""
        return self._send("PUT", path, body=body)

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """JSON merge patch, sent once: None removes a key, a list replaces the list."""
        return self._send("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def delete(self, path: str, body: dict[str, Any] | None = None) -> None:
        """DELETE, sent once. An object that is not there is fine."""
        try:
            self._send("DELETE", path, body=body)
        except NotFound:
            return

    def allowed(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether these credentials may do this, as the server itself says (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "group": group, "resource": resource, **({"namespace": namespace} if namespace else {})}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
        answer = self._read("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool((answer.get("status") or {}).get("allowed"))

    def resources(self, groups: Iterable[str] | None = None) -> list[ApiResource]:
        """The kinds of these API groups (all when None), each group at its preferred version. Read once per client and group."""
        known = self._group_versions()
        wanted = list(known) if groups is None else [group for group in dict.fromkeys(groups) if group in known]
        found = dict(self._resources)
        unread = [group for group in wanted if group not in found]
        found.update(zip(unread, self.together([partial(self._discover, group, known[group]) for group in unread]), strict=True))
        self._resources = found  # replaced, never changed: other threads may be reading it, or forgetting it
        return [resource for group in wanted for resource in found[group]]

    def resource(self, group_resource: str) -> ApiResource | None:
        """One kind by ``plural.group``; None when the server does not serve it."""
        plural, _dot, group = group_resource.partition(".")
        return next((found for found in self.resources([group]) if found.plural == plural), None)

    def forget_resources(self) -> None:
        """Read discovery anew next time: after a CRD was created."""
        self._groups, self._resources = None, {}

    def _group_versions(self) -> dict[str, str]:
        known = self._groups
        if known is None:
            known = {"": "v1"}
            for group in self._read("GET", "/apis").get("groups") or []:
                preferred = group.get("preferredVersion") or (group.get("versions") or [{}])[0]
                known[str(group["name"])] = str(preferred.get("version", ""))
            self._groups = known
        return known

    def _discover(self, group: str, version: str) -> list[ApiResource]:
        document = self.get(f"/apis/{group}/{version}" if group else f"/api/{version}") or {}
        return [
            ApiResource(group, version, str(entry["name"]), str(entry["kind"]), bool(entry.get("namespaced")), tuple(entry.get("verbs") or ()))
            for entry in document.get("resources") or []
            if "/" not in entry["name"]
        ]

    def _read(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> dict[str, Any]:
        """A request without effect, so it may be sent again."""
        pauses = _pauses()
        for attempt in range(self.retries + 1):
            try:
                return self._send(method, path, query=query, body=body)
            except KubedrError as error:
                if attempt == self.retries or not retryable(error):
                    raise
                self.clock.sleep(pause_for(error, next(pauses)))
        raise AssertionError("unreachable")

    def _send(self, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None, content_type: str = JSON) -> dict[str, Any]:
        answer = self._transport.send(Request(method, path, query or {}, body, content_type, self.timeout))
        self.server_time = answer.server_time() or self.server_time
        operation = f"{method} {path}"
        if answer.status >= 300:
            raise error_from(answer, self.system, operation)
        if not isinstance(answer.body, dict):
            raise AnswerLost("the answer is not a JSON object", system=self.system, operation=operation, code=str(answer.status))
        return answer.body


def retryable(error: KubedrError) -> bool:
    """Whether the same request may succeed if it is sent again a little later."""
    return isinstance(error, (Unreachable, AnswerLost)) or (isinstance(error, ApiError) and error.status in RETRYABLE)


def pause_for(error: KubedrError, default: float) -> float:
    """Seconds to wait: what the server asked for, within reason, or the default."""
    asked = getattr(error, "retry_after", None)
    return default if asked is None else min(float(asked), 30.0)


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE)


def act(
    client: KubeClient, look: Callable[[], T], holds: Callable[[T], bool], send: Callable[[T], object], *, what: str, check_mode: bool = False,
    first: Callable[[], T] | None = None,
) -> tuple[T, bool]:
    """The form of every write: read; done already -> nothing; send; after a failure that may be none, read again before sending again.

    Args:
        send: writes once, given what was just read; a Conflict means that somebody changed it meanwhile, so it is read and tried again.
        first: instead of the first look, where what stands there is known.

    Returns:
        What was seen last, and whether anything was (in check mode: would be) changed.
    """
    seen = (first or look)()
    if holds(seen):
        return seen, False
    if check_mode:
        return seen, True
    pauses, attempt, overtaken = _pauses(), 0, 0
    while attempt <= RETRIES:
        try:
            send(seen)
        except KubedrError as error:
            stale = isinstance(error, Conflict) and error.code == STALE
            if overtaken == OVERTAKEN if stale else attempt == RETRIES or not (retryable(error) or isinstance(error, Conflict)):
                raise
            overtaken, attempt = (overtaken + 1, attempt) if stale else (overtaken, attempt + 1)
            client.clock.sleep(min(0.05 * overtaken, 0.5) if stale else pause_for(error, next(pauses)))
            seen = look()
            if holds(seen):
                return seen, True
            continue
        seen = look()
        if holds(seen):
            return seen, True
        attempt += 1
        if attempt <= RETRIES:
            client.clock.sleep(next(pauses))
    raise ApiError("the server accepted the change, but the object does not show it", system=client.system, operation=what, seen=str(seen)[:500])


def error_from(answer: Response, system: str, operation: str) -> KubedrError:
    """A typed error from an HTTP answer of 300 and above; a Status object gives reason and message."""
    body = answer.body if isinstance(answer.body, dict) else {}
    reason = str(body.get("reason") or "")
    message = str(body.get("message") or (answer.body if isinstance(answer.body, str) else "") or "the server gave no message").strip()[:1000]
    fields: dict[str, Any] = {"system": system, "operation": operation, "code": f"{answer.status} {reason}".strip()}
    if answer.status == 401:
        return AuthError(message, advice="Check the kubeconfig or api_key of this cluster.", **fields)
    if answer.status == 403 and not any(words in message for words in NO_RIGHT_HELPS):
        return AuthError(message, advice="Grant this right to the account in the kubeconfig.", **fields)
    fields.update(status=answer.status, retry_after=_retry_after(answer, body))
    if answer.status == 404:
        return NotFound(message, **fields)
    if answer.status == 409:
        return Conflict(message, **fields)
    return ApiError(message, **fields)


def _retry_after(answer: Response, body: dict[str, Any]) -> float | None:
    value = answer.headers.get("retry-after") or (body.get("details") or {}).get("retryAfterSeconds")
    try:
        return None if value in (None, "") else max(float(str(value)), 0.0)
    except ValueError:
        return None
