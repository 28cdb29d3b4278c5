# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""REST conventions: query language, envelopes, authentication, jobs."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from kubedr_lab.clock import START, LabClock, VirtualClock
from kubedr_lab.messages import Request
from kubedr_lab.ontap import OntapCluster, PeerUnreachable, seed_site
from kubedr_lab.ontap.query import comparable, field_names, matches, project, schema
from kubedr_lab.profile import REALISTIC, Profile
from kubedr_lab.store import MemoryStore

from .conftest import Pair

RECORD = {
    "name": "svm1", "uuid": "u", "size": 5, "on": True, "lag": "PT8M42S", "at": "2026-07-01T10:00:00+00:00", "peer": {"svm": {"name": "x:y"}},
    "list": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
}


@pytest.mark.parametrize(
    ("field", "text", "found"),
    [
        ("name", "svm1", True), ("name", "svm*", True), ("name", "!svm1", False), ("name", "!svm2", True), ("name", "a|svm1", True), ("name", "!a|svm1", False),
        ("peer.svm.name", "x:y", True), ("size", ">4", True), ("size", "<=4", False), ("size", "1..5", True), ("size", "6..9", False),
        ("lag", "<PT10M", True), ("lag", ">P2DT", False), ("at", ">2026-06-30T00:00:00Z", True), ("on", "true", True), ("on", "false", False),
        ("list.name", "b", True), ("list.name", "c", False), ("gone", "null", True), ("gone", "!null", False), ("name", "!null", True), ("gone", "x", False),
        ("name", '"svm1"', True), ("name", "{svm*}", False), ("size", "5", True),
    ],
)
def test_filters(field: str, text: str, found: bool) -> None:
    assert matches(RECORD, field, text) is found


def test_fields_are_opened_and_projected() -> None:
    known = schema("name uuid size on lag at peer{svm{name}} list{name n} !costly")
    assert field_names("a,b.{c,d{e}},!f.g,*") == ["a", "b.c", "b.d.e", "!f.g", "*"]
    assert project(RECORD, ["name", "list.n"], known) == {"name": "svm1", "list": [{"n": 1}, {"n": 2}]}
    costly = {**RECORD, "costly": 1}
    assert "costly" not in project(costly, ["*"], known)
    assert "costly" in project(costly, ["**"], known)
    assert "costly" in project(costly, ["costly"], known)
    assert project(RECORD, ["list.name", "list.n", "!list.n"], known)["list"] == [{"name": "a"}, {"name": "b"}]
    assert RECORD["list"] == [{"name": "a", "n": 1}, {"name": "b", "n": 2}]


def test_values_compare_by_size_not_by_text() -> None:
    assert comparable("PT10M") > comparable("PT9M59S")
    assert comparable("P1DT") > comparable("PT23H")
    assert comparable(10) > comparable(9)


