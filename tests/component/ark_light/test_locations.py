# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage locations: validation, and the sync between two clusters that share a bucket."""

from __future__ import annotations

import json

import pytest

from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import meta
from kubedr_lab.controllers.ports import Obj
from kubedr_lab.objects import MemoryObjects

from .conftest import Site, run


def test_available_and_looked_at_again(tokyo: Site, clock: VirtualClock) -> None:
    tokyo.tick()
    assert tokyo.status("BackupStorageLocation", "default") == {
        "phase": "Available", "lastValidationTime": "2026-07-01T00:00:00Z", "lastSyncedTime": "2026-07-01T00:00:00Z",
    }
    tokyo.wait(65)
    status = tokyo.status("BackupStorageLocation", "default")
    assert (status["lastValidationTime"], status["lastSyncedTime"]) == ("2026-07-01T00:01:00Z", "2026-07-01T00:01:00Z")


@pytest.mark.parametrize(("change", "message"), [
    ({"provider": "gcp"}, "unable to locate ObjectStore plugin named velero.io/gcp"),
    ({"objectStorage": {"bucket": "kubedr/x"}}, "must not contain a '/'"),
    ({"objectStorage": {"bucket": "elsewhere"}}, "NoSuchBucket"),
    ({"objectStorage": {"bucket": "kubedr", "caCert": "eA==", "caCertRef": {"name": "a", "key": "b"}}}, "mutually exclusive"),
    ({"config": {"region": "x", "regoin": "y"}}, "config has invalid keys ['regoin']"),
    ({"credential": {"name": "cloud", "key": "keys"}}, 'Secret "cloud" not found'),
])
def test_unavailable(tokyo: Site, change: Obj, message: str) -> None:
    tokyo.tick()
    tokyo.merge("BackupStorageLocation", "default", {"spec": change})
    tokyo.tick()
    status = tokyo.status("BackupStorageLocation", "default")
    assert status["phase"] == "Unavailable"
    assert message in status["message"]


def test_odd_periods_and_empty_locations_do_no_harm(tokyo: Site, ark_osaka: Site) -> None:
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"backupSyncPeriod": "soon", "validationFrequency": "often"}})
    tokyo.wait(61)
    assert tokyo.status("BackupStorageLocation", "default")["lastSyncedTime"] == "2026-07-01T00:01:00Z"
    ark_osaka.ark("BackupStorageLocation", "empty", {})
    ark_osaka.ark("Restore", "r", {})
    ark_osaka.ark("DownloadRequest", "d", {})
    ark_osaka.wait(61)
    assert ark_osaka.status("BackupStorageLocation", "empty") == {}
    assert ark_osaka.status("Restore", "r")["phase"] == "FailedValidation"


def test_validation_can_be_switched_off(tokyo: Site) -> None:
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"validationFrequency": "0"}})
    tokyo.wait(300)
    assert tokyo.status("BackupStorageLocation", "default")["lastValidationTime"] == "2026-07-01T00:00:00Z"


def test_credential_with_and_without_its_key(tokyo: Site) -> None:
    tokyo.create(kinds.SECRETS, {"metadata": {"namespace": "velero", "name": "cloud"}, "data": {"other": "eA=="}})
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"credential": {"name": "cloud", "key": "keys"}}})
    tokyo.tick()
    assert 'missing data for key "keys"' in tokyo.status("BackupStorageLocation", "default")["message"]
    tokyo.merge(kinds.SECRETS, "cloud", {"data": {"keys": "eA=="}}, "velero")
    tokyo.wait(61)
    assert tokyo.status("BackupStorageLocation", "default")["phase"] == "Available"


def test_foreign_folder_and_prefix(tokyo: Site, bucket: MemoryObjects) -> None:
    run(bucket.put("photos/cat.jpg", b"x"))
    tokyo.tick()
    assert "invalid top-level directories: ['photos']" in tokyo.status("BackupStorageLocation", "default")["message"]
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"objectStorage": {"bucket": "kubedr", "prefix": "/ark/"}}})
    tokyo.tick()
    assert tokyo.status("BackupStorageLocation", "default")["phase"] == "Available"
    assert tokyo.backup("b1")["phase"] == "Completed"
    assert "ark/backups/b1/b1.tar.gz" in run(bucket.list())


