# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an NFS client sees, export policies, and what a store keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubedr_lab.clock import LabClock, VirtualClock
from kubedr_lab.ontap import read_volumes
from kubedr_lab.ontap.policies import next_fire
from kubedr_lab.store import MemoryStore, SqliteStore, Store

from .conftest import Pair


def _mounted(pair: Pair) -> Any:
    pair.clusters["tokyo"].add_volume("svm_app1", "vol1", export_policy="k8s")
    return pair.one("tokyo", "/storage/volumes?name=vol1&fields=*")


def test_append_is_read_back_also_after_a_restart(pair: Pair) -> None:
    _mounted(pair)
    assert pair.data("tokyo", "append", "/vol1/sub/file", "1 a\n") == {"ok": True, "reason": "", "svm": "svm_app1", "volume": "vol1", "size": 4}
    pair.data("tokyo", "append", "/vol1", "2 b\n")
    pair.start("tokyo")
    assert pair.data("tokyo", "read", "/vol1")["data"] == "1 a\n2 b\n"
    assert read_volumes(pair.stores["tokyo"], "svm_app1")["vol1"]["content"] == b"1 a\n2 b\n"


@pytest.mark.parametrize(
    ("client", "address", "path", "reason"),
    [
        ("10.1.2.11", "10.1.1.9", "/vol1", "no_such_address"),
        ("10.2.2.11", "10.1.1.1", "/vol1", "export_denied"),
        ("10.1.2.11", "10.1.1.1", "/vol10", "no_such_path"),
        ("10.1.2.11", "10.1.1.1", "/", "no_such_path"),
    ],
)
def test_why_a_client_gets_no_further(pair: Pair, client: str, address: str, path: str, reason: str) -> None:
    _mounted(pair)
    answer = pair.data("tokyo", "probe", path, client=client, address=address)
    assert (answer["ok"], answer["reason"]) == (False, reason)
    assert pair.data("tokyo", "probe", "/vol1")["ok"]


def test_each_layer_stops_a_client(pair: Pair) -> None:
    volume = _mounted(pair)
    lif = pair.one("tokyo", "/network/ip/interfaces?svm.name=svm_app1")
    nfs = pair.one("tokyo", "/protocols/nfs/services?fields=svm.uuid")
    steps: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        ("lif_down", f"/network/ip/interfaces/{lif['uuid']}", {"enabled": False}, {"enabled": True}),
        ("no_nfs", f"/protocols/nfs/services/{nfs['svm']['uuid']}", {"enabled": False}, {"enabled": True}),
        ("volume_offline", f"/storage/volumes/{volume['uuid']}", {"state": "offline"}, {"state": "online"}),
        ("no_such_path", f"/storage/volumes/{volume['uuid']}", {"nas": {"path": ""}}, {"nas": {"path": "/vol1"}}),
        ("svm_not_running", f"/svm/svms/{nfs['svm']['uuid']}", {"state": "stopped"}, {"state": "running"}),
    ]
    for reason, url, off, on in steps:
        pair.ok("tokyo", "PATCH", url, off)
        assert pair.data("tokyo", "append", "/vol1", "x")["reason"] == reason
        pair.ok("tokyo", "PATCH", url, on)
        assert pair.data("tokyo", "probe", "/vol1")["ok"], reason


def test_export_rules_by_order_network_and_root(pair: Pair) -> None:
    volume = _mounted(pair)
    policy = pair.one("tokyo", "/protocols/nfs/export-policies?name=k8s&svm.name=svm_app1&fields=id")
    base = f"/protocols/nfs/export-policies/{policy['id']}"
    rule = {"clients": [{"match": "10.2.0.0/16"}], "protocols": ["nfs"], "ro_rule": ["sys"], "rw_rule": ["sys"], "superuser": ["sys"]}
    added = pair.call("tokyo", "POST", f"{base}/rules", rule)
    assert (added.status, added.headers["location"]) == (201, f"/api{base}/rules/2")
    assert pair.data("tokyo", "probe", "/vol1", client="10.2.2.11")["message"].startswith("export policy default of volume svm_app1_root")
    root_policy = pair.one("tokyo", "/protocols/nfs/export-policies?name=default&svm.name=svm_app1&fields=id")
    pair.ok("tokyo", "PATCH", f"/protocols/nfs/export-policies/{root_policy['id']}", {"rules": [rule]})
    assert pair.data("tokyo", "probe", "/vol1", client="10.2.2.11")["ok"]
    pair.ok("tokyo", "PATCH", f"{base}/rules/2", {"new_index": 1, "rw_rule": ["never"]})
    assert pair.data("tokyo", "probe", "/vol1", client="10.2.2.11")["reason"] == "export_denied"
    assert pair.data("tokyo", "read", "/vol1", client="10.2.2.11")["ok"]
    pair.ok("tokyo", "DELETE", f"{base}/rules/1")
    indexes = [item["index"] for item in pair.get("tokyo", f"{base}/rules")["records"]]
    assert indexes == [2]
    assert pair.call("tokyo", "POST", f"{base}/rules", {**rule, "clients": [{"match": "10.2"}]}).code == "1704037"
    assert pair.call("tokyo", "DELETE", base).code == "1703945"
    assert volume["nas"]["export_policy"]["name"] == "k8s"


