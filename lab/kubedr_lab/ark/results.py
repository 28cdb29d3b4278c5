# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings and errors as restore results files hold them, and the order in which kinds are restored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .dialect import Dialect

_RBAC, _SNAPSHOT, _CLUSTER = "rbac.authorization.k8s.io", "snapshot.storage.k8s.io", "cluster.x-k8s.io"
_VELERO_FIRST = (
    "customresourcedefinitions.apiextensions.k8s.io", "namespaces", "storageclasses.storage.k8s.io", f"volumesnapshotclasses.{_SNAPSHOT}",
    f"volumesnapshotcontents.{_SNAPSHOT}", f"volumesnapshots.{_SNAPSHOT}", "datauploads.velero.io", "persistentvolumes", "persistentvolumeclaims",
    f"clusterroles.{_RBAC}", f"roles.{_RBAC}", "serviceaccounts", f"clusterrolebindings.{_RBAC}", f"rolebindings.{_RBAC}", "secrets", "configmaps",
    "limitranges", "priorityclasses.scheduling.k8s.io", "pods", "replicasets.apps", f"clusterclasses.{_CLUSTER}", "endpoints", "services",
)
_VELERO_LAST = ("clusterbootstraps.run.tanzu.vmware.com", f"clusters.{_CLUSTER}", "clusterresourcesets.addons.cluster.x-k8s.io", "apps.kappctrl.k14s.io",
                "packageinstalls.packaging.carvel.dev")
_ARK_FIRST = (
    "namespaces", "storageclasses.storage.k8s.io", "persistentvolumes", "persistentvolumeclaims", "secrets", "configmaps", "serviceaccounts", "limitranges",
    "pods", "replicasets.apps", "customresourcedefinitions.apiextensions.k8s.io",
)


def ordered(resources: Iterable[str], dialect: Dialect) -> list[str]:
    """Resource names in the order of the server's default ``--restore-resource-priorities``, the rest by alphabet."""
    first, last = (_VELERO_FIRST, _VELERO_LAST) if dialect.velero else (_ARK_FIRST, ())
    place = {name: (0, at) for at, name in enumerate(first)} | {name: (2, at) for at, name in enumerate(last)}
    return sorted(resources, key=lambda name: (*place.get(name, (1, 0)), name))


@dataclass
class Messages:
    """Warnings, or errors. A namespace of None means the server itself, an empty one cluster scope."""

    server: list[str] = field(default_factory=list)
    cluster: list[str] = field(default_factory=list)
    namespaces: dict[str, list[str]] = field(default_factory=dict)

    def add(self, namespace: str | None, message: str) -> None:
        """Note one message under its namespace."""
        if namespace is None:
            self.server.append(message)
        elif namespace:
            self.namespaces.setdefault(namespace, []).append(message)
        else:
            self.cluster.append(message)

    def count(self) -> int:
        """How many there are."""
        return len(self.server) + len(self.cluster) + sum(map(len, self.namespaces.values()))

    def as_json(self, dialect: Dialect) -> dict[str, object]:
        """One half of a results file: empty parts are left out."""
        parts = {dialect.key: self.server, "cluster": self.cluster, "namespaces": self.namespaces}
        return {name: part for name, part in parts.items() if part}
