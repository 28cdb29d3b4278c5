# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that a part of the lab runs: in the part's process group, never outliving it, started again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

AGAIN = 1.0
"""Seconds until a program that ended is started again, as a kubelet would."""
_SET_DEATH_SIGNAL = 1


def _with_parent() -> Callable[[], None] | None:
    """Runs in the child before its program: the kernel kills it when the part dies, however that happens (Linux)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)

    return prepare


def free_port() -> int:
    """A port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """One program. Its process id stands in ``<folder>/<name>.pid``, its words in ``<folder>/<name>.log``."""

    def __init__(self, folder: Path, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._folder, self._command, self._environment = folder, list(command), dict(environment or {})

    async def keep(self) -> None:
        """Run it for ever; cancelled, it is killed."""
        while True:
            with open(self._folder / f"{self.name}.log", "ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, env={**os.environ, **self._environment},
                    preexec_fn=_with_parent(),
                )
            (self._folder / f"{self.name}.pid").write_text(str(process.pid))
            try:
                status = await process.wait()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                raise
            print(f"{self.name} ended with status {status}; it is started again in {AGAIN:g} s", flush=True)
            await asyncio.sleep(AGAIN)
