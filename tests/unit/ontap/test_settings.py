# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intercluster LIFs, export rules, schedules and policies."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, Refused, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import exports, network, policies
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import ExportPolicy, ExportRule
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.network import WantedLif

from .scripted import Call, accepted, answer, client_of, error, finish, get, job, records, write

LIFS = "/api/network/ip/interfaces"
WANTED = WantedLif("ic1", "n1", "e0c", "10.1.0.11", "255.255.255.0")


def lif(**more: Any) -> dict[str, Any]:
    found = {
        "uuid": "L",
        "name": "ic1",
        "ip": {"address": "10.1.0.11", "netmask": "24"},
        "enabled": True,
        "state": "up",
        "scope": "cluster",
        "services": ["intercluster_core"],
        "location": {"home_node": {"name": "n1"}, "home_port": {"name": "e0c"}},
    }
    return {**found, **more}


def look(*found: dict[str, Any]) -> Call:
    return get(LIFS, records(*found), name="ic1", scope="cluster")


def taken(*found: dict[str, Any]) -> Call:
    return get(LIFS, records(*found), ip__address="10.1.0.11")


def test_a_lif_that_is_right_is_left_alone() -> None:
    client = client_of(look(lif()))
    assert not network.ensure_intercluster_lif(client, WANTED, 60)[1]
    finish(client)


def test_a_lif_is_made_and_waited_for() -> None:
    body = {
        "name": "ic1",
        "ipspace": {"name": "Default"},
        "ip": {"address": "10.1.0.11", "netmask": "255.255.255.0"},
        "service_policy": {"name": "default-intercluster"},
        "location": {"home_port": {"name": "e0c", "node": {"name": "n1"}}},
        "enabled": True,
    }
    client = client_of(look(), taken(), write("POST", LIFS, body, answer(status=201)), look(lif(state="down")), look(lif()))
    assert network.ensure_intercluster_lif(client, WANTED, 60)[1]
    finish(client)


def test_a_lif_that_differs_is_changed_where_it_differs() -> None:
    other = lif(ip={"address": "10.1.0.12", "netmask": "24"}, enabled=False)
    body = {"enabled": True, "ip": {"address": "10.1.0.11", "netmask": "255.255.255.0"}}
    client = client_of(look(other), taken(), write("PATCH", f"{LIFS}/L", body), look(lif()))
    assert network.ensure_intercluster_lif(client, WANTED, 60)[1]
    moved = lif(location={"home_node": {"name": "n2"}, "home_port": {"name": "e0c"}})
    body = {"location": {"home_port": {"name": "e0c", "node": {"name": "n1"}}}}
    client = client_of(look(moved), taken(), write("PATCH", f"{LIFS}/L", body), look(lif()))
    assert network.ensure_intercluster_lif(client, WANTED, 60)[1]
    finish(client)


def test_a_lif_that_stays_down_is_not_done() -> None:
    client = client_of(*[look(lif(state="down"))] * 20)
    with pytest.raises(WaitTimeout) as caught:
        network.ensure_intercluster_lif(client, WANTED, 3)
    assert caught.value.seen["state"] == "down"


def test_a_lif_of_that_name_for_something_else_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        network.ensure_intercluster_lif(client_of(look(lif(services=["management_core"]))), WANTED, 60)
    assert caught.value.reason == "lif_of_other_kind"


def test_an_address_of_another_lif_is_refused_before_anything_is_sent() -> None:
    client = client_of(look(), taken(lif(name="old_ic")))
    with pytest.raises(Refused, match="old_ic") as caught:
        network.ensure_intercluster_lif(client, WANTED, 60)
    assert caught.value.reason == "address_taken"
    finish(client)


RULES = "/api/protocols/nfs/export-policies/7"


def policy(*rules: tuple[int, list[str]]) -> dict[str, Any]:
    found = [
        {"index": index, "clients": [{"match": c} for c in clients], "ro_rule": ["sys"], "rw_rule": ["sys"], "superuser": ["sys"], "protocols": ["nfs"]}
        for index, clients in rules
    ]
    return {"id": 7, "name": "default", "svm": {"name": "svm1_dr"}, "rules": found}


def test_rules_become_exactly_the_wanted_ones_new_before_old() -> None:
    before, between = policy((1, ["10.1.0.1"]), (2, ["10.1.0.2"])), policy((3, ["10.2.0.1"]))
    body = {"clients": [{"match": "10.2.0.1"}], "ro_rule": ["sys"], "rw_rule": ["sys"], "superuser": ["sys"], "protocols": ["nfs"]}
    client = client_of(
        get(RULES, answer(before)),
        write("POST", f"{RULES}/rules", body, answer(status=201)),
        write("DELETE", f"{RULES}/rules/1"),
        write("DELETE", f"{RULES}/rules/2", None, error("4", status=404)),
        get(RULES, answer(between)),
    )
    found, changed = exports.set_rules(client, ExportPolicy.from_record(before), [ExportRule(1, ("10.2.0.1",))])
    assert changed
    assert [rule.clients for rule in found.rules] == [("10.2.0.1",)]
    finish(client)


def test_rules_that_are_right_are_left_alone_whatever_their_order() -> None:
    right = policy((5, ["b", "a"]))
    client = client_of(get(RULES, answer(right)))
    assert not exports.set_rules(client, ExportPolicy.from_record(right), [ExportRule(0, ("b", "a"))])[1]
    finish(client)


