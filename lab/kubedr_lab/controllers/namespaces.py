# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes puts into every namespace by itself (light tier only). Emptying and removing a namespace is the API server's part."""

from __future__ import annotations

from .api import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS, Api, key, meta
from .ports import Obj


class NamespaceDefaults:
    """Keeps the ServiceAccount ``default`` and the ConfigMap ``kube-root-ca.crt``, whose content differs from site to site.

    Args:
        ca: the cluster's CA certificate, as text.
    """

    def __init__(self, api: Api, ca: str) -> None:
        self._api, self._ca = api, ca

    async def tick(self, now: float) -> float | None:
        """One pass. Has no timers of its own, so it returns None."""
        accounts = {key(account) for account in await self._api.list(SERVICE_ACCOUNTS)}
        maps = {key(entry) for entry in await self._api.list(CONFIG_MAPS)}
        for namespace in await self._api.list(NAMESPACES):
            name = meta(namespace)["name"]
            if meta(namespace).get("deletionTimestamp"):
                continue
            if (name, "default") not in accounts:
                await self._api.create(SERVICE_ACCOUNTS, {"metadata": {"namespace": name, "name": "default"}})
            if (name, "kube-root-ca.crt") not in maps:
                root: Obj = {"metadata": {"namespace": name, "name": "kube-root-ca.crt"}, "data": {"ca.crt": self._ca}}
                await self._api.create(CONFIG_MAPS, root)
        return None
