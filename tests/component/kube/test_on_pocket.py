# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The Kubernetes half on simulated sites: backups, choice, scope, volumes, restore and comparison together, for Velero and for Ark."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr import pvs
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.choice import Rules, choose
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import stripped
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.scope import Scope, plan
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import backups, locations, objects, restores, volumes, workloads
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.contents import BackupContents
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.records import RecordStore
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import ark_backup, ark_backup_info, ark_restore, ark_schedule
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.dr_verify_core import Verification, verify

from .conftest import Lab

GROUP = ("app1", "app1-batch")
TOKYO, OSAKA = "tokyo", "osaka"


def svm(held: BackupContents) -> pvs.SvmView:
    """The SVM that has every volume of the backup, as the source has."""
    names = {}
    for _key, pv in held.objects("persistentvolumes"):
        path = (pv["spec"].get("nfs") or {}).get("path") or "/" + str((pv["spec"].get("csi") or {}).get("volumeAttributes", {}).get("internalName") or "root")
        names[path.strip("/")] = path
    return pvs.SvmView(names, frozenset({"10.1.1.1"}))


def step_one(lab: Lab, site: str, held: BackupContents) -> Scope:
    """The cluster-scoped objects and the PersistentVolumes, as a failover makes them."""
    client, view = lab.client(site), svm(held)
    found = pvs.group_volumes(held, GROUP, view)
    scope = plan(held, held.backup, GROUP, ark_namespace=lab.ark.namespace, volumes=found)
    for name in scope.namespaces:
        objects.ensure_namespace(client, name)
    for needed in scope.objects:
        objects.ensure_present(client, needed.key[0], stripped(held.get(*needed.key) or {}))
    for volume in found:
        if volume.on_svm and volume.manifest:
            action = pvs.decide(volume.manifest, volumes.read_pv(client, volume.pv))
            assert action.do != pvs.REFUSE, action.why
            if action.do == pvs.CREATE:
                volumes.precreate(client, volume.manifest)
            elif action.patch:
                volumes.patch_pv(client, volume.pv, action.patch)
    return scope


def compared(lab: Lab, site: str, held: BackupContents, scope: Scope) -> Verification:
    found = pvs.group_volumes(held, GROUP, svm(held))
    return verify(lab.client(site), held, GROUP, volumes=found, also=[needed.key for needed in scope.objects])


def restored(lab: Lab, site: str, scope: Scope, name: str = "r1") -> restores.RestoreResult:
    made = [key.key[2] for key in scope.objects] + [pv["metadata"]["name"] for pv in volumes.pvs(lab.client(site))]
    return restores.create_and_wait(lab.client(site), lab.ark, scope.restore_spec, name, 600, fetch=lab.env.fetch, precreated=made)


def held_by(lab: Lab, site: str, name: str) -> BackupContents:
    return BackupContents.load(lab.client(site), lab.ark, name, lab.env.fetch)


def test_a_backup_is_no_different_from_the_cluster_that_it_was_made_of(lab: Lab) -> None:
    held = held_by(lab, TOKYO, lab.pocket.backup(TOKYO))
    found = pvs.group_volumes(held, GROUP, svm(held))
    scope = plan(held, held.backup, GROUP, ark_namespace=lab.ark.namespace, volumes=found)
    result = compared(lab, TOKYO, held, scope)
    assert result.as_dict()["verified"], result.as_dict()
    assert {check.claim for check in result.claims} == {"app1/data-db-0", "app1/data-db-1", "app1/web-content", "app1-batch/exports", "app1-batch/scratch"}


def test_the_other_site_sees_and_reads_the_backup(lab: Lab) -> None:
    name = lab.pocket.backup(TOKYO)
    lab.pocket.run(100)
    assert name in [backup.name for backup in backups.list_backups(lab.client(OSAKA), lab.ark)]
    assert [key for key, _manifest in held_by(lab, OSAKA, name)] == [key for key, _manifest in held_by(lab, TOKYO, name)]


