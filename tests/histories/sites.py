# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pocket lab of a history: made protected once and thawed for each; and what can be read of its inside, past every API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.proposal import Proposal, proposals
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State, derive
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.dr_state import look_group
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict, pocket_env

from kubedr_lab import app
from kubedr_lab.ark import Periods
from kubedr_lab.controllers.volumes import NfsTarget, StorageView
from kubedr_lab.kube_seed import NODES
from kubedr_lab.ontap.data import Unreachable, reach
from kubedr_lab.ontap.tables import CONTENT
from kubedr_lab.pocket import PartState, PocketLab, other
from kubedr_lab.settings import SITES

from .remembering import remembering

GROUP = "app1"
SOURCE, DESTINATION = SITES
UNHURRIED = Periods(sync_tick=10, sync=10, validation_tick=30, validation=30, schedule=5, gc=600, sweep=120)
"""Ark looks less often than in other pocket labs: an hour of a history then costs less than its verbs."""


class HistoryLab(PocketLab):
    """A pocket lab whose Ark does not hurry, and whose controllers do not decode what has not changed."""

    async def _kubernetes(self, site: str, part: PartState) -> Any:
        station: Any = await super()._kubernetes(site, part)
        return remembering(self, site, station, UNHURRIED if self.settings.latency == "none" else Periods())


@dataclass(frozen=True)
class Kind:
    """What the systems of a history are like."""

    ark: str = "velero"
    flexgroup: bool = False
    latency: str = "none"

    def lab(self, frozen: dict[str, Any] | None = None) -> HistoryLab:
        """New, or from a state."""
        return HistoryLab(ark=self.ark, flexgroup=self.flexgroup, latency=self.latency, frozen=frozen)


@cache
def protected(kind: Kind) -> dict[str, Any]:
    """Set up, written to, backed up, transferred."""
    lab = kind.lab()
    lab.deploy(GROUP)
    drivers.run_tasks(drivers.setup_tasks(group_dict(lab, GROUP)), pocket_env(lab), "setup")
    lab.write(GROUP, 4)
    lab.backup(SOURCE)
    lab.transfer(GROUP)
    lab.run(70)
    return lab.freeze()


