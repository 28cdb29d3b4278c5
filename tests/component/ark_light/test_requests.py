# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DownloadRequests, ServerStatusRequests, DeleteBackupRequests, expiry, and the server's own economy."""

from __future__ import annotations

import gzip
import json

import pytest

from kubedr_lab.ark import ArkServer, Periods
from kubedr_lab.ark.bucket import unpack
from kubedr_lab.clock import VirtualClock
from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import KubeRefused, meta
from kubedr_lab.controllers.ports import Obj
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.port import InProcessPort
from kubedr_lab.objects import MemoryObjects, StoreDenied, fetch_signed
from kubedr_lab.store import MemoryStore

from .conftest import Site, run


@pytest.fixture
def held(tokyo: Site) -> Site:
    """A site with backup b1 and restore r1 of it."""
    tokyo.namespace_of("app1")
    tokyo.config("app1", "settings", {"a": "b"})
    tokyo.backup("b1", includedNamespaces=["app1"])
    tokyo.restore("r1", "b1")
    return tokyo


def test_downloads(held: Site) -> None:
    assert "configmaps" in unpack(held.download("BackupContents", "b1"))
    assert b"Backed up a total of 2 items" in gzip.decompress(held.download("BackupLog", "b1"))
    assert json.loads(gzip.decompress(held.download("RestoreResults", "r1"))) == {"errors": {}, "warnings": {}}
    for kind in ("BackupResults", "BackupResourceList", "BackupVolumeInfos", "RestoreLog", "RestoreResourceList", "RestoreVolumeInfo", "RestoreItemOperations"):
        assert gzip.decompress(held.download(kind, "r1" if kind.startswith("Restore") else "b1"))


def test_url_and_request_expire(held: Site, bucket: MemoryObjects) -> None:
    held.download("BackupLog", "b1")
    status = held.status("DownloadRequest", "get-backuplog-b1")
    assert (status["phase"], status["expiration"]) == ("Processed", "2026-07-01T00:10:00Z")
    held.wait(601)
    assert held.names("DownloadRequest") == []
    with pytest.raises(StoreDenied, match="expired"):
        run(fetch_signed(bucket, bucket.signer, status["downloadURL"]))


def test_unknown_names_never_get_a_url(held: Site) -> None:
    for kind, name in (("RestoreResults", "none"), ("BackupContents", "none")):
        held.ark("DownloadRequest", kind.lower(), {"target": {"kind": kind, "name": name}})
    held.wait(300)
    assert held.status("DownloadRequest", "restoreresults") == {}
    held.wait(301)
    assert held.names("DownloadRequest") == []


def test_a_file_that_is_missing_is_refused(held: Site) -> None:
    held.ark("Restore", "r2", {"backupName": "b1", "existingResourcePolicy": "x"})
    held.ark("DownloadRequest", "d", {"target": {"kind": "RestoreResults", "name": "r2"}})
    held.tick()
    status = held.status("DownloadRequest", "d")
    assert (status["phase"], status["message"], "downloadURL" in status) == ("Failed", "RestoreResults of r2 not found in backup storage", False)


def test_download_waits_for_the_store(held: Site) -> None:
    held.objects.unreachable = True
    held.ark("DownloadRequest", "d", {"target": {"kind": "BackupLog", "name": "b1"}})
    held.tick()
    assert held.status("DownloadRequest", "d") == {}
    held.objects.unreachable = False
    held.wait(61)
    assert held.status("DownloadRequest", "d")["phase"] == "Processed"


def test_ark_signs_also_what_is_not_there(ark_tokyo: Site) -> None:
    ark_tokyo.backup("b1")
    ark_tokyo.ark("Restore", "r1", {"backupName": "b1", "includedResources": ["nodes"]})
    ark_tokyo.ark("DownloadRequest", "d", {"target": {"kind": "RestoreResults", "name": "r1"}})
    ark_tokyo.tick()
    assert ark_tokyo.status("DownloadRequest", "d")["phase"] == "Processed"


def test_server_status(tokyo: Site) -> None:
    tokyo.ark("ServerStatusRequest", "s", {})
    tokyo.tick()
    status = tokyo.status("ServerStatusRequest", "s")
    assert (status["phase"], status["serverVersion"], status["processedTimestamp"]) == ("Processed", "v1.18.3", "2026-07-01T00:00:00Z")
    tokyo.wait(400)
    assert tokyo.names("ServerStatusRequest") == []


def test_deletion_takes_backup_restores_and_files(held: Site) -> None:
    held.ark("DeleteBackupRequest", "d", {"backupName": "b1"}, labels={"velero.io/backup-name": "b1"})
    held.tick()
    assert held.names("Backup") == held.names("Restore") == held.names("DeleteBackupRequest") == []
    assert run(held.bucket.list()) == []


