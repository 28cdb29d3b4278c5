# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What was seen -> the protection state, on both axes. Pure: the same observation always has the same state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .seen import NoAnswer, ObjectsSeen, RelationSeen, Seen, StorageSeen
from .words import SERVING_AT_DESTINATION, Objects, Storage, Verb


@dataclass(frozen=True)
class State:
    """Both axes, the side that serves (a site role: ``source``, ``destination`` or empty) and why the state is what it is."""

    storage: Storage
    objects: Objects
    active: str
    why: str

    def as_dict(self) -> dict[str, str]:
        """For results and evidence."""
        return {"storage": str(self.storage), "objects": str(self.objects), "active": self.active, "why": self.why}


def derive(seen: Seen, rpo_seconds: float) -> State:
    """The state of a group from one observation of it.

    Args:
        rpo_seconds: a forward mirror whose lag is beyond it is degraded.
    """
    storage, why = _storage(seen, rpo_seconds)
    active = _active(storage, seen)
    return State(storage, objects_axis(seen.record, _objects_of(seen, active), active), active, why)


def _active(storage: Storage, seen: Seen) -> str:
    if storage in SERVING_AT_DESTINATION or storage in (Storage.REPROTECTING, Storage.REPROTECTED):
        return "destination"
    if storage in (Storage.PROTECTED, Storage.DEGRADED, Storage.INITIALIZING, Storage.FAILED_BACK, Storage.FAILED_BACK_UNFENCED):
        return "source"
    if storage in (Storage.FAILING_OVER, Storage.FAILING_BACK):
        return "destination" if storage is Storage.FAILING_OVER else "source"
    if storage is Storage.ACTIVE_UNREACHABLE:
        return "source" if isinstance(seen.destination_storage, StorageSeen) and seen.destination_storage.incoming else "destination"
    return ""


def _objects_of(seen: Seen, active: str) -> ObjectsSeen | NoAnswer:
    return seen.destination_objects if active == "destination" else seen.source_objects


def objects_axis(record: Mapping[str, Any], side: ObjectsSeen | NoAnswer, active: str) -> Objects:
    """Second axis, from the record of this epoch. A side that serves where no failover brought it has no restore to speak of."""
    if not record:
        return Objects.NONE if isinstance(side, ObjectsSeen) else Objects.UNKNOWN
    progress = record.get("objects") or {}
    if progress.get("epoch") != record.get("epoch") or progress.get("side") != active:
        return Objects.NONE
    word = str(progress.get("state", Objects.NONE))
    return Objects(word) if word in {str(o) for o in Objects} else Objects.UNKNOWN


def _storage(seen: Seen, rpo_seconds: float) -> tuple[Storage, str]:
    destination, source = seen.destination_storage, seen.source_storage
    home = _home(destination, source, seen.record) if going_home(seen.record) and not released(seen.record) else None
    if home:
        return home
    if isinstance(destination, NoAnswer):
        return _without_destination(destination, source)
    forward = destination.incoming
    if forward is None:
        return _without_forward(destination, source, seen.record)
    if forward.broken:
        return _broken(destination, source, seen.record)
    return _mirror(forward, source, seen.record, rpo_seconds)


def _without_destination(destination: NoAnswer, source: StorageSeen | NoAnswer) -> tuple[Storage, str]:
    if isinstance(source, StorageSeen) and source.incoming and not source.incoming.broken:
        return Storage.ACTIVE_UNREACHABLE, f"the source side holds a mirror of the destination, which gives no answer ({destination.why})"
    return Storage.UNKNOWN, f"the destination's ONTAP gives no answer ({destination.why})"


def _without_forward(destination: StorageSeen, source: StorageSeen | NoAnswer, record: Mapping[str, Any]) -> tuple[Storage, str]:
    if released(record):
        return Storage.UNPROTECTED, "released by teardown, as the record says"
    reverse = source.incoming if isinstance(source, StorageSeen) else None
    if reverse is not None:
        return _reverse(reverse)
    if destination.svm is None or destination.svm.subtype == "dp_destination":
        return Storage.UNPROTECTED, "no relationship, and the destination SVM is absent or empty"
    if (record.get("reprotect") or {}).get("epoch") == record.get("epoch", 0):
        return Storage.REPROTECTING, "the forward relationship is gone, as the record's step says"
    return Storage.UNKNOWN, "the destination SVM holds data of its own, but no relationship and no record explain it"


def _reverse(reverse: RelationSeen) -> tuple[Storage, str]:
    if reverse.state == "snapmirrored" and reverse.healthy and not reverse.transferring:
        return Storage.REPROTECTED, "the reverse relationship is in step"
    return Storage.REPROTECTING, f"the reverse relationship is {reverse.state}"


def _mirror(forward: RelationSeen, source: StorageSeen | NoAnswer, record: Mapping[str, Any], rpo_seconds: float) -> tuple[Storage, str]:
    if break_sent(record) and not going_home(record):
        return Storage.FAILING_OVER, "a break was sent in this epoch, and the relationship is not broken off yet"
    if forward.state == "uninitialized":
        return Storage.INITIALIZING, "the baseline transfer has not ended"
    if isinstance(source, NoAnswer):
        return Storage.ACTIVE_UNREACHABLE, f"the destination holds a mirror of the source, which gives no answer ({source.why})"
    if source.svm is None:
        return Storage.DEGRADED, "the source SVM is not there"
    if source.svm.state == "stopped":
        return Storage.FENCED, "the mirror is whole and the source SVM was seen stopped"
    if forward.state == "paused":
        return Storage.DEGRADED, "the relationship is paused"
    if not forward.healthy:
        return Storage.DEGRADED, f"the relationship is unhealthy: {forward.reason or 'no reason given'}"
    if forward.lag_seconds is None or forward.lag_seconds > rpo_seconds:
        return Storage.DEGRADED, f"the lag is {_seconds(forward.lag_seconds)}, the RPO {rpo_seconds:g} s"
    return Storage.PROTECTED, f"in step, lag {_seconds(forward.lag_seconds)}"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} s"


