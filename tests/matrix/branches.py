# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One undisturbed run has a child process for each cell: forked in the very moment of the mishap, so that nothing before it is done twice.

Cells whose labs come to the same state go on in the same way; only the first of them goes on (see state.py).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

PATIENCE = 300
"""Seconds for one cell: in a lab in which nothing ever comes to rest, virtual time runs for ever."""


class Cell(NamedTuple):
    """Where what befalls a scenario: at the call ``number``, or for the kind ``boundary`` before the task of that number.

    Args:
        kind: one of FAULTS, ``kill-before``, ``kill-after`` or ``boundary``.
        elsewhere: nobody can tell whether the process is dead: its lease has to run out.
    """

    scenario: str
    number: int
    kind: str
    elsewhere: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a cell ended; ``problem`` says what is wrong where it did not end as it should. ``known``: from where on an earlier cell's end was taken."""

    cell: str
    ended: str
    problem: str = ""
    known: str = ""


Point = tuple[str, int]
"""("call", its number) or ("boundary", the number of the task)."""


@dataclass
class Branches:
    """The cells of one scenario, by where they leave the undisturbed run.

    Args:
        memory: what is known of how things go on from a state; the parent's.
    """

    wanted: Mapping[Point, Sequence[Cell]] = field(default_factory=dict)
    memory: dict[Any, tuple[str, str]] = field(default_factory=dict)
    use_memory: bool = True
    done: list[tuple[Cell, Outcome]] = field(default_factory=list)
    tell: Callable[[Cell, Outcome], None] = lambda cell, outcome: None
    mine: Cell | None = None
    _parent: Connection | None = None
    _passed: list[Any] = field(default_factory=list)

    def at(self, point: Point) -> Cell | None:
        """In the undisturbed run: one child after another for the cells that leave here, None when they have ended. In a child: its cell, once."""
        if self.mine is None:
            for cell in self.wanted.get(point, ()):
                if self._child(cell):
                    return cell
        return None

    def known(self, *key: Any) -> tuple[str, str] | None:
        """How a cell ended that passed here in the same state, as (ended, problem); None where none did yet, or where the state has no number."""
        if not self.use_memory or self._parent is None or None in key:
            return None
        self._parent.send(("ask", key))
        found: tuple[str, str] | None = self._parent.recv()
        if found is None:
            self._passed.append(key)
        return found

    def end(self, outcome: Outcome) -> None:
        """In a child: report, and be gone."""
        assert self._parent is not None
        self._parent.send(("end", outcome, self._passed))
        os._exit(0)

    def _child(self, cell: Cell) -> bool:
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            gc.disable()
            signal.alarm(PATIENCE)
            ours.close()
            self.mine, self._parent, self._passed = cell, theirs, []
            return True
        theirs.close()
        outcome = self._serve(ours, cell)
        ours.close()
        os.waitpid(pid, 0)
        self.done.append((cell, outcome))
        self.tell(cell, outcome)
        return False

    def _serve(self, child: Connection, cell: Cell) -> Outcome:
        try:
            while True:
                message = child.recv()
                if message[0] == "ask":
                    child.send(self.memory.get(message[1]))
                    continue
                outcome: Outcome = message[1]
                if self.use_memory:
                    self.memory.update(dict.fromkeys(message[2], (outcome.ended, outcome.problem)))
                return outcome
        except EOFError:
            return Outcome(str(cell), "died", f"the process of this cell ended without a word, or after {PATIENCE} s")


def leave(branches: Branches, error: BaseException) -> None:
    """A child in which the test itself failed: its parent must hear of it, and must not go on twice."""
    branches.end(Outcome(str(branches.mine), "broken", "".join(traceback.format_exception(error))[-2000:]))
