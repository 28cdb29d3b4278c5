# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run left on all systems, in a form in which two ends can be compared, and which differences between two right ends are allowed."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kubedr_lab.pocket import PocketLab
from kubedr_lab.settings import SITES

ALLOWED: dict[str, str] = {
    "record/*/lease*": "a run that was killed or failed leaves its lease, which runs out. A next run that finds everything done takes none and writes nothing",
    "record/*/digests": "one entry for each run that ended: ids and times",
    "record/*/*at": "times",
    "record/*/at_objects": "a time",
    "record/*/run/began": "a time",
    "record/*/intent/break/relationship": "an id",
    "record/*/proof/run_id": "the run that saw it",
    "record/*/fence/proof/run_id": "the same, once a promotion rests on it",
    "record/*/objects/prepared/run_id": "the run that prepared them: after a death before that was told, the next one does it again",
    "record/*/restores*": "a restore that failed is made anew under the next number: how many it took may differ, how the last one ended may not",
    "record/*/verified/restores*": "as above",
    "record/*/backup/skipped*": "backups that the living side wrote meanwhile, and why they were passed over",
    "kube/*/metadata/labels/velero.io/restore-name": "the name of the restore that brought the object: its number",
    "kube/*/metadata/labels/ark-restore": "as above",
    "kube/*/configmaps *kube-root-ca.crt/metadata/labels/*": "made by each cluster itself, before the restore or, where that is faster, by it",
    "kube/*/serviceaccounts */default/metadata/labels/*": "as above",
    "ontap/*/peers/cluster/*/name": "a name that ONTAP chooses when a peer is made twice",
}
"""path pattern -> why two right ends may differ there."""

VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "generation", "observedGeneration", "managedFields", "clusterIP", "clusterIPs", "nodePort"}
"""What a server or a controller gives to an object anew each time: ids, versions, addresses."""
UNCOMPARED_KINDS: dict[str, str] = {
    "backups.velero.io": "written by schedules as time passes; the one that was restored is named in the record",
    "backups.ark.heptio.com": "as above",
    "restores.velero.io": "compared by the last one alone, see restores()",
    "restores.ark.heptio.com": "as above",
    "pods": "named at random; compared by owner and readiness, see pods()",
    "downloadrequests.velero.io": "reads: the laws look for leftovers",
    "downloadrequests.ark.heptio.com": "as above",
    "events": "history",
}


def end_of(lab: PocketLab, group: str) -> dict[str, str]:
    """Everything that stands on both sites, dead or alive: path -> value as text."""
    found: dict[str, Any] = {}
    for site in SITES:
        found[f"ontap/{site}"] = ontap_end(lab, site)
        found[f"kube/{site}"] = kube_end(lab, site)
        found[f"record/{site}"] = record_of(lab, site, group)
        found[f"pods/{site}"] = pods(lab, site)
        found[f"restores/{site}"] = restores(lab, site, group)
        found[f"data/{site}"] = lab.read(site, group)
    return dict(_flat("", found))


