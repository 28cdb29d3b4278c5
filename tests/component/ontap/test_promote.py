# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break off, serve, go away, and look, with the other site alive, dead, hung or dropped."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, Refused, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import exports, snapmirror, svms
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import ExportRule

from .conftest import World


def stop_source(world: World) -> None:
    client = world.client("tokyo")
    svm = svms.find(client, "svm_app1")
    assert svm is not None
    svms.stop(client, svm, 60)


@pytest.mark.parametrize("how", ["kill", "hang", "drop"])
def test_serving_with_the_source_site_gone(mirrored: World, how: str) -> None:
    getattr(mirrored.lab, how)("tokyo")
    began = mirrored.lab.clock.now()
    result = mirrored.run("svmdr", state="serving", force=True, source=None)
    assert result["diff"]["after"] == {"relationship": "broken_off", "destination_svm": "default", "state": "running"}
    assert [step["name"] for step in result["steps"]] == ["pause", "abort transfers", "break off", "start SVM", "serve"]
    assert mirrored.requests("tokyo") == []
    assert not mirrored.run("svmdr", state="serving", force=True, source=None)["changed"]
    assert mirrored.lab.clock.now() - began < 60


def test_the_serving_svm_has_lifs_up_and_volumes_writable(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    mirrored.run("svmdr", state="serving", force=True, source=None)
    seen = svms.serving(mirrored.client("osaka"), "svm_app1_dr")
    assert seen["missing"] == []
    assert set(seen["volumes"].values()) == {"rw"}


def test_check_mode_predicts_serving(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    predicted = mirrored.run("svmdr", state="serving", force=True, source=None, check=True)
    assert mirrored.relationship()["state"] == "snapmirrored"
    assert mirrored.run("svmdr", state="serving", force=True, source=None)["diff"] == predicted["diff"]


@pytest.mark.parametrize("state", ["broken_off", "serving"])
def test_a_running_source_is_not_overridden(mirrored: World, state: str) -> None:
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state=state, force=True)
    assert caught.value.reason == "source_running"
    assert mirrored.relationship()["state"] == "snapmirrored"


def test_a_source_that_cannot_be_seen_needs_force(mirrored: World) -> None:
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state="serving", source=None)
    assert caught.value.reason == "source_unknown"
    mirrored.lab.kill("tokyo")
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state="serving")
    assert caught.value.reason == "source_unknown"
    assert mirrored.run("svmdr", state="serving", force=True)["changed"]


def test_planned_with_the_source_stopped(mirrored: World) -> None:
    stop_source(mirrored)
    assert mirrored.run("svmdr", state="broken_off")["diff"]["after"]["relationship"] == "broken_off"
    assert mirrored.run("svmdr", state="serving")["diff"]["after"]["state"] == "running"


def test_a_break_without_force_while_the_peer_is_dead_says_what_to_do(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    rel = snapmirror.find(mirrored.client("osaka"), "svm_app1_dr")
    assert rel is not None
    with pytest.raises(ApiError, match="with force") as caught:
        snapmirror.break_off(mirrored.client("osaka"), rel, False, 60)
    assert caught.value.code == "262224"


@pytest.mark.parametrize("knob", ["break_starts_svm", "break_locks_svm", "confirmation_bug"])
def test_what_releases_do_differently(mirrored: World, knob: str) -> None:
    mirrored.cluster("osaka").set_knobs(**{knob: True})
    mirrored.lab.kill("tokyo")
    assert mirrored.run("svmdr", state="serving", force=True, source=None)["diff"]["after"]["state"] == "running"


def test_no_relationship_and_no_baseline(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.run("svmdr", state="serving", force=True)
    assert caught.value.reason == "no_relationship"
    world.lifs()
    world.run("cluster_peer")
    world.run("svm_peer")
    world.run("svmdr")
    with pytest.raises(Refused) as caught:
        world.run("svmdr", state="serving", force=True)
    assert caught.value.reason == "uninitialized"


def test_absent_asks_for_consent_and_keeps_the_data(mirrored: World) -> None:
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state="absent")
    assert caught.value.reason == "consent_missing"
    assert "unprotect" in str(caught.value)
    assert "failed_over" not in str(caught.value)
    predicted = mirrored.run("svmdr", state="absent", consent=["unprotect"], check=True)
    result = mirrored.run("svmdr", state="absent", consent=["unprotect"])
    assert result["diff"] == predicted["diff"]
    info = mirrored.run("svmdr_info")
    assert info["destination"]["relationship"] is None
    assert info["source"]["remembers"] == []
    assert len(info["destination"]["volumes"]) == len(info["source"]["volumes"])
    assert not mirrored.run("svmdr", state="absent")["changed"]


def test_absent_after_a_failover_needs_more_words(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    mirrored.run("svmdr", state="serving", force=True, source=None)
    with pytest.raises(Refused) as caught:
        mirrored.run("svmdr", state="absent", consent=["unprotect"])
    assert "failed_over" in caught.value.advice
    assert "leave_source" in caught.value.advice
    mirrored.run("svmdr", state="absent", consent=["unprotect", "failed_over", "leave_source"])
    mirrored.lab.start("tokyo")
    assert len(mirrored.run("svmdr_info")["source"]["remembers"]) == 1
    assert mirrored.run("svmdr", state="absent")["changed"]
    assert mirrored.run("svmdr_info")["source"]["remembers"] == []


def test_info_of_a_dead_side_is_reported(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    info = mirrored.run("svmdr_info")
    assert info["source"]["answered"] is False
    assert info["destination"]["relationship"]["state"] == "snapmirrored"
    mirrored.lab.kill("osaka")
    with pytest.raises(Unreachable):
        mirrored.run("svmdr_info")


def test_a_transfer_takes_a_new_snapshot(mirrored: World) -> None:
    client = mirrored.client("osaka")
    rel = snapmirror.find(client, "svm_app1_dr")
    assert rel is not None
    mirrored.lab.run(60)
    found, changed = snapmirror.transfer(client, rel, 60)
    assert changed
    assert found.exported_snapshot != rel.exported_snapshot


def test_export_rules_of_the_dr_svm_become_the_wanted_ones(mirrored: World) -> None:
    mirrored.lab.kill("tokyo")
    mirrored.run("svmdr", state="broken_off", force=True, source=None)
    client = mirrored.client("osaka")
    for policy in exports.read_policies(client, "svm_app1_dr"):
        found, changed = exports.set_rules(client, policy, [ExportRule(1, ("10.2.2.11", "10.2.2.12"))])
        assert changed
        assert [rule.clients for rule in found.rules] == [("10.2.2.11", "10.2.2.12")]
        assert not exports.set_rules(client, policy, [ExportRule(1, ("10.2.2.12", "10.2.2.11"))])[1]
