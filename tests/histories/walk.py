# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One history: a seeded walk over verbs, kills, faults, losses, returns, writes and mistakes, the laws after every step, and then the way home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.state import State
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import SERVING_AT_DESTINATION, Objects, Storage
from ansible_collections.kubedr.ontap.tests.matrix.wire import FAULTS

from kubedr_lab.pocket import LabRefused, other
from kubedr_lab.settings import SITES

from . import sites, truths
from .ledger import Ledger
from .runs import KILLS, RIVAL, Befalls, Ended, Order, perform
from .sites import DESTINATION, GROUP, SOURCE, HistoryLab, Kind

KINDS = (Kind(), Kind(), Kind(latency="realistic"), Kind(flexgroup=True), Kind(ark="ark"))
S = Storage
ADVICE: dict[Storage, tuple[Order, ...]] = {
    S.UNPROTECTED: (Order("setup"),), S.INITIALIZING: (Order("setup"),), S.PROTECTED: (Order("failover", "planned"), Order("fence"), Order("setup")),
    S.DEGRADED: (Order("setup"),),
    S.FENCED: (Order("failover", "unplanned"), Order("fence", options={"fence": "lift"}), Order("failover", "planned")), S.ACTIVE_UNREACHABLE: (),
    S.FAILING_OVER: (Order("failover", "unplanned"), Order("failover", "planned")), S.FAILED_OVER: (Order("reprotect"),),
    S.FAILED_OVER_UNFENCED: (Order("reprotect"),),
    S.SPLIT_BRAIN: (Order("fence"),), S.REPROTECTING: (Order("reprotect"),), S.REPROTECTED: (Order("failback", "planned"), Order("fence")),
    S.FAILING_BACK: (Order("failback", "planned"),),
    S.FAILED_BACK: (Order("failback", "planned"),), S.FAILED_BACK_UNFENCED: (Order("failback", "planned"),), S.UNKNOWN: (),
}
"""State -> what its row of the refusals' table sends an operator to, the first one leading on."""
ALL = (
    Order("setup"), Order("fence"), Order("fence", options={"fence": "lift"}), Order("failover", "planned"), Order("failover", "unplanned"), Order("reprotect"),
    Order("failback", "planned"), Order("failback", "unplanned"),
)
LEASE = 70.0
"""Seconds until a lease that nobody renews has run out."""


@dataclass
class History:
    """One walk; the same seed gives the same one."""

    seed: int
    kind: Kind | None = None
    moves: Moves = ()
    lab: HistoryLab = field(init=False)
    rng: Random = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    trail: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    stated: dict[str, dict[str, Any]] = field(default_factory=dict)
    accepted: list[Mapping[str, Any]] = field(default_factory=list)
    number: int = 0
    last: Ended | None = None

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        kind = self.rng.choice(KINDS)
        self.kind = self.kind or kind
        self.lab = self.kind.lab(sites.protected(self.kind))
        self.ledger.seed(self.lab)
        self.trail.append(str(self.kind))

    # ------------------------------------------------------------- the whole

    def run(self, steps: int) -> History:
        """So many steps, then the way home. Ends at the first broken law."""
        for _unused in range(steps):
            moves = self.moves or MOVES
            self.step(self.rng.choices([move for move, _w in moves], [weight for _m, weight in moves])[0])
            if self.broken:
                return self
        return self.home()

    def step(self, move: Callable[[History], None]) -> None:
        """One move and the laws."""
        move(self)
        self.look()

    def look(self) -> State:
        """The laws that hold between runs."""
        self.find(self.ledger.destroyed(self.lab, self.accepted))
        state = sites.status(self.lab)
        self.find(truths.of_state(self.lab, state, self.ledger))
        self.trail.append(f"  {state.storage}, {state.objects}")
        return state

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
        if token in self.stated:
            self.accepted.append(self.stated[token])
        shown = {**order.options, **(
            {"fence_statement": {key: value for key, value in order.options["fence_statement"].items() if key != "wrong"}}
            if "fence_statement" in order.options else {}
        )}
        self.tell(f"{run_id}: {order}{f', {befalls}' if befalls else ''}{', others look alive' if others_alive else ''}")
        ended = perform(
            self.lab, Order(order.verb, order.mode, shown), run_id, self.number, befalls=befalls, others_alive=others_alive, excused=self._excused(order),
            rival=lambda: self._rival(rival or order),
        )
        ended.order = order
        self.last = ended
        end = "green" if ended.error is None else f"{type(ended.error).__name__}: {ended.error}".splitlines()[0][:220]
        self.tell(f"{run_id} {end}{f'; rollback {ended.undone}' if ended.undone else ''}{f'; hit {ended.hit}' if ended.hit else ''}")
        self.judge(ended, before, served)
        return ended

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
        """Everything is mended, and an operator follows the advice until the group is protected and serves."""
        self.tell("home:")
        self.lab.clear_faults()
        for site in (*SITES, "store"):
            self.lab.start(site)
        self.lab.start(SOURCE, "link")
        self.lab.run(LEASE)
        for _unused in range(16):
            state = self.look()
            if self.broken:
                return self
            if state.storage is S.PROTECTED:
                done, broken = self.ledger.write(self.lab)
                self.find(broken)
                if {one.volume for one in done.get(SOURCE, ())} == self.ledger.volumes:
                    self.find(truths.at_rest(self.lab))
                    return self
                self._accepting(Order("fence", options={"fence": "lift"}))
            elif ADVICE[state.storage]:
                self._accepting(self._leading(state))
            self.lab.run(LEASE)
        self.find([f"no way home: {state.storage}, {state.objects}; {self.last and self.last.error}"])
        return self

    def _leading(self, state: State) -> Order:
        if state.storage is S.FENCED:
            return Order("fence", options={"fence": "lift"})
        unfinished = state.storage in SERVING_AT_DESTINATION and state.objects in (Objects.NONE, Objects.RESTORING, Objects.FAILED)
        mode = str((sites.newest_record(self.lab).get("run") or {}).get("mode") or "unplanned")
        return Order("failover", mode) if state.storage is S.FAILING_OVER or unfinished else ADVICE[state.storage][0]

    def _accepting(self, order: Order) -> None:
        """Run it, and do what its refusal advises."""
        ended = self.order(order)
        if ended.reason in ("loss_not_accepted", "loss_token_stale"):
            self.order(self.with_token(order, str(ended.error.seen["token"])))  # type: ignore[union-attr]
        elif ended.reason in ("source_running", "still_running"):
            self.order(Order("fence"))


