# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One place maps errors to failed results; whatever a run says before it fails is kept."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, ConfigError, Refused, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._run import execute, system_env


def failing(error: BaseException) -> Any:
    """A run that changes something, begins another step, and fails."""

    def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
        env.reporter.step_started("pause", "pause the relationship")
        env.reporter.step_ended("pause", {"state": "paused"}, True)
        env.reporter.step_started("break", "break it off")
        raise error

    return run


def test_a_result_always_says_whether_it_changed() -> None:
    assert execute(lambda params, env: {"seen": 1}, {}, system_env()) == {"changed": False, "seen": 1}
    assert execute(lambda params, env: {"changed": True}, {}, system_env()) == {"changed": True}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigError("dr_namespaces", "is empty"), "config"),
        (ApiError("no", system="ONTAP osaka", status=500, code="13303808"), "api"),
        (WaitTimeout("not reached", system="ONTAP osaka", seen={"state": "queued"}), "timeout"),
        (Refused("split_brain", "both run"), "refused"),
    ],
)
def test_a_typed_error_fails_with_its_data_and_without_a_traceback(error: Exception, kind: str) -> None:
    result = execute(failing(error), {}, system_env())
    assert result["failed"] is True
    assert result["msg"] == str(error)
    assert result["failure"]["kind"] == kind
    assert "exception" not in result


def test_a_failed_result_tells_what_was_changed_before_and_which_step_failed() -> None:
    result = execute(failing(ApiError("no")), {}, system_env())
    assert result["changed"] is True
    assert result["steps"] == [{"name": "pause", "changed": True, "seen": {"state": "paused"}}]
    assert result["failed_step"] == "break"


def test_an_unforeseen_error_fails_with_a_traceback_and_the_last_state_seen() -> None:
    result = execute(failing(ZeroDivisionError("division by zero")), {}, system_env())
    assert result["msg"] == "unexpected ZeroDivisionError: division by zero"
    assert result["failure"] == {"kind": "unexpected", "message": result["msg"], "operation": "break", "seen": {"state": "paused"}}
    assert "in run" in result["exception"]


def test_a_missing_library_is_named() -> None:
    result = execute(failing(ModuleNotFoundError("No module named 'croniter'", name="croniter")), {}, system_env())
    assert "croniter" in result["msg"]
    assert result["failed"] is True


def test_death_is_not_caught() -> None:
    with pytest.raises(KeyboardInterrupt):
        execute(failing(KeyboardInterrupt()), {}, system_env())
