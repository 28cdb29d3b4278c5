# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records from ONTAP's JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import (
    Cluster,
    ClusterPeer,
    ExportPolicy,
    Lif,
    Policy,
    Relationship,
    Route,
    Schedule,
    Snapshot,
    Svm,
    SvmPeer,
    Transfer,
    Volume,
)
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.parse import plain, seconds_of, time_of
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.settings import prefix_length


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT8M42S", 522), ("P2DT1H", 176400), ("PT0S", 0), ("P1W", 604800), ("PT1.5S", 1.5), ("", None), ("P", None), ("5m", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_instants_are_utc() -> None:
    assert time_of("2026-07-01T12:00:00+02:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert time_of("2026-07-01T10:00:00Z") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert time_of("soon") is None


@pytest.mark.parametrize(("netmask", "length"), [("24", 24), ("255.255.255.0", 24), ("255.255.0.1", -1), ("", -1)])
def test_netmasks(netmask: str, length: int) -> None:
    assert prefix_length(netmask) == length


def test_a_relationship_with_all_its_parts() -> None:
    found = Relationship.from_record(
        {
            "uuid": "R",
            "source": {"path": "a:", "cluster": {"name": "A"}},
            "destination": {"path": "b:"},
            "state": "snapmirrored",
            "healthy": False,
            "unhealthy_reason": [{"code": "6621444", "message": "late"}, {"code": "1", "message": "x"}],
            "lag_time": "PT1M",
            "exported_snapshot": "s",
            "policy": {"name": "p"},
            "transfer_schedule": {"name": "t"},
            "identity_preservation": "full",
            "last_transfer_type": "update",
            "transfer": {"uuid": "T", "state": "transferring", "bytes_transferred": 7, "end_time": "2026-07-01T10:00:00+00:00"},
        }
    )
    assert (found.path, found.unhealthy_reason, found.lag_seconds, found.transferring()) == ("a: -> b:", "late (6621444); x (1)", 60.0, True)
    assert "raw" not in plain(found)
    assert plain(found)["transfer"]["end_time"] == "2026-07-01T10:00:00Z"
    json.dumps(plain(found))


@pytest.mark.parametrize("kind", [Cluster, ClusterPeer, ExportPolicy, Lif, Policy, Relationship, Route, Schedule, Snapshot, Svm, SvmPeer, Transfer, Volume])
def test_empty_records_are_taken(kind: type) -> None:
    json.dumps(plain(kind.from_record({})))  # type: ignore[attr-defined]


def test_null_is_as_good_as_absent() -> None:
    assert Volume.from_record({"nas": None, "space": {"size": None}}).size == 0
