# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an adversarial reading of the safety laws found; each test names the law that it holds."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.lease import Owner, grant
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import SvmView, group_volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.statement import parse_instant
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketClock, PocketKube, PocketOntap, pocket_env

from kubedr_lab.profile import Profile

from .conftest import World
from .test_circle import serving

RECORD = "/api/v1/namespaces/velero/configmaps/kubedr-app1"


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


def config_map(world: World, site: str) -> dict[str, Any]:
    return dict(PocketKube(world.pocket, site).send(Request("GET", RECORD)).body)


def record(world: World, site: str) -> dict[str, Any]:
    return dict(json.loads(config_map(world, site)["data"]["record"]))


def put_record(world: World, site: str, wanted: dict[str, Any]) -> None:
    live = config_map(world, site)
    PocketKube(world.pocket, site).send(Request("PUT", RECORD, body={**live, "data": {"record": json.dumps(wanted)}}))


def ontap(world: World, site: str, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    answer = PocketOntap(world.pocket, site).send(Request(method, path, query, body))
    assert answer.status < 300, answer.body
    return dict(answer.body or {})


def svm_state(world: World, site: str, name: str) -> str:
    return str(ontap(world, site, "GET", "/api/svm/svms", name=name, fields="state")["records"][0]["state"])


class LeaseWatch(PocketClock):
    """A clock that looks, after each pause, whether the run's leases still stand."""

    def __init__(self, world: World, sites: tuple[str, ...]) -> None:
        super().__init__(world.pocket)
        self.world, self.sites, self.lapsed = world, sites, list[str]()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for site in self.sites:
            lease = record(self.world, site).get("lease")
            expires = parse_instant((lease or {}).get("expires_at"))
            if expires and expires <= self.utcnow():
                self.lapsed.append(f"{site} at {self.utcnow():%H:%M:%S}")


def slow(monkeypatch: pytest.MonkeyPatch, seconds: float, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(Profile, name, lambda self, *_unused: seconds)


def test_the_lease_of_the_other_side_is_renewed_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 5: one run per group; planned verbs hold the lease on both sides, renewed at every step and poll."""
    slow(monkeypatch, 150, "backup_seconds")
    watch = LeaseWatch(world, ("tokyo", "osaka"))
    world.run(drivers.planned_tasks(world.group()), clock=watch)
    assert watch.lapsed == []


def test_the_lease_outlives_a_long_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 5: a break that lasts longer than the lease does not let another run in."""
    slow(monkeypatch, 150, "break_seconds")
    world.lose()
    watch = LeaseWatch(world, ("osaka",))
    world.run(drivers.failover_tasks(world.group(), fence_statement=world.statement()), clock=watch)
    assert watch.lapsed == []


def test_the_lease_outlives_a_wait_for_the_backup_location(world: World) -> None:
    """Section 5: waiting for a backup that somebody asked for does not let another run in."""
    world.lose()
    watch = LeaseWatch(world, ("osaka",))
    kube = PocketKube(world.pocket, "osaka")
    path = "/apis/velero.io/v1/namespaces/velero/backups"
    body = {
        "apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "asked", "namespace": "velero", "labels": {"kubedr.ontap/asked": "true"}},
        "spec": {},
    }
    results: list[Any] = []

    def before(name: str, params: Any) -> None:
        if params.get("phase") == "restore":
            results.append(kube.send(Request("POST", path, body=body)).status)

    env = pocket_env(world.pocket, clock=watch)
    with suppress(KubedrError):
        drivers.run_tasks(drivers.failover_tasks(world.group(), fence_statement=world.statement()), env, "run-x", before)
    assert results
    assert watch.lapsed == []


def test_a_record_left_behind_by_the_night_after_decides_nothing(world: World) -> None:
    """Law 3: a decision of a promotion that is over is no word for the next one."""
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.start("tokyo")
    world.pocket.run(30)
    world.reprotect_at_a_loss()
    world.pocket.backup("osaka")
    world.pocket.transfer("app1")
    world.pocket.run(130)
    world.pocket.kill("osaka")
    world.failback(mode="unplanned", fence_statement=world.statement(site="osaka"))
    world.pocket.start("osaka")
    world.pocket.run(30)
    world.fence()
    with pytest.raises(Refused) as error:
        world.failback()
    tasks = list(drivers.failback_tasks(world.group(), accept_loss={"app1": error.value.seen["token"]}))
    world.run(iter(tasks[:-1]))
    assert world.state()["storage"] == "protected"
    world.pocket.kill("tokyo")
    with pytest.raises(Refused) as refused:
        world.failover()
    assert refused.value.reason == "statement_missing"


def test_snapshots_of_the_same_name_are_not_common(world: World) -> None:
    """Law 1: both sides' snapshot policies make snapshots of one name at one instant; they are two snapshots, and the loss is counted from the real common
    one."""
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.start("tokyo")
    world.pocket.run(30)
    for site, svm in (("tokyo", "svm_app1"), ("osaka", "svm_app1_dr")):
        for volume in ontap(world, site, "GET", "/api/storage/volumes", **{"svm.name": svm, "fields": "nas.path"})["records"]:
            if volume["nas"].get("path") != "/":
                ontap(world, site, "POST", f"/api/storage/volumes/{volume['uuid']}/snapshots", {"name": "hourly.2026-11-24_2305"})
    world.fence()
    with pytest.raises(Refused) as error:
        world.reprotect()
    assert error.value.reason == "loss_not_accepted"
    kept = {volume: records[9][1] for volume, records in world.records("tokyo").items()}
    for volume in error.value.seen["volumes"]:
        assert parse_instant(volume["lost_after"]) < kept[volume["name"]].replace(year=kept[volume["name"]].year + 1)
        assert volume["bytes"] != 0


def test_a_fence_lifted_while_the_backup_is_chosen_is_no_proof(world: World) -> None:
    """Law 3: what is recorded as proof still stood when it was recorded, whoever worked meanwhile."""
    world.fence()
    lifted: list[bool] = []

    def fetch(url: str, timeout: float) -> bytes:
        if not lifted:
            lifted.append(True)
            other = pocket_env(world.pocket, process=lambda: Process("pocket", "boot", 99, "0"), process_alive=lambda process: False)
            drivers.run_tasks(drivers.fence_tasks(world.group(), "lift"), other, "run-lift")
        return world.pocket.fetch(url, timeout)

    with pytest.raises(Refused):
        world.run(drivers.failover_tasks(world.group()), fetch=fetch)
    assert lifted
    assert world.state()["storage"] in ("protected", "degraded")


class Answering:
    """A transport whose answers are changed on their way."""

    def __init__(self, inner: Any, change: Any) -> None:
        self.inner, self.change = inner, change

    def send(self, request: Request) -> Any:
        answer = self.inner.send(request)
        self.change(self.inner.site, request, answer)
        return answer


def answering(world: World, change: Any) -> dict[str, Any]:
    return {"open_ontap": lambda access: Answering(PocketOntap(world.pocket, access.site, access.username, access.password), change)}


def test_another_cluster_that_is_peered_is_not_the_other_site(world: World) -> None:
    """Section 9: a statement is held against what this side sees of the site that it is about, not of some other peer."""

    def change(site: str, request: Request, answer: Any) -> None:
        if site == "osaka" and request.path == "/api/cluster/peers":
            answer.body["records"].insert(0, {"uuid": "x", "name": "nagoya", "remote": {"name": "nagoya"}, "status": {"state": "unavailable"}})

    said = world.statement()
    world.pocket.run(60)
    with pytest.raises(Refused) as error:
        world.run(drivers.failover_tasks(world.group(), fence_statement=said), **answering(world, change))
    assert error.value.reason == "statement_contradicted"


def test_a_peer_that_cannot_be_read_contradicts_nothing(world: World) -> None:
    """Law 4: the failover succeeds whatever reading about the dead cluster meets."""
    world.lose()
    world.pocket.fault("osaka", "GET /api/cluster/peers", "500", times=0)
    result = world.failover(fence_statement=world.statement())
    assert result[-1]["state"]["objects"] == "verified"


@pytest.mark.parametrize("world", [{"identity": "exclude_network_and_protocol_config"}], indirect=True)
def test_a_source_svm_that_is_not_seen_is_not_stopped(world: World) -> None:
    """Law 3: svmdr with a mistyped source_svm does not make a second writable copy."""
    group = world.group()
    sites = group["sites"]
    both = {"source": {**sites["tokyo"]["ontap"], "site": "tokyo"}, "destination": {**sites["osaka"]["ontap"], "site": "osaka"}}
    with pytest.raises(Refused):
        world.run(iter([("svmdr", {**both, "source_svm": "svm_ap1", "destination_svm": "svm_app1_dr", "state": "broken_off"})]))
    assert world.state()["storage"] == "protected"


def test_planned_takes_no_statement(world: World) -> None:
    """Law 3: a planned promotion has seen the other side stopped and transferred since; a word is no replacement for that."""
    tasks = [task for task in drivers.planned_tasks(world.group(), fence_statement=world.statement()) if task[1]["phase"] in ("open", "decide")]
    world.pocket.run(1)
    with pytest.raises(Refused):
        world.run(iter(tasks))
    assert record(world, "osaka").get("run") is None


def test_after_the_circle_a_fence_can_be_lifted(world: World) -> None:
    """Section 9: lift is refused only where a break was sent in the direction that the fence is for."""
    world.planned()
    world.reprotect()
    world.failback()
    world.fence()
    assert world.fence(how="lift")[-1]["lifted"]
    world.pocket.run(30)
    serving(world, "tokyo")


def test_after_the_circle_a_planned_failover_is_rolled_back(world: World) -> None:
    """Law 8: the break of the way home is no break of the next way out."""
    world.planned()
    world.reprotect()
    world.failback()
    world.run(iter(list(drivers.planned_tasks(world.group()))[:4]))
    assert svm_state(world, "tokyo", "svm_app1") == "stopped"
    assert world.rollback()[-1]["rolled_back"]
    assert svm_state(world, "tokyo", "svm_app1") == "running"


def test_a_half_done_resync_is_no_way_home(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 1 and section 9: failback unplanned is allowed from reprotected on; before that the mirror holds what was before the failover."""
    world.planned()
    serving(world, "osaka")
    world.pocket.backup("osaka")
    world.pocket.run(130)
    slow(monkeypatch, 400, "transfer_seconds")

    class Clock(PocketClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if world.report.lines and "resync" in world.report.lines[-1]:
                raise Killed

    with pytest.raises(Killed):
        world.run(drivers.reprotect_tasks(world.group()), clock=Clock(world.pocket))
    world.pocket.kill("osaka")

    def change(site: str, request: Request, answer: Any) -> None:
        # Whether a relationship under its first resync is shown as broken_off or as a mirror already is not documented: both must be refused.
        if request.path.startswith("/api/snapmirror/relationships") and site == "tokyo":
            for found in answer.body.get("records") or [answer.body]:
                if found.get("state") == "broken_off":
                    found.update(state="snapmirrored", healthy=True)

    for lie in ({}, answering(world, change)):
        with pytest.raises(Refused) as error:
            world.run(drivers.failback_tasks(world.group(), "unplanned", fence_statement=world.statement(site="osaka")), **lie)
        assert error.value.reason in ("unknown_state", "not_reprotected")


def test_without_a_final_transfer_a_token_is_asked(world: World) -> None:
    """Section 9: the token is null only where the record shows a final transfer begun after the source was seen stopped."""
    world.pocket.transfer("app1")
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.start("tokyo")
    world.pocket.run(30)
    world.fence()
    with pytest.raises(Refused) as error:
        world.reprotect()
    assert error.value.reason == "loss_not_accepted"


def test_the_final_backup_waits_for_a_hold(world: World) -> None:
    """Section 5: a backup that a run asks for waits until no restore holds the location."""
    path = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"
    kube = PocketKube(world.pocket, "tokyo")
    live = kube.send(Request("GET", path)).body
    held = copy.deepcopy(live)
    held["metadata"].setdefault("annotations", {})["kubedr.ontap/read-only-hold"] = json.dumps({"holders": ["app2"], "found": None})
    held["spec"]["accessMode"] = "ReadOnly"
    kube.send(Request("PUT", path, body=held))
    released: list[bool] = []
    begun = world.pocket.clock.now()

    class Clock(PocketClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if not released and world.pocket.clock.now() > begun + 20:
                released.append(True)
                now = kube.send(Request("GET", path)).body
                now["metadata"]["annotations"].pop("kubedr.ontap/read-only-hold")
                now["spec"].pop("accessMode")
                kube.send(Request("PUT", path, body=now))

    result = world.run(drivers.planned_tasks(world.group()), clock=Clock(world.pocket))
    assert released
    assert result[-1]["state"]["objects"] == "verified"


def test_rollback_reads_the_record_again_under_the_lease(world: World) -> None:
    """Law 8: a break that another run sent while this one waited for the lease is a break that was sent."""
    world.run(iter(list(drivers.planned_tasks(world.group()))[:4]))
    mine = record(world, "osaka")
    rival = Owner("run-rival", "elsewhere", "boot", 7, "0", "failover")
    now = parse_instant(world.now())
    assert now
    put_record(world, "osaka", {**mine, "lease": grant(rival, now)})
    sent: list[bool] = []

    class Clock(PocketClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if not sent:
                sent.append(True)
                found = record(world, "osaka")
                epoch = found["epoch"] + 1
                run = {"verb": "failover", "mode": "planned", "epoch": epoch}
                put_record(world, "osaka", {**found, "epoch": epoch, "run": run, "intent": {"break": {"epoch": epoch, "relationship": "x", "at": world.now()}}})

    with suppress(Refused):
        result = world.run(drivers.rollback_tasks(world.group()), clock=Clock(world.pocket), process_alive=lambda process: True)
        assert not result[-1]["rolled_back"]
    assert sent
    assert svm_state(world, "tokyo", "svm_app1") == "stopped"


def test_an_inline_kubeconfig_is_not_shown(world: World) -> None:
    """Law 9: a kubeconfig given by its content instead of its path is refused without a word of it."""
    group = world.group()
    content = "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    token: verysecrettoken\n"
    group["sites"]["osaka"]["kubernetes"] = {"kubeconfig": content}
    with pytest.raises(ConfigError) as error:
        world.run(iter([("dr_state", {"group": group})]))
    assert "verysecrettoken" not in str(error.value.failure()) + str(error.value)


def test_volumes_that_are_not_listed_are_not_nothing_to_lose(world: World) -> None:
    """Law 1: an answer that names no volume is no proof that nothing is lost."""
    world.lose()
    world.failover(fence_statement=world.statement())
    world.pocket.start("tokyo")
    world.pocket.run(30)
    world.fence()

    def change(site: str, request: Request, answer: Any) -> None:
        if site == "tokyo" and request.path == "/api/storage/volumes":
            answer.body.update(records=[], num_records=0)

    before = world.hashes("tokyo")
    with pytest.raises(Refused):
        world.run(drivers.reprotect_tasks(world.group()), **answering(world, change))
    assert world.hashes("tokyo") == before


def test_the_rules_follow_a_break_that_starts_the_svm_whatever_kubernetes_does(world: World) -> None:
    """Law 3: where a break starts the SVM by itself, the rules are the very next call; nothing of the record may stand between."""
    store = world.pocket.parts["osaka-ontap"].store
    cluster = store.get("cluster", "self")
    assert isinstance(cluster, dict)
    store.put("cluster", "self", {**cluster, "knobs": {**cluster["knobs"], "break_starts_svm": True}})
    world.pocket.kill("osaka", "ontap")
    world.pocket.start("osaka", "ontap")
    world.lose()
    said = world.statement()

    def change(site: str, request: Request, answer: Any) -> None:
        if site == "osaka" and request.method == "PATCH" and (request.body or {}).get("state") == "broken_off":
            world.pocket.kill("osaka", "kubernetes")

    with pytest.raises(KubedrError):
        world.run(drivers.failover_tasks(world.group(), fence_statement=said), **answering(world, change))
    assert svm_state(world, "osaka", "svm_app1_dr") == "running"
    found = ontap(world, "osaka", "GET", "/api/protocols/nfs/export-policies", **{"svm.name": "svm_app1_dr", "fields": "rules"})["records"]
    clients = {client["match"] for policy in found for rule in policy.get("rules") or () for client in rule["clients"]}
    world.pocket.start("osaka", "kubernetes")
    assert clients
    assert not clients & {*record(world, "osaka")["source_nodes"]}


def test_a_decision_whose_break_was_resynced_since_is_over(world: World) -> None:
    """Law 3: a record that was left behind, with the mirror whole again, decides nothing, whatever wrote it last."""
    world.lose()
    world.failover(fence_statement=world.statement())
    old = record(world, "osaka")
    world.pocket.start("tokyo")
    world.pocket.run(30)
    world.fence()
    with pytest.raises(Refused) as error:
        world.reprotect()
    world.reprotect(accept_loss={"app1": error.value.seen["token"]})
    world.failback()
    old.pop("lease", None)
    put_record(world, "osaka", old)
    world.pocket.kill("tokyo")
    with pytest.raises(Refused) as refused:
        world.failover()
    assert refused.value.reason == "statement_missing"


def test_a_cluster_made_anew_gets_the_epoch_of_the_other(world: World) -> None:
    """Section 2: epochs tell which record is the newer one; a rebuilt cluster must not begin to count again."""
    world.planned()
    world.reprotect()
    world.failback()
    assert PocketKube(world.pocket, "osaka").send(Request("DELETE", RECORD)).status == 200
    world.setup()
    assert record(world, "osaka")["epoch"] == record(world, "tokyo")["epoch"] == 3
    assert not drivers.changed(world.setup())


def select_database(world: World) -> None:
    """Label the database and what its pods need, but neither its claims nor anything else."""
    kube = PocketKube(world.pocket, "tokyo")
    core, apps = "/api/v1/namespaces/app1", "/apis/apps/v1/namespaces/app1"
    patched = 0
    for path in [f"{core}/secrets", f"{core}/configmaps", f"{core}/services", f"{core}/serviceaccounts", f"{apps}/statefulsets"]:
        for item in kube.send(Request("GET", path)).body["items"]:
            if path.endswith("statefulsets") or item["metadata"]["name"].startswith("db"):
                patch = Request(
                    "PATCH", f"{path}/{item['metadata']['name']}", body={"metadata": {"labels": {"dr": "yes"}}}, content_type="application/merge-patch+json",
                )
                assert kube.send(patch).status == 200
                patched += 1
    assert patched > 2


def test_claims_that_a_label_selector_forgets_meet_their_data(world: World) -> None:
    """Law 6: a StatefulSet that is restored by label, its claims not bearing that label, would make new ones on new, empty volumes."""
    kube, core = PocketKube(world.pocket, "tokyo"), "/api/v1/namespaces/app1"
    select_database(world)
    world.pocket.backup("tokyo")
    world.pocket.run(1)
    world.pocket.transfer("app1")
    world.pocket.run(130)
    claims = {item["metadata"]["name"]: item["spec"]["volumeName"] for item in kube.send(Request("GET", f"{core}/persistentvolumeclaims")).body["items"]}
    world.lose()
    world.failover(changes={"label_selector": "dr=yes", "namespaces": ["app1"]}, fence_statement=world.statement())
    after = PocketKube(world.pocket, "osaka").send(Request("GET", f"{core}/persistentvolumeclaims")).body["items"]
    bound = {item["metadata"]["name"]: item["spec"]["volumeName"] for item in after}
    assert bound
    assert bound == {name: claims[name] for name in bound}


def test_a_volume_behind_an_address_that_setup_did_not_see_is_not_made_anew() -> None:
    """Law 6: a LIF made after set-up is no address that the record knows; its volumes must not be taken for another filer's and come up empty."""
    svm = SvmView({"data": "/data", "trident_pvc_1": "/trident_pvc_1", "root": "/"}, frozenset({"10.0.0.11"}), frozenset({"svm_app1", "svm_app1_dr"}))
    spec = {"capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Delete", "nfs": {"server": "10.0.0.12", "path": "/data"}}
    key, handle = ("persistentvolumeclaims", "app1", "c"), ("persistentvolumes", "", "pv1")
    claim = {"metadata": {"name": "c", "namespace": "app1"}, "spec": {"volumeName": "pv1"}}

    class Backup:
        def __init__(self, pv: dict[str, Any]) -> None:
            self.held = {key: claim, handle: {"metadata": {"name": "pv1"}, "spec": pv}}

        def objects(self, kind: str) -> Any:
            return [(found, manifest) for found, manifest in self.held.items() if found[0] == kind]

        def get(self, *found: str) -> Any:
            return self.held.get(found)  # type: ignore[call-overload]

    found = group_volumes(Backup(spec), ["app1"], svm)[0]  # type: ignore[arg-type]
    assert (found.on_svm, found.volume) == (True, "data")
    elsewhere = group_volumes(Backup({**spec, "nfs": {"server": "10.0.0.12", "path": "/other"}}), ["app1"], svm)[0]  # type: ignore[arg-type]
    assert (elsewhere.on_svm, elsewhere.reprovisioned) == (False, True)


def test_what_a_label_selector_does_not_name_is_not_cleared_away(world: World) -> None:
    """Law 1: workloads beside the group, in its namespaces, are not discarded with them."""
    select_database(world)
    group = world.group(label_selector="dr=yes", namespaces=["app1"])
    world.run(drivers.planned_tasks(group))
    kube, path = PocketKube(world.pocket, "tokyo"), "/apis/apps/v1/namespaces/app1/deployments"
    before = [item["metadata"]["name"] for item in kube.send(Request("GET", path)).body["items"]]
    assert before
    with pytest.raises(Refused) as error:
        world.run(drivers.reprotect_tasks(group))
    assert error.value.reason == "others_there"
    assert [item["metadata"]["name"] for item in kube.send(Request("GET", path)).body["items"]] == before
