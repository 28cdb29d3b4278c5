# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Failover, in either direction: the steps in their order, and which of them what was seen shows as done. Pure; resuming is not a special case."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import Refused
from . import point
from .config import GroupConfig
from .seen import ObjectsSeen, StorageSeen
from .words import Objects, Phase


@dataclass(frozen=True)
class View:
    """What the steps look at: the side that is to serve, its record, and who shall be let in.

    Attributes:
        clients: addresses or CIDRs for every rule that ``rules`` does not name.
        rules: export policy -> the clients that it had before, which it shall have again: on the way home.
        verb: failover, or failback in the turned direction.
        role: the role that this side was given at set-up.
    """

    storage: StorageSeen
    objects: ObjectsSeen
    clients: tuple[str, ...]
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verb: str = "failover"
    role: str = "destination"

    @property
    def record(self) -> Mapping[str, Any]:
        """This group's record here."""
        return self.objects.record or {}

    def wanted(self, policy: str) -> frozenset[str]:
        """The clients that a policy shall let in."""
        return frozenset(self.rules.get(policy, self.clients))

    def progress(self) -> str:
        """How far the objects of this epoch are."""
        objects = self.record.get("objects") or {}
        return str(objects.get("state", Objects.NONE)) if self.in_epoch(objects) and objects.get("side", self.role) == self.role else str(Objects.NONE)

    def in_epoch(self, part: Mapping[str, Any]) -> bool:
        """Whether a part of the record is of the running promotion, in this direction."""
        run = self.record.get("run") or {}
        return not self.over and run.get("verb") == self.verb and run.get("epoch") == self.record.get("epoch") == part.get("epoch")

    @property
    def over(self) -> bool:
        """The break of this record's epoch was seen, and its relationship is a mirror again: resynced since, by a run that could not say so here."""
        relation, broken = self.storage.incoming, self.record.get("broken") or {}
        return relation is not None and relation.mirroring and broken.get("epoch") is not None and broken.get("epoch") == self.record.get("epoch")


@dataclass(frozen=True)
class Step:
    """``done`` is the postcondition, over observed facts only."""

    name: str
    phase: Phase
    asked: str
    done: Callable[[View], bool]


def _broken(view: View) -> bool:
    relation, svm = view.storage.incoming, view.storage.svm
    if svm is None or svm.subtype != "default":
        return False
    # On the way home the relationship is deleted after its break was seen: of FlexGroups before the forward resync, of others after it.
    return relation.broken if relation else view.verb == "failback" and view.in_epoch(view.record.get("broken") or {})


def _break_noted(view: View) -> bool:
    """A run that died right after the break left no word of when it was."""
    return _broken(view) and view.in_epoch(view.record.get("broken") or {})


def _decided(view: View) -> bool:
    return view.in_epoch(view.record.get("fence") or {}) and bool((view.record.get("backup") or {}).get("name"))


def _paused(view: View) -> bool:
    relation = view.storage.incoming
    return _broken(view) or bool(relation and relation.state == "paused")


def _idle(view: View) -> bool:
    relation = view.storage.incoming
    return _broken(view) or bool(relation and not relation.transferring)


def _exports(view: View) -> bool:
    return _broken(view) and all(frozenset(clients) == view.wanted(policy) for policy, clients in view.storage.export_clients.items() if clients)


def _serving(view: View) -> bool:
    return _broken(view) and view.storage.serving


def _pointed(view: View) -> bool:
    """Nothing but a point in time asks for clones; they are made once the SVM runs, before any object. From then on the volumes are the operator's."""
    if not view.in_epoch(view.record.get("point") or {}) or view.progress() != str(Objects.NONE):
        return True
    return _serving(view) and point.served(view.record, view.storage)


def _reached(*words: Objects) -> Callable[[View], bool]:
    return lambda view: view.progress() in {str(word) for word in words}


FAILOVER: tuple[Step, ...] = (
    Step("decide", Phase.DECIDE, "record the epoch, the word on the other site, and the backup", _decided),
    Step("pause", Phase.PROMOTE, "pause the relationship", _paused),
    Step("abort", Phase.PROMOTE, "abort a running transfer", _idle),
    Step("break", Phase.PROMOTE, "break the relationship off, forced", _break_noted),
    Step("export_rules", Phase.PROMOTE, "let in exactly the clients of this site", _exports),
    Step("start", Phase.PROMOTE, "start the SVM; LIFs up, volumes writable", _serving),
    Step("point", Phase.PROMOTE, "serve the older snapshot, on clones at the same paths", _pointed),
    Step("volumes", Phase.VOLUMES, "give every PV its volume", _reached(Objects.RESTORING, Objects.RESTORED, Objects.VERIFIED)),
    Step("restore", Phase.RESTORE, "restore the cluster-scoped objects, then the namespaces", _reached(Objects.RESTORED, Objects.VERIFIED)),
    Step("verify", Phase.VERIFY, "compare object by object; pods ready; every claim on its volume", _reached(Objects.VERIFIED)),
)


def pending(view: View) -> list[Step]:
    """The steps whose postcondition was not seen, in order. Empty: the failover is done."""
    return [step for step in FAILOVER if not step.done(view)]


def wanted_clients(config: GroupConfig, here: ObjectsSeen, source_nodes: Iterable[str]) -> tuple[str, ...]:
    """The clients that the export rules shall let in: what the inventory says, or this cluster's nodes.

    Raises:
        Refused: nobody to let in, or a rule that would let in a node of the dead site.
    """
    clients = config.export_clients if config.export_clients is not None else here.node_addresses
    if not clients:
        raise Refused(
            "export_clients_empty", f"no node of {here.site} has an InternalIP, so nobody could mount a volume", system=f"Kubernetes {here.site}",
            advice="Name the clients in dr_export_clients.",
        )
    for client in clients:
        network = ipaddress.ip_network(client, strict=False)
        inside = [node for node in source_nodes if ipaddress.ip_address(node) in network]
        if inside:
            raise Refused(
                "export_clients_hold_source", f"{client} would let in {', '.join(inside)}, recorded at set-up as nodes of the other site",
                obj="dr_export_clients",
                advice="Name narrower clients: in full identity the other site's nodes reconnect to the same addresses.",
            )
    return tuple(sorted(clients))


def missing_at_destination(storage: StorageSeen, routes_wanted: bool) -> list[str]:
    """What the destination SVM lacks to serve NFS, each by name. With full identity ONTAP brings all of it along."""
    lacks = []
    if not storage.lifs:
        lacks.append("a data LIF")
    if routes_wanted and not storage.routes:
        lacks.append("a route")
    if not storage.nfs:
        lacks.append("an NFS server")
    if not any(storage.export_clients.values()):
        lacks.append("export rules")
    return lacks
