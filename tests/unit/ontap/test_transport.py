# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport against real sockets: TLS, certificates, silence, and what the environment may not change."""

from __future__ import annotations

import datetime
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import OntapAccess
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ConfigError, KubedrError, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.transport import RequestsTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, name: str, days: int = 2) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key in one PEM file; expired where ``days`` is negative."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    """Echoes what it got; ``/reset`` closes without an answer, ``/half`` in the middle of one, ``/text`` is not JSON, ``/hang`` waits for the test's end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/hang":
            self.server.free.wait(10)  # type: ignore[attr-defined]
            return
        if self.path == "/reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        length = int(self.headers.get("content-length") or 0)
        told = {"path": self.path, "method": self.command, "authorization": self.headers.get("authorization"), "body": self.rfile.read(length).decode()}
        content = b"<html>" if self.path == "/text" else json.dumps(told).encode()
        self.send_response(302 if self.path == "/moved" else 418)
        self.send_header("Content-Length", str(len(content) + (100 if self.path == "/half" else 0)))
        if self.path == "/moved":
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(content)
        if self.path == "/half":
            self.connection.shutdown(socket.SHUT_RDWR)

    do_PATCH = do_GET

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Starts a TLS server with a certificate file; returns its port."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(pem: Path) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.free = threading.Event()  # type: ignore[attr-defined]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.handle_error = lambda *args: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return server.server_address[1]

    yield start
    for server in running:
        server.free.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


def transport(port: int, **more: Any) -> RequestsTransport:
    return RequestsTransport(OntapAccess("osaka", "localhost", "admin", "pa:ss\u00fc", http_port=port, **more))


def failure(port: int, path: str = "/x", timeout: float = 5.0, **more: Any) -> KubedrError:
    with pytest.raises(KubedrError) as caught:
        transport(port, **more).send(Request("GET", path, timeout=timeout))
    assert "pa:ss" not in str(caught.value)
    return caught.value


def test_an_answer_is_an_answer_whatever_its_status(serve: Any, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "good")
    found = transport(serve(pem), ca_path=str(pem)).send(Request("PATCH", "/api/a", {"name": "a b", "destination.path": "svm:"}, {"x": 1}))
    assert found.status == 418
    assert found.body["path"] == "/api/a?name=a+b&destination.path=svm%3A"
    assert (found.body["method"], found.body["body"]) == ("PATCH", '{"x": 1}')
    assert found.body["authorization"] == "Basic YWRtaW46cGE6c3PDvA=="
    assert "content-length" in found.headers


def test_text_stays_text_and_redirects_are_not_followed(serve: Any, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "good")
    line = transport(serve(pem), ca_path=str(pem))
    assert line.send(Request("GET", "/text")).body == "<html>"
    assert line.send(Request("GET", "/moved")).status == 302


def test_an_untrusted_certificate_says_so(serve: Any, tmp_path: Path) -> None:
    pem, other = certificate(tmp_path, "good"), certificate(tmp_path, "other")
    found = failure(serve(pem), ca_path=str(other))
    assert isinstance(found, Unreachable)
    assert "certificate" in found.message
    assert str(other) in found.message
    assert "ca_path" in str(found)
    assert "validate_certs" in str(found)


def test_an_expired_certificate_says_so(serve: Any, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "old", days=-1)
    found = failure(serve(pem), ca_path=str(pem))
    assert isinstance(found, Unreachable)
    assert "expired" in found.message


def test_validate_certs_false(serve: Any, tmp_path: Path) -> None:
    assert transport(serve(certificate(tmp_path, "good")), validate_certs=False).send(Request("GET", "/x")).status == 418


def test_the_environment_cannot_change_whom_to_trust(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, other = certificate(tmp_path, "good"), certificate(tmp_path, "other")
    port = serve(pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(failure(port, ca_path=str(other)), Unreachable)
    assert transport(port, ca_path=str(pem)).send(Request("GET", "/x")).status == 418


@pytest.mark.parametrize("path", ["/reset", "/half"])
def test_a_connection_that_ends_early_is_a_lost_answer(serve: Any, tmp_path: Path, path: str) -> None:
    pem = certificate(tmp_path, "good")
    assert isinstance(failure(serve(pem), path, ca_path=str(pem)), AnswerLost)


def test_silence_after_the_request_is_a_lost_answer(serve: Any, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "good")
    found = failure(serve(pem), "/hang", timeout=0.2, ca_path=str(pem))
    assert isinstance(found, AnswerLost)
    assert "0.2 s" in found.message


def test_a_refused_connection_and_an_unknown_name_are_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = failure(port)
    assert isinstance(found, Unreachable)
    assert "refused" in found.message
    line = RequestsTransport(OntapAccess("osaka", "no-such-host.invalid", "admin", "x"))
    with pytest.raises(Unreachable):
        line.send(Request("GET", "/x"))


def test_a_listener_that_accepts_nobody_is_unreachable() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _unused in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        found = failure(full.getsockname()[1], timeout=0.3)
        for filler in fillers:
            filler.close()
    assert isinstance(found, (Unreachable, AnswerLost))


def test_a_server_without_tls_is_unreachable() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found = failure(server.server_address[1])
    server.shutdown()
    server.server_close()
    assert isinstance(found, (Unreachable, AnswerLost))


def test_a_ca_file_that_is_not_there_names_the_option(serve: Any, tmp_path: Path) -> None:
    found = failure(serve(certificate(tmp_path, "good")), ca_path="/nowhere/ca.pem")
    assert isinstance(found, ConfigError)
    assert "ca_path" in found.variable


def test_a_client_certificate_replaces_the_password(tmp_path: Path) -> None:
    pem = str(certificate(tmp_path, "client"))
    line = RequestsTransport(OntapAccess("osaka", "localhost", cert_filepath=pem, key_filepath=pem))
    assert line._cert == (pem, pem)
    assert line._auth is None


def test_an_ipv6_address_is_put_in_brackets() -> None:
    assert RequestsTransport(OntapAccess("osaka", "fd00::1", "a", "b", http_port=8443)).base == "https://[fd00::1]:8443"
