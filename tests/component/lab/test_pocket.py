# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pocket lab: both sites in this process, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, NotFound, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.tests.support.by_hand import ByHand
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketKube, PocketOntap, group_dict, pocket_env

from kubedr_lab.pocket import LabRefused, PocketLab

CLUSTER = Request("GET", "/api/cluster", timeout=10)
BACKUPS = "/apis/velero.io/v1/namespaces/velero/backups"


def by_hand(lab: PocketLab) -> ByHand:
    def send(site: str, method: str, path: str, body: Any) -> tuple[int, Any]:
        answer = PocketOntap(lab, site).send(Request(method, path, {}, body))
        return answer.status, answer.body

    return ByHand(send, lab.run)


def peer_state(lab: PocketLab, site: str) -> str:
    """How a cluster sees the other one."""
    found: str = by_hand(lab).do(site, "GET", "/api/cluster/peers?fields=status.state")["records"][0]["status"]["state"]
    return found


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    lab = PocketLab()
    lab.deploy("app1")
    return lab.freeze()


@pytest.fixture(scope="module")
def mirrored(deployed: dict[str, Any]) -> dict[str, Any]:
    lab = PocketLab(frozen=deployed)
    lab.write("app1", 10)
    by_hand(lab).mirror()
    return lab.freeze()


@pytest.fixture
def lab(deployed: dict[str, Any]) -> PocketLab:
    return PocketLab(frozen=deployed)


@pytest.fixture
def pair(mirrored: dict[str, Any]) -> PocketLab:
    return PocketLab(frozen=mirrored)


def pods(lab: PocketLab) -> list[str]:
    answer = PocketKube(lab, "tokyo").send(Request("GET", "/api/v1/pods"))
    return [pod["metadata"]["uid"] for pod in answer.body["items"]]


def test_the_same_seed_gives_the_same_lab() -> None:
    made = [PocketLab(seed=seed) for seed in (7, 7, 8)]
    for lab in made:
        lab.deploy("app1")
    first, second, third = (pods(lab) for lab in made)
    assert first == second != third
    assert made[0].log("tokyo") == made[1].log("tokyo")
    assert made[0].log("tokyo")


def test_a_killed_site_refuses_at_once_and_comes_back_whole(lab: PocketLab) -> None:
    before, now = pods(lab), lab.clock.now()
    lab.kill("tokyo")
    for transport in (PocketOntap(lab, "tokyo"), PocketKube(lab, "tokyo")):
        with pytest.raises(Unreachable, match="cannot be reached"):
            transport.send(CLUSTER)
    assert lab.clock.now() == now
    assert PocketOntap(lab, "osaka").send(CLUSTER).status == 200
    lab.start("tokyo")
    assert PocketOntap(lab, "tokyo").send(CLUSTER).status == 200
    assert pods(lab) == before


@pytest.mark.parametrize(("befall", "error"), [("hang", AnswerLost), ("drop", Unreachable)])
def test_a_silent_part_costs_the_timeout(lab: PocketLab, befall: str, error: type[Exception]) -> None:
    getattr(lab, befall)("tokyo", only="ontap")
    now, transport = lab.clock.now(), PocketOntap(lab, "tokyo")
    with pytest.raises(error):
        transport.send(Request("GET", "/api/cluster", timeout=7))
    assert lab.clock.now() == now + 7
    assert PocketKube(lab, "tokyo").send(Request("GET", "/version")).status == 200
    lab.thaw("tokyo", only="ontap")
    assert transport.send(CLUSTER).status == 200


@pytest.mark.parametrize(("kind", "error", "costs"), [("drop", AnswerLost, 10), ("reset", AnswerLost, 0), ("executed", AnswerLost, 0)])
def test_faults_without_an_answer(lab: PocketLab, kind: str, error: type[Exception], costs: float) -> None:
    lab.fault("tokyo", "POST /api/cluster/schedules", kind)
    now, transport = lab.clock.now(), PocketOntap(lab, "tokyo")
    with pytest.raises(error):
        transport.send(Request("POST", "/api/cluster/schedules", {}, {"name": "dr", "cron": {"minutes": [0]}}))
    assert lab.clock.now() == now + costs
    found = transport.send(Request("GET", "/api/cluster/schedules", {"name": "dr"})).body["num_records"]
    assert found == (1 if kind == "executed" else 0)


