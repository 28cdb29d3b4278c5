# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The life of an SVM-DR relationship. Every call goes to the cluster of its destination, unless it says "source".

``deadline`` is always seconds for the whole act. ``find``, ``pause``, ``abort_transfers`` and ``break_off`` ask for nothing that ONTAP would
have to read from the peer, so they work while the other site is dead.
"""

from __future__ import annotations

from collections.abc import Callable

from .._errors import ApiError, JobFailed, KubedrError, NotFound, Refused
from .act import Act, nothing, perform, transient
from .client import HOLD, Answer, OntapClient, exact
from .models import Relationship, Transfer

PATH = "/api/snapmirror/relationships"
TRANSFER_RUNS, PEER_UNREACHABLE = "13303808", "262224"
QUIESCE_GAVE_UP = frozenset({"13303823", "13303824"})
ABORT_TOO_LATE = "13303849"
ABORT_SOFT_SECONDS = 6.0
"""Seconds after which an abort that did not take is repeated as a hard one, which also drops the restart checkpoint."""
UNHEALTHY_SECONDS = 30.0
"""For how long an initialized but unhealthy relationship is watched: its next transfer may be a schedule away."""
Watch = Callable[[Relationship], None]


def find(client: OntapClient, destination_svm: str, *, source_cluster: bool = False) -> Relationship | None:
    """The SVM-DR relationship into this SVM.

    Args:
        source_cluster: also ask for the source cluster's name; not where the peer may be dead.
    """
    fields = Relationship.FIELDS + (",source.cluster.name" if source_cluster else "")
    found = client.records(PATH, fields, **{"destination.path": exact(f"{destination_svm}:")})
    return Relationship.from_record(found[0]) if found else None


def _must_find(client: OntapClient, rel: Relationship) -> Relationship:
    try:
        return Relationship.from_record(client.get(f"{PATH}/{rel.uuid}", fields=Relationship.FIELDS))
    except NotFound as error:
        raise NotFound(
            "the relationship is gone: it was deleted while this ran.", status=404, system=client.system, operation=error.operation, obj=rel.path,
            code=error.code,
        ) from None


def create(
    client: OntapClient,
    source_alias: str,
    source_cluster: str,
    destination_svm: str,
    policy: str,
    schedule: str,
    identity_preservation: str,
    deadline: float,
) -> tuple[Relationship | None, bool]:
    """A relationship, not yet initialized. None only in check mode.

    Args:
        source_alias: the name by which this cluster calls the source SVM (``SvmPeer.name``).
        source_cluster: the name by which this cluster calls the source cluster (``ClusterPeer.name``).
    """
    body = {
        "source": {"path": f"{source_alias}:", "cluster": {"name": source_cluster}},
        "destination": {"path": f"{destination_svm}:"},
        "policy": {"name": policy},
        "transfer_schedule": {"name": schedule},
        "identity_preservation": identity_preservation,
    }
    return perform(
        client,
        Act(
            "create relationship",
            f"{source_alias}: -> {destination_svm}:",
            lambda: find(client, destination_svm),
            lambda seen: seen is not None,
            lambda seen: client.write("POST", PATH, body, deadline=deadline),
        ),
        deadline,
    )


def modify(client: OntapClient, rel: Relationship, deadline: float, *, policy: str = "", schedule: str = "") -> tuple[Relationship, bool]:
    """Another policy or schedule; empty leaves what is there."""
    wanted = {key: {"name": name} for key, name in (("policy", policy), ("transfer_schedule", schedule)) if name}
    return perform(
        client,
        Act(
            "change relationship",
            rel.path,
            lambda: _must_find(client, rel),
            lambda seen: seen.policy == (policy or seen.policy) and seen.schedule == (schedule or seen.schedule),
            lambda seen: client.write("PATCH", f"{PATH}/{rel.uuid}", wanted, deadline=deadline),
        ),
        deadline,
    )


def initialize(client: OntapClient, rel: Relationship, deadline: float, on_look: Watch = nothing) -> tuple[Relationship, bool]:
    """The baseline, to its end: snapmirrored and healthy. An active baseline is waited for, a failed one started again."""
    _refuse_broken(client, rel, "initialize")
    before = rel.transfer
    if rel.state == "snapmirrored" and not rel.transferring():
        deadline = min(deadline, UNHEALTHY_SECONDS)

    def done(seen: Relationship) -> bool:
        _raise_new_failure(client, before, seen, "initialize")
        baseline = bool(seen.exported_snapshot) or not seen.transferring()
        return seen.state == "snapmirrored" and seen.healthy and baseline

    def send(seen: Relationship) -> bool:
        wanted = seen.state == "uninitialized" and not seen.transferring()
        if wanted:
            client.write("PATCH", f"{PATH}/{rel.uuid}", {"state": "snapmirrored"}, deadline=deadline)
        return wanted

    return perform(client, Act("initialize", rel.path, lambda: _must_find(client, rel), done, send, recover=_or_active(client, rel), on_look=on_look), deadline)


def transfer(client: OntapClient, rel: Relationship, deadline: float, on_look: Watch = nothing) -> tuple[Relationship, bool]:
    """One transfer that begins after this call, to its success; one that runs already is let end first. Always a change.

    Raises:
        JobFailed: the transfer ended otherwise; ``seen`` is the relationship.
    """
    _refuse_broken(client, rel, "transfer")
    if client.check_mode:
        return rel, True

    def idle(seen: Relationship) -> bool:
        return not seen.transferring() and not active_transfers(client, rel.uuid)

    perform(client, Act("wait for the running transfer", rel.path, lambda: _must_find(client, rel), idle, lambda seen: False, on_look=on_look), deadline)
    known = {item.uuid for item in last_transfers(client, rel.uuid)}

    def ours() -> Transfer | None:
        return next((item for item in last_transfers(client, rel.uuid) if item.uuid not in known), None)

    def success(seen: Transfer | None) -> bool:
        if seen is not None and not seen.active() and seen.state != "success":
            raise JobFailed(
                f"the transfer ended as {seen.state}: {seen.error or 'no reason given'}.", system=client.system, operation="transfer", obj=rel.path,
                seen=seen.state,
            )
        return seen is not None and seen.state == "success"

    def look(seen: Transfer | None) -> None:
        if on_look is not nothing:
            on_look(_must_find(client, rel))

    def send(seen: Transfer | None) -> None:
        if seen is None:
            client.write("POST", f"{PATH}/{rel.uuid}/transfers", {}, hold=0, deadline=deadline)

    perform(client, Act("transfer", rel.path, ours, success, send, recover=lambda error: transient(error) or ours() is not None, on_look=look), deadline)
    return _must_find(client, rel), True


def pause(
    client: OntapClient, rel: Relationship, deadline: float, on_look: Watch = nothing, *, wait: bool = True, fresh: bool = False, idle: bool = False,
) -> tuple[Relationship, bool]:
    """No further scheduled transfer. A running one goes on, and ONTAP pauses the relationship when that ends. A broken relationship is left as it is.

    Args:
        wait: False returns as soon as ONTAP has the request and only a running transfer holds it up: the returned relationship may then still be snapmirrored,
            and ``abort_transfers`` is the way to end that transfer now.
        fresh: ``rel`` was read a moment ago: it is the first look.
        idle: that no transfer runs was seen a moment ago.
    """
    sent: list[bool] = []

    def held_up() -> bool:
        return not wait and bool(active_transfers(client, rel.uuid))

    def done(seen: Relationship) -> bool:
        return seen.state in ("paused", "broken_off") or (bool(sent) and held_up())

    def send(seen: Relationship) -> Answer:
        hold = 0 if not (idle and not sent) and held_up() else HOLD
        sent.append(True)
        return client.write("PATCH", f"{PATH}/{rel.uuid}", {"state": "paused"}, deadline=deadline, hold=hold, until=held_up, defer=True)

    act = Act(
        "pause", rel.path, lambda: _must_find(client, rel), done, send, recover=_again(QUIESCE_GAVE_UP), on_look=on_look, first=rel if fresh else None,
    )
    return perform(client, act, deadline)


def abort_transfers(
    client: OntapClient, rel: Relationship, deadline: float, on_look: Callable[[list[Transfer]], None] = nothing
) -> tuple[list[Transfer], bool]:
    """End every active transfer, softly at first. What the destination showed before stays as it is."""
    asked: dict[str, float] = {}
    hard: set[str] = set()

    def send(active: list[Transfer]) -> bool:
        now, sent = client.clock.monotonic(), False
        for item in active:
            late = now - asked.get(item.uuid, now) >= ABORT_SOFT_SECONDS and item.uuid not in hard
            if item.uuid not in asked or late:
                _abort(client, rel, item, "hard_aborted" if late else "aborted")
                asked.setdefault(item.uuid, now)
                if late:
                    hard.add(item.uuid)
                sent = True
        return sent

    act = Act("abort transfers", rel.path, lambda: active_transfers(client, rel.uuid), lambda seen: not seen, send, on_look=on_look, stepwise=True)
    return perform(client, act, deadline)


def _abort(client: OntapClient, rel: Relationship, item: Transfer, word: str) -> None:
    try:
        client.write("PATCH", f"{PATH}/{rel.uuid}/transfers/{item.uuid}", {"state": word}, hold=0)
    except NotFound:
        return
    except ApiError as error:
        if error.code != ABORT_TOO_LATE:
            raise


def break_off(
    client: OntapClient, rel: Relationship, force: bool, deadline: float, on_look: Watch = nothing, on_error: Callable[[KubedrError], object] = nothing,
    *, fresh: bool = False,
) -> tuple[Relationship, bool]:
    """The destination becomes writable. Some releases also start its SVM.

    Args:
        force: skip ONTAP's checks with the peer, its LIFs and its protocols. Needed while the other site is dead.
        on_error: told what each single request met, so that the caller can tell whether any may have been carried out.
        fresh: ``rel`` was read a moment ago: it is the first look.

    Raises:
        ApiError: 262224 without ``force`` where the peer does not answer; 13303856, 13303857 where the SVM has no protocol or no LIF.
    """

    def recover(error: KubedrError) -> bool:
        on_error(error)
        if error.code != TRANSFER_RUNS:
            return transient(error)
        active = active_transfers(client, rel.uuid)
        if active or "transfer" in error.message.lower():
            abort_transfers(client, rel, deadline)
            return True
        return False

    def send(seen: Relationship) -> Answer:
        return client.write("PATCH", f"{PATH}/{rel.uuid}", {"state": "broken_off"}, {"force": "true"} if force else None, deadline=deadline, defer=True)

    act = Act(
        "break off", rel.path, lambda: _must_find(client, rel),
        lambda seen: seen.state == "broken_off",
        send,
        recover=recover,
        final=frozenset({PEER_UNREACHABLE}),
        on_look=on_look,
        first=rel if fresh else None,
    )
    try:
        return perform(client, act, deadline)
    except (ApiError, JobFailed) as error:
        if error.code == PEER_UNREACHABLE:
            error.advice = "The other site does not answer. Where it is proven or declared down, break off with force."
        raise


def resume(client: OntapClient, rel: Relationship, deadline: float, on_look: Watch = nothing) -> tuple[Relationship, bool]:
    """From paused back to snapmirrored. Refuses on a broken relationship, where the same request would be a resync."""
    _refuse_broken(client, rel, "resume")

    def send(seen: Relationship) -> None:
        _refuse_broken(client, seen, "resume")
        client.write("PATCH", f"{PATH}/{rel.uuid}", {"state": "snapmirrored"}, deadline=deadline)

    return perform(client, Act("resume", rel.path, lambda: _must_find(client, rel), lambda seen: seen.state == "snapmirrored", send, on_look=on_look), deadline)


def resync(client: OntapClient, rel: Relationship, deadline: float, on_look: Watch = nothing, *, quick: bool = False) -> tuple[Relationship, bool]:
    """From broken off to snapmirrored and healthy, to the end of its transfer.

    **Discards what was written at the destination after the newest common snapshot**: the caller has stated the loss and has the word for it,
    and has stopped the destination's SVM.
    """
    before = rel.transfer
    body = {"state": "snapmirrored", **({"quick_resync": True} if quick else {})}

    def done(seen: Relationship) -> bool:
        _raise_new_failure(client, before, seen, "resync")
        return seen.state == "snapmirrored" and seen.healthy and not seen.transferring()

    def send(seen: Relationship) -> bool:
        wanted = seen.state == "broken_off" and not seen.transferring()
        if wanted:
            client.write("PATCH", f"{PATH}/{rel.uuid}", body, deadline=deadline)
        return wanted

    return perform(client, Act("resync", rel.path, lambda: _must_find(client, rel), done, send, recover=_or_active(client, rel), on_look=on_look), deadline)


def delete(client: OntapClient, rel: Relationship, deadline: float, *, destination_only: bool = True) -> tuple[Relationship | None, bool]:
    """The relationship, keeping volumes, SVMs and, with ``destination_only``, the common snapshots that a later resync needs and the source's entry."""
    query = {"destination_only": "true"} if destination_only else None
    return perform(
        client,
        Act(
            "delete relationship",
            rel.path,
            lambda: _by_uuid(client, rel.uuid),
            lambda seen: seen is None,
            lambda seen: client.write("DELETE", f"{PATH}/{rel.uuid}", query=query, deadline=deadline),
        ),
        deadline,
    )