# ---------------------------------------------------------------------- moves


def pass_time(history: History) -> None:
    """Minutes, seldom hours."""
    seconds = history.rng.choice((5, 20, 60, 60, 200, 400, 1000))
    history.tell(f"{seconds} s pass")
    history.lab.run(seconds)


def write(history: History) -> None:
    """The application writes."""
    count = history.rng.randint(1, 3)
    for _unused in range(count):
        done, broken = history.ledger.write(history.lab)
        history.find(broken)
    history.tell(f"{count} writes, the last acknowledged to {({site: len(found) for site, found in done.items()})}")


def transfer(history: History) -> None:
    """A scheduled transfer, now."""
    if history.lab.link == "up" and all(sites.alive(history.lab, f"{site}-ontap") for site in SITES):
        try:
            history.tell(f"transfer {history.lab.transfer(GROUP)}")
        except LabRefused as error:
            history.tell(f"no transfer: {error}")


def backup(history: History) -> None:
    """A backup, now, at either site."""
    site = history.rng.choice(SITES)
    if sites.alive(history.lab, f"{site}-kubernetes") and sites.alive(history.lab, "store"):
        try:
            history.tell(f"backup {history.lab.backup(site)} at {site}")
        except LabRefused as error:
            history.tell(f"no backup: {error}")


def lose(history: History) -> None:
    """A site, half a site, the link, or the store is lost; never a second one."""
    if not history.all_alive():
        return
    rng = history.rng
    how, what = rng.choice(("kill", "kill", "hang", "drop")), rng.choice(("site", "site", "ontap", "kubernetes", "link", "store"))
    active = sites.newest_record(history.lab).get("active_site") or SOURCE
    site = "store" if what == "store" else active if rng.random() < 0.75 else other(active)
    only = what if what in ("ontap", "kubernetes", "link") else None
    history.tell(f"{how} {site} {only or ''}")
    getattr(history.lab, how)(site, only)


def mend(history: History) -> None:
    """Everything comes back, or only one of its systems."""
    lost = [name for name, part in history.lab.parts.items() if part.condition != "running"]
    if not lost and history.lab.link == "up":
        return
    history.lab.start(SOURCE, "link")
    for name in lost if history.rng.random() < 0.8 else lost[:1]:
        site, _unused, only = name.rpartition("-")
        history.tell(f"{name} comes back")
        history.lab.start(site or name, only if site else None)
    history.lab.run(history.rng.choice((1, 30)))


def verb(history: History) -> None:
    """Somebody runs a verb: mostly what the state asks for, sometimes anything; things befall it."""
    rng = history.rng
    order = sane(history) if rng.random() < 0.7 else with_options(history, rng.choice(ALL))
    befalls = mishap(rng) if rng.random() < 0.35 else None
    ended = history.order(order, befalls, others_alive=rng.random() < 0.2, rival=sane(history) if befalls and befalls.kind == RIVAL else None)
    if ended.killed and rng.random() < 0.5:
        history.order(order, others_alive=rng.random() < 0.3)
    if ended.reason in ("loss_not_accepted", "loss_token_stale"):
        _consider_loss(history, order, ended)


