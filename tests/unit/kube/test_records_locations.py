# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What several runs change at once: the group's record, and the read-only hold of a backup location."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, ConfigError, Conflict, NotFound, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import backups, locations
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.dialect import ArkAccess
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.locations import HOLD_ANNOTATION, Location, staleness
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.records import RecordStore

from .fakes import START, FakeApi

RECORD = "/api/v1/namespaces/velero/configmaps/kubedr-app1"
LOCATION = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"


@pytest.fixture
def store(client: KubeClient) -> RecordStore:
    return RecordStore(client, "velero", "app1")


def count(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "epoch": record.get("epoch", 0) + 1}


def test_no_record(store: RecordStore) -> None:
    assert store.read() == (None, "")


def test_record_is_made_and_changed(store: RecordStore) -> None:
    assert store.update(count) == {"epoch": 1}
    assert store.update(count) == {"epoch": 2}
    record, version = store.read()
    assert record == {"epoch": 2}
    assert version


def test_no_change_no_write(store: RecordStore, api: FakeApi) -> None:
    store.update(count)
    before = len(api.writes())
    assert store.update(lambda record: record) == {"epoch": 1}
    assert len(api.writes()) == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_lost_answer_does_not_count_twice(store: RecordStore, api: FakeApi, method: str) -> None:
    if method == "PUT":
        store.update(count)
    api.fail.append((method, "configmaps", "executed"))
    before = (store.read()[0] or {}).get("epoch", 0)
    assert store.update(count) == {"epoch": before + 1}
    assert store.read()[0] == {"epoch": before + 1}


def test_a_failed_write_is_sent_again(store: RecordStore, api: FakeApi) -> None:
    api.fail.extend([("POST", "configmaps", 503), ("POST", "configmaps", "lost")])
    assert store.update(count) == {"epoch": 1}
    assert store.read()[0] == {"epoch": 1}


def test_somebody_elses_change_is_kept(store: RecordStore, api: FakeApi) -> None:
    store.update(count)
    tries = []

    def change(record: dict[str, Any]) -> dict[str, Any]:
        tries.append(dict(record))
        if len(tries) == 1:
            api.put(RECORD, {"data": {"record": json.dumps({"epoch": 1, "theirs": True})}})
        return {**record, "mine": True}

    assert store.update(change) == {"epoch": 1, "theirs": True, "mine": True}
    assert len(tries) == 2


def test_a_record_that_is_always_changed_by_others_ends_in_a_conflict(store: RecordStore, api: FakeApi) -> None:
    store.update(count)

    def change(record: dict[str, Any]) -> dict[str, Any]:
        api.put(RECORD, {"data": {"record": json.dumps({"epoch": record["epoch"] + 1})}})
        return {**record, "mine": True}

    with pytest.raises(Conflict):
        store.update(change)


def test_what_change_raises_goes_through_and_nothing_is_written(store: RecordStore, api: FakeApi) -> None:
    def change(record: dict[str, Any]) -> dict[str, Any]:
        raise ConfigError("x", "no")

    with pytest.raises(ConfigError):
        store.update(change)
    assert api.writes() == []


def test_unreadable_record_is_never_overwritten(store: RecordStore, api: FakeApi) -> None:
    api.put(RECORD, {"data": {"record": "{broken"}})
    with pytest.raises(ApiError, match="not JSON"):
        store.update(count)
    assert api.writes() == []


def test_a_missing_namespace_is_named(client: KubeClient) -> None:
    with pytest.raises(NotFound) as caught:
        RecordStore(client, "nowhere", "app1").update(count)
    assert "nowhere" in caught.value.advice


def location(api: FakeApi, mode: str | None = "ReadWrite", **more: Any) -> None:
    api.put(LOCATION, {"spec": {"provider": "aws", "objectStorage": {"bucket": "b"}, **({"accessMode": mode} if mode else {}), **more}})


@pytest.mark.parametrize("mode", ["ReadWrite", None, "ReadOnly"])
def test_hold_and_release_give_back_what_was_found(client: KubeClient, api: FakeApi, velero: ArkAccess, mode: str | None) -> None:
    location(api, mode)
    seen, changed = locations.hold_read_only(client, velero, "app1", 60)
    assert (seen.read_only, seen.holders, changed) == (True, ("app1",), True)
    assert locations.hold_read_only(client, velero, "app1", 60)[1] is False
    assert locations.release_hold(client, velero, "app1")[1] is True
    live = api.objects[LOCATION]
    assert live["spec"].get("accessMode") == mode
    assert HOLD_ANNOTATION not in live["metadata"]["annotations"]
    assert locations.release_hold(client, velero, "app1")[1] is False


