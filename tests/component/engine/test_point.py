# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An older snapshot served on clones: exactly its records, nothing newer touched, the whole way home, and every way in which it may not be had."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketOntap, snapshot_volumes

from .conftest import World, instant

SNAPSHOT = "before-the-worm"
SVM, MIRROR = "svm_app1", "svm_app1_dr"


def client(world: World, site: str) -> OntapClient:
    return OntapClient(PocketOntap(world.pocket, site), PocketClock(world.pocket), f"ONTAP {site}")


def data_volumes(world: World, site: str, svm: str) -> dict[str, volumes.Volume]:
    return {volume.name: volume for volume in volumes.list_volumes(client(world, site), svm) if volume.junction != "/"}


def freeze(world: World, name: str = SNAPSHOT, only: int | None = None) -> None:
    snapshot_volumes(world.pocket, "tokyo", SVM, name, only)


@pytest.fixture
def infected(world: World) -> World:
    """A snapshot and a backup, then ten more records, a backup and a transfer: what was written after the snapshot is mirrored as well."""
    freeze(world)
    world.pocket.run(1)
    world.pocket.write("app1", 10)
    world.pocket.backup("tokyo")
    world.pocket.transfer("app1")
    world.pocket.run(15)
    world.lose()
    return world


def failover(world: World, snapshot: Any = SNAPSHOT, check: bool = False) -> list[dict[str, Any]]:
    return world.failover(check=check, fence_statement=world.statement(), snapshot=snapshot)


def clones(world: World, site: str = "osaka") -> dict[str, list[tuple[int, datetime]]]:
    return {name.removesuffix("_kubedr_e2"): found for name, found in world.records(site).items() if name.endswith("_kubedr_e2")}


def test_exactly_the_records_of_the_snapshot_are_served_and_the_newer_ones_are_kept(infected: World) -> None:
    mirrored = infected.records("osaka")
    osaka = client(infected, "osaka")
    made = {s.name: s.create_time for volume in data_volumes(infected, "osaka", MIRROR).values() for s in volumes.list_snapshots(osaka, volume.uuid)}
    result = failover(infected)[-1]
    assert result["state"] == {**result["state"], "storage": "failed_over_unfenced", "objects": "verified"}
    at = made[SNAPSHOT]
    assert at is not None
    served, after = clones(infected), infected.records("osaka")
    assert {name: found for name, found in after.items() if name in mirrored} == mirrored
    assert set(served) == set(mirrored)
    for name, found in served.items():
        assert found == [record for record in mirrored[name] if record[1] <= at]
        assert 0 < len(found) < len(mirrored[name])
    assert result["point"]["snapshot"] == SNAPSHOT
    assert instant(result["point"]["created_at"]) == at
    assert result["rpo"]["data_seconds"] > 10
    assert {volume["name"] for volume in result["loss"]["volumes"]} == set(mirrored)
    assert not any(task["changed"] for task in infected.failover())
    assert not any(task["changed"] for task in infected.failover(snapshot={"app1": SNAPSHOT}))


def test_the_backup_is_one_of_the_time_of_the_snapshot(infected: World) -> None:
    backup = failover(infected)[-1]["backup"]
    assert "the time of the snapshot that is to be served" in backup["skipped"][0]["reason"]
    assert instant(backup["started_at"]) <= instant(infected.report.notes["point"]["created_at"])


def test_the_application_writes_on_what_is_served(infected: World) -> None:
    failover(infected)
    infected.pocket.run(15)
    before = clones(infected)
    infected.pocket.write("app1", 3)
    after = clones(infected)
    assert all(len(after[name]) == len(before[name]) + 3 for name in before)


def test_check_mode_tells_it_and_touches_nothing(infected: World) -> None:
    before = data_volumes(infected, "osaka", MIRROR)
    steps = [step["name"] for task in failover(infected, check=True) for step in task.get("steps", ())]
    assert steps[: steps.index("point") + 1] == ["decide", "pause", "break", "export_rules", "start", "point"]
    assert data_volumes(infected, "osaka", MIRROR) == before
    told = [step["name"] for task in failover(infected) for step in task.get("steps", ())]
    assert told[: told.index("point") + 1] == steps[: steps.index("point") + 1]


def test_and_home_again_and_out_once_more(infected: World) -> None:
    """What was served from the snapshot goes home, and comes out again at the next failover; a plain one, which knows nothing of any snapshot."""
    failover(infected)
    infected.pocket.run(15)
    infected.pocket.write("app1", 3)
    infected.pocket.start("tokyo")
    infected.pocket.run(30)
    infected.fence()
    with pytest.raises(Refused) as refusal:
        infected.reprotect()
    infected.reprotect(accept_loss={"app1": refusal.value.seen["token"]})
    assert infected.state()["storage"] == "reprotected"
    infected.pocket.write("app1", 2)
    assert infected.failback()[-1]["state"]["storage"] == "protected"
    infected.pocket.run(15)
    assert clones(infected, "tokyo") == clones(infected)
    infected.pocket.write("app1", 2)
    infected.pocket.run(130)
    assert infected.planned()[-1]["state"]["objects"] == "verified"
    assert clones(infected, "tokyo") == clones(infected)
    assert "point" not in infected.report.notes
    assert [name for name in data_volumes(infected, "osaka", MIRROR) if "_kubedr_e4" in name] == []


