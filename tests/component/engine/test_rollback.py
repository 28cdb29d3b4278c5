# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned verb that fails before its break: undone, so that the side that served serves again, as it was. After the break: forward, whatever happens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import snapmirror
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.connect import Side
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries, record_of
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, pocket_env

from kubedr_lab.pocket import PocketLab

from .conftest import World, frozen
from .test_circle import serving

UNIQUE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
KINDS = ("500", "drop", "executed", "401", "job-failed", "job-failed-silent")


class Died(BaseException):
    """The process is gone: nothing may catch it, and it sends nothing more."""


@dataclass
class Carrier:
    """Numbers the writes of a run; from one on, every write of its kind fails, or the process dies there."""

    at: int = -1
    kind: str = ""
    writes: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    dead: bool = False
    broken: bool = False

    def env(self, world: World, number: int) -> Any:
        """The environment of one process."""
        process = Process("pocket", "boot", number, "0")
        env = pocket_env(world.pocket, world.report, process=lambda: process, process_alive=lambda other: other.pid == number)
        env.open_ontap = lambda access: _Wire(self, PocketOntap(world.pocket, access.site, access.username, access.password))
        env.open_kube = lambda access: _Wire(self, PocketKube(world.pocket, access.site, access.api_key))
        return env


class _Wire:
    def __init__(self, carrier: Carrier, inner: Any) -> None:
        self.carrier, self.inner = carrier, inner

    def send(self, request: Any) -> Any:
        """Fail from the chosen write on, or die before or after it."""
        carrier = self.carrier
        if carrier.dead:
            raise Died
        if request.method == "GET":
            return self.inner.send(request)
        number = len(carrier.writes)
        path = request.path.partition("?")[0]
        state = str((request.body or {}).get("state", "")) if isinstance(request.body, dict) else ""
        carrier.broken = carrier.broken or state == "broken_off"
        carrier.writes.append((self.inner.site, self.inner.system, request.method, UNIQUE.sub("*", path), state))
        if number == carrier.at and carrier.kind not in ("kill-before", "kill-after"):
            self.inner.pocket.fault(self.inner.site, f"{request.method} {re.escape(path)}$", carrier.kind, times=0)
        if number == carrier.at and carrier.kind == "kill-before":
            carrier.dead = True
            raise Died
        answer = self.inner.send(request)
        if number == carrier.at and carrier.kind == "kill-after":
            carrier.dead = True
            raise Died
        return answer


@dataclass(frozen=True)
class Case:
    """A planned verb from a prepared state."""

    verb: str
    ark: str = "velero"
    alone: bool = False

    @property
    def here(self) -> str:
        """The site that serves."""
        return "tokyo" if self.verb == "failover" else "osaka"

    def tasks(self, world: World) -> Iterator[drivers.Task]:
        """The verb's own. A backup of the group's namespaces alone lacks Trident's own objects, so that pods wait in vain, long after the break."""
        group = world.group(timeouts={"ready": 5} if self.alone else {})
        return drivers.planned_tasks(group) if self.verb == "failover" else drivers.failback_tasks(group)

    def run(self, world: World) -> None:
        """All of it, to the storage half of its promise."""
        with suppress(KubedrError) if self.alone else nullcontext():
            world.run(self.tasks(world))
        assert world.state()["storage"] == ("failed_over" if self.verb == "failover" else "protected")


CASES = {
    "failover": Case("failover"), "failover-alone": Case("failover", alone=True), "failover-ark-alone": Case("failover", ark="ark", alone=True),
    "failback": Case("failback"),
}
_PREPARED: dict[str, dict[str, Any]] = {}
_WRITES: dict[str, list[tuple[str, str, str, str, str]]] = {}


def prepared(name: str) -> World:
    """The state from which a case begins, made once."""
    case = CASES[name]
    if name not in _PREPARED:
        world = World(PocketLab(ark=case.ark, frozen=frozen(case.ark, "full", False, 1)))
        if case.alone:
            narrow(world, case.ark)
        if case.verb == "failback":
            world.planned()
            world.reprotect()
            world.pocket.run(30)
        _PREPARED[name] = world.pocket.freeze()
    return World(PocketLab(ark=case.ark, frozen=_PREPARED[name]))


def narrow(world: World, ark: str = "velero") -> None:
    """The schedule serves this group alone."""
    group, namespace = ("velero.io", "velero") if ark == "velero" else ("ark.heptio.com", "heptio-ark")
    template = {"template": {"includedNamespaces": ["app1", "app1-batch"]}}
    path = f"/apis/{group}/v1/namespaces/{namespace}/schedules/k8sbackup"
    assert PocketKube(world.pocket, "tokyo").send(Request("PATCH", path, body={"spec": template}, content_type="application/merge-patch+json")).status == 200