def test_data_protection_volume_is_read_only(pair: Pair) -> None:
    pair.clusters["tokyo"].add_volume("svm_app1", "vol1")
    pair.protect("exclude_network_and_protocol_config")
    assert pair.one("osaka", "/storage/volumes?name=vol1&fields=type")["type"] == "dp"
    assert pair.data("osaka", "probe", "/vol1")["reason"] == "no_such_address"


def test_two_lifs_of_one_address_are_not_both_up(pair: Pair) -> None:
    volume = pair.call("tokyo", "POST", "/network/ip/interfaces", {
        "name": "d2", "svm": {"name": "svm_app1"}, "ip": {"address": "10.1.1.1", "netmask": "24"}, "location": {"home_node": {"name": "tokyo-01"}}})
    assert volume.code == "1376963"
    assert [lif["state"] for lif in pair.get("tokyo", "/network/ip/interfaces?fields=state")["records"]] == ["up"]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ({"minutes": [0, 15, 30, 45]}, 900), ({"minutes": [5]}, 300), ({"minutes": [0]}, 3600), ({"minutes": [0], "hours": [0]}, 86400),
        ({"minutes": [0], "hours": [0], "weekdays": [0]}, 4 * 86400), ({"minutes": [30], "hours": [6], "days": [2], "months": [8]}, 32 * 86400 + 6.5 * 3600),
        ({"minutes": [0], "days": [31], "months": [2]}, None),
    ],
)
def test_cron(cron: dict[str, list[int]], expected: float | None) -> None:
    start = VirtualClock().now()
    found = next_fire(cron, start)
    assert (None if found is None else found - start) == expected


def _stores(path: Path) -> list[Store]:
    return [MemoryStore(), SqliteStore(path / "site" / "store.db")]


@pytest.mark.parametrize("number", [0, 1])
def test_stores_agree(tmp_path: Path, number: int) -> None:
    store = _stores(tmp_path)[number]
    store.put("a", "2", {"x": [1]})
    store.put("a", "1", b"\x00\xff")
    store.put("b", "1", {"y": None})
    assert list(store.items("a")) == [("1", b"\x00\xff"), ("2", {"x": [1]})]
    assert list(store.items("a", "2")) == [("2", {"x": [1]})]
    got = store.get("a", "2")
    assert isinstance(got, dict)
    got["x"].append(2)
    assert store.get("a", "2") == {"x": [1]}
    with pytest.raises(TypeError):
        store.write([("a", "3", {}), ("a", "4", {"bad": object()})])
    assert store.get("a", "3") is None
    store.write([("a", "1", None), ("a", "2", {"x": []}), ("c", "1", b"")])
    assert (store.get("a", "1"), store.get("a", "2"), store.get("c", "1")) == (None, {"x": []}, b"")
    store.delete("a", "2")
    store.delete("a", "2")
    assert list(store.items("a")) == []


def test_a_killed_process_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    program = (
        "import sys, time; from kubedr_lab.store import SqliteStore; store = SqliteStore(sys.argv[1]);"
        "[store.put('k', f'{n:03}', {'n': n}) for n in range(200)]; print('ready', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        beside = SqliteStore(path, read_only=True)
        assert len(list(beside.items("k"))) == 200
        beside.close()
        os.kill(process.pid, signal.SIGKILL)
    after = SqliteStore(path, read_only=True)
    assert after.get("k", "199") == {"n": 199}
    after.close()


def test_clocks() -> None:
    fast = LabClock(factor=60.0, origin=1000.0)
    assert LabClock(factor=60.0, origin=1000.0).now() == pytest.approx(fast.now(), abs=60)
    assert fast.real(120.0) == 2.0
    with pytest.raises(ValueError, match="above 0"):
        LabClock(factor=0)
    with pytest.raises(ValueError, match="back"):
        VirtualClock().advance(-1)
