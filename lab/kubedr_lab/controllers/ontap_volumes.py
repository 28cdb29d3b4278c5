# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few things that a provisioner asks of ONTAP, over its REST interface. Source: ONTAP REST reference, network/ip/interfaces and storage/volumes."""

from __future__ import annotations

from dataclasses import dataclass

from .ports import Obj, OntapPort

EXPORT_POLICY = "k8s"
"""The export policy of the groups' SVMs that lets the nodes in."""


class OntapRefused(Exception):
    """ONTAP answered with an error."""

    def __init__(self, status: int, answer: Obj, what: str) -> None:
        error = answer.get("error") or {}
        super().__init__(f"{what}: {error.get('message') or status} (code {error.get('code', status)})")
        self.code = str(error.get("code", status))


@dataclass(frozen=True)
class DataLif:
    """A LIF that serves data, and its SVM."""

    address: str
    svm: str
    up: bool


async def records(ontap: OntapPort, path: str, query: dict[str, str]) -> list[Obj]:
    """The records of one GET. Raises OntapRefused."""
    status, answer = await ontap.request("GET", path, query)
    if status != 200:
        raise OntapRefused(status, answer, f"GET {path}")
    return list(answer.get("records") or [])


async def data_lifs(ontap: OntapPort, **filters: str) -> list[DataLif]:
    """SVM LIFs, those that are up first. Filters are REST query fields with ``__`` for the dot: ``svm__name``, ``ip__address``."""
    query = {name.replace("__", "."): value for name, value in filters.items()}
    found = await records(ontap, "/api/network/ip/interfaces", {**query, "fields": "ip.address,svm.name,state,enabled"})
    lifs = [DataLif(entry["ip"]["address"], entry["svm"]["name"], entry.get("state") == "up") for entry in found if (entry.get("svm") or {}).get("name")]
    return sorted(lifs, key=lambda lif: not lif.up)


async def find_volume(ontap: OntapPort, svm: str, name: str) -> Obj | None:
    """The volume's uuid, name, state and nas.path, or None."""
    found = await records(ontap, "/api/storage/volumes", {"svm.name": svm, "name": name, "fields": "uuid,name,state,nas.path"})
    return found[0] if found else None


async def ensure_volume(ontap: OntapPort, svm: str, name: str, size: int, export_policy: str) -> Obj | None:
    """The volume, made if it is missing, mounted at ``/<name>``. None while its job still runs: ask again. Raises OntapRefused."""
    volume = await find_volume(ontap, svm, name)
    if volume is not None:
        return volume
    nas = {"path": f"/{name}", "export_policy": {"name": export_policy}}
    body = {"svm": {"name": svm}, "name": name, "size": size, "aggregates": [{"name": "aggr1"}], "nas": nas}
    status, answer = await ontap.request("POST", "/api/storage/volumes", {}, body)
    if status >= 300:
        raise OntapRefused(status, answer, f"create volume {name} on {svm}")
    return await find_volume(ontap, svm, name)


async def delete_volume(ontap: OntapPort, svm: str, name: str) -> bool:
    """Whether the volume is seen to be gone. Raises OntapRefused."""
    volume = await find_volume(ontap, svm, name)
    if volume is None:
        return True
    status, answer = await ontap.request("DELETE", f"/api/storage/volumes/{volume['uuid']}", {})
    if status >= 300 and status != 404:
        raise OntapRefused(status, answer, f"delete volume {name} on {svm}")
    return await find_volume(ontap, svm, name) is None
