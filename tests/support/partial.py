# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States in which an earlier set-up, an operator, or a failure may have left two sites. Each is made by requests, as somebody else would have made it.

``PARTIAL`` holds those from which set-up must come to its promise; ``STOPPED`` those in which it must stop.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict, pocket_env

from kubedr_lab.messages import Request
from kubedr_lab.pocket import PocketLab
from kubedr_lab.settings import basic, intercluster_lifs

SOURCE_SVM, DESTINATION_SVM = "svm_app1", "svm_app1_dr"
SCHEDULE = "kubedr_xby15_x_x_x_x"
RELATIONSHIPS = "/api/snapmirror/relationships"
RECORD = "/api/v1/namespaces/velero/configmaps/kubedr-app1"
VELERO = "/apis/velero.io/v1/namespaces/velero"
Make = Callable[["Hand"], object]


class Hand:
    """Somebody with a client of each system of a pocket lab."""

    def __init__(self, lab: PocketLab) -> None:
        self.lab = lab

    def ontap(self, site: str, method: str, path: str, body: Any = None) -> Any:
        """One request to ONTAP that must be taken; some seconds pass, in which its job ends."""
        headers = {"authorization": basic(self.lab.secrets.ontap[site])}
        return self._call(site, "ontap", method, path, body, {**headers, "content-type": "application/json"})

    def kube(self, site: str, method: str, path: str, body: Any = None) -> Any:
        """One request to Kubernetes that must be taken. A PATCH is a merge patch."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"authorization": f"Bearer {self.lab.secrets.kubernetes[site]}", "content-type": kind, "accept": "application/json"}
        return self._call(site, "kubernetes", method, path, body, headers)

    def _call(self, site: str, system: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        path, _unused, more = path.partition("?")
        query = {name: [value] for name, _unused, value in (pair.partition("=") for pair in more.split("&") if pair)}
        answer = self.lab.call(site, system, Request(method, path, query, headers, b"" if body is None else json.dumps(body).encode()))
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body!r}"
        if method != "GET":
            self.lab.run(3 if self.lab.settings.latency == "realistic" else 1)
        return answer.json() if answer.body else None

    def one(self, site: str, path: str) -> dict[str, Any]:
        """The first record of a collection of ONTAP's."""
        found: dict[str, Any] = self.ontap(site, "GET", path)["records"][0]
        return found

    def tasks(self, until: int) -> None:
        """The first tasks of set-up, as a run that somebody stopped would have done them."""
        for number, task in enumerate(drivers.setup_tasks(group_dict(self.lab, "app1"))):
            if number < until:
                drivers.run_tasks(iter([task]), pocket_env(self.lab), "earlier")

    def set_up(self) -> None:
        """Everything."""
        self.tasks(99)

    def relationship(self) -> str:
        """The path of the relationship at the destination."""
        return f"{RELATIONSHIPS}/{self.one('osaka', RELATIONSHIPS)['uuid']}"

    def offer(self, site: str, expired: bool = False) -> None:
        """A cluster peer that only one side knows of."""
        other = intercluster_lifs("osaka" if site == "tokyo" else "tokyo")[0]["address"]
        terms = {"generate_passphrase": True, "expiry_time": "PT1S" if expired else "PT1H"}
        self.ontap(site, "POST", "/api/cluster/peers", {"authentication": terms, "remote": {"ip_addresses": [other]}})
        self.lab.run(2)

    def svm_peer(self, site: str) -> None:
        """An SVM peer that one side asked for and the other has not accepted."""
        self.ontap("osaka", "POST", "/api/svm/svms", {"name": DESTINATION_SVM, "subtype": "dp_destination"})
        here, there, cluster = (SOURCE_SVM, DESTINATION_SVM, "osaka") if site == "tokyo" else (DESTINATION_SVM, SOURCE_SVM, "tokyo")
        body = {"svm": {"name": here}, "peer": {"svm": {"name": there}, "cluster": {"name": cluster}}, "applications": ["snapmirror"]}
        self.ontap(site, "POST", "/api/svm/peers", body)

    def policy(self, site: str) -> None:
        """The policy on one side."""
        body = {"name": "kubedr_full", "type": "async", "identity_preservation": "full", "copy_all_source_snapshots": True}
        self.ontap(site, "POST", "/api/snapmirror/policies", body)

    def schedule(self, site: str, minutes: list[int]) -> None:
        """A schedule of the name that set-up uses."""
        self.ontap(site, "POST", "/api/cluster/schedules", {"name": SCHEDULE, "cron": {"minutes": minutes}})

    def related(self) -> None:
        """A relationship without a baseline, under policy and schedule of its own making."""
        self.tasks(5)
        for site in ("tokyo", "osaka"):
            self.policy(site)
            self.schedule(site, [0, 15, 30, 45])
        ends = {"source": {"path": f"{SOURCE_SVM}:", "cluster": {"name": "tokyo"}}, "destination": {"path": f"{DESTINATION_SVM}:"}}
        self.ontap("osaka", "POST", RELATIONSHIPS, {**ends, "policy": {"name": "kubedr_full"}})

    def begin_baseline(self) -> None:
        """The baseline under way; only in a lab in which a transfer takes time."""
        self.related()
        self.ontap("osaka", "PATCH", self.relationship(), {"state": "snapmirrored"})

    def abort_baseline(self) -> None:
        """The baseline stopped in the middle."""
        self.begin_baseline()
        transfer = self.one("osaka", f"{self.relationship()}/transfers")
        self.ontap("osaka", "PATCH", f"{self.relationship()}/transfers/{transfer['uuid']}", {"state": "aborted"})
        self.lab.run(5)

    def forget(self, site: str) -> None:
        """One cluster no longer knows the other: what no client can do while SVM peers exist."""
        station: Any = self.lab.parts[f"{site}-ontap"].station
        for record in station.core.core.tables.all("cluster_peer"):
            station.core.core.tables.delete("cluster_peer", record["uuid"])
        station.core.core.tables.flush()
        self.lab.run(60)  # so that the other side sees it too

    def no_policy(self, site: str) -> None:
        """The policy that set-up made, gone from one side."""
        self.ontap(site, "DELETE", f"/api/snapmirror/policies/{self.one(site, '/api/snapmirror/policies?name=kubedr_full')['uuid']}")

    def no_record(self, site: str) -> None:
        """The record gone from one side."""
        self.kube(site, "DELETE", RECORD)


