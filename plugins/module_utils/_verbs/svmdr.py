# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``svmdr``: one SVM-DR relationship, in one of five states. Refuses what would resync, or make two writable copies, unasked."""

from __future__ import annotations

from typing import Any

from .._argspec import ArgumentSpec, both_ontap
from .._env import Env
from .._errors import ConfigError
from .._ontap.access import access_of, connect
from .._ontap.policies import is_cron, parse_cron
from . import svmdr_absent, svmdr_promote, svmdr_setup
from .steps import Steps, both_clients, check_svm_name, check_timeout

SPEC = both_ontap(source_required=False).merge(
    ArgumentSpec(
        {
            "source_svm": {"type": "str", "required": True},
            "destination_svm": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "initialized", "broken_off", "serving", "absent"], "default": "present"},
            "identity_preservation": {
                "type": "str",
                "choices": ["full", "exclude_network_config", "exclude_network_and_protocol_config"],
                "default": "full",
            },
            "transfer_schedule": {"type": "str", "default": "*/15 * * * *"},
            "policy": {"type": "str"},
            "force": {"type": "bool", "default": False},
            "consent": {"type": "list", "elements": "str", "choices": ["unprotect", "failed_over", "leave_source"], "default": []},
            "timeout": {"type": "int", "default": 3600},
        },
        required_if=(("state", "present", ["source"]), ("state", "initialized", ["source"])),
    )
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """The relationship in the asked state.

    Returns:
        ``{changed, steps, relationship, warnings?, diff?}``; ``relationship`` is None where there is none.

    Raises:
        Refused: ``broken_off``, ``destination_in_use``, ``paused``, ``source_running``, ... ; nothing was changed.
    """
    timeout = check_timeout(params["timeout"])
    for option in ("source_svm", "destination_svm"):
        check_svm_name(option, params[option])
    state, steps = params["state"], Steps(env)
    if state in ("present", "initialized"):
        if not params.get("source"):
            raise ConfigError("source", f"state {state} needs both clusters.")
        if is_cron(params["transfer_schedule"]):
            parse_cron(params["transfer_schedule"])
        elif not params["transfer_schedule"].strip():
            raise ConfigError("transfer_schedule", "neither a cron expression nor a name.")
        return svmdr_setup.run(params, steps, *both_clients(params, env), timeout)
    if params.get("source"):
        source, destination = both_clients(params, env)
    else:
        source, destination = None, connect(access_of(params["destination"], "destination"), env)
    verb = svmdr_absent.run if state == "absent" else svmdr_promote.run
    return verb(params, steps, source, destination, timeout)
