# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``cluster_peer``: the two clusters know and reach each other, whatever half of that was there before."""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import Any

from .._argspec import ArgumentSpec, both_ontap
from .._env import Env
from .._errors import ConfigError
from .._ontap import peering
from .._ontap.peering import Pair, PeerSide, side_words
from .steps import ABSENT, Steps, both_clients, check_timeout, site

SPEC = both_ontap().merge(
    ArgumentSpec(
        {
            "source_addresses": {"type": "list", "elements": "str"},
            "destination_addresses": {"type": "list", "elements": "str"},
            "encryption": {"type": "str", "choices": ["tls_psk", "none"], "default": "tls_psk"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 120},
        }
    )
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Available on both sides, or gone from both. No passphrase is in the result.

    Returns:
        ``{changed, steps, peers: {<site>: {state, encryption}}, diff?}``
    """
    timeout = check_timeout(params["timeout"])
    addresses = [_addresses(params, f"{role}_addresses") for role in ("source", "destination")]
    source, destination = both_clients(params, env)
    steps = Steps(env)
    sides = peering.peer_sides(source, destination, *addresses)
    before = _view(sides)
    if params["state"] == "absent":
        for side in sides:
            if side.peer is not None:
                steps.step(f"delete cluster peer at {site(side.client)}", side_words(side), partial(peering.delete_cluster_peer, side, timeout))
        after: dict[str, Any] = {site(side.client): ABSENT for side in sides}
    else:
        asked = params["encryption"]

        def watch(seen: Pair) -> None:
            env.reporter.progress(f"cluster peer: {_words(seen)}")

        seen = steps.step("cluster peer", {"encryption": asked}, lambda: peering.ensure_cluster_peer(sides, asked, timeout, on_look=watch), _view)
        predicted = {site(side.client): {"state": "available", "encryption": asked} for side in sides}
        after = predicted if env.check_mode and steps.changed else _view(seen)
    return steps.result(before, after, peers=after)


def _addresses(params: dict[str, Any], option: str) -> list[str]:
    for number, address in enumerate(params.get(option) or []):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ConfigError(f"{option}[{number}]", f"'{address}' is not an IP address.") from None
    return list(params.get(option) or [])


def _words(seen: Pair) -> str:
    return ", ".join(f"{site(side.client)} {side_words(side)}" for side in seen)


def _view(seen: Pair) -> dict[str, Any]:
    return {site(side.client): _side(side) for side in seen}


def _side(side: PeerSide) -> Any:
    return {"state": side_words(side), "encryption": side.peer.encryption} if side.peer else ABSENT