def test_rules_half_done_are_finished_without_repeating_the_first_half() -> None:
    before, half, done = policy((1, ["old"])), policy((1, ["old"]), (2, ["new"])), policy((2, ["new"]))
    client = client_of(
        get(RULES, answer(before)),
        write("POST", f"{RULES}/rules", ExportRule(0, ("new",)).to_record(), error("8", status=503)),
        get(RULES, answer(half)),
        write("DELETE", f"{RULES}/rules/1"),
        get(RULES, answer(done)),
    )
    assert exports.set_rules(client, ExportPolicy.from_record(before), [ExportRule(0, ("new",))])[1]
    finish(client)


def test_a_rule_that_stands_twice_is_one_too_many() -> None:
    twice = policy((1, ["a"]), (2, ["a"]))
    client = client_of(get(RULES, answer(twice)), write("DELETE", f"{RULES}/rules/2"), get(RULES, answer(policy((1, ["a"])))))
    exports.set_rules(client, ExportPolicy.from_record(twice), [ExportRule(0, ("a",))])
    finish(client)


def test_a_rule_with_other_access_is_another_rule() -> None:
    one = ExportRule.from_record(policy((1, ["a"]))["rules"][0])
    assert one == ExportRule(9, ("a",))
    assert one != ExportRule(1, ("a",), superuser=("none",))


@pytest.mark.parametrize(
    ("text", "name", "minutes", "shortest"),
    [
        ("*/15 * * * *", "kubedr_xby15_x_x_x_x", (0, 15, 30, 45), 15),
        ("5 * * * *", "kubedr_5_x_x_x_x", (5,), 60),
        ("0,50 1-5 * * *", "kubedr_0.50_1-5_x_x_x", (0, 50), 10),
        ("* * * * *", "kubedr_x_x_x_x_x", tuple(range(60)), 1),
    ],
)
def test_cron(text: str, name: str, minutes: tuple[int, ...], shortest: int) -> None:
    cron = policies.parse_cron(text)
    assert (cron.name, dict(cron.parts)["minutes"], policies.shortest_minutes(cron.parts)) == (name, minutes, shortest)


def test_sunday_is_0() -> None:
    assert dict(policies.parse_cron("0 3 * * 0,7").parts)["weekdays"] == (0,)
    assert dict(policies.parse_cron("0 3 * jan mon-fri").parts) == {"minutes": (0,), "hours": (3,), "days": (), "months": (1,), "weekdays": (1, 2, 3, 4, 5)}


@pytest.mark.parametrize(
    "text",
    ["*/15 * * *", "*/15 * * * * *", "61 * * * *", "* 25 * * *", "a b c d e", "*/0 * * * *", "0 0 l * *", "0 0 * * 5#2", "@hourly x", "0 0 31-1 * *;", ""],
)
def test_bad_cron_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policies.parse_cron(text)
    assert caught.value.variable == "transfer_schedule"


SCHEDULES, POLICIES = "/api/cluster/schedules", "/api/snapmirror/policies"
CRON = policies.parse_cron("*/30 2 * * *")


def schedule(*minutes: int) -> Call:
    found = [{"uuid": "S", "name": CRON.name, "cron": {"minutes": list(minutes), "hours": [2]}}] if minutes else []
    return get(SCHEDULES, records(*found), name=CRON.name)


def test_a_schedule_is_made() -> None:
    body = {"name": CRON.name, "cron": {"minutes": [0, 30], "hours": [2]}}
    client = client_of(schedule(), write("POST", SCHEDULES, body, answer(status=201)), schedule(0, 30))
    assert policies.ensure_schedule(client, CRON, 60)[1]
    finish(client)


def test_a_schedule_that_fires_at_other_times_is_set_right() -> None:
    client = client_of(schedule(5), write("PATCH", f"{SCHEDULES}/S", {"cron": {"minutes": [0, 30], "hours": [2]}}), schedule(0, 30))
    assert policies.ensure_schedule(client, CRON, 60)[1]
    finish(client)


def test_a_schedule_that_names_every_value_is_the_same() -> None:
    full = {"uuid": "S", "name": CRON.name, "cron": {"minutes": [0, 30], "hours": [2], "months": list(range(1, 13)), "weekdays": list(range(7))}}
    assert not policies.ensure_schedule(client_of(get(SCHEDULES, records(full), name=CRON.name)), CRON, 60)[1]


def test_a_schedule_by_name_must_exist_and_be_cron() -> None:
    with pytest.raises(ConfigError, match="no schedule named"):
        policies.require_schedule(client_of(get(SCHEDULES, records(), name="x")), "x")
    with pytest.raises(ConfigError, match="interval"):
        policies.require_schedule(client_of(get(SCHEDULES, records({"name": "x", "interval": "PT5M"}), name="x")), "x")


def found_policy(**more: Any) -> Call:
    return get(POLICIES, records({"uuid": "P", "name": "p", "type": "async", "identity_preservation": "full", **more}), name="p")


def test_a_policy_is_made() -> None:
    body = {"name": "p", "type": "async", "identity_preservation": "full", "copy_all_source_snapshots": True}
    client = client_of(get(POLICIES, records(), name="p"), write("POST", POLICIES, body, accepted()), job("success"), found_policy())
    assert policies.ensure_policy(client, "p", "full", 60)[1]
    assert not policies.ensure_policy(client_of(found_policy()), "p", "full", 60)[1]
    finish(client)


@pytest.mark.parametrize("more", [{"type": "sync"}, {"identity_preservation": "exclude_network_config"}, {"create_snapshot_on_source": False}])
def test_a_policy_that_will_not_do_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        policies.ensure_policy(client_of(found_policy(**more)), "p", "full", 60)
    assert caught.value.reason == "policy_unfit"
