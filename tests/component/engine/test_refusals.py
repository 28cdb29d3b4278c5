# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: each names its reason, says why, and names what helps. What is refused writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap

from kubedr_lab.pocket import PocketLab

from .conftest import World, frozen, instant

MERGE = "application/merge-patch+json"


def nothing_set_up(world: World) -> None:
    """Two sites with an application."""


def protected(world: World) -> None:
    """As every state here begins."""


def fenced(world: World) -> None:
    world.fence()


def failed_over(world: World) -> None:
    world.planned()


def reprotected(world: World) -> None:
    world.planned()
    world.reprotect()


def lost(world: World) -> None:
    """The source's site is dead."""
    world.lose()


def lost_after_a_transfer(world: World) -> None:
    """Whoever says that it was down a minute ago is contradicted."""
    world.pocket.transfer("app1")
    world.lose()


def unfenced(world: World) -> None:
    """Failed over on the operator's word."""
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.run(30)


def split(world: World) -> None:
    """And then the dead site came back as it was."""
    unfenced(world)
    world.pocket.start("tokyo")
    world.pocket.run(30)


def to_be_resynced(world: World) -> None:
    """And then it was fenced: what it alone holds stands still."""
    split(world)
    world.fence()


def came_home_alone(world: World) -> None:
    """Failback unplanned, and the other side is back and fenced."""
    reprotected(world)
    world.pocket.backup("osaka")
    world.pocket.transfer("app1")
    world.pocket.run(130)
    world.pocket.write("app1", 3)
    world.pocket.kill("osaka")
    world.failback(mode="unplanned", fence_statement=world.statement(site="osaka"))
    world.pocket.start("osaka")
    world.pocket.run(30)
    world.fence()


def torn_down(world: World) -> None:
    world.teardown(teardown_consent="unprotect")


def decided(world: World) -> None:
    """A failover on the operator's word that died after its decision."""
    world.lose()
    tasks = drivers.failover_tasks(world.group(), fence_statement=world.statement())
    world.run(task for number, task in enumerate(tasks) if number < 2)


def never_backed_up(world: World) -> None:
    """Set up, but Ark never wrote a backup."""
    world.pocket.deploy("app1")
    world.setup()
    world.lose()


def unexplained(world: World) -> None:
    """Somebody deleted the relationship past the collection, and the record with it."""
    world.planned()
    ontap = PocketOntap(world.pocket, "osaka")
    for key, _relation in list(entries(world.pocket, "osaka", "ontap", "relationship")):
        assert ontap.send(Request("DELETE", f"/api/snapmirror/relationships/{key}", {"destination_only": "true", "return_timeout": "10"})).status < 300
    for site in ("tokyo", "osaka"):
        PocketKube(world.pocket, site).send(Request("DELETE", "/api/v1/namespaces/velero/configmaps/kubedr-app1"))


@cache
def made(prepare: Callable[[World], None]) -> dict[str, Any]:
    """A state, made once."""
    bare = prepare in (nothing_set_up, never_backed_up)
    world = World(PocketLab(frozen=None if bare else frozen("velero", "full", False, 1)))
    if prepare is nothing_set_up:
        world.pocket.deploy("app1")
    prepare(world)
    return world.pocket.freeze()


def said(world: World, **fields: Any) -> dict[str, Any]:
    return {"fence_statement": world.statement(**fields)}


def wrong_clients(world: World) -> None:
    world.failover(changes={"export_clients": ["10.1.2.0/24"]}, **said(world))


def old_word(world: World) -> None:
    world.failover(**said(world, at=(instant(world.now()) - timedelta(hours=5)).isoformat()))


def word_from_tomorrow(world: World) -> None:
    world.failover(**said(world, at=(instant(world.now()) + timedelta(hours=1)).isoformat()))


def contradicted_word(world: World) -> None:
    world.failover(**said(world, at=(instant(world.now()) - timedelta(seconds=60)).isoformat()))


def stale_token(world: World) -> None:
    world.reprotect(accept_loss={"app1": "app1-0123456789ab"})


def grown_loss(world: World) -> None:
    """The loss was stated and accepted; then the old source ran again, and was written to."""
    with pytest.raises(Refused) as error:
        world.reprotect()
    token = error.value.seen["token"]
    write_by_hand(world)
    world.reprotect(accept_loss={"app1": token})


