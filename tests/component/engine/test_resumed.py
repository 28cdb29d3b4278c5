# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the matrices of faults and deaths found, one focused test each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AuthError
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.locations import HOLD_ANNOTATION
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import promote
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries, record_of
from ansible_collections.kubedr.ontap.tests.matrix.scenarios import protected
from ansible_collections.kubedr.ontap.tests.matrix.wire import Wire
from ansible_collections.kubedr.ontap.tests.support import drivers

from kubedr_lab.pocket import PocketLab

from .conftest import World

DOWNLOADS = "/apis/velero.io/v1/namespaces/velero/downloadrequests"


class Died(BaseException):
    """The process is gone: nothing may catch it."""


def record(world: World, site: str = "osaka") -> dict[str, Any]:
    found = record_of(world.pocket, site, "app1")
    assert found is not None
    return found


def test_a_run_that_died_right_after_the_break_still_has_an_rpo(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.lose()
    word = world.statement()
    real = promote.snapmirror.break_off

    def break_and_die(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(promote.snapmirror, "break_off", break_and_die)
        with pytest.raises(Died):
            world.failover(fence_statement=word)
    sent = record(world)["intent"]["break"]
    world.pocket.run(600)
    world.failover()
    after = record(world)
    assert after["broken"] == {
        "epoch": 2, "at": sent["at"], "at_objects": sent["at_objects"],
    }, "the break happened when it was sent, not when somebody looked again"
    assert 0 < world.report.notes["rpo"]["data_seconds"] < 300
    assert 0 < world.report.notes["rpo"]["objects_seconds"] < 300


def test_trouble_with_the_newest_backup_does_not_quietly_take_an_older_one(world: World) -> None:
    world.pocket.run(5)
    newest = world.pocket.backup("tokyo")
    world.lose()
    world.pocket.run(5)
    word = world.statement()
    world.pocket.fault("osaka", f"POST {DOWNLOADS}", "401")
    with pytest.raises(AuthError) as error:
        world.failover(fence_statement=word)
    assert error.value.system == "Kubernetes osaka"
    assert record(world)["epoch"] == 1, "nothing was decided"
    world.failover(fence_statement=word)
    assert record(world)["backup"]["name"] == newest


def test_a_break_that_starts_the_svm_is_followed_by_the_rules_before_anything_else(world: World) -> None:
    store = world.pocket.parts["osaka-ontap"].store
    cluster = store.get("cluster", "self")
    assert isinstance(cluster, dict)
    store.put("cluster", "self", {**cluster, "knobs": {**cluster["knobs"], "break_starts_svm": True}})
    world.pocket.kill("osaka", "ontap")
    world.pocket.start("osaka", "ontap")
    world.lose()
    word = world.statement()
    wire = Wire(world.pocket)
    env = wire.env(Process("pocket", "boot", 1, "0"), lambda process: False)
    results = drivers.run_tasks(drivers.failover_tasks(world.group(), fence_statement=word), env, "run-1")
    writes = [call for call in wire.calls if call.writes]
    _paused, broken = [n for n, call in enumerate(writes) if call.method == "PATCH" and "/snapmirror/relationships/" in call.path]
    assert (writes[broken + 1].system, writes[broken + 1].method) == ("ontap", "POST")
    assert writes[broken + 1].path.endswith("/rules")
    step = next(step for result in results for step in result["steps"] if step["name"] == "break")
    assert step["seen"]["started_by_break"] is True
    assert step["seen"]["open_seconds"] >= 0
    assert record(world)["exports"]["as_found"], "the rules as found were kept before"


def test_the_hold_lasts_as_long_as_the_restore_however_the_run_ends() -> None:
    world = World(PocketLab(latency="realistic", frozen=protected(latency="realistic")))
    world.lose()
    world.pocket.run(10)
    word = world.statement()
    world.pocket.fault("osaka", "GET /apis/velero.io/v1/namespaces/velero/restores/kubedr-app1-e2-1$", "401", nth=3)
    with pytest.raises(AuthError):
        world.failover(fence_statement=word)
    assert held(world) == [True, True], "the restore still runs at the server, so the location stays read-only"
    world.failover()
    assert held(world) == [False, False]


def held(world: World) -> list[bool]:
    """Whether osaka's location is read-only, and whether it bears a hold."""
    location = dict(entries(world.pocket, "osaka", "kubernetes", "kube.backupstoragelocations.velero.io"))["velero/default"]
    return [location["spec"].get("accessMode") == "ReadOnly", HOLD_ANNOTATION in (location["metadata"].get("annotations") or {})]
