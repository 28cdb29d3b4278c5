# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The run functions of the ark_* modules: bad input before anything is sent, idempotency, check and diff mode, and what is never called success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, ConfigError, Conflict, JobFailed, Refused, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.dialect import ark_access
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.locations import HOLD_ANNOTATION
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import ark_backup, ark_backup_info, ark_restore, ark_schedule
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.ark_options import BACKUP, FIELDS

from .fakes import FakeApi, tarball
from .test_ark import signs

HOST = {"host": "https://osaka", "site": "osaka"}
ARK = "/apis/velero.io/v1/namespaces/velero"


def world(api: FakeApi, contents: bytes = b"", **options: Any) -> Env:
    return Env(lambda access: api, lambda access: api, lambda url, timeout: contents, clock=api.clock, **options)


def server(api: FakeApi, plural: str, status: dict[str, Any]) -> None:
    """Ends whatever is created, a moment later."""

    def tick() -> None:
        for path, found in list(api.objects.items()):
            if path.startswith(f"{ARK}/{plural}/") and "status" not in found:
                api.put(path, {**found, "status": status})

    api.clock.on_tick.append(tick)


def schedule(**more: Any) -> dict[str, Any]:
    return {**HOST, "name": "k8sbackup", "state": "present", "schedule": "*/5 * * * *", **more}


ALL_OPTIONS: dict[str, Any] = {
    "included_namespaces": ["app1"], "excluded_namespaces": ["kube-system"], "included_resources": ["*"], "excluded_resources": ["nodes"],
    "include_cluster_resources": True, "selector": "app=web", "labels": {"a": "b"}, "annotations": {"c": "d"}, "ttl": "720h", "storage_location": "default",
    "volume_snapshot_locations": ["v"], "snapshot_volumes": False, "snapshot_move_data": False, "data_mover": "velero", "default_volumes_to_fs_backup": False,
    "ordered_resources": {"pods": ["app1/a", "app1/b"]}, "csi_snapshot_timeout": "10m", "item_operation_timeout": "4h", "resource_policies_configmap": "p",
    "parallel_files_upload": 4, "volume_group_snapshot_label_key": "g", "paused": True, "skip_immediately": False, "use_owner_references_in_backup": False,
}


def test_everything_that_the_command_line_has() -> None:
    known = set(BACKUP.options) - {"labels", "annotations"}
    assert known == set(FIELDS)
    assert set(ALL_OPTIONS) | {"or_selectors", *ark_schedule.SPEC.options} >= known
    assert {"schedule", "paused", "skip_immediately", "use_owner_references_in_backup"} <= set(ark_schedule.SPEC.options)


def test_schedule_with_every_option_twice(api: FakeApi) -> None:
    first = ark_schedule.run(schedule(**ALL_OPTIONS), world(api, diff=True))
    second = ark_schedule.run(schedule(**ALL_OPTIONS), world(api, diff=True))
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["diff"]["before"] == second["diff"]["after"]
    assert len(api.writes()) == 1
    spec = api.objects[f"{ARK}/schedules/k8sbackup"]["spec"]
    assert spec["template"]["orderedResources"] == {"pods": "app1/a,app1/b"}
    assert spec["template"]["uploaderConfig"] == {"parallelFilesUpload": 4}
    assert spec["paused"] is True