def write_by_hand(world: World) -> None:
    svm = next(key for key, found in entries(world.pocket, "tokyo", "ontap", "svm") if found["name"] == "svm_app1")
    ontap, path = PocketOntap(world.pocket, "tokyo"), f"/api/svm/svms/{svm}"
    assert ontap.send(Request("PATCH", path, {"return_timeout": "10"}, {"state": "running"})).status < 300
    volume = next(key for key, found in entries(world.pocket, "tokyo", "ontap", "volume") if found["name"] == "app1_web")
    assert ontap.send(Request("POST", f"/api/storage/volumes/{volume}/snapshots", {"return_timeout": "10"}, {"name": "by_hand"})).status < 300
    assert ontap.send(Request("PATCH", path, {"return_timeout": "10"}, {"state": "stopped"})).status < 300


def no_common_snapshot(world: World) -> None:
    ontap = PocketOntap(world.pocket, "tokyo")
    volumes = {key for key, found in entries(world.pocket, "tokyo", "ontap", "volume") if found["svm"] == "svm_app1"}
    for key, snapshot in list(entries(world.pocket, "tokyo", "ontap", "snapshot")):
        if snapshot["volume"] in volumes:
            ontap.send(Request("DELETE", f"/api/storage/volumes/{snapshot['volume']}/snapshots/{key}", {"return_timeout": "10"}))
    world.reprotect()


def bare_pod(world: World) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely"}, "spec": {"containers": [{"name": "main", "image": "example.com/app:1"}]}}
    assert PocketKube(world.pocket, "tokyo").send(Request("POST", "/api/v1/namespaces/app1/pods", body=pod)).status == 201
    world.planned()


def unknown_backup(world: World) -> None:
    world.failover(backup={"app1": "of-last-year"}, **said(world))


def phase(verb: str, name: str, **options: Any) -> Callable[[World], Any]:
    """One phase out of its order."""

    def act(world: World) -> Any:
        tasks: Iterator[drivers.Task] = iter([("dr_phase", {"group": world.group(), "verb": verb, "phase": name, **options})])
        return world.run(tasks)

    return act


@dataclass(frozen=True)
class Case:
    """From a prepared state an act, the word of its refusal, and what its text must name: the reason, and what helps."""

    name: str
    state: Callable[[World], None]
    act: Callable[[World], Any]
    reason: str
    names: tuple[str, ...]


