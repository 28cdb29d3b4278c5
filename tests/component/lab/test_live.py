# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as servers: what the command line promises."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubedr.ontap.tests.support.by_hand import ByHand
from ansible_collections.kubedr.ontap.tests.support.live import CommandFailed, LiveLab, running_lab

from kubedr_lab.shell import processes
from kubedr_lab.state import Process

CLUSTER = ("GET", "/api/cluster")
VOLUMES = "/api/storage/volumes?fields=*&order_by=name"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    with running_lab(tmp_path_factory.mktemp("lab") / "state") as lab:
        lab.run("deploy", "app1")
        yield lab


@pytest.fixture(autouse=True)
def whole(lab: LiveLab) -> Iterator[None]:
    """Each test leaves the lab as it found it."""
    yield
    for site in ("tokyo", "osaka", "store"):
        lab.run("start", site)
    lab.run("start", "tokyo", "--only", "link")
    lab.run("faults", "clear")


def processes_of(path: Path) -> dict[str, Process]:
    parts = json.loads((path / "lab.json").read_text())["parts"]
    return {name: Process(**part[kind]) for name, part in parts.items() for kind in ("process",)}


def connect(lab: LiveLab, part: str, timeout: float = 0.5) -> None:
    socket.create_connection(("127.0.0.1", lab.part(part)["api_port"]), timeout=timeout).close()


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_up_leaves_what_its_users_need(lab: LiveLab) -> None:
    hosts = yaml.safe_load(lab.inventory.read_text())["protection_groups"]["hosts"]
    assert hosts == {"app1": {"dr_source_svm": "svm_app1", "dr_destination_svm": "svm_app1_dr", "dr_namespaces": ["app1", "app1-batch"]}}
    variables = lab.variables()
    assert (variables["dr_source_site"], variables["dr_destination_site"], variables["ansible_connection"]) == ("tokyo", "osaka", "local")
    for site in variables["dr_sites"].values():
        assert site["ontap"].keys() == {"hostname", "http_port", "username", "password", "validate_certs", "ca_path"}
        assert site["ark"] == {"api_group": "velero.io", "namespace": "velero", "storage_location": "default"}
        assert Path(site["kubernetes"]["kubeconfig"]).stat().st_mode & 0o077 == 0
    assert lab.inventory.stat().st_mode & 0o077 == 0
    assert all(Path(lab.part(name)["log"]).exists() for name in ("tokyo-ontap", "osaka-kubernetes", "store"))


