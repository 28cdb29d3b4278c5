# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters and a bucket of the user's own under the lab's ONTAP, named in the environment when the lab comes up.

``KUBEDR_OWN_TOKYO`` and ``KUBEDR_OWN_OSAKA``: kubeconfigs of administrators. ``KUBEDR_OWN_S3``: an S3 endpoint, with ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY`` and a bucket ``kubedr``. Velero runs here, against those clusters; the lab's nodes are Nodes of theirs.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from ..clock import Clock
from ..controllers.api import Api, Kind
from ..controllers.ports import KubePort
from ..inventory import kubeconfig
from ..kube.port import HttpPort
from ..state import LabError
from .site import ControlPlane

COPY = "own.kubeconfig"
"""In the site's folder, so that a site that is started again finds its cluster whatever the environment is then."""
ACCOUNTS = ("kubedr-lab", "kubedr")
"""Of the lab, and of the collection, in Velero's namespace."""
NAMESPACE = "velero"
TOKEN_SECONDS = 86400
BEAT = 10.0
"""Seconds between two signs of life of a node; a cluster waits for 40."""
LEASES = Kind("coordination.k8s.io/v1", "leases", "Lease")


@dataclass(frozen=True)
class Store:
    """An S3 endpoint and its user."""

    url: str
    access_key: str
    secret_key: str = field(repr=False)