def list_destinations(client: OntapClient, source_svm: str) -> list[Relationship]:
    """Asked of the *source* cluster: what it remembers of relationships out of this SVM. Entries stay after a deletion at the destination, until released."""
    return _destinations(client, **{"source.path": exact(f"{source_svm}:")})


def between(client: OntapClient, svm: str, others: frozenset[str]) -> list[str]:
    """Destination paths of every relationship, also of single volumes, between this cluster's ``svm`` and one of ``others`` (names or aliases)."""
    fields = "uuid,source.path,destination.path,state"
    found = [Relationship.from_record(record) for record in [*client.records(PATH, fields), *client.records(PATH, fields, list_destinations_only="true")]]
    ends = [(rel, {rel.source_path.partition(":")[0], rel.destination_path.partition(":")[0]}) for rel in found]
    return sorted({rel.destination_path for rel, names in ends if svm in names and names & others})


def release(client: OntapClient, uuid: str, deadline: float, *, info_only: bool = True) -> tuple[list[Relationship], bool]:
    """Asked of the *source* cluster: forget a relationship. With ``info_only`` the base snapshots stay, which a later resync needs."""
    query = {"source_info_only": "true"} if info_only else {"source_only": "true"}
    return perform(
        client,
        Act(
            "release relationship", uuid, lambda: _destinations(client, uuid=uuid), lambda seen: not seen,
            lambda seen: client.write("DELETE", f"{PATH}/{uuid}", query=query, deadline=deadline),
        ),
        deadline,
    )


