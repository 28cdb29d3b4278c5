# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The lease of one run per group. Pure: reads and writes are the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .statement import instant, parse_instant

TTL_SECONDS = 60.0


@dataclass(frozen=True)
class Owner:
    """Who runs: enough to tell whether a process of the same host is dead. ``started`` is the process's start time in clock ticks."""

    run_id: str
    host: str
    boot_id: str
    pid: int
    started: str
    verb: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        return {"run_id": self.run_id, "host": self.host, "boot_id": self.boot_id, "pid": self.pid, "started": self.started, "verb": self.verb}

    def __str__(self) -> str:
        return f"{self.verb} {self.run_id} (process {self.pid} on {self.host})"


def grant(owner: Owner, now: datetime) -> dict[str, Any]:
    """The lease as written into the record. ``now`` is the clock of the cluster that holds it."""
    return {**owner.as_dict(), "renewed_at": instant(now), "expires_at": instant(now + timedelta(seconds=TTL_SECONDS))}


def holder(lease: Mapping[str, Any] | None) -> Owner | None:
    """The owner named in a lease, or None."""
    if not lease or not lease.get("run_id"):
        return None
    return Owner(
        str(lease["run_id"]), str(lease.get("host", "")), str(lease.get("boot_id", "")), int(lease.get("pid") or 0), str(lease.get("started", "")),
        str(lease.get("verb", "")),
    )


def free_for(lease: Mapping[str, Any] | None, owner: Owner, now: datetime, dead: bool) -> bool:
    """Whether ``owner`` may take it: nobody holds it, he holds it himself, its holder is a dead process of this host, or it has run out."""
    current = holder(lease)
    if current is None or current.run_id == owner.run_id or dead:
        return True
    expires = parse_instant((lease or {}).get("expires_at"))
    return expires is None or now >= expires
