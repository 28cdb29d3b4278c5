# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What all of Ark's kinds have in common: lists and reads that tell a missing product from a missing object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._errors import ConfigError, NotFound
from .client import KubeClient
from .dialect import ArkAccess


def items(client: KubeClient, ark: ArkAccess, plural: str, label_selector: str = "") -> Iterator[dict[str, Any]]:
    """Every object of one kind in Ark's namespace.

    Raises:
        ConfigError: the cluster does not serve the kind: the product, or this API group of it, is not installed.
    """
    try:
        yield from client.items(ark.path(plural), label_selector)
    except NotFound as error:
        raise not_installed(client, ark, plural) from error


def not_installed(client: KubeClient, ark: ArkAccess, plural: str) -> ConfigError:
    """The error for a kind that the cluster does not serve."""
    return ConfigError(
        "ark.api_group", f"{client.system} does not serve {plural}.{ark.dialect.group}: {ark.dialect.product} is not installed there",
        advice=f"Install {ark.dialect.product} on this cluster, or set ark.api_group and ark.namespace to what is installed.",
    )


def check_installed(client: KubeClient, ark: ArkAccess, plurals: tuple[str, ...] = ("backups", "restores", "schedules")) -> None:
    """All these kinds are served, and the namespace exists.

    Raises:
        ConfigError: naming the first kind that is missing, or the namespace.
    """
    served = {resource.plural for resource in client.resources([ark.dialect.group])}
    for plural in plurals:
        if plural not in served:
            raise not_installed(client, ark, plural)
    if client.get(f"/api/v1/namespaces/{ark.namespace}") is None:
        raise ConfigError(
            "ark.namespace", f"{client.system} has no namespace {ark.namespace!r}", advice=f"Set ark.namespace to the one in which {ark.dialect.product} runs.",
        )


def create(client: KubeClient, ark: ArkAccess, plural: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST one object, sent once; a 404 is told apart into a missing product and a missing namespace."""
    try:
        return client.create(ark.path(plural), body)
    except NotFound:
        check_installed(client, ark, (plural,))
        raise
