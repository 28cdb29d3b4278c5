# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Peering of the two SVMs, from whatever state both sides are in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._errors import ApiError, Conflict, JobFailed, NotFound
from .act import Act, nothing, perform, transient
from .client import OntapClient, exact
from .models import SvmPeer

PATH = "/api/svm/peers"
APPLICATION = "snapmirror"
NAME_TAKEN, RACES = "9896086", frozenset({"26345576", "26345578"})
"""The SVM's name is in use on this cluster; and what a write gets when the other side moved on meanwhile."""
LONE_SECONDS = 10.0
"""For how long a record that only one side has is left alone: the other side's may be on its way."""


@dataclass(frozen=True)
class SvmPair:
    """Both sides' records of one SVM peering."""

    source: SvmPeer | None
    destination: SvmPeer | None

    def peered(self) -> bool:
        """Both sides agree, and SnapMirror may use it."""
        return all(side is not None and side.state == "peered" and APPLICATION in side.applications for side in (self.source, self.destination))

    def words(self) -> dict[str, str]:
        """Each side's state in one word."""
        return {name: side.state if side else "absent" for name, side in (("source", self.source), ("destination", self.destination))}


@dataclass(frozen=True)
class SvmPeering:
    """What shall be peered. Cluster names are those by which the *other* cluster knows them; ``alias`` empty lets the SVM's own name do where it can."""

    source_svm: str
    destination_svm: str
    source_cluster: frozenset[str]
    destination_cluster: frozenset[str]
    source_cluster_name: str
    alias: str = ""

    def reached(self, seen: SvmPair) -> bool:
        """Peered, and under the alias that was asked for."""
        return seen.peered() and (not self.alias or (seen.destination is not None and seen.destination.name == self.alias))


def svm_peers(client: OntapClient, svm: str, peer_svm: str, clusters: frozenset[str]) -> list[SvmPeer]:
    """This side's records of a peering with that SVM of that cluster (by any of its names)."""
    found = [SvmPeer.from_record(record) for record in client.records(PATH, SvmPeer.FIELDS, **{"svm.name": exact(svm)})]
    return [peer for peer in found if peer.peer_svm == peer_svm and (not peer.peer_cluster or peer.peer_cluster in clusters)]


def peer_clusters(client: OntapClient, svm: str) -> frozenset[str]:
    """Names of the clusters on which this SVM has peers, as this cluster knows them."""
    found = [SvmPeer.from_record(record) for record in client.records(PATH, SvmPeer.FIELDS, **{"svm.name": exact(svm)})]
    return frozenset(peer.peer_cluster for peer in found if peer.peer_cluster)


def look(source: OntapClient, destination: OntapClient, wanted: SvmPeering) -> SvmPair:
    """Both sides as they are."""
    here = svm_peers(source, wanted.source_svm, wanted.destination_svm, wanted.destination_cluster)
    there = svm_peers(destination, wanted.destination_svm, wanted.source_svm, wanted.source_cluster)
    return SvmPair(here[0] if here else None, there[0] if there else None)


def ensure_svm_peer(
    source: OntapClient,
    destination: OntapClient,
    wanted: SvmPeering,
    deadline: float,
    on_look: Callable[[SvmPair], None] = nothing,
) -> tuple[SvmPair, bool]:
    """Peered on both sides for SnapMirror, under the alias if one is asked for.

    Accepts what is pending, resumes what is suspended, makes anew what was rejected or is known to one side only.

    Returns:
        Both records as read back: ``destination.name`` is what a relationship's source path must use.
    """
    lone_since: list[float] = []

    def send(seen: SvmPair) -> bool:
        now = destination.clock.monotonic()
        if (seen.source is None) == (seen.destination is None):
            lone_since.clear()
        elif not lone_since:
            lone_since.append(now)
        leftover = bool(lone_since) and now - lone_since[0] >= LONE_SECONDS
        return _advance(source, destination, wanted, seen, leftover)

    act = Act(
        "peer SVMs",
        f"{wanted.source_svm} <-> {wanted.destination_svm}",
        lambda: look(source, destination, wanted),
        wanted.reached,
        send,
        recover=lambda error: transient(error) or isinstance(error, Conflict) or error.code in RACES,
        describe=SvmPair.words,
        on_look=on_look,
        stepwise=True,
    )
    return perform(destination, act, deadline)


def delete_svm_peer(client: OntapClient, peer: SvmPeer, deadline: float) -> tuple[SvmPeer | None, bool]:
    """One side's record gone."""

    def read() -> SvmPeer | None:
        try:
            return SvmPeer.from_record(client.get(f"{PATH}/{peer.uuid}", fields=SvmPeer.FIELDS))
        except NotFound:
            return None

    return perform(
        client,
        Act(
            "delete SVM peer",
            f"{peer.svm} <-> {peer.peer_svm}",
            read,
            lambda seen: seen is None,
            lambda seen: client.write("DELETE", f"{PATH}/{peer.uuid}", deadline=deadline),
        ),
        deadline,
    )


def _advance(source: OntapClient, destination: OntapClient, wanted: SvmPeering, seen: SvmPair, leftover: bool) -> bool:
    """The next write that brings the pair nearer; False where there is only to wait."""
    sides = ((source, seen.source), (destination, seen.destination))
    if seen.source is None and seen.destination is None:
        _create(destination, wanted)
        return True
    if leftover or any(side is not None and side.state == "rejected" for _unused, side in sides):
        return True in [_drop(client, side) for client, side in sides]
    mended = True in [_mend(client, side) for client, side in sides]
    renamed = seen.destination is not None and seen.destination.state == "peered" and wanted.alias not in ("", seen.destination.name)
    if renamed and seen.destination is not None:
        destination.write("PATCH", f"{PATH}/{seen.destination.uuid}", {"name": wanted.alias})
    return mended or renamed


def _create(destination: OntapClient, wanted: SvmPeering) -> None:
    body = {
        "svm": {"name": wanted.destination_svm},
        "peer": {"svm": {"name": wanted.source_svm}, "cluster": {"name": wanted.source_cluster_name}},
        "applications": [APPLICATION],
        **({"name": wanted.alias} if wanted.alias else {}),
    }
    try:
        destination.write("POST", PATH, body)
    except (ApiError, JobFailed) as error:
        if error.code != NAME_TAKEN or wanted.alias:
            raise
        destination.write("POST", PATH, {**body, "name": f"{wanted.source_svm}_{wanted.source_cluster_name}"})


def _mend(client: OntapClient, side: SvmPeer | None) -> bool:
    """Accept, resume, or add SnapMirror to what this peering may be used for."""
    if side is not None and side.state in ("pending", "suspended"):
        client.write("PATCH", f"{PATH}/{side.uuid}", {"state": "peered"})
        return True
    if side is not None and side.state == "peered" and APPLICATION not in side.applications:
        client.write("PATCH", f"{PATH}/{side.uuid}", {"applications": [*side.applications, APPLICATION]})
        return True
    return False


def _drop(client: OntapClient, side: SvmPeer | None) -> bool:
    if side is None:
        return False
    try:
        client.write("DELETE", f"{PATH}/{side.uuid}")
    except NotFound:
        return False
    return True