@pytest.mark.parametrize("world", [{"flexgroup": True}, {"ark": "ark"}], indirect=True)
def test_other_worlds(infected: World) -> None:
    assert failover(infected)[-1]["state"]["objects"] == "verified"
    assert clones(infected)


@pytest.mark.parametrize(("snapshot", "reason", "words"), [
    ("hourly.0", "snapshot_unknown", "All volumes have: "), ({"app1": "hourly.0"}, "snapshot_unknown", "hourly.0"),
])
def test_a_snapshot_that_nobody_has(infected: World, snapshot: Any, reason: str, words: str) -> None:
    with pytest.raises(Refused) as refusal:
        failover(infected, snapshot)
    assert refusal.value.reason == reason
    assert words in str(refusal.value)
    assert SNAPSHOT in refusal.value.seen
    assert infected.state()["storage"] == "active_unreachable"
    assert failover(infected, "")[-1]["state"]["objects"] == "verified"


def test_claims_on_data_of_two_times_are_refused(world: World) -> None:
    freeze(world, only=1)
    world.pocket.transfer("app1")
    world.pocket.run(15)
    world.lose()
    with pytest.raises(Refused) as refusal:
        failover(world)
    assert refusal.value.reason == "snapshot_not_everywhere"
    assert "app1/" in str(refusal.value)


def test_no_backup_is_as_old_as_the_snapshot(fresh: World) -> None:
    freeze(fresh, "early")
    fresh.pocket.run(2)
    fresh.setup()
    fresh.pocket.write("app1", 3)
    fresh.pocket.backup("tokyo")
    fresh.pocket.transfer("app1")
    fresh.pocket.run(15)
    fresh.lose()
    with pytest.raises(Refused) as refusal:
        failover(fresh, "early")
    assert refusal.value.reason == "no_usable_backup"
    assert "the time of the snapshot that is to be served" in str(refusal.value)
    assert fresh.state()["storage"] == "active_unreachable"


def test_only_an_unplanned_failover_takes_one(infected: World) -> None:
    before = infected.requests("osaka")
    for tasks in (
        drivers.planned_tasks(infected.group(), snapshot=SNAPSHOT), drivers.failback_tasks(infected.group(), "unplanned", snapshot=SNAPSHOT),
    ):
        with pytest.raises(ConfigError, match="unplanned failover"):
            infected.run(tasks)
    assert infected.requests("osaka") == before


def refuse_clones(world: World) -> None:
    world.pocket.fault("osaka", "POST /api/storage/volumes", "500", times=0)


def test_without_clones_the_newest_can_still_be_had(infected: World) -> None:
    """No licence, no space: the run fails and says so; the operator takes the newest data, and nothing was mounted elsewhere."""
    before = data_volumes(infected, "osaka", MIRROR)
    refuse_clones(infected)
    with pytest.raises(KubedrError) as error:
        failover(infected)
    assert "clone" in str(error.value)
    assert {name: volume.junction for name, volume in data_volumes(infected, "osaka", MIRROR).items()} == {n: v.junction for n, v in before.items()}
    with pytest.raises(Refused) as refusal:
        infected.failover(snapshot="another")
    assert refusal.value.reason == "point_decided"
    result = infected.failover(snapshot="newest")[-1]
    assert result["state"]["objects"] == "verified"
    assert "point" not in result
    assert not clones(infected)


def test_what_is_served_cannot_be_changed_by_a_rerun(infected: World) -> None:
    failover(infected)
    for other in ("newest", "another"):
        with pytest.raises(Refused) as refusal:
            infected.failover(snapshot=other)
        assert refusal.value.reason == "point_decided"
        assert SNAPSHOT in str(refusal.value)


def test_nor_can_a_plain_failover_become_an_older_one(world: World) -> None:
    freeze(world)
    world.pocket.transfer("app1")
    world.pocket.run(15)
    world.lose()
    world.failover(fence_statement=world.statement())
    with pytest.raises(Refused) as refusal:
        failover(world)
    assert refusal.value.reason == "point_decided"
    assert "the newest data" in str(refusal.value)


def test_a_volume_that_only_has_the_name_of_the_clone_is_never_served(infected: World) -> None:
    name = next(iter(data_volumes(infected, "osaka", MIRROR)))
    infected.pocket.fault("osaka", "PATCH /api/svm/svms/", "500", times=0)
    with pytest.raises(KubedrError):
        failover(infected)
    infected.pocket.clear_faults()
    osaka = client(infected, "osaka")
    osaka.write("POST", volumes.PATH, {"name": f"{name}_kubedr_e2", "svm": {"name": MIRROR}, "size": 1 << 30}, deadline=30)
    with pytest.raises(Refused) as refusal:
        infected.failover()
    assert refusal.value.reason == "clone_foreign"
    assert data_volumes(infected, "osaka", MIRROR)[name].junction
