# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Which backup a failover takes: the newest *usable* one, with every newer one named that was passed over, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol

from .._errors import ApiError, KubedrError, NotFound, Refused
from .manifests import NAMESPACES, Objects
from .pvs import ClaimVolume, SvmView, group_volumes

WORKLOADS = ("deployments.apps", "statefulsets.apps", "replicasets.apps", "cronjobs.batch")
MOST_LOOKED_INTO = 48
"""How many tarballs are fetched at most: at a backup every five minutes four hours, well beyond any transfer schedule."""


class BackupLike(Protocol):
    """What is known of a backup without reading it. ``_kube/backups.py`` has one."""

    @property
    def name(self) -> str: ...

    @property
    def phase(self) -> str: ...

    @property
    def started_at(self) -> datetime | None: ...

    @property
    def created_at(self) -> datetime | None: ...

    @property
    def expires_at(self) -> datetime | None: ...

    @property
    def schedule(self) -> str: ...

    @property
    def namespaces(self) -> tuple[str, ...]: ...

    @property
    def excluded_namespaces(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Rules:
    """What makes a backup usable.

    Attributes:
        namespaces: of the group: the backup must hold all of them.
        schedule: the active side's: the backup must be written by it, or be one of ``own``. None takes any backup.
        own: names of backups that this run, or the run that it continues, asked for.
        now: the DR cluster's own clock, against which expiry is judged.
        svm: the DR SVM; None where volumes are not judged.
        scaled_down_at: when workloads were recorded and scaled down: a later backup holds them at zero.
        until: when the snapshot was made that is to be served: a later backup holds objects that its data does not know.
        since: when the side that serves was promoted: what its schedule wrote before that is of the time before it was away.
        note: the annotation of a workload that fence scaled down: a backup that holds it at zero would bring it back at zero.
        named: the operator's choice, taken whatever it is.
        label_selector: of the group: claims that it leaves out are not judged.
    """

    namespaces: tuple[str, ...]
    schedule: str | None
    now: datetime
    svm: SvmView | None
    own: frozenset[str] = frozenset()
    scaled_down_at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""
    named: str = ""
    label_selector: str = ""


@dataclass(frozen=True)
class Choice:
    """The backup, the newer ones that were passed over with the reason, the group's volumes in it, and the claims that have none on the DR SVM."""

    backup: BackupLike
    skipped: list[tuple[str, str]]
    left_out: list[ClaimVolume]
    volumes: list[ClaimVolume] = field(default_factory=list)
    overruled: list[str] = field(default_factory=list)
    """The rules that a backup named by the operator breaks."""

    def as_dict(self) -> dict[str, Any]:
        """For the record and for a task's result."""
        started = self.backup.started_at
        return {
            "name": self.backup.name, "started_at": started.isoformat() if started else None,
            "skipped": [{"name": name, "reason": why} for name, why in self.skipped],
            "left_out": [volume.label for volume in self.left_out], "overruled": list(self.overruled),
        }


def choose(backups: Iterable[BackupLike], holds: Callable[[str], Objects], rules: Rules) -> Choice:
    """The newest usable backup, or the one that the operator named.

    Args:
        holds: what a backup holds, read when it is asked for.

    Raises:
        KubedrError: of ``holds``, where it says nothing about the backup but that a system gave trouble: an older backup is no answer to that.
        Refused: ``no_usable_backup`` with all reasons in ``seen``; ``backup_unreadable`` or ``backup_unknown`` for a named one.
    """
    newest_first = sorted(backups, key=lambda backup: (_stamp(backup), backup.name), reverse=True)
    return _named(newest_first, holds, rules) if rules.named else _newest(newest_first, holds, rules)


def _newest(backups: Sequence[BackupLike], holds: Callable[[str], Objects], rules: Rules) -> Choice:
    skipped: list[tuple[str, str]] = []
    looked_into = 0
    for backup in backups:
        why = at_a_glance(backup, rules)
        if why is None and looked_into >= MOST_LOOKED_INTO:
            skipped.append((backup.name, f"not looked into: {looked_into} newer ones could not be used"))
            break
        if why is None:
            looked_into += 1
            volumes, why = _inside(backup, holds, rules)
            if why is None:
                return Choice(backup, skipped, [], volumes)
        skipped.append((backup.name, why))
    reasons = "; ".join(f"{name}: {why}" for name, why in skipped[:5]) or "there is no backup at all"
    raise Refused(
        "no_usable_backup", f"no backup can be used: {reasons}", operation="choose backup", seen=[{"name": name, "reason": why} for name, why in skipped],
        advice="Name one with dr_backup={group: name}; claims without a volume are then left out.",
    )


def _named(backups: Sequence[BackupLike], holds: Callable[[str], Objects], rules: Rules) -> Choice:
    backup = next((found for found in backups if found.name == rules.named), None)
    if backup is None:
        raise Refused(
            "backup_unknown", "there is no such backup on the DR cluster", operation="choose backup", obj=rules.named,
            advice="Look at the backups that this cluster has synced from the object store.",
        )
    try:
        contents = holds(backup.name)
        volumes = group_volumes(contents, rules.namespaces, rules.svm or SvmView({}), rules.label_selector)
    except KubedrError as error:
        if not _about_the_backup(error):
            raise
        raise Refused("backup_unreadable", f"it can not be read: {error}", operation="choose backup", obj=backup.name) from error
    broken = [why for why in (at_a_glance(backup, rules), _lacks_namespace(contents, rules)) if why]
    newer = [
        (found.name, f"newer than {backup.name}, which was named")
        for found in backups
        if _stamp(found) > _stamp(backup) and at_a_glance(found, rules) is None
    ]
    return Choice(backup, newer, [volume for volume in volumes if rules.svm and not volume.meets_data], volumes, broken)


def at_a_glance(backup: BackupLike, rules: Rules) -> str | None:
    """Why a backup can not be used, as far as that shows without reading it; None when nothing speaks against it."""
    if backup.phase != "Completed":
        return f"it is {backup.phase}, not Completed"
    if backup.started_at is None:
        return "it does not say when it started"
    if rules.schedule is not None and backup.schedule != rules.schedule and backup.name not in rules.own:
        return f"it was written by {'schedule ' + backup.schedule if backup.schedule else 'no schedule'}, not by {rules.schedule} or by this run"
    if backup.expires_at is not None and backup.expires_at <= rules.now:
        return f"it expired at {backup.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    if rules.scaled_down_at is not None and backup.name not in rules.own and backup.started_at >= rules.scaled_down_at:
        return f"it started after the workloads were scaled down at {rules.scaled_down_at:%Y-%m-%dT%H:%M:%SZ}"
    if rules.until is not None and backup.started_at > rules.until:
        return f"it started after {rules.until:%Y-%m-%dT%H:%M:%SZ}, the time of the snapshot that is to be served"
    if rules.since is not None and backup.name not in rules.own and backup.started_at < rules.since:
        return f"it is of before {rules.since:%Y-%m-%dT%H:%M:%SZ}, when the side that serves was promoted"
    missing = [name for name in rules.namespaces if not _asked_for(name, backup)]
    return f"it was not asked to hold namespace {', '.join(missing)}" if missing else None


def _inside(backup: BackupLike, holds: Callable[[str], Objects], rules: Rules) -> tuple[list[ClaimVolume], str | None]:
    """The group's volumes in it, and why it can not be used all the same."""
    try:
        contents = holds(backup.name)
        why = _lacks_namespace(contents, rules) or (None if backup.name in rules.own else _scaled_down(contents, rules))
        volumes = [] if why else group_volumes(contents, rules.namespaces, rules.svm or SvmView({}), rules.label_selector)
    except KubedrError as error:
        if not _about_the_backup(error):
            raise
        return [], f"it can not be read: {error}"
    if why or rules.svm is None:
        return volumes, why
    homeless = [volume for volume in volumes if not volume.meets_data]
    if homeless:
        return volumes, "no volume on the DR SVM for " + ", ".join(volume.label for volume in homeless)
    unknown = [volume for volume in volumes if volume.on_svm and volume.manifest is None]
    return volumes, f"it lacks the PersistentVolume of {', '.join(volume.label for volume in unknown)}" if unknown else None


def _about_the_backup(error: KubedrError) -> bool:
    """Its file is not there, or is damaged. Anything else is trouble with a system, which passes."""
    return isinstance(error, NotFound) or (error.__class__ is ApiError and not error.status)


def _lacks_namespace(contents: Objects, rules: Rules) -> str | None:
    held = {key[2] for key in contents.keys(NAMESPACES)}  # noqa: SIM118 - not a mapping
    missing = [name for name in rules.namespaces if name not in held]
    return f"it does not hold namespace {', '.join(missing)}" if missing else None


def _scaled_down(contents: Objects, rules: Rules) -> str | None:
    noted = sorted(noted_replicas(contents, rules.namespaces, rules.note)) if rules.note else []
    return f"it was written while {noted[0]} was scaled down by fence" if noted else None


def noted_replicas(contents: Objects, namespaces: Iterable[str], note: str) -> dict[str, int]:
    """``kind/namespace/name`` -> how many replicas a workload had before fence scaled it down: it carries the note, and asks for none."""
    found, wanted = {}, set(namespaces)
    for kind in WORKLOADS:
        for key, manifest in contents.objects(kind):
            spec, text = manifest.get("spec") or {}, str((manifest["metadata"].get("annotations") or {}).get(note) or "")
            if key[1] in wanted and text.isdigit() and (spec.get("suspend") or spec.get("replicas") == 0):
                found["/".join(key)] = int(text)
    return found


def _asked_for(namespace: str, backup: BackupLike) -> bool:
    included = backup.namespaces or ("*",)
    return any(fnmatchcase(namespace, pattern) for pattern in included) and not any(fnmatchcase(namespace, pattern) for pattern in backup.excluded_namespaces)


def _stamp(backup: BackupLike) -> tuple[float, float]:
    """By when it started, as far as that can be believed: no backup started after this cluster saw it, whatever the clock of the one that wrote it said."""
    if backup.started_at is None:
        return 0.0, 0.0
    started = backup.started_at.timestamp()
    return (min(started, backup.created_at.timestamp()) if backup.created_at else started), started