def test_the_last_holder_releases(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    location(api)
    locations.hold_read_only(client, velero, "app1", 60)
    locations.hold_read_only(client, velero, "app2", 60)
    assert locations.release_hold(client, velero, "app1")[0].read_only
    assert not locations.release_hold(client, velero, "app2")[0].read_only


@pytest.mark.parametrize("how", ["executed", "lost", 500, 409])
def test_a_hold_is_taken_once_whatever_the_answer(client: KubeClient, api: FakeApi, velero: ArkAccess, how: Any) -> None:
    location(api)
    api.fail.append(("PUT", "backupstoragelocations", how))
    seen, _changed = locations.hold_read_only(client, velero, "app1", 60)
    assert seen.holders == ("app1",)
    assert locations.release_hold(client, velero, "app1")[0].access_mode == "ReadWrite"


def test_hold_waits_for_a_backup_that_was_asked_for(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    location(api)
    path = velero.path("backups", "mine")
    running = {"metadata": {"labels": {backups.ASKED_LABEL: "true"}}, "status": {"phase": "InProgress"}}
    api.put(path, running)
    with pytest.raises(WaitTimeout, match="mine"):
        locations.hold_read_only(client, velero, "app1", 30)
    assert not locations.read(client, velero).read_only
    api.clock.on_tick.append(lambda: api.put(path, {**running, "status": {"phase": "Completed"}}))
    assert locations.hold_read_only(client, velero, "app1", 30)[0].read_only


def test_wait_no_hold(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    location(api)
    locations.hold_read_only(client, velero, "app1", 60)
    with pytest.raises(WaitTimeout, match="app1"):
        locations.wait_no_hold(client, velero, 10)
    locations.release_hold(client, velero, "app1")
    assert locations.wait_no_hold(client, velero, 10).holders == ()


def test_check_mode_holds_nothing(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    location(api)
    assert locations.hold_read_only(client, velero, "app1", 60, check_mode=True)[1] is True
    assert api.writes() == []


def test_ark_has_no_read_only(client: KubeClient, api: FakeApi, ark: ArkAccess) -> None:
    assert locations.hold_read_only(client, ark, "app1", 60) == (Location("default", False), False)
    assert locations.release_hold(client, ark, "app1")[1] is False
    assert api.writes() == []


def test_a_location_that_is_not_there_is_named(client: KubeClient, velero: ArkAccess) -> None:
    with pytest.raises(ConfigError, match="default"):
        locations.hold_read_only(client, velero, "app1", 60)


@pytest.mark.parametrize("text", ["{", "[]", '{"found": null}'])
def test_an_unreadable_hold_is_not_guessed_at(client: KubeClient, api: FakeApi, velero: ArkAccess, text: str) -> None:
    api.put(LOCATION, {"metadata": {"annotations": {HOLD_ANNOTATION: text}}, "spec": {"accessMode": "ReadOnly"}})
    with pytest.raises(ApiError, match="unreadable"):
        locations.release_hold(client, velero, "app1")


def synced(seconds_ago: float, phase: str = "Available", **spec: Any) -> Location:
    at = (START - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")
    return Location.from_record(
        {"metadata": {"name": "default"}, "spec": spec, "status": {"phase": phase, "lastSyncedTime": at, "lastValidationTime": at, "message": "no route"}},
    )


def test_a_fresh_location() -> None:
    assert staleness(synced(100), START) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (synced(200), ["synced 200 s ago", "validated 200 s ago"]),
        (synced(0, "Unavailable"), ["is Unavailable: no route"]),
        (synced(100, backupSyncPeriod="10s", validationFrequency="10s"), ["synced 100 s ago, expected at most 80", "validated"]),
        (Location("default", True, "Available"), ["never validated", "never synced"]),
    ],
)
def test_a_stale_location_says_why(found: Location, words: list[str]) -> None:
    told = "; ".join(staleness(found, START))
    assert all(word in told for word in words), told


def test_a_period_of_zero_turns_the_check_off() -> None:
    assert staleness(synced(9999, backupSyncPeriod="0s", validationFrequency="0s"), START) == []
