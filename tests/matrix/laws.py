# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws that hold at every moment of a run, however it goes, and those that hold when it has ended. Each finding is one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.lease import TTL_SECONDS
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.statement import parse_instant
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.locations import HOLD_ANNOTATION

from kubedr_lab.kube_seed import NODES
from kubedr_lab.pocket import PocketLab, other
from kubedr_lab.settings import SITES

from .ends import entries, record_of
from .scenarios import Scenario
from .wire import Call

SOURCE, DESTINATION = SITES


@dataclass
class Watch:
    """Looks at the systems themselves before and after each call of a run.

    Args:
        scenario: where its release starts the SVM with the break, nothing but the rules and the record may be written until the rules are right.
    """

    lab: PocketLab
    group: str
    scenario: Scenario
    broken: list[str] = field(default_factory=list)

    def __call__(self, moment: str, call: Call, request: Request | None) -> None:
        """One look."""
        early = self.scenario.break_starts_svm
        if moment == "before":
            self._intent_before_break(call, request)
            creates = call.method == "POST" and call.system == "kubernetes" and "downloadrequests" not in call.path
            if early and creates and self._open_to_others(DESTINATION):
                self._find(f"{call} was sent while {self._open_to_others(DESTINATION)} could mount the volumes")
            return
        if call.system == "ontap":
            for site in SITES:
                if not early and self._open_to_others(site):
                    self._find(f"after {call} the SVM of {site} runs and lets in {self._open_to_others(site)}")
            if all(self._writable(site) and self.lab.parts[f"{site}-ontap"].condition == "running" for site in SITES):
                self._find(f"after {call} both SVMs are writable and running")

    def _find(self, text: str) -> None:
        if text not in self.broken:
            self.broken.append(text)

    def _writable(self, site: str) -> bool:
        names = (self.lab.group(self.group).source_svm, self.lab.group(self.group).destination_svm)
        return any(
            svm["name"] in names and svm["subtype"] == "default" and svm["state"] in ("running", "starting") for _key,
            svm in entries(self.lab, site, "ontap", "svm")
        )

    def _open_to_others(self, site: str) -> list[str]:
        """Who but the site's own nodes could mount a volume of its running SVM: nobody else at the destination, not the other site's nodes at the source."""
        if not self._writable(site):
            return []
        name = self.lab.group(self.group).source_svm if site == SOURCE else self.lab.group(self.group).destination_svm
        rules = [rule for _key, policy in entries(self.lab, site, "ontap", "export_policy") if policy["svm"] == name for rule in policy["rules"]]
        let_in = {client["match"] for rule in rules for client in rule["clients"]}
        return sorted(let_in & set(NODES[other(site)].values()) if site == SOURCE else let_in - set(NODES[site].values()))

    def _intent_before_break(self, call: Call, request: Request | None) -> None:
        if call.method != "PATCH" or "/snapmirror/relationships/" not in call.path or (request and request.body or {}).get("state") != "broken_off":
            return
        record = record_of(self.lab, call.site, self.group) or {}
        intended = ((record.get("intent") or {}).get("break") or {}).get("epoch") == record.get("epoch") and (record.get("backup") or {}).get("name")
        if not intended and self.scenario.verb != "teardown":
            self._find("the break was sent before intent and backup were in the record")


def after_end(lab: PocketLab, group: str, scenario: Scenario, *, clean: str = "", held: bool = False, downloads: int = 0) -> list[str]:
    """What must hold when a run has ended.

    Args:
        clean: the id of the run, where it ended right, so that nothing of it is left. Otherwise its lease and its hold may stand: the lease runs out, the hold
            is released by the next run.
        downloads: so many DownloadRequests may be left, because the calls that make and delete them went wrong; they expire by themselves.
    """
    found = []
    for site in SITES:
        found += _record(lab, site, group, scenario, clean)
        if _restoring(lab, site, group) and not _location(lab, site) and lab.settings.ark == "velero":
            found.append(f"a restore runs at {site}, and the backup location is not held")
        if clean or not (held or _restoring(lab, site, group)):
            found += _location(lab, site)
        left = [key for kind in ("velero.io", "ark.heptio.com") for key, _record in entries(lab, site, "kubernetes", f"kube.downloadrequests.{kind}")]
        if len(left) > downloads:
            found.append(f"DownloadRequests are left at {site}: {left}")
    return found


def _restoring(lab: PocketLab, site: str, group: str) -> bool:
    """Whether a Restore of the group has not ended: as long the location is held."""
    ended = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")
    found = [restore for kind in ("velero.io", "ark.heptio.com") for _key, restore in entries(lab, site, "kubernetes", f"kube.restores.{kind}")]
    return any(r["metadata"]["name"].startswith(f"kubedr-{group}-") and (r.get("status") or {}).get("phase") not in ended for r in found)


def _location(lab: PocketLab, site: str) -> list[str]:
    return [
        f"backup location {key} of {site} is still held: {location['spec'].get('accessMode')} {location['metadata'].get('annotations')}"
        for _kind in ("velero.io",) for key, location in entries(lab, site, "kubernetes", f"kube.backupstoragelocations.{_kind}")
        if location["spec"].get("accessMode") not in (None, "", "ReadWrite") or HOLD_ANNOTATION in (location["metadata"].get("annotations") or {})
    ]


def _record(lab: PocketLab, site: str, group: str, scenario: Scenario, clean: str) -> list[str]:
    record = record_of(lab, site, group)
    if record is None:
        return []
    found = [f"the record of {site} {problem}" for problem in _inconsistencies(record)]
    lease = record.get("lease")
    if lease and clean and lease.get("run_id") == clean:
        found.append(f"the lease of {clean} is left at {site}")
    if lease:
        expires, renewed = parse_instant(lease.get("expires_at")), parse_instant(lease.get("renewed_at"))
        if not expires or not renewed or (expires - renewed).total_seconds() > TTL_SECONDS:
            found.append(f"the lease at {site} does not run out: {lease}")
    ours = (lab.group(group).source_svm, lab.group(group).destination_svm)
    broken = [r for _key, r in entries(lab, site, "ontap", "relationship") if r["svm"] in ours and r["state"] == "broken_off"]
    left = scenario.verb == "failback" and site == DESTINATION  # broken off since the failover that is being undone
    if broken and scenario.verb != "teardown" and not left and ((record.get("intent") or {}).get("break") or {}).get("epoch") != record.get("epoch"):
        found.append(f"the relationship into {site} is broken off, and the record there has no intent")
    return found


def _inconsistencies(record: dict[str, Any]) -> list[str]:
    """A record contradicts itself."""
    epoch, problems = record.get("epoch"), []
    objects = record.get("objects") or {}
    if not isinstance(epoch, int) or epoch < 1:
        problems.append(f"has epoch {epoch!r}")
    if (record.get("run") or {}).get("verb") == "failover":
        for part in ("run", "fence", "backup", "objects"):
            if (record.get(part) or {}).get("epoch") != epoch:
                problems.append(f"is of epoch {epoch}, its {part} is of {(record.get(part) or {}).get('epoch')}")
        if record.get("active_site") != DESTINATION:
            problems.append(f"names {record.get('active_site')} as the active site after a failover")
    if objects.get("state") == "verified" and (record.get("verified") or {}).get("epoch") != epoch:
        problems.append("says verified without saying what was")
    if objects.get("state") in ("restored", "verified") and not (record.get("restores") or {}).get("namespaces"):
        problems.append("says restored without naming the restore")
    return problems
