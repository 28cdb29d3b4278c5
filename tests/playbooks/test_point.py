# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An older snapshot served, by playbook and against servers: as a survey gives it, foretold, done, done already."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kubedr.ontap.tests.support.playbooks import Operator

CLONE = "_kubedr_e2"
SNAPSHOT = "hourly.2026-11-29_0905"


def snapshot(operator: Operator) -> None:
    """Of every data volume of the primary."""
    query = "/api/storage/volumes?svm.name=svm_app1&fields=nas.path"
    for volume in operator.lab.request("tokyo", "ontap", "GET", query)[1]["records"]:
        if volume.get("nas", {}).get("path") != "/":
            status, answer = operator.lab.request("tokyo", "ontap", "POST", f"/api/storage/volumes/{volume['uuid']}/snapshots", {"name": SNAPSHOT})
            assert status in (201, 202), answer


def written(operator: Operator, site: str, clones: bool = False) -> dict[str, list[Any]]:
    """The records of the volumes, or of the clones."""
    volumes = operator.lab.run("read", site, "app1", "--records")
    return {name.partition(CLONE)[0]: found["records"]["records"] for name, found in volumes.items() if (CLONE in name) is clones}


def test_an_older_snapshot_is_served(operator: Operator) -> None:
    operator.lab.run("deploy", "app1")
    operator.good("setup")
    operator.write(["app1"])
    operator.lab.run("backup", "tokyo")
    snapshot(operator)
    before = written(operator, "tokyo")
    operator.write(["app1"])
    operator.lab.run("backup", "tokyo")
    operator.lab.run("transfer", "app1")
    operator.lab.run("kill", "tokyo")
    word = {"dr_mode": "unplanned", "dr_fence_statement": operator.statement()}
    unknown = operator.play("failover", **word, dr_snapshot=json.dumps({"app1": "hourly.0"}))
    assert unknown.rc == 2
    assert "All volumes have: " in unknown.text
    assert SNAPSHOT in unknown.text
    mistyped = operator.play("failover", **word, dr_snapshot={"app01": SNAPSHOT})
    assert mistyped.rc == 2
    assert "names app01, and not app1" in mistyped.text
    asked = {**word, "dr_snapshot": json.dumps({"app1": SNAPSHOT})}
    writes = operator.writes()
    foretold = operator.good("failover", "--check", **asked).runs["app1"]
    assert operator.writes() == writes
    assert "point" in [step["name"] for step in foretold["steps"]]
    run = operator.good("failover", **asked).runs["app1"]
    assert (run["state_after"]["storage"], run["state_after"]["objects"]) == ("failed_over_unfenced", "verified")
    assert run["point"]["snapshot"] == SNAPSHOT
    assert written(operator, "osaka", clones=True) == before
    assert all(len(records) > len(before[name]) for name, records in written(operator, "osaka").items())
    assert operator.good("failover", **asked).changed == {"app1": 0}
