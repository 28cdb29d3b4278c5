# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real labs for tests: servers on loopback that are always taken down.

In a conftest: ``from ansible_collections.kubedr.ontap.tests.support.live import live_lab``; a test then says ``lab = live_lab("--groups", "2")``.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubedr_lab import cli
from kubedr_lab.pki import Authority
from kubedr_lab.settings import Secrets, basic


class CommandFailed(Exception):
    """A ``kubedr-lab`` command ended with an error; the text is what it said."""


class LiveLab:
    """A lab in a folder, driven through its command line (in this process)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str) -> Any:
        """One command with ``--json``. Returns what it printed.

        Raises:
            CommandFailed: with its message.
        """
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["--state", str(self.path), "--json", *arguments])
        if status:
            raise CommandFailed(json.loads(err.getvalue())["error"])
        return json.loads(out.getvalue())

    @property
    def inventory(self) -> Path:
        """The inventory file, for ``ansible-playbook -i``."""
        return self.path / "inventory.yml"

    def variables(self) -> dict[str, Any]:
        """The variables of the inventory's group."""
        found: dict[str, Any] = yaml.safe_load(self.inventory.read_text())["protection_groups"]["vars"]
        return found

    def part(self, name: str) -> dict[str, Any]:
        """One part of ``lab.json``, such as ``tokyo-ontap``."""
        found: dict[str, Any] = json.loads((self.path / "lab.json").read_text())["parts"][name]
        return found

    def request(self, site: str, system: str, method: str, path: str, body: Any = None, timeout: float = 5.0) -> tuple[int, Any]:
        """One request through the ``api`` listener, as an administrator. Returns status and decoded body.

        Raises:
            OSError, http.client.HTTPException: no answer.
        """
        secrets = Secrets.load(self.path / "parts" / "secrets.json")
        authorization = basic(secrets.ontap[site]) if system == "ontap" else f"Bearer {secrets.kubernetes[site]}"
        context = ssl.create_default_context(cafile=str(self.path / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.part(f"{site}-{system}")["api_port"], timeout=timeout, context=context)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Authorization": authorization, "Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def log(self, site: str, event: str = "request", via: str = "api") -> list[dict[str, Any]]:
        """Events of one kind at a site."""
        return [entry for entry in self.run("log", site) if entry["event"] == event and entry.get("via") == via]


@contextlib.contextmanager
def tls_server(folder: Path, expired: bool = False) -> Iterator[tuple[int, Path]]:
    """A TLS server on loopback that shakes hands and hangs up, for tests of certificates. Gives its port and the CA file."""
    authority, ca = Authority(), folder / "server-ca.pem"
    ca.write_bytes(authority.pem)
    authority.issue("server", expired=expired).write(folder / "server.pem", folder / "server.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")

    def serve() -> None:
        while True:
            try:
                connection, _unused = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], ca
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def running_lab(path: Path, *arguments: str) -> Iterator[LiveLab]:
    """A lab made with ``up`` and these arguments; taken down at the end, however the test ended."""
    lab = LiveLab(path)
    try:
        lab.run("up", *arguments)
        yield lab
    finally:
        lab.run("down")


@pytest.fixture
def live_lab(tmp_path: Path) -> Iterator[Callable[..., LiveLab]]:
    """Makes labs in folders of their own; all are taken down when the test ends."""
    with contextlib.ExitStack() as stack:
        made: list[LiveLab] = []

        def make(*arguments: str) -> LiveLab:
            made.append(stack.enter_context(running_lab(tmp_path / f"lab{len(made)}", *arguments)))
            return made[-1]

        yield make
