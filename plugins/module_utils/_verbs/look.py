# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Look at a group: each system is asked once, and one that does not answer is a NoAnswer, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from .._dr.config import GroupConfig
from .._dr.seen import NOT_ASKED, LifSeen, NoAnswer, ObjectsSeen, PeerSeen, RelationSeen, Seen, StorageSeen, SvmSeen, VolumeSeen, WorkloadSeen
from .._dr.statement import parse_instant
from .._errors import AnswerLost, ApiError, KubedrError, Unreachable, WaitTimeout
from .._kube import nodes, workloads
from .._ontap import exports, network, peering, snapmirror, svm_peering, svms, volumes
from .._ontap.client import OntapClient
from .._ontap.models import Relationship
from .connect import Side

T = TypeVar("T")


def answered(ask: Callable[[], T]) -> T | NoAnswer:
    """The answer, or NoAnswer where the system gave none in time. Any other error (a refusal, a wrong password) is raised: it is an answer."""
    try:
        return ask()
    except (Unreachable, AnswerLost, WaitTimeout) as error:
        return NoAnswer(error.message)


def kept_for_later(ask: Callable[[], T]) -> Callable[[], T]:
    """Ask now, and give the answer, or raise the error, when it is wanted: of things asked side by side, the first that is wanted speaks first."""
    try:
        found = ask()
    except KubedrError as error:
        failure = error

        def fail() -> T:
            raise failure

        return fail
    return lambda: found


def must_answer(part: T | NoAnswer, system: str) -> T:
    """What was seen.

    Raises:
        Unreachable: the system gave no answer.
    """
    if isinstance(part, NoAnswer):
        raise Unreachable(f"gives no answer: {part.why}", system=system, operation="look")
    return part


def look_storage(side: Side, svm: str, *, peer_answer: float | None = None, brief: bool = False) -> StorageSeen:
    """One ONTAP cluster, from its own objects only, so that a dead peer cannot make the look hang.

    Args:
        peer_answer: seconds to wait for what this cluster thinks of its peer; None to leave the peer out.
        brief: only what moves during a promotion: not the cluster's name and version, its routes and NFS server.
    """
    client = side.ontap
    moving: list[Callable[[], Any]] = [
        lambda: snapmirror.find(client, svm), lambda: svms.find(client, svm), lambda: volumes.list_volumes(client, svm),
        lambda: network.svm_lifs(client, svm), lambda: exports.read_policies(client, svm),
    ]
    standing: list[Callable[[], Any]] = [
        lambda: look_peer(client, svm, peer_answer) if peer_answer is not None else None,
        lambda: svms.cluster(client), lambda: network.svm_routes(client, svm), lambda: network.nfs_enabled(client, svm),
    ]
    relation, found, inside, lifs, policies, *rest = side.env.together(moving if brief else moving + standing)
    peer, cluster, routes, nfs = rest or (None, None, (), False)
    return StorageSeen(
        site=side.config.name, cluster=cluster.name if cluster else "", version=".".join(map(str, cluster.version)) if cluster else "",
        now=client.server_time,
        svm=SvmSeen(found.name, found.uuid, found.subtype, found.state) if found else None,
        incoming=relation_seen(relation, client.server_time) if relation else None,
        volumes=tuple(VolumeSeen(v.name, v.type, v.state, v.junction, v.export_policy, v.uuid) for v in inside),
        lifs=tuple(LifSeen(lif.name, lif.address, lif.state == "up") for lif in lifs), routes=len(routes), nfs=bool(nfs),
        export_clients={p.name: tuple(c for rule in p.rules for c in rule.clients) for p in policies}, peer=peer,
    )


