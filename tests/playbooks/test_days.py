# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole playbooks, each a process of its own, against servers: what an operator sees from the first set-up to the night of the failover."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.lease import TTL_SECONDS
from ansible_collections.kubedr.ontap.tests.support.playbooks import Operator, Played

GROUPS = ["app1", "app2"]


def steps(played: Played, group: str) -> list[str]:
    """Names of the steps in a run's evidence."""
    return [step["name"] for step in played.runs[group]["steps"]]


def changes(played: Played, group: str) -> list[tuple[str, bool]]:
    """Steps that changed something, or would."""
    return [(step["name"], step["changed"]) for step in played.runs[group]["steps"] if step["changed"]]


def diffs(played: Played, group: str) -> list[str]:
    """Every diff that was printed for a group, in order."""
    found = re.findall(r"^(--- before.*?)^(?:changed|ok): \[(\w+)\]", played.text, re.MULTILINE | re.DOTALL)
    return [text.strip() for text, host in found if host == group]


@pytest.mark.parametrize("operator", [["--groups", "2"]], indirect=True)
def test_set_up_is_foretold_done_and_done_already(operator: Operator) -> None:
    """``--check --diff`` names what the run then does; the second run changes nothing and sends no write request."""
    operator.lab.run("deploy", "--all")
    foretold = operator.good("setup", "--check", "--diff", "--forks", "1")
    assert operator.writes() == []
    assert {run["result"] for run in foretold.runs.values()} == {"planned"}
    done = operator.good("setup", "--diff", "--forks", "1")
    assert {run["result"] for run in done.runs.values()} == {"succeeded"}
    # app1 comes first at every task; what both share is there when app2 comes.
    assert changes(foretold, "app1") == changes(done, "app1")
    assert len(diffs(done, "app1")) == 7
    assert diffs(foretold, "app1") == diffs(done, "app1")
    assert set(changes(done, "app2")) < set(changes(foretold, "app2"))
    assert foretold.changed["app1"] == done.changed["app1"] == 6
    before = operator.writes()
    again = operator.good("setup", "--diff")
    assert again.changed == dict.fromkeys(GROUPS, 0)
    assert operator.writes() == before
    assert operator.ports("tokyo") & again.ports, "the wiretap hears what set-up connects to"
    assert operator.good("status", dr_require="ready").changed == dict.fromkeys(GROUPS, 0)


def protect(operator: Operator, groups: int) -> None:
    """Deployed, set up, written to, backed up and transferred; more was written since."""
    names = [f"app{number}" for number in range(1, groups + 1)]
    operator.lab.run("deploy", "--all")
    operator.good("setup")
    operator.write(names)
    operator.lab.run("backup", "tokyo")
    for name in names:
        operator.lab.run("transfer", name)
    operator.write(names)


def untouched(operator: Operator, group: str) -> dict[str, Any]:
    """What a failover of another group must leave as it is: SVMs and relationship, the group's objects and its data, on both sides."""
    found: dict[str, Any] = {}
    for site in ("tokyo", "osaka"):
        svms = operator.lab.request(site, "ontap", "GET", f"/api/svm/svms?name=svm_{group}*&fields=state,subtype")[1]["records"]
        spaces = [space["metadata"]["name"] for space in operator.lab.request(site, "kubernetes", "GET", "/api/v1/namespaces")[1]["items"]]
        rules = operator.lab.request(site, "ontap", "GET", f"/api/protocols/nfs/export-policies?svm.name=svm_{group}*&fields=rules")[1]["records"]
        records = operator.lab.request(site, "kubernetes", "GET", f"/api/v1/namespaces/velero/configmaps/kubedr-{group}")[1]["data"]
        found[site] = {
            "svms": svms, "spaces": [name for name in spaces if name.startswith(group)], "rules": rules, "record": records,
            "data": operator.lab.run("read", site, group),
        }
    return found


def assert_exact_loss(operator: Operator, group: str, run: dict[str, Any]) -> None:
    """Exactly the records after the stated instant are missing at the destination, and no other."""
    stated = {volume["name"]: datetime.fromisoformat(volume["lost_after"]) for volume in run["loss"]["volumes"]}
    before = {site: operator.lab.run("read", site, group, "--records") for site in ("tokyo", "osaka")}
    assert set(before["tokyo"]) == set(before["osaka"]) == set(stated)
    for volume, instant in stated.items():
        written, saved = (before[site][volume]["records"]["records"] for site in ("tokyo", "osaka"))
        assert saved == [record for record in written if datetime.fromisoformat(record[1]) <= instant]
        assert 0 < len(saved) < len(written)


HOW: list[tuple[str, list[str], str]] = [("hang", [], "thaw"), ("drop", [], "start"), ("kill", ["--only", "ontap"], "start"), ("kill", [], "")]