CASES = [
    Case("set-up after a failover", failed_over, lambda w: w.setup(), "failed_over", ("wrong side", "reprotect")),
    Case("set-up after reprotect", reprotected, lambda w: w.setup(), "reversed", ("the other way", "failback")),
    Case("set-up of a fenced group", fenced, lambda w: w.setup(), "source_fenced", ("stopped", "lift")),
    Case("set-up into what teardown kept", torn_down, lambda w: w.setup(), "destination_kept", ("svm_app1_dr", "delete that svm")),
    Case("set-up under split brain", split, lambda w: w.setup(), "split_brain", ("both svms", "fence")),
    Case("failover of what was never set up", nothing_set_up, lambda w: w.failover(**said(w)), "unprotected", ("no mirror", "setup")),
    Case("failover after teardown", torn_down, lambda w: w.planned(), "unprotected", ("no mirror", "setup")),
    Case("failover without a word", lost, lambda w: w.failover(), "statement_missing", ("tokyo", "fence", "dr_fence_statement")),
    Case("failover on an old word", lost, old_word, "statement_expired", ("4 h", "look again")),
    Case("failover on tomorrow's word", lost, word_from_tomorrow, "statement_ahead", ("ahead", "utc")),
    Case("failover on a contradicted word", lost_after_a_transfer, contradicted_word, "statement_contradicted", ("transfer:", "evidence", "fence")),
    Case("failover while the source is seen running", protected, lambda w: w.failover(**said(w)), "source_running", ("running", "fence")),
    Case("failover that would let the dead site's nodes in", lost, wrong_clients, "export_clients_hold_source", ("10.1.2.", "narrower")),
    Case("failover to an unknown backup", lost, unknown_backup, "backup_unknown", ("of-last-year",)),
    Case("failover without any backup", never_backed_up, lambda w: w.failover(**said(w)), "no_usable_backup", ("no backup", "dr_backup")),
    Case("failover after reprotect", reprotected, lambda w: w.planned(), "reversed", ("at the destination", "failback")),
    Case("failover under split brain", split, lambda w: w.planned(), "split_brain", ("both svms", "fence")),
    Case("failover of a group that came home alone", came_home_alone, lambda w: w.planned(), "failing_back", ("resync", "failback")),
    Case("failover in an unknown state", unexplained, lambda w: w.planned(), "unknown_state", ("not enough", "status")),
    Case("planned failover of bare pods", protected, bare_pod, "unscalable_pods", ("app1/lonely", "deployment")),
    Case("a phase before its time", decided, phase("failover", "volumes", mode="unplanned"), "out_of_order", ("not done yet", "order")),
    Case("an end before its time", decided, phase("failover", "close", mode="unplanned"), "not_done", ("not done", "failover")),
    Case("a phase that a verb has not", protected, phase("fence", "reverse"), "no_phase", ("fence", "reverse")),
    Case("reprotect of a group at home", protected, lambda w: w.reprotect(), "at_home", ("at its source",)),
    Case("reprotect under split brain", split, lambda w: w.reprotect(), "split_brain", ("both svms", "fence")),
    Case("reprotect without accepting the loss", to_be_resynced, lambda w: w.reprotect(), "loss_not_accepted", ("would be discarded", "dr_accept_loss")),
    Case("reprotect with a token of another loss", to_be_resynced, stale_token, "loss_token_stale", ("names another loss", "dr_accept_loss")),
    Case("reprotect when the loss grew since", to_be_resynced, grown_loss, "loss_token_stale", ("names another loss", "dr_accept_loss")),
    Case("reprotect without a common snapshot", to_be_resynced, no_common_snapshot, "no_common_snapshot", ("no common snapshot", "baseline")),
    Case("failback of a group at home", protected, lambda w: w.failback(), "at_home", ("at its source",)),
    Case("failback before reprotect", failed_over, lambda w: w.failback(), "not_reprotected", ("no mirror", "reprotect")),
    Case("failback unplanned without a word", reprotected, lambda w: w.failback(mode="unplanned"), "statement_missing", ("osaka", "fence")),
    Case("failback under split brain", split, lambda w: w.failback(), "split_brain", ("both svms", "fence")),
    Case("failback without accepting the loss", came_home_alone, lambda w: w.failback(), "loss_not_accepted", ("would be discarded", "dr_accept_loss")),
    Case("fence lifted after a failover", failed_over, lambda w: w.fence(how="lift"), "failed_over", ("failover", "stays down")),
    Case("fence with an unknown wish", protected, lambda w: w.fence(how="loose"), "bad_option", ("dr_fence", "lift")),
    Case("teardown without consent", protected, lambda w: w.teardown(), "consent_missing", ("what would be done", "dr_teardown_consent")),
    Case("teardown away from home", failed_over, lambda w: w.teardown(teardown_consent="unprotect"), "not_at_home", ("no way back", "failback")),
    Case("teardown under split brain", split, lambda w: w.teardown(teardown_consent="unprotect"), "split_brain", ("both svms", "fence")),
    Case("a verb of a later release", protected, phase("drill", "open"), "not_yet", ("not part of this release",)),
]


def copies(world: World) -> dict[str, Any]:
    """What must not change by a refusal: relationships, SVMs and every byte of every volume."""
    found: dict[str, Any] = {site: world.hashes(site) for site in ("tokyo", "osaka")}
    for site in ("tokyo", "osaka"):
        found[f"svm {site}"] = sorted((svm["name"], svm["subtype"], svm["state"]) for _key, svm in entries(world.pocket, site, "ontap", "svm"))
        found[f"mirror {site}"] = sorted((r["svm"], r["state"]) for _key, r in entries(world.pocket, site, "ontap", "relationship"))
    return found


GOES_SO_FAR = {"source_running"}
"""Seen only when the SVM is started: what was done before that stands, and is gone on with."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_refused_with_its_reason_and_what_helps(case: Case) -> None:
    world = World(PocketLab(frozen=made(case.state)))
    before = copies(world)
    with pytest.raises(Refused) as error:
        case.act(world)
    assert error.value.reason == case.reason, str(error.value)
    text = str(error.value).lower()
    assert [name for name in case.names if name.lower() not in text] == [], text
    assert error.value.failure()["reason"] == case.reason
    if case.reason not in GOES_SO_FAR:
        assert copies(world) == before


def test_there_are_enough_of_them() -> None:
    assert len({case.reason for case in CASES}) >= 25