def test_both_sites_answer_over_verified_tls(lab: LiveLab) -> None:
    for site in ("tokyo", "osaka"):
        assert lab.request(site, "ontap", *CLUSTER)[1]["name"] == site
        assert lab.request(site, "kubernetes", "GET", "/api/v1/nodes")[1]["items"][0]["metadata"]["name"].startswith(site)
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", lab.part("tokyo-ontap")["api_port"])) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_watch_streams_until_its_time_is_over(lab: LiveLab) -> None:
    context = ssl.create_default_context(cafile=str(lab.path / "ca.pem"))
    token = json.loads((lab.path / "parts" / "secrets.json").read_text())["kubernetes"]["osaka"]
    connection = http.client.HTTPSConnection("127.0.0.1", lab.part("osaka-kubernetes")["api_port"], timeout=10, context=context)
    path = "/api/v1/namespaces/default/configmaps"
    connection.request("GET", f"{path}?watch=1&timeoutSeconds=2&fieldSelector=metadata.name=seen", headers={"Authorization": f"Bearer {token}"})
    stream = connection.getresponse()
    lab.request("osaka", "kubernetes", "POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}})
    started = time.monotonic()
    event = json.loads(stream.readline())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen")
    assert time.monotonic() - started < 1, "events come at once"
    assert stream.read() == b""
    assert time.monotonic() - started < 5
    connection.close()


def test_a_second_up_is_an_error_and_the_lab_goes_on(lab: LiveLab) -> None:
    with pytest.raises(CommandFailed, match="already.*down"):
        lab.run("up")
    assert lab.request("tokyo", "ontap", *CLUSTER)[0] == 200


def test_processes_are_detached_each_in_a_group_of_its_own(lab: LiveLab) -> None:
    groups = {os.getpgid(process.pid) for process in processes_of(lab.path).values()}
    assert len(groups) == 5
    assert os.getpgrp() not in groups


def test_kill_refuses_and_start_brings_everything_back(lab: LiveLab) -> None:
    before = lab.request("tokyo", "ontap", "GET", VOLUMES)[1]
    pods = lab.request("tokyo", "kubernetes", "GET", "/api/v1/namespaces/app1/pods")[1]["items"]
    assert lab.run("kill", "tokyo") == {"tokyo-ontap": "dead", "tokyo-kubernetes": "dead"}
    with pytest.raises(ConnectionRefusedError):
        connect(lab, "tokyo-ontap")
    assert lab.request("osaka", "ontap", *CLUSTER)[0] == 200
    assert lab.run("start", "tokyo") == {"tokyo-ontap": "running", "tokyo-kubernetes": "running"}
    assert lab.request("tokyo", "ontap", "GET", VOLUMES)[1] == before
    names = [pod["metadata"]["uid"] for pod in lab.request("tokyo", "kubernetes", "GET", "/api/v1/namespaces/app1/pods")[1]["items"]]
    assert names == [pod["metadata"]["uid"] for pod in pods]


def test_hang_takes_connections_and_answers_nothing(lab: LiveLab) -> None:
    assert lab.run("hang", "osaka", "--only", "ontap") == {"osaka-ontap": "hung"}
    before = len(lab.log("osaka", "connection"))
    connect(lab, "osaka-ontap")
    with pytest.raises(TimeoutError):
        lab.request("osaka", "ontap", *CLUSTER, timeout=0.5)
    assert lab.request("osaka", "kubernetes", "GET", "/version")[0] == 200
    assert lab.run("thaw", "osaka", "--only", "ontap") == {"osaka-ontap": "running"}
    assert lab.request("osaka", "ontap", *CLUSTER)[0] == 200
    assert len(lab.log("osaka", "connection")) == before + 4, "also those that came while it hung"


def test_drop_lets_connects_time_out_and_counts_nothing_of_its_own(lab: LiveLab) -> None:
    before = len(lab.log("osaka", "connection")) + len(lab.log("osaka", "connection", "peer"))
    assert lab.run("drop", "osaka", "--only", "kubernetes") == {"osaka-kubernetes": "dropped"}
    for _unused in range(2):
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connect(lab, "osaka-kubernetes")
        assert time.monotonic() - started >= 0.5
    filler = Process(**lab.part("osaka-kubernetes")["filler"])
    assert lab.run("thaw", "osaka", "--only", "kubernetes") == {"osaka-kubernetes": "running"}
    assert processes.condition(filler) == "dead"
    assert lab.request("osaka", "kubernetes", "GET", "/version")[0] == 200
    after = len(lab.log("osaka", "connection")) + len(lab.log("osaka", "connection", "peer"))
    assert after <= before + 2, "the request above, and a ping of the other cluster at most"


def test_dropped_then_killed_then_started(lab: LiveLab) -> None:
    lab.run("drop", "osaka")
    filler = Process(**lab.part("osaka-ontap")["filler"])
    lab.run("kill", "osaka")
    assert processes.condition(filler) == "dead"
    with pytest.raises(CommandFailed, match="start"):
        lab.run("hang", "osaka")
    lab.run("start", "osaka")
    assert lab.request("osaka", "ontap", *CLUSTER)[0] == 200


def test_a_port_that_somebody_took_meanwhile_is_named(lab: LiveLab) -> None:
    lab.run("kill", "osaka", "--only", "ontap")
    port = lab.part("osaka-ontap")["api_port"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CommandFailed, match=f"{port}.*taken"):
        lab.run("start", "osaka", "--only", "ontap")


def test_faults_are_set_where_something_runs(lab: LiveLab) -> None:
    rule = ("--match", "GET /", "--kind", "500")
    lab.run("kill", "osaka", "--only", "ontap")
    assert lab.run("fault", "osaka", *rule).keys() == {"osaka-kubernetes"}
    lab.run("hang", "osaka", "--only", "kubernetes")
    with pytest.raises(CommandFailed, match="nothing of osaka runs"):
        lab.run("fault", "osaka", *rule)
    assert lab.run("faults", "clear") == {"unreached": ["osaka-kubernetes"]}


def test_the_link_can_be_cut_alone(lab: LiveLab) -> None:
    assert lab.run("kill", "tokyo", "--only", "link") == {"link": "refused"}
    assert lab.request("tokyo", "ontap", *CLUSTER)[0] == lab.request("osaka", "ontap", *CLUSTER)[0] == 200
    assert (lab.path / "link").read_text() == "refused"
    assert lab.run("thaw", "tokyo", "--only", "link") == {"link": "up"}


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("401", 401)])
def test_faults_answer_wrongly_once(lab: LiveLab, kind: str, status: int) -> None:
    lab.run("fault", "tokyo", "--match", "GET /api/cluster$", "--kind", kind)
    assert [lab.request("tokyo", "ontap", *CLUSTER)[0] for _unused in range(2)] == [status, 200]


