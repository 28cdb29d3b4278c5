# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ark_schedule: one schedule of Ark or Velero, with everything that the command line's ``create schedule`` has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._argspec import ArgumentSpec
from .._dr.cron import check_cron
from .._env import Env
from .._errors import ApiError, ConfigError
from .._kube import ark as ark_kinds
from .._kube import schedules
from .._kube.client import KubeClient
from .._kube.dialect import ArkAccess, Dialect
from .ark_options import BACKUP, CONNECTION, backup_spec, check_name, open_ark, text_map

SPEC = CONNECTION.merge(BACKUP).merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "schedule": {"type": "str"},
            "paused": {"type": "bool"},
            "skip_immediately": {"type": "bool"},
            "use_owner_references_in_backup": {"type": "bool"},
        },
        required_if=(("state", "present", ("schedule",)),),
    ),
)
_OWN = {"paused": "paused", "skip_immediately": "skipImmediately", "use_owner_references_in_backup": "useOwnerReferencesInBackup"}


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """The schedule as asked for, or its absence.

    Returns:
        ``changed``, ``steps``, and ``schedule`` {name, schedule, phase, paused, last_backup, template}; with ``env.diff`` also ``diff``.

    Raises:
        ConfigError: an option can not be used; nothing was sent.
        ApiError: the server refuses the schedule as it stands (phase FailedValidation).
    """
    name = check_name("name", params.get("name"))
    client, ark = open_ark(params, env)
    if params.get("state") == "absent":
        return _absent(client, ark, name, env)
    wish = wish_of(params, ark.dialect)
    ark_kinds.check_installed(client, ark, ("schedules",))
    before = schedules.read(client, ark, name)
    env.reporter.step_started("schedule", {"name": name, "schedule": wish.spec["schedule"]})
    seen, changed = schedules.ensure(client, ark, name, wish, check_mode=env.check_mode)
    env.reporter.step_ended("schedule", describe(seen), changed)
    if seen is not None and seen.phase == "FailedValidation" and not changed:
        raise ApiError(
            "the server refuses this schedule: " + ("; ".join(seen.validation_errors) or "it does not say why"), system=client.system, operation="ark_schedule",
            obj=name, seen=describe(seen),
        )
    return _result(changed, seen, in_user_terms(before), predicted(before, wish), env)


def wish_of(params: Mapping[str, Any], dialect: Dialect) -> schedules.Wish:
    """The options that are given. What is not given is left as it is found.

    Raises:
        ConfigError: naming the option.
    """
    cron = check_cron(str(params.get("schedule") or ""), "schedule")
    spec: dict[str, Any] = {"schedule": cron, "template": backup_spec(params, dialect)}
    for option, field in _OWN.items():
        if params.get(option) is None:
            continue
        if field not in dialect.schedule_options:
            raise ConfigError(
                option, f"{dialect.product} ({dialect.group}) has no such option",
                advice="There a schedule is stopped by removing it." if option == "paused" else "Leave it out, or use Velero.",
            )
        spec[field] = bool(params[option])
    return schedules.Wish(spec, text_map(params.get("labels")), text_map(params.get("annotations")))


def in_user_terms(seen: schedules.Schedule | None) -> dict[str, Any]:
    """For the diff: what a user may set, without what the server writes."""
    if seen is None:
        return {"state": "absent"}
    metadata, spec = seen.raw.get("metadata") or {}, {key: value for key, value in (seen.raw.get("spec") or {}).items() if value is not None}
    return {"state": "present", "labels": metadata.get("labels") or {}, "annotations": metadata.get("annotations") or {}, **spec}


def predicted(before: schedules.Schedule | None, wish: schedules.Wish) -> dict[str, Any]:
    """For the diff: what the run leaves, in the same terms, without what the server completes; the same in check mode as in a run."""
    raw = before.raw if before else {"metadata": {}, "spec": {}}
    patch = schedules.changes(wish, raw) if before else {"spec": wish.spec, "metadata": {"labels": wish.labels or {}, "annotations": wish.annotations or {}}}
    metadata = merged(raw.get("metadata") or {}, patch.get("metadata") or {})
    spec = merged(raw.get("spec") or {}, patch.get("spec") or {})
    return {"state": "present", "labels": metadata.get("labels") or {}, "annotations": metadata.get("annotations") or {}, **spec}


def merged(live: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch applied (RFC 7386)."""
    result = dict(live)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            found = result.get(key)
            result[key] = merged(found if isinstance(found, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def describe(seen: schedules.Schedule | None) -> dict[str, Any] | None:
    """For results."""
    if seen is None:
        return None
    return {
        "name": seen.name, "schedule": seen.cron, "phase": seen.phase, "paused": seen.paused, "template": seen.template,
        "last_backup": seen.last_backup.isoformat() if seen.last_backup else None, "validation_errors": list(seen.validation_errors),
    }


def _absent(client: KubeClient, ark: ArkAccess, name: str, env: Env) -> dict[str, Any]:
    before = schedules.read(client, ark, name)
    env.reporter.step_started("schedule", {"name": name, "state": "absent"})
    seen, changed = schedules.absent(client, ark, name, check_mode=env.check_mode)
    env.reporter.step_ended("schedule", None, changed)
    return _result(changed, None if env.check_mode and changed else seen, in_user_terms(before), in_user_terms(None), env)


def _result(changed: bool, seen: schedules.Schedule | None, before: dict[str, Any], after: dict[str, Any], env: Env) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": changed, "schedule": describe(seen), "steps": [{"name": "schedule", "changed": changed, "seen": describe(seen)}]}
    return {**result, "diff": {"before": before, "after": after}} if env.diff else result
