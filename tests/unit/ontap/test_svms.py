# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SVMs: create, start and its refusals, stop, serving."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError, JobFailed, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import svms
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import Svm

from .scripted import Call, accepted, answer, client_of, error, finish, get, job, records, svm, write

LIST, ONE = "/api/svm/svms", "/api/svm/svms/V"
UNLOCK, FORCE = "/api/private/cli/vserver/unlock", "/api/private/cli/vserver/start"
STOPPED = Svm.from_record(svm("stopped"))


def seen(state: str) -> Call:
    return get(ONE, answer(svm(state)))


def patch(state: str, response: Any = None) -> Call:
    return write("PATCH", ONE, {"state": state}, response)


def test_start() -> None:
    client = client_of(seen("stopped"), patch("running", accepted()), job("success"), seen("starting"), seen("running"))
    assert svms.start(client, STOPPED, 60)[0].state == "running"
    finish(client)


def test_start_of_one_that_a_break_started_already() -> None:
    client = client_of(seen("running"))
    assert not svms.start(client, STOPPED, 60)[1]
    client = client_of(seen("starting"), seen("running"))
    assert not svms.start(client, STOPPED, 60)[1]
    finish(client)


def test_a_locked_svm_is_unlocked() -> None:
    refusal = job("failure", message="The management configuration for this Vserver is locked.", code=1)
    client = client_of(
        seen("stopped"),
        patch("running", accepted()),
        refusal,
        *[seen("stopped")] * 5,
        write("POST", UNLOCK, {"vserver": "svm1_dr", "force": True}),
        seen("stopped"),
        patch("running", accepted()),
        job("success"),
        seen("running"),
    )
    assert svms.start(client, STOPPED, 60)[1]
    finish(client)


def test_confirmations_disabled_is_judged_by_the_state() -> None:
    refusal = job("failure", message="You cannot start the SVM when command confirmations are disabled")
    client = client_of(seen("stopped"), patch("running", accepted()), refusal, seen("starting"), seen("running"))
    assert svms.start(client, STOPPED, 60)[1]
    finish(client)


def test_a_running_partner_is_overridden_only_with_force() -> None:
    refusal = error("13001", "The partner Vserver is operationally running.")
    client = client_of(seen("stopped"), patch("running", refusal), seen("stopped"))
    with pytest.raises(ApiError, match="start with force"):
        svms.start(client, STOPPED, 60)
    finish(client)
    client = client_of(
        seen("stopped"),
        patch("running", refusal),
        seen("stopped"),
        write("POST", FORCE, {"vserver": "svm1_dr", "force": True}),
        seen("starting"),
        seen("running"),
    )
    assert svms.start(client, STOPPED, 60, force=True)[1]
    finish(client)


def test_state_unavailable_is_tried_again() -> None:
    client = client_of(seen("stopped"), patch("running", error("13303859")), seen("stopped"), seen("stopped"), patch("running"), seen("running"))
    assert svms.start(client, STOPPED, 60)[1]
    finish(client)


def test_a_start_that_fails_without_a_word_is_a_failure() -> None:
    client = client_of(seen("stopped"), patch("running", accepted()), job("failure"), *[seen("stopped")] * 5)
    with pytest.raises(JobFailed) as caught:
        svms.start(client, STOPPED, 60)
    assert caught.value.seen["state"] == "stopped"


def test_stop() -> None:
    client = client_of(seen("running"), patch("stopped", accepted()), job("success"), seen("stopped"))
    assert svms.stop(client, STOPPED, 60)[1]
    client = client_of(seen("stopped"))
    assert not svms.stop(client, STOPPED, 60)[1]


def test_create_destination() -> None:
    look, there = get(LIST, records(), name="svm1_dr"), get(LIST, records(svm("stopped", "dp_destination")), name="svm1_dr")
    client = client_of(look, write("POST", LIST, {"name": "svm1_dr", "subtype": "dp_destination"}, accepted()), job("success"), there)
    made, changed = svms.create_destination(client, "svm1_dr", 60)
    assert made is not None
    assert (made.subtype, changed) == ("dp_destination", True)
    finish(client)


def test_create_destination_takes_what_exists() -> None:
    client = client_of(get(LIST, records(svm("running", "default")), name="svm1_dr"))
    assert not svms.create_destination(client, "svm1_dr", 60)[1]


def test_two_runs_that_create_the_same_svm() -> None:
    look, there = get(LIST, records(), name="svm1_dr"), get(LIST, records(svm("stopped", "dp_destination")), name="svm1_dr")
    client = client_of(look, write("POST", LIST, {"name": "svm1_dr", "subtype": "dp_destination"}, error("13434908", status=409)), look, there)
    assert svms.create_destination(client, "svm1_dr", 60)[0] is not None
    finish(client)


def _serving(state: str, lif: str, volume: str) -> list[Call]:
    return [
        get(LIST, records(svm(state)), name="svm1_dr"),
        get("/api/network/ip/interfaces", records({"name": "lif1", "ip": {"address": "10.0.0.5"}, "enabled": True, "state": lif}), svm__name="svm1_dr"),
        get("/api/storage/volumes", records({"name": "data", "type": volume, "state": "online"}), svm__name="svm1_dr"),
    ]


def test_serving_waits_for_lifs_and_volumes() -> None:
    client = client_of(_serving("running", "down", "dp"), _serving("running", "up", "rw"))
    assert svms.wait_serving(client, "svm1_dr", 60)["lifs"] == {"lif1": "up"}
    finish(client)


def test_not_serving_names_what_is_missing() -> None:
    client = client_of(*[_serving("running", "down", "dp")] * 9)
    with pytest.raises(WaitTimeout, match=r"LIF lif1 \(10.0.0.5\) is down; volume data is dp"):
        svms.wait_serving(client, "svm1_dr", 3)