@pytest.mark.parametrize(("kind", "error"), [("reset", ConnectionResetError), ("executed", ConnectionResetError), ("drop", TimeoutError)])
def test_faults_that_give_no_answer(lab: LiveLab, kind: str, error: type[Exception]) -> None:
    lab.run("fault", "tokyo", "--match", "GET /api/cluster$", "--kind", kind)
    with pytest.raises(error):
        lab.request("tokyo", "ontap", *CLUSTER, timeout=0.5)
    assert lab.request("tokyo", "ontap", *CLUSTER)[0] == 200
    assert [entry["fault"] for entry in lab.log("tokyo")[-2:] if "fault" in entry] == [kind]


def test_faults_can_be_cleared(lab: LiveLab) -> None:
    lab.run("fault", "tokyo", "--match", ".* /", "--kind", "500", "--times", "0")
    assert lab.request("tokyo", "ontap", *CLUSTER)[0] == 500
    lab.run("faults", "clear")
    assert lab.request("tokyo", "ontap", *CLUSTER)[0] == 200


def test_the_log_tells_api_from_peer_and_shows_no_secret(lab: LiveLab) -> None:
    lab.request("tokyo", "ontap", "GET", "/api/cluster?fields=name")
    last = lab.log("tokyo")[-1]
    assert (last["part"], last["method"], last["path"], last["query"], last["status"]) == ("tokyo-ontap", "GET", "/api/cluster", {"fields": "name"}, 200)
    assert lab.log("tokyo", "connection")
    assert "/lab/data" in {entry["path"] for entry in lab.log("tokyo", via="peer")}, "the nodes look at their volumes"
    times = [entry["time"] for entry in lab.run("log", "tokyo")]
    assert times == sorted(times)
    secrets = json.loads((lab.path / "parts" / "secrets.json").read_text())
    words = [*secrets["ontap"].values(), *secrets["kubernetes"].values(), secrets["bucket_token"], secrets["bucket_secret"]]
    for file in [*lab.path.glob("parts/*.jsonl"), *lab.path.glob("parts/*.out"), lab.path / "lab.json"]:
        assert not [word for word in words if word in file.read_text()], file


def test_records_are_written_and_read_also_from_a_dead_site(lab: LiveLab) -> None:
    assert lab.run("write", "app1") == {"group": "app1", "writing": True}
    wait_for(lambda: any(volume["records"]["count"] >= 3 for volume in lab.run("read", "tokyo", "app1").values()))
    assert lab.run("write", "app1", "--stop") == {"group": "app1", "writing": False}
    lab.run("kill", "tokyo")
    volumes = lab.run("read", "tokyo", "app1", "--records")
    assert len(volumes) >= 3
    for volume in volumes.values():
        found = volume["records"]
        assert [number for number, _unused in found["records"]] == list(range(1, found["last"] + 1))
        assert found["missing"] == []
        assert len(volume["sha256"]) == 64
    assert lab.run("read", "osaka", "app1") == {}
    lab.run("start", "tokyo")
    last = max(volume["records"]["last"] for volume in volumes.values())
    lab.run("write", "app1")
    wait_for(lambda: max(volume["records"]["last"] for volume in lab.run("read", "tokyo", "app1").values()) > last)
    lab.run("write", "app1", "--stop")
    assert not any(volume["records"]["missing"] for volume in lab.run("read", "tokyo", "app1").values()), "it went on counting"


