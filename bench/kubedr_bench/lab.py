# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab for the benchmark, made ready for a failover, and ansible-playbook run against it and measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client as kube_client
from kubernetes import config as kube_config
from urllib3.exceptions import HTTPError

SYNC_PATIENCE = 150.0
"""Seconds; a Velero server looks for new backups of other clusters once a minute."""


class BenchError(Exception):
    """Something that the benchmark needs did not happen; the text says what."""


@dataclass(frozen=True)
class Measured:
    """One ansible-playbook. ``cpu`` is user and system time of it and of every process that it waited for, in seconds; instants are epoch seconds."""

    begin: float
    end: float
    cpu: float
    output: str

    @property
    def wall(self) -> float:
        """Seconds from its start to its end."""
        return self.end - self.begin


class Bench:
    """A lab in a folder of its own. Use it as a context manager: it is taken down however that ends."""

    def __init__(self, folder: Path, *up: str) -> None:
        self.folder, self.up = folder, up

    def __enter__(self) -> Bench:
        try:
            self.lab("up", *self.up)
            self.lab("deploy", "--all")
        except BaseException:
            self._down()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._down()

    def _down(self) -> None:
        with suppress(BenchError):
            self.lab("down")

    def lab(self, *arguments: str) -> Any:
        """One ``kubedr-lab`` command. Returns its JSON."""
        command = [sys.executable, "-m", "kubedr_lab.cli", "--state", str(self.folder), "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"kubedr-lab {' '.join(arguments)}: {done.stderr.strip()[-1000:]}")
        return json.loads(done.stdout)

    def playbook(self, name: str, *, limit: Iterable[str] = (), variables: Mapping[str, Any] | None = None, forks: int = 20, callback: str = "") -> Measured:
        """Run one playbook and measure its whole process tree.

        Raises:
            BenchError: it failed; with the end of what it printed.
        """
        command = ["ansible-playbook", "-i", str(self.folder / "inventory.yml"), "-f", str(forks), name]
        command += ["--limit", ",".join(limit)] if limit else []
        command += ["-e", json.dumps(variables)] if variables else []
        environment = {**os.environ, **({"ANSIBLE_STDOUT_CALLBACK": callback} if callback else {})}
        log = self.folder / f"{Path(name).name}.{time.monotonic_ns()}.log"
        with log.open("w", encoding="utf-8") as output:
            begin = time.time()
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, cwd=self.folder)
            try:
                _pid, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                process.wait()
                raise
            end = time.time()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed = log.read_text(encoding="utf-8")
        if process.returncode:
            raise BenchError(f"{' '.join(command[:6])} ended with {process.returncode}:\n{printed[-3000:]}")
        return Measured(begin, end, usage.ru_utime + usage.ru_stime, printed)

    def protect(self) -> None:
        """Set up every group, let a backup be written, wait until the other site shows it, and lose the source site."""
        self.playbook("kubedr.ontap.setup")
        self.lose_source()

    def lose_source(self) -> None:
        """A backup that both sites show; then SIGKILL of all of the source site."""
        name = str(self.lab("backup", "tokyo")["name"])
        self._wait_synced(name)
        self.lab("kill", "tokyo")

    def _wait_synced(self, name: str) -> None:
        api = kube_client.CustomObjectsApi(kube_config.new_client_from_config(str(self.folder / "osaka.kubeconfig")))
        end = time.monotonic() + SYNC_PATIENCE
        while name not in {item["metadata"]["name"] for item in api.list_namespaced_custom_object("velero.io", "v1", "velero", "backups")["items"]}:
            if time.monotonic() > end:
                raise BenchError(f"osaka does not show backup {name} after {SYNC_PATIENCE:g} s")
            time.sleep(0.5)

    def fail_over(self, groups: Iterable[str]) -> Measured:
        """Our playbook, unplanned, for these groups."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        statement = {"site": "tokyo", "who": "the benchmark", "why": "it killed the site", "at": now}
        return self.playbook("kubedr.ontap.failover", limit=groups, variables={"dr_mode": "unplanned", "dr_fence_statement": statement})

    def events(self) -> list[dict[str, Any]]:
        """The surviving site's log."""
        found: list[dict[str, Any]] = self.lab("log", "osaka")
        return found

    def both_events(self) -> list[dict[str, Any]]:
        """The logs of both sites."""
        return [event for site in ("tokyo", "osaka") for event in self.lab("log", site)]

    def backups_seen(self) -> dict[str, list[float]]:
        """When each cluster that answers made its object of each backup, in epoch seconds, by name."""
        found: dict[str, list[float]] = {}
        for site in ("tokyo", "osaka"):
            api = kube_client.CustomObjectsApi(kube_config.new_client_from_config(str(self.folder / f"{site}.kubeconfig")))
            with suppress(HTTPError):
                for item in api.list_namespaced_custom_object("velero.io", "v1", "velero", "backups")["items"]:
                    at = datetime.fromisoformat(item["metadata"]["creationTimestamp"].replace("Z", "+00:00")).timestamp()
                    found.setdefault(item["metadata"]["name"], []).append(at)
        return found
