# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the API server: a complete Kubernetes Status, as clients read it (``reason`` is what they branch on)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
Cause = tuple[str, str]
"""(field path, message); the message begins with the kind of fault, such as ``Required value``."""

_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict",
    410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 500: "InternalError",
}
_CAUSES = {
    "Required value": "FieldValueRequired",
    "Unsupported value": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
    "Duplicate value": "FieldValueDuplicate",
}


class KubeError(Exception):
    """A refused request. ``status`` is the body of the answer, ``code`` its HTTP status."""

    def __init__(self, code: int, message: str, reason: str = "", details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or _REASONS[code]
        self.status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
        given = {key: value for key, value in (details or {}).items() if value != "" or key != "group"}
        self.status |= {"reason": self.reason, "details": given, "code": code}


def success(details: Json) -> Json:
    """The Status that answers a completed deletion."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def bad_request(message: str) -> KubeError:
    """400: the request cannot be understood."""
    return KubeError(400, message)


def no_such_path() -> KubeError:
    """404 for a path that no resource serves."""
    return KubeError(404, "the server could not find the requested resource")


def method_not_allowed() -> KubeError:
    """405: the path exists, the verb does not."""
    return KubeError(405, "the server does not allow this method on the requested resource")


def not_found(group: str, plural: str, name: str) -> KubeError:
    """404 for one object."""
    return KubeError(404, f'{_qualified(plural, group)} "{name}" not found', details={"name": name, "group": group, "kind": plural})


def already_exists(group: str, plural: str, name: str) -> KubeError:
    """409: creation of a name that is taken."""
    return KubeError(409, f'{_qualified(plural, group)} "{name}" already exists', "AlreadyExists", {"name": name, "group": group, "kind": plural})


def conflict(group: str, plural: str, name: str, why: str) -> KubeError:
    """409: the object is not (any more) what the writer believed."""
    message = f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": {why}'
    return KubeError(409, message, details={"name": name, "group": group, "kind": plural})


def precondition_failed(group: str, kind: str, plural: str, name: str, why: str) -> KubeError:
    """409 for a deletion of another object than the one that is there. Unlike other conflicts it names the kind, not the plural."""
    message = f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": Precondition failed: {why}'
    return KubeError(409, message, details={"name": name, "group": group, "kind": kind})


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Json] = ()) -> KubeError:
    """403: never allowed, whoever asks."""
    details: Json = {"name": name, "group": group, "kind": plural, **({"causes": list(causes)} if causes else {})}
    return KubeError(403, f'{_qualified(plural, group)} "{name}" is forbidden: {why}', details=details)


def terminating(group: str, plural: str, name: str, namespace: str) -> KubeError:
    """403: nothing can be made in a namespace that is going."""
    causes = [{"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated", "field": "metadata.namespace"}]
    return forbidden(group, plural, name, f"unable to create new content in namespace {namespace} because it is being terminated", causes)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> KubeError:
    """422: understood, but not acceptable; one cause per field at fault."""
    texts = [f"{field}: {message}" for field, message in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    listed = [{"reason": _CAUSES.get(message.split(":")[0], "FieldValueInvalid"), "message": message, "field": field} for field, message in causes]
    return KubeError(422, f'{_qualified(kind, group)} "{name}" is invalid: {joined}', details={"name": name, "group": group, "kind": kind, "causes": listed})


def _qualified(name: str, group: str) -> str:
    return f"{name}.{group}" if group else name