def lif(hand: Hand, site: str, **changes: Any) -> None:
    """The intercluster LIF on one side."""
    wanted = {**intercluster_lifs(site)[0], **changes}
    place = {"home_port": {"name": wanted["port"], "node": {"name": wanted["node"]}}}
    body = {
        "name": wanted["name"], "ipspace": {"name": "Default"}, "ip": {"address": wanted["address"], "netmask": wanted["netmask"]},
        "service_policy": {"name": "default-intercluster"}, "location": place,
    }
    hand.ontap(site, "POST", "/api/network/ip/interfaces", body)


def ark_schedule(hand: Hand, **spec: Any) -> None:
    """The backup schedule with other options."""
    template = {"excludedNamespaces": ["kube-system"], "ttl": "24h0m0s", "includeClusterResources": False}
    body = {
        "apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": "k8sbackup", "namespace": "velero"},
        "spec": {"schedule": "0 3 * * *", "template": template, **spec},
    }
    hand.kube("tokyo", "POST", f"{VELERO}/schedules", body)


def change_record(hand: Hand, site: str, **changes: Any) -> None:
    """The record with other facts, as when the source got another node since."""
    found = hand.kube(site, "GET", RECORD)
    record = {**json.loads(found["data"]["record"]), **changes}
    hand.kube(site, "PATCH", RECORD, {"data": {"record": json.dumps(record)}})


def _both_peers(hand: Hand) -> None:
    hand.tasks(3)
    for site, other in (("tokyo", "osaka"), ("osaka", "tokyo")):
        body = {"authentication": {"passphrase": f"the-phrase-of-{site}"}, "remote": {"ip_addresses": [intercluster_lifs(other)[0]["address"]]}}
        hand.ontap(site, "POST", "/api/cluster/peers", body)


