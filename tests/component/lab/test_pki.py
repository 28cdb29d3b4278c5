# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's certificates."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from ansible_collections.kubedr.ontap.tests.support.live import tls_server

from kubedr_lab.pki import Authority


def handshake(port: int, ca: Path, name: str = "127.0.0.1") -> None:
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
        assert secure.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_server_certificate_is_trusted_under_both_names(tmp_path: Path, name: str) -> None:
    with tls_server(tmp_path) as (port, ca):
        handshake(port, ca, name)
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            handshake(port, ca, "tokyo.example.com")


def test_an_expired_one_is_refused_as_expired(tmp_path: Path) -> None:
    with tls_server(tmp_path, expired=True) as (port, ca), pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(port, ca)


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Authority().pem)
    with tls_server(tmp_path) as (port, _unused), pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(port, stranger)


def test_only_the_owner_may_read_a_key(tmp_path: Path) -> None:
    Authority().issue("x").write(tmp_path / "x.pem", tmp_path / "x.key")
    assert (tmp_path / "x.key").stat().st_mode & 0o777 == 0o600