def test_backups_and_mirrors_go_from_site_to_site(tmp_path: Path) -> None:
    with running_lab(tmp_path, "--ark", "ark", "--clock", "5") as lab:
        lab.run("deploy", "--all")
        backup = lab.run("backup", "tokyo")
        assert backup["phase"] == "Completed"
        hand = ByHand(lambda site, method, path, body: lab.request(site, "ontap", method, path, body), time.sleep)
        path = hand.mirror()
        lab.run("write", "app1")
        hand.until("osaka", path, "snapmirrored")
        done = lab.run("transfer", "app1")
        assert done["state"] == "success"
        assert done["snapshot"] == hand.do("osaka", "GET", f"{path}?fields=exported_snapshot")["exported_snapshot"]
        operations = [(entry["operation"], entry["object"]) for entry in lab.run("log", "osaka") if entry["event"] == "operation"]
        assert [name for name, _unused in operations] == ["initialize", "transfer"], operations
        assert "tokyo" not in {entry["part"][:5] for entry in lab.log("osaka", "connection")}
        seen = lab.request("osaka", "kubernetes", "GET", f"/apis/ark.heptio.com/v1/namespaces/heptio-ark/backups/{backup['name']}")
        assert seen[1]["status"]["phase"] == "Completed"
        lab.run("kill", "osaka", "--only", "link")
        with pytest.raises(CommandFailed, match="failed"):
            lab.run("transfer", "app1")
        lab.run("start", "osaka", "--only", "link")
        assert lab.run("transfer", "app1")["state"] == "success"
        lab.run("kill", "tokyo")
        hand.break_off(path)
        saved = lab.run("read", "osaka", "app1")
        assert saved.keys() == lab.run("read", "tokyo", "app1").keys()
        assert not any(volume["records"]["missing"] for volume in saved.values())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["kill", "kyoto"], "no site 'kyoto'"), (["kill", "store", "--only", "ontap"], "store has no ontap"), (["deploy", "app9"], "no group 'app9'"),
        (["deploy"], "name one group"), (["write", "app9"], "no group 'app9'"), (["transfer", "app1"], "destination of a mirror"),
        (["fault", "tokyo", "--match", "GET", "--kind", "500"], "METHOD path-regex"), (["read", "store", "app1"], "store has no ontap"),
    ],
)
def test_what_cannot_be_done_is_said(lab: LiveLab, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandFailed, match=text):
        lab.run(*arguments)


def command(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "kubedr_lab.cli", *arguments, "--state", str(path)], capture_output=True, text=True, timeout=60, check=False)


def test_down_leaves_nothing_and_can_be_said_twice(tmp_path: Path) -> None:
    done = command(tmp_path, "up", "--ark", "ark", "--clock", "10")
    assert (done.returncode, done.stderr) == (0, "")
    started = processes_of(tmp_path)
    assert {processes.condition(process) for process in started.values()} == {"running"}
    lab = LiveLab(tmp_path)
    lab.run("drop", "tokyo")
    lab.run("write", "app1")
    assert json.loads(command(tmp_path, "down", "--json").stdout) == {"ended": True}
    assert {processes.condition(process) for process in started.values()} == {"dead"}
    assert str(tmp_path) not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert lab.run("down") == {"ended": False}
    with pytest.raises(CommandFailed, match="there is no lab"):
        lab.run("log", "tokyo")


def test_an_up_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, started = processes.spawn, []

    def one_that_dies(module: str, arguments: list[str], output: Path, sockets: Any = ()) -> Process:
        started.append(spawn("shell.part" if "tokyo" in arguments[1] else "no_such_module", arguments, output, sockets))
        return Process(**vars(started[-1]))

    monkeypatch.setattr(processes, "spawn", one_that_dies)
    with pytest.raises(CommandFailed, match=r"osaka-ontap ended while it started[\s\S]*no_such_module"):
        LiveLab(tmp_path).run("up")
    assert {processes.condition(process) for process in started} == {"dead"}
    assert not (tmp_path / "lab.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--kubernetes", "real", "--ark", "ark"], "velero.io"),
        (["--kubernetes", "real", "--clock", "60"], "clock"), (["--groups", "0"], "1 to 128"), (["--groups", "129"], "1 to 128"), (["--clock", "0"], "above 0"),
    ],
)
def test_up_refuses_what_it_cannot_make(tmp_path: Path, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandFailed, match=text):
        LiveLab(tmp_path / "lab").run("up", *arguments)
    assert not (tmp_path / "lab").exists()
