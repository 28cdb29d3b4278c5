# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The cluster's nodes, as NFS servers see them."""

from __future__ import annotations

from .client import KubeClient


def internal_ips(client: KubeClient) -> list[str]:
    """Every InternalIP of every node, in the order of the nodes, each once."""
    addresses = [
        str(address["address"])
        for node in client.items("/api/v1/nodes")
        for address in (node.get("status") or {}).get("addresses") or ()
        if address.get("type") == "InternalIP" and address.get("address")
    ]
    return list(dict.fromkeys(addresses))
