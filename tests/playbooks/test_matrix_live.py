# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of the fault matrix and of the kill matrix with the real ``ansible-playbook`` against servers, sampled by a seed.

Faults: one group walks undisturbed and shows which calls there are; each other group meets one fault on one call of its own, all in one run; then all run
again.
Deaths: the playbook is killed right after so many write requests arrived, begun again, killed again, and so on to the end.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.tests.support.live import LiveLab
from ansible_collections.kubedr.ontap.tests.support.playbooks import READS, Operator, Played

from kubedr_lab.shell.faults import job_backed

SEED = os.environ.get("KUBEDR_SEED", "1")
FAULT_GROUPS, KILL_GROUPS, MOST_WRITES = 18, 3, 3
KINDS = ("500", "503", "401", "reset", "executed", "drop")
JOB_KINDS = ("job-failed", "job-failed-silent", "job-lost")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
KINDS_COMPARED = {"deployments": "apis/apps/v1", "statefulsets": "apis/apps/v1", "services": "api/v1", "secrets": "api/v1", "persistentvolumeclaims": "api/v1"}
BRIEF = {"dr_timeouts": {"answer": 3}}
"""So that a call that meets no answer does not take the test's time."""


@dataclass(frozen=True)
class Cell:
    """One fault: ``path`` has the names and ids of a group as ``{name}``; it hits the ``nth`` request that matches."""

    site: str
    method: str
    path: str
    nth: int
    kind: str


def ask(lab: LiveLab, site: str, system: str, path: str) -> Any:
    """A read as administrator that must be answered."""
    status, body = lab.request(site, system, "GET", path, timeout=30.0)
    assert status == 200, f"{site} {path}: {status}"
    return body


def names_of(lab: LiveLab, group: str) -> dict[str, str]:
    """What is called otherwise for every group: word -> its name or id."""
    found = {}
    for site, svm in (("tokyo", f"svm_{group}"), ("osaka", f"svm_{group}_dr")):
        for word, path in (
            ("svm", f"svm/svms?name={svm}"), ("policy", f"protocols/nfs/export-policies?svm.name={svm}&fields=id"),
            ("volume", f"storage/volumes?svm.name={svm}"),
        ):
            records = ask(lab, site, "ontap", f"/api/{path}")["records"]
            found |= {
                f"{site}_{word}{number}": str(record.get("uuid") or record["id"])
                for number, record in enumerate(sorted(records, key=lambda record: str(record["name"])))
            }
    relations = ask(lab, "osaka", "ontap", f"/api/snapmirror/relationships?destination.path=svm_{group}_dr:")["records"]
    found |= {f"relation{number}": str(record["uuid"]) for number, record in enumerate(relations)}
    return {**found, "group": group}


def general(path: str, names: dict[str, str]) -> str:
    """The path with the group's own names taken out; empty where it is not about this group alone."""
    for word, name in names.items():
        boundary = r"(?<![0-9A-Za-z])" if word == "group" or ID.fullmatch(name) else r"(?<=export-policies/)"
        path = re.sub(rf"{boundary}{re.escape(name)}(?![0-9A-Za-z])", f"{{{word}}}", path)
    return "" if ID.search(path) or "{" not in path else path


def candidates(events: list[dict[str, Any]], site: str, names: dict[str, str]) -> list[Cell]:
    """Every call about the group in a log, with every way in which it can fail."""
    seen: dict[tuple[str, str], int] = {}
    cells = []
    for event in events:
        path = general(event["path"], names)
        if not path:
            continue
        nth = seen[(event["method"], path)] = seen.get((event["method"], path), 0) + 1
        kinds = KINDS + JOB_KINDS if job_backed(event["method"], event["path"]) else KINDS
        cells += [Cell(site, event["method"], path, nth, kind) for kind in kinds]
    return cells


