# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short acceptance on real Kubernetes and real Velero, for every change: set-up, a backup, the primary killed, failover, verified; with what it costs."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import datetime
from pathlib import Path

from ansible_collections.kubedr.ontap.tests.e2e.real import ARK, CLAIMS, RealLab, changed, statement, tell, until

MOST_GIB = 2.0


def resident(lab: RealLab) -> float:
    """GiB that all processes of the lab hold, by the proportional share of each."""
    table = [line.split() for line in subprocess.run(["ps", "-eo", "pid,ppid"], check=True, capture_output=True, text=True).stdout.splitlines()[1:]]
    children: dict[int, list[int]] = {}
    for pid, parent in table:
        children.setdefault(int(parent), []).append(int(pid))
    parts = json.loads((lab.path / "lab.json").read_text())["parts"].values()
    found = [int(part["process"]["pid"]) for part in parts if part["process"]]
    for pid in found:
        found.extend(children.get(pid, ()))
    return sum(map(proportional, found)) / 2**20


def proportional(pid: int) -> int:
    """KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def own_seconds(lab: RealLab, since: float) -> float:
    """What the systems report for themselves: Velero's restores of this run, by their own stamps, and ONTAP's operations at osaka since then."""
    total = 0.0
    for item in lab.get("osaka", f"{ARK}/restores")["items"]:
        if item["metadata"]["name"].startswith("kubedr-app1"):
            begun, ended = (datetime.fromisoformat(item["status"][f"{word}Timestamp"]) for word in ("start", "completion"))
            total += (ended - begun).total_seconds()
    for event in lab.run("log", "osaka"):
        if event["event"] == "operation" and datetime.fromisoformat(event["started"]).timestamp() >= since:
            total += (datetime.fromisoformat(event["ended"]) - datetime.fromisoformat(event["started"])).total_seconds()
    return total


def test_set_up_failover_and_verified(real_lab: RealLab) -> None:
    tell(f"both sites up in {real_lab.up_seconds:.1f} s")
    began = time.monotonic()
    real_lab.run("deploy", "app1")
    real_lab.playbook("setup", ["app1"])
    assert changed(real_lab.playbook("setup", ["app1"]), "app1") == 0
    real_lab.signal("tokyo-kubernetes", "velero")  # a new one looks for new kinds
    name = real_lab.run("backup", "tokyo")["name"]
    real_lab.signal("osaka-kubernetes", "velero")  # a new one looks into the bucket at once, and not within the minute
    until("the backup at osaka", lambda: real_lab.phase("osaka", "backups", name) == "Completed", 120)
    real_lab.run("transfer", "app1")
    held = resident(real_lab)
    tell(f"both sites hold {held:.2f} GiB; set up and backed up in {time.monotonic() - began:.1f} s")
    assert held <= MOST_GIB
    real_lab.run("kill", "tokyo")
    since, began = time.time(), time.monotonic()
    real_lab.playbook("failover", ["app1"], *statement())
    took = time.monotonic() - began
    run = real_lab.evidence("app1")
    assert (run["result"], run["state_after"]["storage"], run["state_after"]["objects"]) == ("succeeded", "failed_over_unfenced", "verified")
    assert {claim: real_lab.bound("osaka", "app1", claim)[0] for claim in CLAIMS} == dict.fromkeys(CLAIMS, "Bound")
    own = own_seconds(real_lab, since)
    tell(f"failover: {took:.1f} s for the playbook, {run['rto_seconds']:.1f} s to verified; Velero and ONTAP say {own:.1f} s for themselves")
