# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as they run on a host that a task is delegated to."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kubedr.ontap.plugins.module_utils._argspec import GROUP
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._run import run_module

SECRET = "s3cr3t-pw"
ARGS = {"group": {"name": "payments", "sites": {"tokyo": {"ontap": {"password": SECRET}}}}}


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The module's result; nothing that it printed holds the secret."""
    out = capsys.readouterr().out
    assert SECRET not in out
    result: dict[str, Any] = json.loads(out)
    return result


def test_a_result_is_printed_without_secrets_of_free_dicts(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args(ARGS), pytest.raises(SystemExit) as ended:
        run_module(GROUP, lambda params, env: {"changed": True, "echo": params["group"]})
    assert ended.value.code == 0
    assert printed(capsys)["changed"] is True


def test_an_error_is_printed_with_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(params: dict[str, Any], env: Env) -> dict[str, Any]:
        raise Refused("split_brain", f"both run {SECRET}", advice="Run fence.")

    with patch_module_args(ARGS), pytest.raises(SystemExit) as ended:
        run_module(GROUP, refuse)
    assert ended.value.code == 1
    result = printed(capsys)
    assert (result["failed"], result["failure"]["reason"], result["failure"]["advice"]) == (True, "split_brain", "Run fence.")


def test_check_mode_and_diff_reach_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({**ARGS, "_ansible_check_mode": True, "_ansible_diff": True}), pytest.raises(SystemExit):
        run_module(GROUP, lambda params, env: {"modes": [env.check_mode, env.diff]})
    assert printed(capsys)["modes"] == [True, True]


def test_nothing_of_the_options_is_logged_on_that_host(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    logged: list[str] = []
    monkeypatch.setattr("ansible.module_utils.basic.AnsibleModule._log_to_syslog", lambda self, text: logged.append(text))
    with patch_module_args(ARGS), pytest.raises(SystemExit):
        run_module(GROUP, lambda params, env: {})
    assert SECRET not in "".join(logged)
    printed(capsys)


def test_the_real_report_module_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module("ansible_collections.kubedr.ontap.plugins.modules.dr_report")
    with patch_module_args({"group": "payments", "evidence_dir": str(tmp_path)}), pytest.raises(SystemExit):
        module.main()
    assert printed(capsys)["lines"] == [f"no run of payments below {tmp_path}"]
