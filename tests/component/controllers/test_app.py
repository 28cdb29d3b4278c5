# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site when new, the example application on it, and the records that it writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from kubedr_lab import app
from kubedr_lab.controllers.ports import Obj, Reach
from kubedr_lab.kube_seed import NODES, seed

from .conftest import FakeOntap, Site, run, site_seed


def reach(site: Site) -> Reach:
    return Reach([site.ontap.data, site.other.data])


def test_a_new_site_holds_what_the_groups_need(tokyo: Site) -> None:
    run(seed(tokyo.kube, site_seed("tokyo", {"app1": "10.1.1.21"})))
    addresses = {node["metadata"]["name"]: node["status"]["addresses"][0]["address"] for node in tokyo.kube.of("nodes")}
    assert addresses == NODES["tokyo"]
    assert {entry["metadata"]["name"]: entry["reclaimPolicy"] for entry in tokyo.kube.of("storageclasses")} == {"ontap-nas": "Delete", "local": "Delete"}
    backend = tokyo.kube.one("tridentbackends", "tbe-app1")
    assert backend["backendName"] == "app1"
    assert backend["config"]["ontap_config"] | {"svm": "", "dataLIF": "10.1.1.21"} == backend["config"]["ontap_config"]
    _status, location = run(tokyo.kube.request("GET", "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"))
    assert location["spec"]["objectStorage"] == {"bucket": "kubedr"}
    assert tokyo.kube.one("deployments", "velero")["spec"]["replicas"] == 0


def test_seeding_again_changes_nothing(tokyo: Site) -> None:
    for _unused in range(2):
        version = tokyo.kube.cluster.version
        run(seed(tokyo.kube, site_seed("tokyo", {"app1": "10.1.1.21"})))
    assert tokyo.kube.cluster.version == version


def test_the_application_becomes_ready(running: Site) -> None:
    assert run(app.pending("app1", running.kube)) == []
    pods = {pod["metadata"]["namespace"] for pod in running.kube.of("pods")}
    assert pods == {"app1", "app1-batch"}
    kinds = {(pv["spec"].get("storageClassName", ""), *({"nfs", "csi", "hostPath"} & pv["spec"].keys())) for pv in running.kube.of("persistentvolumes")}
    assert kinds == {("", "nfs"), ("nfs-by-hand", "nfs"), ("ontap-nas", "csi"), ("local", "hostPath")}
    assert all(pv["status"]["phase"] == "Bound" for pv in running.kube.of("persistentvolumes"))


def test_deploying_again_changes_nothing(running: Site) -> None:
    version, posts = running.kube.cluster.version, running.ontap.posts
    assert run(app.deploy("app1", running.kube, running.ontap)) == []
    assert (running.kube.cluster.version, running.ontap.posts) == (version, posts)


def test_deploying_puts_back_what_somebody_changed(running: Site) -> None:
    running.patch("/apis/apps/v1/namespaces/app1/deployments/web", {"spec": {"replicas": 5}})
    run(app.deploy("app1", running.kube, running.ontap))
    assert running.kube.one("deployments", "web")["spec"]["replicas"] == 2


def test_trident_volumes_are_kept_only_when_told(running: Site) -> None:
    def policies() -> dict[str, set[str]]:
        volumes = running.kube.of("persistentvolumes")
        return {source: {pv["spec"]["persistentVolumeReclaimPolicy"] for pv in volumes if source in pv["spec"]} for source in ("nfs", "csi", "hostPath")}

    assert policies() == {"nfs": {"Retain"}, "csi": {"Delete"}, "hostPath": {"Delete"}}
    run(app.deploy("app1", running.kube, running.ontap, reclaim_policy="Retain"))
    assert policies() == {"nfs": {"Retain"}, "csi": {"Retain"}, "hostPath": {"Delete"}}
    assert run(app.set_reclaim_policy("app1", running.kube, "Retain")) == []


def test_an_svm_without_a_lif_is_no_place_to_deploy_to(tokyo: Site) -> None:
    tokyo.ontap.lifs["10.1.1.21"]["up"] = False
    with pytest.raises(LookupError, match="svm_app1 has no LIF"):
        run(app.deploy("app1", tokyo.kube, tokyo.ontap))
    assert tokyo.kube.writes == 1


def test_two_groups_share_nothing_but_the_crd() -> None:
    def names(group: str) -> set[tuple[str, str, str]]:
        return {(m["kind"], m["metadata"].get("namespace", ""), m["metadata"]["name"]) for m in app.render(group, "10.1.1.21")}

    assert names("app1") & names("app2") == {("CustomResourceDefinition", "", "storefronts.shop.example.com")}


