# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned verb that fails before its break: undone, so that the side that served serves again, as it was. After the break: forward, whatever happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries, record_of
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, PocketOntap, pocket_env
from kubedr_lab.pocket import PocketLab

from .conftest import World, frozen
from .test_circle import serving

BREAK = ("PATCH", '"state": "broken_off"')
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
        env = pocket_env(world.pocket, world.report, process=lambda: Process("pocket", "boot", number, "0"), process_alive=lambda process: process.pid == number)
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
        """The verb's own."""
        return drivers.planned_tasks(world.group()) if self.verb == "failover" else drivers.failback_tasks(world.group())


CASES = {
    "failover": Case("failover"), "failover-alone": Case("failover", alone=True), "failover-ark-alone": Case("failover", ark="ark", alone=True), "failback": Case("failback"),
}
_PREPARED: dict[str, dict[str, Any]] = {}
_WRITES: dict[str, list[tuple[str, str, str, str, str]]] = {}


def prepared(name: str) -> World:
    """The state from which a case begins, made once."""
    case = CASES[name]
    if name not in _PREPARED:
        world = World(PocketLab(ark=case.ark, frozen=frozen(case.ark, "full", False, 1)))
        if case.alone:
            narrow(world, case)
        if case.verb == "failback":
            world.planned()
            world.reprotect()
            world.pocket.run(30)
        _PREPARED[name] = world.pocket.freeze()
    return World(PocketLab(ark=case.ark, frozen=_PREPARED[name]))


def narrow(world: World, case: Case) -> None:
    """The schedule serves this group alone."""
    kind = "velero.io" if case.ark == "velero" else "ark.heptio.com"
    store = world.pocket.parts["tokyo-kubernetes"].store
    for key, found in entries(world.pocket, "tokyo", "kubernetes", f"kube.schedules.{kind}"):
        spec = {**found["spec"], "template": {**found["spec"]["template"], "includedNamespaces": ["app1", "app1-batch"]}}
        store.put(f"kube.schedules.{kind}", key, {**found, "spec": spec})


def writes_before_break(name: str) -> list[tuple[str, str, str, str, str]]:
    """Every write of an undisturbed run up to the break, without it."""
    if name not in _WRITES:
        world, carrier = prepared(name), Carrier()
        with suppress(KubedrError):  # a backup of the group's namespaces alone lacks Trident's own objects: its volumes cannot be mounted, long after the break
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
        for key in ("digests", "backup_attempts"):
            record.pop(key, None)
        found[f"record {site}"] = record
        found[f"svm {site}"] = {svm["name"]: (svm["subtype"], svm["state"]) for _key, svm in entries(lab, site, "ontap", "svm") if svm["name"] in (group.source_svm, group.destination_svm)}
        found[f"relationship {site}"] = [(r["svm"], r["state"], r["healthy"]) for _key, r in entries(lab, site, "ontap", "relationship")]
        for kind in ("velero.io", "ark.heptio.com"):
            found[f"schedules {site} {kind}"] = {key: s["spec"] for key, s in entries(lab, site, "kubernetes", f"kube.schedules.{kind}")}
        for kind in ("deployments.apps", "statefulsets.apps", "cronjobs.batch"):
            found[f"{kind} {site}"] = {
                key: (w["spec"].get("replicas"), bool(w["spec"].get("suspend")), w["metadata"].get("annotations") or {}) for key, w in entries(lab, site, "kubernetes", f"kube.{kind}")
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
        return world.rollback(verb=case.verb)[-1]
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_a_write_fails_for_good_before_the_break(name: str, kind: str) -> None:
    found = {}
    for number, write in enumerate(writes_before_break(name)):
        if fitting(write, kind):
            found[f"{number} {' '.join(write)}"] = broken_at(name, number, kind)
    assert len(found) >= 3
    assert {cell: problem for cell, problem in found.items() if problem} == {}
