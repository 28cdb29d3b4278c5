# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request and its answer, as the cores see them. No socket, no framework."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """``path`` starts with ``/`` and carries no query; ``query`` maps a name to its values in order; ``headers`` keys are lower case.

    ``target`` is path and query as they came over the wire, empty where nothing did.
    """

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    target: str = ""

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def json(self) -> Any:
        """The parsed body, None where it is empty.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body) if self.body.strip() else None


@dataclass
class Response:
    """``headers`` keys are lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The parsed body, None where it is empty.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body) if self.body.strip() else None


class Stream(Protocol):
    """An answer whose body comes piece by piece, such as a watch."""

    status: int
    headers: dict[str, str]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they become ready."""
        ...

    def close(self) -> None:
        """Nobody listens any more."""
        ...


def json_response(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that carries ``data`` as JSON."""
    return Response(status, {"content-type": "application/json", **(headers or {})}, json.dumps(data, separators=(",", ":")).encode())
