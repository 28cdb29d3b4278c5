# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Volumes and snapshots, as their own cluster knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import ApiError, KubedrError, NotFound, Refused
from .act import Act, perform, transient
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


def ensure_clone(
    client: OntapClient, svm: str, parent: str, snapshot: str, key: str, clone: str, deadline: float, before_write: Callable[[], None] = lambda: None,
) -> tuple[Volume | None, bool]:
    """A FlexClone of one snapshot, mounted nowhere. One that is there is taken, if it is one of that snapshot.

    Args:
        parent, clone: names, in the SVM ``svm``, which must run.
        key: of the parent's copy, as ``Snapshot.key`` gives it: the same one must still be there.
        before_write: called right before each write.

    Raises:
        Refused: another volume has the clone's name, the parent is gone, or its snapshot is gone or another one of that name.
    """

    def read() -> dict[str, Any] | None:
        found: list[dict[str, Any]] = client.records(PATH, CLONE_FIELDS, **{"svm.name": exact(svm), "name": exact(clone)})
        if not found:
            return None
        shown = (dig(found[0], "clone.is_flexclone", False), dig(found[0], "clone.parent_volume.name"), dig(found[0], "clone.parent_snapshot.name"))
        if shown != (True, parent, snapshot):
            raise Refused(
                "clone_foreign", f"a volume of that name is there, and is no clone of {parent}@{snapshot}", system=client.system, operation="make clone",
                obj=clone, seen=list(shown),
                advice="Rename it, and run failover again.",
            )
        return found[0]

    def send(_seen: object) -> object:
        source = _the_volume(client, svm, parent)
        still_there(client, source, snapshot, key)
        before_write()
        wanted = {"is_flexclone": True, "parent_volume": {"name": parent}, "parent_snapshot": {"name": snapshot}}
        policy = {"nas": {"export_policy": {"name": source.export_policy}}} if source.export_policy else {}
        return client.write("POST", PATH, {"name": clone, "svm": {"name": svm}, "clone": wanted, **policy}, deadline=deadline)

    seen, changed = perform(
        client, Act("make clone", f"{clone} of {parent}@{snapshot}", read, lambda found: found is not None and found.get("state") == "online", send), deadline,
    )
    return (Volume.from_record(seen) if seen else None), changed


def still_there(client: OntapClient, volume: Volume, snapshot: str, key: str) -> None:
    """Raises Refused where a volume's snapshot is gone, or is another one of that name."""
    found = next((shown for shown in list_snapshots(client, volume.uuid) if shown.name == snapshot), None)
    if found is None or found.key != key:
        raise Refused(
            "snapshot_gone", f"{volume.name}@{snapshot} is {'gone' if found is None else 'another one now'} since it was chosen", system=client.system,
            operation="serve snapshot", obj=volume.name,
            advice="Run failover again with dr_snapshot and another name, or newest.",
        )


def _the_volume(client: OntapClient, svm: str, name: str) -> Volume:
    found = client.records(PATH, Volume.FIELDS, **{"svm.name": exact(svm), "name": exact(name)})
    if not found:
        raise Refused("point_changed", "the volume is gone", system=client.system, operation="serve snapshot", obj=name, advice=CHANGED)
    return Volume.from_record(found[0])


CHANGED = "Somebody changed the SVM meanwhile. Mend that, and run failover again."


def put_in_place(
    client: OntapClient, svm: str, volume: str, instead: str, path: str, deadline: float, before_write: Callable[[], None] = lambda: None,
) -> bool:
    """``volume`` mounted at ``path``, where ``instead`` was: that one is unmounted, and keeps all that it holds. Whether anything was sent.

    Raises:
        Refused: one of them is gone, or a third one is mounted there.
    """

    def read() -> tuple[Volume, Volume]:
        third = [found.name for found in list_volumes(client, svm) if found.junction == path and found.name not in (volume, instead)]
        if third:
            raise Refused("point_changed", f"{third[0]} is mounted at {path}", system=client.system, operation="mount", obj=volume, advice=CHANGED)
        return _the_volume(client, svm, volume), _the_volume(client, svm, instead)

    def send(seen: tuple[Volume, Volume]) -> object:
        before_write()
        wanted, other = seen
        target, to = (other, "") if other.junction == path else (wanted, path)
        return client.write("PATCH", f"{PATH}/{target.uuid}", {"nas": {"path": to}}, deadline=deadline)

    def done(seen: tuple[Volume, Volume]) -> bool:
        return seen[0].junction == path and seen[1].junction != path

    return perform(client, Act("mount", f"{volume} at {path}", read, done, send, stepwise=True), deadline)[1]


def parents(client: OntapClient, svm: str) -> dict[str, str]:
    """Clone -> the volume of the same SVM that it shares blocks with, by name."""
    records = client.records(PATH, f"{CLONE_FIELDS},clone.parent_svm.name", **{"svm.name": exact(svm)})
    return {
        str(record["name"]): str(dig(record, "clone.parent_volume.name")) for record in records
        if dig(record, "clone.is_flexclone", False) and dig(record, "clone.parent_svm.name", svm) == svm
    }


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
