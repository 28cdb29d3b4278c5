# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SVM-DR set up by hand, request by request, for tests of the lab that must not lean on the collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubedr_lab.settings import intercluster_lifs


class ByHand:
    """An operator at both ONTAP clusters.

    Args:
        send: (site, method, path with query, body) to (status, decoded body).
        wait: lets so many seconds pass.
    """

    def __init__(self, send: Callable[[str, str, str, Any], tuple[int, Any]], wait: Callable[[float], object]) -> None:
        self._send, self._wait = send, wait

    def do(self, site: str, method: str, path: str, body: Any = None) -> Any:
        """One request that must succeed, and its job. Returns the body of the answer."""
        status, answer = self._send(site, method, path, body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        if "job" in (answer or {}):
            self.until(site, f"/api/cluster/jobs/{answer['job']['uuid']}", "success")
        return answer

    def until(self, site: str, path: str, state: str) -> None:
        """Look at an object until it is in that state."""
        seen: Any = None
        for _unused in range(300):
            seen = self._send(site, "GET", path, None)[1]
            if seen["state"] == state:
                return
            assert seen["state"] != "failure", seen
            self._wait(0.1)
        raise AssertionError(f"{path}: not {state}, but {seen}")

    def peer(self) -> None:
        """Intercluster LIFs and a cluster peer."""
        addresses = {site: intercluster_lifs(site)[0]["address"] for site in ("tokyo", "osaka")}
        for site in addresses:
            lif = intercluster_lifs(site)[0]
            place = {"home_port": {"name": lif["port"], "node": {"name": lif["node"]}}}
            ip = {"address": lif["address"], "netmask": lif["netmask"]}
            policy, space = {"name": "default-intercluster"}, {"name": "Default"}
            self.do(site, "POST", "/api/network/ip/interfaces", {"name": "ic1", "ip": ip, "ipspace": space, "location": place, "service_policy": policy})
        offer = {"remote": {"ip_addresses": [addresses["tokyo"]]}, "authentication": {"generate_passphrase": True}, "initial_allowed_svms": [{"name": "*"}]}
        passphrase = self.do("osaka", "POST", "/api/cluster/peers?return_records=true", offer)["records"][0]["authentication"]["passphrase"]
        self.do("tokyo", "POST", "/api/cluster/peers", {"remote": {"ip_addresses": [addresses["osaka"]]}, "authentication": {"passphrase": passphrase}})

    def mirror(self, source: str = "svm_app1", destination: str = "svm_app1_dr") -> str:
        """Everything from the peering to an initialized relationship. Returns the path of the relationship on osaka."""
        self.peer()
        self.do("osaka", "POST", "/api/svm/svms", {"name": destination, "subtype": "dp_destination"})
        peer = {"svm": {"name": destination}, "peer": {"svm": {"name": source}, "cluster": {"name": "tokyo"}}, "applications": ["snapmirror"]}
        self.do("osaka", "POST", "/api/svm/peers", peer)
        seen = self.do("tokyo", "GET", "/api/svm/peers?fields=state")["records"][0]
        if seen["state"] != "peered":
            self.do("tokyo", "PATCH", f"/api/svm/peers/{seen['uuid']}", {"state": "peered"})
        policy = {"name": "dr", "type": "async", "identity_preservation": "full", "copy_all_source_snapshots": True}
        self.do("osaka", "POST", "/api/snapmirror/policies", policy)
        ends = {"source": {"path": f"{source}:", "cluster": {"name": "tokyo"}}, "destination": {"path": f"{destination}:"}}
        self.do("osaka", "POST", "/api/snapmirror/relationships", {**ends, "policy": {"name": "dr"}})
        uuid = self.do("osaka", "GET", "/api/snapmirror/relationships")["records"][0]["uuid"]
        path = f"/api/snapmirror/relationships/{uuid}"
        self.do("osaka", "PATCH", path, {"state": "snapmirrored"})
        self.until("osaka", path, "snapmirrored")
        return path

    def break_off(self, path: str) -> None:
        """The forced break, as after the loss of the source."""
        for state, flag in (("paused", ""), ("broken_off", "?force=true")):
            self.do("osaka", "PATCH", path + flag, {"state": state})
            self.until("osaka", path, state)
