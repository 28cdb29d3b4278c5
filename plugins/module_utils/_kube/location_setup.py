# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Making a backup storage location at set-up, and waiting until the server has accepted it. It names a Secret that is there; it never copies one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._clock import poll
from .._errors import ConfigError, WaitTimeout
from . import ark as ark_kinds
from . import locations
from .client import KubeClient, act
from .dialect import ArkAccess, subset_of
from .locations import Location


def spec_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The inventory's ``ark.location`` {provider, bucket, prefix, config, credential {name, key}} as a BackupStorageLocation's spec."""
    store = {"bucket": str(wanted["bucket"]), **({"prefix": str(wanted["prefix"])} if wanted.get("prefix") else {})}
    spec: dict[str, Any] = {"provider": str(wanted["provider"]), "objectStorage": store}
    if wanted.get("config"):
        spec["config"] = {str(key): str(value) for key, value in wanted["config"].items()}
    if wanted.get("credential"):
        spec["credential"] = dict(wanted["credential"])
    return spec


def check_credential(client: KubeClient, ark: ArkAccess, wanted: Mapping[str, Any]) -> None:
    """The Secret that the location's credential names is there.

    Raises:
        ConfigError: it is not.
    """
    secret = (wanted.get("credential") or {}).get("name")
    if secret and client.get(f"/api/v1/namespaces/{ark.namespace}/secrets/{secret}") is None:
        raise ConfigError(
            "ark.location.credential", f"{client.system} has no Secret {secret} in {ark.namespace}",
            advice="Make it first: secrets are never copied between sites.",
        )


def ensure(client: KubeClient, ark: ArkAccess, wanted: Mapping[str, Any], *, check_mode: bool = False) -> tuple[Location, bool]:
    """The location exists as wanted. Its access mode is left alone: a restore may hold it.

    Raises:
        ConfigError: the Secret that the credential names is not there.
    """
    spec = spec_of(wanted)
    check_credential(client, ark, wanted)
    path = ark.path("backupstoragelocations", ark.storage_location)

    def send(seen: Location) -> None:
        if seen.found:
            client.merge(path, {"spec": spec})
        else:
            ark_kinds.create(client, ark, "backupstoragelocations", ark.manifest("BackupStorageLocation", ark.storage_location, spec))

    return act(
        client, lambda: locations.read(client, ark), lambda seen: seen.found and subset_of(spec, seen.raw.get("spec") or {}), send,
        what="make backup location", check_mode=check_mode,
    )


def wait_available(client: KubeClient, ark: ArkAccess, deadline: float, on_look: Callable[[Location], None] = lambda seen: None) -> Location:
    """Until the server says that it can read the bucket. Ark has no phase: there it is enough that the location exists.

    Raises:
        ConfigError: there is no such location.
        WaitTimeout: with the server's own message.
    """
    found = locations.read(client, ark)
    if not found.found:
        raise ConfigError(
            "ark.storage_location", f"{client.system} has no backup storage location {ark.storage_location!r} in {ark.namespace}",
            advice="Make it, or give ark.location so that set-up makes it.",
        )
    if not ark.dialect.has_read_only and not found.phase:
        return found
    try:
        return poll(
            client.clock, lambda: locations.read(client, ark), lambda seen: seen.phase == "Available", timeout=deadline,
            what=f"wait for backup location {ark.storage_location}", system=client.system,
            describe=lambda seen: f"{seen.phase or 'not validated yet'} {seen.message}".strip(), on_look=on_look,
        )
    except WaitTimeout as error:
        error.advice = f"Look at the bucket and its credential on this cluster, and at {ark.dialect.product}'s own log."
        raise
