# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Backup storage locations: how fresh they are, and the read-only hold that restores take.

The hold is counted in an annotation on the location itself, so that it outlives a killed run and is shared by all groups: the first holder remembers
the access mode that it found and makes the location read-only, the last one puts it back.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._clock import poll
from .._errors import ApiError, ConfigError
from . import backups
from .client import KubeClient, act
from .dialect import ArkAccess, parse_time, seconds

HOLD_ANNOTATION = "kubedr.ontap/read-only-hold"
READ_ONLY = "ReadOnly"
SYNC_PERIOD = VALIDATION_PERIOD = 60.0


@dataclass(frozen=True)
class Location:
    """A BackupStorageLocation. ``found`` is False where the cluster has none of this name (Ark 0.9 has no such kind at all)."""

    name: str
    found: bool
    phase: str = ""
    access_mode: str = ""
    message: str = ""
    bucket: str = ""
    prefix: str = ""
    provider: str = ""
    last_synced: datetime | None = None
    last_validated: datetime | None = None
    sync_period: float = SYNC_PERIOD
    validation_period: float = VALIDATION_PERIOD
    holders: tuple[str, ...] = ()
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Location:
        """From the API's JSON. Periods are in seconds; a negative one means the server's default."""
        spec, status = record.get("spec") or {}, record.get("status") or {}
        store = spec.get("objectStorage") or {}
        return cls(
            name=str(record["metadata"]["name"]), found=True, phase=str(status.get("phase") or ""), access_mode=str(spec.get("accessMode") or ""),
            message=str(status.get("message") or ""), bucket=str(store.get("bucket") or ""), prefix=str(store.get("prefix") or ""),
            provider=str(spec.get("provider") or ""), last_synced=parse_time(status.get("lastSyncedTime")),
            last_validated=parse_time(status.get("lastValidationTime")), sync_period=_period(spec.get("backupSyncPeriod"), SYNC_PERIOD),
            validation_period=_period(spec.get("validationFrequency"), VALIDATION_PERIOD), holders=tuple(sorted(_hold(record)["holders"])), raw=record,
        )

    @property
    def read_only(self) -> bool:
        """Whether the server refuses to write backups there."""
        return self.access_mode == READ_ONLY


def read(client: KubeClient, ark: ArkAccess) -> Location:
    """The location that this access names."""
    record = client.get(ark.path("backupstoragelocations", ark.storage_location))
    return Location(ark.storage_location, False) if record is None else Location.from_record(record)


def staleness(location: Location, now: datetime | None) -> list[str]:
    """Why this cluster may not see the newest backups; empty when it does. Pure; ``now`` is the cluster's own clock.

    The product marks a healthy location ``Available`` where it has phases at all, validates it every ``validationFrequency`` and reads the bucket every
    ``backupSyncPeriod`` (velero backup_sync_controller.go, backup_storage_location_controller.go).
    """
    if not location.found:
        return []
    reasons = []
    if location.phase and location.phase != "Available":
        reasons.append(f"location {location.name} is {location.phase}" + (f": {location.message}" if location.message else ""))
    if now is None or not location.phase:
        return reasons
    for what, at, limit in (
        ("validated", location.last_validated, 2 * location.validation_period + 10 if location.validation_period else None),
        ("synced", location.last_synced, 2 * location.sync_period + 60 if location.sync_period else None),
    ):
        if limit is None:
            continue
        if at is None:
            reasons.append(f"location {location.name} was never {what}")
        elif (age := (now - at).total_seconds()) > limit:
            reasons.append(f"location {location.name} was last {what} {age:.0f} s ago, expected at most {limit:.0f} s")
    return reasons


