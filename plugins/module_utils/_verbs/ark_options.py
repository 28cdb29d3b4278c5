# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What the four ark_* modules share: the way to the cluster, and the options of a backup as Ark's command line has them, mapped to the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .._argspec import ARK, KUBE, ArgumentSpec
from .._dr.labels import parse_selector
from .._env import Env
from .._errors import ConfigError
from .._kube.client import KubeClient
from .._kube.dialect import ArkAccess, Dialect, ark_access, seconds
from .connect import kube_access

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

CONNECTION = KUBE.merge(ARK)

_LIST = {"type": "list", "elements": "str"}
BACKUP = ArgumentSpec(
    {
        "included_namespaces": _LIST, "excluded_namespaces": _LIST, "included_resources": _LIST, "excluded_resources": _LIST,
        "included_cluster_scoped_resources": _LIST, "excluded_cluster_scoped_resources": _LIST,
        "included_namespace_scoped_resources": _LIST, "excluded_namespace_scoped_resources": _LIST,
        "include_cluster_resources": {"type": "bool"}, "selector": {"type": "str"}, "or_selectors": _LIST,
        "labels": {"type": "dict"}, "annotations": {"type": "dict"}, "ttl": {"type": "str"}, "storage_location": {"type": "str"},
        "volume_snapshot_locations": _LIST, "snapshot_volumes": {"type": "bool"}, "snapshot_move_data": {"type": "bool"}, "data_mover": {"type": "str"},
        "default_volumes_to_fs_backup": {"type": "bool"}, "ordered_resources": {"type": "dict"}, "csi_snapshot_timeout": {"type": "str"},
        "item_operation_timeout": {"type": "str"}, "resource_policies_configmap": {"type": "str"}, "parallel_files_upload": {"type": "int"},
        "volume_group_snapshot_label_key": {"type": "str", "no_log": False},
    },
)
"""Every flag of ``velero backup create`` and ``velero schedule create`` (pkg/cmd/cli), which hold those of Ark 0.9 and 0.10."""


def open_ark(params: Mapping[str, Any], env: Env) -> tuple[KubeClient, ArkAccess]:
    """A client of the cluster and the Ark on it. Nothing is sent."""
    site = str(params.get("site") or params.get("context") or params.get("host") or "")
    client = KubeClient(env.open_kube(kube_access(site, params)), env.clock, f"Kubernetes {site}".strip())
    return client, ark_access(params.get("ark_api_group") or "velero.io", params.get("ark_namespace"), params.get("storage_location"))


def check_name(option: str, value: Any) -> str:
    """A name that Kubernetes takes for an object.

    Raises:
        ConfigError: naming the option.
    """
    name = str(value or "")
    if len(name) > 253 or not NAME.fullmatch(name):
        raise ConfigError(option, f"{name!r} is no Kubernetes name", advice="Lower-case letters, digits, '-' and '.', at most 253.")
    return name


def check_timeout(params: Mapping[str, Any], option: str, default: float) -> float:
    """Seconds.

    Raises:
        ConfigError: not above 0.
    """
    value = params.get(option)
    if value is not None and float(value) <= 0:
        raise ConfigError(option, f"{value} is not a number of seconds above 0")
    return default if value is None else float(value)


def _plain(_option: str, value: Any) -> Any:
    return value


def _names(_option: str, value: Any) -> list[str]:
    return [str(item) for item in value]


def duration(option: str, value: Any) -> str:
    """A Go duration, as it is.

    Raises:
        ConfigError: naming the option.
    """
    found = seconds(str(value))
    if found is None or found < 0:
        raise ConfigError(option, f"{value!r} is no duration", advice="Such as 720h, 90m or 1h30m0s.")
    return str(value)


def _selector(option: str, value: Any) -> dict[str, Any] | None:
    try:
        return parse_selector(str(value)) or None
    except ValueError as error:
        raise ConfigError(option, str(error), advice="Such as app=web,tier!=test.") from error