def store(environment: Mapping[str, str] = os.environ) -> Store | None:
    """The user's own; None where the lab brings one."""
    url = environment.get("KUBEDR_OWN_S3")
    return Store(url, environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")) if url else None


def named(site: str, folder: Path) -> bool:
    """Whether the user named a cluster for this site, now or when the lab came up."""
    return (folder / COPY).exists() or bool(os.environ.get(f"KUBEDR_OWN_{site.upper()}"))


@dataclass(frozen=True)
class Access:
    """Where a cluster is, and as whom."""

    server: str
    ca: bytes
    headers: dict[str, str] = field(repr=False)
    certificate: bytes = b""
    key: bytes = field(repr=False, default=b"")

    @classmethod
    def load(cls, path: Path) -> Access:
        """From the current context of a kubeconfig.

        Raises:
            LabError: it cannot be read, or knows neither a token nor a client certificate.
        """
        try:
            config = yaml.safe_load(path.read_text())
            context = _named(config["contexts"], config["current-context"])["context"]
            cluster, user = _named(config["clusters"], context["cluster"])["cluster"], _named(config["users"], context["user"])["user"]
            ca, certificate, key = (
                _data(cluster, "certificate-authority", path), _data(user, "client-certificate", path), _data(user, "client-key", path),
            )
            token = str(user.get("token") or "")
            server = str(cluster["server"])
        except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
            raise LabError(f"{path} cannot be used as a kubeconfig: {error!r}") from error
        if not token and not certificate:
            raise LabError(f"{path}: the user of its current context has neither a token nor a client certificate; make one with 'kubectl create token'")
        return cls(server, ca, {"Authorization": f"Bearer {token}"} if token else {}, certificate, key)

    def tls(self, folder: Path) -> ssl.SSLContext:
        """Checks the cluster's certificate, and shows the user's where there is one."""
        context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
        if self.certificate:
            pair = folder / "own-user.pem"
            descriptor = os.open(pair, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(self.certificate + b"\n" + self.key)
            context.load_cert_chain(pair)
        return context


def _named(entries: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = [entry for entry in entries if entry["name"] == name][0]
    return found


def _data(holder: Mapping[str, Any], name: str, path: Path) -> bytes:
    """What a kubeconfig holds itself, or names a file of, which may lie beside it."""
    if holder.get(f"{name}-data"):
        return base64.b64decode(holder[f"{name}-data"])
    return (path.parent / holder[name]).read_bytes() if holder.get(name) else b""


class OwnPlane(ControlPlane):
    """A cluster that stands already. The lab works there with tokens of two service accounts, which stand in for the lab's own."""

    async def start(self) -> None:
        """Make the accounts, and a kubeconfig for Velero.

        Raises:
            LabError: the kubeconfig cannot be used, or the cluster refuses or does not answer.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        copy = self.folder / COPY
        if not copy.exists():
            self._write(COPY, _self_contained(Path(os.environ[f"KUBEDR_OWN_{self.name.upper()}"])))
        access = Access.load(copy)
        self.server, self.ca = access.server.rstrip("/"), self.folder / "own-ca.pem"
        self.ca.write_bytes(access.ca)
        try:
            async with aiohttp.ClientSession(headers=access.headers, connector=aiohttp.TCPConnector(ssl=access.tls(self.folder))) as session:
                mine, theirs = await self._accounts(session)
        except (aiohttp.ClientError, OSError) as error:
            raise LabError(f"the cluster of {self.name}, {self.server}, does not answer: {error}") from error
        stand_in = dict(zip((self.admin, *self.users), (mine, theirs), strict=True))
        self.tokens = {user.token: token for user, token in stand_in.items()}
        self._write("kubeconfig", yaml.safe_dump(kubeconfig(self.name, self.server, access.ca, {"lab": mine})))

    def port(self) -> HttpPort:
        """The API, with the lab's account."""
        return HttpPort(self.server, self.tokens[self.admin.token], self.ca)

    async def _accounts(self, session: aiohttp.ClientSession) -> list[str]:
        """Tokens of both service accounts, of which the first may do everything."""
        await self._post(session, "/api/v1/namespaces", "v1", "Namespace", {"metadata": {"name": NAMESPACE}})
        accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        for name in ACCOUNTS:
            await self._post(session, accounts, "v1", "ServiceAccount", {"metadata": {"name": name}})
        rbac = "rbac.authorization.k8s.io"
        await self._post(session, f"/apis/{rbac}/v1/clusterrolebindings", f"{rbac}/v1", "ClusterRoleBinding", {
            "metadata": {"name": ACCOUNTS[0]}, "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNTS[0], "namespace": NAMESPACE}],
        })
        asked = {"spec": {"expirationSeconds": TOKEN_SECONDS}}
        made = [await self._post(session, f"{accounts}/{name}/token", "authentication.k8s.io/v1", "TokenRequest", asked) for name in ACCOUNTS]
        return [str(answer["status"]["token"]) for answer in made]

    async def _post(self, session: aiohttp.ClientSession, path: str, version: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        async with session.post(self.server + path, json={"apiVersion": version, "kind": kind, **body}) as answer:
            if answer.status >= 300 and answer.status != 409:
                raise LabError(f"the cluster of {self.name} refuses to make a {kind}: {answer.status} {(await answer.text())[:500]}")
            found: dict[str, Any] = await answer.json()
            return found


def _self_contained(path: Path) -> str:
    """The kubeconfig with the contents of the files that it names."""
    try:
        config = yaml.safe_load(path.read_text())
        for holder in [*(entry["cluster"] for entry in config["clusters"]), *(entry["user"] for entry in config["users"])]:
            for name in ("certificate-authority", "client-certificate", "client-key"):
                if holder.get(name):
                    holder[f"{name}-data"] = base64.b64encode(_data(holder, name, path)).decode()
                    del holder[name]
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise LabError(f"{path} cannot be used as a kubeconfig: {error!r}") from error
    return yaml.safe_dump(config)


class Heartbeat:
    """The lab's nodes say that they live: without it a real cluster evicts their pods."""

    def __init__(self, port: KubePort, nodes: Mapping[str, str], clock: Clock) -> None:
        self._api, self._nodes, self._clock = Api(port), nodes, clock

    async def tick(self) -> float | None:
        """Renew each node's lease; returns when next."""
        now = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        for name in self._nodes:
            spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
            await self._api.ensure(LEASES, {"metadata": {"namespace": "kube-node-lease", "name": name}, "spec": spec})
        return self._clock.now() + BEAT
