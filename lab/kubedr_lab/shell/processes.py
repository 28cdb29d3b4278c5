# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of the lab: started detached, each in a process group of its own; signalled only while they are still ours."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ..state import LabError, Process

PATIENCE = 10.0
DROP_SIGNAL = signal.SIGUSR1
"""Tells a part to shrink its accept queues and to stop itself."""


def listen(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket that a part inherits, so that the address is known and answers before the part does."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise LabError(f"cannot listen on {host}:{port}: {error.strerror}; another program has taken it") from error
    sock.listen(512)
    return sock


def spawn(module: str, arguments: list[str], output: Path, sockets: tuple[socket.socket, ...] = ()) -> Process:
    """Start a module of the lab in the background; what it prints goes to ``output``."""
    descriptors = [sock.fileno() for sock in sockets]
    command = [sys.executable, "-P", "-m", f"kubedr_lab.{module}", *arguments, *map(str, descriptors)]
    with open(output, "ab") as stream:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, pass_fds=descriptors, env=_environment(),
        )
    return Process(child.pid, _started(child.pid))


def _environment() -> dict[str, str]:
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command name; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def condition(process: Process) -> str:
    """``running``, ``stopped``, or ``dead`` (also: a zombie, or the id belongs to somebody else by now)."""
    fields = _stat(process.pid) if process.pid else []
    if not fields or fields[0] in "ZX" or int(fields[19]) != process.started:
        return "dead"
    return "stopped" if fields[0] in "Tt" else "running"


def send(process: Process, number: signal.Signals) -> bool:
    """Signal the whole process group; False where it is gone already."""
    if condition(process) == "dead":
        return False
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_for(process: Process, wanted: str) -> None:
    """Until the process is in that condition.

    Raises:
        LabError: it is not, after 10 seconds.
    """
    end = time.monotonic() + PATIENCE
    while condition(process) != wanted:
        if time.monotonic() > end:
            raise LabError(f"process {process.pid} is not {wanted} after {PATIENCE:g} s, but {condition(process)}")
        time.sleep(0.005)


def kill(process: Process) -> None:
    """SIGKILL and wait until it is gone, with what it started. Nothing happens where it is gone already.

    Raises:
        LabError: something of it lives after 10 seconds.
    """
    if send(process, signal.SIGKILL):
        _reap(process)
        wait_for(process, "dead")
        end = time.monotonic() + PATIENCE
        while left := _members(process.pid):
            if time.monotonic() > end:
                raise LabError(f"processes {left} of group {process.pid} live {PATIENCE:g} s after SIGKILL")
            time.sleep(0.01)
    process.pid = process.started = 0


def _members(group: int) -> list[int]:
    """The living processes of a process group, as far as /proc tells."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[2]) == group and fields[0] not in "ZX"]


def _reap(process: Process) -> None:
    """Only a parent can; a lab that was started by another command has init for a parent."""
    try:
        os.waitpid(process.pid, 0)
    except ChildProcessError:
        return
