# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what was reported is true: each word of a state, and each promise of a run that ended green, against the inside of the systems."""

from __future__ import annotations

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Objects, Storage

from kubedr_lab.pocket import other
from kubedr_lab.settings import SITES

from . import sites
from .ledger import Ledger
from .runs import Ended
from .sites import DESTINATION, SOURCE, HistoryLab

PROMOTED = {Storage.FAILED_OVER: DESTINATION, Storage.FAILED_OVER_UNFENCED: DESTINATION, Storage.FAILED_BACK: SOURCE, Storage.FAILED_BACK_UNFENCED: SOURCE}
ENDED_WELL = {"Completed"}


def of_state(lab: HistoryLab, state: State, ledger: Ledger) -> list[str]:
    """What a state claims and is not so."""
    found = []
    if state.storage is Storage.PROTECTED:
        found += _mirrored(lab, SOURCE, DESTINATION) + ledger.missing(lab, SOURCE, None)
        if sites.mirror_into(lab, SOURCE):
            found.append("the relationship home still stands")
    if state.storage is Storage.REPROTECTED:
        found += [text for text in _mirrored(lab, DESTINATION, SOURCE) if "does not run" not in text]
    if state.storage in PROMOTED:
        found += _promoted(lab, PROMOTED[state.storage], seen=state.storage in (Storage.FAILED_OVER, Storage.FAILED_BACK))
    if state.objects is Objects.VERIFIED:
        found += _verified(lab)
    if state.objects is Objects.VERIFIED and state.storage in PROMOTED:
        found += _runs(lab, PROMOTED[state.storage], ledger)
    return [f"the state is {state.storage}, {state.objects}, but {text}" for text in found]


def _runs(lab: HistoryLab, site: str, ledger: Ledger) -> list[str]:
    """Where nothing was lost, fenced or scaled down since, the pods are there, and each volume of the group is mounted by one of them."""
    record = sites.record(lab, site)
    held = any((record.get(key) or {}).get("epoch") == record.get("epoch") for key in ("proof", "planned", "replicas"))
    if held or lab.link != "up" or any(part.condition != "running" for part in lab.parts.values()):
        return []
    here = {volume for svm, volume in sites.mounted(lab, site) if svm == sites.svm_name(lab, site)}
    return [] if here >= ledger.volumes else [f"the pods of {site} have {sorted(here)} of {sorted(ledger.volumes)}"]


def _mirrored(lab: HistoryLab, serving: str, mirror: str) -> list[str]:
    relation, svm, copy = sites.mirror_into(lab, mirror), sites.svm_of(lab, serving), sites.svm_of(lab, mirror)
    found = []
    if relation.get("state") != "snapmirrored" or not relation.get("healthy"):
        found.append(f"the mirror into {mirror} is {relation.get('state')}, healthy {relation.get('healthy')}")
    if svm.get("subtype") != "default" or svm.get("state") != "running":
        found.append(f"the SVM of {serving} does not run: {svm.get('subtype')}, {svm.get('state')}")
    if copy.get("subtype") != "dp_destination":
        found.append(f"the SVM of {mirror} is {copy.get('subtype')}")
    here, there = sites.holds(lab, serving), sites.holds(lab, mirror)
    strange = {volume: sorted(numbers - here.get(volume, frozenset())) for volume, numbers in there.items() if numbers - here.get(volume, frozenset())}
    if strange:
        found.append(f"the mirror holds records that {serving} does not: {strange}")
    return found


def _promoted(lab: HistoryLab, site: str, *, seen: bool) -> list[str]:
    found, left = [], other(site)
    svm = sites.svm_of(lab, site)
    if svm.get("subtype") != "default" or svm.get("state") != "running":
        found.append(f"the SVM of {site} is {svm.get('subtype')}, {svm.get('state')}")
    if not sites.let_in(lab, site):
        found.append(f"nobody is let in at {site}")
    if seen and sites.writable(lab, left):
        found.append(f"the SVM of {left} is not stopped")
    return found


def _verified(lab: HistoryLab) -> list[str]:
    seen = [sites.record(lab, site) for site in (DESTINATION, SOURCE) if sites.alive(lab, f"{site}-kubernetes")]
    record = max(seen, key=lambda found: int(found.get("epoch", 0)), default={})
    site, name = str(record.get("active_site")), str((record.get("restores") or {}).get("namespaces"))
    if (record.get("verified") or {}).get("epoch") != record.get("epoch"):
        return ["the record does not say what was verified"]
    kinds = ("kube.restores.velero.io", "kube.restores.ark.heptio.com")
    phases = [
        (found.get("status") or {}).get("phase") for kind in kinds for found in sites.entries(lab, site, "kubernetes", kind)
        if found["metadata"]["name"] == name
    ]
    return [f"restore {name} of {site} ended {phases[0]}"] if phases and phases[0] not in ENDED_WELL else []


