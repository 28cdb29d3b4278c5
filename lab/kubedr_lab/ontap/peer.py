# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cluster answers to the other. Every operation but the first handshake needs an accepted cluster peer on this side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .core import Core
from .errors import ApiError
from .tables import Record

PeerOp = Callable[[Core, Record], Awaitable[Record]]
OPS: dict[str, PeerOp] = {}
OPEN = {"peer_hello"}


def peer_op(name: str) -> Callable[[PeerOp], PeerOp]:
    """Register the answer to a message with ``op: name``."""

    def register(function: PeerOp) -> PeerOp:
        OPS[name] = function
        return function

    return register


async def answer_peer(core: Core, message: dict[str, Any]) -> dict[str, Any]:
    """One answer to the other cluster; refusals travel under ``error``, a stranger gets ``unknown_peer``."""
    op = str(message.get("op"))
    if op not in OPS:
        return {"error": {"status": 400, "code": 3, "message": f"unknown operation {op}"}}
    known = any(peer["remote_uuid"] == message.get("cluster_uuid") for peer in core.tables.all("cluster_peer", joined=True))
    if op not in OPEN and not known:
        return {"unknown_peer": True}
    try:
        answer = await OPS[op](core, message)
    except ApiError as error:
        answer = {"error": {"status": error.status, **error.record()}}
    core.tables.flush()
    return answer


@peer_op("ping")
async def _ping(core: Core, message: Record) -> Record:
    return {"name": core.name}
