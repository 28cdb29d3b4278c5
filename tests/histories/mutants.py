# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors planted in the engine on purpose, one law each: what the histories cannot find, they do not prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from ansible_collections.kubedr.ontap.plugins.module_utils._dr import failover as steps
from ansible_collections.kubedr.ontap.plugins.module_utils._dr import state
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.loss import Loss
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Objects, Storage
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import locations, volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import svms
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import failover, fence, objects, planned, promote, reprotect, reverse, rollback, verifying
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.walk import Run

from . import sites
from .history import History, Moves
from .sites import Kind
from .walk import cut_short, half_a_night, hasty, late_lift, lose, mend, night, rivalry, rules_refused, verb, write, wrong_word

Patch = tuple[Any, str, Any]
CALM: Moves = ((verb, 8), (write, 5), (lose, 1), (mend, 3))
PLAIN, SLOW = Kind(), Kind(latency="realistic")
STEPS = 12


@dataclass(frozen=True)
class Mutant:
    """One planted error.

    Args:
        caught_by: what the checker says of it, in part.
        patches: (module or class, name, instead).
        moves: a walk on which it matters.
        seed: where the search begins.
    """

    name: str
    caught_by: tuple[str, ...]
    patches: tuple[Patch, ...]
    moves: Moves = CALM
    kind: Kind = PLAIN
    seed: int = 0

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While the block runs."""
        with ExitStack() as stack:
            for where, name, instead in self.patches:
                stack.enter_context(patch.object(where, name, instead))
            yield

    def hunt(self, most: int) -> tuple[int, list[str]]:
        """The first history that breaks a law, and which; of at most so many."""
        for seed in range(self.seed, self.seed + most):
            with self.planted():
                broken = History(seed, self.kind).walk(STEPS, self.moves).home().broken
            if broken:
                return seed, broken
        return -1, []


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """Instead of something that is needed."""


def _swapped() -> tuple[Any, ...]:
    names = {step.name: step for step in steps.FAILOVER}
    order = {"export_rules": "start", "start": "export_rules"}
    return tuple(names[order.get(step.name, step.name)] for step in steps.FAILOVER)


def _any_proof(proof: Mapping[str, Any] | None, *_others: Any) -> tuple[bool, str]:
    return bool(proof), "nothing was left by fence"


def _no_transfer(run: Run) -> tuple[Any, bool]:
    facts = {"began": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:00Z", "snapshot": ""}
    run.update(run.destination, lambda found: found.setdefault("planned", {}).update(final_transfer=facts))
    run.mirror(must=True)
    return facts, True


def _only_said(run: Run, view: Any) -> dict[str, Any]:
    def change(record: dict[str, Any]) -> None:
        record["objects"] = {**(record.get("objects") or {}), "state": str(Objects.VERIFIED)}
        record["verified"] = {"epoch": record["epoch"], "backup": record["backup"]["name"], "restores": record.get("restores"), "at": ""}

    run.update(run.destination, change)
    return {}


def _no_volumes(run: Run, view: Any) -> dict[str, Any]:
    objects.mark(run, state=str(Objects.RESTORING), volumes=[], left_out=[])
    return {}


def _lifted(run: Run) -> dict[str, Any]:
    for side in (run.destination, run.source):
        run.take_lease(side)
    svm = svms.find(run.source.ontap, run.config.source_svm)
    if svm:
        svms.start(run.source.ontap, svm, deadline=60, force=True)
    for side in (run.destination, run.source):
        run.release_lease(side)
    return {}


def _latest(run: Run, view: Any, relation: Any, first: Any) -> dict[str, Any]:
    return {"name": relation.exported_snapshot, "created_at": "2036-01-01T00:00:00Z"}


def _leased(self: Run, side: Any, **_options: Any) -> None:
    """Takes what is held."""
    self._keep(side, 0.0)


MIRROR = state._mirror


def _rosy(forward: Any, source: Any, record: Any, rpo: float) -> tuple[Storage, str]:
    word, why = MIRROR(forward, source, record, rpo)
    return (Storage.PROTECTED, why) if word in (Storage.DEGRADED, Storage.FENCED) else (word, why)


DESTROYED, TWO = "exists nowhere any more", "both SVMs are writable"
NO_WAY, PODS = "no way home", "but the pods of"
MUTANTS: tuple[Mutant, ...] = (
    Mutant("the break is sent without its intent in the record", ("before intent",), ((promote, "_record_intent", _nothing),)),
    Mutant("the SVM is started before its export rules", ("lets in",), ((steps, "FAILOVER", _swapped()), (failover, "FAILOVER", _swapped()))),
    Mutant(
        "a statement's age and site are not judged", ("rests on a statement",), ((failover, "judge_statement", _nothing),),
        ((wrong_word, 3), (write, 1), (lose, 1)),
    ),
    Mutant("the token is not compared", (DESTROYED,), ((reverse, "check_accepted", _nothing),), ((verb, 6), (write, 6), (lose, 3), (mend, 4))),
    Mutant("any loss counts as none", (DESTROYED,), ((Loss, "nothing", property(lambda self: True)),), ((verb, 6), (write, 6), (lose, 3), (mend, 4))),
    Mutant(
        "half a proof, or one about another site, is taken", ("rests on proof",), ((failover, "proof_stands", _any_proof),),
        ((half_a_night, 2), (mend, 1), (write, 2)), seed=2,
    ),
    Mutant(
        "a rollback after the break was sent", (TWO, NO_WAY, "rolled back"),
        ((rollback, "break_sent_by", lambda record, verb: False), (rollback, "_broken", lambda run: False)),
        ((rules_refused, 3), (verb, 2), (write, 1)), seed=1,
    ),
    Mutant("a fence is lifted after a failover", (TWO,), ((fence, "_lift", _lifted),), ((verb, 6), (late_lift, 4), (write, 2))),
    Mutant("a restore runs while its location can be written", ("can be written",), ((locations, "hold_read_only", _nothing),), kind=SLOW),
    Mutant(
        "replicas are not recorded", ("cannot write", "can write", PODS, NO_WAY), ((fence, "_record_replicas", lambda run, sides, running: {}),),
        ((verb, 4), (late_lift, 2), (write, 1)), seed=1,
    ),
    Mutant(
        "a PersistentVolume is deleted while its policy is Delete", ("was deleted while",),
        ((volumes, "policy_of", lambda pv: "Retain"), (volumes, "retain", lambda kube, name, **options: ({}, False))),
    ),
    Mutant("the lease is not looked at", ("while the lease is held",), ((Run, "guard", _nothing), (Run, "_write_lease", _leased)), ((rivalry, 5), (write, 1))),
    Mutant(
        "the final transfer of a planned failover is left out", ("stated no such loss",), ((planned, "_final_transfer", _no_transfer),),
        ((verb, 5), (write, 5)),
    ),
    Mutant(
        "the loss is told smaller than it is", ("stated no such loss",), ((promote, "exported_snapshot", _latest),), ((night, 3), (write, 2), (mend, 1)),
    ),
    Mutant("verified is said and not seen", ("can write", NO_WAY, PODS), ((verifying, "restore_and_verify", _only_said), (objects, "restore", _only_said))),
    Mutant("volumes do not meet their data", ("none of the group", NO_WAY, "can write", PODS), ((objects, "give_volumes", _no_volumes),)),
    Mutant("protected is said of a mirror that is not whole", ("the state is protected",), ((state, "_mirror", _rosy),), ((verb, 8), (write, 2))),
    Mutant(
        "leftovers are cleared before the objects stand elsewhere", (NO_WAY, "cannot write", "can write", PODS), ((reprotect, "refusal", _nothing),),
        ((cut_short, 4), (hasty, 3), (write, 1)),
    ),
    Mutant(
        "the other site's nodes stay let in", ("lets in", "pods of both sites"), ((promote, "_closed_wrongly", lambda policies, view: []),),
    ),
    Mutant("status proposes a verb that leads nowhere", (NO_WAY,), ((sites, "proposals", lambda state, record: ({"verb": "setup"},)),)),
)