def _selectors(option: str, value: Any) -> list[dict[str, Any]]:
    found = [_selector(f"{option}[{index}]", text) for index, text in enumerate(value)]
    return [selector for selector in found if selector]


def _configmap(_option: str, value: Any) -> dict[str, str]:
    return {"kind": "configmap", "name": str(value)}


def _ordered(option: str, value: Any) -> dict[str, str]:
    """Kind -> names in order, as a list or already joined by commas."""
    return {str(kind): ",".join(map(str, names)) if isinstance(names, list) else str(names) for kind, names in value.items()}


def _upload(option: str, value: Any) -> dict[str, int]:
    if int(value) < 1:
        raise ConfigError(option, f"{value} is not above 0")
    return {"parallelFilesUpload": int(value)}


Convert = Callable[[str, Any], Any]
FIELDS: dict[str, tuple[str, Convert]] = {
    "included_namespaces": ("includedNamespaces", _names), "excluded_namespaces": ("excludedNamespaces", _names),
    "included_resources": ("includedResources", _names), "excluded_resources": ("excludedResources", _names),
    "included_cluster_scoped_resources": ("includedClusterScopedResources", _names),
    "excluded_cluster_scoped_resources": ("excludedClusterScopedResources", _names),
    "included_namespace_scoped_resources": ("includedNamespaceScopedResources", _names),
    "excluded_namespace_scoped_resources": ("excludedNamespaceScopedResources", _names),
    "include_cluster_resources": ("includeClusterResources", _plain), "selector": ("labelSelector", _selector),
    "or_selectors": ("orLabelSelectors", _selectors),
    "ttl": ("ttl", duration), "storage_location": ("storageLocation", _plain), "volume_snapshot_locations": ("volumeSnapshotLocations", _names),
    "snapshot_volumes": ("snapshotVolumes", _plain), "snapshot_move_data": ("snapshotMoveData", _plain), "data_mover": ("datamover", _plain),
    "default_volumes_to_fs_backup": ("defaultVolumesToFsBackup", _plain), "ordered_resources": ("orderedResources", _ordered),
    "csi_snapshot_timeout": ("csiSnapshotTimeout", duration), "item_operation_timeout": ("itemOperationTimeout", duration),
    "resource_policies_configmap": ("resourcePolicy", _configmap), "parallel_files_upload": ("uploaderConfig", _upload),
    "volume_group_snapshot_label_key": ("volumeGroupSnapshotLabelKey", _plain),
}
OLD_FILTERS = ("included_resources", "excluded_resources", "include_cluster_resources")
NEW_FILTERS = (
    "included_cluster_scoped_resources", "excluded_cluster_scoped_resources", "included_namespace_scoped_resources", "excluded_namespace_scoped_resources",
)


def backup_spec(params: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The options that are given, as a Backup's spec. An empty selector becomes None: the field is removed.

    Raises:
        ConfigError: an option that can not be read, that excludes another, or that this product does not have.
    """
    _check_filters(params)
    spec: dict[str, Any] = {}
    for option, (name, convert) in FIELDS.items():
        if params.get(option) is None:
            continue
        if name not in dialect.backup_options:
            raise ConfigError(option, f"{dialect.product} ({dialect.group}) has no such option", advice="Leave it out, or use Velero.")
        spec[name] = convert(option, params[option])
    return spec


def _check_filters(params: Mapping[str, Any]) -> None:
    old = [option for option in OLD_FILTERS if params.get(option) is not None]
    new = [option for option in NEW_FILTERS if params.get(option) is not None]
    if old and new:
        raise ConfigError(new[0], f"can not be used together with {old[0]}")
    if params.get("selector") and params.get("or_selectors"):
        raise ConfigError("or_selectors", "can not be used together with selector")


def text_map(value: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Labels or annotations: text to text, as the API wants them."""
    return None if value is None else {str(key): str(item) for key, item in value.items()}
