# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen in a history: verbs, kills, faults, rivals, losses, returns, writes, and operators' mistakes."""

from __future__ import annotations

from random import Random

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Storage
from ansible_collections.kubedr.ontap.tests.matrix.wire import FAULTS

from kubedr_lab.pocket import LabRefused, other
from kubedr_lab.settings import SITES

from . import sites
from .history import LOSS, History, Moves
from .runs import KILLS, RIVAL, Befalls, Ended, Order
from .sites import DESTINATION, GROUP, SOURCE

S = Storage
ALL = (
    Order("setup"), Order("fence"), Order("fence", options={"fence": "lift"}), Order("failover", "planned"), Order("failover", "unplanned"), Order("reprotect"),
    Order("failback", "planned"), Order("failback", "unplanned"),
)


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
    history.counts["lost", f"{what}, {'serving' if site == active else 'other'} side" if site in SITES and only != "link" else what] += 1
    getattr(history.lab, how)(site, only)


def mend(history: History) -> None:
    """Everything comes back, or only one of its systems."""
    lost = [name for name, part in history.lab.parts.items() if part.condition != "running"]
    if not lost and history.lab.link == "up":
        return
    history.may_be_both = "returned"
    history.lab.start(SOURCE, "link")
    for name in lost if history.rng.random() < 0.8 else lost[:1]:
        site, _unused, only = name.rpartition("-")
        history.tell(f"{name} comes back")
        history.lab.start(site or name, only if site else None)
    history.lab.run(history.rng.choice((1, 30)))


def verb(history: History) -> None:
    """Somebody runs a verb: mostly what the state asks for, sometimes anything; things befall it."""
    rng = history.rng
    if not history.all_alive() and rng.random() < 0.3:
        mend(history)
    order = sane(history) if rng.random() < 0.7 else with_options(history, rng.choice(ALL))
    befalls = mishap(rng) if rng.random() < 0.35 else None
    ended = history.order(order, befalls, others_alive=rng.random() < 0.2, rival=sane(history) if befalls and befalls.kind == RIVAL else None)
    if ended.killed and rng.random() < 0.5:
        history.order(order, others_alive=rng.random() < 0.3)
    if ended.reason in LOSS:
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
    (state, proposed), rng = history.seen(), history.rng
    active = DESTINATION if state.active == "destination" else SOURCE
    down = [site for site in SITES if any(not sites.alive(history.lab, f"{site}-{system}") for system in ("ontap", "kubernetes"))]
    if active in down and state.storage in (S.PROTECTED, S.DEGRADED, S.ACTIVE_UNREACHABLE, S.REPROTECTED, S.FENCED, S.FAILING_OVER):
        return history.with_word(Order("failover" if active == SOURCE else "failback", "unplanned"))
    leading = [history.proposed(proposal) for proposal in proposed]
    choices = {
        S.PROTECTED: [Order("failover", "planned"), Order("fence"), Order("setup")], S.REPROTECTED: [*leading, Order("fence")],
        S.FENCED: [Order("failover", "unplanned"), *leading],
    }.get(state.storage, leading) or [Order("setup")]
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


def night(history: History) -> None:
    """The site that serves is lost whole after a write, and the other one is promoted on the operator's word."""
    if not history.all_alive():
        return
    write(history)
    active = sites.newest_record(history.lab).get("active_site") or SOURCE
    history.tell(f"kill {active}")
    history.counts["lost", "site, serving side"] += 1
    history.lab.kill(active)
    history.order(history.with_word(Order("failover" if active == SOURCE else "failback", "unplanned")))


def hasty(history: History) -> None:
    """Somebody turns the mirror round without a look at the state, and accepts whatever is lost."""
    history.accepting(Order("reprotect"))


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


MOVES: Moves = (
    (verb, 8), (write, 4), (pass_time, 2), (transfer, 2), (backup, 1.5), (lose, 2), (mend, 2.5),
    (wrong_word, 0.4), (wordless, 0.4), (half_a_night, 0.4), (night, 0.5), (hasty, 0.3), (rules_refused, 0.3), (cut_short, 0.4), (rivalry, 0.4),
    (late_lift, 0.4),
)
STEPS, OWN, TWIGS = 24, 8, 10
"""Moves of a history; how many of them, the last, are its own; and how many histories share the others."""


def begun(seed: int) -> History:
    """What the history of a seed shares with its neighbours."""
    return History(seed // TWIGS).walk(STEPS - OWN, MOVES)


def ended(history: History, seed: int) -> History:
    """The rest of it, and the way home."""
    history.rng = Random(f"twig {seed}")
    history.tell(f"from here on history {seed} is alone")
    return history.walk(OWN, MOVES).home()


def walked(seed: int) -> History:
    """The whole history of a seed."""
    return ended(begun(seed), seed)