def test_default_fields_links_and_paging() -> None:
    pair = Pair(groups=5)
    first = pair.get("tokyo", "/svm/svms?order_by=name desc&max_records=2")
    assert [set(record) for record in first["records"]] == [{"uuid", "name", "_links"}] * 2
    assert [record["name"] for record in first["records"]] == ["svm_app5", "svm_app4"]
    names, href = [], first["_links"]["next"]["href"]
    while href:
        page = pair.get("tokyo", href.removeprefix("/api"))
        names += [record["name"] for record in page["records"]]
        href = page["_links"].get("next", {}).get("href")
    assert names == ["svm_app3", "svm_app2", "svm_app1"]
    assert pair.get("tokyo", "/svm/svms?return_records=false") == {"num_records": 5, "_links": {"self": {"href": "/api/svm/svms?return_records=false"}}}
    link = first["records"][0]["_links"]["self"]["href"].removeprefix("/api")
    assert pair.get("tokyo", link)["name"] == "svm_app5"
    assert pair.get("tokyo", "/svm/svms?name=none") == {"records": [], "num_records": 0, "_links": {"self": {"href": "/api/svm/svms?name=none"}}}


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "code"),
    [
        ("GET", "/svm/svms?nome=x", None, 400, "262179"),
        ("GET", "/svm/svms?fields=nome", None, 400, "262197"),
        ("GET", "/svm/svms?fields=svm.{name,uuid}", None, 400, "262197"),
        ("GET", "/svm/svms?max_records=0", None, 400, "262197"),
        ("GET", "/svm/svms?return_timeout=121", None, 400, "262197"),
        ("GET", "/svm/svms?order_by=nome", None, 400, "262197"),
        ("GET", "/svm/svms/none", None, 404, "4"),
        ("GET", "/svm/nothing", None, 404, "3"),
        ("DELETE", "/svm/svms?name=svm_app1", None, 405, "3"),
        ("PATCH", "/svm/svms", {}, 405, "3"),
        ("POST", "/cluster", {}, 405, "3"),
        ("POST", "/svm/svms", {}, 400, "262212"),
        ("POST", "/svm/svms", [], 400, "262199"),
        ("POST", "/svm/svms", {"name": "a", "nome": "b"}, 400, "262179"),
        ("POST", "/svm/svms", {"name": "svm_app1"}, 409, "13434908"),
        ("POST", "/svm/svms", {"name": "a", "subtype": "dp_destination", "language": "c"}, 400, "2621580"),
        ("POST", "/svm/svms", {"name": 5}, 400, "262197"),
        ("POST", "/cluster/schedules", {"name": "s", "cron": {"minutes": 5}}, 400, "262197"),
        ("POST", "/svm/svms", {"name": "a" * 48}, 400, "13434911"),
        ("POST", "/svm/svms", {"name": "a", "subtype": "odd"}, 400, "262197"),
        ("POST", "/cluster/schedules", {"name": "s", "cron": {"hours": [1]}}, 400, "262212"),
        ("POST", "/cluster/schedules", {"name": "s", "cron": {"minutes": [60]}}, 400, "459760"),
        ("POST", "/cluster/schedules", {"name": "s"}, 400, "458788"),
        ("POST", "/cluster/schedules", {"name": "daily", "cron": {"minutes": [1]}}, 409, "1"),
        ("POST", "/snapmirror/policies", {"name": "MirrorAllSnapshots"}, 409, "6621060"),
        ("POST", "/snapmirror/policies", {"name": "p", "identity_preservation": "some"}, 400, "262197"),
        ("POST", "/snapmirror/policies", {"name": "p", "copy_all_source_snapshots": True, "retention": [{"label": "a", "count": 1}]}, 400, "6621088"),
        ("POST", "/snapmirror/relationships", {"source": {"path": "a"}, "destination": {"path": "svm_app1:"}}, 400, "13303852"),
        ("POST", "/snapmirror/relationships", {"source": {"path": "a:"}, "destination": {"path": "svm_app1:"}}, 400, "26345578"),
        ("POST", "/snapmirror/relationships", {"source": {"path": "a:"}, "destination": {"path": "none:"}}, 404, "4"),
        (
            "POST", "/snapmirror/relationships",
            {"source": {"path": "a:"}, "destination": {"path": "svm_app1:"}, "create_destination": {"enabled": True}}, 400, "13303878",
        ),
        ("POST", "/storage/volumes", {"name": "v", "svm": {"name": "svm_app1"}, "nas": {"export_policy": {"name": "none"}}}, 400, "918236"),
        ("POST", "/network/ip/interfaces", {"name": "l", "ip": {"address": "10.9.9.9", "netmask": "24"}}, 400, "1967128"),
        ("POST", "/network/ip/interfaces", {"name": "l", "ipspace": {"name": "None"}}, 400, "1967127"),
        ("POST", "/network/ip/interfaces", {"name": "l", "svm": {"name": "svm_app1"}, "scope": "cluster"}, 400, "1967402"),
        ("POST", "/network/ip/interfaces", {"name": "data1", "svm": {"name": "svm_app1"}}, 409, "1966140"),
        ("POST", "/network/ip/interfaces", {"name": "l", "ipspace": {"name": "Default"}, "ip": {"address": "10.1.1.1", "netmask": "24"}}, 409, "1376963"),
        ("POST", "/network/ip/interfaces", {"name": "l", "ipspace": {"name": "Default"}, "ip": {"address": "x", "netmask": "24"}}, 400, "1967387"),
        ("POST", "/network/ip/interfaces", {"name": "l", "ipspace": {"name": "Default"}, "ip": {"address": "10.9.9.9", "netmask": "24"}}, 400, "1967111"),
        (
            "POST", "/network/ip/interfaces",
            {"name": "l", "ipspace": {"name": "Default"}, "ip": {"address": "10.9.9.9", "netmask": "24"}, "location": {"home_port": {"name": "e9"}}},
            400, "1967130",
        ),
        (
            "POST", "/network/ip/interfaces",
            {"name": "l", "ipspace": {"name": "Default"}, "ip": {"address": "10.9.9.9", "netmask": "24"}, "service_policy": {"name": "odd"}}, 400, "53281065",
        ),
        ("POST", "/private/cli/vserver/start", {"vserver": "none"}, 404, "4"),
    ],
)
def test_refusals_carry_ontaps_codes(pair: Pair, method: str, url: str, body: Any, status: int, code: str) -> None:
    before = pair.get("tokyo", "/svm/svms?fields=**")["records"]
    answer = pair.call("tokyo", method, url, body)
    assert (answer.status, answer.code) == (status, code), answer.body
    assert isinstance(answer.body["error"]["message"], str)
    assert pair.get("tokyo", "/svm/svms?fields=**")["records"] == before