def sample(cells: list[Cell], count: int, name: str) -> list[Cell]:
    """Half of them writes: those are the dangerous ones."""
    dice = random.Random(f"{SEED} {name}")
    writes = [cell for cell in cells if cell.method != "GET"]
    chosen = dice.sample(writes, min(count // 2, len(writes)))
    return chosen + dice.sample([cell for cell in cells if cell not in chosen], count - len(chosen))


def mark(lab: LiveLab) -> dict[str, int]:
    """How long the logs are."""
    return {site: len(lab.log(site)) for site in ("tokyo", "osaka")}


def end_of(lab: LiveLab, group: str) -> dict[str, Any]:
    """What a group came to, on both sides, in words that are the same for every group."""
    end: dict[str, Any] = {}
    for site in ("tokyo", "osaka"):
        svms = ask(lab, site, "ontap", f"/api/svm/svms?name=svm_{group}|svm_{group}_dr&fields=state,subtype")["records"]
        end[f"{site} svm"] = [(svm["state"], svm["subtype"]) for svm in svms]
        policies = ask(lab, site, "ontap", f"/api/protocols/nfs/export-policies?svm.name=svm_{group}|svm_{group}_dr&fields=rules.clients")["records"]
        end[f"{site} rules"] = sorted(
            (policy["name"], sorted(client["match"] for rule in policy.get("rules", []) for client in rule["clients"])) for policy in policies
        )
        volumes = ask(lab, site, "ontap", f"/api/storage/volumes?svm.name=svm_{group}|svm_{group}_dr&fields=type,state")["records"]
        end[f"{site} volumes"] = sorted((volume["type"], volume["state"]) for volume in volumes)
        location = ask(lab, site, "kubernetes", "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default")
        end[f"{site} hold"] = (location["spec"].get("accessMode") == "ReadOnly", sorted(location["metadata"].get("annotations") or {}))
        end[f"{site} objects"] = objects(lab, site, group)
        end[f"{site} record"] = record(lab, site, group)
    relations = ask(lab, "osaka", "ontap", f"/api/snapmirror/relationships?destination.path=svm_{group}_dr:&fields=state,healthy,policy.name")["records"]
    end["relation"] = [(relation["state"], relation["healthy"], relation["policy"]["name"]) for relation in relations]
    data = {site: lab.run("read", site, group) for site in ("tokyo", "osaka")}
    end["data"] = {site: sorted(found["records"]["count"] > 0 for found in data[site].values()) for site in data}
    return end


def clients(policy: dict[str, Any]) -> list[str]:
    """Whom an export policy lets in."""
    return sorted(client["match"] for rule in policy.get("rules", []) for client in rule["clients"])


def objects(lab: LiveLab, site: str, group: str) -> list[str]:
    """Kinds and names of what stands in the group's namespaces, with what is ready of it."""
    found = []
    for namespace in (group, f"{group}-batch"):
        for kind, base in KINDS_COMPARED.items():
            for item in ask(lab, site, "kubernetes", f"/{base}/namespaces/{namespace}/{kind}").get("items") or []:
                spec, status = item.get("spec") or {}, item.get("status") or {}
                state = (spec.get("replicas"), status.get("readyReplicas"), status.get("phase"))
                found.append(f"{kind} {namespace}/{item['metadata']['name']} {state}".replace(group, "GROUP"))
    return sorted(found)


def record(lab: LiveLab, site: str, group: str) -> dict[str, Any]:
    """What the record says that does not vary with ids and times."""
    status, found = lab.request(site, "kubernetes", "GET", f"/api/v1/namespaces/velero/configmaps/kubedr-{group}")
    assert status in (200, 404)
    full = json.loads(found["data"]["record"]) if status == 200 else {}

    def of(part: str, key: str) -> Any:
        return (full.get(part) or {}).get(key)

    return {
        **{key: full.get(key) for key in ("epoch", "active_site", "roles")}, "intent": ((full.get("intent") or {}).get("break") or {}).get("epoch"),
        "fence": of("fence", "kind"), "objects": of("objects", "state"), "verified": of("verified", "epoch"), "broken": bool(of("broken", "at")),
        "backup": bool(of("backup", "name")), "proof": sorted(full.get("proof") or {}),
        "replicas": {name.replace(group, "GROUP"): count for name, count in (of("replicas", "counts") or {}).items()},
    }


def protect(operator: Operator, count: int) -> None:
    """Written to, backed up and transferred."""
    lab, groups = operator.lab, [f"app{number}" for number in range(1, count + 1)]
    operator.write(groups)
    lab.run("backup", "tokyo")
    for group in groups:
        lab.run("transfer", group)


def fault_round(operator: Operator, playbook: str, site: str, cells: list[Cell], **variables: Any) -> int:
    """Each group but the first meets one cell's fault; then they run again without, and end as the first. Returns how many met theirs."""
    lab, groups = operator.lab, [f"app{number}" for number in range(2, len(cells) + 2)]
    for group, cell in zip(groups, cells, strict=True):
        path = cell.path.format(**names_of(lab, group))
        lab.run("fault", site, "--match", f"{cell.method} {re.escape(path)}$", "--kind", cell.kind, "--nth", str(cell.nth), "--seconds", "1")
    first = operator.play(playbook, "--limit", ",".join(groups), "--forks", str(len(groups)), **variables)
    hits = sum(1 for event in lab.log(site) if event.get("fault"))
    lab.run("faults", "clear")
    lines = [f"{playbook}: {cell}: {ending(first, group)}" for group, cell in zip(groups, cells, strict=True)]
    second = operator.play(playbook, "--limit", ",".join(groups), "--forks", str(len(groups)), **variables)
    assert second.rc == 0, f"{lines}\n{second.text[-6000:]}"
    reference = end_of(lab, "app1")
    wrong = [
        f"{line}: {group} ended otherwise: {different(end_of(lab, group), reference)}" for line, group in zip(lines, groups, strict=True)
        if different(end_of(lab, group), reference)
    ]
    assert not wrong, "\n".join(wrong)
    return hits


def ending(played: Played, group: str) -> str:
    """``right``, or ``clear``: failed with a message that names a system."""
    run = played.runs[group]
    if run["result"] == "succeeded":
        return "right"
    assert run["result"] == "failed", run
    assert re.search(r"(ONTAP|Kubernetes|site) (tokyo|osaka)", run["message"]), f"a message that names no system: {run['message']}"
    return "clear"


def different(end: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """Where two groups ended otherwise."""
    return [f"{key}: {end[key]} instead of {reference[key]}" for key in reference if end[key] != reference[key]]


@pytest.mark.parametrize("operator", [["--groups", str(FAULT_GROUPS)]], indirect=True)
def test_thirty_faults(operator: Operator) -> None:
    lab = operator.lab
    lab.run("deploy", "--all")
    operator.good("setup", "--forks", "8")
    protect(operator, FAULT_GROUPS)
    met = 0
    for playbook, site, variables in (("fence", "tokyo", {}), ("failover", "osaka", {"dr_mode": "unplanned"})):
        before = mark(lab)
        operator.good(playbook, "--limit", "app1", **BRIEF, **variables)
        cells = candidates(lab.log(site)[before[site]:], site, names_of(lab, "app1"))
        met += fault_round(operator, playbook, site, sample(cells, FAULT_GROUPS - 1, playbook), **BRIEF, **variables)
    assert met >= 30


class Writes:
    """Counts write requests as they arrive, from the lab's log files."""

    def __init__(self, lab: LiveLab, names: tuple[str, ...] = ("tokyo-ontap", "tokyo-kubernetes", "osaka-ontap", "osaka-kubernetes")) -> None:
        self.places = {Path(lab.part(name)["log"]): Path(lab.part(name)["log"]).stat().st_size for name in names}

    def new(self) -> int:
        """How many arrived since the last time."""
        requests = [event for path in self.places for event in self._events(path) if event.get("via") == "api" and event["event"] == "request"]
        return sum(1 for event in requests if event["method"] != "GET" and not any(word in event["path"] for word in READS))

    def _events(self, path: Path) -> Iterator[dict[str, Any]]:
        with open(path, "rb") as stream:
            stream.seek(self.places[path])
            content = stream.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.places[path] += len(whole)
        return (json.loads(line) for line in whole.splitlines())


GRACE = 4
"""After so many deaths one write more: a run takes its lease and its hold anew before it comes further than the one before it."""
STARTING = 0.3
"""Seconds in which no playbook has sent anything yet: what the logs still get comes from a run that is dead."""


def kill_chain(operator: Operator, playbook: str, dice: random.Random, *arguments: str, **variables: Any) -> int:
    """Run, kill it with its workers after one to three writes, later some more, run again, ... until a run ends by itself, which it must do well.

    Returns: how many were killed.
    """
    killed = 0
    while True:
        playing = operator.begin(playbook, *arguments, **variables)
        time.sleep(STARTING)
        writes, wanted, seen = Writes(operator.lab), dice.randint(1, MOST_WRITES + killed // GRACE), 0
        while playing.process.poll() is None and seen < wanted:
            seen += writes.new()
            time.sleep(0.002)
        if playing.process.poll() is None:
            playing.kill_all()
            killed += 1
            assert killed < 60, "it comes no further"
            continue
        played = playing.wait()
        assert played.rc == 0, f"after {killed} deaths:\n{played.text[-6000:]}"
        return killed


@pytest.mark.parametrize("operator", [["--groups", str(KILL_GROUPS)]], indirect=True)
def test_thirty_deaths(operator: Operator) -> None:
    """app1 walks undisturbed, the others through one death after another: all end the same."""
    lab, dice = operator.lab, random.Random(f"{SEED} deaths")
    lab.run("deploy", "--all")
    killed = kill_chain(operator, "setup", dice, "--limit", "app2")
    operator.good("setup")
    assert not different(end_of(lab, "app2"), end_of(lab, "app1"))
    protect(operator, KILL_GROUPS)
    killed += kill_chain(operator, "fence", dice, "--limit", "app2")
    operator.good("fence")
    assert not different(end_of(lab, "app2"), end_of(lab, "app1"))
    operator.good("failover", "--limit", "app1", dr_mode="unplanned")
    for group in ("app2", "app3"):
        killed += kill_chain(operator, "failover", dice, "--limit", group, dr_mode="unplanned")
        assert not different(end_of(lab, group), end_of(lab, "app1"))
    assert killed >= 30
