# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Ark's restores: made once under a given name, waited for, and judged by what the server says afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from .._clock import CLOSE_GROWTH, poll
from .._errors import ApiError, Conflict, KubedrError
from . import ark as ark_kinds
from . import results
from .client import KubeClient, act
from .dialect import ArkAccess, Dialect, subset_of
from .downloads import Fetch, download, gunzip
from .results import Message

RESTARTED = 'found a restore with status "InProgress" during the server starting'
"""What a server writes into ``failureReason`` of the restores that its predecessor left running (velero server.go)."""


@dataclass(frozen=True)
class RestoreResult:
    """A finished restore. ``items`` is how many objects were restored, None where the server does not count.

    ``error_count`` and ``warning_count`` are the server's own counters: they stand also where the messages could not be fetched (``results_missing`` says why).
    """

    name: str
    phase: str
    warnings: list[Message]
    errors: list[Message]
    items: int | None
    backup: str = ""
    error_count: int = 0
    warning_count: int = 0
    reason: str = ""
    results_missing: str = ""
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Completed without a single error. Ark ends ``Completed`` whatever the number of errors, so the count decides too."""
        return self.phase == "Completed" and not self.error_count and not self.errors

    @property
    def interrupted(self) -> bool:
        """A restart of the server ended it: nothing resumes it, it takes a new Restore with a new name."""
        return self.phase == "Failed" and RESTARTED in self.reason

    @property
    def unexpected_warnings(self) -> list[Message]:
        """Warnings that a restore over a running cluster does not always give."""
        return [message for message in self.warnings if not message.expected]

    def as_dict(self) -> dict[str, Any]:
        """For a task's result."""
        return {
            "name": self.name, "phase": self.phase, "backup": self.backup, "items": self.items, "error_count": self.error_count,
            "warning_count": self.warning_count, "reason": self.reason, "results_missing": self.results_missing, "interrupted": self.interrupted,
            "errors": [message.as_dict() for message in self.errors], "warnings": [message.as_dict() for message in self.warnings],
        }


def read(client: KubeClient, ark: ArkAccess, name: str) -> dict[str, Any] | None:
    """The Restore object, or None."""
    return client.get(ark.path("restores", name))


def phase_of(record: dict[str, Any]) -> str:
    """``New`` until the server has seen it."""
    return str((record.get("status") or {}).get("phase") or "New")


def progress_of(record: dict[str, Any]) -> str:
    """For progress lines: phase and, where the server counts, objects. The total may change while it runs."""
    progress = (record.get("status") or {}).get("progress") or {}
    counted = f", {progress.get('itemsRestored', 0)} of {progress['totalItems']} objects" if progress.get("totalItems") else ""
    return phase_of(record) + counted


def list_restores(client: KubeClient, ark: ArkAccess) -> list[dict[str, Any]]:
    """Every Restore of this cluster; they are never synced between clusters."""
    return list(ark_kinds.items(client, ark, "restores"))


def unfinished(client: KubeClient, ark: ArkAccess, prefix: str) -> bool:
    """Whether a Restore whose name begins so has not ended, as far as can be seen: what cannot be looked at may run."""
    try:
        mine = [found for found in list_restores(client, ark) if str(found["metadata"]["name"]).startswith(prefix)]
    except KubedrError:
        return True
    return any(phase_of(found) not in ark.dialect.restore_done for found in mine)