def _consider_loss(history: History, order: Order, ended: Ended) -> None:
    """The operator reads what would be lost; time passes; he accepts it, or gives a token of before."""
    rng, token = history.rng, str(ended.error.seen["token"])  # type: ignore[union-attr]
    chance = rng.random()
    if chance < 0.25:
        return
    if chance < 0.5:
        for _unused in range(rng.randint(1, 3)):
            history.step(rng.choice((write, pass_time, mend, _fence_or_lift)))
    stale = rng.random() < 0.2 and history.stated
    history.order(history.with_token(order, rng.choice(sorted(history.stated)) if stale else token), mishap(rng) if rng.random() < 0.3 else None)


def _fence_or_lift(history: History) -> None:
    history.order(Order("fence", options={"fence": "lift"} if history.rng.random() < 0.5 else {}))


def sane(history: History) -> Order:
    """What an operator does who looks at the state and at what is down."""
    state, rng = sites.status(history.lab), history.rng
    active = DESTINATION if state.active == "destination" else SOURCE
    down = [site for site in SITES if any(not sites.alive(history.lab, f"{site}-{system}") for system in ("ontap", "kubernetes"))]
    if active in down and state.storage in (S.PROTECTED, S.DEGRADED, S.ACTIVE_UNREACHABLE, S.REPROTECTED, S.FENCED, S.FAILING_OVER):
        return history.with_word(Order("failover" if active == SOURCE else "failback", "unplanned"))
    choices = ADVICE[state.storage] or (Order("setup"),)
    return choices[0] if rng.random() < 0.6 else rng.choice(choices)


def with_options(history: History, order: Order) -> Order:
    """Any verb, with whatever somebody may type."""
    rng = history.rng
    if order.mode == "unplanned" and rng.random() < 0.6:
        order = history.with_word(order, rng.choice(("", "", "too old", "ahead of time", "about another site")))
    if order.verb in ("reprotect", "failback") and history.stated and rng.random() < 0.5:
        order = history.with_token(order, rng.choice(sorted(history.stated)))
    return order


def mishap(rng: Random) -> Befalls:
    """A kill, a fault or a rival, somewhere in the run."""
    kind = rng.choice([*KILLS * 4, RIVAL, RIVAL, *FAULTS])
    return Befalls(kind, int(rng.expovariate(1 / {"kill-before": 12, "kill-after": 12, RIVAL: 8}.get(kind, 60))))


def wrong_word(history: History) -> None:
    """An unplanned promotion on a statement that is too old, ahead of time, or about the wrong site."""
    verb_of = sane(history).verb
    order = Order(verb_of if verb_of in ("failover", "failback") else "failover", "unplanned")
    history.order(history.with_word(order, history.rng.choice(("too old", "ahead of time", "about another site"))))


def wordless(history: History) -> None:
    """Fence what can be fenced, then promote without a word."""
    history.order(Order("fence"))
    history.order(Order(history.rng.choice(("failover", "failback")), "unplanned"))


def half_a_night(history: History) -> None:
    """Half of the site that serves is lost, and nobody says a word about it."""
    if history.all_alive():
        active = sites.newest_record(history.lab).get("active_site") or SOURCE
        only = history.rng.choice(("ontap", "kubernetes"))
        history.tell(f"kill {active} {only}")
        history.lab.kill(active, only)
        wordless(history)


def rules_refused(history: History) -> None:
    """Somebody took away the right to change export rules: a promotion fails between its break and its start."""
    if not history.all_alive():
        return
    history.tell("the export rules cannot be changed")
    for site in SITES:
        history.lab.fault(site, "POST /api/protocols/nfs/export-policies/.*", "401", times=0)
    history.order(Order("failover" if (sites.newest_record(history.lab).get("active_site") or SOURCE) == SOURCE else "failback", "planned"))
    history.lab.clear_faults()


def cut_short(history: History) -> None:
    """A run is killed in its middle, and nobody runs it again at once."""
    history.order(sane(history), Befalls("kill-before", history.rng.randint(4, 26)))


def rivalry(history: History) -> None:
    """A run stands still, and another takes over."""
    order = sane(history)
    history.order(order, Befalls(RIVAL, history.rng.randint(1, 14)), rival=order)


def late_lift(history: History) -> None:
    """Somebody lifts a fence, whenever."""
    history.order(Order("fence", options={"fence": "lift"}))


Moves = tuple[tuple[Callable[[History], None], float], ...]
MOVES: Moves = (
    (verb, 8), (write, 4), (pass_time, 2), (transfer, 2), (backup, 1.5), (lose, 2), (mend, 2.5),
    (wrong_word, 0.4), (wordless, 0.4), (half_a_night, 0.4), (rules_refused, 0.3), (cut_short, 0.4), (rivalry, 0.4),
    (late_lift, 0.4),
)
STEPS = 24
