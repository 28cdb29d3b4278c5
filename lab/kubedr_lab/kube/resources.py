# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which types the server knows: the built-in table, and the rows that CustomResourceDefinitions add. Discovery is computed from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .errors import Json, no_such_path

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_GROUPS_WITH_GENERATION = {"apps", "batch", "policy", "networking.k8s.io", "apiextensions.k8s.io"}


@dataclass(frozen=True)
class Resource:
    """One type at one version. ``schema`` and ``crd`` (the definition's name) are set for custom resources only."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    singular: str = ""
    list_kind: str = ""
    verbs: tuple[str, ...] = ALL_VERBS
    columns: tuple[tuple[str, str, str], ...] = ()
    schema: Json | None = field(default=None, compare=False)
    crd: str = ""

    @property
    def api_version(self) -> str:
        """``v1`` or ``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``pods`` or ``deployments.apps``: how in-process callers name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def prefix(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def key(self) -> tuple[str, str]:
        """(group, plural): all versions of a type share their objects."""
        return self.group, self.plural

    @property
    def has_generation(self) -> bool:
        """Whether ``metadata.generation`` counts its changes."""
        return bool(self.crd) or self.group in _GROUPS_WITH_GENERATION or self.kind == "Pod"

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of one object, or of the collection."""
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.prefix}{middle}/{self.plural}" + (f"/{name}" if name else "")


class Registry:
    """The resources by (group, version, plural), in the order in which they were added."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Resource] = {}
        for row in BUILTIN:
            self._rows[row.group, row.version, row.plural] = row
        self._count()

    def add(self, row: Resource) -> None:
        """Add or replace one row."""
        self._rows[row.group, row.version, row.plural] = row
        self._count()

    def remove_definition(self, crd: str) -> None:
        """Forget the rows of one CustomResourceDefinition."""
        self._rows = {key: row for key, row in self._rows.items() if row.crd != crd}
        self._count()

    def _count(self) -> None:
        """What every list asks for, once per change of the rows."""
        self._versions: Counter[tuple[str, str]] = Counter(row.key for row in self._rows.values())
        self._types: list[Resource] = list({row.key: row for row in self._rows.values() if row.verbs == ALL_VERBS}.values())

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """One row."""
        return self._rows.get((group, version, plural))

    def resolve(self, qualified: str) -> Resource:
        """The row of ``pods`` or ``backups.velero.io``.

        Raises:
            KubeError: 404, no such type here (such as Velero that is not installed).
        """
        plural, _, group = qualified.partition(".")
        for row in self._rows.values():
            if row.group == group and row.plural == plural:
                return row
        raise no_such_path()

    def groups(self) -> dict[str, dict[str, list[Resource]]]:
        """{group: {version: rows}}."""
        found: dict[str, dict[str, list[Resource]]] = {}
        for row in self._rows.values():
            found.setdefault(row.group, {}).setdefault(row.version, []).append(row)
        return found

    def types(self) -> Iterator[Resource]:
        """One row per type, whatever its versions."""
        return iter(self._types)

    def versions(self, row: Resource) -> int:
        """How many versions of the same type are served."""
        return self._versions[row.key]


def _row(group: str, text: str, namespaced: bool = True, version: str = "v1") -> Resource:
    """``plural Kind short,short category,category subresource,subresource`` with ``-`` for none; a ``=singular`` may follow."""
    plural, kind, short, categories, subresources, *rest = text.split()
    parts = [tuple(part.split(",")) if part != "-" else () for part in (short, categories, subresources)]
    singular = rest[0].lstrip("=") if rest else kind.lower()
    return Resource(group, version, plural, kind, namespaced, parts[0], parts[1], frozenset(parts[2]), singular, kind + "List")


def _rows(group: str, lines: Iterable[str], namespaced: bool = True, version: str = "v1") -> Iterator[Resource]:
    return (_row(group, line, namespaced, version) for line in lines)


def _reviews() -> Iterator[Resource]:
    for plural, kind in (("selfsubjectaccessreviews", "SelfSubjectAccessReview"), ("selfsubjectrulesreviews", "SelfSubjectRulesReview")):
        yield Resource("authorization.k8s.io", "v1", plural, kind, False, singular=kind.lower(), list_kind=kind + "List", verbs=("create",))


_CORE_CLUSTER = ("namespaces Namespace ns - status,finalize", "nodes Node no - status", "persistentvolumes PersistentVolume pv - status")
_CORE = (
    "pods Pod po all status,binding", "configmaps ConfigMap cm - -", "secrets Secret - - -", "services Service svc all status",
    "serviceaccounts ServiceAccount sa - -", "endpoints Endpoints ep - - =endpoints", "events Event ev - -",
    "persistentvolumeclaims PersistentVolumeClaim pvc - status", "replicationcontrollers ReplicationController rc all status,scale",
    "resourcequotas ResourceQuota quota - status", "limitranges LimitRange limits - -", "podtemplates PodTemplate - - -",
)
_APPS = (
    "deployments Deployment deploy all status,scale", "replicasets ReplicaSet rs all status,scale", "statefulsets StatefulSet sts all status,scale",
    "daemonsets DaemonSet ds all status", "controllerrevisions ControllerRevision - - -",
)
_NETWORKING = ("ingresses Ingress ing - status", "networkpolicies NetworkPolicy netpol - - =networkpolicy")
_STORAGE_CLUSTER = (
    "storageclasses StorageClass sc - -", "csidrivers CSIDriver - - -", "csinodes CSINode - - -",
    "volumeattachments VolumeAttachment - - status",
)
_ADMISSION = (
    "mutatingwebhookconfigurations MutatingWebhookConfiguration - - -",
    "validatingwebhookconfigurations ValidatingWebhookConfiguration - - -",
)
BUILTIN: tuple[Resource, ...] = (
    *_rows("", _CORE_CLUSTER, namespaced=False),
    *_rows("", _CORE),
    *_rows("apps", _APPS),
    *_rows("batch", ("jobs Job - all status", "cronjobs CronJob cj all status")),
    *_rows("autoscaling", ("horizontalpodautoscalers HorizontalPodAutoscaler hpa all status",), version="v2"),
    *_rows("policy", ("poddisruptionbudgets PodDisruptionBudget pdb - status",)),
    *_rows("networking.k8s.io", _NETWORKING),
    *_rows("networking.k8s.io", ("ingressclasses IngressClass - - -",), namespaced=False),
    *_rows("discovery.k8s.io", ("endpointslices EndpointSlice - - -",)),
    *_rows("storage.k8s.io", _STORAGE_CLUSTER, namespaced=False),
    *_rows("scheduling.k8s.io", ("priorityclasses PriorityClass pc - -",), namespaced=False),
    *_rows("rbac.authorization.k8s.io", ("roles Role - - -", "rolebindings RoleBinding - - -")),
    *_rows("rbac.authorization.k8s.io", ("clusterroles ClusterRole - - -", "clusterrolebindings ClusterRoleBinding - - -"), namespaced=False),
    *_rows("coordination.k8s.io", ("leases Lease - - -",)),
    *_rows("admissionregistration.k8s.io", _ADMISSION, namespaced=False),
    *_rows("apiregistration.k8s.io", ("apiservices APIService - - status",), namespaced=False),
    *_rows("apiextensions.k8s.io", ("customresourcedefinitions CustomResourceDefinition crd,crds api-extensions status",), namespaced=False),
    *_reviews(),
)
