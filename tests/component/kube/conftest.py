# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two pocket sites with the example application deployed at one of them, for each of the two products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env, KubeAccess
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.dialect import ArkAccess, for_group

from kubedr_lab.pocket import PocketLab
from kubedr_lab.settings import SITES
from kubedr_lab.settings import ark_access as lab_ark

from ...support.pocket import pocket_env

PRODUCTS = ("velero", "ark")


@cache
def _deployed(product: str) -> dict[str, Any]:
    lab = PocketLab(ark=product)
    lab.deploy("app1")
    lab.run(120)
    return lab.freeze()


@dataclass
class Lab:
    """A pocket lab, and the collection's way into it."""

    pocket: PocketLab
    env: Env
    ark: ArkAccess

    def client(self, site: str = SITES[0]) -> KubeClient:
        access = KubeAccess(site, host=f"https://kubernetes.{site}.invalid", api_key=self.pocket.secrets.kubernetes[site])
        return KubeClient(self.env.open_kube(access), self.env.clock, f"Kubernetes {site}")

    def params(self, site: str = SITES[0], **more: Any) -> dict[str, Any]:
        """Connection options of a module."""
        return {
            "host": f"https://kubernetes.{site}.invalid", "api_key": self.pocket.secrets.kubernetes[site], "site": site, "ark_namespace": self.ark.namespace,
            "ark_api_group": self.ark.dialect.group, **more,
        }


@pytest.fixture(params=PRODUCTS)
def lab(request: pytest.FixtureRequest) -> Lab:
    pocket = PocketLab(ark=request.param, frozen=_deployed(request.param))
    access = lab_ark(pocket.settings)
    return Lab(pocket, pocket_env(pocket), ArkAccess(for_group(access["api_group"]), access["namespace"], access["storage_location"]))
