# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Heptio Ark and Velero: every difference between them, in one place. Sources: heptio/ark v0.9.11 and v0.10.2, velero v1.0 to v1.18 (pkg/apis)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .._errors import ConfigError

ARK_GROUP, VELERO_GROUP = "ark.heptio.com", "velero.io"


@dataclass(frozen=True)
class Dialect:
    """How one of the two products names things, and what it can do.

    ``backup_options``, ``schedule_options`` and ``restore_options`` are the spec fields that exist.
    """

    group: str
    product: str
    default_namespace: str
    schedule_label: str
    backup_label: str
    restore_label: str
    results_key: str
    has_paused: bool
    has_read_only: bool
    backup_options: frozenset[str]
    schedule_options: frozenset[str]
    restore_options: frozenset[str]
    version: str = "v1"
    scoped_restore: bool = True
    """A Restore of namespaces takes along only the cluster-scoped objects that they pull in. Ark takes every PersistentVolume of the backup, also those of
    other groups."""
    has_location: bool = True
    """Ark 0.9 has no BackupStorageLocation: a location that is not served is then no error."""
    backup_done: frozenset[str] = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
    restore_done: frozenset[str] = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})

    @property
    def api_version(self) -> str:
        """As in a manifest."""
        return f"{self.group}/{self.version}"


_ARK_BACKUP = frozenset(
    {"includedNamespaces", "excludedNamespaces", "includedResources", "excludedResources", "labelSelector", "snapshotVolumes", "ttl",
     "includeClusterResources", "hooks", "storageLocation", "volumeSnapshotLocations"},
)
_VELERO_BACKUP = _ARK_BACKUP | {
    "metadata", "includedClusterScopedResources", "excludedClusterScopedResources", "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources", "orLabelSelectors", "defaultVolumesToFsBackup", "snapshotMoveData", "datamover", "orderedResources",
    "csiSnapshotTimeout", "itemOperationTimeout", "resourcePolicy", "uploaderConfig", "volumeGroupSnapshotLabelKey",
}
_ARK_RESTORE = frozenset(
    {"backupName", "scheduleName", "includedNamespaces", "excludedNamespaces", "includedResources", "excludedResources", "namespaceMapping",
     "labelSelector", "restorePVs", "includeClusterResources"},
)
_VELERO_RESTORE = _ARK_RESTORE | {
    "orLabelSelectors", "restoreStatus", "preserveNodePorts", "hooks", "existingResourcePolicy", "itemOperationTimeout", "resourceModifier",
    "uploaderConfig",
}

VELERO = Dialect(
    group=VELERO_GROUP, product="Velero", default_namespace="velero", schedule_label="velero.io/schedule-name", backup_label="velero.io/backup-name",
    restore_label="velero.io/restore-name", results_key="velero", has_paused=True, has_read_only=True,
    backup_options=_VELERO_BACKUP, schedule_options=frozenset({"paused", "skipImmediately", "useOwnerReferencesInBackup"}),
    restore_options=_VELERO_RESTORE,
)
ARK = Dialect(
    group=ARK_GROUP, product="Ark", default_namespace="heptio-ark", schedule_label="ark-schedule", backup_label="ark.heptio.com/backup-name",
    restore_label="ark.heptio.com/restore-name", results_key="ark", has_paused=False, has_read_only=False, scoped_restore=False,
    backup_options=_ARK_BACKUP, schedule_options=frozenset(), restore_options=_ARK_RESTORE,
)


def for_group(group: str) -> Dialect:
    """The dialect of an API group.

    Raises:
        ConfigError: neither ``velero.io`` nor ``ark.heptio.com``.
    """
    for dialect in (VELERO, ARK):
        if dialect.group == group:
            return dialect
    raise ConfigError("ark.api_group", f"{group!r} is neither {VELERO_GROUP} nor {ARK_GROUP}")


@dataclass(frozen=True)
class ArkAccess:
    """Which Ark or Velero on a cluster: its API, its namespace, and the storage location that is used."""

    dialect: Dialect
    namespace: str
    storage_location: str = "default"

    def path(self, plural: str, name: str = "") -> str:
        """The path of one of its objects, or of the collection."""
        base = f"/apis/{self.dialect.group}/{self.dialect.version}/namespaces/{self.namespace}/{plural}"
        return f"{base}/{name}" if name else base

    def manifest(self, kind: str, name: str, spec: dict[str, Any], *, labels: dict[str, str] | None = None) -> dict[str, Any]:
        """A new object of this group in this namespace."""
        metadata: dict[str, Any] = {"name": name, "namespace": self.namespace, **({"labels": labels} if labels else {})}
        return {"apiVersion": self.dialect.api_version, "kind": kind, "metadata": metadata, "spec": spec}


def ark_access(group: str = VELERO_GROUP, namespace: str | None = None, storage_location: str | None = None) -> ArkAccess:
    """With the product's own defaults where nothing is said."""
    dialect = for_group(group)
    return ArkAccess(dialect, namespace or dialect.default_namespace, storage_location or "default")


def label_value(name: str) -> str:
    """A name as the server writes it into a label: beyond 63 characters, the first 57 and 6 hex digits of its SHA-256 (velero pkg/label GetValidName)."""
    return name if len(name) <= 63 else name[:57] + hashlib.sha256(name.encode()).hexdigest()[:6]


def parse_time(value: Any) -> datetime | None:
    """A Kubernetes time (RFC 3339), UTC; None when absent or unreadable."""
    if not isinstance(value, str) or not value:
        return None
    try:
        seen = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (seen if seen.tzinfo else seen.replace(tzinfo=UTC)).astimezone(UTC)


def subset_of(wanted: Any, live: Any, field: str = "") -> bool:
    """Whether everything wanted stands in what the server completed. Lists count as wholes; durations by their length.

    The server fills in defaults, appends what it never restores to ``excludedResources``, and sets both ``backupName`` and ``scheduleName``.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(subset_of(value, live.get(key), key) for key, value in wanted.items())
    if wanted is None:
        return live is None
    if isinstance(wanted, list):
        if field == "excludedResources" and isinstance(live, list):
            return set(map(str, wanted)) <= set(map(str, live))
        return wanted == (live or [])
    if field == "ttl" or field.endswith("Timeout"):
        return wanted == live or (seconds(str(wanted)) is not None and seconds(str(wanted)) == seconds(str(live)))
    return bool(wanted == live)


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float | None:
    """A Go duration such as ``720h0m0s`` in seconds; None when it is none."""
    text, total, found = duration.strip(), 0.0, False
    sign = -1.0 if text.startswith("-") else 1.0
    text = text.lstrip("+-")
    if text == "0":
        return 0.0
    while text:
        digits = len(text) - len(text.lstrip("0123456789."))
        unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if text[digits:].startswith(unit)), None)
        try:
            total += float(text[:digits]) * _UNITS[unit or ""]
        except (ValueError, KeyError):
            return None
        text, found = text[digits + len(unit or "") :], True
    return sign * total if found else None