def test_slow_answers_take_their_time_or_come_too_late(lab: PocketLab) -> None:
    lab.fault("tokyo", "GET /api/cluster", "slow", seconds=4, times=2)
    now, transport = lab.clock.now(), PocketOntap(lab, "tokyo")
    assert transport.send(CLUSTER).status == 200
    assert lab.clock.now() == now + 4
    with pytest.raises(AnswerLost):
        transport.send(Request("GET", "/api/cluster", timeout=1))
    assert lab.clock.now() == now + 5


@pytest.mark.parametrize(("kind", "message", "exists"), [("job-failed", True, False), ("job-failed-silent", False, False), ("job-lost", None, True)])
def test_job_faults(lab: PocketLab, kind: str, message: bool | None, exists: bool) -> None:
    rule = lab.fault("osaka", "POST /api/svm/svms", kind)
    transport = PocketOntap(lab, "osaka")
    begun = transport.send(Request("POST", "/api/svm/svms", {}, {"name": "svm_x", "subtype": "dp_destination"}))
    assert (begun.status, rule.seen) == (202, 1)
    lab.run(5)
    job = transport.send(Request("GET", f"/api/cluster/jobs/{begun.body['job']['uuid']}"))
    if message is None:
        assert job.status == 404
    else:
        assert job.body["state"] == "failure"
        assert bool(job.body.get("message")) is message
    assert transport.send(Request("GET", "/api/svm/svms", {"name": "svm_x"})).body["num_records"] == int(exists)


def test_latency_is_spent_in_virtual_time() -> None:
    lab = PocketLab(latency="realistic")
    transport, now = PocketOntap(lab, "osaka"), lab.clock.now()
    transport.send(CLUSTER)
    assert lab.clock.now() == pytest.approx(now + 0.05)
    create = Request("POST", "/api/svm/svms", {"return_timeout": "30"}, {"name": "svm_x", "subtype": "dp_destination"}, timeout=60)
    assert transport.send(create).status == 201
    assert lab.clock.now() == pytest.approx(now + 2.1)
    with pytest.raises(AnswerLost):
        transport.send(Request("POST", "/api/svm/svms", {"return_timeout": "30"}, {"name": "svm_y", "subtype": "dp_destination"}, timeout=1))
    lab.run(2)
    assert transport.send(Request("GET", "/api/svm/svms", {"name": "svm_y"})).body["num_records"] == 1, "the cluster went on without its client"


def test_a_failover_by_hand_saves_what_was_transferred(pair: PocketLab) -> None:
    transferred = pair.write("app1", 5)
    snapshot = pair.transfer("app1")
    written = pair.write("app1", 5)
    pair.kill("tokyo")
    osaka = PocketOntap(pair, "osaka")
    relationship = osaka.send(Request("GET", "/api/snapmirror/relationships", {"fields": "exported_snapshot"})).body["records"][0]
    assert relationship["exported_snapshot"] == snapshot
    path = f"/api/snapmirror/relationships/{relationship['uuid']}"
    by_hand(pair).break_off(path)
    saved, lost = pair.read("osaka", "app1"), pair.read("tokyo", "app1", records=True)
    assert saved.keys() == lost.keys()
    assert len(saved) >= 3
    for name, volume in saved.items():
        assert (volume["records"]["first"], volume["records"]["last"], volume["records"]["missing"]) == (1, transferred, []), name
        assert lost[name]["records"]["last"] == written == transferred + 5
        assert [number for number, _unused in lost[name]["records"]["records"]] == list(range(1, written + 1))


@pytest.mark.parametrize("befall", ["kill", "hang", "drop"])
def test_a_gone_site_stalls_only_what_is_about_it(pair: PocketLab, befall: str) -> None:
    getattr(pair, befall)("tokyo")
    pair.run(60)
    now = pair.clock.now()
    assert PocketOntap(pair, "osaka").send(CLUSTER).status == 200
    assert PocketKube(pair, "osaka").send(Request("GET", "/api/v1/nodes")).status == 200
    assert pair.clock.now() == now
    assert peer_state(pair, "osaka") == "unavailable"
    pair.start("tokyo")
    pair.run(60)
    assert peer_state(pair, "osaka") == "available"


@pytest.mark.parametrize("befall", ["kill", "drop"])
def test_a_cut_link_leaves_both_sites_alive_and_apart(pair: PocketLab, befall: str) -> None:
    getattr(pair, befall)("tokyo", only="link")
    pair.run(60)
    assert [peer_state(pair, site) for site in ("tokyo", "osaka")] == ["unavailable", "unavailable"]
    assert pair.write("app1", 1) == pair.read("tokyo", "app1")["app1_web"]["records"]["last"]
    pair.thaw("tokyo", only="link")
    assert pair.transfer("app1")


