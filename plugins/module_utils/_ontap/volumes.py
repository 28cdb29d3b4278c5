# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Volumes and snapshots, as their own cluster knows them."""

from __future__ import annotations

from .._errors import ApiError, KubedrError, NotFound
from .act import Act, perform, transient
from .client import OntapClient, exact
from .models import Snapshot, Volume

PATH = "/api/storage/volumes"
UNKNOWN_FIELD = frozenset({"262179", "262197"})


def list_volumes(client: OntapClient, svm: str) -> list[Volume]:
    """All volumes of the SVM, its root volume (junction ``/``) among them."""
    return [Volume.from_record(record) for record in client.records(PATH, Volume.FIELDS, **{"svm.name": exact(svm)})]


def list_snapshots(client: OntapClient, volume: str, *, delta: bool = False) -> list[Snapshot]:
    """The snapshots that this volume shows, oldest first.

    Args:
        volume: its uuid.
        delta: ask also how much was written since each, which is expensive, and which older releases do not know.
    """
    fields = [Snapshot.FIELDS, Snapshot.VERSION, *([Snapshot.DELTA] if delta else [])]
    while True:
        try:
            records = client.records(f"{PATH}/{volume}/snapshots", ",".join(fields))
            break
        except ApiError as error:
            if len(fields) == 1 or error.code not in UNKNOWN_FIELD:
                raise
            fields.pop()
    found = [Snapshot.from_record(record) for record in records]
    return sorted(found, key=lambda snapshot: snapshot.create_time.timestamp() if snapshot.create_time else 0.0)


def delete(client: OntapClient, volume: Volume, deadline: float) -> bool:
    """The volume with all its snapshots, gone; whether anything was deleted. One that is still mounted is unmounted first where ONTAP asks for it."""

    def read() -> Volume | None:
        try:
            return Volume.from_record(client.get(f"{PATH}/{volume.uuid}", fields=Volume.FIELDS))
        except NotFound:
            return None

    unmounted: list[bool] = []

    def recover(error: KubedrError) -> bool:
        if volume.junction and not unmounted and isinstance(error, ApiError) and error.status < 500:
            unmounted.append(True)
            client.write("PATCH", f"{PATH}/{volume.uuid}", {"nas": {"path": ""}}, deadline=deadline)
            return True
        return transient(error)

    act = Act(
        "delete volume", volume.name, read, lambda seen: seen is None, lambda seen: client.write("DELETE", f"{PATH}/{volume.uuid}", deadline=deadline),
        recover=recover,
    )
    return perform(client, act, deadline)[1]
