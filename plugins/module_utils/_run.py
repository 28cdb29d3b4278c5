# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The one place where typed errors become a failed result, for modules and for action plugins alike."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._argspec import ArgumentSpec
from ._env import Env, at_once
from ._errors import KubedrError
from ._fetch import fetch_signed
from ._kube.transport import KubernetesTransport
from ._ontap.transport import RequestsTransport
from ._report import Reporter, Silent
from ._secrets import secrets_of

Runner = Callable[[dict[str, Any], Env], dict[str, Any]]


class Recorder:
    """Passes on what a run reports, and keeps what a failed result must still tell: the steps so far, whether anything was changed, what was seen last."""

    def __init__(self, inner: Reporter) -> None:
        self.inner = inner
        self.steps: list[dict[str, Any]] = []
        self.open_step = ""

    def progress(self, text: str) -> None:
        """Pass on."""
        self.inner.progress(text)

    def step_started(self, name: str, asked: Any) -> None:
        """Pass on, and remember which step a failure belongs to."""
        self.open_step = name
        self.inner.step_started(name, asked)

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        """Pass on and keep."""
        self.open_step = ""
        self.steps.append({"name": name, "changed": changed, "seen": seen})
        self.inner.step_ended(name, seen, changed)

    def note(self, **fields: Any) -> None:
        """Pass on."""
        self.inner.note(**fields)

    def told(self) -> dict[str, Any]:
        """Keys of a failed result."""
        told: dict[str, Any] = {"changed": any(step["changed"] for step in self.steps), "steps": self.steps}
        return {**told, "failed_step": self.open_step} if self.open_step else told


def system_env(reporter: Reporter | None = None, *, check_mode: bool = False, diff: bool = False) -> Env:
    """The real world: system clock, real transports. Nothing is connected yet."""
    return Env(
        open_ontap=RequestsTransport, open_kube=KubernetesTransport, fetch=fetch_signed, reporter=reporter or Silent(), check_mode=check_mode, diff=diff,
        together=at_once,
    )


def execute(run: Runner, params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Run to the end and map every error.

    Returns: the run's result, always with ``changed``; or a failed one: ``failed``, ``msg``, ``failure`` (kind, message, system, operation, obj, code,
    seen, advice), ``changed`` and ``steps`` as far as it came, and ``exception`` only where the error was none that we know.
    """
    recorder = Recorder(env.reporter)
    env.reporter = recorder
    try:
        return {"changed": False, **run(params, env)}
    except KubedrError as error:
        return {**recorder.told(), "failed": True, "msg": str(error), "failure": error.failure()}
    except ImportError as error:
        return {**recorder.told(), "failed": True, "msg": missing_required_lib(error.name or str(error)), "exception": traceback.format_exc()}
    except Exception as error:
        # The last stand of every run: an error of ours that nobody foresaw must fail the task with all that is known, not end the worker.
        seen = recorder.steps[-1]["seen"] if recorder.steps else None
        message = f"unexpected {type(error).__name__}: {error}"
        failure = {"kind": "unexpected", "message": message, "operation": recorder.open_step, "seen": seen}
        return {**recorder.told(), "failed": True, "msg": message, "failure": failure, "exception": traceback.format_exc()}


def run_module(spec: ArgumentSpec, run: Runner) -> None:
    """``main()`` of every module: only used where a task is delegated to another host, since the action plugin of the same name comes first."""
    # no_log here keeps the options out of that host's syslog, where secrets inside free dicts would be written in clear.
    module = AnsibleModule(**spec.to_kwargs(), supports_check_mode=True, no_log=True)
    module.no_log_values.update(secrets_of(module.params, os.environ))
    env = system_env(check_mode=module.check_mode, diff=module._diff)
    result = execute(run, module.params, env)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
