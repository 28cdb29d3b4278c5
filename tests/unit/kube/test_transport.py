# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The transport on a real socket: whom it talks to, and what it calls an answer, a lost one, and none."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubedr.ontap.plugins.module_utils._env import KubeAccess
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ConfigError, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import MERGE_PATCH, Request
from ansible_collections.kubedr.ontap.plugins.module_utils._kube import transport as transport_module
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.transport import KubernetesTransport
from kubernetes import client as kube_client

from kubedr_lab.pki import Authority


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, or misbehaves by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/hang"):
            time.sleep(1.0)
            return
        if self.path.startswith("/reset"):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        length = int(self.headers.get("Content-Length") or 0)
        seen = {"name": self.server.name, "path": self.path, "authorization": self.headers.get("Authorization"),  # type: ignore[attr-defined]
                "type": self.headers.get("Content-Type"), "body": self.rfile.read(length).decode()}
        data = b"page not found" if self.path.startswith("/text") else json.dumps(seen).encode()
        self.send_response({"/text": 404, "/move": 302, "/denied": 401}.get(self.path, 200))
        self.send_header("Content-Length", str(len(data) + (50 if self.path.startswith("/cut") else 0)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(data)
        if self.path.startswith("/cut"):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_POST = do_PATCH = do_GET

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Starts servers by name; returns the base URL."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(name: str, authority: Authority | None = None, expired: bool = False) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.name = name  # type: ignore[attr-defined]
        server.daemon_threads = True
        if authority:
            certificate, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
            authority.issue("127.0.0.1", expired=expired).write(certificate, key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return f"{'https' if authority else 'http'}://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def kubeconfig(tmp_path: Path, name: str, server: str, token: str, **cluster: Any) -> str:
    path = tmp_path / f"{name}.kubeconfig"
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": name, "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": server, **cluster}}], "users": [{"name": name, "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def ask(transport: KubernetesTransport, path: str = "/api", method: str = "GET", body: Any = None, timeout: float = 3.0) -> Any:
    return transport.send(Request(method, path, {"limit": "5"}, body, MERGE_PATCH, timeout))


def test_two_clusters_in_one_process_in_any_order(serve: Any, tmp_path: Path) -> None:
    """The worst bug that such a tool can have: a client made after another talks to the other cluster, with the other's token."""
    first = KubernetesTransport(KubeAccess("tokyo", kubeconfig=kubeconfig(tmp_path, "a", serve("a"), "token-a")))
    ask(first)
    second = KubernetesTransport(KubeAccess("osaka", host=serve("b"), api_key="token-b"))
    third = KubernetesTransport(KubeAccess("nara", host=serve("c")))
    for transport, name, token in ((second, "b", "Bearer token-b"), (first, "a", "Bearer token-a"), (third, "c", None), (first, "a", "Bearer token-a")):
        body = ask(transport).body
        assert (body["name"], body["authorization"]) == (name, token)
    assert kube_client.Configuration._default is None


def test_request_as_asked(serve: Any) -> None:
    answer = ask(KubernetesTransport(KubeAccess("osaka", host=serve("b"))), "/apis/rbac/clusterroles/system:node", "PATCH", {"a": None})
    assert answer.body["path"] == "/apis/rbac/clusterroles/system:node?limit=5"
    assert (answer.body["type"], answer.body["body"]) == (MERGE_PATCH, '{"a": null}')
    assert answer.server_time() is not None


def test_errors_and_redirects_are_answers(serve: Any) -> None:
    transport = KubernetesTransport(KubeAccess("osaka", host=serve("b")))
    assert (transport.send(Request("GET", "/text")).status, transport.send(Request("GET", "/text")).body) == (404, "page not found")
    assert transport.send(Request("GET", "/move")).status == 302


@pytest.mark.parametrize("path", ["/reset", "/cut", "/hang"])
def test_no_whole_answer_is_a_lost_one(serve: Any, path: str) -> None:
    transport = KubernetesTransport(KubeAccess("osaka", host=serve("b")))
    with pytest.raises(AnswerLost, match=f"Kubernetes osaka: POST {path}"):
        ask(transport, path, "POST", {}, timeout=0.3)


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match="refused"):
            ask(KubernetesTransport(KubeAccess("osaka", host=host)))


def test_packets_that_are_dropped_are_unreachable() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        with pytest.raises(Unreachable, match="no connection within"):
            ask(KubernetesTransport(KubeAccess("osaka", host=f"http://127.0.0.1:{full.getsockname()[1]}")), timeout=0.3)


def test_tls_is_verified_unless_told_otherwise(serve: Any, tmp_path: Path) -> None:
    authority, ca = Authority(), tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    host = serve("tls", authority)
    assert ask(KubernetesTransport(KubeAccess("osaka", host=host, ca_cert=str(ca)))).status == 200
    assert ask(KubernetesTransport(KubeAccess("osaka", host=host, validate_certs=False))).status == 200
    with pytest.raises(Unreachable, match="TLS refused"):
        ask(KubernetesTransport(KubeAccess("osaka", host=host)))
    with pytest.raises(Unreachable, match="expired"):
        ask(KubernetesTransport(KubeAccess("osaka", host=serve("old", authority, expired=True), ca_cert=str(ca))))


def test_a_server_without_tls_is_unreachable(serve: Any) -> None:
    with pytest.raises(Unreachable, match="TLS refused"):
        ask(KubernetesTransport(KubeAccess("osaka", host=serve("plain").replace("http:", "https:"))))


BROKEN = {
    "not yaml": "a: [", "empty": "", "a list": "- a", "no clusters": "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n",
    "binary": "\x00\x01", "a number": "5",
    "no user": "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: {}}]",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
def test_unusable_kubeconfigs_name_the_option_and_the_site(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(ConfigError, match="Kubernetes tokyo") as caught:
        KubernetesTransport(KubeAccess("tokyo", kubeconfig=str(path)))
    assert caught.value.variable == "kubeconfig"


@pytest.mark.parametrize("path", ["/nonexistent/kubeconfig", "", "/"])
def test_kubeconfigs_that_are_not_there(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KubernetesTransport(KubeAccess("tokyo", kubeconfig=path))
    assert caught.value.variable == "kubeconfig"


def test_an_unknown_context_names_the_known_ones(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "a", "https://127.0.0.1:1", "secret-token")
    with pytest.raises(ConfigError, match="no context 'b', it has: a") as caught:
        KubernetesTransport(KubeAccess("tokyo", kubeconfig=path, context="b"))
    assert caught.value.variable == "context"
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize("host", ["ftp://x", "https://", "http://:80/"])
def test_addresses_that_are_none(host: str) -> None:
    with pytest.raises(ConfigError, match="not an http"):
        KubernetesTransport(KubeAccess("tokyo", host=host))


def test_a_missing_ca_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        KubernetesTransport(KubeAccess("tokyo", host="https://x", ca_cert=str(tmp_path / "none")))
    assert caught.value.variable == "ca_cert"


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "KUBERNETES_IMPORT_ERROR", "Traceback: No module named kubernetes")
    with pytest.raises(Exception, match="pip install kubernetes") as caught:
        KubernetesTransport(KubeAccess("tokyo", host="https://x"))
    assert "Traceback" in caught.value.seen  # type: ignore[attr-defined]


def test_the_library_is_not_asked_for_the_token_at_every_request(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would read the whole configuration anew each time. After half a minute, and after a 401, it is asked again: the token may be a new one."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    transport = KubernetesTransport(KubeAccess("tokyo", kubeconfig=kubeconfig(tmp_path, "a", serve("a"), "token-a")))
    answers = [ask(transport).body["authorization"]]
    transport.configuration.refresh_api_key_hook = None
    transport.configuration.api_key.update(dict.fromkeys(transport.configuration.api_key, "Bearer token-new"))
    answers.append(ask(transport).body["authorization"])
    now[0] += 31
    answers.append(ask(transport).body["authorization"])
    transport.configuration.api_key.update(dict.fromkeys(transport.configuration.api_key, "Bearer token-newest"))
    assert transport.send(Request("GET", "/denied")).status == 401
    answers.append(ask(transport).body["authorization"])
    assert answers == ["Bearer token-a", "Bearer token-a", "Bearer token-new", "Bearer token-newest"]