def ensure(
    client: KubeClient, ark: ArkAccess, spec: dict[str, Any], name: str, *, check_mode: bool = False, labels: dict[str, str] | None = None,
    fresh: bool = False,
) -> tuple[dict[str, Any] | None, bool]:
    """The Restore of this name exists with this spec. One that exists is adopted, whatever its phase: a Restore is never run twice.

    Args:
        fresh: the name was never used: it is sent without a first look, and one that stands there all the same is adopted as well.

    Raises:
        Conflict: one of that name exists with another spec.
    """
    body = ark.manifest("Restore", name, spec, labels=labels)
    found, changed = act(
        client, lambda: read(client, ark, name), lambda seen: seen is not None, lambda _seen: ark_kinds.create(client, ark, "restores", body),
        what="create restore", check_mode=check_mode, first=(lambda: None) if fresh and not check_mode else None,
    )
    if found is not None and not subset_of(spec, found.get("spec") or {}):
        raise Conflict(
            "a restore of this name exists with another spec", system=client.system, operation="create restore", obj=name, seen=phase_of(found),
            advice="A restore is never run again: give another name.",
        )
    return found, changed


def create_and_wait(
    client: KubeClient, ark: ArkAccess, spec: dict[str, Any], name: str, deadline: float,
    on_look: Callable[[dict[str, Any]], None] = lambda seen: None, fetch: Fetch | None = None, precreated: Collection[str] = (), *, fresh: bool = False,
) -> RestoreResult:
    """Make the restore unless it stands already, wait for its end, well or not, and read its results.

    Args:
        deadline: seconds until the terminal phase.
        on_look: called with the Restore object at each look.
        fetch: without it only the server's counters are known, not the messages.
        precreated: names of the PersistentVolumes that were made before on purpose.
        fresh: as for ``ensure``.

    Raises:
        Conflict: a restore of that name exists with another spec.
        WaitTimeout: not done in time. It goes on at the server; the same call finds it again.
    """
    ensure(client, ark, spec, name, fresh=fresh)
    return wait(client, ark, name, deadline, on_look, fetch, precreated)


def wait(
    client: KubeClient, ark: ArkAccess, name: str, deadline: float, on_look: Callable[[dict[str, Any]], None] = lambda seen: None,
    fetch: Fetch | None = None, precreated: Collection[str] = (),
) -> RestoreResult:
    """Until the server is done with it; then its results."""

    def look() -> dict[str, Any]:
        seen = read(client, ark, name)
        if seen is None:
            raise ApiError("the restore was deleted while it was waited for", system=client.system, operation="wait for restore", obj=name)
        return seen

    ended = poll(
        client.clock, look, lambda seen: phase_of(seen) in ark.dialect.restore_done, timeout=deadline, what=f"wait for restore {name}",
        system=client.system, describe=progress_of, on_look=on_look, growth=CLOSE_GROWTH,
    )
    result = from_record(ended, ark.dialect)
    return with_results(client, ark, result, fetch, precreated) if fetch else result


def from_record(record: dict[str, Any], dialect: Dialect) -> RestoreResult:
    """From the API's JSON, without messages except the server's own reasons."""
    status = record.get("status") or {}
    reason = "; ".join([*map(str, status.get("validationErrors") or ()), *([str(status["failureReason"])] if status.get("failureReason") else [])])
    restored = (status.get("progress") or {}).get("itemsRestored")
    return RestoreResult(
        name=str(record["metadata"]["name"]), phase=phase_of(record), warnings=[], errors=[], items=None if restored is None else int(restored),
        backup=str((record.get("spec") or {}).get("backupName") or ""), error_count=int(status.get("errors") or 0),
        warning_count=int(status.get("warnings") or 0), reason=reason, raw=record,
    )


def with_results(client: KubeClient, ark: ArkAccess, result: RestoreResult, fetch: Fetch, precreated: Collection[str] = ()) -> RestoreResult:
    """With the messages of the results file. That it can not be had is said, and is no failure of the restore by itself: the counters stand."""
    if not (result.error_count or result.warning_count) or result.phase == "FailedValidation":
        return result
    try:
        packed = download(client, ark, "RestoreResults", result.name, fetch)
        warnings, errors = results.parse(gunzip(packed, f"results of {result.name}", client.system), ark.dialect.results_key, precreated)
    except KubedrError as error:
        return replace(result, results_missing=str(error))
    return replace(result, warnings=warnings, errors=errors)