def relation_seen(relation: Relationship, now: datetime | None) -> RelationSeen:
    """A relationship in the terms of the state machine."""
    transfer = relation.transfer
    running = transfer is not None and transfer.state in ("queued", "transferring")
    # One that failed shows no sign of life: a scheduled transfer from a dead site ends too.
    ended = transfer if transfer is not None and transfer.state == "success" else None
    created = now - timedelta(seconds=relation.lag_seconds) if now and relation.lag_seconds is not None else None
    return RelationSeen(
        uuid=relation.uuid, state=relation.state, healthy=relation.healthy, reason=str(relation.unhealthy_reason or ""), lag_seconds=relation.lag_seconds,
        snapshot=relation.exported_snapshot or "", snapshot_at=created, transferring=running,
        last_transfer_end=_instant(ended.end_time) if ended else None, last_transfer_uuid=ended.uuid or "" if ended else "",
        identity=relation.identity_preservation or "",
    )


def _instant(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) or value is None else parse_instant(value)


def look_peer(client: OntapClient, svm: str, seconds: float) -> PeerSeen | NoAnswer | None:
    """What this cluster thinks of the cluster that the SVM's partner is on, with a short deadline: it may hang, or fail, where that is dead."""
    brief = OntapClient(client.transport, client.clock, client.system, seconds, retries=0)
    try:
        peers = answered(lambda: peering.cluster_peers(brief))
        clusters = answered(lambda: svm_peering.peer_clusters(brief, svm)) if not isinstance(peers, NoAnswer) and len(peers) > 1 else frozenset()
    except ApiError as error:
        return NoAnswer(error.message)
    if isinstance(peers, NoAnswer):
        return peers
    if isinstance(clusters, NoAnswer):
        clusters = frozenset()
    ours = [peer for peer in peers if clusters and (peer.name in clusters or peer.remote_name in clusters)] or peers
    # Where it cannot be told which one it is, the one that was seen alive last: it contradicts a statement first.
    peer = max(ours, key=lambda found: (found.availability == "available", found.update_time.timestamp() if found.update_time else 0.0), default=None)
    return PeerSeen(peer.remote_name or peer.name, peer.availability, _instant(peer.update_time)) if peer else None


def look_objects(side: Side, config: GroupConfig, *, deep: bool) -> ObjectsSeen:
    """One Kubernetes cluster. ``deep`` also counts workloads and pods of the group's namespaces."""
    records, kube = side.records(config), side.kube
    (record, _version), addresses = side.env.together([records.read, lambda: tuple(nodes.internal_ips(kube))])
    scalable = workloads.scalable(kube, config.namespaces) if deep else []
    pods = workloads.pods(kube, config.namespaces) if deep else []
    return ObjectsSeen(
        site=side.config.name, now=kube.server_time, record=record, node_addresses=addresses,
        workloads=tuple(WorkloadSeen(w.ref.resource, w.ref.namespace, w.ref.name, w.replicas) for w in scalable),
        pods=len(pods), pods_ready=sum(1 for pod in pods if pod.ready),
    )


def look_both(config: GroupConfig, source: Side, destination: Side, *, deep: bool) -> Seen:
    """All four systems; one that is silent costs one answer's time."""
    source_storage, destination_storage, source_objects, destination_objects = destination.env.together([
        lambda: answered(lambda: look_storage(source, config.source_svm)),
        lambda: answered(lambda: look_storage(destination, config.destination_svm, peer_answer=config.timeouts["peer_answer"])),
        lambda: answered(lambda: look_objects(source, config, deep=deep)),
        lambda: answered(lambda: look_objects(destination, config, deep=deep)),
    ])
    return Seen(
        source_storage=source_storage, destination_storage=destination_storage, source_objects=source_objects, destination_objects=destination_objects,
    )


def look_destination(config: GroupConfig, destination: Side, *, brief: bool = False) -> Seen:
    """Only the destination's two systems: the source is never contacted. Here no answer is an error: nothing can be done without them."""
    peer_answer = None if brief else config.timeouts["peer_answer"]
    storage, here = destination.env.together([
        lambda: look_storage(destination, config.destination_svm, peer_answer=peer_answer, brief=brief),
        lambda: look_objects(destination, config, deep=False),
    ])
    return Seen(source_storage=NOT_ASKED, source_objects=NOT_ASKED, destination_storage=storage, destination_objects=here)