def _suspend(hand: Hand) -> None:
    hand.tasks(5)
    hand.ontap("tokyo", "PATCH", f"/api/svm/peers/{hand.one('tokyo', '/api/svm/peers')['uuid']}", {"state": "suspended"})


def _with(until: int, act: Make) -> Make:
    def make(hand: Hand) -> None:
        hand.tasks(until)
        act(hand)

    return make


def _befell(act: Make) -> Make:
    def make(hand: Hand) -> None:
        hand.set_up()
        act(hand)

    return make


PARTIAL: dict[str, Make] = {
    "nothing": lambda hand: None,
    **{f"stopped after task {until}": _with(until, lambda hand: None) for until in range(2, 8)},
    "LIF at the source alone": lambda hand: lif(hand, "tokyo"),
    "LIF at the destination alone": lambda hand: lif(hand, "osaka"),
    "LIF with another address": lambda hand: lif(hand, "osaka", address="10.2.0.99"),
    **{
        f"{'expired ' if expired else ''}offer at {site}": _with(3, lambda hand, site=site, expired=expired: hand.offer(site, expired))  # type: ignore[misc]
        for site in ("tokyo", "osaka") for expired in (False, True)
    },
    "two offers with different passphrases": _both_peers,
    "cluster peer lost at the source": _befell(lambda hand: hand.forget("tokyo")),
    "cluster peer lost at the destination": _befell(lambda hand: hand.forget("osaka")),
    "destination SVM alone": lambda hand: hand.ontap("osaka", "POST", "/api/svm/svms", {"name": DESTINATION_SVM, "subtype": "dp_destination"}),
    "SVM peer asked for by the source": _with(4, lambda hand: hand.svm_peer("tokyo")),
    "SVM peer asked for by the destination": _with(4, lambda hand: hand.svm_peer("osaka")),
    "SVM peer suspended": _suspend,
    "policy at the source alone": lambda hand: hand.policy("tokyo"),
    "policy at the destination alone": lambda hand: hand.policy("osaka"),
    "schedule at the source alone": lambda hand: hand.schedule("tokyo", [0, 15, 30, 45]),
    "schedule that fires at other times": lambda hand: hand.schedule("osaka", [7]),
    "policy lost at the source": _befell(lambda hand: hand.no_policy("tokyo")),
    "relationship without a baseline": lambda hand: hand.related(),
    "relationship with another schedule": _befell(lambda hand: hand.ontap("osaka", "PATCH", hand.relationship(), {"transfer_schedule": {"name": "5min"}})),
    "backup schedule with other options": ark_schedule,
    "backup schedule changed since": _befell(lambda hand: hand.kube("tokyo", "PATCH", f"{VELERO}/schedules/k8sbackup", {"spec": {"schedule": "0 3 * * *"}})),
    "record lost at the source": _befell(lambda hand: hand.no_record("tokyo")),
    "record lost at the destination": _befell(lambda hand: hand.no_record("osaka")),
    "record with another node": _befell(lambda hand: change_record(hand, "osaka", source_nodes=["10.9.9.9"])),
}
SLOW: dict[str, Make] = {
    "baseline under way": lambda hand: hand.begin_baseline(),
    "baseline aborted in the middle": lambda hand: hand.abort_baseline(),
}
"""Those that need a lab in which a transfer takes time."""
STOPPED: dict[str, tuple[Make, str]] = {
    "paused": (_befell(lambda hand: hand.ontap("osaka", "PATCH", hand.relationship(), {"state": "paused"})), "paused"),
    "source stopped": (
        _befell(lambda hand: hand.ontap("tokyo", "PATCH", f"/api/svm/svms/{hand.one('tokyo', '/api/svm/svms?name=svm_app1')['uuid']}", {"state": "stopped"})),
        "source_fenced",
    ),
    "destination SVM that serves": (lambda hand: hand.ontap("osaka", "POST", "/api/svm/svms", {"name": DESTINATION_SVM}), "unknown_state"),
}
"""Name -> (how it comes to be, the reason with which set-up refuses)."""
