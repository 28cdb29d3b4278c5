# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab on clusters and a bucket that are not its own. KUBEDR_OWN_TOKYO, KUBEDR_OWN_OSAKA and KUBEDR_OWN_S3 name them; where they do not, two bare control
planes with all their controllers, and an S3 server, are started for the purpose."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.e2e.real import CLAIMS, CORE, RealLab, changed, statement, until

from kubedr_lab.pki import Authority
from kubedr_lab.real.site import ControlPlane, User, gateway

SITES = ("tokyo", "osaka")
NAMED = ("KUBEDR_OWN_TOKYO", "KUBEDR_OWN_OSAKA", "KUBEDR_OWN_S3")
BARE = ("node-ipam-controller",)
"""What does not run. The node lifecycle controller does: nodes that give no sign of life are evicted."""


class Elsewhere:
    """Two clusters and an S3 server, in a thread of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.loop, self.tasks = folder, asyncio.new_event_loop(), set[asyncio.Task[None]]()
        self.access, self.secret = "somebody", secrets.token_urlsafe(18)
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def start(self) -> dict[str, str]:
        """Returns the environment that names them."""
        return asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(120)

    async def _start(self) -> dict[str, str]:
        authority = Authority()
        ca = self.folder / "ca.pem"
        ca.write_bytes(authority.pem)
        named = {}
        for site in SITES:
            certificate, key = self.folder / f"{site}.pem", self.folder / f"{site}.key"
            authority.issue(site).write(certificate, key)
            admin = User(secrets.token_urlsafe(18), "somebody", ("system:masters",))
            plane = ControlPlane(site, self.folder / site, certificate, key, ca, admin, (), self._spawn, BARE)
            await plane.start()
            named[f"KUBEDR_OWN_{site.upper()}"] = str(self.folder / site / "kubeconfig")
        (self.folder / "buckets" / "kubedr").mkdir(parents=True)
        url, child = gateway(self.folder / "s3", self.folder / "buckets", self.access, self.secret)
        self._spawn(child.keep())
        return {**named, "KUBEDR_OWN_S3": url, "AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(self.loop.create_task(work))

    def stop(self) -> None:
        """Every process of them."""
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def own_lab(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLab]:
    """A lab on the user's clusters, or on such as could be."""
    elsewhere = None if all(os.environ.get(name) for name in NAMED) else Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    lab = RealLab(tmp_path_factory.mktemp("lab"))
    with pytest.MonkeyPatch.context() as patch:
        try:
            for name, value in (elsewhere.start() if elsewhere else {}).items():
                patch.setenv(name, value)
            lab.run("up", "--kubernetes", "real", "--groups", "1")
            yield lab
        finally:
            lab.run("down")
            if elsewhere:
                elsewhere.stop()


def test_the_circle_on_clusters_of_ones_own(own_lab: RealLab) -> None:
    lab = own_lab
    lab.run("deploy", "app1")
    lab.playbook("setup", ["app1"])
    assert changed(lab.playbook("setup", ["app1"]), "app1") == 0
    lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    name = lab.run("backup", "tokyo")["name"]
    until("the backup at osaka", lambda: lab.phase("osaka", "backups", name) == "Completed", 180)
    lab.run("transfer", "app1")
    lab.run("kill", "tokyo")
    lab.playbook("failover", ["app1"], *statement())
    assert lab.evidence("app1")["state_after"]["objects"] == "verified"
    assert {claim: lab.bound("osaka", "app1", claim)[0] for claim in CLAIMS} == dict.fromkeys(CLAIMS, "Bound")
    lab.run("start", "tokyo")
    lab.playbook("fence", ["app1"])
    lab.playbook("reprotect", ["app1"], *lab.refused_for_loss("reprotect", "app1"))
    lab.playbook("failback", ["app1"], "-e", "dr_mode=planned")
    assert lab.storage("app1") == "protected"


def test_the_nodes_of_the_lab_live_as_long_as_it_does(own_lab: RealLab) -> None:
    for site in SITES:
        nodes = own_lab.get(site, f"{CORE}/nodes")["items"]
        ready = {node["metadata"]["name"]: entry["status"] for node in nodes for entry in node["status"]["conditions"] if entry["type"] == "Ready"}
        assert {status for name, status in ready.items() if name.startswith(site)} == {"True"}, ready
