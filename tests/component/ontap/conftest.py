# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONTAP modules against the simulated pair of clusters, in this process and on its virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import cluster_peer, intercluster_lif, svm_peer, svmdr, svmdr_info
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketOntap, pocket_env, site_dict

from kubedr_lab.ontap.cluster import OntapCluster
from kubedr_lab.pocket import PocketLab

MODULES: dict[str, Any] = {"intercluster_lif": intercluster_lif, "cluster_peer": cluster_peer, "svm_peer": svm_peer, "svmdr": svmdr, "svmdr_info": svmdr_info}
SITES = ("tokyo", "osaka")


class World:
    """Modules run against a lab, as a playbook would run them."""

    def __init__(self, lab: PocketLab) -> None:
        self.lab = lab

    def side(self, site: str) -> dict[str, Any]:
        return {**site_dict(self.lab, site)["ontap"], "site": site}

    def run(self, module: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """One module call; options that are not given have their defaults. No password may be in what comes back."""
        options = {name: option.get("default") for name, option in MODULES[module].SPEC.options.items()}
        if module == "intercluster_lif":
            options |= self.side(params.pop("site"))
        else:
            options |= {"source": self.side("tokyo"), "destination": self.side("osaka")}
        if module.startswith("svm"):
            options |= {"source_svm": "svm_app1", "destination_svm": "svm_app1_dr"}
        result: dict[str, Any] = MODULES[module].run({**options, **params}, pocket_env(self.lab, check_mode=check, diff=True))
        assert "-password" not in json.dumps(result)
        return result

    def setup(self, *, check: bool = False) -> list[dict[str, Any]]:
        """The sequence of the role ``setup``, as far as ONTAP goes."""
        results = [self.run("intercluster_lif", site=site, lifs=site_dict(self.lab, site)["intercluster_lifs"], check=check) for site in SITES]
        addresses = {
            f"{role}_addresses": [lif["address"] for lif in site_dict(self.lab, site)["intercluster_lifs"]]
            for role, site in zip(("source", "destination"), SITES, strict=True)
        }
        results += [self.run("cluster_peer", check=check, **addresses), self.run("svm_peer", check=check)]
        return [*results, self.run("svmdr", state="initialized", check=check)]

    def lifs(self) -> None:
        for site in SITES:
            self.run("intercluster_lif", site=site, lifs=site_dict(self.lab, site)["intercluster_lifs"])

    def client(self, site: str) -> OntapClient:
        return OntapClient(PocketOntap(self.lab, site), PocketClock(self.lab), f"ONTAP {site}")

    def cluster(self, site: str) -> OntapCluster:
        """The simulator itself, for what no client can do."""
        station: Any = self.lab.parts[f"{site}-ontap"].station
        found: OntapCluster = station.core
        return found

    def api(self, site: str, method: str, path: str, body: Any = None, **query: str) -> Any:
        """A call of the test's own, and some time for what it began."""
        found = PocketOntap(self.lab, site).send(Request(method, f"/api{path}", query, body))
        assert found.status < 400, found
        self.lab.run(5)
        return found.body

    def requests(self, site: str) -> list[str]:
        """``METHOD path`` of every call to the site's API so far."""
        return [f"{event['method']} {event['path']}" for event in self.lab.log(site) if event.get("via") == "api" and event.get("method")]

    def writes(self) -> list[str]:
        return [call for site in SITES for call in self.requests(site) if not call.startswith("GET")]

    def relationship(self) -> dict[str, Any]:
        found = self.run("svmdr_info")["destination"]["relationship"]
        return dict(found)


@pytest.fixture
def world() -> World:
    return World(PocketLab())


@pytest.fixture(scope="session")
def frozen() -> dict[str, Any]:
    """A lab with one group whose baseline is done."""
    made = World(PocketLab())
    made.setup()
    return made.lab.freeze()


@pytest.fixture
def mirrored(frozen: dict[str, Any]) -> World:
    return World(PocketLab(frozen=frozen))
