# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, addresses and kubeconfigs that are wrong, through the real transports: named with their system, nobody is asked to do anything."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._run import execute, system_env
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.live import tls_server

Connection = dict[str, Any]
At = Callable[[Path], "contextlib.AbstractContextManager[Connection]"]

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: {current}
clusters: [{{name: c, cluster: {{server: {server}}}}}]
contexts: [{{name: admin, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{token: very-secret-token}}}}]
"""


@contextlib.contextmanager
def ontap_tls(folder: Path, *, expired: bool = False, trusted: bool = True) -> Iterator[Connection]:
    """An ONTAP address whose certificate is expired, or of an authority that nobody named."""
    with tls_server(folder, expired=expired) as (port, ca):
        yield {"hostname": "127.0.0.1", "http_port": port, **({"ca_path": str(ca)} if trusted else {})}


@contextlib.contextmanager
def ontap_gone(folder: Path) -> Iterator[Connection]:
    """A port that nobody listens on any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield {"hostname": "127.0.0.1", "http_port": port}


def ontap(**options: Any) -> At:
    """Fixed options."""
    return lambda folder: contextlib.nullcontext({"hostname": "127.0.0.1", **options})


def kube(text: str | None, context: str = "", **options: Any) -> At:
    """A kubeconfig with this text; None: there is no such file."""

    def made(folder: Path) -> contextlib.AbstractContextManager[Connection]:
        path = folder / "kubeconfig"
        if text is not None:
            path.write_text(text)
        return contextlib.nullcontext({"kubeconfig": str(path), "context": context, **options})

    return made


def good(current: str = "admin", server: str = "https://127.0.0.1:1") -> str:
    """A kubeconfig that can be read."""
    return KUBECONFIG.format(current=current, server=server)


ONTAP: dict[str, tuple[At, tuple[str, ...]]] = {
    "an expired certificate": (lambda folder: ontap_tls(folder, expired=True), ("expired", "certificate")),
    "a certificate of an unknown authority": (lambda folder: ontap_tls(folder, trusted=False), ("certificate", "ca_path is not set")),
    "nobody there": (ontap_gone, ("no connection", "127.0.0.1")),
    "a name that nobody has": (ontap(hostname="ontap.invalid"), ("no connection", "ontap.invalid")),
    "a CA file that is not there": (ontap(http_port=1, ca_path="/nonexistent/ca.pem"), ("ca_path", "/nonexistent/ca.pem")),
}
KUBE: dict[str, tuple[At, tuple[str, ...]]] = {
    "no such file": (kube(None), ("kubeconfig", "cannot be read")),
    "not YAML": (kube("{["), ("kubeconfig", "not YAML")),
    "not a kubeconfig": (kube("[]"), ("kubeconfig", "not a usable kubeconfig")),
    "an unknown context": (kube(good(), context="nobody"), ("context", "nobody", "admin")),
    "an unknown current context": (kube(good(current="nobody")), ("kubeconfig", "nobody")),
    "a server that is no address": (kube(good(server="tcp://127.0.0.1")), ("kubeconfig", "not an http")),
    "nobody there": (kube(good()), ("no connection",)),
}


def told(module: str, params: dict[str, Any]) -> str:
    """What the module says, all of it; it fails, and changed nothing."""
    result = execute(drivers.module(module).run, drivers.complete(module, params), system_env())
    assert result["failed"], result
    assert not result["changed"], result
    text = str(result)
    assert "very-secret" not in text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize("name", ONTAP)
def test_ontap(tmp_path: Path, name: str) -> None:
    made, words = ONTAP[name]
    with made(tmp_path) as options:
        text = told("svmdr_info", {"destination": {"username": "u", "password": "very-secret", "site": "osaka", **options}, "destination_svm": "svm_app1_dr"})
    assert all(word in text for word in words), text
    assert "osaka" in text or "destination.ca_path" in text, text


@pytest.mark.parametrize("name", KUBE)
def test_kubernetes(tmp_path: Path, name: str) -> None:
    made, words = KUBE[name]
    with made(tmp_path) as options:
        text = told("ark_schedule", {"site": "osaka", "name": "k8sbackup", "schedule": "*/5 * * * *", **options})
    assert all(word in text for word in (*words, "osaka")), text


@pytest.mark.parametrize("name", ONTAP)
def test_a_verb_says_so_before_anything_is_touched(tmp_path: Path, name: str) -> None:
    made, words = ONTAP[name]
    with made(tmp_path) as options:
        site = {"ontap": {"username": "u", "password": "very-secret", **options}, "kubernetes": {"kubeconfig": str(tmp_path / "kubeconfig")}}
        (tmp_path / "kubeconfig").write_text(good())
        other = {
            "ontap": {"hostname": "192.0.2.1", "username": "u", "password": "very-secret"},
            "kubernetes": {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "admin"},
        }
        group = {
            "name": "app1", "source_site": "tokyo", "destination_site": "osaka", "source_svm": "svm_app1", "destination_svm": "svm_app1_dr",
            "namespaces": ["app1"], "sites": {"tokyo": other, "osaka": site}, "timeouts": {"answer": 2},
        }
        text = told("dr_phase", {"group": group, "verb": "failover", "phase": "open", "mode": "unplanned"})
    assert all(word in text for word in (*words, "osaka")), text
