# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Peering of the two clusters, from whatever state both sides are in. ``deadline`` is seconds for the whole act."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._errors import ApiError, Conflict, NotFound, Refused
from . import network
from .act import Act, nothing, perform, transient
from .client import OntapClient
from .models import Cluster, ClusterPeer
from .svm_peering import ensure_svm_peer, svm_peers
from .svms import cluster

__all__ = ["PeerSide", "cluster_peers", "delete_cluster_peer", "ensure_cluster_peer", "ensure_svm_peer", "named_sides", "peer_sides", "svm_peers"]

PATH = "/api/cluster/peers"
INTRODUCTION_FAILED = frozenset(str(code) for code in range(4653215, 4653221))
"""The other side's intercluster LIF does not answer yet: routes take some seconds after a LIF was made."""
IN_USE = "4653079"
JOINING_SECONDS, SETTLING_SECONDS = 3.0, 15.0
"""For how long a lone offer is left to whoever may be accepting it at this moment, and both halves are given to find each other before they are made anew."""


@dataclass(frozen=True)
class PeerSide:
    """One side of a cluster peering: who it is, at which addresses its intercluster LIFs are, and its record of the other side, if any."""

    client: OntapClient
    cluster: Cluster
    addresses: tuple[str, ...]
    peer: ClusterPeer | None


Pair = tuple[PeerSide, PeerSide]


def cluster_peers(client: OntapClient) -> list[ClusterPeer]:
    """All peers of a cluster. ONTAP may be slow to answer while a peer is dead."""
    return [ClusterPeer.from_record(record) for record in client.records(PATH, ClusterPeer.FIELDS)]


def peer_sides(source: OntapClient, destination: OntapClient, source_addresses: Sequence[str] = (), destination_addresses: Sequence[str] = ()) -> Pair:
    """Look at both sides. Addresses that are not given are those of the intercluster LIFs.

    Raises:
        Refused: ``same_cluster``.
    """
    one, other = identify(source, destination)
    here = tuple(source_addresses) or tuple(lif.address for lif in network.intercluster_lifs(source))
    there = tuple(destination_addresses) or tuple(lif.address for lif in network.intercluster_lifs(destination))
    return _look(replace(one, addresses=here), replace(other, addresses=there))


def identify(source: OntapClient, destination: OntapClient) -> Pair:
    """Who both sides are; their records of each other are not looked at yet.

    Raises:
        Refused: ``same_cluster``.
    """
    one, other = cluster(source), cluster(destination)
    if one.uuid == other.uuid or one.name == other.name:
        raise Refused(
            "same_cluster",
            f"both connections lead to clusters of the name {one.name}.",
            system=destination.system,
            obj=other.name,
            advice="Check the two hostnames.",
        )
    return PeerSide(source, one, (), None), PeerSide(destination, other, (), None)


def ensure_cluster_peer(sides: Pair, encryption: str, deadline: float, *, on_look: Callable[[Pair], None] = nothing) -> tuple[Pair, bool]:
    """Both sides available, from every partial state. A passphrase made here is sent to both and kept nowhere.

    Args:
        encryption: ``tls_psk`` or ``none``; a peering that is encrypted is taken also where ``none`` is asked for.

    Raises:
        Refused: ``no_intercluster_lif``, ``encryption_differs``.
        WaitTimeout: both accepted, and do not see each other.
    """
    source, destination = sides
    _refuse_unencrypted(sides, encryption)
    if _available(sides):
        return sides, False
    joining = _Joining(encryption, secrets.token_urlsafe(24))
    act = Act(
        "peer clusters",
        f"{source.cluster.name} <-> {destination.cluster.name}",
        lambda: _look(*sides),
        _available,
        joining.step,
        recover=lambda error: transient(error) or error.code in INTRODUCTION_FAILED or isinstance(error, Conflict),
        describe=_described,
        on_look=on_look,
        stepwise=True,
    )
    return perform(destination.client, act, deadline)


