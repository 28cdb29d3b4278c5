# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Ark's own kinds: schedules, backups, restores, downloads, contents, results, in both dialects."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, ConfigError, Conflict, NotFound, Unreachable, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import ark as ark_kinds
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import backups, restores, results, schedules
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.contents import BackupContents, ObjectKey
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.dialect import ArkAccess, ark_access, for_group, label_value, seconds, subset_of
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.downloads import download, gunzip
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.schedules import Wish
from hypothesis import given
from hypothesis import strategies as st

from .fakes import FakeApi, merged, tarball

URL = "https://store.example:9000/bucket/file?X-Amz-Signature=secret"
WISH = Wish({"schedule": "*/5 * * * *", "template": {"excludedNamespaces": ["kube-system"], "ttl": "720h", "labelSelector": {"matchLabels": {"a": "b"}}}})


def finishes(api: FakeApi, path: str, status: dict[str, Any], after: float = 3.0) -> None:
    """A server that is done with one object a little later."""

    def tick() -> None:
        if path in api.objects and api.clock.now >= after:
            api.put(path, {**api.objects[path], "status": status})

    api.clock.on_tick.append(tick)


def signs(api: FakeApi, ark: ArkAccess, phase: str = "Processed") -> None:
    def tick() -> None:
        for path, found in list(api.objects.items()):
            if path.startswith(ark.path("downloadrequests")) and "status" not in found:
                api.put(path, {**found, "status": {"phase": phase, "downloadURL": URL if phase == "Processed" else "", "message": "no such restore"}})

    api.clock.on_tick.append(tick)


def test_unknown_group() -> None:
    with pytest.raises(ConfigError, match="neither velero.io nor ark.heptio.com"):
        for_group("velero.example.com")