def writes_before_break(name: str) -> list[tuple[str, str, str, str, str]]:
    """Every write of an undisturbed run up to the break, without it."""
    if name not in _WRITES:
        world, carrier = prepared(name), Carrier()
        with suppress(KubedrError) if CASES[name].alone else nullcontext():
            drivers.run_tasks(CASES[name].tasks(world), carrier.env(world, 1), "run-1")
        last = next(number for number, write in enumerate(carrier.writes) if write[4] == "broken_off")
        _WRITES[name] = carrier.writes[:last]
    return _WRITES[name]


def facts(world: World) -> dict[str, Any]:
    """What an undoing must bring back, from the systems themselves."""
    lab, group = world.pocket, world.pocket.group("app1")
    found: dict[str, Any] = {"state": {key: value for key, value in world.state().items() if key != "why"}}
    for site in ("tokyo", "osaka"):
        record = dict(record_of(lab, site, "app1") or {})
        for key in ("digests", "backup_attempts", "lease"):  # what a dead run leaves of a lease runs out by itself
            record.pop(key, None)
        found[f"record {site}"] = record
        ours = (group.source_svm, group.destination_svm)
        found[f"svm {site}"] = {svm["name"]: (svm["subtype"], svm["state"]) for _key, svm in entries(lab, site, "ontap", "svm") if svm["name"] in ours}
        found[f"relationship {site}"] = [(r["svm"], r["state"], r["healthy"]) for _key, r in entries(lab, site, "ontap", "relationship")]
        for kind in ("velero.io", "ark.heptio.com"):
            found[f"schedules {site} {kind}"] = {key: s["spec"] for key, s in entries(lab, site, "kubernetes", f"kube.schedules.{kind}")}
        for kind in ("deployments.apps", "statefulsets.apps", "cronjobs.batch"):
            found[f"{kind} {site}"] = {
                key: (w["spec"].get("replicas"), bool(w["spec"].get("suspend")), w["metadata"].get("annotations") or {})
                for key, w in entries(lab, site, "kubernetes", f"kube.{kind}")
            }
    return found


def differences(world: World, before: dict[str, Any], case: Case, what: str = "") -> str:
    """What is not as it was, or does not serve; empty where all is well."""
    world.pocket.run(20)
    after = facts(world)
    differing = {key: (value, after[key]) for key, value in before.items() if after[key] != value}
    if differing:
        return f"{what}: {differing}"
    try:
        serving(world, case.here)
    except AssertionError as error:
        return f"{what}: does not serve: {error}"
    return ""


def rolled_back(world: World, case: Case) -> dict[str, Any]:
    """As the role's rescue does, and once more when what disturbed it has gone."""
    try:
        return drivers.run_tasks(drivers.rollback_tasks(world.group(), case.verb), Carrier().env(world, 1000), "run-1000")[-1]
    except KubedrError:
        world.pocket.clear_faults()
        world.pocket.run(70)
        return world.rollback(verb=case.verb)[-1]


def broken_at(name: str, number: int, kind: str) -> str:
    """One cell: this write and its like fail for good from here on. What is not as before afterwards, empty where all is."""
    case, world = CASES[name], prepared(name)
    before, carrier = facts(world), Carrier(number, kind)
    try:
        drivers.run_tasks(case.tasks(world), carrier.env(world, 1000), "run-1000")
    except KubedrError as error:
        what = str(error)
    else:
        return ""  # it was carried out all the same
    if carrier.broken:
        return ""  # the disturbed write came again after the break: forward, see below
    world.runs = 1000
    told = rolled_back(world, case)
    world.pocket.clear_faults()
    return differences(world, before, case, f"after {what[:200]!r}, undone: {told.get('rolled_back')}")


def fitting(write: tuple[str, str, str, str, str], kind: str) -> bool:
    """Whether this write can fail so. Requests for downloads are reads by another name."""
    return "downloadrequests" not in write[3] and (write[1] == "ontap" or not kind.startswith("job-"))


@pytest.mark.parametrize("name", CASES)
def test_a_write_fails_for_good_before_the_break(name: str) -> None:
    """Every write, the ways of failing in turn; `make matrix` has each write in each way."""
    found = {}
    for number, write in enumerate(writes_before_break(name)):
        kinds = [kind for kind in KINDS if fitting(write, kind)]
        if kinds:
            kind = kinds[number % len(kinds)]
            found[f"{number} {' '.join(write)} {kind}"] = broken_at(name, number, kind)
    assert len(found) >= 15
    assert {cell: problem for cell, problem in found.items() if problem} == {}


def in_phase(case: Case, phase: str) -> Iterator[drivers.Task]:
    """The verb's tasks up to and with one phase."""
    (prepared_name,) = (name for name, found in CASES.items() if found == case)
    world = prepared(prepared_name)
    for name, params in case.tasks(world):
        yield name, params
        if params["phase"] == phase:
            return


