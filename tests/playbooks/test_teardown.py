# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that takes a group out of protection, and hooks within a whole failover, against servers."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.kubedr.ontap.tests.support.playbooks import Operator


def test_a_group_is_taken_out_of_protection(operator: Operator) -> None:
    """Refused with the plan, foretold, done, done already."""
    operator.lab.run("deploy", "app1")
    operator.good("setup")
    before = operator.writes()
    refused = operator.play("teardown")
    assert refused.rc == 2
    assert refused.runs, refused.text[-3000:]
    assert refused.runs["app1"]["result"] == "refused"
    assert "dr_teardown_consent" in refused.text
    foretold = operator.good("teardown", "--check")
    assert foretold.runs["app1"]["result"] == "planned"
    assert operator.writes() == before
    done = operator.good("teardown", dr_teardown_consent={"app1": "unprotect"})
    assert done.runs["app1"]["result"] == "succeeded"
    assert done.runs["app1"]["state_after"]["storage"] == "unprotected"
    assert operator.good("teardown").changed == {"app1": 0}
    refused = operator.play("setup")
    assert refused.rc == 2
    assert "Delete that SVM" in refused.text


def test_hooks_are_run_within_a_planned_failover(operator: Operator, tmp_path: Path) -> None:
    """One before anything goes down fails: nothing went down. Allowed to fail, the failover goes on, and the last hook sees it verified."""
    operator.lab.run("deploy", "app1")
    operator.good("setup")
    bad, good = tmp_path / "bad.yml", tmp_path / "good.yml"
    bad.write_text(json.dumps([{"name": "Bad", "ansible.builtin.fail": {"msg": "the shop is still open"}}]))
    good.write_text(
        json.dumps([{"name": "Good", "ansible.builtin.copy": {"dest": str(tmp_path / "done"), "content": "{{ inventory_hostname }}", "mode": "0600"}}])
    )
    failed = operator.play("failover", dr_mode="planned", dr_hooks={"before_fence": [{"file": str(bad)}], "after_verify": [{"file": str(good)}]})
    assert failed.rc == 2
    assert "before_fence failed: the shop is still open" in failed.text
    assert "It was put back" in failed.text
    assert not (tmp_path / "done").exists()
    operator.good("status", dr_require="ready")
    hooks = {"before_fence": [{"file": str(bad), "on_failure": "continue"}], "after_verify": [{"file": str(good)}]}
    after = operator.good("failover", dr_mode="planned", dr_hooks=hooks).runs["app1"]["state_after"]
    assert (after["storage"], after["objects"]) == ("failed_over", "verified")
    assert (tmp_path / "done").read_text() == "app1"
