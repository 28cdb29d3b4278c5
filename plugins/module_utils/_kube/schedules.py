# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Ark's schedules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import ark as ark_kinds
from .client import KubeClient, act
from .dialect import ArkAccess, parse_time, subset_of


@dataclass(frozen=True)
class Schedule:
    """One Schedule object. ``last_backup`` is the server's time."""

    name: str
    cron: str
    phase: str
    paused: bool
    last_backup: datetime | None
    template: dict[str, Any]
    validation_errors: tuple[str, ...]
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Schedule:
        """From the API's JSON."""
        spec, status = record.get("spec") or {}, record.get("status") or {}
        return cls(
            name=str(record["metadata"]["name"]), cron=str(spec.get("schedule", "")), phase=str(status.get("phase") or "New"),
            paused=bool(spec.get("paused")), last_backup=parse_time(status.get("lastBackup")), template=dict(spec.get("template") or {}),
            validation_errors=tuple(map(str, status.get("validationErrors") or ())), raw=record,
        )


@dataclass(frozen=True)
class Wish:
    """What is wanted of a schedule. Whatever is not named is left as it is found; None as a value removes the field."""

    spec: dict[str, Any]
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


def read(client: KubeClient, ark: ArkAccess, name: str) -> Schedule | None:
    """One schedule by name."""
    record = client.get(ark.path("schedules", name))
    return None if record is None else Schedule.from_record(record)


def list_schedules(client: KubeClient, ark: ArkAccess) -> list[Schedule]:
    """Every schedule of this cluster."""
    return [Schedule.from_record(record) for record in ark_kinds.items(client, ark, "schedules")]


def ensure(client: KubeClient, ark: ArkAccess, name: str, wish: Wish, *, check_mode: bool = False) -> tuple[Schedule | None, bool]:
    """The schedule exists as wished. Fields that the server completed, and options that are not named, stay."""
    return act(
        client, lambda: read(client, ark, name), lambda seen: seen is not None and not changes(wish, seen.raw),
        lambda seen: _create(client, ark, name, wish) if seen is None else client.merge(ark.path("schedules", name), changes(wish, seen.raw)),
        what=f"schedule {name}", check_mode=check_mode,
    )


def absent(client: KubeClient, ark: ArkAccess, name: str, *, check_mode: bool = False) -> tuple[Schedule | None, bool]:
    """The schedule does not exist. Its backups stay, unless it owns them (``useOwnerReferencesInBackup``)."""
    return act(
        client, lambda: read(client, ark, name), lambda seen: seen is None, lambda _seen: client.delete(ark.path("schedules", name)),
        what=f"remove schedule {name}", check_mode=check_mode,
    )


def set_paused(client: KubeClient, ark: ArkAccess, name: str, paused: bool, *, check_mode: bool = False) -> tuple[Schedule | None, bool]:
    """Paused or not, where the product knows it. A schedule that does not exist is as good as paused."""
    found = read(client, ark, name)
    if found is None or not ark.dialect.has_paused:
        return found, False
    return ensure(client, ark, name, Wish({"paused": paused}), check_mode=check_mode)


def changes(wish: Wish, live: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that makes the live object as wished; empty when it is."""
    patch: dict[str, Any] = {}
    spec = _spec_changes(wish.spec, live.get("spec") or {})
    if spec:
        patch["spec"] = spec
    for key, wanted in (("labels", wish.labels), ("annotations", wish.annotations)):
        found = (live.get("metadata") or {}).get(key) or {}
        differing = {name: value for name, value in (wanted or {}).items() if found.get(name) != value}
        if differing:
            patch.setdefault("metadata", {})[key] = differing
    return patch


def _spec_changes(wanted: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """Per option of the spec and of its template: an option is replaced as a whole."""
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        if key == "template":
            template = _spec_changes(value, live.get("template") or {})
            if template:
                patch["template"] = template
        elif not same_option(key, value, live.get(key)):
            patch[key] = exact_patch(value, live.get(key))
    return patch


def same_option(key: str, wanted: Any, live: Any) -> bool:
    """Whether an option stands as wished. Unlike the rest of a spec, an option that is a dict has no room for more keys than were asked for."""
    if isinstance(wanted, dict) and isinstance(live, dict) and set(wanted) != set(live):
        return False
    if wanted in ([], {}) and not live:
        return True
    return subset_of(wanted, live, key)


def exact_patch(wanted: Any, live: Any) -> Any:
    """The merge patch (RFC 7386) that turns ``live`` into exactly ``wanted``."""
    if not isinstance(wanted, dict) or not isinstance(live, dict):
        return wanted
    gone = {key: None for key in live if key not in wanted}
    return {**gone, **{key: exact_patch(value, live.get(key)) for key, value in wanted.items() if live.get(key) != value}}


def _create(client: KubeClient, ark: ArkAccess, name: str, wish: Wish) -> dict[str, Any]:
    body = ark.manifest("Schedule", name, _without_none(wish.spec), labels=wish.labels)
    if wish.annotations:
        body["metadata"]["annotations"] = wish.annotations
    return ark_kinds.create(client, ark, "schedules", body)


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _without_none(item) if isinstance(item, dict) else item for key, item in value.items() if item is not None}
