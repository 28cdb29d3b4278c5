# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them, under ansible-runner: an inventory script, unsafe extra variables, credentials as environment and files, texts from surveys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml

from kubedr_lab.settings import Secrets

from ..support.live import LiveLab, running_lab
from .data import ROOT, credential_type, inject, template

SITES = ("tokyo", "osaka")


@dataclass
class Job:
    """What a job left."""

    rc: int
    events: list[dict[str, Any]]
    text: str

    def lines(self, prefix: str) -> list[str]:
        """Progress lines: events without a host."""
        shown = [event["stdout"] for event in self.events if event["event"] == "verbose"]
        return [line for text in shown for line in text.splitlines() if line.startswith(prefix)]


class Controller:
    """Launches job templates of awx/ against a lab."""

    def __init__(self, lab: LiveLab, folder: Path) -> None:
        self.lab, self.folder, self.count = lab, folder, 0
        secrets = Secrets.load(lab.path / "parts" / "secrets.json")
        self.secrets = [*secrets.ontap.values(), *secrets.kubernetes.values()]
        self.users = {site: lab.variables()["dr_sites"][site]["ontap"]["username"] for site in SITES}
        self.passwords = dict(secrets.ontap)

    def launch(self, playbook: str, **survey: str) -> Job:
        """One job, with the survey's texts as extra variables and only variables that the survey asks for."""
        asked = {question["variable"] for question in template(playbook).get("survey_spec", {}).get("spec", [])}
        assert set(survey) <= asked
        self.count += 1
        private = self.folder / f"job{self.count}"
        (private / "env").mkdir(parents=True)
        self._inventory(private)
        extra = {**survey, "awx_job_id": self.count, "awx_user_name": "alice"}
        unsafe = "".join(f"{key}: !unsafe {json.dumps(value)}\n" for key, value in extra.items())
        (private / "env" / "extravars").write_text(unsafe, encoding="utf-8")
        (private / "env" / "cmdline").write_text(f"-u root --forks={template(playbook)['forks']}", encoding="utf-8")
        runner = ansible_runner.run(
            private_data_dir=str(private), project_dir=str(ROOT), playbook=template(playbook)["playbook"], envvars=self._environment(private), quiet=True,
        )
        events = list(runner.events)
        return Job(runner.rc, events, json.dumps(events) + (runner.stdout.read() if runner.stdout else ""))

    def _environment(self, private: Path) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
        env = {"JOB_ID": str(self.count), "PROJECT_REVISION": "0" * 40, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": collections}
        for site in SITES:
            kubeconfig = (self.lab.path / f"{site}.kubeconfig").read_text(encoding="utf-8")
            inputs = {"ontap_username": self.users[site], "ontap_password": self.passwords[site], "kubeconfig": kubeconfig}
            env.update(inject(credential_type(site), inputs, private / "env"))
        return env

    def _inventory(self, private: Path) -> None:
        """The JSON that AWX's inventory script prints, without any credential in it."""
        inventory = yaml.safe_load(self.lab.inventory.read_text(encoding="utf-8"))["protection_groups"]
        for site in inventory["vars"]["dr_sites"].values():
            site["ontap"] = {key: value for key, value in site["ontap"].items() if key not in ("username", "password")}
            site["kubernetes"] = {}
        hosts = {name: {**own, "remote_tower_enabled": "true", "remote_tower_id": number} for number, (name, own) in enumerate(inventory["hosts"].items(), 1)}
        groups = {"hosts": list(hosts), "vars": inventory["vars"]}
        data = {"all": {"hosts": list(hosts)}, "protection_groups": groups, "_meta": {"hostvars": hosts}}
        script = private / "inventory" / "hosts"
        script.parent.mkdir()
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(data)!r})\n", encoding="utf-8")
        script.chmod(0o700)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    """A controller and a lab with two groups."""
    with running_lab(tmp_path / "lab", "--groups", "2") as lab:
        yield Controller(lab, tmp_path)


def clean(controller: Controller, job: Job) -> Job:
    """The job, no secret in any of its events, in its output, or in any evidence."""
    assert not [secret for secret in controller.secrets if secret in job.text]
    for path in (controller.lab.path / "evidence").rglob("*.json"):
        assert not [secret for secret in controller.secrets if secret in path.read_text(encoding="utf-8")]
    return job


def test_a_day_of_jobs(controller: Controller) -> None:
    """Set-up, status, the loss of the source site, failover, report: each job green only when its promise is kept."""
    job = clean(controller, controller.launch("setup"))
    assert job.rc == 0
    assert job.lines("[app1] setup ")
    assert job.lines("[app2] setup ")
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (controller.lab.path / "evidence").glob("app*/*/run.json")]
    assert [document["by"] for document in documents] == ["alice (AWX job 1)"] * 2
    assert clean(controller, controller.launch("status", dr_require="ready")).rc == 0

    lose_the_source(controller.lab)
    assert clean(controller, controller.launch("failover", dr_mode="unplanned", dr_fence_statement="", dr_backup="")).rc != 0
    statement = {"site": "tokyo", "who": "alice", "why": "power lost", "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    job = clean(controller, controller.launch("failover", dr_mode="unplanned", dr_fence_statement=json.dumps(statement), dr_backup="", dr_snapshot=""))
    assert job.rc == 0
    assert job.lines("[app1] failover ")

    job = clean(controller, controller.launch("report"))
    assert job.rc == 0
    assert "failed_over_unfenced, objects verified" in job.text
    assert clean(controller, controller.launch("setup")).rc != 0


def lose_the_source(lab: LiveLab) -> None:
    """After a backup and a transfer of each group."""
    lab.run("deploy", "--all")
    lab.run("backup", "tokyo")
    for group in ("app1", "app2"):
        lab.run("transfer", group)
    lab.run("kill", "tokyo")