def of_run(lab: HistoryLab, ended: Ended, ledger: Ledger) -> list[str]:
    """What a green run promised and did not keep."""
    verb, mode = ended.order.verb, ended.order.mode
    if verb in ("failover", "failback"):
        return _of_promotion(lab, ended, ledger, SOURCE if verb == "failback" else DESTINATION, mode)
    if verb == "fence" and ended.order.options.get("fence") == "lift":
        return []
    found = []
    if verb == "fence":
        stopped = [site for site in SITES if sites.svm_of(lab, site).get("state") == "stopped"]
        if not stopped:
            found.append("fence ended green, and both SVMs run")
    wanted = {"setup": (SOURCE, DESTINATION), "reprotect": (DESTINATION, SOURCE)}.get(verb)
    if wanted:
        found += [text for text in _mirrored(lab, *wanted) if verb == "setup" or "does not run" not in text]
    return [f"{ended.order} ended green, but {text}" for text in found]


def _of_promotion(lab: HistoryLab, ended: Ended, ledger: Ledger, site: str, mode: str) -> list[str]:
    stale = int(sites.record(lab, site).get("epoch") or 0) < int(sites.newest_record(lab).get("epoch") or 0)
    if stale and mode == "unplanned" and not any(result["changed"] for result in ended.results):
        return []  # it never contacts the other site, whose record is newer: it says what this side knows, and did nothing
    state = ended.results[-1].get("state") or {}
    found = sites.held(lab, site)
    found = [f"backup location {name} of {site} is still held" for name in found]
    if state.get("objects") != "verified" and not (ended.order.verb == "failback" and mode == "planned"):
        found.append(f"objects are {state.get('objects')}")
    found += _promoted(lab, site, seen=state.get("storage") in ("failed_over", "failed_back", "protected"))
    decided = str((sites.record(lab, site).get("run") or {}).get("mode"))
    found += ledger.missing(lab, site, None if decided == "planned" else ended.notes.get("loss"))
    done, broken = ledger.write(lab)
    written = {one.volume for one in done.get(site, ())}
    if written != ledger.volumes:
        found.append(f"the application of {site} can write {sorted(written)} of {sorted(ledger.volumes)}")
    return [*(f"{ended.order} ended green, but {text}" for text in found), *broken]


def of_word(lab: HistoryLab, ended: Ended, before: int) -> list[str]:
    """A decision was recorded: the word on the other site that it rests on must be good."""
    record = sites.newest_record(lab)
    fence = record.get("fence") or {}
    if int(record.get("epoch") or 0) <= before or ended.order.verb not in ("failover", "failback"):
        return []
    left = SOURCE if ended.order.verb == "failover" else DESTINATION
    if fence.get("kind") == "proof":
        found = [] if not sites.writable(lab, left) else [f"its SVM is {sites.svm_of(lab, left).get('state')}"]
        found += [f"{len(sites.pods(lab, left))} pods are there"] if sites.pods(lab, left) else []
        return [f"{ended.order} rests on proof that {left} is down, but {text}" for text in found]
    given = ended.order.options.get("fence_statement") or {}
    wrong = given.get("wrong")
    return [f"{ended.order} rests on a statement that is {wrong}"] if wrong else []


def at_rest(lab: HistoryLab) -> list[str]:
    """What may not be left when a group is protected again."""
    found = [f"backup location {name} of {site} is still held" for site in SITES for name in sites.held(lab, site)]
    for kind in ("kube.schedules.velero.io", "kube.schedules.ark.heptio.com"):
        for schedule in sites.entries(lab, SOURCE, "kubernetes", kind):
            if schedule["spec"].get("paused"):
                found.append(f"schedule {schedule['metadata']['name']} is still paused")
    names = [
        schedule["metadata"]["name"] for kind in ("kube.schedules.velero.io", "kube.schedules.ark.heptio.com")
        for schedule in sites.entries(lab, SOURCE, "kubernetes", kind)
    ]
    return [*found, *([] if "k8sbackup" in names else ["the backup schedule is gone"])]
