# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron as robfig/cron reads it, and when a schedule makes its backups (velero schedule_controller.go)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubedr_lab.ark.times import duration, parse_cron
from kubedr_lab.clock import START, VirtualClock
from kubedr_lab.controllers.api import meta

from .conftest import Site


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("line", "after", "due"), [
    ("*/5 * * * *", "2026-07-01T00:00:00", "2026-07-01T00:05:00"),
    ("*/5 * * * *", "2026-07-01T00:04:59", "2026-07-01T00:05:00"),
    ("0 3 * * 0", "2026-07-01T00:00:00", "2026-07-05T03:00:00"),
    ("0 3 ? * sun", "2026-07-01T00:00:00", "2026-07-05T03:00:00"),
    ("0 0 1 jan *", "2026-07-01T00:00:00", "2027-01-01T00:00:00"),
    ("@hourly", "2026-07-01T00:10:00", "2026-07-01T01:00:00"),
    ("@every 90m", "2026-07-01T00:10:00", "2026-07-01T01:40:00"),
    ("CRON_TZ=Asia/Tokyo 0 3 * * *", "2026-07-01T00:00:00", "2026-07-01T18:00:00"),
])
def test_next_slot(line: str, after: str, due: str) -> None:
    assert parse_cron(line).next(at(after)) == at(due)


@pytest.mark.parametrize(("line", "message"), [
    ("", "Schedule must be a non-empty valid Cron expression"),
    ("* * * *", "invalid schedule: expected exactly 5 fields, found 4"),
    ("0 * * * * *", "invalid schedule: expected exactly 5 fields, found 6"),
    ("60 * * * *", "above maximum (59)"),
    ("* * * * 7", "above maximum (6)"),
    ("* * 0 * *", "below minimum (1)"),
    ("5-2 * * * *", "beyond end of range"),
    ("*/0 * * * *", "step of range should be a positive number"),
    ("a * * * *", "failed to parse minute"),
    ("@fortnightly", "unrecognized descriptor"),
    ("@every soon", "invalid duration"),
    ("TZ=Nowhere/City * * * * *", "invalid schedule"),
])
def test_bad_cron(line: str, message: str) -> None:
    with pytest.raises(ValueError, match="chedule") as error:
        parse_cron(line)
    assert message in str(error.value)


def test_durations() -> None:
    assert duration("720h0m0s", 0) == 2592000
    assert duration("1m30s", 0) == 90
    assert duration("-1s", 0) == -1
    assert duration("0", 5) == 0
    assert duration(None, 5) == 5
    with pytest.raises(ValueError, match="invalid duration"):
        duration("5", 0)


def test_first_backup_waits_for_the_next_slot(tokyo: Site, clock: VirtualClock) -> None:
    clock.advance(90)
    template = {"includedNamespaces": ["*"], "excludedNamespaces": ["kube-system"], "ttl": "72h0m0s", "metadata": {"labels": {"tier": "gold"}}}
    tokyo.ark("Schedule", "k8sbackup", {"schedule": "*/5 * * * *", "template": template}, annotations={"why": "dr"})
    tokyo.tick()
    assert tokyo.status("Schedule", "k8sbackup") == {"phase": "Enabled"}
    assert tokyo.names("Backup") == []
    tokyo.wait(275)
    (name,) = tokyo.names("Backup")
    assert START + 300 < clock.now() <= START + 300 + 120
    backup = tokyo.seen("Backup", name)
    assert name == f"k8sbackup-{datetime.fromtimestamp(at(meta(backup)['creationTimestamp'].rstrip('Z')), UTC):%Y%m%d%H%M%S}"
    assert meta(backup)["labels"] == {"tier": "gold", "velero.io/schedule-name": "k8sbackup", "velero.io/storage-location": "default"}
    assert meta(backup)["annotations"]["why"] == "dr"
    assert backup["status"]["phase"] == "Completed"
    assert backup["spec"]["ttl"] == "72h0m0s"
    assert tokyo.status("Schedule", "k8sbackup")["lastBackup"] == meta(backup)["creationTimestamp"]
    tokyo.wait(600)
    assert len(tokyo.names("Backup")) == 3


