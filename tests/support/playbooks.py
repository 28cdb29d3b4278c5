# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who runs the playbooks against a live lab, as a process of its own each time, and keeps everything that they print."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from kubedr_lab.app import EXAMPLES

from .live import LiveLab
from .secret_scan import application_secrets, lab_secrets, scan

ROOT = Path(__file__).parents[2]
WIRETAP = Path(__file__).parent / "wiretap"
SCHEMA = json.loads((ROOT / "plugins" / "plugin_utils" / "run.schema.json").read_text(encoding="utf-8"))
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
PATIENCE = 120.0
RARELY = {"dr_transfer_schedule": "0 0 29 2 *"}
"""No transfer comes by the real clock between a fence and the failover that rests on it. What one does there is tested by a virtual clock."""
READS = ("/downloadrequests", "/selfsubjectaccessreviews", "/serverstatusrequests")
"""What counts as reading, though it is sent with POST."""


@dataclass
class Played:
    """A playbook that ended: exit code, what it printed, and which ports it tried to connect to."""

    rc: int
    text: str
    ports: set[int]
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The run.json that this playbook wrote, by group."""

    @property
    def changed(self) -> dict[str, int]:
        """``changed=`` of the recap, by host."""
        return {host: int(changed) for host, _ok, changed, _unreachable, _failed in RECAP.findall(self.text)}


class Playing:
    """A playbook under way."""

    def __init__(self, operator: Operator, process: subprocess.Popen[bytes], output: Path, tap: Path, before: set[Path]) -> None:
        self.operator, self.process, self.output, self.tap, self.before = operator, process, output, tap, before

    @property
    def text(self) -> str:
        """What it printed so far."""
        return self.output.read_text(encoding="utf-8")

    def until(self, marker: str) -> None:
        """Wait until it printed something, or until a journal holds it."""
        self.wait_for(lambda: marker in self.text, f"{marker!r} was not printed")

    def wait_for(self, seen: Callable[[], bool], problem: str) -> None:
        """Look until it is so; an end of the playbook before that is a failure."""
        end = time.monotonic() + PATIENCE
        while not seen():
            assert self.process.poll() is None, f"it ended with {self.process.returncode} before: {problem}\n{self.text[-3000:]}"
            assert time.monotonic() < end, problem
            time.sleep(0.02)

    def steps(self, group: str, ended: bool) -> list[str]:
        """Steps in this run's evidence that have ended, or that are under way."""
        mine = [path for path in self.operator.journals() if path not in self.before and path.parts[-3] == group][:1]
        return [step["name"] for path in mine for step in json.loads(path.read_text(encoding="utf-8"))["steps"] if (step["ended_at"] is not None) is ended]

    def stop(self) -> None:
        """SIGSTOP: it lives and does nothing."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to it, as an impatient operator or the kernel would. A worker of it, which has a session of its own, lives on until its task ends."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_all(self) -> None:
        """SIGKILL to it and to its workers at once, as the end of their container or host would: nothing is sent any more."""
        doomed = [self.process.pid, *descendants(self.process.pid)]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> Played:
        """Its end."""
        self.process.wait(PATIENCE)
        connects = self.tap / "connects"
        ports = {int(line.split()[1]) for line in connects.read_text(encoding="utf-8").splitlines()} if connects.exists() else set()
        return Played(self.process.returncode, self.text, ports, self.operator.new_runs(self.before))


def descendants(pid: int) -> list[int]:
    """The processes that this one begot, and theirs."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


