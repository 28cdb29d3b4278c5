# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An older snapshot served on clones: exactly its records, nothing newer touched, the whole way home, and every way in which it may not be had."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.point import clone_name
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import failover as failover_verb
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import points, removal
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketOntap, pocket_env, snapshot_volumes

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


def refused(world: World, reason: str, snapshot: str = SNAPSHOT) -> str:
    """What a failover says that is refused, after a last transfer and the loss of the primary."""
    world.pocket.transfer("app1")
    world.pocket.run(15)
    world.lose()
    with pytest.raises(Refused) as refusal:
        failover(world, snapshot)
    assert refusal.value.reason == reason
    return str(refusal.value)


def clones(world: World, site: str = "osaka") -> dict[str, list[tuple[int, datetime]]]:
    return {name.partition("_kubedr_e2_")[0]: found for name, found in world.records(site).items() if "_kubedr_e2_" in name}


def clone(volume: str, snapshot: str = SNAPSHOT) -> str:
    return clone_name(volume, 2, snapshot)


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
    infected.reprotect_at_a_loss()
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
    assert "app1/" in refused(world, "snapshot_not_everywhere")


def test_no_backup_is_as_old_as_the_snapshot(fresh: World) -> None:
    freeze(fresh, "early")
    fresh.pocket.run(2)
    fresh.setup()
    fresh.pocket.write("app1", 3)
    fresh.pocket.backup("tokyo")
    assert "the time of the snapshot that is to be served" in refused(fresh, "no_usable_backup", "early")
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
    assert refusal.value.reason == "snapshot_unknown"
    result = infected.failover(snapshot="newest")[-1]
    assert [entry for entry in result["backup"]["skipped"] if "snapshot" in entry["reason"]] == []
    assert instant(result["backup"]["started_at"]) > instant(infected.report.notes["snapshot"]["created_at"]) - timedelta(seconds=60)
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
    osaka.write("POST", volumes.PATH, {"name": clone(name), "svm": {"name": MIRROR}, "size": 1 << 30}, deadline=30)
    with pytest.raises(Refused) as refusal:
        infected.failover()
    assert refusal.value.reason == "clone_foreign"
    assert data_volumes(infected, "osaka", MIRROR)[name].junction


class _Killed(Exception):
    """The end of a process."""


def _first(tasks: Iterator[Any], number: int) -> Iterator[Any]:
    yield from itertools.islice(tasks, number)
    raise _Killed


def decided(world: World) -> None:
    """Decided for the snapshot, and the run died."""
    with pytest.raises(_Killed):
        world.run(_first(drivers.failover_tasks(world.group(), fence_statement=world.statement(), snapshot=SNAPSHOT), 1))


def junctions(world: World) -> dict[str, str]:
    return {name: volume.junction for name, volume in data_volumes(world, "osaka", MIRROR).items()}


def another(world: World, **options: Any) -> None:
    """A run of somebody else, to its end."""
    drivers.run_tasks(drivers.failover_tasks(world.group(), **options), pocket_env(world.pocket), "another-run")


def test_once_objects_are_restored_the_volumes_are_the_operators(infected: World) -> None:
    """He puts the newer data back by hand; a repeated run moves nothing beneath running pods."""
    failover(infected)
    osaka, volume = client(infected, "osaka"), next(iter(sorted(clones(infected))))
    found = data_volumes(infected, "osaka", MIRROR)
    path = found[clone(volume)].junction
    osaka.write("PATCH", f"{volumes.PATH}/{found[clone(volume)].uuid}", {"nas": {"path": ""}}, deadline=30)
    osaka.write("PATCH", f"{volumes.PATH}/{found[volume].uuid}", {"nas": {"path": path}}, deadline=30)
    before = junctions(infected)
    assert not any(task["changed"] for task in infected.failover())
    assert junctions(infected) == before