def test_everything_stands_at_the_other_site_but_its_storage(lab: Lab) -> None:
    """No SVM is started here: so exactly the pods are not ready, and every object, claim and PersistentVolume is as it was."""
    name = lab.pocket.backup(TOKYO)
    lab.pocket.run(100)
    lab.pocket.kill(TOKYO)
    held = held_by(lab, OSAKA, name)
    scope = step_one(lab, OSAKA, held)
    result = restored(lab, OSAKA, scope)
    assert result.succeeded, result.as_dict()
    assert result.unexpected_warnings == []
    lab.pocket.run(60)
    seen = compared(lab, OSAKA, held, scope)
    told = seen.as_dict()
    assert (told["missing"], told["differing"], seen.claim_problems) == ([], [], [])
    assert seen.not_ready
    assert step_one(lab, OSAKA, held) == scope


def test_released_volumes_meet_their_claims_again(lab: Lab) -> None:
    """At one site: the namespaces are deleted with their PersistentVolumes kept, then restored onto the same data."""
    client = lab.client(TOKYO)
    held = held_by(lab, TOKYO, lab.pocket.backup(TOKYO))
    lab.pocket.write("app1", 3)
    before = lab.pocket.read(TOKYO, "app1")
    for pv in volumes.group_pvs(client, GROUP):
        volumes.retain(client, pv["metadata"]["name"])
    for namespace in GROUP:
        client.delete(f"/api/v1/namespaces/{namespace}")
    lab.pocket.run(60)
    assert {volumes.phase_of(pv) for pv in volumes.pvs(client)} == {"Released"}
    scope = step_one(lab, TOKYO, held)
    assert restored(lab, TOKYO, scope).succeeded
    workloads.wait_ready(client, ("app1",), 300)
    seen = compared(lab, TOKYO, held, scope)
    assert seen.claim_problems == []
    assert lab.pocket.read(TOKYO, "app1") == before


def test_a_claim_on_a_new_empty_volume_is_never_verified(lab: Lab) -> None:
    """The trap: without the PersistentVolumes made before, the product ends Completed on new, empty volumes."""
    client = lab.client(TOKYO)
    name = lab.pocket.backup(TOKYO)
    held = held_by(lab, TOKYO, name)
    found = pvs.group_volumes(held, GROUP, svm(held))
    scope = plan(held, name, GROUP, ark_namespace=lab.ark.namespace, volumes=found)
    for namespace in GROUP:
        client.delete(f"/api/v1/namespaces/{namespace}")
    lab.pocket.run(60)
    assert restored(lab, TOKYO, scope).phase == "Completed"
    lab.pocket.run(60)
    seen = compared(lab, TOKYO, held, scope)
    assert not seen.good
    assert any("app1/data-db-0" in problem for problem in seen.claim_problems)


def test_the_module_refuses_that_trap(lab: Lab) -> None:
    name = lab.pocket.backup(TOKYO)
    lab.pocket.run(100)
    params = lab.params(OSAKA, name="r1", backup=name, included_namespaces=list(GROUP))
    with pytest.raises(Refused, match="app1/data-db-0"):
        ark_restore.run(params, lab.env)
    assert restores.read(lab.client(OSAKA), lab.ark, "r1") is None


def test_a_missing_object_and_a_changed_one_are_named_and_no_value_is(lab: Lab) -> None:
    client = lab.client(TOKYO)
    held = held_by(lab, TOKYO, lab.pocket.backup(TOKYO))
    found = pvs.group_volumes(held, GROUP, svm(held))
    scope = plan(held, held.backup, GROUP, ark_namespace=lab.ark.namespace, volumes=found)
    secret = held.keys("secrets")[0]
    config = next(key for key in held.keys("configmaps") if key.namespace in GROUP and key.name != "kube-root-ca.crt")
    client.merge(f"/api/v1/namespaces/{secret.namespace}/secrets/{secret.name}", {"data": {"password": "bmV3LXNlY3JldA=="}})
    client.delete(f"/api/v1/namespaces/{config.namespace}/configmaps/{config.name}")
    told = compared(lab, TOKYO, held, scope).as_dict()
    assert told["missing"] == ["/".join(config)]
    assert [entry["object"] for entry in told["differing"]] == ["/".join(secret)]
    assert told["differing"][0]["paths"] == ["data.password"]
    assert "bmV3LXNlY3JldA" not in str(told)


