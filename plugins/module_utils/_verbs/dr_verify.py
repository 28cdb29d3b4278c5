# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The module `dr_verify`: what stands on the destination cluster, compared with a backup.

Never writes; the engine's own verify phase uses the same comparison.
"""

from __future__ import annotations

from typing import Any

from .._argspec import GROUP, ArgumentSpec
from .._dr.config import parse_group
from .._env import Env
from .._errors import KubedrError, Refused
from . import dr_verify_core, failover, objects, verifying
from .connect import Side
from .walk import Run

SPEC = GROUP.merge(ArgumentSpec({"backup": {"type": "str"}}))


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Compare once.

    Returns: ``verification`` {verified, kinds, differing, missing, expected, not_ready, pods, claims}.

    Raises:
        Refused: no backup is named, and the record has none.
        KubedrError: something is not as the backup holds it; ``seen`` is the verification.
    """
    config = parse_group(params["group"])
    answer = config.timeouts["answer"]
    walk = Run(config, env, "verify", "verify", Side(config.source, env, answer, 0), Side(config.destination, env, answer, 3))
    named = str(params.get("backup") or "")
    (_seen, view, _state), held = env.together([lambda: failover.look(walk, brief=True), lambda: objects.contents(walk, named) if named else None])
    backup = named or str((view.record.get("backup") or {}).get("name") or "")
    if not backup:
        raise Refused("no_backup", "no backup is named and the record of the group has none", operation="verify", obj=config.name, advice="Name one.")
    result = verifying.verification(walk, view, backup, held).as_dict()
    if not result["verified"]:
        wrong = dr_verify_core.problems(result, ())
        raise KubedrError(
            f"not as the backup holds it: {wrong}", operation="verify", obj=backup, system=walk.destination.kube.system, seen=result,
        )
    return {"changed": False, "steps": [], "verification": result}