def test_ignore_unknown_fields(pair: Pair) -> None:
    assert pair.get("tokyo", "/svm/svms?fields=name,nome&bogus=1&ignore_unknown_fields=true")["num_records"] == 1


@pytest.mark.parametrize("header", ["", "Basic YWRtaW46d3Jvbmc=", "Basic ?", "Bearer x"])
def test_authentication(pair: Pair, header: str) -> None:
    answer = pair.call("tokyo", "GET", "/cluster", authorization=header)
    assert answer.status == 401
    assert answer.body["error"]["code"] == "6691623"


def test_date_comes_from_the_lab_clock(pair: Pair) -> None:
    pair.clock.advance(3600)
    for url in ("/cluster", "/none"):
        date = parsedate_to_datetime(pair.call("tokyo", "GET", url).headers["date"])
        assert date.timestamp() == START + 3600


def test_plain_json_has_no_links(pair: Pair) -> None:
    assert "_links" in pair.call("tokyo", "GET", "/cluster", accept="*/*").body
    assert "_links" not in str(pair.call("tokyo", "GET", "/svm/svms", accept="application/json").body)


def test_dotted_and_nested_bodies_are_the_same(pair: Pair) -> None:
    pair.ok("tokyo", "POST", "/network/ip/interfaces", {
        "name": "l", "ipspace.name": "Default", "ip.address": "10.9.9.9", "ip": {"netmask": "24"}, "location.home_node.name": "tokyo-01"})
    assert pair.one("tokyo", "/network/ip/interfaces?name=l&fields=ip,location")["ip"]["address"] == "10.9.9.9"


def test_synchronous_create_answers_location_and_the_record_when_asked(pair: Pair) -> None:
    plain = pair.call("tokyo", "POST", "/cluster/schedules", {"name": "a", "cron": {"minutes": [0, 15]}})
    assert (plain.status, plain.body) == (201, {})
    assert pair.get("tokyo", plain.headers["location"].removeprefix("/api"))["cron"] == {"minutes": [0, 15]}
    asked = pair.call("tokyo", "POST", "/cluster/schedules?return_records=true", {"name": "b", "interval": "PT5M"})
    assert asked.body["records"][0]["name"] == "b"


def test_job_answers_202_and_with_return_timeout_201_or_200(pair: Pair) -> None:
    assert pair.call("tokyo", "POST", "/svm/svms", {"name": "a"}).status == 202
    made = pair.call("tokyo", "POST", "/svm/svms?return_timeout=10&return_records=true", {"name": "b"})
    assert (made.status, made.body["records"][0]["name"]) == (201, "b")
    uuid = made.headers["location"].rsplit("/", 1)[1]
    assert pair.call("tokyo", "PATCH", f"/svm/svms/{uuid}?return_timeout=10", {"state": "stopped"}).status == 200
    assert pair.get("tokyo", f"/svm/svms/{uuid}?fields=state")["state"] == "stopped"


def test_finished_jobs_are_forgotten_after_300_seconds(pair: Pair) -> None:
    answer = pair.call("tokyo", "POST", "/svm/svms", {"name": "a"})
    job = pair.job("tokyo", answer)
    assert (job["state"], job["code"], job["description"]) == ("success", 0, "POST /api/svm/svms")
    pair.run(299)
    assert pair.job("tokyo", answer)["state"] == "success"
    pair.run(2)
    assert pair.job("tokyo", answer)["error"]["code"] == "4"


