# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``intercluster_lif``: the interfaces by which a cluster talks to its peer."""

from __future__ import annotations

import ipaddress
from typing import Any

from .._argspec import ONTAP, ArgumentSpec
from .._env import Env
from .._errors import ApiError, ConfigError
from .._ontap import network
from .._ontap.access import access_of, connect
from .._ontap.client import OntapClient
from .._ontap.network import WantedLif
from .._ontap.settings import Lif, prefix_length
from .steps import ABSENT, Steps, check_timeout

SPEC = ONTAP.merge(
    ArgumentSpec(
        {
            "lifs": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {name: {"type": "str", "required": True} for name in ("name", "node", "port", "address", "netmask")},
            },
            "timeout": {"type": "int", "default": 60},
        }
    )
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Each LIF there, as wanted, and up.

    Returns:
        ``{changed, steps, lifs: [{name, node, port, address, prefix, enabled}], diff?}``
    """
    wanted, timeout = check_lifs(params["lifs"]), check_timeout(params["timeout"])
    client, steps = connect(access_of(params), env), Steps(env)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for lif in wanted:
        found = network.find_cluster_lif(client, lif.name)
        before[lif.name] = _view(found)

        def ensure(lif: WantedLif = lif, found: Lif | None = found) -> tuple[Lif | None, bool]:
            return (found, False) if found and network.as_wanted(found, lif) else _ensure(client, lif, timeout)

        seen = steps.step(f"intercluster LIF {lif.name}", _asked(lif), ensure, _view)
        after[lif.name] = _asked(lif) if env.check_mode else _view(seen)
    return steps.result(before, after, lifs=[{"name": name, **view} for name, view in after.items()])


def _ensure(client: OntapClient, lif: WantedLif, timeout: float) -> tuple[Lif | None, bool]:
    try:
        return network.ensure_intercluster_lif(client, lif, timeout)
    except ApiError as error:
        error.advice = (
            error.advice or f"Check node {lif.node}, port {lif.port}, address {lif.address} and netmask {lif.netmask} in intercluster_lifs of the site."
        )
        raise


def check_lifs(items: list[dict[str, Any]]) -> list[WantedLif]:
    """The wanted LIFs.

    Raises:
        ConfigError: naming the entry and the option.
    """
    if not items:
        raise ConfigError("lifs", "no LIF is given.", advice="One per node.")
    for option in ("name", "address"):
        values = [item[option] for item in items]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ConfigError("lifs", f"{option} {twice} is given twice.")
    return [_check_lif(number, item) for number, item in enumerate(items)]


def _check_lif(number: int, item: dict[str, Any]) -> WantedLif:
    for option in ("name", "node", "port"):
        if not str(item[option]).strip() or any(char.isspace() for char in item[option]):
            raise ConfigError(f"lifs[{number}].{option}", f"'{item[option]}' is no name.")
    try:
        ipaddress.ip_address(item["address"])
    except ValueError:
        raise ConfigError(f"lifs[{number}].address", f"'{item['address']}' is not an IP address.") from None
    longest = 128 if ":" in item["address"] else 32
    if not 0 < prefix_length(item["netmask"]) <= longest:
        raise ConfigError(f"lifs[{number}].netmask", f"'{item['netmask']}' is not a netmask.", advice="Such as 255.255.255.0, or its length 24.")
    return WantedLif(*(str(item[option]) for option in ("name", "node", "port", "address", "netmask")))


def _asked(lif: WantedLif) -> dict[str, Any]:
    return {"node": lif.node, "port": lif.port, "address": lif.address, "prefix": prefix_length(lif.netmask), "enabled": True}


def _view(lif: Lif | None) -> Any:
    return {"node": lif.node, "port": lif.port, "address": lif.address, "prefix": lif.prefix, "enabled": lif.enabled} if lif else ABSENT
