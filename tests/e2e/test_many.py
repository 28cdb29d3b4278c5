# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A group of 10,000 objects: backed up, failed over and verified on real Kubernetes, and what the verification costs."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.kubedr.ontap.tests.e2e.real import RealLab, statement, tell, until

COUNT = 10_000
MOST_MIB = 300
MOST_TIMES = 2.0
SPARE_REQUESTS = 20
WORKERS = 8


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """The collection's path and the manifest of each: six in ten ConfigMaps, three Secrets, one Role; a kilobyte each."""
    filler = "x" * 800
    for number in range(COUNT):
        metadata = {"name": f"many-{number:05}", "labels": {"number": str(number)}}
        if number % 10 < 6:
            yield "/api/v1/namespaces/app1/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": filler}}
        elif number % 10 < 9:
            yield "/api/v1/namespaces/app1/secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"text": filler}}
        else:
            rules = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [f"many-{n:05}" for n in range(number, number + 40)], "verbs": ["get"]}]
            yield (
                "/apis/rbac.authorization.k8s.io/v1/namespaces/app1/roles",
                {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules},
            )


def fill(lab: RealLab) -> None:
    """Straight to the API server, not through the recording listener."""
    config = yaml.safe_load((lab.path / "parts" / "tokyo-kubernetes.d" / "kubeconfig").read_text())
    server, token = urlsplit(config["clusters"][0]["cluster"]["server"]), config["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cafile=str(lab.path / "ca.pem"))
    own = threading.local()

    def put(work: tuple[str, dict[str, Any]]) -> None:
        if not hasattr(own, "connection"):
            own.connection = HTTPSConnection(server.hostname or "", server.port, context=tls, timeout=60)
        own.connection.request("POST", work[0], json.dumps(work[1]), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = own.connection.getresponse()
        text = answer.read()
        assert answer.status == 201, text

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(put, objects()))


def measured(what: str, lab: RealLab, backup: str) -> dict[str, Any]:
    """One process of measure.py."""
    command = [sys.executable, str(Path(__file__).with_name("measure.py")), what, str(lab.path), "app1", backup]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


@pytest.fixture(scope="module")
def backup(real_lab: RealLab) -> str:
    """app1 serves at osaka from this backup of 10,000 objects, and more."""
    began = time.monotonic()
    real_lab.run("deploy", "app1")
    real_lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    real_lab.playbook("setup", ["app1"])
    fill(real_lab)
    tell(f"{COUNT} objects made after {time.monotonic() - began:.0f} s")
    name: str = real_lab.run("backup", "tokyo")["name"]
    until("the backup at osaka", lambda: real_lab.phase("osaka", "backups", name) == "Completed", 300)
    real_lab.run("transfer", "app1")
    real_lab.run("kill", "tokyo")
    tell(f"backed up after {time.monotonic() - began:.0f} s")
    real_lab.playbook("failover", ["app1"], *statement(), patience=1500)
    run = real_lab.evidence("app1")
    assert run["state_after"]["objects"] == "verified"
    tell(f"failed over in {run['rto_seconds']:.0f} s, from the run's start to verified")
    return name


def test_the_verification_of_ten_thousand_objects_is_cheap(real_lab: RealLab, backup: str) -> None:
    plain = min((measured("list", real_lab, backup) for _round in range(3)), key=lambda found: float(found["seconds"]))
    before = len(real_lab.log("osaka"))
    first = measured("verify", real_lab, backup)
    requests = sum(1 for event in real_lab.log("osaka")[before:] if event["part"] == "osaka-kubernetes")
    best = min((first, measured("verify", real_lab, backup)), key=lambda found: float(found["seconds"]))
    allowed = first["kinds"] + plain["pages"] + SPARE_REQUESTS
    tell(
        f"dr_verify of {first['objects']} objects: {best['seconds']:.1f} s ({best['own']:.1f} s of its own work),"
        f" {best['seconds'] / plain['seconds']:.2f} times a plain paged listing of"
        f" {plain['objects']} ({plain['seconds']:.1f} s); {first['mib']:.0f} MiB; {requests} requests ({first['kinds']} kinds, {plain['pages']} pages)"
    )
    assert first["failed"] == ""
    assert first["objects"] >= COUNT
    assert plain["objects"] >= COUNT
    assert best["seconds"] <= MOST_TIMES * plain["seconds"]
    assert first["mib"] <= MOST_MIB
    assert requests <= allowed
