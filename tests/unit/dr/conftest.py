# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and observations to decide over."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.seen import (
    LifSeen,
    NoAnswer,
    ObjectsSeen,
    PeerSeen,
    RelationSeen,
    Seen,
    StorageSeen,
    SvmSeen,
    VolumeSeen,
)

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def group(tmp_path: Path) -> dict[str, Any]:
    """A group dict as the role `dr` builds it, with files that exist."""
    for name in ("tokyo.kubeconfig", "osaka.kubeconfig", "ca.pem"):
        (tmp_path / name).write_text("x")

    def site(name: str, number: int) -> dict[str, Any]:
        return {
            "ontap": {"hostname": f"ontap-{name}.example.com", "username": "admin", "password": "secret-1", "ca_path": str(tmp_path / "ca.pem")},
            "kubernetes": {"kubeconfig": str(tmp_path / f"{name}.kubeconfig"), "context": name},
            "intercluster_lifs": [{"name": "ic1", "node": f"{name}-01", "port": "e0c", "address": f"10.{number}.0.11", "netmask": "255.255.255.0"}],
            "ark": {"api_group": "velero.io"},
        }

    return {
        "name": "payments", "source_site": "tokyo", "destination_site": "osaka", "source_svm": "svm_payments", "destination_svm": "svm_payments_dr",
        "namespaces": ["payments", "payments-batch"], "sites": {"tokyo": site("tokyo", 1), "osaka": site("osaka", 2)},
    }


def with_value(group: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value at a dotted path changed; `...` deletes it."""
    found = copy.deepcopy(group)
    *parents, last = path.split(".")
    place: Any = found
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return found


def relation(state: str = "snapmirrored", **fields: Any) -> RelationSeen:
    """A forward relationship."""
    return replace(RelationSeen("r1", state, True, lag_seconds=60.0, snapshot="s1"), **fields)


def storage(site: str = "osaka", state: str = "stopped", subtype: str = "dp_destination", incoming: RelationSeen | None = None, **fields: Any) -> StorageSeen:
    """One ONTAP cluster with the group's SVM; `state=""` for none."""
    kind, up = ("rw" if subtype == "default" else "dp"), state == "running"
    return replace(
        StorageSeen(
            site, site, "9.16.1", NOW, SvmSeen("svm", "u1", subtype, state) if state else None, incoming, (VolumeSeen("v1", kind, "online", "/v1", "default"),),
            (LifSeen("lif1", "10.1.1.1", up),), 1, True, {"default": ("10.1.2.11",)}, PeerSeen("tokyo", "available", NOW),
        ), **fields,
    )


def objects(site: str = "osaka", record: dict[str, Any] | None = None) -> ObjectsSeen:
    """One Kubernetes cluster."""
    return ObjectsSeen(site, NOW, record, ("10.2.2.11", "10.2.2.12"))


def seen(
    destination: StorageSeen | NoAnswer, source: StorageSeen | NoAnswer | None = None, record: dict[str, Any] | None = None,
    source_record: dict[str, Any] | None = None,
) -> Seen:
    """An observation; the source gives no answer unless given."""
    return Seen(source if source is not None else NoAnswer("timed out"), destination, objects("tokyo", source_record), objects("osaka", record))