def test_pods_lose_their_readiness_with_their_storage(lab: PocketLab) -> None:
    lab.kill("tokyo", only="ontap")
    lab.run(60)
    workloads = lab.ask("tokyo-kubernetes", "pending", {"group": "app1"})["pending"]
    assert workloads
    before = lab.read("tokyo", "app1")
    lab.write("app1", 1)
    assert lab.read("tokyo", "app1") == before
    lab.start("tokyo", only="ontap")
    lab.run(60)
    assert lab.ask("tokyo-kubernetes", "pending", {"group": "app1"})["pending"] == []


def download(lab: PocketLab, site: str, backup: str) -> str:
    """The URL of a backup's contents, as a DownloadRequest gives it."""
    path = "/apis/velero.io/v1/namespaces/velero/downloadrequests"
    body = {"apiVersion": "velero.io/v1", "kind": "DownloadRequest", "metadata": {"name": "x"}, "spec": {"target": {"kind": "BackupContents", "name": backup}}}
    kube = PocketKube(lab, site)
    assert kube.send(Request("POST", path, {}, body)).status == 201
    lab.run(2)
    url: str = kube.send(Request("GET", f"{path}/x")).body["status"]["downloadURL"]
    return url


def test_a_backup_is_seen_on_both_sites_and_can_be_fetched(lab: PocketLab) -> None:
    name = lab.backup("tokyo")
    seen = PocketKube(lab, "tokyo").send(Request("GET", f"{BACKUPS}/{name}")).body
    assert seen["status"]["phase"] == "Completed"
    lab.run(10)
    assert PocketKube(lab, "osaka").send(Request("GET", f"{BACKUPS}/{name}")).status == 200
    fetch, url = pocket_env(lab).fetch, download(lab, "osaka", name)
    assert fetch(url, 10)[:2] == b"\x1f\x8b"
    with pytest.raises(NotFound):
        fetch(lab.objects.sign("nothing/here", 60), 10)
    lab.kill("store")
    with pytest.raises(Unreachable):
        fetch(url, 10)
    lab.start("store")
    assert fetch(url, 10)


def test_what_a_part_refuses_is_told(lab: PocketLab) -> None:
    with pytest.raises(LabRefused, match="destination of a mirror"):
        lab.transfer("app1")
    lab.kill("tokyo", only="ontap")
    with pytest.raises(LabRefused, match="no answer"):
        lab.deploy("app1")


def test_frozen_labs_do_not_touch_each_other(deployed: dict[str, Any]) -> None:
    one, two = PocketLab(frozen=deployed), PocketLab(frozen=deployed)
    one.write("app1", 3)
    one.kill("osaka")
    assert two.read("tokyo", "app1")["app1_web"]["records"]["count"] == 0
    assert PocketOntap(two, "osaka").send(CLUSTER).status == 200
    dead = PocketLab(frozen=one.freeze())
    with pytest.raises(Unreachable):
        PocketOntap(dead, "osaka").send(CLUSTER)
    dead.start("osaka")
    assert PocketOntap(dead, "osaka").send(CLUSTER).status == 200
    assert dead.write("app1", 1) == 4


def test_the_clock_sleeps_in_lab_time(lab: PocketLab) -> None:
    clock = PocketClock(lab)
    before = clock.monotonic()
    clock.sleep(12.5)
    assert clock.monotonic() == before + 12.5
    assert clock.utcnow().timestamp() == lab.clock.now()


def test_the_group_dict_leads_into_the_lab(lab: PocketLab) -> None:
    group = group_dict(lab, "app1", rpo_seconds=60)
    assert (group["source_site"], group["destination_site"], group["rpo_seconds"]) == ("tokyo", "osaka", 60)
    assert group["sites"]["osaka"]["ark"]["api_group"] == "velero.io"


def test_wrong_credentials_are_refused(lab: PocketLab) -> None:
    assert PocketOntap(lab, "tokyo", password="wrong").send(CLUSTER).status == 401
    assert PocketKube(lab, "tokyo", "wrong").send(Request("GET", "/api/v1/pods")).status == 401


def test_requests_are_logged_as_in_the_real_lab(lab: PocketLab) -> None:
    PocketOntap(lab, "tokyo").send(Request("GET", "/api/cluster?fields=name"))
    last = lab.log("tokyo")[-1]
    assert (last["via"], last["method"], last["path"], last["query"], last["status"]) == ("api", "GET", "/api/cluster", {"fields": "name"}, 200)
    assert "api" not in {entry.get("via") for entry in lab.log("osaka")}, "nobody connected to it"
