# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""From the group's configuration to clients of its four systems. Connections are opened when first used, one per system and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .._dr.config import GroupConfig, SiteConfig
from .._env import Env, KubeAccess, OntapAccess
from .._kube.client import KubeClient
from .._kube.dialect import ArkAccess, for_group
from .._kube.records import RecordStore
from .._ontap.client import OntapClient


def ontap_access(site: str, options: Mapping[str, Any]) -> OntapAccess:
    """Connection options, as the inventory has them, as a value."""
    port = options.get("http_port")
    return OntapAccess(
        site=site, hostname=str(options["hostname"]), username=str(options.get("username") or ""), password=str(options.get("password") or ""),
        http_port=int(port) if port else None, validate_certs=bool(options.get("validate_certs", True)), ca_path=str(options.get("ca_path") or ""),
        cert_filepath=str(options.get("cert_filepath") or ""), key_filepath=str(options.get("key_filepath") or ""),
    )


def kube_access(site: str, options: Mapping[str, Any]) -> KubeAccess:
    """As above, for Kubernetes."""
    return KubeAccess(
        site=site, kubeconfig=str(options.get("kubeconfig") or ""), context=str(options.get("context") or ""), host=str(options.get("host") or ""),
        api_key=str(options.get("api_key") or ""), validate_certs=bool(options.get("validate_certs", True)), ca_cert=str(options.get("ca_cert") or ""),
    )


@dataclass
class Side:
    """One site as one run uses it."""

    config: SiteConfig
    env: Env
    answer: float
    retries: int
    _ontap: OntapClient | None = field(default=None, repr=False)
    _kube: KubeClient | None = field(default=None, repr=False)
    _records: dict[str, RecordStore] = field(default_factory=dict, repr=False)
    _opening: Lock = field(default_factory=Lock, repr=False, compare=False)
    """Looks side by side ask for the same client: two of them would each know only half of what the system told, its time for one."""

    @property
    def ontap(self) -> OntapClient:
        """This site's ONTAP cluster."""
        with self._opening:
            if self._ontap is None:
                transport = self.env.open_ontap(ontap_access(self.config.name, self.config.ontap))
                self._ontap = OntapClient(
                    transport, self.env.clock, f"ONTAP {self.config.name}", self.answer, retries=self.retries, check_mode=self.env.check_mode,
                    together=self.env.together,
                )
            return self._ontap

    @property
    def kube(self) -> KubeClient:
        """This site's Kubernetes cluster."""
        with self._opening:
            if self._kube is None:
                transport = self.env.open_kube(kube_access(self.config.name, self.config.kubernetes))
                self._kube = KubeClient(transport, self.env.clock, f"Kubernetes {self.config.name}", self.answer, self.retries, together=self.env.together)
            return self._kube

    @property
    def ark(self) -> ArkAccess:
        """Ark or Velero there."""
        ark = self.config.ark
        return ArkAccess(for_group(ark.api_group), ark.namespace, ark.storage_location)

    def records(self, config: GroupConfig) -> RecordStore:
        """The group's record there, in Ark's namespace: it exists on both sites, and no backup holds it."""
        found = self._records.get(config.name)
        if found is None:
            found = self._records.setdefault(config.name, RecordStore(self.kube, self.config.ark.namespace, config.name))
        return found