def active_transfers(client: OntapClient, uuid: str) -> list[Transfer]:
    """Transfers of a relationship that run or wait to run."""
    return [item for item in last_transfers(client, uuid) if item.active()]


def last_transfers(client: OntapClient, uuid: str) -> list[Transfer]:
    """Active transfers, and those that ended in the last 24 hours, as ONTAP orders them."""
    return [Transfer.from_record(record) for record in client.records(f"{PATH}/{uuid}/transfers", Transfer.FIELDS)]


def _destinations(client: OntapClient, **filters: str) -> list[Relationship]:
    found = client.records(PATH, "uuid,source.path,destination.path,state", list_destinations_only="true", **filters)
    return [Relationship.from_record(record) for record in found]


def _by_uuid(client: OntapClient, uuid: str) -> Relationship | None:
    try:
        return Relationship.from_record(client.get(f"{PATH}/{uuid}", fields=Relationship.FIELDS))
    except NotFound:
        return None


def _again(codes: frozenset[str]) -> Callable[[KubedrError], bool]:
    return lambda error: error.code in codes or transient(error)


def _or_active(client: OntapClient, rel: Relationship) -> Callable[[KubedrError], bool]:
    """An error beside a transfer that runs all the same: go on watching that one."""
    return lambda error: transient(error) or bool(active_transfers(client, rel.uuid))


def _refuse_broken(client: OntapClient, rel: Relationship, operation: str) -> None:
    if rel.state == "broken_off":
        raise Refused(
            "broken_off",
            "the relationship is broken off: this would be a resync, which discards what was written at its destination.",
            system=client.system,
            operation=operation,
            obj=rel.path,
            seen=rel.state,
            advice="Use reprotect or failback, which state the loss first.",
        )


def _raise_new_failure(client: OntapClient, before: Transfer | None, seen: Relationship, operation: str) -> None:
    """An old failure, from before this act, is no reason to stop."""
    now = seen.transfer
    if now is None or now.state not in ("failed", "aborted", "hard_aborted"):
        return
    if before is not None and (now.uuid, now.end_time, now.state) == (before.uuid, before.end_time, before.state):
        return
    reason = now.error or seen.unhealthy_reason or "no reason given"
    raise JobFailed(f"its transfer ended as {now.state}: {reason}.", system=client.system, operation=operation, obj=seen.path, seen=seen.state)