def hold_read_only(client: KubeClient, ark: ArkAccess, holder: str, deadline: float, *, check_mode: bool = False) -> tuple[Location, bool]:
    """This holder's hold stands, and the location is read-only. Where the product has no read-only locations nothing is done.

    The first hold waits until no backup that a run asked for is going on there: it would fail.

    Args:
        holder: the same word at every rerun, such as the group's name.

    Raises:
        WaitTimeout: such a backup went on past the deadline.
    """
    if not ark.dialect.has_read_only:
        return read(client, ark), False
    look, first = _look(client, ark), _look(client, ark)()
    if not check_mode and not first.holders:
        _wait_no_asked_backup(client, ark, deadline)
        first = look()

    def send(seen: Location) -> None:
        record = copy.deepcopy(seen.raw)
        hold = _hold(record)
        if not hold["holders"]:
            hold["found"] = (record.get("spec") or {}).get("accessMode")
        _write(client, ark, record, {**hold, "holders": sorted({*hold["holders"], holder})}, READ_ONLY)

    return act(client, look, lambda seen: holder in seen.holders and seen.read_only, send, what="hold read-only", check_mode=check_mode, first=lambda: first)


def release_hold(client: KubeClient, ark: ArkAccess, holder: str, *, check_mode: bool = False) -> tuple[Location, bool]:
    """This holder's hold is gone; with the last one the access mode is again what the first one found."""
    if not ark.dialect.has_read_only:
        return read(client, ark), False

    def send(seen: Location) -> None:
        record = copy.deepcopy(seen.raw)
        hold = _hold(record)
        left = sorted(set(hold["holders"]) - {holder})
        _write(client, ark, record, {**hold, "holders": left} if left else None, READ_ONLY if left else hold["found"])

    return act(client, _look(client, ark), lambda seen: holder not in seen.holders, send, what="release read-only hold", check_mode=check_mode)


def wait_no_hold(client: KubeClient, ark: ArkAccess, deadline: float, on_look: Callable[[Location], None] = lambda seen: None) -> Location:
    """Until no restore holds the location: a backup asked for before would be refused.

    Raises:
        WaitTimeout: naming the holders.
    """
    return poll(
        client.clock, lambda: read(client, ark), lambda seen: not seen.holders, timeout=deadline, what="wait until no restore holds the backup location",
        system=client.system, describe=lambda seen: {"holders": list(seen.holders)}, on_look=on_look,
    )


def _look(client: KubeClient, ark: ArkAccess) -> Callable[[], Location]:
    def look() -> Location:
        seen = read(client, ark)
        if not seen.found:
            raise ConfigError("ark.storage_location", f"{client.system} has no backup storage location {ark.storage_location!r} in {ark.namespace}")
        return seen

    return look


def _wait_no_asked_backup(client: KubeClient, ark: ArkAccess, deadline: float) -> None:
    def running() -> list[str]:
        asked = backups.list_backups(client, ark, label_selector=f"{backups.ASKED_LABEL}=true")
        return [backup.name for backup in asked if backup.phase not in ark.dialect.backup_done and backup.phase != "Deleting"]

    poll(client.clock, running, lambda names: not names, timeout=deadline, what="wait for backups that were asked for", system=client.system)


def _hold(record: dict[str, Any]) -> dict[str, Any]:
    """``{"holders": [...], "found": access mode or None}`` out of the annotation."""
    text = ((record.get("metadata") or {}).get("annotations") or {}).get(HOLD_ANNOTATION)
    if not text:
        return {"holders": [], "found": None}
    try:
        hold = json.loads(text)
        return {"holders": [str(name) for name in hold["holders"]], "found": hold.get("found")}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        name = str((record.get("metadata") or {}).get("name", ""))
        raise ApiError(
            f"annotation {HOLD_ANNOTATION} is unreadable", operation="read backup location", obj=name, seen=str(text)[:200],
            advice="Remove the annotation and set the location's accessMode as it should be, once no restore runs.",
        ) from error


def _write(client: KubeClient, ark: ArkAccess, record: dict[str, Any], hold: dict[str, Any] | None, access_mode: str | None) -> None:
    """PUT with the resourceVersion that was read: two holders at once never lose one of them."""
    annotations = record["metadata"].setdefault("annotations", {})
    if hold is None:
        annotations.pop(HOLD_ANNOTATION, None)
    else:
        annotations[HOLD_ANNOTATION] = json.dumps(hold, sort_keys=True)
    record.setdefault("spec", {}).pop("accessMode", None)
    if access_mode:
        record["spec"]["accessMode"] = access_mode
    client.replace(ark.path("backupstoragelocations", ark.storage_location), record)


def _period(value: Any, default: float) -> float:
    found = seconds(str(value)) if value not in (None, "") else None
    return default if found is None or found < 0 else found