@pytest.mark.parametrize("phase", ["prepare", "workloads", "sync", "decide"])
@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_is_undone_and_then_the_verb_succeeds(name: str, phase: str) -> None:
    case, world = CASES[name], prepared(name)
    before = facts(world)
    world.run(in_phase(case, phase))
    assert world.rollback(verb=case.verb)[-1]["rolled_back"]
    assert differences(world, before, case) == ""
    assert not world.rollback(verb=case.verb)[-1]["rolled_back"]
    records = {volume: len(found) for volume, found in world.records(case.here).items()}
    case.run(world)
    there = "osaka" if case.here == "tokyo" else "tokyo"
    assert {volume: len(found) for volume, found in world.records(there).items()} == records


@pytest.mark.parametrize("phase", ["prepare", "workloads", "sync", "decide"])
@pytest.mark.parametrize("name", ["failover", "failback"])
def test_a_killed_run_is_gone_on_with(name: str, phase: str) -> None:
    case, world = CASES[name], prepared(name)
    world.run(in_phase(case, phase))
    case.run(world)


@pytest.mark.parametrize("name", ["failover", "failback"])
def test_lifting_the_fence_undoes_a_killed_planned_run(name: str) -> None:
    case, world = CASES[name], prepared(name)
    before = facts(world)
    world.run(in_phase(case, "decide"))
    world.fence(how="lift")
    assert differences(world, before, case) == ""


def test_objects_that_changed_since_the_undone_run_are_in_the_next_ones_backup() -> None:
    world = prepared("failover")
    world.run(in_phase(CASES["failover"], "prepare"))
    world.rollback()
    label = {"metadata": {"labels": {"changed": "since"}}}
    path = "/apis/apps/v1/namespaces/app1/deployments/web"
    assert PocketKube(world.pocket, "tokyo").send(Request("PATCH", path, body=label, content_type="application/merge-patch+json")).status == 200
    world.planned()
    found = PocketKube(world.pocket, "osaka").send(Request("GET", path)).body
    assert isinstance(found, dict)
    assert found["metadata"]["labels"]["changed"] == "since"


def test_what_was_written_after_a_kill_is_transferred_too() -> None:
    """Somebody started everything again after the run had been killed: the next one does not rest on the old transfer."""
    world = prepared("failover")
    world.run(in_phase(CASES["failover"], "sync"))
    started(world)
    world.pocket.write("app1", 4)
    records = {volume: len(found) for volume, found in world.records("tokyo").items()}
    world.planned()
    assert {volume: len(found) for volume, found in world.records("osaka").items()} == records


def started(world: World) -> None:
    """By hand, past the collection."""
    key = next(key for key, svm in entries(world.pocket, "tokyo", "ontap", "svm") if svm["name"] == "svm_app1")
    assert PocketOntap(world.pocket, "tokyo").send(Request("PATCH", f"/api/svm/svms/{key}", {"return_timeout": "10"}, {"state": "running"})).status < 300
    for name, count in (("deployments/web", 2), ("statefulsets/db", 2)):
        body = {"spec": {"replicas": count}}
        request = Request("PATCH", f"/apis/apps/v1/namespaces/app1/{name}", body=body, content_type="application/merge-patch+json")
        PocketKube(world.pocket, "tokyo").send(request)
    world.pocket.run(20)


def test_a_source_started_after_the_decision_is_not_left_behind() -> None:
    """Decided, killed, and started by hand: going forward would lose what was written since. It is refused, and undone by the role's rescue."""
    world = prepared("failover")
    world.run(in_phase(CASES["failover"], "decide"))
    started(world)
    world.pocket.write("app1", 4)
    with pytest.raises(Refused) as error:
        world.planned()
    assert error.value.reason == "source_running"
    assert world.rollback()[-1]["rolled_back"]
    assert world.state()["storage"] == "protected"
    records = {volume: len(found) for volume, found in world.records("tokyo").items()}
    world.planned()
    assert {volume: len(found) for volume, found in world.records("osaka").items()} == records


def break_fault(world: World, case: Case, kind: str, times: int = 0) -> None:
    """Only the break, which is the relationship's first PATCH after it was paused."""
    there = "osaka" if case.here == "tokyo" else "tokyo"
    world.pocket.fault(there, "PATCH /api/snapmirror/relationships/[^/]+$", kind, times=times)


def up_to_break(world: World, case: Case) -> None:
    """Everything before the break, as an earlier process left it."""
    world.run(in_phase(case, "decide"))
    config = parse_group(world.group())
    config = config.turned() if case.verb == "failback" else config
    relation = snapmirror.find(Side(config.destination, pocket_env(world.pocket), 10, 3).ontap, config.destination_svm)
    assert relation is not None
    snapmirror.pause(Side(config.destination, pocket_env(world.pocket), 10, 3).ontap, relation, 60)