def _broken(destination: StorageSeen, source: StorageSeen | NoAnswer, record: Mapping[str, Any]) -> tuple[Storage, str]:
    svm, reverse = destination.svm, source.incoming if isinstance(source, StorageSeen) else None
    if reverse is not None and not reverse.broken:
        return _reverse(reverse)
    source_svm = source.svm if isinstance(source, StorageSeen) else None
    if svm and svm.writable and source_svm and source_svm.writable:
        return Storage.SPLIT_BRAIN, "both SVMs are writable and running"
    if released(record) and not (svm and svm.writable):
        return Storage.UNPROTECTED, "a teardown is under way: broken off, the relationship still there"
    if source_svm and source_svm.writable and break_sent(record):
        return Storage.FAILING_OVER, "broken off by a failover that was not ended, and the source still runs: run fence, then failover to its end"
    if source_svm and source_svm.writable:
        return Storage.UNKNOWN, "the relationship is broken off, the source serves, and no record explains it"
    if not destination.serving:
        return Storage.FAILING_OVER, "broken off, but not everything serves yet"
    if isinstance(source, StorageSeen) or fenced_by_proof(record):
        return Storage.FAILED_OVER, "the destination serves and the source was seen stopped"
    return Storage.FAILED_OVER_UNFENCED, "the destination serves; that the source is down is only declared or not known"


def released(record: Mapping[str, Any]) -> bool:
    """Whether a teardown of this epoch marked the group."""
    mark = record.get("released") or {}
    return bool(mark) and mark.get("epoch") == record.get("epoch")


def going_home(record: Mapping[str, Any]) -> bool:
    """Whether the newest promotion is a failback: from then on the source is the side that serves."""
    run = record.get("run") or {}
    return run.get("verb") == str(Verb.FAILBACK) and run.get("epoch") == record.get("epoch")


def fence_at_destination(state: State, record: Mapping[str, Any], source_site: str) -> bool:
    """Which side ``fence`` stops: the one whose going down the next promotion needs, or the one that came back without being the active side.

    False: the source, which is the common case.
    """
    if state.storage in (Storage.REPROTECTED, Storage.FAILING_BACK, Storage.FAILED_BACK, Storage.FAILED_BACK_UNFENCED):
        return True
    if state.storage is Storage.ACTIVE_UNREACHABLE:
        return state.active == "destination"
    if state.storage is Storage.UNKNOWN and going_home(record):
        return True
    return state.storage is Storage.SPLIT_BRAIN and record.get("active_site") == source_site


def _home(destination: StorageSeen | NoAnswer, source: StorageSeen | NoAnswer, record: Mapping[str, Any]) -> tuple[Storage, str] | None:
    """The states between the decision to go home and the end of the forward resync; None where that is over, or the source is not seen."""
    forward = destination.incoming if isinstance(destination, StorageSeen) else None
    if isinstance(source, NoAnswer):
        if isinstance(destination, StorageSeen) and (forward is None or forward.broken):
            return Storage.UNKNOWN, f"the newest record says that the source serves since a failback, and it gives no answer ({source.why})"
        return None
    reverse = source.incoming
    if not source.serving or (reverse is not None and not reverse.broken):
        return (Storage.FAILING_BACK, "the way home is partly walked") if reverse is not None else None
    if isinstance(destination, StorageSeen) and destination.svm and destination.svm.writable:
        return Storage.SPLIT_BRAIN, "both SVMs are writable and running"
    if forward is not None and not forward.broken:
        return (Storage.FAILING_BACK, "the reverse relationship is not cleared away yet") if reverse is not None else None
    if isinstance(destination, StorageSeen) or fenced_by_proof(record):
        return Storage.FAILED_BACK, "the source serves again, the forward resync is not done, and the destination was seen stopped"
    return Storage.FAILED_BACK_UNFENCED, "the source serves again; that the destination is down is only declared or not known"


def break_sent(record: Mapping[str, Any]) -> bool:
    """From the recorded intent on, the break counts as sent, also after a kill."""
    intent = (record.get("intent") or {}).get("break") or {}
    return bool(intent) and intent.get("epoch") == record.get("epoch") and not intent.get("failed")


def break_sent_by(record: Mapping[str, Any], verb: str) -> bool:
    """As above, by this verb's promotion: the break of the way home is none of the next way out."""
    return break_sent(record) and (record.get("run") or {}).get("verb") == verb


def fenced_by_proof(record: Mapping[str, Any]) -> bool:
    """Whether this epoch began on proof: the SVM that was left and its workloads were seen stopped by ``fence``.

    It holds until that side becomes a mirror again: then its own site may promote it, and its record, which may not be seen here, would say so.
    """
    fence, epoch = record.get("fence") or {}, record.get("epoch")
    return fence.get("kind") == "proof" and fence.get("epoch") == epoch and (record.get("mirrored") or {}).get("epoch") != epoch