@pytest.mark.parametrize(
    ("fault", "state", "message", "happened"),
    [("failed", "failure", True, False), ("silent", "failure", False, False), ("failed-executed", "failure", False, True), ("paused", "paused", False, False)],
)
def test_job_faults(pair: Pair, fault: str, state: str, message: bool, happened: bool) -> None:
    answer = pair.call("tokyo", "POST", "/svm/svms?return_timeout=5", {"name": "a"}, **{"x-lab-job-fault": fault})
    assert answer.status == 202
    job = pair.job("tokyo", answer)
    assert (job["state"], bool(job.get("message"))) == (state, message)
    assert bool(pair.get("tokyo", "/svm/svms?name=a")["records"]) is happened


def test_lost_job_is_executed_but_never_found(pair: Pair) -> None:
    answer = pair.call("tokyo", "POST", "/svm/svms", {"name": "a"}, **{"x-lab-job-fault": "lost"})
    assert pair.job("tokyo", answer)["error"]["code"] == "4"
    assert pair.get("tokyo", "/svm/svms?name=a")["num_records"] == 1


class _Nobody:
    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        raise PeerUnreachable("nobody")


def test_return_timeout_holds_the_answer_back_where_the_shell_can_wait() -> None:
    clock = VirtualClock()

    async def pause(seconds: float) -> None:
        clock.advance(seconds)

    cluster = OntapCluster("tokyo", MemoryStore(), _Nobody(), clock, Profile(job=2.0), pause=pause)
    seed_site(cluster, 0, "source")
    headers = {"authorization": "Basic YWRtaW46bmV0YXBwLWxhYg=="}
    request = Request("POST", "/api/svm/svms", {"return_timeout": ["30"]}, headers, b'{"name":"a"}')
    assert asyncio.run(cluster.handle(request)).status == 201
    short = Request("POST", "/api/svm/svms", {"return_timeout": ["1"]}, headers, b'{"name":"b"}')
    assert asyncio.run(cluster.handle(short)).status == 202


def test_a_peer_that_hangs_stalls_only_what_is_about_it() -> None:
    hung = asyncio.Event()

    class Hung:
        async def call(self, message: dict[str, Any]) -> dict[str, Any]:
            await hung.wait()
            raise PeerUnreachable("gave up")

    async def scene() -> None:
        cluster = OntapCluster("osaka", MemoryStore(), Hung(), LabClock(), spawn=asyncio.ensure_future)
        seed_site(cluster, 1, "source")
        peer = {
            "uuid": "p", "name": "tokyo", "custom_name": False, "joined": True, "addresses": [], "anonymous": False, "remote_name": "tokyo",
            "remote_uuid": "p", "auth_state": "ok", "in_use": "ok", "status": "available", "expiry": 0.0, "digest": "", "update_time": 0.0,
            "proposed": "none", "encryption": "none", "allowed": [], "applications": [],
        }
        cluster.core.tables.put("cluster_peer", peer)
        cluster.core.tables.put("svm_peer", {
            "uuid": "s", "name": "x", "svm": "svm_app1", "peer_svm": "x", "peer_svm_uuid": "", "peer_cluster": "tokyo", "state": "peered", "applications": []})
        headers = {"authorization": "Basic YWRtaW46bmV0YXBwLWxhYg=="}
        await asyncio.wait_for(cluster.tick(), 10)
        assert (await asyncio.wait_for(cluster.handle(Request("GET", "/api/svm/svms", {}, headers)), 10)).status == 200
        about = asyncio.ensure_future(cluster.handle(Request("GET", "/api/svm/peers", {}, headers)))
        done, _unused = await asyncio.wait([about], timeout=0.05)
        assert not done
        hung.set()
        assert (await asyncio.wait_for(about, 10)).json()["num_records"] == 1

    asyncio.run(scene())


def test_durations_follow_the_profile() -> None:
    pair = Pair(profile=REALISTIC)
    svm = pair.svm("tokyo", "svm_app1")
    pair.call("tokyo", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "stopped"})
    assert pair.svm("tokyo", "svm_app1")["state"] == "stopping"
    pair.run(5)
    assert pair.svm("tokyo", "svm_app1")["state"] == "stopped"
    pair.call("tokyo", "PATCH", f"/svm/svms/{svm['uuid']}", {"state": "running"})
    pair.run(7.9)
    assert pair.svm("tokyo", "svm_app1")["state"] == "starting"
    pair.run(0.2)
    assert pair.svm("tokyo", "svm_app1")["state"] == "running"
    assert [(item["name"], round(item["ended"] - item["started"], 1)) for item in pair.clusters["tokyo"].operations] == [("svm_stop", 5.0), ("svm_start", 8.0)]
