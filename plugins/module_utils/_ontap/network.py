# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Interfaces, routes and the NFS server of an SVM, and intercluster interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._errors import Refused
from .act import Act, perform
from .client import OntapClient, exact
from .parse import dig
from .settings import Lif, Route, prefix_length

LIFS = "/api/network/ip/interfaces"
INTERCLUSTER_SERVICE = "intercluster_core"


@dataclass(frozen=True)
class WantedLif:
    """An intercluster LIF as it shall be; ``netmask`` dotted or as a length."""

    name: str
    node: str
    port: str
    address: str
    netmask: str


def svm_lifs(client: OntapClient, svm: str) -> list[Lif]:
    """The data LIFs of an SVM."""
    return [Lif.from_record(record) for record in client.records(LIFS, Lif.FIELDS, **{"svm.name": exact(svm)})]


def svm_routes(client: OntapClient, svm: str) -> list[Route]:
    """The static routes of an SVM."""
    return [Route.from_record(record) for record in client.records("/api/network/ip/routes", Route.FIELDS, **{"svm.name": exact(svm)})]


def nfs_enabled(client: OntapClient, svm: str) -> bool:
    """Whether the SVM has an NFS server that is switched on."""
    return any(dig(record, "enabled", False) for record in client.records("/api/protocols/nfs/services", "enabled", **{"svm.name": exact(svm)}))


def intercluster_lifs(client: OntapClient) -> list[Lif]:
    """The LIFs that peer clusters talk to, on all nodes."""
    return [Lif.from_record(record) for record in client.records(LIFS, Lif.FIELDS, services=INTERCLUSTER_SERVICE)]


def find_cluster_lif(client: OntapClient, name: str) -> Lif | None:
    """The cluster-scoped LIF of this name."""
    found = client.records(LIFS, Lif.FIELDS, name=exact(name), scope="cluster")
    return Lif.from_record(found[0]) if found else None


def ensure_intercluster_lif(client: OntapClient, wanted: WantedLif, deadline: float) -> tuple[Lif | None, bool]:
    """There, as wanted, enabled and up. None only in check mode.

    Raises:
        Refused: ``lif_of_other_kind``: a LIF of that name serves something else. ``address_taken``: another LIF has the address.
        WaitTimeout: it did not come up, as when its port is down.
    """

    def done(seen: Lif | None) -> bool:
        if seen is not None and INTERCLUSTER_SERVICE not in seen.services:
            raise Refused(
                "lif_of_other_kind",
                "a LIF of this name exists and is not for intercluster traffic.",
                system=client.system,
                obj=wanted.name,
                advice="Choose another name.",
            )
        return seen is not None and as_wanted(seen, wanted)

    def send(seen: Lif | None) -> object:
        if seen is not None and seen.enabled and not differences(seen, wanted):
            return False
        _refuse_taken(client, wanted)
        if seen is None:
            return client.write("POST", LIFS, _new(wanted), hold=0)
        return client.write("PATCH", f"{LIFS}/{seen.uuid}", _change(seen, wanted), hold=0)

    return perform(client, Act("intercluster LIF", wanted.name, lambda: find_cluster_lif(client, wanted.name), done, send), deadline)


def as_wanted(seen: Lif, wanted: WantedLif) -> bool:
    """Nothing is left to do."""
    return INTERCLUSTER_SERVICE in seen.services and not differences(seen, wanted) and seen.enabled and seen.state == "up"


def differences(seen: Lif, wanted: WantedLif) -> list[str]:
    """Which of node, port, address and netmask are not as wanted."""
    pairs = {
        "node": (seen.node, wanted.node),
        "port": (seen.port, wanted.port),
        "address": (seen.address, wanted.address),
        "netmask": (seen.prefix, prefix_length(wanted.netmask)),
    }
    return [name for name, (have, want) in pairs.items() if have != want]


def _refuse_taken(client: OntapClient, wanted: WantedLif) -> None:
    for record in client.records(LIFS, Lif.FIELDS, **{"ip.address": exact(wanted.address)}):
        other = Lif.from_record(record)
        if other.name != wanted.name:
            owner = f"LIF {other.name} of {other.svm or 'the cluster'}"
            raise Refused(
                "address_taken",
                f"{wanted.address} belongs to {owner}.",
                system=client.system,
                obj=wanted.name,
                advice="Use that LIF's name, or another address.",
            )


def _home(wanted: WantedLif) -> dict[str, Any]:
    return {"home_port": {"name": wanted.port, "node": {"name": wanted.node}}}


def _new(wanted: WantedLif) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "ipspace": {"name": "Default"},
        "ip": {"address": wanted.address, "netmask": wanted.netmask},
        "service_policy": {"name": "default-intercluster"},
        "location": _home(wanted),
        "enabled": True,
    }


def _change(seen: Lif, wanted: WantedLif) -> dict[str, Any]:
    differing = differences(seen, wanted)
    body: dict[str, Any] = {} if seen.enabled else {"enabled": True}
    if "address" in differing or "netmask" in differing:
        body["ip"] = {"address": wanted.address, "netmask": wanted.netmask}
    if "node" in differing or "port" in differing:
        body["location"] = _home(wanted)
    return body
