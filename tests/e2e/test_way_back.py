# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Out and home on real Kubernetes and real Velero: app1 with both sites alive, app2 after its primary was killed. Both volumes are compared by hash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CLAIMS, RealLab, changed, statement, until
from ansible_collections.kubedr.ontap.tests.e2e.rights import EXCUSED, granted, used

GROUPS = ("app1", "app2")
MARK = "/api/v1/namespaces/{}/configmaps/lap"


def hashes(lab: RealLab, site: str, group: str) -> dict[str, str]:
    """Per volume, the hash of all that it holds."""
    return {name: volume["sha256"] for name, volume in lab.run("read", site, group).items()}


def write(lab: RealLab, site: str, group: str) -> dict[str, str]:
    """More records in every volume where the group serves. Returns its hashes then."""

    def least() -> int:
        return min(int(volume["records"]["count"]) for volume in lab.run("read", site, group).values())

    before = least()
    lab.run("write", group)
    until("records in every volume", lambda: least() > before + 2)
    lab.run("write", group, "--stop")
    seen: list[dict[str, str]] = []

    def still() -> bool:
        """A record that was under way when the writer was stopped lands a little later."""
        seen.append(hashes(lab, site, group))
        return seen[-2:-1] == seen[-1:]

    until("the last record", still, pause=1.0)
    return seen[-1]


def verb(lab: RealLab, name: str, group: str, storage: str, variables: dict[str, Any] | None = None, words: list[str] | None = None) -> None:
    """Run a verb, which ends in that state, and once more, which changes nothing."""
    options = words or [word for key, value in (variables or {}).items() for word in ("-e", f"{key}={value}")]
    text = lab.playbook(name, [group], *options)
    run = lab.evidence(group, name)
    assert run["result"] == "succeeded", text
    if run["state_after"]:
        assert run["state_after"]["storage"] == storage, text
    if name in ("failover", "failback"):
        assert run["state_after"]["objects"] == "verified", text
    again = lab.playbook(name, [group], *options)
    assert changed(again, group) == 0, again


def bound(lab: RealLab, site: str, group: str) -> None:
    """Every claim of the group has its volume, and every pod is ready."""
    assert {claim: lab.bound(site, group, claim)[0] for claim in CLAIMS} == dict.fromkeys(CLAIMS, "Bound")
    pods = [pod for pod in lab.get(site, f"/api/v1/namespaces/{group}/pods")["items"] if pod["status"]["phase"] != "Succeeded"]
    assert len(pods) > 1
    assert all(any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"]["conditions"]) for pod in pods)


def mark(lab: RealLab, site: str, group: str, lap: str) -> None:
    """A change of the group's objects, which the next restore at the other site must bring."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lap"}, "data": {"lap": lap}}
    if lab.missing(site, MARK.format(group)):
        lab.post(site, MARK.format(group).rsplit("/", 1)[0], body)
        return
    status, answer = lab.request(site, "kubernetes", "PUT", MARK.format(group), body)
    assert status == 200, answer


def marked(lab: RealLab, site: str, group: str) -> str:
    """The lap that the group's objects tell at a site."""
    found: str = lab.get(site, MARK.format(group))["data"]["lap"]
    return found


@pytest.fixture(scope="module")
def lab(real_lab: RealLab) -> RealLab:
    """Two groups are set up."""
    real_lab.run("deploy", "app1")
    real_lab.run("deploy", "app2")
    real_lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    real_lab.playbook("setup", GROUPS)
    return real_lab


@pytest.mark.parametrize("lap", ["first", "second"])
def test_planned_out_and_home(lab: RealLab, lap: str) -> None:
    mark(lab, "tokyo", "app1", lap)
    kept = write(lab, "tokyo", "app1")
    verb(lab, "failover", "app1", "failed_over", {"dr_mode": "planned"})
    assert hashes(lab, "tokyo", "app1") == hashes(lab, "osaka", "app1") == kept
    assert marked(lab, "osaka", "app1") == lap
    bound(lab, "osaka", "app1")
    kept = write(lab, "osaka", "app1")
    verb(lab, "reprotect", "app1", "reprotected")
    assert hashes(lab, "tokyo", "app1") == hashes(lab, "osaka", "app1") == kept
    mark(lab, "osaka", "app1", f"{lap}, out")
    kept = write(lab, "osaka", "app1")
    verb(lab, "failback", "app1", "protected", {"dr_mode": "planned"})
    assert hashes(lab, "tokyo", "app1") == hashes(lab, "osaka", "app1") == kept
    assert marked(lab, "tokyo", "app1") == f"{lap}, out"
    bound(lab, "tokyo", "app1")
    assert lab.storage("app1") == "protected"


def test_the_primary_is_killed_and_comes_back_for_app2(lab: RealLab) -> None:
    write(lab, "tokyo", "app2")
    name = lab.run("backup", "tokyo")["name"]
    until("the backup at osaka", lambda: lab.phase("osaka", "backups", name) == "Completed", 180)
    lab.run("transfer", "app2")
    lost = write(lab, "tokyo", "app2")
    lab.run("kill", "tokyo")
    verb(lab, "failover", "app2", "failed_over_unfenced", words=statement())
    bound(lab, "osaka", "app2")
    kept = write(lab, "osaka", "app2")
    lab.run("start", "tokyo")
    verb(lab, "fence", "app2", "failed_over")
    assert hashes(lab, "tokyo", "app2") == lost
    accepted = lab.refused_for_loss("reprotect", "app2")
    assert hashes(lab, "tokyo", "app2") == lost
    verb(lab, "reprotect", "app2", "reprotected", words=accepted)
    assert hashes(lab, "tokyo", "app2") == hashes(lab, "osaka", "app2") == kept
    kept = write(lab, "osaka", "app2")
    verb(lab, "failback", "app2", "protected", {"dr_mode": "planned"})
    assert hashes(lab, "tokyo", "app2") == hashes(lab, "osaka", "app2") == kept
    bound(lab, "tokyo", "app2")


def test_nothing_stays_behind(lab: RealLab) -> None:
    for site in ("tokyo", "osaka"):
        location = lab.get(site, f"{ARK}/backupstoragelocations/default")
        assert location["spec"].get("accessMode", "ReadWrite") == "ReadWrite"
        assert not lab.get(site, f"{ARK}/downloadrequests")["items"]
    for group in GROUPS:
        assert lab.missing("osaka", f"/api/v1/namespaces/{group}")


def test_both_are_taken_out_of_protection(lab: RealLab) -> None:
    for group in GROUPS:
        verb(lab, "teardown", group, "unprotected", words=["-e", json.dumps({"dr_teardown_consent": {group: "unprotect"}})])


def test_every_right_is_used_or_excused_and_nothing_else_is_used(lab: RealLab) -> None:
    done = used(lab, "osaka") | used(lab, "tokyo")
    assert done <= granted(), sorted(done - granted())
    unused = granted() - done - set(EXCUSED)
    assert unused == set(), sorted(unused)
