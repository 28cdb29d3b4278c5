# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and unmaking a lab, and what can befall its sites."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..inventory import write_access
from ..pki import Authority
from ..settings import SITES, Secrets, Settings
from ..state import Folder, Lab, LabError, Part, Process
from . import processes
from .client import call

SYSTEMS = ("ontap", "kubernetes")
START_PATIENCE = {"light": 60.0, "real": 240.0}
"""Seconds until a part that does not answer is given up, by tier."""


def up(folder: Folder, settings: Settings) -> Lab:
    """Make a lab in an empty state folder and return when every part answers.

    Raises:
        LabError: there is one already, or a part did not come up (then nothing is left running).
    """
    with folder.locked():
        if folder.lab_json.exists():
            raise LabError(f"there is a lab in {folder.path} already: use it, or end it with 'kubedr-lab down' first")
        shutil.rmtree(folder.path / "parts", ignore_errors=True)
        (folder.path / "parts").mkdir()
        (folder.path / "evidence").mkdir(exist_ok=True)
        folder.link.unlink(missing_ok=True)
        secrets = Secrets.fresh()
        secrets.save(folder.path / "parts" / "secrets.json")
        authority = Authority()
        (folder.path / "ca.pem").write_bytes(authority.pem)
        lab, sockets = _lay_out(folder, settings, authority)
        try:
            write_access(folder, lab, secrets)
            folder.save(lab)
            for name, part in lab.parts.items():
                _launch(folder, part, sockets.pop(name))
            folder.save(lab)
            for part in lab.parts.values():
                _wait_ready(folder, part, START_PATIENCE[settings.kubernetes])
        except BaseException:
            _end(lab)
            folder.lab_json.unlink(missing_ok=True)
            raise
        return lab


def _lay_out(folder: Folder, settings: Settings, authority: Authority) -> tuple[Lab, dict[str, tuple[socket.socket, socket.socket]]]:
    lab = Lab(settings, datetime.now(UTC).isoformat(timespec="seconds"), {})
    sockets = {}
    for site, system in [*((site, system) for site in SITES for system in SYSTEMS), ("store", "store")]:
        pair = processes.listen(), processes.listen()
        part = Part(site, system, pair[0].getsockname()[1], pair[1].getsockname()[1], "", "")
        part.log, part.output = str(folder.part_file(part.name, "jsonl")), str(folder.part_file(part.name, "out"))
        authority.issue(part.name).write(folder.part_file(part.name, "pem"), folder.part_file(part.name, "key"))
        lab.parts[part.name], sockets[part.name] = part, pair
    return lab, sockets


def _launch(folder: Folder, part: Part, sockets: tuple[socket.socket, socket.socket]) -> None:
    part.process = processes.spawn("shell.part", [str(folder.path), part.name], Path(part.output), sockets)
    for sock in sockets:
        sock.close()


def _wait_ready(folder: Folder, part: Part, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            call(folder, part, "ready", timeout=5)
            return
        except LabError:
            if processes.condition(part.process) == "dead":
                raise LabError(f"{part.name} ended while it started:\n{_tail(Path(part.output))}") from None
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def down(folder: Folder) -> bool:
    """End every process of the lab; False where there is none. Logs and databases stay until the next ``up``."""
    with folder.locked():
        if not folder.lab_json.exists():
            return False
        _end(folder.load())
        folder.lab_json.unlink()
        folder.link.unlink(missing_ok=True)
        return True


def _end(lab: Lab) -> None:
    for process in [*lab.writers.values(), *(part.filler for part in lab.parts.values()), *(part.process for part in lab.parts.values())]:
        processes.kill(process)


def befall(folder: Folder, verb: str, site: str, only: str | None) -> dict[str, str]:
    """``kill``, ``hang``, ``drop``, ``thaw`` or ``start`` a site, one system of it, or the link between the sites.

    Returns:
        The condition of each part touched: running, hung, dropped, dead; of the link: up, refused, silent.

    Raises:
        LabError: no such site, or the verb cannot be done to a part in its condition.
    """
    with folder.locked():
        lab = folder.load()
        if only == "link":
            lab.of_site(site)
            return {"link": _befall_link(folder, verb)}
        done = {}
        try:
            for part in lab.of_site(site, only):
                _ACTS[verb](folder, part)
                done[part.name] = condition(part)
        finally:
            folder.save(lab)
        return done


def _befall_link(folder: Folder, verb: str) -> str:
    """Calls between the sites fail at once (``kill``) or after a time without answer (``hang``, ``drop``)."""
    if verb in ("thaw", "start"):
        folder.link.unlink(missing_ok=True)
        return "up"
    folder.link.write_text("refused" if verb == "kill" else "silent")
    return folder.link.read_text()


def condition(part: Part) -> str:
    """running, hung, dropped or dead."""
    now = processes.condition(part.process)
    if now != "stopped":
        return now
    return "hung" if processes.condition(part.filler) == "dead" else "dropped"


def _kill(folder: Folder, part: Part) -> None:
    processes.kill(part.filler)
    processes.kill(part.process)


def _hang(folder: Folder, part: Part) -> None:
    _alive(part)
    processes.send(part.process, signal.SIGSTOP)
    processes.wait_for(part.process, "stopped")


def _drop(folder: Folder, part: Part) -> None:
    if condition(part) == "dropped":
        return
    _thaw(folder, part)
    processes.send(part.process, processes.DROP_SIGNAL)
    processes.wait_for(part.process, "stopped")
    output = folder.part_file(part.name, "filler")
    output.unlink(missing_ok=True)
    part.filler = processes.spawn("shell.filler", [str(part.process.pid), str(part.api_port), str(part.peer_port)], output)
    end = time.monotonic() + processes.PATIENCE
    while "full" not in output.read_text():
        if processes.condition(part.filler) == "dead" or time.monotonic() > end:
            raise LabError(f"{part.name} could not be dropped: {_tail(output)}")
        time.sleep(0.01)


def _thaw(folder: Folder, part: Part) -> None:
    _alive(part)
    processes.kill(part.filler)
    processes.send(part.process, signal.SIGCONT)
    processes.wait_for(part.process, "running")


def _start(folder: Folder, part: Part) -> None:
    if condition(part) != "dead":
        _thaw(folder, part)
        return
    processes.kill(part.filler)
    _launch(folder, part, (processes.listen(part.api_port), processes.listen(part.peer_port)))
    _wait_ready(folder, part, max(START_PATIENCE.values()))


def _alive(part: Part) -> None:
    if condition(part) == "dead":
        raise LabError(f"{part.name} does not run: 'start' brings it back")


_ACTS: dict[str, Any] = {"kill": _kill, "hang": _hang, "drop": _drop, "thaw": _thaw, "start": _start}


def set_writer(folder: Folder, group: str, stop: bool) -> bool:
    """Start or stop the process that writes records for a group; True where it runs now."""
    with folder.locked():
        lab = folder.load()
        writer = lab.writers.get(group, Process())
        if stop:
            processes.kill(writer)
            lab.writers.pop(group, None)
        elif processes.condition(writer) == "dead":
            lab.writers[group] = processes.spawn("shell.writer", [str(folder.path), group], folder.part_file(f"writer-{group}", "out"))
        folder.save(lab)
        return not stop
