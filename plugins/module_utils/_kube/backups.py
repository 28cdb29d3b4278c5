# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Ark's backups: parsed, listed, asked for and waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._clock import poll
from .._errors import ApiError, Conflict
from . import ark as ark_kinds
from .client import KubeClient, act
from .dialect import ArkAccess, Dialect, label_value, parse_time, subset_of

ASKED_LABEL = "kubedr.ontap/asked-for"
"""On backups that a run asked for, so that a read-only hold can wait for them without listing every backup."""


@dataclass(frozen=True)
class Backup:
    """One Backup object. Times are the server's that wrote it; ``schedule`` is empty when no schedule made it; ``namespaces`` are those asked for."""

    name: str
    phase: str
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    schedule: str
    namespaces: tuple[str, ...]
    errors: int
    warnings: int
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_record(cls, record: dict[str, Any], dialect: Dialect) -> Backup:
        """From the API's JSON."""
        metadata, spec, status = record.get("metadata") or {}, record.get("spec") or {}, record.get("status") or {}
        labels = metadata.get("labels") or {}
        return cls(
            name=str(metadata.get("name", "")),
            phase=str(status.get("phase") or "New"),
            started_at=parse_time(status.get("startTimestamp")),
            completed_at=parse_time(status.get("completionTimestamp")),
            expires_at=parse_time(status.get("expiration")),
            schedule=str(labels.get(dialect.schedule_label, "")),
            namespaces=tuple(spec.get("includedNamespaces") or ("*",)),
            errors=int(status.get("errors") or 0),
            warnings=int(status.get("warnings") or 0),
            raw=record,
        )

    @property
    def created_at(self) -> datetime | None:
        """When this cluster saw it first, by its own clock; a synced one is made when it is found in the bucket."""
        return parse_time((self.raw.get("metadata") or {}).get("creationTimestamp"))

    @property
    def excluded_namespaces(self) -> tuple[str, ...]:
        """Namespaces that were kept out."""
        return tuple((self.raw.get("spec") or {}).get("excludedNamespaces") or ())

    @property
    def why_failed(self) -> str:
        """What the server says about a backup that did not end well."""
        status = self.raw.get("status") or {}
        return "; ".join([*map(str, status.get("validationErrors") or ()), *([str(status["failureReason"])] if status.get("failureReason") else [])])


def list_backups(client: KubeClient, ark: ArkAccess, *, schedule: str = "", label_selector: str = "") -> list[Backup]:
    """Newest start first; those that have not started last.

    Args:
        schedule: only those that a schedule of this name wrote, on whichever cluster.
    """
    selector = label_selector or (f"{ark.dialect.schedule_label}={label_value(schedule)}" if schedule else "")
    found = [Backup.from_record(item, ark.dialect) for item in ark_kinds.items(client, ark, "backups", selector)]
    return sorted(found, key=lambda backup: (backup.started_at.timestamp() if backup.started_at else -1.0, backup.name), reverse=True)


def read(client: KubeClient, ark: ArkAccess, name: str) -> Backup | None:
    """One backup by name."""
    record = client.get(ark.path("backups", name))
    return None if record is None else Backup.from_record(record, ark.dialect)


def create_and_wait(
    client: KubeClient, ark: ArkAccess, spec: dict[str, Any], name: str, deadline: float, on_look: Callable[[Backup], None] = lambda seen: None, *,
    check_mode: bool = False, labels: dict[str, str] | None = None,
) -> tuple[Backup | None, bool]:
    """Make the backup unless it stands already, and wait until the server is done with it, well or not: look at ``phase``.

    Args:
        name: chosen before, and recorded, so that a rerun finds its own backup instead of making another.
        deadline: seconds.

    Returns:
        The finished backup (None in check mode when there is none yet), and whether it was made now.

    Raises:
        Conflict: a backup of that name exists with another spec.
        WaitTimeout: not done in time.
    """
    spec = {**spec, **({"storageLocation": ark.storage_location} if ark.dialect.has_location and "storageLocation" not in spec else {})}
    body = ark.manifest("Backup", name, spec, labels={**(labels or {}), ASKED_LABEL: "true"})

    found, changed = act(
        client, lambda: read(client, ark, name), lambda seen: seen is not None, lambda _seen: ark_kinds.create(client, ark, "backups", body),
        what="create backup", check_mode=check_mode,
    )
    if found is None:
        return None, changed
    if not subset_of(spec, found.raw.get("spec") or {}):
        raise Conflict(
            "a backup of this name exists with another spec", system=client.system, operation="create backup", obj=name, seen=found.phase,
            advice="Give another name.",
        )
    if check_mode:
        return found, changed
    return wait(client, ark, name, deadline, on_look), changed


def wait(client: KubeClient, ark: ArkAccess, name: str, deadline: float, on_look: Callable[[Backup], None] = lambda seen: None) -> Backup:
    """Until the server is done with it."""

    def fetch() -> Backup:
        seen = read(client, ark, name)
        if seen is None:
            raise ApiError("the backup was deleted while it was waited for", system=client.system, operation="wait for backup", obj=name)
        return seen

    return poll(
        client.clock, fetch, lambda seen: seen.phase in ark.dialect.backup_done, timeout=deadline, what=f"wait for backup {name}", system=client.system,
        describe=lambda seen: seen.phase, on_look=on_look,
    )
