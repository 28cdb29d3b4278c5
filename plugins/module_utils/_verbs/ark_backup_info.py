# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ark_backup_info: the newest usable backup, how old it is by the cluster's own clock, what it holds, and why newer ones are not usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .._argspec import ArgumentSpec
from .._dr.choice import Choice, Rules, choose
from .._dr.manifests import Objects
from .._env import Env
from .._errors import ApiError, Refused
from .._kube import ark as ark_kinds
from .._kube import backups, locations
from .._kube.client import KubeClient
from .._kube.contents import BackupContents
from .._kube.dialect import ArkAccess
from .ark_backup import describe
from .ark_options import CONNECTION, check_name, open_ark

SPEC = CONNECTION.merge(
    ArgumentSpec(
        {
            "schedule": {"type": "str"},
            "name": {"type": "str"},
            "namespaces": {"type": "list", "elements": "str", "default": []},
            "storage_location": {"type": "str"},
            "limit": {"type": "int", "default": 20},
        },
    ),
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Look only.

    Returns:
        ``backups`` (the newest ``limit``), ``newest_usable`` {name, ..., age_seconds, holds {kinds, namespaces, claims}} or None, ``skipped`` [{name, reason}],
        ``location`` and ``stale`` (why this cluster may not see the newest backups), ``server_time``.
    """
    if params.get("name"):
        check_name("name", params["name"])
    client, ark = open_ark(params, env)
    ark_kinds.check_installed(client, ark, ("backups",))
    found = backups.list_backups(client, ark)
    now = _now(client)
    rules = Rules(tuple(params.get("namespaces") or ()), params.get("schedule") or None, now, None, named=str(params.get("name") or ""))
    contents: dict[str, BackupContents] = {}
    newest, skipped = _choose(found, _reader(client, ark, env, contents), rules)
    location = locations.read(client, ark)
    return {
        "changed": False,
        "backups": [describe(backup) for backup in found[: int(params.get("limit") or 20)]],
        "newest_usable": _newest(newest, contents, now) if newest else None,
        "skipped": skipped,
        "location": {
            "name": location.name, "found": location.found, "phase": location.phase, "read_only": location.read_only, "holders": list(location.holders),
        },
        "stale": locations.staleness(location, now),
        "server_time": now.isoformat(),
        "steps": [],
    }


def _now(client: KubeClient) -> datetime:
    if client.server_time is None:
        raise ApiError("the server does not tell its time, so no age can be told", system=client.system, operation="read the Date header")
    return client.server_time


def _reader(client: KubeClient, ark: ArkAccess, env: Env, contents: dict[str, BackupContents]) -> Callable[[str], Objects]:
    def read(name: str) -> Objects:
        contents.clear()  # one tarball in memory at a time
        contents[name] = BackupContents.load(client, ark, name, env.fetch)
        return contents[name]

    return read


def _choose(found: list[backups.Backup], read: Callable[[str], Objects], rules: Rules) -> tuple[Choice | None, list[dict[str, str]]]:
    try:
        choice = choose(found, read, rules)
    except Refused as refusal:
        if refusal.reason != "no_usable_backup":
            raise
        return None, list(refusal.seen or [])
    return choice, [{"name": name, "reason": why} for name, why in choice.skipped]


def _newest(choice: Choice, contents: dict[str, BackupContents], now: datetime) -> dict[str, Any]:
    """The chosen one with its age and what it holds."""
    backup = choice.backup
    held = contents[backup.name]
    kinds: Counter[str] = Counter()
    for kind in held.kinds():
        kinds[kind] = len(held.keys(kind))
    described = describe(backup) if isinstance(backup, backups.Backup) else {"name": backup.name}
    claims = [
        {"claim": f"{volume.namespace}/{volume.claim}", "pv": volume.pv, "target": volume.target, "reclaim_policy": volume.policy,
         "reprovisioned": volume.reprovisioned}
        for volume in choice.volumes
    ]
    return {
        **(described or {}),
        "age_seconds": max((now - backup.started_at).total_seconds(), 0.0) if backup.started_at else None,
        "overruled": list(choice.overruled),
        "holds": {"kinds": dict(kinds), "namespaces": sorted(key.name for key in held.keys("namespaces")), "claims": claims},
    }
