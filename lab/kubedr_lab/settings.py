# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is made from: its settings, names, addresses and credentials. Pure, but for the file of credentials."""

from __future__ import annotations

import json
import os
import secrets
import time
from base64 import b64encode
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SITES = ("tokyo", "osaka")
"""The site where the groups begin, and the other one."""
ARK_KINDS = ("velero", "ark")
TIERS = ("light", "real")
"""Kubernetes simulated, or as published."""
IDENTITIES = ("full", "exclude_network_config", "exclude_network_and_protocol_config")
MOST_GROUPS = 128
"""ONTAP's limit of SVM-DR relationships per cluster."""
BUCKET = "kubedr"
PEER_PATIENCE = 20.0
"""Seconds until a cluster gives up on a peer that says nothing (virtual ones in a pocket lab, real ones otherwise)."""
DATA_PATIENCE = 3.0
"""The same, for a node and an NFS server."""


@dataclass(frozen=True)
class Settings:
    """What ``kubedr-lab up`` was told. ``origin`` is when lab time began, epoch seconds.

    Raises:
        ValueError: a value that no lab can have.
    """

    groups: int = 1
    ark: str = "velero"
    latency: str = "none"
    clock: float = 1.0
    identity: str = "full"
    flexgroup: bool = False
    seed: int = 0
    origin: float = 0.0
    kubernetes: str = "light"

    def __post_init__(self) -> None:
        if not 1 <= self.groups <= MOST_GROUPS:
            raise ValueError(f"a lab has 1 to {MOST_GROUPS} groups, not {self.groups}")
        if self.clock <= 0:
            raise ValueError(f"the clock's factor is above 0, not {self.clock:g}")
        if self.ark not in ARK_KINDS or self.identity not in IDENTITIES:
            raise ValueError(f"unknown: ark {self.ark!r} or identity {self.identity!r}")
        if self.kubernetes not in TIERS:
            raise ValueError(f"unknown tier of Kubernetes {self.kubernetes!r}")
        if self.kubernetes == "real" and self.ark == "ark":
            raise ValueError("--kubernetes real runs Velero, whose API group is velero.io: it cannot be combined with --ark ark")
        if self.kubernetes == "real" and self.clock != 1:
            raise ValueError("--kubernetes real runs on the machine's own clock: it cannot be combined with --clock other than 1")

    def from_now(self) -> Settings:
        """The same, with lab time beginning at this moment."""
        return replace(self, origin=time.time())

    @property
    def ark_group(self) -> str:
        """The API group of the backup server."""
        return "velero.io" if self.ark == "velero" else "ark.heptio.com"

    @property
    def ark_namespace(self) -> str:
        """Where the backup server lives."""
        return "velero" if self.ark == "velero" else "heptio-ark"


@dataclass(frozen=True)
class Group:
    """A protection group. ``address`` is the data LIF of its SVM."""

    name: str
    source_svm: str
    destination_svm: str
    namespaces: tuple[str, ...]
    address: str


def groups(settings: Settings) -> list[Group]:
    """``app1`` .. ``appN``."""
    return [Group(f"app{n}", f"svm_app{n}", f"svm_app{n}_dr", (f"app{n}", f"app{n}-batch"), f"10.1.1.{n}") for n in range(1, settings.groups + 1)]


def intercluster_lifs(site: str) -> list[dict[str, str]]:
    """What set-up is to make on a site, in the form of the inventory."""
    network = SITES.index(site) + 1
    return [{"name": "ic1", "node": f"{site}-01", "port": "e0c", "address": f"10.{network}.0.11", "netmask": "255.255.255.0"}]


def ark_access(settings: Settings) -> dict[str, str]:
    """Where the backup server is found, in the form of the inventory."""
    return {"api_group": settings.ark_group, "namespace": settings.ark_namespace, "storage_location": "default"}


ONTAP_USER = "admin"


def basic(password: str) -> str:
    """The authorization header of an ONTAP cluster's administrator."""
    return "Basic " + b64encode(f"{ONTAP_USER}:{password}".encode()).decode()


@dataclass(frozen=True)
class Secrets:
    """Passwords of the ONTAP clusters and tokens of the Kubernetes clusters by site; the bucket's token and signing key.

    ``collection`` holds, by site of a real Kubernetes, the token of the user with no more rights than the collection needs.
    """

    ontap: dict[str, str]
    kubernetes: dict[str, str]
    bucket_token: str
    bucket_secret: str
    collection: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls) -> Secrets:
        """New ones, unlike any other lab's."""
        words = [secrets.token_urlsafe(18) for _ in range(8)]
        by_site = [dict(zip(SITES, words[first : first + 2], strict=True)) for first in (0, 2, 4)]
        return cls(by_site[0], by_site[1], words[6], words[7], by_site[2])

    @classmethod
    def fixed(cls) -> Secrets:
        """The same in every pocket lab."""
        return cls({site: f"ontap-{site}-password" for site in SITES}, {site: f"kubernetes-{site}-token" for site in SITES}, "bucket-token", "bucket-secret")

    def save(self, path: Path) -> None:
        """Only the owner may read the file."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(asdict(self), stream)

    @classmethod
    def load(cls, path: Path) -> Secrets:
        """As saved."""
        data: dict[str, Any] = json.loads(path.read_text())
        return cls(**data)
