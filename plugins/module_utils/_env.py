# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What a run is given besides its options: a clock, a reporter, and ways to open connections. Tests hand in a simulated world here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ._clock import Clock, SystemClock
from ._http import Transport
from ._report import Reporter, Silent


@dataclass(frozen=True)
class OntapAccess:
    """How to reach one ONTAP cluster. ``site`` names it in errors; ``ca_path`` is a PEM file, empty for the system's own store."""

    site: str
    hostname: str
    username: str = ""
    password: str = field(default="", repr=False)
    http_port: int | None = None
    validate_certs: bool = True
    ca_path: str = ""
    cert_filepath: str = ""
    key_filepath: str = ""


@dataclass(frozen=True)
class KubeAccess:
    """How to reach one Kubernetes cluster: ``kubeconfig`` (+ ``context``), or ``host`` with ``api_key``."""

    site: str
    kubeconfig: str = ""
    context: str = ""
    host: str = ""
    api_key: str = field(default="", repr=False)
    validate_certs: bool = True
    ca_cert: str = ""


@dataclass(frozen=True)
class Process:
    """One process of one boot of one host: ``started`` is its start time in clock ticks since that boot."""

    host: str
    boot_id: str
    pid: int
    started: str


def this_process(pid: int | None = None) -> Process:
    """The process that stands for the run: this one, or for an action plugin, which works in a short-lived worker, its parent."""
    pid = os.getpid() if pid is None else pid
    return Process(socket.gethostname(), _first_line("/proc/sys/kernel/random/boot_id"), pid, _started(pid))


def still_alive(process: Process) -> bool:
    """False only where this host and boot can tell that the process is gone."""
    if process.host != socket.gethostname() or process.boot_id != _first_line("/proc/sys/kernel/random/boot_id") or not process.boot_id:
        return True
    return _started(process.pid) == process.started


def _started(pid: int) -> str:
    text = _first_line(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[19] if ")" in text else ""


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.readline().strip()
    except OSError:
        return ""


Together = Callable[[Sequence[Callable[[], Any]]], "list[Any]"]
"""Asks several things that do not depend on each other. Returns their answers in order; the first error, in that order, is raised when all have ended."""

AT_ONCE = 16
"""Requests under way at a time, of one run: each needs a connection of its own, and many groups may run side by side."""


def in_turn(asks: Sequence[Callable[[], Any]]) -> list[Any]:
    """One after another: deterministic, for simulated worlds and for clients of their own."""
    return [ask() for ask in asks]


def at_once(asks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Side by side, in threads that have ended when this returns."""
    if len(asks) < 2:
        return in_turn(asks)
    with ThreadPoolExecutor(min(AT_ONCE, len(asks))) as pool:
        return [begun.result() for begun in [pool.submit(ask) for ask in asks]]


@dataclass
class Env:
    """Everything a ``run(params, env)`` may use. It opens connections only through this."""

    open_ontap: Callable[[OntapAccess], Transport]
    open_kube: Callable[[KubeAccess], Transport]
    fetch: Callable[[str, float], bytes]
    """Body behind a signed URL; arguments are the URL and a timeout in seconds. Raises as a Transport does, ApiError on a status of 400 and above."""
    clock: Clock = field(default_factory=SystemClock)
    reporter: Reporter = field(default_factory=Silent)
    process: Callable[[], Process] = field(default=this_process)
    process_alive: Callable[[Process], bool] = field(default=still_alive)
    check_mode: bool = False
    diff: bool = False
    together: Together = in_turn
