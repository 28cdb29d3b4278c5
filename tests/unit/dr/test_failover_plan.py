# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an unplanned failover: in order, each skipped exactly where its postcondition was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.failover import View, missing_at_destination, pending, wanted_clients
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import LifSeen, ObjectsSeen
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused

from .conftest import NOW, objects, relation, storage

CLIENTS = ("10.2.2.11", "10.2.2.12")
ALL = ["decide", "pause", "abort", "break", "export_rules", "start", "volumes", "restore", "verify"]
DECIDED: dict[str, Any] = {"epoch": 2, "run": {"verb": "failover", "epoch": 2}, "fence": {"kind": "proof", "epoch": 2}, "backup": {"name": "b1"}}

NOTED: dict[str, Any] = {**DECIDED, "broken": {"epoch": 2}}


def names(storage_seen: Any, record: dict[str, Any] | None) -> list[str]:
    return [step.name for step in pending(View(storage_seen, objects(record=record), CLIENTS))]


def done(state: str) -> dict[str, Any]:
    return {**NOTED, "objects": {"epoch": 2, "side": "destination", "state": state}}


MIRROR = storage(incoming=relation())
BROKEN = storage(state="stopped", subtype="default", incoming=relation("broken_off"))
RULED = replace(BROKEN, export_clients={"default": CLIENTS, "empty": ()})
SERVING = storage(state="running", subtype="default", incoming=relation("broken_off"), export_clients={"default": CLIENTS})


@pytest.mark.parametrize(("seen", "record", "expected"), [
    (storage(incoming=relation(transferring=True)), None, ALL),
    (MIRROR, None, [name for name in ALL if name != "abort"]),
    (MIRROR, DECIDED, [name for name in ALL if name not in ("decide", "abort")]),
    (storage(incoming=relation("paused")), DECIDED, ALL[3:]),
    (BROKEN, DECIDED, ALL[3:]),
    (BROKEN, NOTED, ALL[4:]),
    (RULED, NOTED, ALL[5:]),
    (SERVING, NOTED, ALL[6:]),
    (SERVING, done("restoring"), ALL[7:]),
    (SERVING, done("restored"), ALL[8:]),
    (SERVING, done("verified"), []),
], ids=lambda value: None)
def test_what_was_seen_is_not_done_again(seen: Any, record: dict[str, Any] | None, expected: list[str]) -> None:
    assert names(seen, record) == expected


def test_an_older_epoch_counts_for_nothing() -> None:
    assert names(SERVING, {**done("verified"), "epoch": 3}) == ["decide", "break", "volumes", "restore", "verify"]


def test_a_running_svm_without_the_new_rules_is_not_done() -> None:
    assert "export_rules" in names(replace(SERVING, export_clients={"default": (*CLIENTS, "10.1.2.11")}), DECIDED)
    assert "start" in names(replace(SERVING, lifs=(LifSeen("lif1", "10.1.1.1", False),)), DECIDED)


def config(group: dict[str, Any], clients: list[str] | None) -> Any:
    return parse_group({**group, "export_clients": clients})


def test_clients_are_the_nodes_unless_named(group: dict[str, Any]) -> None:
    assert wanted_clients(config(group, None), objects(), []) == CLIENTS
    assert wanted_clients(config(group, ["10.9.0.0/24"]), objects(), ["10.1.2.11"]) == ("10.9.0.0/24",)


def test_nobody_to_let_in_is_refused(group: dict[str, Any]) -> None:
    with pytest.raises(Refused) as error:
        wanted_clients(config(group, None), ObjectsSeen("osaka", NOW), [])
    assert error.value.reason == "export_clients_empty"


@pytest.mark.parametrize("client", ["10.1.0.0/16", "10.1.2.11"])
def test_a_rule_that_lets_in_a_node_of_the_dead_site_is_refused(group: dict[str, Any], client: str) -> None:
    with pytest.raises(Refused) as error:
        wanted_clients(config(group, [client]), objects(), ["10.1.2.11"])
    assert error.value.reason == "export_clients_hold_source"
    assert "10.1.2.11" in str(error.value)


def test_each_lack_is_named() -> None:
    bare = replace(MIRROR, lifs=(), routes=0, nfs=False, export_clients={})
    assert missing_at_destination(bare, routes_wanted=True) == ["a data LIF", "a route", "an NFS server", "export rules"]
    assert missing_at_destination(MIRROR, routes_wanted=True) == []
    assert missing_at_destination(replace(MIRROR, routes=0), routes_wanted=False) == []
