# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The base of every action plugin here.

The module's ``run`` works in this process, on the control node, with live progress, a journal, and no secret in anything that it prints.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._clock import SystemClock
from ..module_utils._env import this_process
from ..module_utils._errors import ConfigError, Refused
from ..module_utils._run import Runner, execute, system_env
from ..module_utils._secrets import secrets_of
from ._access import with_environment
from ._journal import Journal
from ._progress import ProgressLines
from ._reporter import ActionReporter

EVIDENCE_DIR = "./evidence"


class KubedrAction(ActionBase):  # type: ignore[misc]  # ansible-core carries no types
    """A subclass names the module's ``spec`` and ``runner``. Delegated to another host, the task runs as the module of the same name there."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    spec: ClassVar[ArgumentSpec]
    runner: ClassVar[Runner]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Called by Ansible. Returns the module's result, or a failed one: never raises for an error of the run."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        given = with_environment(_plain(self._task.args), self.spec.options, os.environ)
        checked = ArgumentSpecValidator(**self.spec.to_kwargs()).validate(given)
        params: dict[str, Any] = checked.validated_parameters
        reporter = self._reporter(params, variables, secrets_of([given, params], os.environ, checked._no_log_values))
        if checked.error_messages:
            return self._ended({"failed": True, "msg": f"Invalid options of {self._task.action}: {'; '.join(checked.error_messages)}"}, params, reporter)
        problem = self._open_journal(params, variables, reporter)
        if problem:
            return self._ended(problem, params, reporter)
        if "run_id" in self.spec.options and reporter.journal is not None:
            given["run_id"] = params["run_id"] = reporter.journal.document["run_id"]
        if self._task.delegate_to and self._connection.transport != "local":
            result = self._remote(given, variables, reporter)
        else:
            env = system_env(reporter, check_mode=self._task.check_mode, diff=self._task.diff)
            # The run's owner is the ansible-playbook process that forked this worker. Asked for now: a worker outlives a parent that is killed, for as long
            # as its task takes, and must not pass the lease on to whoever adopts it.
            owner = this_process(os.getppid())
            env.process = lambda: owner
            result = execute(type(self).runner, params, env)
        return self._ended(result, params, reporter)

    def _reporter(self, params: Mapping[str, Any], variables: Mapping[str, Any], secrets: set[str]) -> ActionReporter:
        path = _fact(variables, "dr_run_file") if _fact(variables, "dr_run_process") == _process() else ""
        journal = Journal.resume(path) if path and params.get("phase") != "open" else None
        group = params.get("group")
        name = group.get("name") if isinstance(group, Mapping) else None
        verb = params.get("verb") or (journal.document.get("verb") if journal else None) or self._task.action.rpartition(".")[2]
        clock, show = SystemClock(), (lambda text: None) if self._task.no_log else self._display.display
        lines = ProgressLines(show, str(name or variables.get("inventory_hostname", "")), str(verb), clock.monotonic)
        return ActionReporter(lines, journal, clock, secrets, self._display.warning)

    def _open_journal(self, params: Mapping[str, Any], variables: Mapping[str, Any], reporter: ActionReporter) -> dict[str, Any] | None:
        """The first task of a verb begins the journal, before anything else. Returns a failed result where it cannot."""
        if params.get("phase") != "open":
            return None
        folder, begun = str(params["group"].get("evidence_dir") or EVIDENCE_DIR), reporter.clock.utcnow()
        try:
            reporter.journal = Journal.begin(folder, reporter.lines.group, str(params.get("verb")), params.get("mode"), _by(variables), begun)
        except OSError as error:
            problem = ConfigError("dr_evidence_dir", f"no evidence can be written below {folder}: {error.strerror}")
            return {"failed": True, "msg": str(problem), "failure": problem.failure()}
        return None

    def _remote(self, given: Mapping[str, Any], variables: dict[str, Any], reporter: ActionReporter) -> dict[str, Any]:
        """The module on the host that the task is delegated to. Its steps reach the journal when it has ended."""
        result: dict[str, Any] = self._execute_module(module_name=self._task.action, module_args=dict(given), task_vars=variables)
        for step in result.get("steps") or []:
            reporter.step_ended(step["name"], step["seen"], step["changed"])
        return result

    @staticmethod
    def _note_state(result: Mapping[str, Any], params: Mapping[str, Any], reporter: ActionReporter) -> None:
        """The state that the first and the last task of a run saw, unless the run noted it itself."""
        key = {"open": "state_before", "close": "state_after"}.get(str(params.get("phase")))
        if key and reporter.journal is not None and reporter.journal.document.get(key) is None and isinstance(result.get("state"), Mapping):
            reporter.note(**{key: result["state"]})

    def _ended(self, result: dict[str, Any], params: Mapping[str, Any], reporter: ActionReporter) -> dict[str, Any]:
        """Close the journal where the run ended here, add what later tasks need, and take out every secret."""
        result.setdefault("changed", False)
        journal = reporter.journal
        self._note_state(result, params, reporter)
        if result.get("failed"):
            refused = (result.get("failure") or {}).get("kind") == Refused.kind
            reporter.finish("refused" if refused else "failed", str(result.get("msg", "")))
        elif _ends(params):
            reporter.finish("planned" if self._task.check_mode else "succeeded", "")
        if journal is not None:
            facts = {"dr_run_id": journal.document["run_id"], "dr_run_file": str(journal.path), "dr_run_process": _process()}
            result["evidence"] = str(journal.path)
            if params.get("phase") == "open" and not result.get("failed"):
                result["ansible_facts"] = {**facts, **result.get("ansible_facts", {})}
        scrubbed: dict[str, Any] = reporter.scrub(result)
        return scrubbed


def _plain(value: Any) -> Any:
    """Without what ansible-core hangs on each string (where it is from): only ansible-core wants to know, and each copy costs more than the text."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str.__str__(value) if isinstance(value, str) else value


def _ends(params: Mapping[str, Any]) -> bool:
    """Whether this task is the last of its run. ``preflight`` by itself is a verb of one task."""
    return params.get("phase") == "close" or params.get("verb") == "preflight"


def _fact(variables: Mapping[str, Any], name: str) -> str:
    facts = variables.get("ansible_facts") or {}
    return str(facts.get(name) or "")


def _process() -> str:
    """The ansible-playbook process of this run. A fact cache may hand a later run the facts of an earlier one, whose journal is not its own."""
    process = this_process(os.getppid())
    return f"{process.host} {process.boot_id} {process.pid} {process.started}"


def _by(variables: Mapping[str, Any]) -> str:
    """Who runs: AWX's user and job, else the user and host of this process."""
    for prefix in ("awx", "tower"):
        if variables.get(f"{prefix}_job_id"):
            return f"{variables.get(f'{prefix}_user_name', 'AWX')} (AWX job {variables[f'{prefix}_job_id']})"
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
