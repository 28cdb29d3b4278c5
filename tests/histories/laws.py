# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws that hold at every call of a run, read from the inside of the systems. Each finding is one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.tests.matrix.wire import Call

from kubedr_lab.pocket import other
from kubedr_lab.settings import SITES

from . import sites
from .sites import HistoryLab

LEASE_AT = {"failover": sites.DESTINATION, "reprotect": sites.DESTINATION, "failback": sites.SOURCE}
"""Verb -> the site whose record holds the lease that its writes to ONTAP need. Fence takes it wherever it can; set-up needs none."""
UNENDED = ("New", "InProgress", "WaitingForPluginOperations", "Finalizing")


@dataclass
class Watch:
    """Looks before and after each call of one run.

    Args:
        excused: the operator said that a living site is down, so two writable copies are his doing.
    """

    lab: HistoryLab
    verb: str
    run_id: str
    excused: bool = False
    broken: list[str] = field(default_factory=list)
    both_before: bool = False
    open_before: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.both_before = self._both()
        self.open_before = {site: self._strangers(site) for site in SITES}

    def __call__(self, moment: str, call: Call, request: Request | None) -> None:
        """One look."""
        if moment == "before":
            if call.writes and call.system == "ontap":
                self._under_lease(call)
                self._intent_before_break(call, request)
            if request is not None and call.method == "DELETE" and "/persistentvolumes/" in call.path:
                self._kept(call, request.path.partition("?")[0].rpartition("/")[2])
            return
        if call.system == "ontap":
            self._two_copies(call)
        elif call.writes:
            self._held(call)
        if call.writes:
            for text in sites.shared(self.lab):
                self.find(f"after {call} {text}")

    def find(self, text: str) -> None:
        """Each finding once."""
        if text not in self.broken:
            self.broken.append(text)

    def _both(self) -> bool:
        return all(sites.reachable(self.lab, site) for site in SITES)

    def _strangers(self, site: str) -> set[str]:
        """Nodes of the other site that the running SVM of this one lets in."""
        return sites.let_in(self.lab, site) & sites.nodes(other(site)) if sites.writable(self.lab, site) else set()

    def _two_copies(self, call: Call) -> None:
        both = self._both()
        if both and not self.both_before and not self.excused:
            self.find(f"after {call} both SVMs are writable and can be reached")
        self.both_before = self.both_before and both
        for site in SITES:
            strangers = self._strangers(site) - self.open_before[site]
            if strangers:
                self.find(f"after {call} the SVM of {site} runs and lets in {sorted(strangers)}")

    def _under_lease(self, call: Call) -> None:
        if self.verb == "setup" or (call.method == "PATCH" and not call.path.startswith("/api/")):
            return
        wanted = [LEASE_AT[self.verb]] if self.verb in LEASE_AT else list(SITES)
        holders = {site: (sites.record(self.lab, site).get("lease") or {}).get("run_id") for site in wanted}
        if self.run_id not in holders.values():
            self.find(f"{call} was sent while the lease is held by {holders}")

    def _intent_before_break(self, call: Call, request: Request | None) -> None:
        if call.method != "PATCH" or "/snapmirror/relationships/" not in call.path or (request and request.body or {}).get("state") != "broken_off":
            return
        record = sites.record(self.lab, call.site)
        if ((record.get("intent") or {}).get("break") or {}).get("epoch") != record.get("epoch") or not (record.get("backup") or {}).get("name"):
            self.find("a break was sent before intent and backup were in the record")

    def _kept(self, call: Call, name: str) -> None:
        for pv in sites.entries(self.lab, call.site, "kubernetes", "kube.persistentvolumes"):
            if pv["metadata"]["name"] == name and pv["spec"].get("persistentVolumeReclaimPolicy") != "Retain":
                self.find(f"PersistentVolume {name} of {call.site} was deleted while its policy was {pv['spec'].get('persistentVolumeReclaimPolicy')}")

    def _held(self, call: Call) -> None:
        """Velero: the location is read-only for as long as a restore of ours runs."""
        for restore in sites.entries(self.lab, call.site, "kubernetes", "kube.restores.velero.io"):
            phase = (restore.get("status") or {}).get("phase") or "New"
            if restore["metadata"]["name"].startswith(f"kubedr-{sites.GROUP}-") and phase in UNENDED and not sites.held(self.lab, call.site):
                self.find(f"after {call} restore {restore['metadata']['name']} is {phase} while its backup location can be written")
