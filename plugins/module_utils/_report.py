# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Where a run says what it does: progress lines for people, steps for the evidence. The Ansible glue and the tests bring their own."""

from __future__ import annotations

from typing import Any, Protocol


class Reporter(Protocol):
    """Receives what happens while it happens, so that a killed run has left its evidence."""

    def progress(self, text: str) -> None:
        """One line for a person; the receiver decides how often it is shown."""

    def step_started(self, name: str, asked: Any) -> None:
        """A step begins: ``asked`` is what it will do, JSON-serialisable."""

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        """A step ended: ``seen`` is what was observed after the act."""

    def note(self, **fields: Any) -> None:
        """Facts for the evidence's top-level keys, such as ``epoch`` or ``rpo``."""


class Silent:
    """Swallows everything; for callers that only want the result."""

    def progress(self, text: str) -> None:
        """Nothing."""

    def step_started(self, name: str, asked: Any) -> None:
        """Nothing."""

    def step_ended(self, name: str, seen: Any, changed: bool) -> None:
        """Nothing."""

    def note(self, **fields: Any) -> None:
        """Nothing."""
