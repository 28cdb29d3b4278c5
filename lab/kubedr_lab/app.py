# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example application: deployed for a group, and the records that it writes through whichever of its pods are ready."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import yaml

from .clock import LANDING
from .controllers import api as kinds
from .controllers import pods, trident
from .controllers.api import Api, Kind, KubeRefused, key, meta
from .controllers.claims import PROVISIONED_BY
from .controllers.kubelet import internal_ip, storage_view
from .controllers.ontap_volumes import EXPORT_POLICY, data_lifs, ensure_volume
from .controllers.ports import KubePort, Obj, OntapPort, Reach
from .controllers.volumes import NfsTarget

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "application"
NFS_VOLUME_SIZE = 2 * 2**30
KINDS = {
    kind.name: kind for kind in (
        kinds.NAMESPACES, kinds.CONFIG_MAPS, kinds.SECRETS, kinds.SERVICES, kinds.SERVICE_ACCOUNTS, kinds.VOLUMES, kinds.CLAIMS, kinds.DEPLOYMENTS,
        kinds.STATEFUL_SETS, kinds.CRDS, Kind("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", namespaced=False),
        Kind("rbac.authorization.k8s.io/v1", "roles", "Role"), Kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
        Kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False),
        Kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
        Kind("shop.example.com/v1", "storefronts", "Storefront"),
    )
}


def namespaces(group: str) -> tuple[str, str]:
    """The namespaces of a group's application."""
    return group, f"{group}-batch"


def nfs_volumes(group: str) -> tuple[str, str]:
    """The ONTAP volumes that are made by hand for the application's NFS PVs, each mounted at ``/<name>``."""
    stem = group.replace("-", "_")
    return f"{stem}_web", f"{stem}_exports"


def render(group: str, nfs_server: str, folder: Path = EXAMPLES) -> list[Obj]:
    """The application's manifests in the order in which they are applied. ``stringData`` becomes ``data``, as the API server does it.

    Raises:
        FileNotFoundError: the folder holds no manifests.
        KeyError: a manifest uses a placeholder that does not exist.
    """
    web, exports = nfs_volumes(group)
    words = {"group": group, "batch": namespaces(group)[1], "nfs_server": nfs_server, "web_volume": web, "exports_volume": exports}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise FileNotFoundError(f"no manifests in {folder}")
    texts = (Template(file.read_text(encoding="utf-8")).substitute(words) for file in files)
    manifests = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
    for manifest in manifests:
        plain = manifest.pop("stringData", None) or {}
        if plain:
            manifest["data"] = {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}
    return manifests


async def deploy(
    group: str, kube: KubePort, ontap: OntapPort, *, svm: str = "", reclaim_policy: str = "Delete", export_policy: str = EXPORT_POLICY, folder: Path = EXAMPLES
) -> list[str]:
    """Make the NFS volumes on the group's SVM and apply the manifests. A second call changes nothing.

    Args:
        svm: default ``svm_<group>``; its LIF that is up is the NFS server of the PVs.
        reclaim_policy: ``Delete`` leaves Trident's PVs as provisioned; ``Retain`` patches those that exist, so call again once claims are bound.

    Returns:
        What is not ready yet, as ``pending`` gives it.

    Raises:
        LookupError: the SVM has no LIF that is up.
        OntapRefused, KubeRefused: a system refused.
    """
    svm = svm or f"svm_{group}"
    lifs = [lif for lif in await data_lifs(ontap, svm__name=svm) if lif.up]
    if not lifs:
        raise LookupError(f"{svm} has no LIF that is up")
    for name in nfs_volumes(group):
        await ensure_volume(ontap, svm, name, NFS_VOLUME_SIZE, export_policy)
    api = Api(kube)
    for manifest in render(group, lifs[0].address, folder):
        await _apply(api, KINDS[manifest["kind"]], manifest)
    if reclaim_policy != "Delete":
        await set_reclaim_policy(group, kube, reclaim_policy)
    return await pending(group, kube)


async def _apply(api: Api, kind: Kind, manifest: Obj) -> None:
    """Create or change. A binding that the cluster made is not touched, because the manifests name none."""
    present = await api.get(kind, *key(manifest))
    if present is None or not covers(present, manifest):
        await api.ensure(kind, manifest)