def test_missed_runs_are_not_made_up(tokyo: Site, clock: VirtualClock) -> None:
    tokyo.ark("Schedule", "s", {"schedule": "*/5 * * * *", "template": {}})
    tokyo.tick()
    clock.advance(3 * 3600)
    tokyo.tick()
    assert len(tokyo.names("Backup")) == 1


def test_paused_is_left_alone_and_runs_at_once_when_unpaused(tokyo: Site) -> None:
    tokyo.ark("Schedule", "s", {"schedule": "*/5 * * * *", "template": {}, "paused": True})
    tokyo.wait(1200)
    assert tokyo.names("Backup") == []
    assert tokyo.status("Schedule", "s") == {}
    tokyo.merge("Schedule", "s", {"spec": {"paused": False}})
    tokyo.tick()
    assert len(tokyo.names("Backup")) == 1


def test_skip_immediately_moves_the_first_run(tokyo: Site) -> None:
    tokyo.ark("Schedule", "s", {"schedule": "*/5 * * * *", "template": {}, "paused": True})
    tokyo.wait(1210)
    tokyo.merge("Schedule", "s", {"spec": {"paused": None, "skipImmediately": True}})
    tokyo.tick()
    assert tokyo.names("Backup") == []
    assert tokyo.seen("Schedule", "s")["spec"]["skipImmediately"] is False
    assert tokyo.status("Schedule", "s")["lastSkipped"] == "2026-07-01T00:20:10Z"
    tokyo.wait(360)
    assert len(tokyo.names("Backup")) == 1


def test_bad_schedule_is_validated_again_when_its_spec_changes(tokyo: Site) -> None:
    tokyo.ark("Schedule", "s", {"schedule": "61 * * * *", "template": {}})
    tokyo.tick()
    status = tokyo.status("Schedule", "s")
    assert status["phase"] == "FailedValidation"
    assert status["validationErrors"][0].startswith("invalid schedule: ")
    tokyo.merge("Schedule", "s", {"spec": {"schedule": "1 * * * *"}})
    tokyo.tick()
    assert tokyo.status("Schedule", "s") == {"phase": "Enabled"}


def test_no_second_backup_while_one_is_new_or_in_progress(tokyo: Site) -> None:
    tokyo.ark("Backup", "stuck", {"storageLocation": "default"}, labels={"velero.io/schedule-name": "s"})
    tokyo.tick()
    tokyo.merge("Backup", "stuck", {"status": {"phase": "InProgress"}})
    tokyo.ark("Schedule", "s", {"schedule": "*/5 * * * *", "template": {}})
    tokyo.wait(900)
    assert tokyo.names("Backup") == ["stuck"]


def test_owner_references_and_deletion(tokyo: Site) -> None:
    schedule = tokyo.ark("Schedule", "s", {"schedule": "* * * * *", "template": {}, "useOwnerReferencesInBackup": True})
    tokyo.wait(200)
    backup = tokyo.seen("Backup", tokyo.names("Backup")[0])
    assert meta(backup)["ownerReferences"][0]["uid"] == meta(schedule)["uid"]


def test_ark_runs_at_creation_and_knows_no_pause(ark_tokyo: Site) -> None:
    ark_tokyo.ark("Schedule", "s", {"schedule": "0 3 * * *", "template": {}, "paused": True})
    ark_tokyo.tick()
    assert ark_tokyo.seen("Schedule", "s")["spec"] == {"schedule": "0 3 * * *", "template": {}}
    (name,) = ark_tokyo.names("Backup")
    assert meta(ark_tokyo.seen("Backup", name))["labels"]["ark-schedule"] == "s"
    assert ark_tokyo.status("Backup", name)["phase"] == "Completed"
    ark_tokyo.wait(3600)
    assert len(ark_tokyo.names("Backup")) == 1
