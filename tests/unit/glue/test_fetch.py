# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed URLs: what comes back, and that no error shows the signature."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, AuthError, KubedrError, NotFound, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._fetch import fetch_signed, public_part

SIGNATURE = "X-Amz-Signature=abcdef"


class Store(BaseHTTPRequestHandler):
    """Answers with the status in the path; /torn breaks off."""

    def do_GET(self) -> None:
        """One answer."""
        name = self.path.split("?")[0].strip("/")
        if name == "torn":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return
        self.send_response(int(name))
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A store on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_body(store: str) -> None:
    assert fetch_signed(f"{store}/200?{SIGNATURE}", 5) == b"body"


@pytest.mark.parametrize(("path", "kind"), [("403", AuthError), ("404", NotFound), ("500", ApiError), ("503", ApiError), ("torn", AnswerLost)])
def test_errors_are_typed_and_show_no_signature(store: str, path: str, kind: type[KubedrError]) -> None:
    with pytest.raises(kind) as caught:
        fetch_signed(f"{store}/{path}?{SIGNATURE}", 5)
    assert "abcdef" not in f"{caught.value} {caught.value.failure()}"
    assert f"GET {store}/{path}" in str(caught.value)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        fetch_signed(f"http://127.0.0.1:{port}/x?{SIGNATURE}", 1)
    assert "abcdef" not in str(caught.value)


def test_no_answer_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(AnswerLost):
            fetch_signed(f"http://127.0.0.1:{silent.getsockname()[1]}/x?{SIGNATURE}", 0.2)


def test_a_proxy_of_the_environment_is_not_used(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch_signed(f"{store}/200", 5) == b"body"


def test_the_public_part_has_neither_user_nor_query() -> None:
    assert public_part("https://user:pw@s3.example.com:9000/b/k?sig=1#f") == "https://s3.example.com:9000/b/k"
    assert public_part("https://[::1]:9000/b?x") == "https://[::1]:9000/b"
