# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the accept queues of a stopped part full, so that further connects to it time out as if packets were dropped.

Run as ``python -m kubedr_lab.shell.filler PID PORT...``; ends with the process PID, or when killed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time

SOURCE = "127.9.9.9"
"""Where the dummy connections come from, so that a part never counts them (Linux answers for all of 127/8)."""
PROBE = 0.15


def _full(port: int) -> bool:
    """Whether a new connect gets no answer. The probe stays in the queue where it was taken."""
    probe = socket.socket()
    probe.bind((SOURCE, 0))
    probe.settimeout(PROBE)
    try:
        probe.connect(("127.0.0.1", port))
    except TimeoutError:
        probe.close()
        return True
    _held.append(probe)
    return False


_held: list[socket.socket] = []


def fill(ports: list[int], limit: int = 1100) -> None:
    """Connect until nobody can any more; ``limit`` ends it where something goes on accepting."""
    for port in ports:
        for _ in range(limit):
            if _full(port):
                break
        else:
            raise SystemExit(f"port {port} goes on accepting connections")


def main(arguments: list[str]) -> None:
    """Fill, say so, hold."""
    pid, ports = int(arguments[0]), [int(port) for port in arguments[1:]]
    fill(ports)
    print("full", flush=True)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1:])
