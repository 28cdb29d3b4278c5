# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Kubernetes site as published: etcd, kube-apiserver, kube-controller-manager and Velero, on loopback, in a folder of its own.

Flags: the reference pages of kube-apiserver and kube-controller-manager, and Velero's "Run Velero locally in development".
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..inventory import kubeconfig
from ..kube.port import HttpPort
from ..state import LabError
from . import binaries
from .children import Child, free_port

PATIENCE = 60.0
LOOK = 0.05
NOT_HERE = ("node-ipam-controller", "node-lifecycle-controller")
"""Controllers that need real nodes. Those that need a cloud rest by themselves without one, and are no longer known in Kubernetes 1.37."""
Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True)
class User:
    """Who may speak to the API server. ``groups``: ``system:masters`` may do everything."""

    token: str
    name: str
    groups: tuple[str, ...] = ()


@dataclass
class ControlPlane:
    """The processes of one site.

    Args:
        folder: the site's own; keeps what outlives a restart.
        certificate, key, ca: PEM files; the certificate is for 127.0.0.1.
        admin: the lab's own user.
        spawn: runs a coroutine beside everything else.
        without: controllers that do not run.
    """

    name: str
    folder: Path
    certificate: Path
    key: Path
    ca: Path
    admin: User
    users: tuple[User, ...]
    spawn: Spawn
    without: tuple[str, ...] = NOT_HERE
    server: str = field(init=False, default="")
    tokens: dict[str, str] = field(init=False, default_factory=dict)
    """By token of ours, what the API server knows instead."""

    async def start(self) -> None:
        """Return when the API server is ready and the controllers run.

        Raises:
            LabError: the API server is not ready after a minute.
        """
        await self.start_api()
        self._run("controller-manager", ["controller-manager", *self._manager_flags()])

    async def start_api(self) -> None:
        """The API server and its store alone; LabError as ``start``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port, clients, peers = free_port(), free_port(), free_port()
        self.server = f"https://127.0.0.1:{port}"
        self._write_keys()
        self._write("kubeconfig", yaml.safe_dump(kubeconfig(self.name, self.server, self.ca.read_bytes(), {self.admin.name: self.admin.token})))
        self._write("tokens.csv", "".join(_token_line(user) for user in (self.admin, *self.users)))
        store = f"http://127.0.0.1:{clients}"
        self._run("etcd", ["etcd", "-data-dir", str(self.folder / "etcd"), "-client-url", store, "-peer-url", f"http://127.0.0.1:{peers}"])
        self._run("apiserver", ["apiserver", *self._apiserver_flags(port, store)])
        await self._ready()

    def start_velero(self, namespace: str) -> None:
        """Velero's server. Its metrics listen on a port of the kernel's choice, so that two sites fit on one machine."""
        own = self.folder / "tmp"
        own.mkdir(exist_ok=True)
        command = [
            str(binaries.VELERO_SERVER.path), "server", "--plugin-dir", str(binaries.AWS_PLUGIN.path.parent), "--metrics-address", "127.0.0.1:0",
            "--profiler-address", "", "--namespace", namespace, "--log-level", "info",
        ]
        environment = {"TMPDIR": str(own), "KUBECONFIG": str(self.folder / "kubeconfig"), "HOME": str(own)}
        self.spawn(Child(self.folder, "velero", command, environment).keep())

    def port(self) -> HttpPort:
        """The API, with the lab's own rights, not through the recording listener."""
        return HttpPort(self.server, self.admin.token, self.ca)

    def _run(self, name: str, words: list[str]) -> None:
        self.spawn(Child(self.folder, name, [str(binaries.CONTROL_PLANE.path), *words]).keep())

    def _apiserver_flags(self, port: int, store: str) -> list[str]:
        signing = str(self.folder / "accounts.key")
        return [
            "--etcd-servers", store, "--secure-port", str(port), "--bind-address", "127.0.0.1", "--cert-dir", str(self.folder),
            "--tls-cert-file", str(self.certificate), "--tls-private-key-file", str(self.key), "--service-cluster-ip-range", "10.96.0.0/16",
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", signing, "--service-account-signing-key-file", signing,
            "--token-auth-file", str(self.folder / "tokens.csv"), "--authorization-mode", "RBAC", "--endpoint-reconciler-type", "none",
            "--disable-admission-plugins", "ServiceAccount",
        ]

    def _manager_flags(self) -> list[str]:
        controllers = ",".join(["*", *(f"-{name}" for name in self.without)])
        return [
            "--kubeconfig", str(self.folder / "kubeconfig"), "--secure-port", "0", "--service-account-private-key-file", str(self.folder / "accounts.key"),
            "--root-ca-file", str(self.ca), "--leader-elect=false", "--controllers", controllers,
        ]

    async def _ready(self) -> None:
        end = time.monotonic() + PATIENCE
        async with self.port() as port:
            while True:
                try:
                    status, _ = await port.request("GET", "/readyz")
                except (aiohttp.ClientError, OSError):
                    status = 0
                if status == 200:
                    return
                if time.monotonic() > end:
                    raise LabError(f"the API server of {self.name} is not ready after {PATIENCE:g} s: see {self.folder}/apiserver.log")
                await asyncio.sleep(LOOK)

    def _write_keys(self) -> None:
        path = self.folder / "accounts.key"
        if path.exists():
            return
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        self._write("accounts.key", pem.decode())

    def _write(self, name: str, text: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)


def _token_line(user: User) -> str:
    """A line of kube-apiserver's static token file."""
    groups = f',"{",".join(user.groups)}"' if user.groups else ""
    return f"{user.token},{user.name},{user.name}{groups}\n"


def credentials_file(access_key: str, secret_key: str) -> str:
    """What Velero's AWS plug-in reads."""
    return f"[default]\naws_access_key_id={access_key}\naws_secret_access_key={secret_key}\n"


def gateway(folder: Path, buckets: Path, access_key: str, secret_key: str) -> tuple[str, Child]:
    """The S3 server on a folder whose sub-folders are buckets. Returns its address, and the program to be kept."""
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    environment: Mapping[str, str] = {"ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key}
    return f"http://{address}", Child(folder, "versitygw", [str(binaries.GATEWAY.path), "--port", address, "posix", "--nometa", str(buckets)], environment)