def test_few_requests_are_enough(lab: Lab) -> None:
    held = held_by(lab, TOKYO, lab.pocket.backup(TOKYO))
    found = pvs.group_volumes(held, GROUP, svm(held))
    scope = plan(held, held.backup, GROUP, ark_namespace=lab.ark.namespace, volumes=found)
    lab.pocket.parts["tokyo-kubernetes"].log.clear()
    kinds = compared(lab, TOKYO, held, scope).kinds
    requests = [event for event in lab.pocket.log(TOKYO) if event.get("event") == "request" or event.get("method")]
    assert 0 < len(requests) <= 2 * len(kinds) + 20
    assert {event["method"] for event in requests} == {"GET"}


def test_modules_on_the_lab(lab: Lab) -> None:
    wish = lab.params(name="extra", state="present", schedule="*/30 * * * *", excluded_namespaces=["kube-system"], include_cluster_resources=True, ttl="24h")
    told = ark_schedule.run(wish, replace(lab.env, check_mode=True, diff=True))
    done = ark_schedule.run(wish, replace(lab.env, diff=True))
    lab.pocket.run(90)
    again = ark_schedule.run(wish, replace(lab.env, diff=True))
    assert (told["changed"], done["changed"], again["changed"], told["diff"]) == (True, True, False, done["diff"])
    assert again["schedule"]["phase"] == "Enabled"
    made = ark_backup.run(lab.params(name="by-hand", from_schedule="extra", timeout=300), lab.env)
    assert (made["changed"], made["backup"]["phase"], made["backup"]["schedule"]) == (True, "Completed", "extra")
    assert ark_backup.run(lab.params(name="by-hand", from_schedule="extra", timeout=300), lab.env)["changed"] is False
    lab.pocket.run(30)
    info = ark_backup_info.run(lab.params(schedule="extra", namespaces=list(GROUP)), lab.env)
    assert info["newest_usable"]["schedule"] == "extra"
    assert info["newest_usable"]["age_seconds"] < 3600
    assert ark_schedule.run(lab.params(name="extra", state="absent"), lab.env)["changed"] is True


def test_the_newest_backup_that_fits_the_mirror(lab: Lab) -> None:
    old, new = lab.pocket.backup(TOKYO), lab.pocket.backup(TOKYO)
    client = lab.client(TOKYO)
    found = backups.list_backups(client, lab.ark)
    held = {name: held_by(lab, TOKYO, name) for name in (old, new)}
    assert client.server_time is not None
    rules = Rules(GROUP, None, client.server_time + timedelta(seconds=1), svm(held[new]))
    assert choose(found, held.__getitem__, rules).backup.name == new
    lacking = replace(rules, svm=pvs.SvmView({"app1_web": "/app1_web"}, frozenset({"10.1.1.1"})))
    with pytest.raises(Refused, match="no volume on the DR SVM"):
        choose(found, held.__getitem__, lacking)


def test_record_and_hold_on_the_lab(lab: Lab) -> None:
    client = lab.client(OSAKA)
    store = RecordStore(client, lab.ark.namespace, "app1")
    assert store.update(lambda record: {**record, "epoch": 1}) == {"epoch": 1}
    assert store.read()[0] == {"epoch": 1}
    if not lab.ark.dialect.has_read_only:
        return
    found = locations.read(client, lab.ark)
    assert locations.staleness(found, client.server_time) == []
    assert locations.hold_read_only(client, lab.ark, "app1", 60)[0].read_only
    assert locations.release_hold(client, lab.ark, "app1")[0].access_mode == found.access_mode


def test_a_dead_site_is_unreachable(lab: Lab) -> None:
    lab.pocket.kill(TOKYO)
    with pytest.raises(Unreachable):
        workloads.pods(lab.client(TOKYO), GROUP)