class _Joining:
    """The way to a cluster peering, write by write. Remembers which records bear its own passphrase: those need no repair."""

    def __init__(self, encryption: str, passphrase: str) -> None:
        self.encryption, self.passphrase = encryption, passphrase
        self.ours: set[tuple[str, str]] = set()
        self.lone_since: float | None = None
        self.joined_at: float | None = None

    def step(self, seen: Pair) -> bool:
        """What the state seen asks for; False where that is only to wait."""
        _refuse_without_lif(seen)
        now = seen[0].client.clock.monotonic()
        if _accepted(seen) or self._others_at_work(seen, now) or (self.joined_at is not None and now - self.joined_at < SETTLING_SECONDS):
            return False
        if self.joined_at is not None:
            self.ours.clear()
        for side in seen:
            if side.peer is not None and not self._is_ours(side):
                self._clear(side)
        source, destination = seen
        for side, other in ((destination, source), (source, destination)):
            found = _with_peer(side, other)
            if self._is_anothers(found, side):
                return bool(self.ours)
            self._give(found, other)
        self.joined_at = now
        return True

    def _is_ours(self, side: PeerSide) -> bool:
        return side.peer is not None and (side.client.system, side.peer.uuid) in self.ours

    def _is_anothers(self, side: PeerSide, before: PeerSide) -> bool:
        """Another run made or accepted this record since the step began: to give it our passphrase would undo that."""
        if side.peer is None or self._is_ours(side):
            return False
        return before.peer is None or (side.peer.uuid, side.peer.authentication == "ok") != (before.peer.uuid, before.peer.authentication == "ok")

    def _others_at_work(self, seen: Pair, now: float) -> bool:
        """A lone offer may be half of a peering that another run makes at this moment: it gets some seconds before it is taken for a leftover."""
        lone = [side for side in seen if side.peer is not None]
        offer = len(lone) == 1 and not self._is_ours(lone[0]) and side_words(lone[0]) == "offer"
        if not offer:
            return False
        self.lone_since = now if self.lone_since is None else self.lone_since
        return now - self.lone_since < JOINING_SECONDS

    def _clear(self, side: PeerSide) -> None:
        """Delete what cannot be accepted any more. A record that SVM peers hang on stays, and is given the new passphrase."""
        try:
            side.client.write("DELETE", f"{PATH}/{side.peer.uuid if side.peer else ''}", hold=0)
        except NotFound:
            return
        except ApiError as error:
            if error.code != IN_USE:
                raise

    def _give(self, side: PeerSide, other: PeerSide) -> None:
        if self._is_ours(side):
            return
        secret = {"passphrase": self.passphrase}
        if side.peer is None:
            body: dict[str, Any] = {"remote": {"ip_addresses": list(other.addresses)}, "authentication": secret, "encryption": {"proposed": self.encryption}}
            side.client.write("POST", PATH, body, hold=0)
            side = _with_peer(side, other)
        else:
            side.client.write("PATCH", f"{PATH}/{side.peer.uuid}", {"authentication": secret, "encryption": {"proposed": self.encryption}}, hold=0)
        if side.peer is not None:
            self.ours.add((side.client.system, side.peer.uuid))


def named_sides(source: OntapClient, destination: OntapClient) -> Pair:
    """Both sides of a peering that both have accepted. Offers, which have no name yet, are not found.

    Raises:
        Refused: ``same_cluster``.
    """
    return _look(*identify(source, destination))


def delete_cluster_peer(side: PeerSide, deadline: float) -> tuple[ClusterPeer | None, bool]:
    """One side's record gone.

    Raises:
        Refused: ``svm_peers_exist``.
    """

    def read() -> ClusterPeer | None:
        return next((peer for peer in cluster_peers(side.client) if side.peer and peer.uuid == side.peer.uuid), None)

    def send(seen: ClusterPeer | None) -> None:
        if seen is not None:
            side.client.write("DELETE", f"{PATH}/{seen.uuid}", hold=0)

    try:
        return perform(side.client, Act("delete cluster peer", side.peer.name if side.peer else "", read, lambda seen: seen is None, send), deadline)
    except ApiError as error:
        if error.code == IN_USE:
            raise Refused(
                "svm_peers_exist", "SVM peers still use it.", system=side.client.system, obj=error.obj, code=IN_USE, advice="Delete the SVM peers first."
            ) from None
        raise


def _look(source: PeerSide, destination: PeerSide) -> Pair:
    return _with_peer(source, destination), _with_peer(destination, source)


def _with_peer(side: PeerSide, other: PeerSide) -> PeerSide:
    """The record that is about the other cluster: by its name, its uuid, or its addresses, since an offer may have a made-up name."""

    def matches(peer: ClusterPeer) -> bool:
        named = other.cluster.name in (peer.remote_name, peer.name) or peer.uuid == other.cluster.uuid
        return named or bool(set(peer.remote_addresses) & set(other.addresses))

    return replace(side, peer=next((peer for peer in cluster_peers(side.client) if matches(peer)), None))


def _available(seen: Pair) -> bool:
    return all(side.peer is not None and side.peer.available() for side in seen)


def _accepted(seen: Pair) -> bool:
    """Both sides know each other; that they see each other is a matter of time and of the network."""
    return all(side.peer is not None and side.peer.authentication == "ok" for side in seen)


def _expired(side: PeerSide) -> bool:
    now, peer = side.client.server_time, side.peer
    return bool(peer and peer.expiry_time and now and peer.expiry_time <= now)


def _refuse_unencrypted(seen: Pair, encryption: str) -> None:
    for side in seen:
        if encryption == "tls_psk" and side.peer is not None and side.peer.available() and side.peer.encryption == "none":
            raise Refused(
                "encryption_differs",
                "the clusters are peered without encryption.",
                system=side.client.system,
                operation="peer clusters",
                obj=side.peer.name,
                seen=side.peer.encryption,
                advice="Accept that with encryption: none, or change it on both clusters with a new passphrase.",
            )


def _refuse_without_lif(seen: Pair) -> None:
    for side in seen:
        if not side.addresses:
            raise Refused(
                "no_intercluster_lif",
                "the cluster has no intercluster LIF.",
                system=side.client.system,
                obj=side.cluster.name,
                advice="Create one per node first.",
            )


def _described(seen: Pair) -> dict[str, str]:
    return {side.cluster.name: side_words(side) for side in seen}


def side_words(side: PeerSide) -> str:
    """A side in one word or two: absent, available, expired offer, or authentication and availability."""
    if side.peer is None:
        return "absent"
    if side.peer.available():
        return "available"
    if side.peer.authentication == "pending":
        return "expired offer" if _expired(side) else "offer"
    return f"authentication {side.peer.authentication}, {side.peer.availability}"