def refusal(site: Site, name: str) -> list[str]:
    site.ark("DeleteBackupRequest", f"d-{name}", {"backupName": name})
    site.tick()
    status = site.status("DeleteBackupRequest", f"d-{name}")
    assert status["phase"] == "Processed"
    return list(status["errors"])


def test_deletion_refused(held: Site) -> None:
    assert refusal(held, "none") == ["backup not found"]
    held.merge("BackupStorageLocation", "default", {"spec": {"accessMode": "ReadOnly"}})
    assert refusal(held, "b1") == ["cannot delete backup because backup storage location default is currently in read-only mode"]
    assert held.names("Backup") == ["b1"]
    held.clock.advance(86500)
    held.tick()
    assert held.names("DeleteBackupRequest") == []


def test_deletion_that_the_store_refuses(held: Site) -> None:
    held.objects.deny_writes = True
    assert "AccessDenied" in refusal(held, "b1")[0]
    assert held.status("Backup", "b1")["phase"] == "Deleting"


def test_expired_backups_go_by_themselves(tokyo: Site) -> None:
    tokyo.backup("short", ttl="30m")
    tokyo.backup("long", ttl="90m")
    tokyo.wait(3605)
    assert tokyo.names("Backup") == ["long"]
    assert all(key.startswith("backups/long/") for key in run(tokyo.bucket.list()))
    tokyo.merge("BackupStorageLocation", "default", {"spec": {"accessMode": "ReadOnly"}})
    tokyo.wait(3600)
    assert meta(tokyo.seen("Backup", "long"))["labels"]["velero.io/gc-failure"] == "BSLReadOnly"


class Counted:
    """A port that counts, and that can break."""

    def __init__(self, port: InProcessPort) -> None:
        self._port, self.requests, self.broken = port, 0, False

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, content_type: str = "application/json"
    ) -> tuple[int, Obj]:
        self.requests += 1
        if self.broken and method == "PATCH":
            return 500, {"reason": "InternalError", "message": "etcd is away"}
        return await self._port.request(method, path, query, body, content_type)


def test_a_tick_at_rest_costs_one_request(tokyo: Site) -> None:
    port = Counted(tokyo.port)
    server = ArkServer(port, tokyo.objects, tokyo.clock)
    due = run(server.tick())
    before = port.requests
    assert run(server.tick()) == due
    assert port.requests == before + 1


def test_an_api_server_that_fails_is_asked_again(tokyo: Site) -> None:
    port = Counted(tokyo.port)
    server = ArkServer(port, tokyo.objects, tokyo.clock)
    tokyo.ark("Backup", "b1", {})
    port.broken = True
    with pytest.raises(KubeRefused, match="etcd is away"):
        run(server.tick())
    port.broken = False
    run(server.tick())
    assert tokyo.status("Backup", "b1")["phase"] == "Completed"


def test_without_definitions_nothing_happens(clock: VirtualClock, bucket: MemoryObjects) -> None:
    port = InProcessPort(KubeCluster("bare", MemoryStore(), clock).handle)
    assert run(ArkServer(port, bucket, clock).tick()) == clock.now() + Periods().gc


def test_other_namespaces_are_not_its_business(tokyo: Site) -> None:
    tokyo.namespace_of("other")
    tokyo.create(tokyo.kind("Backup"), {"metadata": {"namespace": "other", "name": "b"}, "spec": {}})
    tokyo.tick()
    assert "status" not in tokyo.seen(tokyo.kind("Backup"), "b", "other")


def test_unknown_group(clock: VirtualClock, bucket: MemoryObjects, tokyo: Site) -> None:
    with pytest.raises(ValueError, match="no Ark server speaks"):
        ArkServer(tokyo.port, bucket, clock, group="example.com")


def test_unknown_fields_are_pruned_and_status_is_plain(tokyo: Site) -> None:
    """No status subresource: a client can write status, and a Backup created as Completed never runs."""
    spec, given = {"ttl": "1h", "includedNamespace": ["x"]}, {"phase": "Completed", "conditions": []}
    made = tokyo.create(tokyo.kind("Backup"), {"metadata": {"namespace": "velero", "name": "fake"}, "spec": spec, "status": given})
    assert (made["spec"], made["status"]) == ({"ttl": "1h"}, {"phase": "Completed"})
    tokyo.tick()
    assert run(tokyo.bucket.list()) == []
    assert run(tokyo.port.request("GET", "/apis/velero.io/v1/namespaces/velero/backups/fake/status"))[0] == 404
    bad = {"metadata": {"name": "s"}, "spec": {"template": {}}}
    status, answer = run(tokyo.port.request("POST", "/apis/velero.io/v1/namespaces/velero/schedules", body=bad))
    assert (status, "spec.schedule" in answer["message"]) == (422, True)
    assert tokyo.get(kinds.NAMESPACES, "velero") is not None