@pytest.mark.parametrize("kind", ["drop", "executed", "reset", "500", "503", "job-lost"])
@pytest.mark.parametrize("name", ["failover", "failback"])
def test_the_answer_of_the_break_is_lost(name: str, kind: str) -> None:
    """Whether it was carried out or not cannot be told: no second writable copy, and the way is forward."""
    case, world = CASES[name], prepared(name)
    up_to_break(world, case)
    break_fault(world, case, kind)
    verb = world.planned if case.verb == "failover" else world.failback
    ended = False
    with suppress(KubedrError):
        verb()
        ended = True
    world.pocket.clear_faults()
    world.pocket.run(70)
    told = world.rollback(verb=case.verb)[-1]
    assert not told["rolled_back"]
    assert ended or "forward" in told["why"]
    group = world.pocket.group("app1")
    running = [svm["name"] for site in ("tokyo", "osaka") for _key, svm in entries(world.pocket, site, "ontap", "svm")
               if svm["name"] in (group.source_svm, group.destination_svm) and svm["subtype"] == "default" and svm["state"] == "running"]
    there = group.destination_svm if case.verb == "failover" else group.source_svm
    assert set(running) <= {there}
    verb()
    assert world.state()["storage"] == ("failed_over" if case.verb == "failover" else "protected")


@pytest.mark.parametrize("kind", ["job-failed", "job-failed-silent", "401"])
@pytest.mark.parametrize("name", ["failover", "failback"])
def test_the_break_is_refused_for_certain(name: str, kind: str) -> None:
    """Its job ended in failure, or it was not let in, and the mirror is seen whole: undone."""
    case, world = CASES[name], prepared(name)
    before = facts(world)
    up_to_break(world, case)
    break_fault(world, case, kind)
    verb = world.planned if case.verb == "failover" else world.failback
    with pytest.raises(KubedrError):
        verb()
    world.pocket.clear_faults()
    assert world.rollback(verb=case.verb)[-1]["rolled_back"]
    assert differences(world, before, case) == ""
    verb()
    assert world.state()["storage"] == ("failed_over" if case.verb == "failover" else "protected")


@pytest.mark.parametrize("code", ["262224", "13303857"])
def test_the_break_is_refused_with_a_known_code(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer does not answer, or the SVM has no LIF: ONTAP says so before it begins, with whatever status."""
    case, world = CASES["failover"], prepared("failover")
    before = facts(world)
    real = PocketOntap.send

    def refusing(self: PocketOntap, request: Any) -> Any:
        if request.method == "PATCH" and (request.body or {}).get("state") == "broken_off":
            return Response(500, {}, {"error": {"code": code, "message": "refused"}})
        return real(self, request)

    with monkeypatch.context() as patched:
        patched.setattr(PocketOntap, "send", refusing)
        with pytest.raises(KubedrError) as error:
            world.planned()
    assert error.value.code == code
    assert world.rollback()[-1]["rolled_back"]
    assert differences(world, before, case) == ""


def test_an_undoing_that_was_killed_is_finished_before_anything_else() -> None:
    """The decision is taken back first: nobody goes forward from a half undone run, whose source serves again."""
    case, world = CASES["failover"], prepared("failover")
    before = facts(world)
    world.run(in_phase(case, "decide"))
    world.pocket.fault("tokyo", "PATCH /apis/apps/v1/", "500", times=0)
    with pytest.raises(KubedrError):
        world.rollback()
    world.pocket.clear_faults()
    world.pocket.run(70)
    assert {svm["state"] for _key, svm in entries(world.pocket, "tokyo", "ontap", "svm") if svm["name"] == "svm_app1"} == {"running"}
    world.run(in_phase(case, "prepare"))
    world.rollback()
    assert differences(world, before, case) == ""
    world.planned()
    assert world.state()["storage"] == "failed_over"


def test_an_undoing_in_check_mode_touches_nothing() -> None:
    case, world = CASES["failover"], prepared("failover")
    world.run(in_phase(case, "sync"))
    before = facts(world)
    result = world.run(drivers.rollback_tasks(world.group()), check_mode=True)[-1]
    assert [step["name"] for step in result["steps"]] == ["rollback"]
    assert facts(world) == before


def test_a_group_that_was_fenced_before_is_fenced_again() -> None:
    """Undone means as it was, not running."""
    case, world = CASES["failover"], prepared("failover")
    world.fence()
    before = facts(world)
    world.run(in_phase(case, "decide"))
    assert world.rollback()[-1]["rolled_back"]
    world.pocket.run(20)
    assert facts(world) == before
    assert world.state()["storage"] == "fenced"
