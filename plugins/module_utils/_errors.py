# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The errors of the collection. Each names the system, the operation, the object, the code, what was seen last, and what to do next."""

from __future__ import annotations

from typing import Any


class KubedrError(Exception):
    """Root of all errors that a user is meant to read.

    Args:
        message: one sentence, without the fields below.
        system: who answered or failed to, such as ``ONTAP osaka`` or ``Kubernetes tokyo``.
        operation: what was asked, such as ``break off`` or ``PATCH /api/svm/svms/{uuid}``.
        obj: the object's name, such as ``svm_app1: -> svm_app1_dr:``.
        code: the system's own code as text, such as ``13303808`` or ``409 AlreadyExists``.
        seen: the last observed state, JSON-serialisable.
        advice: what to do next, one sentence.
    """

    kind = "error"
    usual_advice = ""
    """What to do next where who raised it knows nothing better."""

    def __init__(self, message: str, *, system: str = "", operation: str = "", obj: str = "", code: str = "", seen: Any = None, advice: str = "") -> None:
        super().__init__(message)
        self.message, self.system, self.operation, self.obj, self.code, self.seen = message, system, operation, obj, code, seen
        self.advice = advice or self.usual_advice

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.system, self.operation, self.obj) if part)
        code = f" (code {self.code})" if self.code else ""
        text = f"{where}: {self.message}{code}" if where else f"{self.message}{code}"
        if not self.advice or self.advice.startswith("\n"):
            return f"{text}{self.advice}"
        return f"{text}{'' if text.endswith(('.', '!', '?', ':')) else '.'} {self.advice}"

    def failure(self) -> dict[str, Any]:
        """The same as data, for the ``failure`` key of a failed task's result."""
        return {key: getattr(self, key) for key in ("kind", "message", "system", "operation", "obj", "code", "seen", "advice")}


class ConfigError(KubedrError):
    """Bad input, found before anything was touched. ``variable`` is the inventory variable or option at fault."""

    kind = "config"

    def __init__(self, variable: str, message: str, *, advice: str = "") -> None:
        super().__init__(message, operation="check input", obj=variable, advice=advice)
        self.variable = variable


class Unreachable(KubedrError):
    """No connection could be made, so nothing was sent: safe to send again."""

    kind = "unreachable"
    usual_advice = "Check its address in dr_sites, the network, and whether it is up."


class AnswerLost(KubedrError):
    """The request may have been carried out, but no usable answer came: read before sending again."""

    kind = "answer_lost"
    usual_advice = "Look whether it is up, and run again: every run looks first and goes on from what it sees."


class AuthError(KubedrError):
    """The system refused the credentials (401) or the right to do this (403)."""

    kind = "auth"


class ApiError(KubedrError):
    """The system answered with an error. ``status`` is the HTTP status, ``retry_after`` seconds if it said so."""

    kind = "api"

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.status, self.retry_after = status, retry_after


class NotFound(ApiError):
    """The object does not exist (404)."""

    kind = "not_found"


class Conflict(ApiError):
    """The object exists already, or was changed by somebody else since it was read (409)."""

    kind = "conflict"


class JobFailed(KubedrError):
    """An asynchronous job ended in failure, with a message or without one."""

    kind = "job_failed"


class WaitTimeout(KubedrError):
    """The deadline passed. ``seen`` holds the last observed state: never taken as success or as failure of the system."""

    kind = "timeout"


class Refused(KubedrError):
    """The collection declines to act. ``reason`` is a stable word from the table of refusals in the docs."""

    kind = "refused"

    def __init__(self, reason: str, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.reason = reason

    def failure(self) -> dict[str, Any]:
        """As the parent's, with the reason."""
        return {**super().failure(), "reason": self.reason}