def test_manifests_are_complete_and_secrets_encoded() -> None:
    manifests = app.render("app1", "10.1.1.21")
    assert "${" not in json.dumps(manifests)
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds == set(app.KINDS)
    secrets = [manifest for manifest in manifests if manifest["kind"] == "Secret"]
    assert base64.b64decode(secrets[0]["data"]["password"]) == b"not-for-print-db-app1"
    assert all("stringData" not in secret for secret in secrets)


def test_a_folder_without_manifests_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no manifests"):
        app.render("app1", "10.1.1.21", tmp_path)


def test_a_record_reaches_every_svm_volume_once(running: Site) -> None:
    done = run(app.write_once("app1", 7, running.kube, reach(running), running.clock.now()))
    assert all(ack.ok and ack.svm == "svm_app1" for ack in done.values())
    assert {ack.volume for ack in done.values()} == {name for _svm, name in running.ontap.volumes}
    assert len(done) == 4
    assert {bytes(content) for content in running.ontap.volumes.values()} == {b'{"n": 7, "at": "2026-07-01T00:00:00.000Z"}\n'}


def test_records_go_through_whichever_site_has_the_address(running: Site) -> None:
    running.ontap.silent = True
    running.other.lifs, running.other.volumes = running.ontap.lifs, running.ontap.volumes
    done = run(app.write_once("app1", 1, running.kube, reach(running), running.clock.now()))
    assert [ack.ok for ack in done.values()] == [True] * 4


def test_a_refused_append_is_told_and_not_counted(running: Site) -> None:
    running.ontap.clients = ()
    done = run(app.write_once("app1", 1, running.kube, reach(running), running.clock.now()))
    assert {(ack.ok, ack.reason) for ack in done.values()} == {(False, "access denied by server")}
    assert not any(running.ontap.volumes.values())


def test_without_ready_pods_nothing_is_written(running: Site) -> None:
    running.ontap.lifs["10.1.1.21"]["up"] = False
    running.settle(10.0)
    assert len(run(app.pending("app1", running.kube))) == 3
    assert run(app.write_once("app1", 1, running.kube, reach(running), running.clock.now())) == {}


def line(n: int, at: float) -> bytes:
    return app.record_line(n, at)


def test_a_summary_names_what_is_missing() -> None:
    content = line(2, 0.0) + line(3, 1.5) + b'{"n": 4, "a' + b"\n" + line(6, 4.0) + b"\xff\xfe\n[1]\n"
    summary = app.summarise(content)
    assert summary["records"] == {
        "first": 2, "last": 6, "count": 3, "missing": [4, 5], "first_at": "1970-01-01T00:00:00.000Z", "last_at": "1970-01-01T00:00:04.000Z"}
    assert summary["sha256"] == app.summarise(content)["sha256"] != app.summarise(content[:-1])["sha256"]
    assert list(app.records(content))[1] == (3, "1970-01-01T00:00:01.500Z")


def test_an_empty_volume_has_no_records() -> None:
    empty: Obj = app.summarise(b"")
    assert empty["records"] == {"first": None, "last": None, "count": 0, "missing": [], "first_at": None, "last_at": None}
    assert empty["sha256"].startswith("e3b0c442")


def test_reach_prefers_the_refusal_of_who_has_the_address() -> None:
    own, other = FakeOntap(), FakeOntap()
    other.lifs["a"] = {"svm": "svm_app1_dr", "up": True}
    answer = run(Reach([own.data, other.data]).ask({"op": "probe", "address": "a", "client": "c", "path": "/p"}))
    assert answer["reason"] == "no_such_path"
    own.silent = other.silent = True
    assert run(Reach([own.data, other.data]).ask({"op": "probe", "address": "a"})) == {"ok": False, "reason": "no_answer", "message": "no answer from a"}


def test_a_silent_site_is_left_alone_for_a_while(tokyo: Site) -> None:
    tokyo.ontap.silent = True
    asking = Reach([tokyo.ontap.data], tokyo.clock, pause=5.0)
    message: Obj = {"op": "probe", "address": "a"}
    for seconds, asked in ((0.0, 1), (4.0, 1), (1.0, 2)):
        tokyo.clock.advance(seconds)
        run(asking.ask(message))
        assert tokyo.ontap.asked == asked
