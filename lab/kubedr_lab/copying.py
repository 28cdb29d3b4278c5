# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of JSON data, several times as fast as copy.deepcopy, which looks for cycles and objects that JSON cannot hold."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
_SCALARS = (str, int, float, bool, type(None))


def copied(value: T) -> T:
    """The same data; dicts and lists at every depth are new ones."""
    if isinstance(value, dict):
        return {key: inner if isinstance(inner, _SCALARS) else copied(inner) for key, inner in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [inner if isinstance(inner, _SCALARS) else copied(inner) for inner in value]  # type: ignore[return-value]
    return value