class Operator:
    """Runs playbooks. Every file that they write is below the lab's folder or ``folder``."""

    def __init__(self, lab: LiveLab, folder: Path) -> None:
        self.lab, self.folder, self.count = lab, folder, 0

    def begin(self, playbook: str, *arguments: str, **variables: Any) -> Playing:
        """Start one, with verbose output: what is secret must not be in that either."""
        self.count += 1
        place = self.folder / f"{self.count:02}-{playbook}"
        tap = self.folder.parent / f"{self.folder.name}-tap" / place.name
        for path in (place, tap):
            path.mkdir(parents=True)
        extra = ["-e", json.dumps({**RARELY, **variables})]
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.lab.inventory), "-vvv", f"kubedr.ontap.{playbook}", *extra, *arguments]
        environment = {
            **os.environ, "PYTHONUNBUFFERED": "1",  # Ansible never flushes: into a file, a line would be seen when the next ones fill its buffer
            "ANSIBLE_LOG_PATH": str(place / "ansible.log"), "ANSIBLE_LOCAL_TEMP": str(place / "tmp"), "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(WIRETAP),
            "KUBEDR_TEST_WIRETAP": str(tap), "ANSIBLE_RETRY_FILES_ENABLED": "false", "HOME": str(place),
        }
        before = set(self.journals())
        with open(place / "output", "wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=place, start_new_session=True)
        return Playing(self, process, place / "output", tap, before)

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Played:
        """Run one to its end."""
        return self.begin(playbook, *arguments, **variables).wait()

    def good(self, playbook: str, *arguments: str, **variables: Any) -> Played:
        """As ``play``, and it must end with 0."""
        played = self.play(playbook, *arguments, **variables)
        assert played.rc == 0, played.text[-6000:]
        return played

    def statement(self, **changes: Any) -> dict[str, Any]:
        """The word that tokyo is down, given now."""
        return {"site": "tokyo", "who": "sato", "why": "power lost", "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **changes}

    def failover(self, group: str, *arguments: str, **variables: Any) -> Played:
        """Of one group, unplanned."""
        return self.play("failover", "--limit", group, *arguments, dr_mode="unplanned", **variables)

    def journals(self) -> list[Path]:
        """Every run.json."""
        return sorted((self.lab.path / "evidence").glob("*/*/run.json"))

    def new_runs(self, before: set[Path]) -> dict[str, dict[str, Any]]:
        """The first one of each group since, each valid against the schema: a rival's, begun later, is not this run's."""
        found = {}
        for path in sorted(set(self.journals()) - before, reverse=True):
            document = json.loads(path.read_text(encoding="utf-8"))
            jsonschema.validate(document, SCHEMA)
            found[document["group"]] = document
        return found

    def write(self, groups: list[str]) -> None:
        """At least one more record in each volume of each group, at the source."""
        before = {name: self._written(name) for name in groups}
        for name in groups:
            self.lab.run("write", name)
        end = time.monotonic() + PATIENCE
        while any(self._written(name) <= before[name] for name in groups):
            assert time.monotonic() < end, "nothing is written"
            time.sleep(0.1)
        for name in groups:
            self.lab.run("write", name, "--stop")

    def _written(self, group: str) -> int:
        """How many records every volume of the group holds at the source."""
        return min(int(volume["records"]["count"]) for volume in self.lab.run("read", "tokyo", group).values())

    def ports(self, site: str) -> set[int]:
        """Where a site's systems listen, for clients and for their peers."""
        return {self.lab.part(f"{site}-{system}")[port] for system in ("ontap", "kubernetes") for port in ("api_port", "peer_port")} - {0}

    def connections(self, site: str) -> int:
        """How many connections a site's API listeners took so far."""
        return len(self.lab.log(site, event="connection"))

    def writes(self) -> list[str]:
        """Every write request that came in through the API listeners of both sites, and that its server took."""
        return [
            f"{site} {entry['method']} {entry['path']}" for site in ("tokyo", "osaka") for entry in self.lab.log(site)
            if entry["method"] != "GET" and (entry["status"] or 0) < 400 and not any(part in entry["path"] for part in READS)
        ]

    def leaks(self) -> list[str]:
        """Secrets of the lab, of its applications, and passphrases that runs made, in any file but those that are to hold them."""
        groups = yaml.safe_load(self.lab.inventory.read_text(encoding="utf-8"))["protection_groups"]["hosts"]
        taps = self.folder.parent / f"{self.folder.name}-tap"
        phrases = {f"passphrase {number}": line for path in taps.rglob("phrases") for number, line in enumerate(path.read_text(encoding="utf-8").split())}
        secrets = {**lab_secrets(self.lab.path), **application_secrets(EXAMPLES, groups), **phrases}
        found, count = scan([self.lab.path, self.folder], secrets)
        assert count >= 2 * self.count
        return found
