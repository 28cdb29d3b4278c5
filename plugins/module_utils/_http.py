# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""One request and its answer, as both clients see them, and the transport that carries them. Knows no system and no Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


@dataclass(frozen=True)
class Request:
    """``path`` starts with ``/``; ``body`` is JSON data or None; ``timeout`` is seconds for connect and for each read."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    timeout: float = 10.0


@dataclass(frozen=True)
class Response:
    """``headers`` keys are lower case; ``body`` is the parsed JSON, or None where there was none, or the text where it was not JSON."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def server_time(self) -> datetime | None:
        """The answering system's own clock (its Date header, whole seconds), the only clock that ages are computed against."""
        value = self.headers.get("date")
        if not value:
            return None
        try:
            return parsedate_to_datetime(value).astimezone(UTC)
        except (TypeError, ValueError):
            return None


class Transport(Protocol):
    """Carries one request. HTTP error statuses are answers, not exceptions.

    Raises:
        Unreachable: no connection was made (refused, connect timeout, TLS refused, name unknown): nothing was sent.
        AnswerLost: the request went out and no whole answer came back (read timeout, reset).
    """

    def send(self, request: Request) -> Response: ...