def test_a_run_that_wakes_up_moves_nothing(infected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stood still after its clones were made; another one took the newest data meanwhile, and ended."""
    put = volumes.put_in_place

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(points.volumes, "put_in_place", put)
        infected.pocket.run(120)
        another(infected, snapshot="newest")
        return put(*arguments)

    before = junctions(infected)
    monkeypatch.setattr(points.volumes, "put_in_place", late)
    with pytest.raises(Refused) as refusal:
        failover(infected)
    assert refusal.value.reason in ("lease_lost", "changed_meanwhile")
    assert {name: path for name, path in junctions(infected).items() if name in before} == before


def test_what_another_run_finished_meanwhile_is_not_called_the_newest(infected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(infected)
    look = points.looked_again

    def late(run: Any, view: Any) -> Any:
        another(infected)
        return look(run, view)

    monkeypatch.setattr(points, "looked_again", late)
    with pytest.raises(Refused) as refusal:
        infected.failover(snapshot="newest")
    assert refusal.value.reason == "point_decided"
    assert clones(infected)


def test_where_one_clone_cannot_be_made_nothing_has_been_moved(infected: World) -> None:
    before = junctions(infected)
    infected.pocket.fault("osaka", "POST /api/storage/volumes$", "500", nth=2, times=0)
    with pytest.raises(KubedrError):
        failover(infected)
    assert {name: path for name, path in junctions(infected).items() if name in before} == before
    infected.pocket.clear_faults()
    assert infected.failover(snapshot="newest", check=True)
    with pytest.raises(Refused, match="no volume of the SVM has a snapshot"):
        infected.failover(snapshot="no-such", check=True)
    assert infected.failover(snapshot="newest")[-1]["state"]["objects"] == "verified"


def test_another_name_and_back_after_some_clones(infected: World) -> None:
    freeze_at_the_mirror(infected, "later")
    infected.pocket.fault("osaka", "POST /api/storage/volumes$", "500", nth=2, times=0)
    with pytest.raises(KubedrError):
        failover(infected)
    infected.pocket.clear_faults()
    infected.pocket.fault("osaka", "POST /api/storage/volumes$", "500", nth=2, times=0)
    with pytest.raises(KubedrError):
        infected.failover(snapshot="later")
    infected.pocket.clear_faults()
    assert infected.failover(snapshot=SNAPSHOT)[-1]["point"]["snapshot"] == SNAPSHOT
    assert clones(infected)


def freeze_at_the_mirror(world: World, name: str) -> None:
    """A further snapshot of every volume, as if it had been mirrored: a copy of the first one under another name."""
    tables = world.pocket.station("osaka-ontap").core.core.tables
    for found in [s for s in tables.all("snapshot") if s["name"] == SNAPSHOT]:
        tables.put("snapshot", {**found, "uuid": f"{found['uuid']}-{name}", "origin": f"{found['origin']}-{name}", "name": name})


def test_a_changed_mind_is_judged_as_the_first_one_was(world: World) -> None:
    """A backup of before the side that serves was promoted is usable neither at first nor after a decision for the newest data."""
    world.planned()
    world.pocket.run(15)
    world.reprotect()
    world.pocket.write("app1", 2)
    snapshot_volumes(world.pocket, "osaka", MIRROR, "at-osaka")
    world.pocket.run(130)
    world.failback()
    world.pocket.run(130)
    world.pocket.backup("tokyo")
    refused(world, "no_usable_backup", "at-osaka")
    with pytest.raises(_Killed):
        world.run(_first(drivers.failover_tasks(world.group(), fence_statement=world.statement()), 1))
    with pytest.raises(Refused) as again:
        failover(world, "at-osaka")
    assert again.value.reason == "no_usable_backup"


def test_a_decision_of_an_older_version_can_be_changed(infected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record does not tell by which rules the backup was chosen."""
    choose = failover_verb._choose
    monkeypatch.setattr(failover_verb, "_choose", lambda *args, **more: ({k: v for k, v in choose(*args, **more)[0].items() if k != "judged_by"}, None))
    decided(infected)
    monkeypatch.undo()
    assert failover(infected)[-1]["point"]["snapshot"] == SNAPSHOT


def test_every_group_of_a_run_is_named(infected: World) -> None:
    with pytest.raises(ConfigError, match="names app01, and not app1"):
        failover(infected, {"app01": SNAPSHOT})


def test_copies_of_different_times_are_refused(world: World) -> None:
    names = sorted(data_volumes(world, "tokyo", SVM))
    freeze(world, only=len(names) - 1)
    world.pocket.run(3600)
    last = list(data_volumes(world, "tokyo", SVM).values())[-1]
    client(world, "tokyo").write("POST", f"{volumes.PATH}/{last.uuid}/snapshots", {"name": SNAPSHOT}, deadline=30)
    assert last.name in refused(world, "snapshot_times_differ")


def test_a_second_operator_is_not_given_other_data_in_silence(infected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While he waits for the lease, the first one decides for the newest data and dies."""
    from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.walk import Run

    take, statement = Run.take_lease, infected.statement()

    def waits(run: Any, side: Any, seen: Any = None) -> None:
        monkeypatch.setattr(Run, "take_lease", take)
        tasks = _first(drivers.failover_tasks(infected.group(), fence_statement=statement), 1)
        with pytest.raises(_Killed):
            drivers.run_tasks(tasks, pocket_env(infected.pocket), "another-run")
        infected.pocket.run(120)
        take(run, side, seen)

    may = Run.may_take
    monkeypatch.setattr(Run, "may_take", lambda run, lease: False if run.run_id != "another-run" else may(run, lease))
    monkeypatch.setattr(Run, "take_lease", waits)
    with pytest.raises(Refused) as refusal:
        failover(infected)
    assert refusal.value.reason == "changed_meanwhile"
    monkeypatch.undo()
    infected.pocket.run(120)
    assert failover(infected)[-1]["point"]["snapshot"] == SNAPSHOT


@pytest.mark.parametrize("instead", [False, True], ids=["gone", "another one"])
def test_a_snapshot_that_is_gone_is_seen_before_the_break(infected: World, instead: bool) -> None:
    decided(infected)
    osaka = client(infected, "osaka")
    tables = infected.pocket.station("osaka-ontap").core.core.tables
    volume = sorted(data_volumes(infected, "osaka", MIRROR).values(), key=lambda found: found.name)[0]
    found = next(s for s in tables.all("snapshot", volume=volume.uuid) if s["name"] == SNAPSHOT)
    tables.delete("snapshot", found["uuid"])
    if instead:
        tables.put("snapshot", {**found, "uuid": "other", "origin": "other"})
    with pytest.raises(Refused) as refusal:
        infected.failover()
    assert refusal.value.reason == "snapshot_gone"
    svms = osaka.records("/api/svm/svms", "subtype", name=MIRROR)
    assert svms[0]["subtype"] == "dp_destination"
    assert infected.failover(snapshot="newest")[-1]["state"]["objects"] == "verified"


def test_no_volume_of_another_group_is_moved(infected: World) -> None:
    """Two groups on one SVM: the second one would take the volumes from beneath the first."""
    infected.failover(fence_statement=infected.statement())
    before = junctions(infected)
    two = {**infected.group(), "name": "other", "namespaces": ["app1-batch"]}
    with pytest.raises(KubedrError):
        infected.run(drivers.failover_tasks(two, fence_statement=infected.statement(), snapshot=SNAPSHOT))
    assert junctions(infected) == before


def test_clones_of_clones_are_removed_first(infected: World) -> None:
    failover(infected)
    osaka, name = client(infected, "osaka"), sorted(clones(infected))[0]
    wanted = {"is_flexclone": True, "parent_volume": {"name": clone(name)}, "parent_snapshot": {"name": SNAPSHOT}}
    second = clone_name(clone(name), 4, SNAPSHOT)
    osaka.write("POST", volumes.PATH, {"name": second, "svm": {"name": MIRROR}, "clone": wanted}, deadline=30)
    run: Any = SimpleNamespace(destination=SimpleNamespace(ontap=osaka), config=SimpleNamespace(destination_svm=MIRROR))
    order = [volume.name for volume in removal._data_volumes(run)]
    assert order[0] == second
    assert order.index(clone(name)) < order.index(name)