def differences(end: dict[str, str], undisturbed: dict[str, str], also: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Where two ends differ and may not. ``also``: more of what may, as ALLOWED."""
    paths = sorted(path for path in {*end, *undisturbed} if end.get(path) != undisturbed.get(path))
    allowed = (*ALLOWED, *also)
    return [f"{path}: {end.get(path)} instead of {undisturbed.get(path)}" for path in paths if not any(fnmatch.fnmatch(path, pattern) for pattern in allowed)]


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{path}/{key}" if path else str(key), item)
    else:
        yield path, json.dumps(value, sort_keys=True)


def entries(lab: PocketLab, site: str, system: str, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Records of one kind out of a system's store, which outlives the system."""
    for key, value in lab.parts[f"{site}-{system}"].store.items(kind):
        yield key, json.loads(value) if isinstance(value, bytes) else value


def ontap_end(lab: PocketLab, site: str) -> dict[str, Any]:
    """A cluster's configuration and states, without ids and times; what it thinks of its peer only where that lives: it takes time to notice a death."""
    alive = ("status",) if all(lab.parts[f"{name}-ontap"].condition == "running" for name in SITES) else ()

    def of(kind: str) -> list[dict[str, Any]]:
        return [record for _key, record in entries(lab, site, "ontap", kind)]

    return {
        "svm": {r["name"]: {key: r[key] for key in ("subtype", "state", "locked")} for r in of("svm")},
        "relationship": {
            r["svm"]: {key: r[key] for key in ("source_svm", "cluster", "state", "healthy", "policy", "schedule", "identity")} for r in of("relationship")
        },
        "peers": {
            "cluster": {str(r["addresses"]): {key: r[key] for key in ("name", "auth_state", "encryption", "remote_name", *alive)} for r in of("cluster_peer")},
            "svm": {f"{r['svm']} {r['peer_svm']}": {key: r[key] for key in ("name", "peer_cluster", "state", "applications")} for r in of("svm_peer")},
        },
        "schedule": {r["name"]: r["cron"] for r in of("schedule")},
        "policy": {r["name"]: {key: r[key] for key in ("identity", "copies", "retention")} for r in of("policy")},
        "lif": {f"{r['svm']} {r['name']}": {key: r[key] for key in ("address", "netmask", "enabled", "service_policy", "home_port")} for r in of("lif")},
        "exports": {f"{r['svm']} {r['name']}": sorted(_rule(rule) for rule in r["rules"]) for r in of("export_policy")},
        "volume": {f"{r['svm']} {r['name']}": {key: r[key] for key in ("type", "state", "junction", "export_policy", "size")} for r in of("volume")},
    }


def _rule(rule: dict[str, Any]) -> str:
    clients = ",".join(sorted(client["match"] for client in rule["clients"]))
    return f"{clients} {rule['protocols']} {rule['ro_rule']} {rule['rw_rule']} {rule['superuser']}"


def kube_end(lab: PocketLab, site: str) -> dict[str, Any]:
    """Every object but those of UNCOMPARED_KINDS and the records: labels and other metadata as they are, the rest as a digest."""
    found: dict[str, Any] = {}
    store = lab.parts[f"{site}-kubernetes"].store
    claims = {f"pvc-{claim['metadata']['uid']}": f"volume of {key}" for key, claim in entries(lab, site, "kubernetes", "kube.persistentvolumeclaims")}
    for kind in store._kinds:
        resource = kind.removeprefix("kube.")
        if resource == kind or resource in UNCOMPARED_KINDS:
            continue
        for key, stored in store.items(kind):
            if not key.rpartition("/")[2].startswith("kubedr-"):
                text = stored.decode() if isinstance(stored, bytes) else json.dumps(stored)
                found[f"{resource} {_renamed(key, claims)}"] = _object(_renamed(text, claims))
    return found


def _renamed(text: str, names: dict[str, str]) -> str:
    """Volumes that were provisioned for a claim of this cluster bear its uid in their name and path."""
    for name, instead in names.items():
        text = text.replace(name, instead)
    return text


@lru_cache(maxsize=50000)
def _object(text: str) -> dict[str, Any]:
    record = clean(json.loads(text))
    metadata = record.pop("metadata")
    reference = (record.get("spec") or {}).pop("claimRef", None) if record.get("kind") == "PersistentVolume" else None
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
    return {"metadata": metadata, "content": digest, **({"claim": f"{reference['namespace']}/{reference['name']}"} if reference else {})}


def clean(value: Any) -> Any:
    """Without ids, versions and times."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items() if key not in VOLATILE and not _is_time(item)}
    return [clean(item) for item in value] if isinstance(value, list) else value


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 20 and value[4] == "-" and value[10] == "T" and value.endswith("Z")


def record_of(lab: PocketLab, site: str, group: str) -> dict[str, Any] | None:
    """The group's record there."""
    for _key, found in entries(lab, site, "kubernetes", "kube.configmaps"):
        if found["metadata"]["name"] == f"kubedr-{group}":
            record: dict[str, Any] = json.loads(found["data"]["record"])
            return record
    return None


def pods(lab: PocketLab, site: str) -> dict[str, int]:
    """How many pods each controller has, ready and not."""
    found: Counter[str] = Counter()
    for key, pod in entries(lab, site, "kubernetes", "kube.pods"):
        owner = next((f"{ref['kind']}/{ref['name']}" for ref in pod["metadata"].get("ownerReferences") or ()), key)
        ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in (pod.get("status") or {}).get("conditions") or ())
        found[f"{pod['metadata']['namespace']} {owner} {'ready' if ready else 'not ready'}"] += 1
    return dict(found)


def restores(lab: PocketLab, site: str, group: str) -> dict[str, Any]:
    """How the group's last restore ended."""
    found = [
        record for kind in ("velero.io", "ark.heptio.com") for _key, record in entries(lab, site, "kubernetes", f"kube.restores.{kind}")
        if record["metadata"]["name"].startswith(f"kubedr-{group}-")
    ]
    if not found:
        return {}
    last = max(found, key=lambda record: int(record["metadata"]["name"].rpartition("-")[2]))
    status = last.get("status") or {}
    return {
        "spec": last["spec"], "phase": status.get("phase"), "errors": status.get("errors"), "warnings": status.get("warnings"),
        "items": (status.get("progress") or {}).get("itemsRestored"),
    }
