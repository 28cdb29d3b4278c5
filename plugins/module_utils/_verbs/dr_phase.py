# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The module `dr_phase`: one phase of one verb for one group. A role calls the phases in their order; each looks first, so any of them can be run again."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .._argspec import GROUP, ArgumentSpec
from .._dr.config import parse_group
from .._dr.state import State
from .._dr.table import refusal
from .._dr.words import Mode, Objects, Phase, Storage, Verb
from .._env import Env
from .._errors import ConfigError, Refused
from . import failback, failover, fence, planned, preflight, reprotect, reverse, rollback, setup, teardown
from .connect import Side
from .points import NEWEST
from .walk import Keeper, Run

SPEC = GROUP.merge(ArgumentSpec({
    "verb": {"type": "str", "required": True, "choices": [str(v) for v in Verb] + ["preflight"]},
    "phase": {"type": "str", "required": True, "choices": [str(p) for p in Phase]},
    "run_id": {"type": "str"},
    "mode": {"type": "str"},
    "fence": {"type": "str"},
    "fence_statement": {"type": "raw"},
    "backup": {"type": "raw"},
    "snapshot": {"type": "raw"},
    "accept_loss": {"type": "raw"},
    "teardown_consent": {"type": "raw"},
    "ahead": {"type": "bool", "default": False},
}))

Act = Callable[[Run], dict[str, Any]]


def by_mode(planned_act: Act, unplanned_act: Act) -> Act:
    """One phase that differs by mode."""
    return lambda run: planned_act(run) if run.mode == str(Mode.PLANNED) else unplanned_act(run)


def nothing(_run: Run) -> dict[str, Any]:
    """A phase that this mode does not have."""
    return {}


PROMOTION: dict[str, Act] = {
    "prepare": by_mode(planned.prepare_phase, nothing), "workloads": by_mode(planned.workloads_phase, nothing), "sync": by_mode(planned.sync_phase, nothing),
    "decide": failover.decide_phase, "promote": failover.promote_phase, "volumes": failover.volumes_phase, "restore": failover.restore_phase,
    "verify": failover.verify_phase,
    "rollback": by_mode(rollback.rollback_phase, nothing),
}
PHASES: dict[str, dict[str, Act]] = {
    "setup": {"open": setup.open_phase, "objects": setup.objects_phase, "close": setup.close_phase},
    "preflight": {"open": preflight.open_phase},
    "fence": {"open": fence.open_phase, "workloads": fence.workloads_phase, "storage": fence.storage_phase, "close": rollback.lift_phase},
    "failover": {"open": by_mode(planned.open_phase, failover.open_phase), **PROMOTION, "close": failover.close_phase},
    "reprotect": {
        "open": reprotect.open_phase, "fence": reprotect.fence_phase, "reverse": reverse.reverse_phase, "clear": reprotect.clear_phase,
        "objects": reprotect.objects_phase,
        "close": reprotect.close_phase,
    },
    "failback": {
        "open": failback.open_phase, **PROMOTION, "fence": failback.fence_phase, "reverse": failback.reverse_phase, "clear": failback.clear_phase,
        "close": failback.close_phase,
    },
    "teardown": {"open": teardown.open_phase, "storage": teardown.storage_phase, "objects": teardown.objects_phase, "close": teardown.close_phase},
}
RETRIES = 3


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Do one phase.

    Returns: ``changed``, ``steps``, ``run_id``, and what the phase has to tell; with ``env.diff`` also ``diff``, by step.

    Raises:
        ConfigError: bad input, before anything was touched.
        Refused: the verb may not act in this state.
    """
    config = parse_group(params["group"])
    verb, phase = str(params["verb"]), str(params["phase"])
    _check_mode_option(verb, params)
    act = PHASES.get(verb, {}).get(phase)
    if act is None:
        raise Refused("no_phase", f"{verb} has no phase {phase}", operation=verb, obj=config.name)
    env = replace(env, clock=Keeper(env.clock))
    answer = config.timeouts["answer"]
    retries = RETRIES if verb != "fence" else 1
    config = config.turned() if verb == "failback" else config
    walk = Run(
        config=config, env=env, run_id=str(params.get("run_id") or new_run_id(env, verb)), verb=verb, source=Side(config.source, env, answer, retries),
        destination=Side(config.destination, env, answer, RETRIES), options=_options(params, config.name),
    )
    if verb == "fence":
        walk = fence.towards(walk)
    result = act(walk)
    if env.diff:
        result["diff"] = walk.diff
    return {"changed": walk.changed, "steps": walk.steps, "run_id": walk.run_id, **result}


def new_run_id(env: Env, verb: str) -> str:
    """``YYYYMMDDThhmmssZ-<verb>-<6 hex>``."""
    return f"{env.clock.utcnow():%Y%m%dT%H%M%SZ}-{verb}-{secrets.token_hex(3)}"


def _check_mode_option(verb: str, params: Mapping[str, Any]) -> None:
    """``dr_mode`` has no default: planned and unplanned are never guessed. Verbs of later releases refuse here, before anything is touched."""
    mode = params.get("mode")
    if verb in ("failover", "failback") and mode not in ("planned", "unplanned"):
        raise ConfigError(
            "dr_mode", "is not set" if not mode else f"is {mode!r}", advice="Say planned (the source is alive) or unplanned (it is gone); it is never guessed.",
        )
    if verb == "preflight":
        return
    if params.get("snapshot") and (verb, mode) != ("failover", "unplanned"):
        raise ConfigError(
            "dr_snapshot", "is for an unplanned failover", advice="A planned one loses nothing, and the way back brings what was written since. Leave it out.",
        )
    no = refusal(Verb(verb), Mode(mode) if mode else None, State(Storage.PROTECTED, Objects.NONE, "", ""))
    if no and no.reason == "not_yet":
        raise Refused(no.reason, no.message, operation=verb, advice=no.advice)


def _options(params: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Run options; those given per group are reduced to this group's."""
    asked = params.get("snapshot")
    if isinstance(asked, Mapping) and asked and group not in asked:
        raise ConfigError(
            "dr_snapshot", f"names {', '.join(sorted(map(str, asked)))}, and not {group}",
            advice=f"A group that is forgotten or mistyped would get the newest data: name every group, with {NEWEST} for those that are to get it.",
        )
    options = {key: params.get(key) for key in ("mode", "fence", "fence_statement", "backup", "snapshot", "accept_loss", "teardown_consent", "ahead")}
    for key in ("backup", "snapshot", "accept_loss", "teardown_consent"):
        value = options[key]
        options[key] = value.get(group) if isinstance(value, Mapping) else value
    return options
