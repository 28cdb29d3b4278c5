# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of the real tier as tests drive it: its command line, the collection's playbooks, the API, and the processes behind it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.kubedr.ontap.tests.support.live import LiveLab

ARK = "/apis/velero.io/v1/namespaces/velero"
CORE = "/api/v1"
CLAIMS = ("data-db-0", "data-db-1", "web-content")


FIGURES: list[str] = []
"""What tests measured; told at the end, also where they passed."""


def tell(figure: str) -> None:
    """A figure for the end of the report."""
    FIGURES.append(figure)
    print(figure, flush=True)


class RealLab(LiveLab):
    """A lab with ``--kubernetes real``."""

    up_seconds = 0.0
    """How long it took until both sites answered."""

    def request(self, site: str, system: str, method: str, path: str, body: Any = None, timeout: float = 30.0) -> tuple[int, Any]:
        """As the administrator. Writes tell in the log that they are the test's own."""
        own = "" if method == "GET" or system != "kubernetes" else f"{'&' if '?' in path else '?'}fieldManager=test"
        return super().request(site, system, method, path + own, body, timeout)

    def begin(self, name: str, groups: Iterable[str], *words: str) -> subprocess.Popen[str]:
        """Start a playbook of the collection; it goes on while the test does."""
        limit = ["--limit", ",".join(groups)]
        environment = {
            **os.environ, "ANSIBLE_FORKS": "10", "ANSIBLE_HOME": str(self.path / "ansible"), "ANSIBLE_LOCALHOST_WARNING": "False", "ANSIBLE_NOCOLOR": "1",
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.inventory), f"kubedr.ontap.{name}", *limit, *words]
        return subprocess.Popen(command, env=environment, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def playbook(self, name: str, groups: Iterable[str], *words: str, status: int = 0, patience: float = 300.0) -> str:
        """Run one to its end. Returns what it printed."""
        return ended(self.begin(name, groups, *words), status, patience)

    def storage(self, group: str) -> str:
        """The state of the group's storage, as ``status`` tells it."""
        text = self.playbook("status", [group])
        found = re.search(r'"storage": "(\w+)"', text)
        assert found, text
        return found.group(1)

    def refused_for_loss(self, name: str, group: str) -> list[str]:
        """Run a verb that would discard something: it is refused. Returns the options that accept exactly that."""
        text = self.playbook(name, [group], status=2)
        run = self.evidence(group, name)
        assert run["result"] == "refused", text
        token = run["loss"]["token"]
        assert token in run["message"].splitlines()
        return ["-e", json.dumps({"dr_accept_loss": {group: token}})]

    def get(self, site: str, path: str) -> dict[str, Any]:
        """One object or list; it must be there."""
        status, body = self.request(site, "kubernetes", "GET", path)
        assert status == 200, body
        found: dict[str, Any] = body
        return found

    def post(self, site: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one object."""
        status, answer = self.request(site, "kubernetes", "POST", path, body)
        assert status == 201, answer
        made: dict[str, Any] = answer
        return made

    def delete(self, site: str, path: str) -> None:
        """Delete one object."""
        status, answer = self.request(site, "kubernetes", "DELETE", path)
        assert status in (200, 202), answer

    def missing(self, site: str, path: str) -> bool:
        """Whether there is no such object."""
        return self.request(site, "kubernetes", "GET", path)[0] == 404

    def evidence(self, group: str, verb: str = "failover") -> dict[str, Any]:
        """The group's last run of a verb."""
        paths = sorted((self.path / "evidence" / group).glob(f"*-{verb}-*/run.json"))
        found: dict[str, Any] = json.loads(paths[-1].read_text())
        return found

    def signal(self, part: str, program: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal one program behind a part, such as ``velero`` of ``osaka-kubernetes``. Returns the process id that it had."""
        pid = int((self.path / "parts" / f"{part}.d" / f"{program}.pid").read_text())
        os.kill(pid, number)
        return pid

    def phase(self, site: str, plural: str, name: str) -> str:
        """The phase of one of Velero's objects; empty where there is none yet."""
        status, body = self.request(site, "kubernetes", "GET", f"{ARK}/{plural}/{name}")
        return str((body.get("status") or {}).get("phase") or "") if status == 200 else ""

    def bound(self, site: str, namespace: str, claim: str) -> tuple[str, str]:
        """Phase and volume name of a claim; empty where there is none."""
        status, body = self.request(site, "kubernetes", "GET", f"{CORE}/namespaces/{namespace}/persistentvolumeclaims/{claim}")
        return (str((body.get("status") or {}).get("phase")), str(body["spec"].get("volumeName") or "")) if status == 200 else ("", "")


def changed(text: str, group: str) -> int:
    """The recap's ``changed`` of a group."""
    found = re.search(rf"^{group} +: ok=\d+ +changed=(\d+)", text, re.MULTILINE)
    assert found, text
    return int(found.group(1))


def ended(process: subprocess.Popen[str], status: int = 0, patience: float = 300.0) -> str:
    """What a playbook printed; it must end with that status."""
    text, _unused = process.communicate(timeout=patience)
    assert process.returncode == status, text
    return text


def until(what: str, look: Callable[[], Any], seconds: float = 60.0, pause: float = 0.25) -> Any:
    """Look until something is there."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
    return found


def statement(site: str = "tokyo") -> list[str]:
    """The options of an unplanned failover: the site was killed a moment ago."""
    word = {"site": site, "who": "a test", "why": "it was killed by the test", "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return ["-e", json.dumps({"dr_mode": "unplanned", "dr_fence_statement": word})]
