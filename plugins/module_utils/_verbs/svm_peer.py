# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``svm_peer``: the two SVMs may replicate. Makes the destination SVM, empty, where there is none yet, since ONTAP peers only SVMs that exist."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from .._argspec import ArgumentSpec, both_ontap
from .._env import Env
from .._errors import ConfigError, Refused
from .._ontap import peering, svms
from .._ontap.client import OntapClient
from .._ontap.models import Svm, SvmPeer
from .._ontap.svm_peering import SvmPair, SvmPeering, delete_svm_peer, ensure_svm_peer, look
from .steps import ABSENT, Steps, both_clients, check_svm_name, check_timeout

SPEC = both_ontap().merge(
    ArgumentSpec(
        {
            "source_svm": {"type": "str", "required": True},
            "destination_svm": {"type": "str", "required": True},
            "alias": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 120},
        }
    )
)


@dataclass(frozen=True)
class Peered:
    """What is there before, and what shall be: the two SVMs, the peering, and how the destination calls the source cluster."""

    source_svm: Svm
    destination_svm: Svm | None
    pair: SvmPair
    wanted: SvmPeering

    @property
    def alias(self) -> str:
        """How the destination calls the source SVM, or will."""
        return self.wanted.alias or (self.pair.destination.name if self.pair.destination else self.wanted.source_svm)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Peered on both sides for SnapMirror, or gone from both.

    Returns:
        ``{changed, steps, alias, alias_at_source, states: {source, destination}, diff?}``; ``alias`` is how the destination cluster calls the source SVM.
    """
    timeout = check_timeout(params["timeout"])
    for option in ("source_svm", "destination_svm", *(("alias",) if params.get("alias") else ())):
        check_svm_name(option, params[option])
    source, destination = both_clients(params, env)
    steps = Steps(env)
    found = look_at(
        source,
        destination,
        params["source_svm"],
        params["destination_svm"],
        params.get("alias") or "",
        strict=params["state"] == "present" and not env.check_mode,
    )
    before = _view(found.destination_svm, found.pair)
    if params["state"] == "absent":
        for client, peer in ((destination, found.pair.destination), (source, found.pair.source)):
            if peer is not None:
                steps.step(f"delete SVM peer on {client.system}", peer.state, partial(delete_svm_peer, client, peer, timeout))
        return steps.result(before, {**before, "svm_peer": {"source": ABSENT, "destination": ABSENT}}, states={"source": ABSENT, "destination": ABSENT})
    svm, pair = _make(steps, source, destination, found, timeout)
    names = {"alias": pair.destination.name if pair.destination else "", "alias_at_source": pair.source.name if pair.source else ""}
    return steps.result(before, _view(svm, pair), states=pair.words(), **names)


def look_at(source: OntapClient, destination: OntapClient, source_svm: str, destination_svm: str, alias: str, *, strict: bool) -> Peered:
    """Read all that the peering depends on.

    Args:
        strict: refuse where the clusters are not peered; not in check mode, where an earlier task would have peered them.

    Raises:
        ConfigError: the source SVM does not exist.
        Refused: ``no_cluster_peer``, ``same_cluster``.
    """
    sides = peering.named_sides(source, destination)
    if strict and any(side.peer is None for side in sides):
        raise Refused(
            "no_cluster_peer",
            "the clusters are not peered.",
            system=destination.system,
            operation="peer SVMs",
            obj=destination_svm,
            advice="Run cluster_peer first.",
        )
    owner = svms.find(source, source_svm)
    if owner is None:
        raise ConfigError("source_svm", f"{source.system} has no SVM named '{source_svm}'.")
    names = [
        frozenset({other.cluster.name, side.peer.name if side.peer else "", side.peer.remote_name if side.peer else ""}) for side, other in (sides, sides[::-1])
    ]
    known_as = (sides[1].peer.name if sides[1].peer else "") or sides[0].cluster.name
    copy = svms.find(destination, destination_svm)
    taken = source_svm == destination_svm or svms.find(destination, source_svm) is not None
    wanted = SvmPeering(source_svm, destination_svm, source_cluster=names[1], destination_cluster=names[0], source_cluster_name=known_as, alias=alias)
    pair = look(source, destination, wanted)
    if taken and not alias and pair.destination is None:
        wanted = SvmPeering(source_svm, destination_svm, names[1], names[0], known_as, alias=f"{source_svm}_{known_as}")
    return Peered(owner, copy, pair, wanted)


def _make(steps: Steps, source: OntapClient, destination: OntapClient, found: Peered, timeout: float) -> tuple[Svm | None, SvmPair]:
    """The destination SVM and the peering; in check mode what they would be."""
    name = found.wanted.destination_svm

    def create() -> tuple[Svm | None, bool]:
        return (found.destination_svm, False) if found.destination_svm else svms.create_destination(destination, name, timeout)

    def watch(seen: SvmPair) -> None:
        steps.env.reporter.progress(f"SVM peer: {seen.words()}")

    def peer() -> tuple[SvmPair, bool]:
        return (found.pair, False) if found.wanted.reached(found.pair) else ensure_svm_peer(source, destination, found.wanted, timeout, watch)

    svm = steps.step("destination SVM", {"name": name, "subtype": "dp_destination"}, create)
    pair = steps.step("SVM peer", {"alias": found.wanted.alias or None}, peer, SvmPair.words)
    if not steps.env.check_mode:
        return svm, pair
    return svm or Svm("", name, "dp_destination", "stopped", ""), _predicted(found)


def _predicted(found: Peered) -> SvmPair:
    """Both records as they will be."""

    def record(seen: SvmPeer | None, name: str, svm: str, peer_svm: str) -> SvmPeer:
        return SvmPeer(seen.uuid if seen else "", name, svm, peer_svm, seen.peer_cluster if seen else "", "peered", ("snapmirror",))

    wanted = found.wanted
    at_source = found.pair.source.name if found.pair.source else wanted.destination_svm
    return SvmPair(
        record(found.pair.source, at_source, wanted.source_svm, wanted.destination_svm),
        record(found.pair.destination, found.alias, wanted.destination_svm, wanted.source_svm),
    )


def _view(svm: Svm | None, pair: SvmPair) -> dict[str, Any]:
    """In the user's terms."""
    return {"destination_svm": svm.subtype if svm else ABSENT, "svm_peer": pair.words()}
