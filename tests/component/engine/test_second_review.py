# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a second adversarial reading found, of a promotion that works ahead and skips reads; each test names the law that it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env, Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, AuthError, Conflict, KubedrError, Refused, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import locations
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.records import RecordStore
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import promote
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, pocket_env

from .conftest import World
from .test_review import RECORD, ontap, record, slow, svm_state

Hook = Callable[[str, str, Request], "Response | None"]
"""Told (site, system, request) before it is sent; what it returns is the answer instead."""
RELATIONSHIPS = "/api/snapmirror/relationships"


class Hooked:
    """A transport that asks a hook first."""

    def __init__(self, inner: PocketOntap | PocketKube, hook: Hook) -> None:
        self.inner, self.hook = inner, hook

    def send(self, request: Request) -> Response:
        answer = self.hook(self.inner.site, self.inner.system, request)
        return self.inner.send(request) if answer is None else answer


def hooked(world: World, hook: Hook, **options: Any) -> Env:
    env = pocket_env(world.pocket, **options)
    env.open_ontap = lambda access: Hooked(PocketOntap(world.pocket, access.site, access.username, access.password), hook)
    env.open_kube = lambda access: Hooked(PocketKube(world.pocket, access.site, access.api_key), hook)
    return env


def breaks(request: Request) -> bool:
    return request.method == "PATCH" and request.path.startswith(RELATIONSHIPS) and (request.body or {}).get("state") == "broken_off"


def denied(system: str) -> Response:
    body: Any = {"error": {"message": "not now", "code": "6691623"}} if system == "ontap" else {"kind": "Status", "reason": "Forbidden", "message": "not now"}
    return Response(403, {}, body)


def while_it_breaks(world: World, monkeypatch: pytest.MonkeyPatch, system: str, which: Callable[[Request], bool]) -> tuple[Env, dict[str, bool]]:
    """A break of 45 s; once, while its job runs, a request to the destination's system is denied."""
    slow(monkeypatch, 45, "break_seconds")
    seen = {"sent": False, "denied": False}

    def hook(site: str, asked: str, request: Request) -> Response | None:
        if (site, asked) == ("osaka", system) and seen["sent"] and not seen["denied"] and which(request):
            seen["denied"] = True
            return denied(system)
        seen["sent"] = seen["sent"] or breaks(request)
        return None

    return hooked(world, hook), seen