def test_a_product_that_is_not_installed_is_named(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    del api.kinds["velero.io"]
    with pytest.raises(ConfigError, match="Velero is not installed"):
        ark_kinds.check_installed(client, velero)
    with pytest.raises(ConfigError, match="Velero is not installed"):
        backups.list_backups(client, velero)
    with pytest.raises(ConfigError, match="Velero is not installed"):
        schedules.ensure(client, velero, "k8sbackup", WISH)


def test_a_missing_namespace_is_named(client: KubeClient, velero: ArkAccess) -> None:
    elsewhere = ArkAccess(velero.dialect, "backup-system")
    with pytest.raises(ConfigError, match="backup-system"):
        ark_kinds.check_installed(client, elsewhere)
    with pytest.raises(ConfigError, match="backup-system"):
        restores.ensure(client, elsewhere, {"backupName": "b"}, "r")


def test_schedule_is_made_once(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    assert schedules.ensure(client, velero, "k8sbackup", WISH)[1] is True
    assert schedules.ensure(client, velero, "k8sbackup", WISH)[1] is False
    assert len(api.writes()) == 1


def test_what_the_server_completes_is_no_difference(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    schedules.ensure(client, velero, "k8sbackup", WISH)
    path = velero.path("schedules", "k8sbackup")
    completed = {"template": {"ttl": "720h0m0s", "includedNamespaces": ["*"], "storageLocation": "default"}, "skipImmediately": False}
    api.put(path, {**merged(api.objects[path], {"spec": completed}), "status": {"phase": "Enabled", "lastBackup": "2026-11-24T11:55:00Z"}})
    seen, changed = schedules.ensure(client, velero, "k8sbackup", WISH)
    assert seen is not None
    assert (changed, seen.phase) == (False, "Enabled")


@pytest.mark.parametrize(
    "change",
    [{"schedule": "0 * * * *"}, {"paused": True}, {"template": {"ttl": "24h"}}, {"template": {"excludedNamespaces": []}}, {"template": {"labelSelector": None}},
     {"template": {"labelSelector": {"matchLabels": {"c": "d"}}}}, {"template": {"includeClusterResources": True}}],
)
def test_every_option_converges_and_stays(client: KubeClient, velero: ArkAccess, change: dict[str, Any]) -> None:
    schedules.ensure(client, velero, "k8sbackup", WISH)
    seen, changed = schedules.ensure(client, velero, "k8sbackup", Wish(change))
    assert changed
    assert schedules.changes(Wish(change), (seen or schedules.Schedule.from_record({})).raw) == {}
    assert schedules.ensure(client, velero, "k8sbackup", Wish(change))[1] is False


def test_a_selector_is_replaced_as_a_whole(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    schedules.ensure(client, velero, "k8sbackup", WISH)
    schedules.ensure(client, velero, "k8sbackup", Wish({"template": {"labelSelector": {"matchLabels": {"c": "d"}}}}))
    assert api.objects[velero.path("schedules", "k8sbackup")]["spec"]["template"]["labelSelector"] == {"matchLabels": {"c": "d"}}


JSON = st.recursive(st.sampled_from(["x", "y", 1, True]) | st.lists(st.sampled_from(["p", "q"])), lambda inner: st.dictionaries(st.sampled_from("abc"), inner))


@given(JSON, JSON)
def test_an_exact_patch_makes_it_exactly_so(wanted: Any, live: Any) -> None:
    assert merged(live, schedules.exact_patch(wanted, live)) == wanted


def test_pausing_what_is_not_there_is_fine(client: KubeClient, api: FakeApi, velero: ArkAccess, ark: ArkAccess) -> None:
    assert schedules.set_paused(client, velero, "none", True) == (None, False)
    schedules.ensure(client, ark, "k8sbackup", WISH)
    assert schedules.set_paused(client, ark, "k8sbackup", True)[1] is False
    assert len(api.writes()) == 1


def test_schedule_absent(client: KubeClient, velero: ArkAccess) -> None:
    schedules.ensure(client, velero, "k8sbackup", WISH)
    assert schedules.absent(client, velero, "k8sbackup") == (None, True)
    assert schedules.absent(client, velero, "k8sbackup") == (None, False)


def test_backups_newest_first_and_by_schedule(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    for name, hour, label in (("old", 10, "k8sbackup"), ("new", 11, "k8sbackup"), ("other", 12, "x")):
        started = {"startTimestamp": f"2026-11-24T{hour}:00:00Z"}
        api.put(velero.path("backups", name), {"metadata": {"labels": {"velero.io/schedule-name": label}}, "status": started})
    api.put(velero.path("backups", "waiting"), {})
    assert [backup.name for backup in backups.list_backups(client, velero)] == ["other", "new", "old", "waiting"]
    assert [backup.name for backup in backups.list_backups(client, velero, schedule="k8sbackup")] == ["new", "old"]


def test_long_schedule_names_are_cut_as_the_server_cuts_them() -> None:
    assert label_value("s" * 63) == "s" * 63
    assert len(label_value("s" * 64)) == 63
    assert label_value("s" * 64) != label_value("s" * 65)


@pytest.mark.parametrize("phase", ["Completed", "PartiallyFailed", "Failed", "FailedValidation"])
def test_backup_waits_for_every_end(client: KubeClient, api: FakeApi, velero: ArkAccess, phase: str) -> None:
    finishes(api, velero.path("backups", "b1"), {"phase": phase, "failureReason": "because"})
    found, changed = backups.create_and_wait(client, velero, {"ttl": "24h"}, "b1", 60)
    assert found is not None
    assert (found.phase, found.why_failed, changed) == (phase, "because", True)
    assert api.objects[velero.path("backups", "b1")]["spec"] == {"ttl": "24h", "storageLocation": "default"}
    assert backups.create_and_wait(client, velero, {"ttl": "24h"}, "b1", 60)[1] is False


def test_backup_whose_creation_was_lost_is_made_once(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    finishes(api, velero.path("backups", "b1"), {"phase": "Completed"})
    api.fail.append(("POST", "backups", "executed"))
    assert backups.create_and_wait(client, velero, {}, "b1", 60)[1] is True
    assert len(api.writes()) == 1


def test_backup_that_never_ends(client: KubeClient, velero: ArkAccess) -> None:
    with pytest.raises(WaitTimeout, match="New"):
        backups.create_and_wait(client, velero, {}, "b1", 60)


def test_backup_name_taken(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    api.put(velero.path("backups", "b1"), {"spec": {"ttl": "1h"}, "status": {"phase": "Completed"}})
    with pytest.raises(Conflict, match="another spec"):
        backups.create_and_wait(client, velero, {"ttl": "24h"}, "b1", 60)


@pytest.mark.parametrize("access", ["velero.io", "ark.heptio.com"])
def test_restore_is_made_once_and_adopted(client: KubeClient, api: FakeApi, access: str) -> None:
    ark = ark_access(access)
    finishes(api, ark.path("restores", "r1"), {"phase": "Completed", "progress": {"totalItems": 5, "itemsRestored": 5}})
    looks: list[Any] = []
    result = restores.create_and_wait(client, ark, {"backupName": "b1"}, "r1", 60, looks.append)
    assert (result.succeeded, result.items, result.phase) == (True, 5, "Completed")
    assert len(looks) > 1
    again = restores.create_and_wait(client, ark, {"backupName": "b1"}, "r1", 60)
    assert again == result
    assert len(api.writes()) == 1


def test_restore_adopts_what_the_server_completed(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    spec = {"backupName": "b1", "scheduleName": "k8sbackup", "excludedResources": ["secrets", "nodes", "events"], "itemOperationTimeout": "4h0m0s"}
    api.put(velero.path("restores", "r1"), {"spec": spec, "status": {"phase": "Completed"}})
    assert restores.ensure(client, velero, {"backupName": "b1", "excludedResources": ["secrets"]}, "r1")[1] is False


def test_restore_of_another_spec_is_never_run_again(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    api.put(velero.path("restores", "r1"), {"spec": {"backupName": "b0"}, "status": {"phase": "Completed"}})
    with pytest.raises(Conflict, match="another spec"):
        restores.create_and_wait(client, velero, {"backupName": "b1"}, "r1", 60)


def test_a_restart_of_the_server_is_told_apart(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    finishes(api, velero.path("restores", "r1"), {"phase": "Failed", "failureReason": restores.RESTARTED + ', mark it as "Failed"'})
    result = restores.create_and_wait(client, velero, {"backupName": "b1"}, "r1", 60)
    assert (result.succeeded, result.interrupted) == (False, True)


def test_another_failure_is_no_restart(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    finishes(api, velero.path("restores", "r1"), {"phase": "Failed", "failureReason": "tarball missing"})
    assert not restores.create_and_wait(client, velero, {"backupName": "b1"}, "r1", 60).interrupted


def test_ark_is_judged_by_its_errors(client: KubeClient, api: FakeApi, ark: ArkAccess) -> None:
    finishes(api, ark.path("restores", "r1"), {"phase": "Completed", "errors": 2})
    assert not restores.create_and_wait(client, ark, {"backupName": "b1"}, "r1", 60).succeeded


def test_restore_deleted_while_waited_for(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    api.clock.on_tick.append(lambda: api.objects.pop(velero.path("restores", "r1"), None) and None)
    with pytest.raises(ApiError, match="deleted"):
        restores.create_and_wait(client, velero, {"backupName": "b1"}, "r1", 60)


@pytest.mark.parametrize("group", ["velero.io", "ark.heptio.com"])
def test_results_are_fetched_and_explained(client: KubeClient, api: FakeApi, group: str) -> None:
    ark = ark_access(group)
    text = "could not restore, {} already exists. Warning: the in-cluster version is different than the backed-up version"
    file = {"warnings": {ark.dialect.results_key: ["log upload was slow"], "cluster": [text.format("PersistentVolume:pv1")],
                         "namespaces": {"app1": [text.format("ConfigMap:kube-root-ca.crt"), text.format("ConfigMap:settings")]}},
            "errors": {"namespaces": {"app1": ["error restoring services"]}}}
    signs(api, ark)
    finishes(api, ark.path("restores", "r1"), {"phase": "Completed", "warnings": 4, "errors": 1}, after=0.1)
    result = restores.create_and_wait(
        client, ark, {"backupName": "b1"}, "r1", 60, fetch=lambda url, timeout: gzip.compress(json.dumps(file).encode()), precreated=["pv1"],
    )
    assert [message.text for message in result.unexpected_warnings] == ["log upload was slow", text.format("ConfigMap:settings")]
    assert [message.namespace for message in result.errors] == ["app1"]
    assert not result.succeeded
    assert not [path for path in api.objects if "downloadrequests" in path]


def test_results_that_can_not_be_had_are_told(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    def refuse(url: str, timeout: float) -> bytes:
        raise NotFound("gone", status=404)

    signs(api, velero)
    finishes(api, velero.path("restores", "r1"), {"phase": "PartiallyFailed", "errors": 1}, after=0.1)
    result = restores.create_and_wait(client, velero, {"backupName": "b1"}, "r1", 60, fetch=refuse)
    assert (result.phase, result.error_count) == ("PartiallyFailed", 1)
    assert "no such file" in result.results_missing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("could not restore, ConfigMap:kube-root-ca.crt already exists. Warning: the in-cluster version is different", True),
        ('could not restore, ConfigMap "kube-root-ca.crt" already exists. Warning: the in-cluster version is different', True),
        ('not restored: configmaps "kube-root-ca.crt" already exists and is different from backed up version.', True),
        ('not restored: endpoints "web" already exists and is different from backed up version.', True),
        ('not restored: endpointslices.discovery.k8s.io "web-x" already exists and is different from backed up version.', True),
        ('not restored: persistentvolumes "pv1" already exists and is different from backed up version.', True),
        ('not restored: persistentvolumes "pv2" already exists and is different from backed up version.', False),
        ('not restored: configmaps "settings" already exists and is different from backed up version.', False),
        ("could not restore, ServiceAccount:web already exists.", False), ("kube-root-ca.crt is odd", False),
    ],
)
def test_warnings_of_both_products(text: str, expected: bool) -> None:
    found = results.parse(json.dumps({"warnings": {"cluster": [text]}}).encode(), "velero", ["pv1"])[0]
    assert [(message.text, message.expected, bool(message.why)) for message in found] == [(text, expected, expected)]


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b'{"warnings": null}', b'{"warnings": {"namespaces": null}}'])
def test_results_that_hold_nothing(data: bytes) -> None:
    assert results.parse(data, "velero") == ([], [])


@pytest.mark.parametrize("data", [b"", b"{", b"<html>"])
def test_unreadable_results(data: bytes) -> None:
    with pytest.raises(ApiError, match="unreadable"):
        results.parse(data, "velero")


@pytest.mark.parametrize("error", [Unreachable, AnswerLost])
def test_an_object_store_out_of_reach_is_named_without_its_secret(client: KubeClient, api: FakeApi, velero: ArkAccess, error: type[Exception]) -> None:
    def refuse(url: str, timeout: float) -> bytes:
        raise error(f"no route to {url}")

    signs(api, velero)
    with pytest.raises(Unreachable, match="URL signed for host store.example:9000 not reachable from here") as caught:
        download(client, velero, "BackupContents", "b1", refuse)
    assert "Signature" not in str(caught.value)
    assert not [path for path in api.objects if "downloadrequests" in path]


def test_a_store_that_the_server_cannot_reach_either_is_told_as_such(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    def refuse(url: str, timeout: float) -> bytes:
        raise Unreachable("connection refused")

    signs(api, velero)
    api.objects[velero.path("backupstoragelocations", "default")] = {
        "metadata": {"name": "default"}, "status": {"phase": "Unavailable", "message": "dial tcp: connection refused"},
    }
    with pytest.raises(Unreachable, match="location default is Unavailable to Velero as well: dial tcp: connection refused") as caught:
        download(client, velero, "BackupContents", "b1", refuse)
    assert "publicUrl" not in str(caught.value)


@pytest.mark.parametrize(("code", "kind", "words"), [(404, NotFound, "no such file"), (403, ApiError, "refused the signed URL"), (503, ApiError, "refused")])
def test_an_object_store_that_refuses(client: KubeClient, api: FakeApi, velero: ArkAccess, code: int, kind: type[Exception], words: str) -> None:
    def refuse(url: str, timeout: float) -> bytes:
        raise ApiError("denied", status=code)

    signs(api, velero)
    with pytest.raises(kind, match=words):
        download(client, velero, "BackupContents", "b1", refuse)


def test_download_goes_on_after_one_lost_answer(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    answers: list[Any] = [AnswerLost("reset"), b"data"]

    def fetch(url: str, timeout: float) -> bytes:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return bytes(found)

    signs(api, velero)
    assert download(client, velero, "BackupContents", "b1", fetch) == b"data"


def test_a_url_that_is_never_signed(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    with pytest.raises(WaitTimeout) as caught:
        download(client, velero, "BackupContents", "b1", lambda url, timeout: b"", timeout=20)
    assert "Does b1 exist" in caught.value.advice
    assert not [path for path in api.objects if "downloadrequests" in path]


def test_a_request_that_the_server_refuses(client: KubeClient, api: FakeApi, velero: ArkAccess) -> None:
    signs(api, velero, "Failed")
    with pytest.raises(NotFound, match="no such restore"):
        download(client, velero, "RestoreResults", "r1", lambda url, timeout: b"")


CLAIM = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "app1"}}
HELD = {("persistentvolumeclaims", "app1", "data"): CLAIM, ("persistentvolumes", "", "pv1"): {"kind": "PersistentVolume"},
        ("deployments.apps", "app1", "web"): {"kind": "Deployment"}}


def test_contents_by_key() -> None:
    copies = {"resources/deployments.apps/v1-preferredversion/namespaces/app1/web.json": b"{}", "resources/odd": b"", "metadata/other.json": b"{}"}
    held = BackupContents.from_bytes("b1", tarball(HELD, copies))
    assert held.kinds() == ["deployments.apps", "persistentvolumeclaims", "persistentvolumes"]
    assert held.get("persistentvolumeclaims", "app1", "data") == CLAIM
    assert held.get("persistentvolumeclaims", "app2", "data") is None
    assert [key for key, _manifest in held] == sorted(map(tuple, HELD))
    assert held.keys("persistentvolumes") == [ObjectKey("persistentvolumes", "", "pv1")]
    assert len(held) == 3


def test_contents_that_a_store_already_unpacked() -> None:
    assert len(BackupContents.from_bytes("b1", gzip.decompress(tarball(HELD)))) == 3


@pytest.mark.parametrize("cut", [10, 100, 200])
def test_damaged_contents(cut: int) -> None:
    with pytest.raises(ApiError, match="damaged|cut short"):
        BackupContents.from_bytes("b1", tarball(HELD)[:cut])


@pytest.mark.parametrize("data", [gzip.compress(b"not a tarball" * 100), gzip.decompress(tarball(HELD))[:700]], ids=["no tarball", "cut off"])
def test_contents_that_are_no_tarball(data: bytes) -> None:
    with pytest.raises(ApiError, match="damaged|cut short"):
        BackupContents.from_bytes("b1", data)


def test_an_unreadable_object_names_itself() -> None:
    held = BackupContents.from_bytes("b1", tarball({}, {"resources/secrets/namespaces/app1/s.json": b"{broken"}))
    with pytest.raises(ApiError, match="secrets/app1/s"):
        list(held)


def test_gunzip_of_damaged_data() -> None:
    with pytest.raises(ApiError, match="damaged"):
        gunzip(gzip.compress(b"x" * 1000)[:-5], "results")


@pytest.mark.parametrize(("text", "found"), [("720h0m0s", 2592000.0), ("1h30m", 5400.0), ("90m", 5400.0), ("0", 0.0), ("1.5s", 1.5), ("-1h", -3600.0)])
def test_durations(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "5", "h", "5 m", "5x", "1h30", "1..5s"])
def test_no_durations(text: str) -> None:
    assert seconds(text) is None


@given(JSON)
def test_everything_is_a_subset_of_itself(value: Any) -> None:
    assert subset_of(value, value)
