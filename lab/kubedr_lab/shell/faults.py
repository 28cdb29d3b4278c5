# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the lab can play: which request is hit, and how. Pure: counts matches, touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

KINDS: dict[str, str] = {
    "drop": "not carried out, no answer ever",
    "reset": "not carried out, connection reset",
    "500": "not carried out, HTTP 500",
    "503": "not carried out, HTTP 503 with Retry-After",
    "401": "not carried out, HTTP 401",
    "slow": "carried out, answered late",
    "executed": "carried out, the answer is lost",
    "job-failed": "not carried out; the job fails and says why",
    "job-failed-silent": "not carried out; the job fails and says nothing",
    "job-lost": "carried out; the job's record is gone",
    "unhealthy": "relationships are shown as unhealthy",
}

# What answers with a job: ONTAP REST reference; transfers and records of the network and of export policies do not.
_JOB_BACKED = re.compile(r"/api/(svm/svms|svm/peers|snapmirror/policies|snapmirror/relationships|storage/volumes)(/[^/]+)?")
_RELATIONSHIPS = re.compile(r"/api/snapmirror/relationships(/[^/]+)?")


def job_backed(method: str, path: str) -> bool:
    """Whether ONTAP would answer this request with a job."""
    return method in ("POST", "PATCH", "DELETE") and _JOB_BACKED.fullmatch(path) is not None


@dataclass
class Rule:
    """Hits the ``nth`` matching request and the ones after it, ``times`` in all (0: for ever).

    Args:
        method: an HTTP method or ``.*``; a regular expression that must match wholly.
        pattern: a regular expression; must match the path from its beginning (end it with ``$`` to match no sub-path).
        message: the failed job's message, or the reason for being unhealthy.
        seconds: how late a slow answer comes, and the Retry-After of a 503.
    """

    method: str
    pattern: str
    kind: str
    nth: int = 1
    times: int = 1
    message: str = "Injected failure."
    seconds: float = 3.0
    seen: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.nth < 1 or self.times < 0 or self.seconds < 0:
            raise ValueError("nth counts from 1; times and seconds are not negative")
        try:
            self._method, self._path = re.compile(self.method), re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    @classmethod
    def parse(cls, match: str, kind: str, **options: Any) -> Rule:
        """From ``METHOD path-regex``, as the command line gives it."""
        method, _, pattern = match.strip().partition(" ")
        if not pattern.strip():
            raise ValueError(f"a match is 'METHOD path-regex', such as 'PATCH /api/svm/svms/.*', not {match!r}")
        return cls(method, pattern.strip(), kind, **options)

    def as_data(self) -> dict[str, Any]:
        """For the wire and for listing."""
        return {name: getattr(self, name) for name in ("method", "pattern", "kind", "nth", "times", "message", "seconds", "seen")}

    def applies(self, method: str, path: str) -> bool:
        """Whether this request is of the kind that the rule counts. Job faults count only requests that answer with a job."""
        if not self._method.fullmatch(method) or not self._path.match(path):
            return False
        if self.kind.startswith("job-"):
            return job_backed(method, path)
        return self.kind != "unhealthy" or (method == "GET" and _RELATIONSHIPS.fullmatch(path) is not None)

    def hit(self, method: str, path: str) -> bool:
        """Count the request if it applies; True where this one is to be hit."""
        if not self.applies(method, path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


class Faults:
    """The rules in force at one system."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put one more rule in force."""
        self.rules.append(rule)

    def clear(self) -> None:
        """Back to normal."""
        self.rules.clear()

    def decide(self, method: str, path: str) -> Rule | None:
        """The rule that hits this request. Every rule counts it; the first hit wins."""
        hits = [rule for rule in self.rules if rule.hit(method, path)]
        return hits[0] if hits else None
