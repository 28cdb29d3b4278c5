# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""SnapMirror schedules and policies. They are shared by all groups of a site."""

from __future__ import annotations

import itertools
import re
import traceback
from dataclasses import dataclass

from .._errors import ConfigError, KubedrError, Refused
from .act import Act, perform
from .client import OntapClient, exact
from .settings import CRON_PARTS, Policy, Schedule

CRONITER_IMPORT_ERROR: str | None
try:
    from croniter import CroniterError, croniter

    CRONITER_IMPORT_ERROR = None
except ImportError:
    CRONITER_IMPORT_ERROR = traceback.format_exc()

SCHEDULES, POLICIES = "/api/cluster/schedules", "/api/snapmirror/policies"
FLOOR_MINUTES, FLEXGROUP_FLOOR_MINUTES = 15, 30
"""The shortest interval that ONTAP supports for SVM-DR ("Replicate an entire ONTAP SVM configuration", ONTAP documentation)."""


@dataclass(frozen=True)
class Cron:
    """A checked cron expression: a name made from it, and the values at which each part fires (empty: at every one)."""

    expression: str
    name: str
    parts: tuple[tuple[str, tuple[int, ...]], ...]


def shortest_minutes(parts: tuple[tuple[str, tuple[int, ...]], ...]) -> int:
    """The shortest time between two firings within an hour, minutes; 60 where it fires once an hour or less. Source: ``Cron.parts`` or ``Schedule.cron``."""
    minutes = dict(parts).get("minutes") or tuple(range(60))
    return min((later - earlier for earlier, later in itertools.pairwise([*minutes, minutes[0] + 60])), default=60)


def is_cron(text: str) -> bool:
    """A name has no spaces, a cron expression has."""
    return len(text.split()) > 1


def parse_cron(text: str, variable: str = "transfer_schedule") -> Cron:
    """A five-field cron expression, checked.

    Raises:
        ConfigError: naming ``variable``.
        KubedrError: the Python package ``croniter`` is missing.
    """
    if CRONITER_IMPORT_ERROR is not None:
        raise KubedrError(
            "the Python package croniter is not installed where this runs", operation="import croniter", seen=CRONITER_IMPORT_ERROR,
            advice="Install it into the Python that runs Ansible: pip install croniter.",
        )
    fields = text.split()
    advice = "Minute, hour, day of month, month, day of week, such as '*/15 * * * *'."
    if len(fields) != 5 or not all(re.fullmatch(r"[0-9A-Za-z*,/-]+", item) for item in fields):
        raise ConfigError(variable, f"'{text}' is not a cron expression of five fields.", advice=advice)
    try:
        expanded = croniter.expand(" ".join(fields))[0]
    except (CroniterError, ValueError, KeyError) as error:
        raise ConfigError(variable, f"'{text}' is not a cron expression: {error}.", advice=advice) from None
    values = [tuple(sorted({int(item) for item in part if item != "*" and item != "l"})) for part in expanded]
    if any("l" in part for part in expanded):
        raise ConfigError(variable, f"'{text}' uses 'l', which ONTAP's schedules do not have.")
    minutes = values[0] or tuple(range(60))
    weekdays = tuple(sorted({day % 7 for day in values[4]}))
    name = "kubedr_" + "_".join(item.lower().replace("*", "x").replace("/", "by").replace(",", ".") for item in fields)
    return Cron(" ".join(fields), name, tuple(zip(CRON_PARTS, (minutes, *values[1:4], weekdays), strict=True)))


def find_schedule(client: OntapClient, name: str) -> Schedule | None:
    """The schedule of this name."""
    found = client.records(SCHEDULES, Schedule.FIELDS, name=exact(name))
    return Schedule.from_record(found[0]) if found else None


def ensure_schedule(client: OntapClient, cron: Cron, deadline: float) -> tuple[Schedule | None, bool]:
    """The cron schedule, under the name made from its expression, firing as the name says. None only in check mode."""
    body = {"name": cron.name, "cron": {part: list(values) for part, values in cron.parts if values}}

    def done(seen: Schedule | None) -> bool:
        return seen is not None and same_times(seen.cron, cron.parts)

    def send(seen: Schedule | None) -> object:
        if seen is None:
            return client.write("POST", SCHEDULES, body, hold=0)
        return client.write("PATCH", f"{SCHEDULES}/{seen.uuid}", {"cron": body["cron"]}, hold=0)

    return perform(client, Act("cron schedule", cron.name, lambda: find_schedule(client, cron.name), done, send), deadline)


def require_schedule(client: OntapClient, name: str) -> Schedule:
    """A schedule that SnapMirror can use.

    Raises:
        ConfigError: there is none of that name, or it is an interval schedule, which SnapMirror refuses.
    """
    found = find_schedule(client, name)
    if found is None:
        raise ConfigError("transfer_schedule", f"{client.system} has no schedule named '{name}'.", advice="Create it there, or give a cron expression.")
    if not found.cron:
        raise ConfigError("transfer_schedule", f"'{name}' on {client.system} is an interval schedule; SnapMirror takes cron schedules only.")
    return found


def find_policy(client: OntapClient, name: str) -> Policy | None:
    """The SnapMirror policy of this name."""
    found = client.records(POLICIES, Policy.FIELDS, name=exact(name))
    return Policy.from_record(found[0]) if found else None


def check_policy(client: OntapClient, found: Policy | None, identity_preservation: str) -> None:
    """A policy that exists will do; None does.

    Raises:
        Refused: ``policy_unfit``: SVM-DR cannot use it, or it keeps another part of the identity.
    """
    unfit = _unfit(found, identity_preservation) if found else ""
    if found and unfit:
        raise Refused("policy_unfit", unfit, system=client.system, obj=found.name, advice="Give another policy, or the identity_preservation that it has.")


def same_times(one: tuple[tuple[str, tuple[int, ...]], ...], other: tuple[tuple[str, tuple[int, ...]], ...]) -> bool:
    """Whether two schedules fire at the same times."""
    return _times(one) == _times(other)


def ensure_policy(client: OntapClient, name: str, identity_preservation: str, deadline: float) -> tuple[Policy | None, bool]:
    """An asynchronous policy that copies all snapshots, with this identity preservation. None only in check mode.

    Raises:
        Refused: ``policy_unfit``.
    """
    body = {"name": name, "type": "async", "identity_preservation": identity_preservation, "copy_all_source_snapshots": True}

    def done(seen: Policy | None) -> bool:
        check_policy(client, seen, identity_preservation)
        return seen is not None

    act = Act("create policy", name, lambda: find_policy(client, name), done, lambda seen: client.write("POST", POLICIES, body, deadline=deadline))
    return perform(client, act, deadline)


def _unfit(policy: Policy, identity_preservation: str) -> str:
    """Why this policy will not do; empty where it will."""
    if policy.type not in ("", "async"):
        return f"its type is {policy.type}; SVM-DR needs async."
    if not policy.creates_snapshot:
        return "it makes no snapshot on the source; SVM-DR needs that."
    if policy.identity_preservation not in ("", identity_preservation):
        return f"its identity_preservation is {policy.identity_preservation}, asked for is {identity_preservation}."
    return ""


def _times(parts: tuple[tuple[str, tuple[int, ...]], ...]) -> dict[str, tuple[int, ...]]:
    """Comparable: a part that names every value is the same as one that names none."""
    every = {"minutes": 60, "hours": 24, "days": 31, "months": 12, "weekdays": 7}
    return {part: () if len(values) == every[part] else values for part, values in parts}
