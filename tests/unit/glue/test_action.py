# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the action plugins: journal, secrets, delegation, without a playbook."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._argspec import GROUP, ONTAP, ArgumentSpec
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, Refused
from ansible_collections.kubedr.ontap.plugins.plugin_utils._action import KubedrAction

SECRET = "s3cr3t-pw"
PHASE = GROUP.merge(ArgumentSpec({"verb": {"type": "str"}, "phase": {"type": "str"}, "mode": {"type": "str"}, "run_id": {"type": "str"}}))
Run = Callable[[dict[str, Any], Env], dict[str, Any]]


class Stage:
    """Runs one task after the other, as Ansible would: facts of one are variables of the next."""

    def __init__(self, evidence: Path) -> None:
        self.shown: list[str] = []
        self.facts: dict[str, Any] = {}
        self.group = {"name": "payments", "evidence_dir": str(evidence), "sites": {"tokyo": {"ontap": {"password": SECRET}}}}
        self.evidence = evidence

    def task(self, run: Run, args: dict[str, Any], *, spec: ArgumentSpec = PHASE, remote: dict[str, Any] | None = None, **task: Any) -> dict[str, Any]:
        """One task; ``remote`` is what the module answers on the host that the task is delegated to."""
        kind: type[KubedrAction] = type("ActionModule", (KubedrAction,), {"spec": spec, "runner": staticmethod(run)})
        usual = {"action": "kubedr.ontap.dr_phase", "check_mode": False, "diff": False, "no_log": False, "async_val": 0, "delegate_to": None}
        fields = {**usual, "args": args, **task}
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), transport="ssh" if remote is not None else "local")
        action = kind(SimpleNamespace(**fields), connection, None, None, None)
        action._display = SimpleNamespace(display=self.shown.append, warning=lambda text: self.shown.append(f"warning: {text}"))
        self.sent: dict[str, Any] = {}

        def execute_module(**given: Any) -> dict[str, Any]:
            self.sent = given
            return dict(remote or {})

        action._execute_module = execute_module
        result: dict[str, Any] = action.run(None, {"inventory_hostname": "payments", "ansible_facts": dict(self.facts)})
        self.facts.update(result.get("ansible_facts", {}))
        return result

    def phase(self, name: str, run: Run, **task: Any) -> dict[str, Any]:
        """A phase of a failover."""
        return self.task(run, {"group": self.group, "verb": "failover", "phase": name, "mode": "unplanned"}, **task)

    def journal(self) -> dict[str, Any]:
        """The only run's journal."""
        (path,) = self.evidence.glob("payments/*/run.json")
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """No task ran yet."""
    return Stage(tmp_path / "evidence")