@lru_cache(maxsize=16384)
def _decoded(stored: str | bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(stored)
    return value


def entries(lab: PocketLab, site: str, system: str, kind: str) -> Iterator[dict[str, Any]]:
    """Records of one kind out of a system's store, which outlives the system. Each is decoded once however often it is looked at: nobody may change it."""
    stored = lab.parts[f"{site}-{system}"].store._kinds.get(kind, {})
    return (_decoded(stored[key]) for key in sorted(stored))


def alive(lab: PocketLab, part: str) -> bool:
    """Whether it runs and answers."""
    return lab.parts[part].condition == "running"


def svm_name(lab: PocketLab, site: str) -> str:
    """The group's SVM of a site."""
    group = lab.group(GROUP)
    return group.source_svm if site == SOURCE else group.destination_svm


def svm_of(lab: PocketLab, site: str) -> dict[str, Any]:
    """The group's SVM of a site, empty where there is none."""
    name = svm_name(lab, site)
    return next((svm for svm in entries(lab, site, "ontap", "svm") if svm["name"] == name), {})


def writable(lab: PocketLab, site: str) -> bool:
    """The SVM takes writes of whoever its rules let in."""
    svm = svm_of(lab, site)
    return bool(svm) and svm["subtype"] == "default" and svm["state"] in ("running", "starting")


def reachable(lab: PocketLab, site: str) -> bool:
    """Writable, by a living cluster, with a LIF up and somebody let in."""
    return alive(lab, f"{site}-ontap") and writable(lab, site) and bool(let_in(lab, site)) and any(
        lif["enabled"] for lif in entries(lab, site, "ontap", "lif") if lif["svm"] == svm_name(lab, site)
    )


def let_in(lab: PocketLab, site: str) -> set[str]:
    """The clients that the rules of the SVM's policies name."""
    name = svm_name(lab, site)
    return {
        client["match"] for policy in entries(
            lab, site, "ontap", "export_policy",
        ) if policy["svm"] == name for rule in policy["rules"] for client in rule["clients"]
    }


def nodes(site: str) -> set[str]:
    """Addresses of a site's nodes."""
    return set(NODES[site].values())


def mirror_into(lab: PocketLab, site: str) -> dict[str, Any]:
    """The relationship whose destination is the group's SVM of that site, empty where there is none."""
    name = svm_name(lab, site)
    return next((found for found in entries(lab, site, "ontap", "relationship") if found["svm"] == name), {})


def record(lab: PocketLab, site: str) -> dict[str, Any]:
    """The group's record there, empty where there is none."""
    for found in entries(lab, site, "kubernetes", "kube.configmaps"):
        if found["metadata"]["name"] == f"kubedr-{GROUP}":
            return _decoded(found["data"]["record"])
    return {}


def newest_record(lab: PocketLab) -> dict[str, Any]:
    """Of both sites, by epoch; the destination's wins a tie."""
    return max((record(lab, DESTINATION), record(lab, SOURCE)), key=lambda found: int(found.get("epoch", 0)))


def pods(lab: PocketLab, site: str) -> list[dict[str, Any]]:
    """The group's pods there that have not ended."""
    wanted = lab.group(GROUP).namespaces
    return [
        pod for pod in entries(lab, site, "kubernetes", "kube.pods")
        if pod["metadata"]["namespace"] in wanted and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]


def mounted(lab: PocketLab, site: str) -> set[tuple[str, str]]:
    """(SVM, volume) that the group's pods of a site can write to now, whichever site's storage it is on."""
    if not alive(lab, f"{site}-kubernetes"):
        return set()
    objects = [list(entries(lab, site, "kubernetes", f"kube.{kind}")) for kind in (
        "persistentvolumeclaims", "persistentvolumes", "tridentvolumes.trident.netapp.io", "tridentbackends.trident.netapp.io",
    )]
    view, found = StorageView.of(*objects), set()
    for pod in pods(lab, site):
        node = NODES[site].get(str(pod["spec"].get("nodeName")))
        targets = [mount.target for mount in view.mounts(pod)] if node else []
        found |= {place for target in targets if isinstance(target, NfsTarget) and node for place in _place(lab, site, node, target)}
    return found


def shared(lab: PocketLab) -> list[str]:
    """Volumes within the reach of both sites' pods."""
    both = mounted(lab, SOURCE) & mounted(lab, DESTINATION)
    return [f"pods of both sites can write to volume {volume} of {svm}" for svm, volume in sorted(both)]


def _place(lab: PocketLab, site: str, node: str, target: NfsTarget) -> set[tuple[str, str]]:
    """As a node's mount does: its own site's storage first, then the other's."""
    for where in (site, other(site)):
        if not alive(lab, f"{where}-ontap") or (where != site and lab.link != "up"):
            continue
        station: Any = lab.station(f"{where}-ontap")
        try:
            svm, volume = reach(station.core.core, target.address, node, target.path, write=True)
        except Unreachable:
            continue
        return {(svm["name"], volume["name"])}
    return set()


@lru_cache(maxsize=512)
def _numbers(content: bytes) -> frozenset[int]:
    return frozenset(number for number, _at in app.records(content))


def holds(lab: PocketLab, site: str) -> dict[str, frozenset[int]]:
    """Per data volume of the site's SVM: the numbers of its records."""
    pieces: dict[str, Any] = lab.parts[f"{site}-ontap"].store._kinds.get(CONTENT, {})
    return {
        volume["name"]: _numbers(b"".join(pieces[key] for key in sorted(pieces) if key.startswith(f"{volume['uuid']}/")))
        for volume in entries(lab, site, "ontap", "volume") if volume["svm"] == svm_name(lab, site) and not volume["root"]
    }


def held(lab: PocketLab, site: str) -> list[str]:
    """Backup locations there that are not as they were found."""
    return [
        location["metadata"]["name"] for location in entries(lab, site, "kubernetes", "kube.backupstoragelocations.velero.io")
        if location["spec"].get("accessMode") not in (None, "", "ReadWrite") or "kubedr.ontap/read-only-hold" in (location["metadata"].get("annotations") or {})
    ]


def status(lab: PocketLab) -> tuple[State, tuple[Proposal, ...]]:
    """What the collection's own look says, and what it proposes."""
    config = parse_group(group_dict(lab, GROUP))
    seen = look_group(config, pocket_env(lab))
    state = derive(seen, config.rpo_seconds)
    return state, proposals(state, seen.record)
