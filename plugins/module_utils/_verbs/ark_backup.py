# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ark_backup: one backup under a given name, made once and waited for."""

from __future__ import annotations

from typing import Any

from .._argspec import ArgumentSpec
from .._env import Env
from .._errors import ConfigError, JobFailed
from .._kube import ark as ark_kinds
from .._kube import backups, locations, schedules
from .._kube.backups import Backup
from .._kube.client import KubeClient
from .._kube.dialect import ArkAccess, label_value
from .ark_options import BACKUP, CONNECTION, backup_spec, check_name, check_timeout, open_ark, text_map

SPEC = CONNECTION.merge(BACKUP).merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "from_schedule": {"type": "str"},
            "timeout": {"type": "int", "default": 1800},
            "hold_timeout": {"type": "int", "default": 900},
        },
    ),
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """The backup exists and is Completed.

    Returns:
        ``changed``, ``steps`` and ``backup`` (see ``describe``).

    Raises:
        ConfigError: an option can not be used, or the schedule that it is taken from does not exist.
        Conflict: a backup of this name exists with another spec.
        JobFailed: the backup ended otherwise than Completed.
        WaitTimeout: a restore held the location, or the backup went on, past the deadline.
    """
    name = check_name("name", params.get("name"))
    client, ark = open_ark(params, env)
    given = backup_spec(params, ark.dialect)
    timeout, hold_timeout = check_timeout(params, "timeout", 1800.0), check_timeout(params, "hold_timeout", 900.0)
    ark_kinds.check_installed(client, ark, ("backups",))
    spec, labels = _from_schedule(client, ark, params, given)
    labels = {**labels, **(text_map(params.get("labels")) or {})}
    before = backups.read(client, ark, name)
    if before is None and not env.check_mode and ark.dialect.has_read_only:
        locations.wait_no_hold(client, ark, hold_timeout, lambda seen: _held(env, seen))
    env.reporter.step_started("backup", {"name": name})
    found, changed = backups.create_and_wait(
        client, ark, spec, name, timeout, lambda seen: env.reporter.progress(f"backup {name}: {progress_of(seen)}"), check_mode=env.check_mode, labels=labels,
    )
    env.reporter.step_ended("backup", describe(found), changed)
    if found is not None and not env.check_mode:
        require_completed(found, client.system)
    result = {"changed": changed, "backup": describe(found), "steps": [{"name": "backup", "changed": changed, "seen": describe(found)}]}
    if env.diff:
        there = {"state": "present", "name": name}
        result["diff"] = {"before": there if before else {"state": "absent"}, "after": there}
    return result


def require_completed(found: Backup, system: str) -> Backup:
    """Only a Completed backup can be relied on.

    Raises:
        JobFailed: with what the server says.
    """
    if found.phase == "Completed" and not found.errors:
        return found
    reason = found.why_failed or f"{found.errors} errors"
    raise JobFailed(
        f"the backup ended {found.phase}: {reason}", system=system, operation="ark_backup", obj=found.name, seen=describe(found),
        advice="A backup is never run again: mend the cause and give another name.",
    )


def progress_of(seen: Backup) -> str:
    """Phase and, where the server counts, objects."""
    progress = (seen.raw.get("status") or {}).get("progress") or {}
    return seen.phase + (f", {progress.get('itemsBackedUp', 0)} of {progress['totalItems']} objects" if progress.get("totalItems") else "")


def describe(found: Backup | None) -> dict[str, Any] | None:
    """For results. Times are ISO 8601, UTC."""
    if found is None:
        return None
    times = {"started_at": found.started_at, "completed_at": found.completed_at, "expires_at": found.expires_at}
    return {
        "name": found.name, "phase": found.phase, **{key: value.isoformat() if value else None for key, value in times.items()}, "schedule": found.schedule,
        "included_namespaces": list(found.namespaces), "excluded_namespaces": list(found.excluded_namespaces), "errors": found.errors,
        "warnings": found.warnings,
    }


def _from_schedule(client: KubeClient, ark: ArkAccess, params: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The schedule's template, with the options that are given on top, and the label by which the schedule's backups are known."""
    name = params.get("from_schedule")
    if not name:
        return {key: value for key, value in given.items() if value is not None}, {}
    schedule = schedules.read(client, ark, str(name))
    if schedule is None:
        raise ConfigError("from_schedule", f"{client.system} has no schedule {name!r} in {ark.namespace}")
    spec = {key: value for key, value in {**schedule.template, **given}.items() if value is not None and key != "metadata"}
    return spec, {ark.dialect.schedule_label: label_value(schedule.name)}


def _held(env: Env, seen: locations.Location) -> None:
    if seen.holders:
        env.reporter.progress(f"backup location {seen.name} is held read-only by restores of {', '.join(seen.holders)}")
