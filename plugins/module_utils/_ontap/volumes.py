# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Volumes and snapshots, as their own cluster knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import ApiError, KubedrError, NotFound, Refused
from .act import Act, nothing, perform, transient
from .client import OntapClient, exact
from .models import Snapshot, Volume
from .parse import dig

PATH = "/api/storage/volumes"
CLONE_FIELDS = f"{Volume.FIELDS},clone.is_flexclone,clone.parent_volume.name,clone.parent_snapshot.name"
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


Pair = tuple["Volume | None", "Volume | None"]
"""A volume and its clone."""


def serve_clone(
    client: OntapClient, svm: str, name: str, snapshot: str, clone: str, path: str, deadline: float, on_look: Callable[[Pair], None] = nothing,
) -> tuple[Pair, bool]:
    """A FlexClone of one snapshot, mounted where its parent was. The parent is unmounted, and keeps all that it holds.

    A clone of that name that is there is taken, if it is one of that snapshot.

    Args:
        name, clone: of the parent and of the clone, in the SVM ``svm``, which must run.
        path: the junction path that clients know.

    Raises:
        Refused: another volume has the clone's name, or is mounted there, or the parent is gone.
    """

    def read() -> Pair:
        found = {str(record["name"]): record for record in client.records(PATH, CLONE_FIELDS, **{"svm.name": exact(svm)})}
        if clone in found:
            _refuse_foreign(found[clone], name, snapshot)
        taken = [other for other, record in found.items() if dig(record, "nas.path") == path and other not in (name, clone)]
        if name not in found or taken:
            raise Refused(
                "point_changed", f"{taken[0]} is mounted at {path}" if taken else "the volume is gone", system=client.system, operation="serve clone",
                obj=name,
                advice="Somebody changed the SVM meanwhile. Mend that, and run failover again.",
            )
        return Volume.from_record(found[name]), Volume.from_record(found[clone]) if clone in found else None

    def send(seen: Pair) -> object:
        parent, made = seen
        if made is None:
            wanted = {"is_flexclone": True, "parent_volume": {"name": name}, "parent_snapshot": {"name": snapshot}}
            policy = {"nas": {"export_policy": {"name": parent.export_policy}}} if parent and parent.export_policy else {}
            return client.write("POST", PATH, {"name": clone, "svm": {"name": svm}, "clone": wanted, **policy}, deadline=deadline)
        if parent and parent.junction == path:
            return client.write("PATCH", f"{PATH}/{parent.uuid}", {"nas": {"path": ""}}, deadline=deadline)
        return client.write("PATCH", f"{PATH}/{made.uuid}", {"nas": {"path": path}}, deadline=deadline) if made.junction != path else False

    def done(seen: Pair) -> bool:
        parent, made = seen
        return made is not None and made.junction == path and made.state == "online" and parent is not None and parent.junction != path

    return perform(client, Act("serve clone", f"{name}@{snapshot}", read, done, send, stepwise=True, on_look=on_look), deadline)


def _refuse_foreign(record: dict[str, Any], parent: str, snapshot: str) -> None:
    found = (dig(record, "clone.is_flexclone", False), dig(record, "clone.parent_volume.name"), dig(record, "clone.parent_snapshot.name"))
    if found != (True, parent, snapshot):
        raise Refused(
            "clone_foreign", f"a volume of that name is there, and is no clone of {parent}@{snapshot}", operation="serve clone", obj=str(record["name"]),
            seen=list(found),
            advice="Rename it, and run failover again.",
        )


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
