# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts that show something share: a lab, playbooks run against it, and what they left. Whatever goes wrong ends the script."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
CHANGED = re.compile(r"^\S+\s+: ok=\d+\s+changed=(\d+)", re.MULTILINE)


def say(text: str) -> None:
    """A chapter, with the seconds since the script began."""
    print(f"\n\033[1m[{time.monotonic() - BEGAN:5.1f} s] {text}\033[0m", flush=True)


def wait_for(what: str, done: Callable[[], Any], seconds: float = 90) -> Any:
    """Look until something is there."""
    end = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > end:
            sys.exit(f"{what} did not come within {seconds:g} s")
        time.sleep(0.5)
    return found


def instant(text: str) -> datetime:
    """An ISO 8601 instant, as evidence and Kubernetes have it."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Played:
    """A playbook that ended. ``text`` and ``changed`` (tasks, of all groups) only where it was run quietly."""

    code: int
    seconds: float
    text: str = ""

    @property
    def changed(self) -> int:
        """The recap's ``changed``."""
        return sum(map(int, CHANGED.findall(self.text)))


@dataclass(frozen=True)
class Kept:
    """Of one volume: records written before the site was lost, how many of them the loss statement keeps, how many came since, and whether that is exactly
    what stands."""

    volume: str
    written: int
    kept: int
    new: int
    exact: bool

    def __str__(self) -> str:
        lost, verdict = self.written - self.kept, "exact" if self.exact else "NOT EXACT"
        return f"{self.volume:52} {self.written:5} written, {self.kept:5} kept, {lost:4} lost after the instant, {self.new:4} new since: {verdict}"


class Lab:
    """A lab in a folder. Use it as a context manager: it is taken down however that ends."""

    def __init__(self, state: Path, *up: str) -> None:
        self.state, self.up = state, up

    def __enter__(self) -> Lab:
        self("down")
        self("up", *self.up)
        return self

    def __exit__(self, *_error: object) -> None:
        self("down")

    def __call__(self, *words: str) -> Any:
        """One call of kubedr-lab; its JSON."""
        done = subprocess.run(["kubedr-lab", "--state", str(self.state), "--json", *words], check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"kubedr-lab {' '.join(words)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout or "null")

    def play(self, name: str, *words: str, quiet: bool = False, **variables: Any) -> Played:
        """Run a playbook of the collection, with its output shown or kept."""
        began = time.monotonic()
        environ = {**os.environ, "ANSIBLE_FORKS": "10", "ANSIBLE_DISPLAY_OK_HOSTS": "true", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
        extra = ["-e", json.dumps(variables)] if variables else []
        command = ["ansible-playbook", "-i", str(self.state / "inventory.yml"), f"kubedr.ontap.{name}", *words, *extra]
        done = subprocess.run(
            command, check=False, env=environ, cwd=self.state, text=True, stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
        )
        return Played(done.returncode, time.monotonic() - began, done.stdout or "")

    def good(self, name: str, *words: str, quiet: bool = False, **variables: Any) -> Played:
        """As ``play``; ends the script if it fails."""
        played = self.play(name, *words, quiet=quiet, **variables)
        if played.code:
            sys.exit(f"{played.text}\n{name} ended with {played.code}")
        return played

    def now(self, site: str) -> datetime:
        """The clock of a site, which judges statements about the other one."""
        port = json.loads((self.state / "lab.json").read_text())["parts"][f"{site}-kubernetes"]["api_port"]
        trust = ssl.create_default_context(cafile=str(self.state / "ca.pem"))
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/version", context=trust, timeout=10) as answer:
            return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)

    def statement(self, lost: str, survivor: str, who: str) -> dict[str, str]:
        """The word that a site is down, given now."""
        return {"site": lost, "who": who, "why": "it was killed a moment ago", "at": f"{self.now(survivor):%Y-%m-%dT%H:%M:%SZ}"}

    def kubectl(self, site: str, *words: str) -> str:
        """What kubectl prints."""
        command = ["kubectl", "--kubeconfig", str(self.state / f"{site}.kubeconfig"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "HOME": str(self.state)}).stdout

    def evidence(self, group: str, verb: str) -> dict[str, Any]:
        """The run.json of a verb's last run."""
        found = [json.loads(path.read_text()) for path in (self.state / "evidence" / group).glob(f"*-{verb}-*/run.json")]
        newest: dict[str, Any] = max(found, key=lambda run: run["started_at"])
        return newest

    def compare(self, group: str, run: dict[str, Any], lost: str, survivor: str) -> list[Kept]:
        """Read the volumes on both disks: exactly the records after the instants that a promotion stated are to be missing at the survivor, and no other."""
        stated = {volume["name"]: instant(volume["lost_after"]) for volume in run["loss"]["volumes"]}
        before, after = (
            {
                name: [(int(n), instant(at)) for n, at in volume["records"]["records"]] for name, volume in self("read", site, group, "--records").items()
            } for site in (lost, survivor)
        )
        found = []
        for volume, records in before.items():
            last = max(records, default=(0, None))[0]
            stands = [record for record in after.get(volume, []) if record[0] <= last]
            kept = [record for record in records if record[1] <= stated[volume]]
            found.append(Kept(volume, len(records), len(kept), len(after.get(volume, [])) - len(stands), stands == kept and bool(kept)))
        return found
