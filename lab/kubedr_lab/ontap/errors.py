# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ONTAP's error envelope and the codes that the simulator answers with (ONTAP REST reference, per-endpoint error tables)."""

from __future__ import annotations

from typing import Any

REFUSED = 13001
"""The general code of a command that refuses, used where no published table names a code."""


class ApiError(Exception):
    """One refusal: HTTP status, ONTAP code (a string on the wire), message, and the field it is about."""

    def __init__(self, status: int, code: int, message: str, target: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.target = status, code, message, target

    def record(self) -> dict[str, Any]:
        """As found under ``error`` in an answer and in a job."""
        found = {"message": self.message, "code": str(self.code)}
        return {**found, "target": self.target} if self.target else found


def refused(code: int, message: str, target: str = "") -> ApiError:
    """A 400 with ``code``."""
    return ApiError(400, code, message, target)


def conflict(code: int, message: str) -> ApiError:
    """A 409: it exists already."""
    return ApiError(409, code, message)


def not_found(target: str = "uuid") -> ApiError:
    """A 404."""
    return ApiError(404, 4, "entry doesn't exist", target)


def unexpected_argument(name: str) -> ApiError:
    """A query parameter or body field that does not exist."""
    return ApiError(400, 262179, f'Unexpected argument "{name}".', name)


def invalid_value(field: str, value: object) -> ApiError:
    """A value that the field cannot take, or an unknown name inside ``fields``."""
    return ApiError(400, 262197, f'The value "{value}" is invalid for field "{field}".', field)


def missing(field: str) -> ApiError:
    """A required field that was not given."""
    return ApiError(400, 262212, f'Field "{field}" is required.', field)


def method_not_allowed() -> ApiError:
    """A method that the path does not have."""
    return ApiError(405, 3, "API is not implemented for this method.")


def no_peer_contact(what: str) -> ApiError:
    """The peer cluster did not answer (seen in the field with a dead primary: ansible-collections/netapp.ontap issue 348)."""
    return ApiError(500, 262224, f"Failed to contact peer cluster: {what}.")
