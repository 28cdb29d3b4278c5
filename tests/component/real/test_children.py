# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of a part: started again when they end, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kubedr_lab.real import children

HOST = """
import asyncio, sys
from pathlib import Path
from kubedr_lab.real import children
children.AGAIN = 0.05
asyncio.run(children.Child(Path(sys.argv[1]), "program", ["sleep", "1000"], {"KEY": "value"}).keep())
"""


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_program_is_started_again_and_dies_with_its_part(tmp_path: Path) -> None:
    noted = tmp_path / "program.pid"

    def started(after: str = "") -> bool:
        return noted.exists() and noted.read_text() not in ("", after)

    with subprocess.Popen([sys.executable, "-c", HOST, str(tmp_path)], stdout=subprocess.PIPE, text=True) as host:
        try:
            until(started)
            first = noted.read_text()
            assert "KEY=value" in Path(f"/proc/{first}/environ").read_text().split("\0")
            os.kill(int(first), signal.SIGKILL)
            until(lambda: started(after=first))
            second = int(noted.read_text())
        finally:
            host.kill()
        assert host.stdout is not None
        assert "program ended with status -9" in host.stdout.read()
    until(lambda: not alive(second))


def test_a_program_is_killed_when_its_keeper_is_cancelled(tmp_path: Path) -> None:
    noted = tmp_path / "program.pid"

    async def main() -> None:
        task = asyncio.ensure_future(children.Child(tmp_path, "program", ["sleep", "1000"]).keep())
        while not noted.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    until(lambda: not alive(int(noted.read_text())))


def test_a_free_port_can_be_listened_on_at_once() -> None:
    ports = {children.free_port() for _unused in range(5)}
    assert all(1024 <= port < 65536 for port in ports)
