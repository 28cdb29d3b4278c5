# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up refuses before its first write wherever it could resync towards the wrong side."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import Relationship, Svm, SvmPeer
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.svm_peering import SvmPair, SvmPeering
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.svm_peer import Peered
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.svmdr_setup import refuse

from .scripted import client_of, finish, get, records, relation, svm

PARAMS = {"source_svm": "svm1", "destination_svm": "svm1_dr", "identity_preservation": "full", "state": "initialized"}
LIST = "/api/snapmirror/relationships"


def peered(source: dict[str, Any] | None = None, destination: dict[str, Any] | None = None) -> Peered:
    pair = SvmPair(
        SvmPeer("1", "svm1_dr", "svm1", "svm1_dr", "B", "peered", ("snapmirror",)), SvmPeer("2", "svm1", "svm1_dr", "svm1", "A", "peered", ("snapmirror",))
    )
    wanted = SvmPeering("svm1", "svm1_dr", frozenset({"A"}), frozenset({"B"}), "A")
    copy = svm("stopped", "dp_destination") if destination is None else destination
    return Peered(Svm.from_record(source or svm("running", name="svm1")), Svm.from_record(copy), pair, wanted)


@pytest.mark.parametrize(
    ("reason", "found", "seen", "reverse"),
    [
        ("broken_off", peered(), relation("broken_off"), None),
        ("destination_in_use", peered(destination=svm("running")), None, None),
        ("destination_in_use", peered(destination=svm("stopped")), relation("snapmirrored"), None),
        ("source_is_destination", peered(source=svm("stopped", "dp_destination")), None, None),
        ("reverse_relationship", peered(), None, relation("broken_off")),
        ("reverse_relationship", peered(), relation("snapmirrored"), relation("snapmirrored")),
        ("other_source", peered(), relation("snapmirrored", source={"path": "svm9:"}), None),
        ("identity_differs", peered(), relation("snapmirrored", identity_preservation="exclude_network_config"), None),
        ("paused", peered(), relation("paused"), None),
    ],
)
def test_refusals(reason: str, found: Peered, seen: dict[str, Any] | None, reverse: dict[str, Any] | None) -> None:
    early = reason in ("broken_off", "destination_in_use", "source_is_destination")
    source = client_of(*([] if early else [get(LIST, records(*([reverse] if reverse else [])), destination__path="svm1:")]))
    with pytest.raises(Refused) as caught:
        refuse(PARAMS, found, Relationship.from_record(seen) if seen else None, source, client_of())
    assert caught.value.reason == reason
    assert caught.value.obj == "svm1: -> svm1_dr:"
    assert caught.value.advice
    finish(source)


@pytest.mark.parametrize("seen", [None, relation("uninitialized"), relation("snapmirrored"), relation("snapmirrored", identity_preservation="")])
def test_no_refusal(seen: dict[str, Any] | None) -> None:
    source = client_of(get(LIST, records(), destination__path="svm1:"))
    refuse(PARAMS, peered(), Relationship.from_record(seen) if seen else None, source, client_of())
    finish(source)
