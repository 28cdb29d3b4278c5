# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The steps of one ONTAP module: told to the reporter as they happen, gathered for the result."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._env import Env
from .._errors import ConfigError
from .._ontap.access import access_of, connect
from .._ontap.client import OntapClient
from .._ontap.parse import plain

T = TypeVar("T")

SVM_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,46}$")
ABSENT = "absent"


class Steps:
    """Gathers ``changed``, ``steps`` and ``warnings``."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.done: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def step(self, name: str, asked: Any, act: Callable[[], tuple[T, bool]], describe: Callable[[T], Any] = plain) -> T:
        """Do one act and tell of it; what it saw. In check mode the act itself sends nothing."""
        self.env.reporter.step_started(name, asked)
        seen, changed = act()
        told = describe(seen)
        self.done.append({"name": name, "changed": changed, "seen": told})
        self.env.reporter.step_ended(name, told, changed)
        return seen

    @property
    def changed(self) -> bool:
        """Whether any step changed anything, or would."""
        return any(step["changed"] for step in self.done)

    def result(self, before: Any, after: Any, **more: Any) -> dict[str, Any]:
        """The module's result; ``before`` and ``after`` are in the user's terms and hold nothing that a prediction cannot know."""
        found: dict[str, Any] = {"changed": self.changed, "steps": self.done, **more}
        if self.warnings:
            found["warnings"] = self.warnings
        if self.env.diff:
            found["diff"] = {"before": before, "after": after}
        return found


def both_clients(params: Mapping[str, Any], env: Env) -> tuple[OntapClient, OntapClient]:
    """Clients of ``source`` and ``destination``, their options checked first.

    Raises:
        ConfigError: an option cannot be used, or both lead to the same address.
    """
    source, destination = access_of(params["source"], "source"), access_of(params["destination"], "destination")
    if (source.hostname, source.http_port) == (destination.hostname, destination.http_port):
        raise ConfigError("destination.hostname", f"source and destination are both {destination.hostname}.", advice="SVM-DR needs two clusters.")
    return connect(source, env), connect(destination, env)


def site(client: OntapClient) -> str:
    """The site's name, as results call it."""
    return client.system.removeprefix("ONTAP ")


def check_svm_name(option: str, value: str) -> str:
    """A name that ONTAP can take for an SVM.

    Raises:
        ConfigError: naming the option.
    """
    if not SVM_NAME.match(value or ""):
        raise ConfigError(option, f"'{value}' is no SVM name.", advice="Letters, digits, '_', '-' and '.', at most 47.")
    return value


def check_timeout(value: int) -> float:
    """Seconds.

    Raises:
        ConfigError: not above 0.
    """
    if value <= 0:
        raise ConfigError("timeout", f"{value} is not a number of seconds above 0.")
    return float(value)
