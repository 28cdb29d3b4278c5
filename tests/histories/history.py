# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One history: a seeded walk over verbs, kills, faults, losses, returns, writes and mistakes, the laws after every step, and then the way home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.proposal import Proposal
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Storage
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused

from kubedr_lab.pocket import other
from kubedr_lab.settings import SITES

from . import sites, truths
from .ledger import Ledger
from .runs import Befalls, Ended, Order, perform
from .sites import DESTINATION, GROUP, SOURCE, HistoryLab, Kind

KINDS = (Kind(), Kind(), Kind(latency="realistic"), Kind(flexgroup=True), Kind(ark="ark"))
LOSS = ("loss_not_accepted", "loss_token_stale")
"""Reasons of a refusal that states a loss and asks for its token."""
LEASE = 70.0
"""Seconds until a lease that nobody renews has run out."""


@dataclass
class History:
    """One walk; the same seed gives the same one."""

    seed: int
    kind: Kind | None = None
    lab: HistoryLab = field(init=False)
    rng: Random = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    trail: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    stated: dict[str, dict[str, Any]] = field(default_factory=dict)
    accepted: list[Mapping[str, Any]] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    number: int = 0
    last: Ended | None = None
    both: bool = False
    may_be_both: str = ""
    _seen: tuple[float, State, tuple[Proposal, ...]] | None = None

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        kind = self.rng.choice(KINDS)
        self.kind = self.kind or kind
        self.lab = self.kind.lab(sites.protected(self.kind))
        self.ledger.seed(self.lab)
        self.trail.append(str(self.kind))
        self.counts["systems", str(self.kind)] += 1

    # ------------------------------------------------------------- the whole

    def walk(self, steps: int, moves: Moves) -> History:
        """So many steps. Ends at the first broken law."""
        for _unused in range(steps):
            if not self.broken:
                self.step(self.rng.choices([move for move, _w in moves], [weight for _m, weight in moves])[0])
        return self

    def step(self, move: Callable[[History], None]) -> None:
        """One move and the laws."""
        self.counts["moves", move.__name__] += 1
        move(self)
        self.look()

    def look(self) -> tuple[State, tuple[Proposal, ...]]:
        """The laws that hold between runs."""
        self.find(self.ledger.destroyed(self.lab, self.accepted))
        self._two_copies()
        self.find(sites.shared(self.lab))
        state, proposed = sites.status(self.lab)
        self.find(truths.of_state(self.lab, state, self.ledger))
        self.trail.append(f"  {state.storage}, {state.objects}")
        self.counts["states", str(state.storage)] += 1
        self._seen = (self.lab.clock.now(), state, proposed)
        return state, proposed

    def seen(self) -> tuple[State, tuple[Proposal, ...]]:
        """What was seen a moment ago, or a new look."""
        if self._seen is None or self._seen[0] != self.lab.clock.now():
            return sites.status(self.lab)
        return self._seen[1:]

    def _two_copies(self) -> None:
        """Between runs too: two writable copies come about only by what returned, or by a run that the operator's wrong word excuses."""
        both = all(sites.reachable(self.lab, site) for site in SITES)
        if both and not self.both and not self.may_be_both:
            self.find(["both SVMs are writable and can be reached, and nothing returned"])
        self.both, self.may_be_both = both, ""

    def find(self, problems: list[str]) -> None:
        """Broken laws."""
        self.broken += [text for text in problems if text not in self.broken]

    def tell(self, text: str) -> None:
        """For whoever reads the history."""
        self.trail.append(f"{datetime.fromtimestamp(self.lab.clock.now(), UTC):%H:%M:%S} {text}")

    # ------------------------------------------------------------------ runs

    def order(self, order: Order, befalls: Befalls | None = None, others_alive: bool = False, rival: Order | None = None) -> Ended:
        """Run a verb, and judge it."""
        self.number += 1
        run_id, before = f"run-{self.number}", int(sites.newest_record(self.lab).get("epoch") or 0)
        served = any(sites.writable(self.lab, site) and sites.pods(self.lab, site) for site in SITES)
        token = order.options.get("accept_loss", {}).get(GROUP) if order.verb != "fence" else None
        accepted = [self.stated[token]] if token in self.stated and self.stated[token] not in self.accepted else []
        self.accepted += accepted
        excused = self._excused(order)
        shown = {**order.options, **(
            {"fence_statement": {key: value for key, value in order.options["fence_statement"].items() if key != "wrong"}}
            if "fence_statement" in order.options else {}
        )}
        self.tell(f"{run_id}: {order}{f', {befalls}' if befalls else ''}{', others look alive' if others_alive else ''}")
        ended = perform(
            self.lab, Order(order.verb, order.mode, shown), run_id, self.number, befalls=befalls, others_alive=others_alive, excused=excused,
            rival=lambda: self._rival(rival or order),
        )
        ended.order = order
        self.last = ended
        self._seen = None
        if ended.reason in LOSS:  # not the token of this loss: it covers nothing
            self.accepted = [loss for loss in self.accepted if loss not in accepted]
        if excused:
            self.may_be_both = "excused"
        self._count(order, ended)
        end = "green" if ended.error is None else f"{type(ended.error).__name__}: {ended.error}".splitlines()[0][:220]
        self.tell(f"{run_id} {end}{f'; rollback {ended.undone}' if ended.undone else ''}{f'; hit {ended.hit}' if ended.hit else ''}")
        self.judge(ended, before, served)
        return ended

    def _count(self, order: Order, ended: Ended) -> None:
        what = f"{order.verb} {order.mode or order.options.get('fence', '')}".strip()
        self.counts[what, ended.how] += 1
        if ended.hit:
            self.counts["befell", ended.befell] += 1
        if ended.undone:
            self.counts[what, "then rolled back" if ended.undone.get("rolled_back") else "then not rolled back"] += 1

    def _excused(self, order: Order) -> bool:
        """A statement about a living site that the survivor cannot see: two writable copies are the operator's doing."""
        said = "fence_statement" in order.options or (sites.newest_record(self.lab).get("fence") or {}).get("kind") == "statement"
        return said and self.lab.link != "up"

    def _rival(self, order: Order) -> None:
        """The run's process stands still for so long that its lease runs out, and somebody else runs a verb."""
        self.lab.run(LEASE)
        self.order(Order(order.verb, order.mode, order.options), others_alive=True)

    def judge(self, ended: Ended, before: int, served: bool) -> None:
        """The laws that a run can break. What was rolled back is as it was before: it serves again if it served."""
        self.find(ended.broken)
        loss = getattr(ended.error, "seen", None)
        if isinstance(loss, dict) and loss.get("token"):
            self.stated.setdefault(str(loss["token"]), {**loss, "stated_at": self.lab.clock.now()})
        self.find(self.ledger.destroyed(self.lab, self.accepted))
        self.find(truths.of_word(self.lab, ended, before))
        if ended.error is None:
            self.find(truths.of_run(self.lab, ended, self.ledger))
        lifted = ended.error is None and ended.order.options.get("fence") == "lift"
        if (lifted or (served and (ended.undone or {}).get("rolled_back"))) and self.all_alive():
            self._serves_again(f"{ended.order} {'lifted the fence' if lifted else 'was rolled back'}")

    def _serves_again(self, what: str) -> None:
        self.lab.run(60)
        done, broken = self.ledger.write(self.lab)
        self.find(broken)
        if not any({one.volume for one in found} == self.ledger.volumes for found in done.values()):
            self.find([f"{what}, but the application cannot write: {({site: len(found) for site, found in done.items()})}"])

    def all_alive(self) -> bool:
        """Every system runs, and the sites see each other."""
        return self.lab.link == "up" and all(part.condition == "running" for part in self.lab.parts.values())

    # ------------------------------------------------------------ the operator

    def statement(self, site: str, wrong: str = "") -> dict[str, Any]:
        """The operator's word that a site is down; or one of the ways to get it wrong."""
        hours, about = {"too old": (-5.0, site), "ahead of time": (1.0, site), "about another site": (0.0, other(site))}.get(wrong, (0.0, site))
        at = datetime.fromtimestamp(self.lab.clock.now(), UTC) + timedelta(hours=hours)
        found = {"site": about, "who": "sato", "why": "seen on site", "at": at.isoformat(timespec="milliseconds")}
        return {**found, "wrong": wrong} if wrong else found

    def with_word(self, order: Order, wrong: str = "") -> Order:
        """An unplanned order with a statement."""
        left = SOURCE if order.verb == "failover" else DESTINATION
        return Order(order.verb, order.mode, {**order.options, "fence_statement": self.statement(left, wrong)})

    def with_token(self, order: Order, token: str) -> Order:
        """The same with a loss accepted."""
        return Order(order.verb, order.mode, {**order.options, "accept_loss": {GROUP: token}})

    def home(self) -> History:
        """Everything is mended, and an operator does what `status` proposes until the group is protected and serves."""
        if self.broken:
            return self
        self.tell("home:")
        self.lab.clear_faults()
        for site in (*SITES, "store"):
            self.lab.start(site)
        self.lab.start(SOURCE, "link")
        self.lab.run(LEASE)
        self.may_be_both = "returned"
        for _unused in range(16):
            state, proposed = self.look()
            if self.broken:
                return self
            if state.storage is Storage.PROTECTED and not proposed:
                done, broken = self.ledger.write(self.lab)
                self.find(broken)
                if {one.volume for one in done.get(SOURCE, ())} == self.ledger.volumes:
                    self.find(truths.at_rest(self.lab))
                    return self
            elif proposed:
                self.accepting(self.proposed(proposed[0]))
            self.lab.run(LEASE)
        self.find([f"no way home: {state.storage}, {state.objects}, proposed {list(proposed)}; {self.last and self.last.error}"])
        return self

    @staticmethod
    def proposed(proposal: Proposal) -> Order:
        """As an operator types it."""
        return Order(proposal["verb"], proposal.get("dr_mode", ""), {"fence": proposal["dr_fence"]} if "dr_fence" in proposal else {})

    def accepting(self, order: Order) -> None:
        """Run it, and do what its refusal advises."""
        ended = self.order(order)
        if isinstance(ended.error, Refused) and ended.reason in LOSS:
            self.order(self.with_token(order, str(ended.error.seen["token"])))
        elif ended.reason in ("source_running", "still_running"):
            self.order(Order("fence"))


Moves = Sequence[tuple[Callable[[History], None], float]]
"""What may happen, and how often."""
