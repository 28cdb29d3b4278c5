# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cores without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in one step; a core that would wait fails here."""
    ended: list[T] = []

    async def hold() -> None:
        ended.append(await work)

    with suppress(StopIteration):
        hold().send(None)
    if not ended:
        raise AssertionError("the core waited for something")
    return ended[0]
