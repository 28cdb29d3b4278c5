# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that was taken soon after a CRD was made: as a real Velero 1.18.3 took it, it held the CRD and none of its objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import CRDS, Key, Manifest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.young import missed, warning

KIND = "storefronts.shop.example.com"
STARTED = datetime(2026, 11, 24, 23, 4, 51, tzinfo=UTC)


class Backup:
    """Objects by kind."""

    def __init__(self, made: str, *kinds: str) -> None:
        self._made, self._kinds = made, kinds

    def kinds(self) -> list[str]:
        return [CRDS, *self._kinds]

    def keys(self, group_resource: str) -> list[Key]:
        return [key for key, _manifest in self.objects(group_resource)]

    def objects(self, group_resource: str) -> Iterator[tuple[Key, Manifest]]:
        if group_resource == CRDS:
            yield (CRDS, "", KIND), {"metadata": {"name": KIND, **({"creationTimestamp": self._made} if self._made else {})}}

    def get(self, group_resource: str, namespace: str, name: str) -> Manifest | None:
        return dict(self.objects(group_resource)).get((group_resource, namespace, name))


def test_a_young_crd_without_objects_is_told() -> None:
    found = missed(Backup("2026-11-24T23:04:11Z"), STARTED)
    assert found == [KIND]
    assert KIND in warning(found)


@pytest.mark.parametrize(
    ("backup", "started"),
    [
        (Backup("2026-11-24T22:59:51Z"), STARTED), (Backup("2026-11-24T23:04:11Z", KIND), STARTED), (Backup(""), STARTED),
        (Backup("2026-11-24T23:04:11Z"), None),
    ],
    ids=["old enough", "its objects are there", "no time", "no start"],
)
def test_nothing_is_told(backup: Backup, started: datetime | None) -> None:
    assert missed(backup, started) == []
    assert warning([]) == ""