def nothing(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """A run with nothing to do."""
    return {"state": {"storage": "protected", "objects": "none"}}


def breaking(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """A run of one step that talks too much."""
    env.reporter.step_started("break", {"with": SECRET})
    env.reporter.progress(f"41 % with {SECRET}")
    env.reporter.step_ended("break", f"broken with {SECRET}", True)
    return {"changed": True, "echo": {"deep": [SECRET]}}


def test_open_begins_the_journal_and_later_tasks_and_close_go_on_with_it(stage: Stage) -> None:
    opened = stage.phase("open", nothing)
    assert stage.journal()["result"] == "running"
    assert opened["ansible_facts"]["dr_run_id"] == stage.journal()["run_id"]
    stage.phase("promote", breaking)
    assert [step["name"] for step in stage.journal()["steps"]] == ["break"]
    stage.phase("close", nothing)
    document = stage.journal()
    assert document["result"] == "succeeded"
    assert document["state_before"] == document["state_after"] == {"storage": "protected", "objects": "none"}


def test_the_run_id_is_handed_to_every_phase(stage: Stage) -> None:
    seen: list[str] = []

    def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
        seen.append(params["run_id"])
        return {}

    stage.phase("open", run)
    stage.phase("promote", run)
    assert seen == [stage.journal()["run_id"]] * 2


def test_no_secret_in_result_lines_or_journal(stage: Stage) -> None:
    stage.phase("open", nothing)
    result = stage.phase("promote", breaking)
    assert SECRET not in json.dumps(result)
    assert SECRET not in "".join(stage.shown)
    assert SECRET not in json.dumps(stage.journal())
    assert stage.shown[0].startswith("[payments] failover 41 % with *")


def test_no_secret_in_errors_of_any_kind(stage: Stage) -> None:
    def typed(params: dict[str, Any], env: Env) -> dict[str, Any]:
        raise ApiError(f"bad {SECRET}", seen={"body": SECRET})

    def unforeseen(params: dict[str, Any], env: Env) -> dict[str, Any]:
        raise ValueError(f"bad {SECRET}")

    for run in (typed, unforeseen):
        result = stage.phase("open", run)
        assert result["failed"] is True
        assert SECRET not in json.dumps(result)
    for path in stage.evidence.rglob("run.json"):
        assert SECRET not in path.read_text(encoding="utf-8")


def test_secrets_from_the_environment_are_used_and_scrubbed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEDR_TOKYO_ONTAP_USERNAME", "dr")
    monkeypatch.setenv("KUBEDR_TOKYO_ONTAP_PASSWORD", "from-environment")
    result = stage.task(lambda params, env: {"got": params["username"], "pw": params["password"]}, {"site": "tokyo", "hostname": "h"}, spec=ONTAP)
    assert result["got"] == "dr"
    assert "from-environment" not in json.dumps(result)


def test_a_failure_closes_the_journal_and_later_tasks_do_not_change_its_end(stage: Stage) -> None:
    def fail(params: dict[str, Any], env: Env) -> dict[str, Any]:
        raise ApiError("no", system="ONTAP osaka")

    stage.phase("open", nothing)
    stage.phase("promote", fail)
    assert (stage.journal()["result"], stage.journal()["message"]) == ("failed", "ONTAP osaka: no")
    stage.phase("storage", breaking)
    assert [step["name"] for step in stage.journal()["steps"]] == ["break"]
    assert stage.journal()["result"] == "failed"


def test_a_refusal_is_told_as_such(stage: Stage) -> None:
    def refuse(params: dict[str, Any], env: Env) -> dict[str, Any]:
        raise Refused("split_brain", "both run", advice="Run fence.")

    result = stage.phase("open", refuse)
    assert result["failure"]["reason"] == "split_brain"
    assert stage.journal()["result"] == "refused"


def test_check_mode_ends_as_planned(stage: Stage) -> None:
    seen: list[tuple[bool, bool]] = []

    def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
        seen.append((env.check_mode, env.diff))
        return {}

    stage.phase("open", run, check_mode=True, diff=True)
    stage.phase("close", run, check_mode=True)
    assert seen == [(True, True), (True, False)]
    assert stage.journal()["result"] == "planned"


def test_facts_of_another_process_are_not_believed(stage: Stage) -> None:
    stage.phase("open", nothing)
    stage.facts["dr_run_process"] = "elsewhere boot 1 2"
    stage.phase("promote", breaking)
    assert stage.journal()["steps"] == []


def test_a_folder_that_cannot_be_written_stops_the_run_before_anything(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    stage.group["evidence_dir"] = str(tmp_path / "file")
    called: list[int] = []
    result = stage.phase("open", lambda params, env: called.append(1) or {})
    assert result["failure"]["kind"] == "config"
    assert "dr_evidence_dir" in result["msg"]
    assert called == []


def test_a_journal_that_can_no_longer_be_written_stops_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.phase("open", nothing)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = stage.phase("promote", breaking)
    assert result["changed"] is True
    assert [line for line in stage.shown if "can no longer be written" in line]


def test_wrong_options_fail_before_the_run_and_show_no_secret(stage: Stage) -> None:
    called: list[int] = []
    result = stage.task(lambda params, env: called.append(1) or {}, {"hostname": "h", "username": "u", "password": SECRET, "http_port": SECRET}, spec=ONTAP)
    assert result["failed"] is True
    assert SECRET not in json.dumps(result)
    assert called == []


def test_no_log_silences_progress(stage: Stage) -> None:
    stage.phase("open", nothing)
    stage.phase("promote", breaking, no_log=True)
    assert stage.shown == []


def test_a_task_delegated_to_another_host_runs_as_the_module_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEDR_TOKYO_ONTAP_USERNAME", "dr")
    called: list[int] = []
    stage.phase("open", nothing)
    answer = {"changed": True, "steps": [{"name": "break", "changed": True, "seen": "broken_off"}]}
    result = stage.phase("promote", lambda params, env: called.append(1) or {}, delegate_to="bastion", remote=answer)
    assert called == []
    assert result["changed"] is True
    assert stage.sent["module_args"]["group"]["sites"]["tokyo"]["ontap"]["username"] == "dr"
    assert stage.journal()["steps"][0]["seen"] == "broken_off"


def test_delegated_to_the_control_node_it_runs_here(stage: Stage) -> None:
    assert stage.phase("open", nothing, delegate_to="localhost")["changed"] is False
    assert stage.sent == {}


def test_the_owner_of_a_lease_is_the_process_that_outlives_the_worker(stage: Stage) -> None:
    pids: list[int] = []
    stage.phase("open", lambda params, env: pids.append(env.process().pid) or {})
    assert pids == [os.getppid()]


def test_a_worker_whose_parent_was_killed_does_not_pass_the_lease_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives on until its task ends; the next run must see at its first look that the owner is dead."""
    pids: list[int] = []
    parent = os.getppid()

    def killed(params: Any, env: Any) -> dict[str, Any]:
        monkeypatch.setattr(os, "getppid", lambda: 1)
        pids.append(env.process().pid)
        return {}

    stage.phase("open", killed)
    assert pids == [parent]