@pytest.mark.parametrize("operator", [["--groups", "6"]], indirect=True)
def test_the_site_is_lost_in_every_way(operator: Operator) -> None:
    """One group after the other fails over, each with the site lost in another way: the same steps, and never an attempt to connect to the site."""
    lab = operator.lab
    protect(operator, 6)
    assert operator.play("failover", "--limit", "app5").rc != 0, "no mode"
    silent = operator.ports("tokyo")
    before = untouched(operator, "app6")
    operator.good("fence", "--limit", "app5")
    fenced = operator.failover("app5")
    assert fenced.rc == 0, fenced.text[-4000:]
    assert fenced.runs["app5"]["fence"]["kind"] == "proof"
    assert fenced.runs["app5"]["state_after"] == {**fenced.runs["app5"]["state_after"], "storage": "failed_over", "objects": "verified"}
    seen = {"fenced": fenced}
    for number, (how, only, back) in enumerate(HOW, 1):
        group = f"app{number}"
        lab.run(how, "tokyo", *only)
        before_it = operator.connections("tokyo")
        seen[" ".join([how, *only])] = played = operator.failover(group, dr_fence_statement=operator.statement())
        assert played.rc == 0, played.text[-4000:]
        run = played.runs[group]
        assert (run["state_after"]["storage"], run["state_after"]["objects"], run["fence"]["kind"]) == ("failed_over_unfenced", "verified", "statement")
        assert_exact_loss(operator, group, run)
        if back:
            lab.run(back, "tokyo")
        assert operator.connections("tokyo") == before_it
    lab.run("start", "tokyo")
    assert untouched(operator, "app6") == before
    assert {name: played.ports & silent for name, played in seen.items()} == dict.fromkeys(seen, set())
    assert {
        name: steps(played, group) for (name, played), group in zip(seen.items(), ("app5", "app1", "app2", "app3", "app4"), strict=True)
    } == dict.fromkeys(seen, steps(fenced, "app5"))
    assert {"break", "export_rules", "start", "restore_namespaces", "verified"} <= set(steps(fenced, "app5"))


@pytest.mark.parametrize("operator", [["--groups", "2"]], indirect=True)
def test_a_night_with_two_operators_and_a_killed_run(operator: Operator) -> None:
    """The site is gone. What must be refused is; of two runs for one group one goes on; a killed one is finished by the next; and what is done stays done.

    The first run is held still for a third of a lease's life, so that it has to renew the lease under the rival's eyes.
    """
    lab, silent = operator.lab, operator.ports("tokyo")
    protect(operator, 2)
    lab.run("kill", "tokyo")
    before = operator.writes()

    status = operator.play("status")
    assert status.rc != 0
    assert {
        name for name in ("ONTAP tokyo", "Kubernetes tokyo", "ONTAP osaka") if f"no answer from {name}" in status.text or f", {name};" in status.text
    } == {"ONTAP tokyo", "Kubernetes tokyo"}
    tries = {"failed": operator.play("setup"), "refused": operator.failover("app1")}
    for result, played in tries.items():
        assert (played.rc != 0, played.runs["app1"]["result"]) == (True, result)
    assert "ONTAP tokyo" in tries["failed"].runs["app1"]["message"]
    assert "dr_fence_statement" in tries["refused"].runs["app1"]["message"]
    assert "dr_mode" in operator.play("failover").text
    planned = operator.failover("app1", "--check", dr_fence_statement=operator.statement())
    assert (planned.rc, planned.runs["app1"]["result"]) == (0, "planned")
    assert operator.writes() == before

    first = operator.begin("failover", "--limit", "app1", dr_mode="unplanned", dr_fence_statement=operator.statement())
    first.wait_for(lambda: "decide" in first.steps("app1", ended=True), "the decision was not recorded")
    first.stop()
    leased = time.monotonic()
    rival = operator.begin("failover", "--limit", "app1", dr_mode="unplanned", dr_fence_statement=operator.statement())
    rival.until("waiting for the lease held by failover")
    time.sleep(max(0.0, leased + TTL_SECONDS / 3 + 1 - time.monotonic()))
    first.go_on()
    first.wait_for(lambda: "pause" in first.steps("app1", ended=True), "it did not go on")
    first.stop()
    second = rival.wait()
    first.go_on()
    assert (second.rc != 0, second.runs["app1"]["result"]) == (True, "refused")
    assert "lease_held" in second.text
    assert f"(process {first.process.pid} on " in second.text
    won = first.wait()
    assert won.rc == 0, won.text[-4000:]

    slow_break(operator)
    killed = operator.begin("failover", "--limit", "app2", dr_mode="unplanned", dr_fence_statement=operator.statement())
    killed.wait_for(lambda: "break" in killed.steps("app2", ended=False), "the break was not begun")
    killed.kill()
    assert killed.wait().runs["app2"]["result"] == "running"
    resumed = operator.failover("app2")
    assert resumed.rc == 0, resumed.text[-4000:]
    assert "decide" not in steps(resumed, "app2")
    assert steps(resumed, "app2")[-1] == "verified"

    before = operator.writes()
    again = operator.good("failover", dr_mode="unplanned")
    assert again.changed == dict.fromkeys(GROUPS, 0)
    assert operator.writes() == before
    assert not silent & (won.ports | second.ports | resumed.ports | again.ports)
    for group, run in (("app1", won.runs["app1"]), ("app2", resumed.runs["app2"])):
        assert_exact_loss(operator, group, run)

    lab.run("start", "tokyo")
    before = operator.writes()
    for arguments in ([], ["--check"]):
        refused = operator.play("setup", *arguments)
        assert (refused.rc != 0, refused.changed) == (True, dict.fromkeys(GROUPS, 0))
        assert {run["result"] for run in refused.runs.values()} == {"refused"}
    assert operator.writes() == before


def slow_break(operator: Operator) -> None:
    """The next break is carried out, and answered only after some seconds."""
    operator.lab.run("fault", "osaka", "--match", "PATCH /api/snapmirror/relationships/[^/]+$", "--kind", "slow", "--nth", "2", "--seconds", "9")
