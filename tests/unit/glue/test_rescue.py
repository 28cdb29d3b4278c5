# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles do when a phase fails, or when nothing is left to do: the real roles on an action plugin that only notes what it is asked. One host a case."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
STUB = '''
import json, os
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        phase, case = self._task.args["phase"], task_vars["case"]
        with open(os.path.join(os.environ["KUBEDR_TEST_CALLS"], task_vars["inventory_hostname"]), "a") as calls:
            print(self._task.args["verb"], phase, self._task.args.get("mode"), file=calls)
        if phase in case["fails"]:
            return {"failed": True, "changed": False, "msg": phase + " went wrong.", "failure": {"reason": case["reason"]}}
        return {"changed": False, **({"done": case["done"]} if phase == "open" else {}), **(case["rollback"] if phase == "rollback" else {})}
'''
PLANNED = ["open", "prepare", "workloads", "sync", "decide", "promote", "volumes", "restore", "verify"]
HOME = ["fence", "reverse", "clear"]
UNDONE, FORWARD = {"rolled_back": True}, {"rolled_back": False, "why": "a break was sent"}


@dataclass(frozen=True)
class Case:
    """How a verb meets its end; which phases are asked for, and what the last message is (empty: it succeeds)."""

    verb: str
    mode: str
    asked: tuple[str, ...]
    message: str = ""
    fails: tuple[str, ...] = ()
    reason: str = ""
    rollback: dict[str, Any] | None = None
    done: bool = False


def case(verb: str, mode: str, asked: list[str], message: str = "", **other: Any) -> Case:
    """A case, its lists made tuples."""
    return Case(verb, mode, tuple(asked), message, **{key: tuple(value) if isinstance(value, list) else value for key, value in other.items()})


UNPLANNED = ["open", *PLANNED[4:]]
PUT_BACK, NOT_PUT_BACK = "It was put back: the side that served serves again.", "Nothing was put back: a break was sent."
CASES = {
    "planned": case("failover", "planned", [*PLANNED, "close"]),
    "unplanned": case("failover", "unplanned", [*UNPLANNED, "close"]),
    "done": case("failover", "planned", ["open", "close"], done=True),
    "undone": case("failover", "planned", [*PLANNED[:4], "rollback"], f"sync went wrong. {PUT_BACK}", fails=["sync"], rollback=UNDONE),
    "forward": case("failover", "planned", [*PLANNED[:7], "rollback"], f"volumes went wrong. {NOT_PUT_BACK}", fails=["volumes"], rollback=FORWARD),
    "both": case(
        "failover", "planned", [*PLANNED[:3], "rollback"], "workloads went wrong. Putting it back failed too: rollback went wrong.",
        fails=["workloads", "rollback"],
    ),
    "anothers": case("failover", "planned", PLANNED[:2], "prepare went wrong.", fails=["prepare"], reason="lease_held"),
    "unchanged": case("failover", "unplanned", UNPLANNED[:3], "promote went wrong.", fails=["promote"]),
    "refused": case("failover", "planned", ["open"], "open went wrong.", fails=["open"]),
    "home": case("failback", "planned", [*PLANNED, *HOME, "close"]),
    "homealone": case("failback", "unplanned", [*UNPLANNED, "close"]),
    "homedone": case("failback", "planned", ["open", "close"], done=True),
    "homeundone": case("failback", "planned", [*PLANNED[:5], "rollback"], f"decide went wrong. {PUT_BACK}", fails=["decide"], rollback=UNDONE),
    "homeloss": case("failback", "planned", [*PLANNED, *HOME[:2]], "reverse went wrong.", fails=["reverse"]),
    "reprotect": case("reprotect", "", ["open", *HOME, "objects", "close"]),
    "reprotectloss": case("reprotect", "", ["open", *HOME[:2]], "reverse went wrong.", fails=["reverse"]),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """All cases in one playbook: what it printed, and the folder of what each host was asked."""
    folder = tmp_path_factory.mktemp("rescue")
    collection = folder / "ansible_collections" / "kubedr" / "ontap"
    (collection / "plugins" / "action").mkdir(parents=True)
    (collection / "plugins" / "modules").mkdir()
    (collection / "plugins" / "action" / "dr_phase.py").write_text(STUB, encoding="utf-8")
    (collection / "plugins" / "modules" / "dr_phase.py").write_text("", encoding="utf-8")
    (collection / "roles").symlink_to(ROOT / "roles")
    sites = {site: {"ontap": {}, "kubernetes": {}} for site in ("tokyo", "osaka")}
    shared = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "dr_source_site": "tokyo", "dr_destination_site": "osaka",
        "dr_sites": sites,
        "dr_source_svm": "a", "dr_destination_svm": "b", "dr_namespaces": ["app"],
    }
    hosts = {
        name: {
            **({"dr_mode": c.mode} if c.mode else {}), "verb": c.verb,
            "case": {"fails": c.fails, "reason": c.reason, "done": c.done, "rollback": c.rollback or {}},
        }
        for name, c in CASES.items()
    }
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": shared}}), encoding="utf-8")
    plays = [
        {"hosts": ":".join(name for name, c in CASES.items() if c.verb == verb), "gather_facts": False, "roles": [f"kubedr.ontap.{verb}"]}
        for verb in ("failover", "failback", "reprotect")
    ]
    (folder / "play.json").write_text(json.dumps(plays), encoding="utf-8")
    (folder / "calls").mkdir()
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder), "KUBEDR_TEST_CALLS": str(folder / "calls"), "HOME": str(folder), "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_RETRY_FILES_ENABLED": "false",
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "inventory.json"), str(folder / "play.json")]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, folder / "calls"


@pytest.mark.parametrize("name", CASES)
def test_phases_and_message(name: str, played: tuple[str, Path]) -> None:
    text, calls = played
    wanted = CASES[name]
    assert calls.joinpath(name).exists(), text
    asked = [line.split() for line in calls.joinpath(name).read_text(encoding="utf-8").splitlines()]
    assert tuple(phase for _verb, phase, _mode in asked) == wanted.asked
    assert {verb for verb, _phase, _mode in asked} == {wanted.verb}
    failures = re.findall(rf'^fatal: \[{name}\]: FAILED! => .*?"msg": "(.*?)"[,}}\n]', text, re.MULTILINE | re.DOTALL)
    assert (failures[-1] if failures else "") == wanted.message
    (recap,) = re.findall(rf"^{name} +: .*?failed=(\d)", text, re.MULTILINE)
    assert recap == ("1" if wanted.message else "0")