@pytest.mark.parametrize("before", [None, schedule(), schedule(ttl="1h", selector="a=b,c=d", paused=True)])
@pytest.mark.parametrize(
    "wish", [schedule(**ALL_OPTIONS), schedule(selector="x=y"), schedule(selector=""), schedule(schedule="@daily"), schedule(state="absent")],
)
def test_check_mode_tells_exactly_what_the_run_does(api: FakeApi, before: dict[str, Any] | None, wish: dict[str, Any]) -> None:
    if before:
        ark_schedule.run(before, world(api))
    written = len(api.writes())
    told = ark_schedule.run(wish, world(api, check_mode=True, diff=True))
    assert len(api.writes()) == written
    done = ark_schedule.run(wish, world(api, diff=True))
    assert (told["changed"], told["diff"]) == (done["changed"], done["diff"])
    assert ark_schedule.run(wish, world(api))["changed"] is False


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"schedule": "* * * *"}, "schedule"), ({"schedule": "61 * * * *"}, "schedule"), ({"name": "Bad_Name"}, "name"), ({"name": ""}, "name"),
        ({"name": "n" * 254}, "name"), ({"ttl": "30 days"}, "ttl"), ({"ttl": "-1h"}, "ttl"), ({"selector": "a=b=c"}, "selector"),
        ({"selector": "a=b", "or_selectors": ["c=d"]}, "or_selectors"), ({"or_selectors": ["a=b", "="]}, "or_selectors[1]"),
        ({"included_resources": ["pods"], "included_cluster_scoped_resources": ["*"]}, "included_cluster_scoped_resources"),
        ({"parallel_files_upload": 0}, "parallel_files_upload"), ({"ark_api_group": "backup.io"}, "ark.api_group"),
        ({"ark_api_group": "ark.heptio.com", "paused": True}, "paused"),
        ({"ark_api_group": "ark.heptio.com", "snapshot_move_data": True}, "snapshot_move_data"),
    ],
)
def test_bad_input_names_the_option_and_sends_nothing(api: FakeApi, change: dict[str, Any], variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ark_schedule.run(schedule(**change), world(api))
    assert caught.value.variable == variable
    assert api.sent == []


def test_a_schedule_that_the_server_refuses(api: FakeApi) -> None:
    ark_schedule.run(schedule(), world(api))
    path = f"{ARK}/schedules/k8sbackup"
    api.put(path, {**api.objects[path], "status": {"phase": "FailedValidation", "validationErrors": ["invalid schedule"]}})
    with pytest.raises(ApiError, match="invalid schedule"):
        ark_schedule.run(schedule(), world(api))


def test_ark_schedule_in_arks_own_namespace(api: FakeApi) -> None:
    ark_schedule.run(schedule(ark_api_group="ark.heptio.com", excluded_namespaces=["kube-system"]), world(api))
    assert "/apis/ark.heptio.com/v1/namespaces/heptio-ark/schedules/k8sbackup" in api.objects


def backup(**more: Any) -> dict[str, Any]:
    return {**HOST, "name": "b1", "timeout": 60, "hold_timeout": 30, **more}


def test_backup_twice(api: FakeApi) -> None:
    server(api, "backups", {"phase": "Completed", "startTimestamp": "2026-11-24T12:00:00Z"})
    first = ark_backup.run(backup(ttl="24h"), world(api, diff=True))
    second = ark_backup.run(backup(ttl="24h"), world(api, diff=True))
    assert (first["changed"], second["changed"], first["backup"]["started_at"]) == (True, False, "2026-11-24T12:00:00+00:00")
    assert second["diff"]["before"] == second["diff"]["after"] == first["diff"]["after"]
    assert len(api.writes()) == 1


def test_backup_in_check_mode(api: FakeApi) -> None:
    assert ark_backup.run(backup(), world(api, check_mode=True))["changed"] is True
    assert api.writes() == []


BAD_ENDS: list[dict[str, Any]] = [
    {"phase": "PartiallyFailed", "errors": 2}, {"phase": "Failed", "failureReason": "bucket"}, {"phase": "Completed", "errors": 1},
]


@pytest.mark.parametrize("status", BAD_ENDS)
def test_a_backup_that_did_not_end_well_is_a_failure_also_when_seen_again(api: FakeApi, status: dict[str, Any]) -> None:
    server(api, "backups", status)
    for _unused in range(2):
        with pytest.raises(JobFailed, match=status["phase"]):
            ark_backup.run(backup(), world(api))


def test_backup_from_a_schedule(api: FakeApi) -> None:
    ark_schedule.run(schedule(excluded_namespaces=["kube-system"], ttl="24h"), world(api))
    server(api, "backups", {"phase": "Completed"})
    ark_backup.run(backup(from_schedule="k8sbackup", ttl="48h"), world(api))
    made = api.objects[f"{ARK}/backups/b1"]
    assert made["metadata"]["labels"]["velero.io/schedule-name"] == "k8sbackup"
    assert (made["spec"]["excludedNamespaces"], made["spec"]["ttl"]) == (["kube-system"], "48h")
    with pytest.raises(ConfigError, match="no schedule"):
        ark_backup.run(backup(name="b2", from_schedule="none"), world(api))


def test_backup_waits_until_no_restore_holds_the_location(api: FakeApi) -> None:
    api.put(f"{ARK}/backupstoragelocations/default", {"metadata": {"annotations": {HOLD_ANNOTATION: '{"holders": ["app2"], "found": null}'}}})
    with pytest.raises(WaitTimeout, match="app2"):
        ark_backup.run(backup(), world(api))
    assert api.writes() == []


DELETED = {"persistentVolumeReclaimPolicy": "Delete", "nfs": {"server": "10.0.0.10", "path": "/data"}}
CLAIM = {"metadata": {"name": "c", "namespace": "app1"}, "spec": {"volumeName": "pv1"}}
HELD = {("namespaces", "", "app1"): {"metadata": {"name": "app1"}}, ("persistentvolumeclaims", "app1", "c"): CLAIM}


def stored(policy: str) -> bytes:
    return tarball({**HELD, ("persistentvolumes", "", "pv1"): {"metadata": {"name": "pv1"}, "spec": {**DELETED, "persistentVolumeReclaimPolicy": policy}}})


def restore(**more: Any) -> dict[str, Any]:
    return {**HOST, "name": "r1", "backup": "b1", "timeout": 60, "bind_timeout": 10, "included_namespaces": ["app1"], **more}


@pytest.fixture
def site(api: FakeApi) -> Callable[..., Env]:
    """A cluster with backup b1, a location, and a server that restores the claim onto ``bound_to``."""
    api.put(f"{ARK}/backups/b1", {"status": {"phase": "Completed", "startTimestamp": "2026-11-24T11:55:00Z"},
                                  "metadata": {"labels": {"velero.io/schedule-name": "k8sbackup"}}})
    api.put(f"{ARK}/backupstoragelocations/default", {"spec": {"accessMode": "ReadWrite"}})

    def make(policy: str = "Retain", bound_to: str = "pv1", status: dict[str, Any] | None = None, **options: Any) -> Env:
        signs_all(api)

        def tick() -> None:
            found = api.objects.get(f"{ARK}/restores/r1")
            if found and "status" not in found:
                assert api.objects[f"{ARK}/backupstoragelocations/default"]["spec"]["accessMode"] == "ReadOnly"
                api.put("/api/v1/namespaces/app1/persistentvolumeclaims/c", {"metadata": {"name": "c"}, "spec": {"volumeName": bound_to}})
                api.put(f"{ARK}/restores/r1", {**found, "status": status or {"phase": "Completed"}})

        api.clock.on_tick.append(tick)
        return world(api, stored(policy), **options)

    return make


def signs_all(api: FakeApi) -> None:
    signs(api, ark_access("velero.io"))


def released(api: FakeApi) -> bool:
    live = api.objects[f"{ARK}/backupstoragelocations/default"]
    return live["spec"]["accessMode"] == "ReadWrite" and HOLD_ANNOTATION not in (live["metadata"].get("annotations") or {})


def test_restore_twice(api: FakeApi, site: Callable[..., Env]) -> None:
    first = ark_restore.run(restore(), site(diff=True))
    writes = len(api.writes())
    second = ark_restore.run(restore(), site(diff=True))
    assert (first["changed"], first["restored"], second["changed"], second["restored"]) == (True, True, False, True)
    assert second["diff"]["before"] == second["diff"]["after"] == first["diff"]["after"]
    assert [path for _method, path in api.writes()[writes:] if "downloadrequests" not in path] == []
    assert released(api)


def test_a_claim_that_ark_would_provision_anew_stops_it_before_anything(api: FakeApi, site: Callable[..., Env]) -> None:
    with pytest.raises(Refused, match="app1/c") as caught:
        ark_restore.run(restore(), site("Delete"))
    assert caught.value.reason == "would_reprovision"
    assert f"{ARK}/restores/r1" not in api.objects


def test_a_volume_made_before_is_enough(api: FakeApi, site: Callable[..., Env]) -> None:
    api.put("/api/v1/persistentvolumes/pv1", {"spec": {"claimRef": {"namespace": "app1", "name": "c"}}})
    assert ark_restore.run(restore(), site("Delete"))["restored"] is True


@pytest.mark.parametrize("bound_to", ["pv-new", ""])
def test_never_restored_when_a_claim_lost_its_volume(api: FakeApi, site: Callable[..., Env], bound_to: str) -> None:
    with pytest.raises(JobFailed, match="not restored"):
        ark_restore.run(restore(), site(bound_to=bound_to))
    told = ark_restore.run(restore(allow_reprovisioned=True), site(bound_to=bound_to))
    assert told["restored"] is False
    assert told["reprovisioned"] == [f"app1/c ({bound_to or 'unbound'} instead of pv1)"]
    assert released(api)


@pytest.mark.parametrize("status", BAD_ENDS)
def test_a_restore_that_did_not_end_well(api: FakeApi, site: Callable[..., Env], status: dict[str, Any]) -> None:
    with pytest.raises(JobFailed, match="never run again"):
        ark_restore.run(restore(), site(status=status))
    assert released(api)


def test_a_restart_of_the_server_asks_for_a_new_name(site: Callable[..., Env]) -> None:
    reason = 'found a restore with status "InProgress" during the server starting, mark it as "Failed"'
    with pytest.raises(JobFailed) as caught:
        ark_restore.run(restore(), site(status={"phase": "Failed", "failureReason": reason}))
    assert "restarted" in caught.value.advice


def test_a_restore_that_goes_on_keeps_its_hold_and_a_rerun_releases_it(api: FakeApi, site: Callable[..., Env]) -> None:
    env = site(status={"phase": "InProgress"})
    with pytest.raises(WaitTimeout):
        ark_restore.run(restore(), env)
    assert not released(api)
    path = f"{ARK}/restores/r1"
    api.put(path, {**api.objects[path], "status": {"phase": "Completed"}})
    assert ark_restore.run(restore(), env)["restored"] is True
    assert released(api)


def test_restore_in_check_mode(api: FakeApi, site: Callable[..., Env]) -> None:
    told = ark_restore.run(restore(), site(check_mode=True, diff=True))
    assert (told["changed"], told["restored"]) == (True, False)
    assert [path for _method, path in api.writes() if "downloadrequests" not in path] == []


def test_restore_bad_input(api: FakeApi, site: Callable[..., Env]) -> None:
    env = site()
    bad: list[tuple[dict[str, Any], str]] = [
        ({"backup": "none"}, "backup"), ({"selector": "="}, "selector"), ({"item_operation_timeout": "x"}, "item_operation_timeout"),
        ({"timeout": 0}, "timeout"),
        ({"ark_api_group": "ark.heptio.com", "existing_resource_policy": "update"}, "existing_resource_policy"),
    ]
    for change, variable in bad:
        with pytest.raises(ConfigError) as caught:
            ark_restore.run(restore(**change), env)
        assert caught.value.variable == variable
    assert api.writes() == []
    ark_restore.run(restore(), env)
    with pytest.raises(Conflict):
        ark_restore.run(restore(preserve_node_ports=True), env)


def test_restore_into_another_namespace_looks_there(api: FakeApi, site: Callable[..., Env]) -> None:
    with pytest.raises(JobFailed, match="copy/c"):
        ark_restore.run(restore(namespace_mapping={"app1": "copy"}), site())


def test_info_names_the_newest_usable_its_age_and_what_it_holds(api: FakeApi, site: Callable[..., Env]) -> None:
    api.put(f"{ARK}/backups/b2", {"status": {"phase": "InProgress", "startTimestamp": "2026-11-24T12:00:00Z"}})
    told = ark_backup_info.run({**HOST, "schedule": "k8sbackup", "namespaces": ["app1"]}, site("Delete"))
    newest = told["newest_usable"]
    assert (newest["name"], newest["holds"]["namespaces"], newest["holds"]["kinds"]["persistentvolumeclaims"]) == ("b1", ["app1"], 1)
    assert 300 <= newest["age_seconds"] <= 310
    assert newest["holds"]["claims"][0]["reprovisioned"] is True
    assert told["skipped"] == [{"name": "b2", "reason": "it is InProgress, not Completed"}]
    assert told["changed"] is False
    assert [path for _method, path in api.writes() if "downloadrequests" not in path] == []


def test_info_without_a_usable_backup_says_why(api: FakeApi, site: Callable[..., Env]) -> None:
    told = ark_backup_info.run({**HOST, "schedule": "other"}, site())
    assert told["newest_usable"] is None
    assert "written by schedule k8sbackup" in told["skipped"][0]["reason"]
