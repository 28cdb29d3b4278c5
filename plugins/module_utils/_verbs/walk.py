# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""One run of one verb for one group: its sides, its record, its lease, its steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from .._clock import Clock, poll
from .._dr.config import GroupConfig
from .._dr.lease import TTL_SECONDS, Owner, free_for, grant, holder
from .._dr.statement import parse_instant
from .._env import Env, Process
from .._errors import AnswerLost, KubedrError, Refused, Unreachable
from .connect import Side

Change = Callable[[dict[str, Any]], None]


class Keeper:
    """The run's clock. Every pause of every wait, whoever waits and for whatever, also renews the leases that the run holds."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._busy = clock, Lock()
        self.keep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    def utcnow(self) -> datetime:
        """The control node's time, UTC."""
        return self._clock.utcnow()

    def sleep(self, seconds: float) -> None:
        """Pause the caller. A renewal that has to wait itself does not begin another one."""
        self._clock.sleep(seconds)
        if self._busy.acquire(blocking=False):
            try:
                self.keep()
            finally:
                self._busy.release()


@dataclass
class Run:
    """What the phases of a verb share. Nothing here outlives the task: the truth is in the systems and in the record."""

    config: GroupConfig
    env: Env
    run_id: str
    verb: str
    source: Side
    destination: Side
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    diff: dict[str, dict[str, Any]] = field(default_factory=lambda: {"before": {}, "after": {}})
    _renewed: dict[str, float] = field(default_factory=dict, repr=False)
    _leased: dict[str, Side] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.env.clock, Keeper):
            self.env.clock.keep = self.renew_all

    @property
    def mode(self) -> str:
        """``planned``, ``unplanned``, or empty for verbs that have no mode."""
        return str(self.options.get("mode") or "")

    @property
    def other_role(self) -> str:
        """The role, given at set-up, of the side that is not to serve."""
        return "destination" if self.config.home_is_destination else "source"

    @property
    def owner(self) -> Owner:
        """Who we are, as the lease tells others."""
        process = self.env.process()
        return Owner(self.run_id, process.host, process.boot_id, process.pid, process.started, self.verb)

    @property
    def changed(self) -> bool:
        """Whether any step changed anything."""
        return any(step["changed"] for step in self.steps)

    def for_verb(self, verb: str) -> Run:
        """The same run doing another verb's part; its steps are told as this one's."""
        return replace(self, verb=verb)

    def step(self, name: str, asked: Any, act: Callable[[], tuple[Any, bool]], before: Any = None) -> Any:
        """Do one step and tell it to the reporter before and after.

        Args:
            asked: what it will do, for the evidence and the diff.
            act: returns what it saw afterwards, JSON-serialisable, and whether it changed anything.
            before: what was there, for the diff.
        """
        self.env.reporter.step_started(name, asked)
        seen, changed = act()
        if changed:
            self._differs(name, before, asked)
        self.steps.append({"name": name, "changed": changed, "seen": seen})
        self.env.reporter.step_ended(name, seen, changed)
        return seen

    def would(self, name: str, asked: Any, before: Any = None) -> None:
        """The same in check mode: what a run would do."""
        self._differs(name, before, asked)
        self.steps.append({"name": name, "changed": True, "seen": None, "asked": asked})
        self.env.reporter.step_started(name, asked)
        self.env.reporter.step_ended(name, None, True)

    def _differs(self, name: str, before: Any, asked: Any) -> None:
        self.diff["before"][name] = "not done" if before is None else before
        self.diff["after"][name] = asked

    def update(self, side: Side, change: Change) -> dict[str, Any]:
        """Change the group's record on one side. ``change`` edits the dict in place and may run more than once."""

        def edit(found: dict[str, Any]) -> dict[str, Any]:
            record = copy.deepcopy(found)
            record.setdefault("schema", 1)
            record.setdefault("group", self.config.name)
            record.setdefault("epoch", 1)
            change(record)
            return record

        return side.records(self.config).update(edit)

    def commit(self, side: Side, change: Change, *, take: bool = False) -> dict[str, Any]:
        """Change the record where the lease is ours, and renew it, in one write: right before a write to ONTAP it stands for ``guard``.

        Args:
            take: a lease that nobody holds, or whose holder is gone, is taken with it.
        """

        def guarded(record: dict[str, Any]) -> None:
            lease = record.get("lease")
            current = holder(lease)
            ours = current is not None and current.run_id == self.run_id
            if take and not ours and not self._free(lease, self._now(side)):
                raise Refused(
                    "lease_held", f"another run is at work: {current}", system=side.kube.system, operation="take the lease", obj=self.config.record_name,
                    seen=dict(lease or {}),
                    advice="Wait for it to end, or stop it, and run again.",
                )
            if not take and not ours:
                raise self._lost(side, current)
            change(record)
            record["lease"] = grant(self.owner, self._now(side))

        found = self.update(side, guarded)
        self._keep(side, 0.0)
        return found

    def last_record(self, side: Side) -> dict[str, Any]:
        """What this run read or wrote there last, without asking again."""
        return side.records(self.config).last or {}

    def mirror(self, *, must: bool, undone: int = 0) -> None:
        """Bring the other side's record to what this side's says, each keeping its own lease, so that either cluster alone can carry on.

        Args:
            must: False where the way is forward whatever the other side does: its silence, or its newer record, is then only told.
            undone: the epoch of a decision that is taken back: the other side's record may hold it.

        Raises:
            Refused: the other side's record is of a newer epoch, and is left as it is.
        """
        here = self.last_record(self.destination) or self.destination.records(self.config).read()[0]
        mine = int((here or {}).get("epoch") or 0)

        def change(record: dict[str, Any]) -> None:
            if int(record.get("epoch") or 0) > max(mine, undone):
                raise Refused(
                    "record_newer", f"the record at {self.source.config.name} is of epoch {record['epoch']}, newer than the one at"
                    f" {self.destination.config.name}, of {mine}", system=self.source.kube.system, operation=self.verb, obj=self.config.record_name,
                    seen=record.get("run"),
                    advice=f"It was left as it is. Where the record at {self.destination.config.name} was lost, run setup; otherwise run status.",
                )
            lease = record.get("lease")
            record.clear()
            record.update(copy.deepcopy(here or {}))
            record.pop("lease", None)
            if lease:
                record["lease"] = lease

        try:
            self.update(self.source, change)
        except (Unreachable, AnswerLost, Refused) as error:
            if must:
                raise
            self.env.reporter.progress(f"the record at {self.source.config.name} could not be brought up to date: {error.message}")

    def take_lease(self, side: Side, seen: Mapping[str, Any] | None = None) -> None:
        """Take or keep the group's lease on one side, waiting at most one TTL for a foreign one to run out.

        Args:
            seen: the record, where it was read a moment ago.

        Raises:
            Refused: somebody else renews it.
        """

        def look() -> tuple[Mapping[str, Any] | None, datetime]:
            record, _version = side.records(self.config).read()
            return (record or {}).get("lease"), self._now(side)

        first, when = look() if seen is None else (seen.get("lease"), self._now(side))
        if self._fresh(side, first, when):
            return
        rival = holder(first)
        found, now = poll(
            self.env.clock, look, lambda seen: self._free(*seen) or (seen[0] or {}).get("renewed_at") != (first or {}).get("renewed_at"),
            timeout=TTL_SECONDS + 5, what=f"lease held by {rival}", system=side.kube.system, describe=lambda seen: dict(seen[0] or {}),
            on_look=lambda seen: None if self._free(*seen) else self.env.reporter.progress(f"waiting for the lease held by {holder(seen[0])}"),
        )
        if not self._free(found, now):
            raise Refused(
                "lease_held", f"another run is at work: {holder(found)}", system=side.kube.system, operation="take the lease", obj=self.config.record_name,
                seen=dict(found or {}),
                advice="Wait for it to end, or stop it, and run again.",
            )
        if rival and rival.run_id != self.run_id:
            self.env.reporter.progress(f"taking over the lease of {rival}, which no longer renews it")
        self._write_lease(side)

    def may_take(self, lease: Mapping[str, Any] | None) -> bool:
        """Whether this lease, as it was read, is nobody's or ours, so that the next write may carry it. Another's is watched first, and told."""
        current = holder(lease)
        return current is None or current.run_id == self.run_id

    def guard(self, side: Side) -> None:
        """Right before a write to ONTAP: the lease is still ours. Renews it when a third of its time has passed."""
        record, _version = side.records(self.config).read()
        current = holder((record or {}).get("lease"))
        if current is None or current.run_id != self.run_id:
            raise self._lost(side, current)
        self._fresh(side, (record or {}).get("lease"), self._now(side))
        self.renew(side)

    def _lost(self, side: Side, current: Owner | None) -> Refused:
        return Refused(
            "lease_lost", f"the lease is held by {current or 'nobody'}", system=side.kube.system, operation="check the lease", obj=self.config.record_name,
            advice="Another run took over; nothing further was written.",
        )

    def renew(self, side: Side) -> None:
        """Renew the lease unless that was done a moment ago. Called at each step and each look of a wait."""
        if self.env.clock.monotonic() - self._renewed.get(side.config.name, -1e9) > TTL_SECONDS / 3:
            self._write_lease(side, held=side.config.name in self._leased)

    def let_go(self, side: Side) -> None:
        """No longer renewed: the lease is being given back."""
        self._leased.pop(side.config.name, None)

    def renew_all(self) -> None:
        """In the pauses of waits: every lease that this task took or guarded.

        A cluster that is silent just then, or answers with an error, ends no wait; the next guard sees what it did.
        """
        for name, side in list(self._leased.items()):
            try:
                self.renew(side)
            except Refused:
                raise
            except KubedrError:
                self._renewed[name] = self.env.clock.monotonic() - TTL_SECONDS / 3 + 5.0

    def release_lease(self, side: Side) -> None:
        """Give it back, if it is ours."""
        record, _version = side.records(self.config).read()
        current = holder((record or {}).get("lease"))
        self.let_go(side)
        if current and current.run_id == self.run_id:
            self.update(side, lambda found: found.pop("lease", None) and None)

    def _write_lease(self, side: Side, *, held: bool = False) -> None:
        def change(record: dict[str, Any]) -> None:
            current = holder(record.get("lease"))
            if held and (current is None or current.run_id != self.run_id):
                raise Refused(
                    "lease_lost", f"the lease is held by {current or 'nobody'}", system=side.kube.system, obj=self.config.record_name,
                    advice="Another run took over; run again.",
                )
            if not self._free(record.get("lease"), self._now(side)):
                raise Refused(
                    "lease_held", f"another run is at work: {current}", system=side.kube.system, obj=self.config.record_name,
                    advice="Wait for it to end, and run again.",
                )
            record["lease"] = grant(self.owner, self._now(side))

        self.update(side, change)
        self._keep(side, 0.0)

    def _keep(self, side: Side, age: float) -> None:
        name = side.config.name
        self._leased[name] = side
        self._renewed[name] = max(self._renewed.get(name, -1e9), self.env.clock.monotonic() - age)

    def _fresh(self, side: Side, lease: Mapping[str, Any] | None, now: datetime) -> bool:
        """Whether it is ours and a task of this run renewed it a moment ago: then it stands as it is."""
        current, renewed = holder(lease), parse_instant((lease or {}).get("renewed_at"))
        age = (now - renewed).total_seconds() if renewed else TTL_SECONDS
        if current is None or current.run_id != self.run_id or not 0 <= age < TTL_SECONDS / 3:
            return False
        self._keep(side, age)
        return True

    def _free(self, lease: Mapping[str, Any] | None, now: datetime) -> bool:
        current = holder(lease)
        dead = current is not None and not self.env.process_alive(Process(current.host, current.boot_id, current.pid, current.started))
        return free_for(lease, self.owner, now, dead)

    def _now(self, side: Side) -> datetime:
        """The clock of the cluster that holds the lease; the control node's only where that told none."""
        return side.kube.server_time or self.env.clock.utcnow()