def covers(present: Any, wanted: Any) -> bool:
    """Whether everything that is wanted stands in what is present; what a server adds by itself does not matter."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(name in present and covers(present[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(present, list) and len(present) == len(wanted) and all(covers(*pair) for pair in zip(present, wanted, strict=True))
    return bool(present == wanted)


async def set_reclaim_policy(group: str, kube: KubePort, policy: str) -> list[str]:
    """Give the group's Trident PVs that policy. Returns the names of those that were changed."""
    api, changed = Api(kube), []
    for volume in await api.list(kinds.VOLUMES):
        spec = volume["spec"]
        ours = (spec.get("claimRef") or {}).get("namespace") in namespaces(group)
        by_trident = (meta(volume).get("annotations") or {}).get(PROVISIONED_BY) == trident.PROVISIONER
        if ours and by_trident and spec.get("persistentVolumeReclaimPolicy") != policy:
            await api.merge(kinds.VOLUMES, volume, {"spec": {"persistentVolumeReclaimPolicy": policy}})
            changed.append(meta(volume)["name"])
    return changed


async def pending(group: str, kube: KubePort) -> list[str]:
    """Workloads of the group whose pods are not all ready, as ``StatefulSet app1/db: 1 of 2 pods ready``; empty when all is well."""
    api, found = Api(kube), []
    for kind in (kinds.DEPLOYMENTS, kinds.STATEFUL_SETS):
        for workload in await api.list(kind):
            namespace, name = key(workload)
            if namespace not in namespaces(group):
                continue
            wanted, ready = workload["spec"].get("replicas", 1), (workload.get("status") or {}).get("readyReplicas") or 0
            if ready != wanted:
                found.append(f"{kind.name} {namespace}/{name}: {ready} of {wanted} pods ready")
    return found


@dataclass(frozen=True)
class Acknowledgement:
    """One append. ``volume`` is the ONTAP volume, or the PV's name where no site answered; ``reason`` is empty when it was acknowledged."""

    volume: str
    svm: str
    pod: str
    ok: bool
    reason: str = ""


async def write_once(group: str, n: int, kube: KubePort, reach: Reach, now: float | None = None) -> dict[str, Acknowledgement]:
    """Append record ``n`` to every ONTAP volume that a ready pod of the group mounts, through one pod per volume.

    Args:
        reach: the data planes, those of the site of ``kube`` first.
        now: lab time, epoch seconds; the record's time. Default: when the file server stores it.

    Returns:
        PV name to acknowledgement. Empty where no pod is ready or the API server refuses.
    """
    api = Api(kube)
    try:
        ready = [pod for pod in await api.list(kinds.PODS) if meta(pod)["namespace"] in namespaces(group) and pods.is_ready(pod)]
        addresses = {meta(node)["name"]: internal_ip(node) for node in await api.list(kinds.NODES)}
        view = await storage_view(api)
    except KubeRefused:
        return {}
    line = record_line(n, now).decode()
    done: dict[str, Acknowledgement] = {}
    for pod in ready:
        for mount in view.mounts(pod):
            before = done.get(mount.volume)
            if not isinstance(mount.target, NfsTarget) or (before and before.ok):
                continue
            client = addresses.get(pod["spec"].get("nodeName", ""), "")
            answer = await reach.ask({"op": "append", "address": mount.target.address, "client": client, "path": mount.target.path, "data": line})
            done[mount.volume] = acknowledgement(answer, mount.volume, "/".join(key(pod)))
    return done


def acknowledgement(answer: Obj, volume: str, pod: str) -> Acknowledgement:
    """From what the data plane answered."""
    ok = bool(answer.get("ok"))
    reason = "" if ok else str(answer.get("message") or answer.get("reason"))
    return Acknowledgement(str(answer.get("volume") or volume), str(answer.get("svm") or ""), pod, ok, reason)


def record_line(n: int, at: float | None) -> bytes:
    """One record as it lies in a volume: a line of JSON, its time in UTC with milliseconds; without one the file server puts in its own."""
    when = LANDING if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"n": n, "at": when}).encode() + b"\n"


def records(content: bytes) -> Iterator[tuple[int, str]]:
    """(number, time) of each record of a volume in the order written; a torn or foreign line is no record."""
    for line in content.splitlines():
        try:
            entry = json.loads(line)
            yield int(entry["n"]), str(entry["at"])
        except (ValueError, KeyError, TypeError):
            continue


def summarise(content: bytes) -> dict[str, Any]:
    """``{records: {first, last, count, missing, first_at, last_at}, sha256}`` of a volume's bytes.

    ``count`` counts different numbers, ``missing`` lists the numbers between ``first`` and ``last`` that are not there; without records all are None, 0 or [].
    """
    return {"records": _summary(records(content)), "sha256": hashlib.sha256(content).hexdigest()}


def _summary(entries: Iterable[tuple[int, str]]) -> dict[str, Any]:
    times = dict(sorted(entries))
    if not times:
        return {"first": None, "last": None, "count": 0, "missing": [], "first_at": None, "last_at": None}
    first, last = min(times), max(times)
    missing = [number for number in range(first, last + 1) if number not in times]
    return {"first": first, "last": last, "count": len(times), "missing": missing, "first_at": times[first], "last_at": times[last]}