def test_a_look_at_its_job_that_is_denied_is_no_refusal_of_the_break(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 8: the break was taken on and goes on. What is undone then would start the source beside it."""
    env, seen = while_it_breaks(world, monkeypatch, "ontap", lambda request: request.path.startswith("/api/cluster/jobs/"))
    with pytest.raises(AuthError):
        drivers.run_tasks(drivers.planned_tasks(world.group()), env, "run-x")
    assert seen == {"sent": True, "denied": True}
    assert not record(world, "osaka")["intent"]["break"].get("failed")
    (undone,) = world.rollback()
    assert undone["rolled_back"] is False
    world.pocket.run(60)
    assert svm_state(world, "tokyo", "svm_app1") == "stopped"
    world.planned()
    assert world.state()["storage"] == "failed_over"


def test_a_renewal_that_is_denied_ends_no_break(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3: nothing of Kubernetes may keep the run from what follows a break; law 8: nor may it pass for the break's refusal."""
    env, seen = while_it_breaks(world, monkeypatch, "kubernetes", lambda request: request.method == "PUT" and request.path == RECORD)
    drivers.run_tasks(drivers.planned_tasks(world.group()), env, "run-x")
    assert seen == {"sent": True, "denied": True}
    assert world.state()["storage"] == "failed_over"


@pytest.mark.parametrize(("operation", "over"), [
    ("PATCH /api/snapmirror/relationships/u", True), ("break off, PATCH /api/snapmirror/relationships/u", True),
    ("break off, GET /api/cluster/jobs/u", False), ("break off, PUT /api/v1/namespaces/velero/configmaps/kubedr-app1", False),
])
def test_only_what_the_break_itself_met_tells_of_it(operation: str, over: bool) -> None:
    assert [promote.not_carried_out(error) for error in (
        AuthError("x", operation=operation), ApiError("x", status=409, operation=operation), Unreachable("x", operation=operation),
    )] == [over] * 3


def test_a_decision_of_the_same_second_is_not_written_over(world: World) -> None:
    """Two operators began in the same second. The first one's run went on to the break and died; the second one was still reading backups."""
    world.lose()
    word, group = world.statement(), world.group()
    second, clock = Process("pocket", "boot", 2, "0"), world.pocket.clock.now()
    begun: list[str] = []

    def hook(site: str, system: str, request: Request) -> Response | None:
        if system == "kubernetes" and "downloadrequests" in request.path and not begun:
            begun.append("first")
            assert world.pocket.clock.now() - clock < 1
            tasks = [task for task in drivers.failover_tasks(group, fence_statement=word) if task[1]["phase"] in ("open", "decide", "promote")]
            drivers.run_tasks(iter(tasks), pocket_env(world.pocket), "run-first")
            begun.append(record(world, "osaka")["objects"]["state"])
        return None

    env = hooked(world, hook, process=lambda: second, process_alive=lambda process: process == second)
    with pytest.raises(Refused) as error:
        drivers.run_tasks(drivers.failover_tasks(group, fence_statement=word), env, "run-second")
    assert error.value.reason == "changed_meanwhile"
    assert begun == ["first", "restoring"]
    assert record(world, "osaka")["objects"]["state"] == "restoring"
    world.failover(fence_statement=word)
    assert world.state()["objects"] == "verified"


def test_what_is_verified_is_the_svm_after_the_restore(world: World) -> None:
    """Law 7: a volume went offline while the server restored; no pod that is ready tells of it."""
    world.lose()
    gone: list[str] = []

    def hook(site: str, system: str, request: Request) -> Response | None:
        if system == "kubernetes" and request.method == "POST" and request.path.endswith("/restores"):
            volumes = ontap(world, site, "GET", "/api/storage/volumes", **{"svm.name": "svm_app1_dr", "fields": "name,nas.path"})["records"]
            volume = next(found for found in volumes if found["nas"].get("path") not in (None, "", "/"))
            gone.append(volume["name"])
            ontap(world, site, "PATCH", f"/api/storage/volumes/{volume['uuid']}", {"state": "offline"})
        return None

    with pytest.raises(KubedrError) as error:
        drivers.run_tasks(drivers.failover_tasks(world.group(timeouts={"ready": 5}), fence_statement=world.statement()), hooked(world, hook), "run-x")
    (name,) = gone
    assert f"volume {name} is not online and writable" in str([check["problems"] for check in error.value.seen["claims"]])


def test_a_phase_that_is_run_again_in_the_same_run_takes_the_hold_again(world: World) -> None:
    """Section 5: the read-only hold lasts from the creation of a Restore to its end; the failure before gave it back."""
    world.lose()
    tasks = list(drivers.failover_tasks(world.group(), fence_statement=world.statement()))
    failed, holders = [], list[tuple[str, ...]]()

    def hook(site: str, system: str, request: Request) -> Response | None:
        if system == "kubernetes" and request.method == "POST" and request.path.endswith("/restores"):
            if not failed:
                failed.append(request)
                return denied(system)
            path = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"
            holders.append(locations.Location.from_record(PocketKube(world.pocket, site).send(Request("GET", path)).body).holders)
        return None

    env = hooked(world, hook)
    with pytest.raises(KubedrError):
        drivers.run_tasks(iter(tasks), env, "run-x")
    rest = [task for task in tasks if task[1]["phase"] in ("restore", "close")]
    drivers.run_tasks(iter(rest), env, "run-x")
    assert holders == [("app1",)]


def test_an_answer_that_comes_late_does_not_take_back_what_the_record_says() -> None:
    """Two threads write the record; the answer to the first write is handled after that to the second, which holds which claims have no volume."""
    stored: dict[str, Any] = {}

    class Client:
        system = "Kubernetes osaka"
        clock = type("Clock", (), {"sleep": staticmethod(lambda seconds: None)})()
        late: Callable[[], Any] | None = None

        def get(self, path: str) -> dict[str, Any] | None:
            return dict(stored) or None

        def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            return self.replace(path, body)

        def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            before = (stored.get("metadata") or {}).get("resourceVersion")
            if before != body["metadata"].get("resourceVersion"):
                raise Conflict("stale", status=409, code="409 Conflict")
            version = str(int(before or "8") + 1)  # "10" comes before "9" as a text
            stored.update({**body, "metadata": {**body["metadata"], "resourceVersion": version}})
            answer, late = dict(stored), self.late
            self.late = None
            if late:
                late()
            return answer

    client: Any = Client()
    store = RecordStore(client, "velero", "app1")
    store.update(lambda found: {**found, "begun": True})
    client.late = lambda: store.update(lambda found: {**found, "left_out": ["app1/data"]})
    store.update(lambda found: {**found, "lease": {"run_id": "run-x"}})
    assert store.last == {"begun": True, "lease": {"run_id": "run-x"}, "left_out": ["app1/data"]}


@pytest.mark.parametrize("phase", ["restore", "close"])
def test_a_site_that_dies_after_it_was_left_keeps_no_planned_promotion_from_its_end(world: World, phase: str) -> None:
    """After the break only the side that serves must answer; green means done, and it is."""

    def before(name: str, params: Any) -> None:
        if params.get("phase") == phase:
            world.pocket.drop("tokyo")

    results = drivers.run_tasks(drivers.planned_tasks(world.group()), pocket_env(world.pocket), "run-x", before)
    assert (results[-1]["state"]["storage"], results[-1]["state"]["objects"]) == ("failed_over", "verified")
    assert "lease" not in record(world, "osaka")
    assert not drivers.changed(world.planned())