def test_store_that_does_not_answer(tokyo: Site) -> None:
    tokyo.objects.unreachable = True
    tokyo.tick()
    assert "i/o timeout" in tokyo.status("BackupStorageLocation", "default")["message"]
    assert tokyo.backup("b1") == {
        "phase": "FailedValidation", "validationErrors": ["backup can't be created because BackupStorageLocation default is in Unavailable status."],
    }
    tokyo.objects.unreachable = False
    tokyo.wait(61)
    assert tokyo.status("BackupStorageLocation", "default")["phase"] == "Available"


def test_sync_brings_backups_with_their_status(tokyo: Site, osaka: Site) -> None:
    osaka.tick()
    osaka.merge("BackupStorageLocation", "default", {"spec": {"accessMode": "ReadOnly"}})
    tokyo.ark("Schedule", "s", {"schedule": "* * * * *", "template": {}, "useOwnerReferencesInBackup": True})
    tokyo.wait(130)
    osaka.wait(125)
    (name,) = osaka.names("Backup")
    here, there = tokyo.seen("Backup", name), osaka.seen("Backup", name)
    assert there["status"] == here["status"]
    assert meta(there)["labels"] == meta(here)["labels"]
    assert meta(there)["uid"] != meta(here)["uid"]
    assert "ownerReferences" not in meta(there)
    assert osaka.status("BackupStorageLocation", "default")["lastSyncedTime"] > here["status"]["completionTimestamp"]


def test_sync_rewrites_the_location(tokyo: Site, osaka: Site) -> None:
    osaka.delete("BackupStorageLocation", "default")
    osaka.ark("BackupStorageLocation", "from-tokyo", {"provider": "aws", "objectStorage": {"bucket": "kubedr"}, "backupSyncPeriod": "2m"})
    osaka.tick()
    tokyo.backup("b1")
    osaka.wait(119)
    assert osaka.names("Backup") == []
    osaka.wait(62)
    backup = osaka.seen("Backup", "b1")
    assert backup["spec"]["storageLocation"] == "from-tokyo"
    assert meta(backup)["labels"]["velero.io/storage-location"] == "from-tokyo"


def test_sync_can_be_switched_off(tokyo: Site, osaka: Site) -> None:
    osaka.merge("BackupStorageLocation", "default", {"spec": {"backupSyncPeriod": "0"}})
    tokyo.backup("b1")
    osaka.wait(600)
    assert osaka.names("Backup") == []


def test_sync_leaves_out_what_is_not_finished_or_not_a_backup(tokyo: Site, osaka: Site, bucket: MemoryObjects) -> None:
    tokyo.backup("b1")
    metadata = json.loads(run(bucket.get("backups/b1/velero-backup.json")))
    for name, phase in (("running", "Finalizing"), ("made-by-hand", None), ("failed", "Failed")):
        run(bucket.put(f"backups/{name}/velero-backup.json", json.dumps({**metadata, "status": {"phase": phase} if phase else {}}).encode()))
    run(bucket.put("backups/broken/velero-backup.json", b"{"))
    run(bucket.put("backups/empty/other.txt", b""))
    osaka.wait(61)
    assert osaka.names("Backup") == ["b1", "failed"]


def test_orphans_go_but_failed_ones_stay(tokyo: Site, bucket: MemoryObjects) -> None:
    tokyo.backup("good")
    tokyo.server.fail_next("backup")
    tokyo.backup("bad")
    for key in run(bucket.list("backups/")):
        run(bucket.delete(key))
    tokyo.wait(61)
    assert tokyo.names("Backup") == ["bad"]


def test_deleted_backup_object_comes_back(tokyo: Site) -> None:
    tokyo.backup("b1")
    tokyo.delete("Backup", "b1")
    tokyo.wait(61)
    assert tokyo.names("Backup") == ["b1"]


def test_ark_syncs_without_validating(ark_tokyo: Site, ark_osaka: Site) -> None:
    ark_tokyo.backup("b1")
    ark_osaka.wait(61)
    assert ark_osaka.names("Backup") == ["b1"]
    assert meta(ark_osaka.seen("Backup", "b1"))["labels"] == {"ark.heptio.com/storage-location": "default"}
    assert set(ark_osaka.status("BackupStorageLocation", "default")) == {"lastSyncedTime"}
