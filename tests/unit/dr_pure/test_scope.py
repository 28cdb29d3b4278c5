# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What is restored for one group, and what never is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.manifests import MemoryObjects, stripped, text_of
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.pvs import group_volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.scope import Scope, plan
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st

from .manifests import SVM, Manifest, backup, claim, obj, pv, trident, trident_backend, trident_volume


def role_ref(name: str) -> Manifest:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}


def account(namespace: str) -> Manifest:
    return {"kind": "ServiceAccount", "name": "web", "namespace": namespace}


def web(namespace: str = "app1", **pod: Any) -> Manifest:
    return obj("Deployment", "web", namespace, spec={"template": {"spec": pod}})


def both_groups() -> dict[str, list[Manifest]]:
    """Two groups that use different cluster-scoped objects, and the cluster's own."""
    return {
        "namespaces": [obj("Namespace", "app1"), obj("Namespace", "app2")],
        "claims": [claim("c", "pv1"), claim("c", "pv2", "app2", "silver")],
        "pvs": [pv("pv1", "c", trident("pv1")), pv("pv2", "c", trident("pv2", "trident_pvc_2", "backend-2"), "app2")],
        "classes": [obj("StorageClass", name) for name in ("gold", "silver", "unused")],
        "deployments": [web(priorityClassName="high", runtimeClassName="gvisor"), web("app2", priorityClassName="low")],
        "cronjobs": [obj("CronJob", "night", "app1", spec={"jobTemplate": {"spec": {"template": {"spec": {"priorityClassName": "batch"}}}}})],
        "statefulsets": [obj("StatefulSet", "db", "app1", spec={"template": {"spec": {"priorityClassName": "system-node-critical"}},
                                                                "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"storageClassName": "fast"}}]})],
        "priorities": [obj("PriorityClass", name) for name in ("high", "low", "batch", "system-node-critical")],
        "runtimes": [obj("RuntimeClass", "gvisor")],
        "ingresses": [obj("Ingress", "web", "app1", spec={"ingressClassName": "nginx"})], "ingressclasses": [obj("IngressClass", "nginx")],
        "gadgets": [obj("Gadget", "g", "app1"), obj("Gadget", "g", "app2")],
        "crds": [obj("CustomResourceDefinition", name) for name in ("gadgets.example.com", "unused.example.com", "tridentvolumes.trident.netapp.io")],
        "roles": [obj("ClusterRole", name) for name in ("app1-reader", "app1-local", "app2-reader", "unused", "edit")]
        + [obj("ClusterRole", "app1-all", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}),
           obj("ClusterRole", "part", metadata={"labels": {"part": "yes"}})],
        "bindings": [obj("ClusterRoleBinding", "app1", subjects=[account("app1")], roleRef=role_ref("app1-reader")),
                     obj("ClusterRoleBinding", "app1-all", subjects=[{"kind": "Group", "name": "system:serviceaccounts:app1"}], roleRef=role_ref("app1-all")),
                     obj("ClusterRoleBinding", "app2", subjects=[account("app2")], roleRef=role_ref("app2-reader")),
                     obj("ClusterRoleBinding", "system:node", subjects=[account("app1")], roleRef=role_ref("system:node")),
                     obj("ClusterRoleBinding", "admins", subjects=[account("app1")], roleRef=role_ref("cluster-admin"),
                         metadata={"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}})],
        "rolebindings": [obj("RoleBinding", "r", "app1", roleRef=role_ref("app1-local")), obj("RoleBinding", "e", "app1", roleRef=role_ref("edit"))],
        "tridentvolumes": [trident_volume("pv1"), trident_volume("pv2", "/trident_pvc_2", "10.0.0.20", "backend-2")],
        "tridentbackends": [trident_backend("tbe-1", "backend-1", "svm_app1"), trident_backend("tbe-2", "backend-2", "svm_app2")],
        "tridentclasses": [obj("TridentStorageClass", "gold", "trident"), obj("TridentStorageClass", "silver", "trident")],
        "tridentnodes": [obj("TridentNode", "n1", "trident")], "secrets": [obj("Secret", "tbe-1", "trident"), obj("Secret", "tbe-2", "trident")],
        "apiservices": [obj("APIService", "v1.apps")], "nodes": [obj("Node", "n1")],
    }


EXPECTED = [
    "customresourcedefinitions.apiextensions.k8s.io/gadgets.example.com", "customresourcedefinitions.apiextensions.k8s.io/tridentvolumes.trident.netapp.io",
    "storageclasses.storage.k8s.io/gold", "priorityclasses.scheduling.k8s.io/batch", "priorityclasses.scheduling.k8s.io/high",
    "runtimeclasses.node.k8s.io/gvisor", "ingressclasses.networking.k8s.io/nginx", "clusterroles.rbac.authorization.k8s.io/app1-all",
    "clusterroles.rbac.authorization.k8s.io/app1-local", "clusterroles.rbac.authorization.k8s.io/app1-reader", "clusterroles.rbac.authorization.k8s.io/part",
    "clusterrolebindings.rbac.authorization.k8s.io/app1", "clusterrolebindings.rbac.authorization.k8s.io/app1-all", "secrets/trident/tbe-1",
    "tridentbackends.trident.netapp.io/trident/tbe-1", "tridentstorageclasses.trident.netapp.io/trident/gold", "tridentvolumes.trident.netapp.io/trident/pv1",
]


def scope(held: MemoryObjects, namespaces: list[str] | None = None, **more: Any) -> Scope:
    names = namespaces or ["app1"]
    return plan(held, "b1", names, ark_namespace="velero", volumes=group_volumes(held, names, SVM), **more)


def test_exactly_what_the_group_refers_to_in_order() -> None:
    found = scope(backup(**both_groups()))
    assert [str(needed) for needed in found.objects] == EXPECTED
    assert found.namespaces == ("trident",)
    assert found.denied == {}
    assert all(needed.why for needed in found.objects)


def test_what_the_backup_lacks_is_told_with_who_asks() -> None:
    found = scope(backup(**both_groups()))
    assert {text_of(key) for key in found.missing} == {
        "storageclasses.storage.k8s.io/fast", "customresourcedefinitions.apiextensions.k8s.io/tridentbackends.trident.netapp.io",
        "customresourcedefinitions.apiextensions.k8s.io/tridentstorageclasses.trident.netapp.io",
    }
    assert found.missing[("storageclasses.storage.k8s.io", "", "fast")] == "statefulsets.apps/app1/db"


def test_step_two_takes_the_namespaces_and_leaves_cluster_resources_to_their_claims() -> None:
    found = scope(backup(**both_groups()), label_selector="tier!=test")
    assert found.restore_spec == {
        "backupName": "b1", "includedNamespaces": ["app1"], "labelSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}]},
    }


@pytest.mark.parametrize(
    ("pattern", "added", "denied"),
    [
        ({"kind": "StorageClass", "name": "unus*"}, {"storageclasses.storage.k8s.io/unused"}, set()),
        ({"kind": "clusterroles.rbac.authorization.k8s.io", "name": "unused"}, {"clusterroles.rbac.authorization.k8s.io/unused"}, set()),
        ("StorageClass/silver", {"storageclasses.storage.k8s.io/silver"}, set()),
        ({"kind": "Node"}, set(), {"nodes/n1"}), ({"kind": "APIService"}, set(), {"apiservices.apiregistration.k8s.io/v1.apps"}),
        ({"kind": "PersistentVolume", "name": "*"}, set(), {"persistentvolumes/pv1", "persistentvolumes/pv2"}),
        ({"kind": "ClusterRoleBinding", "name": "system:*"}, set(), {"clusterrolebindings.rbac.authorization.k8s.io/system:node"}),
        ({"kind": "Namespace"}, set(), {"namespaces/app1", "namespaces/app2"}), ({"kind": "Deployment"}, set(), set()), ({"kind": "Nothing"}, set(), set()),
    ],
)
def test_patterns_bring_more_but_never_the_clusters_own(pattern: Any, added: set[str], denied: set[str]) -> None:
    found = scope(backup(**both_groups()), cluster_objects=[pattern])
    assert {str(needed) for needed in found.objects} - set(EXPECTED) == added
    assert {text_of(key) for key in found.denied} == denied


@pytest.mark.parametrize("pattern", [{"name": "x"}, "", "/x", "StorageClass/"])
def test_unreadable_patterns(pattern: Any) -> None:
    with pytest.raises(ConfigError, match=r"dr_cluster_objects\[0\]"):
        scope(backup(), cluster_objects=[pattern])


def test_arks_own_namespace_is_never_restored() -> None:
    with pytest.raises(ConfigError) as caught:
        scope(backup(), ["app1", "velero"])
    assert caught.value.variable == "dr_namespaces"


def test_an_unreadable_selector() -> None:
    with pytest.raises(ConfigError) as caught:
        scope(backup(), label_selector="a=b=c")
    assert caught.value.variable == "dr_label_selector"


def test_what_the_selector_leaves_out_asks_for_nothing() -> None:
    found = scope(backup(classes=[obj("StorageClass", "gold")], claims=[claim("c", "")]), label_selector="tier=web")
    assert found.objects == ()


def test_stripped_as_ark_strips_it() -> None:
    metadata = {"labels": {"a": "b"}, "annotations": {"k": "v"}, "managedFields": [1], "ownerReferences": [1], "creationTimestamp": "t", "generation": 2}
    made = stripped(obj("StorageClass", "gold", provisioner="p", status={"x": 1}, metadata=metadata), {"velero.io/restore-name": "r"})
    assert made == {"apiVersion": "v1", "kind": "StorageClass", "provisioner": "p",
                    "metadata": {"name": "gold", "labels": {"a": "b", "velero.io/restore-name": "r"}, "annotations": {"k": "v"}}}


@given(st.lists(st.sampled_from(sorted(both_groups())), unique=True))
def test_whatever_the_backup_holds_nothing_of_the_other_group_comes(kinds: list[str]) -> None:
    found = scope(backup(**{kind: both_groups()[kind] for kind in kinds}))
    names = {str(needed) for needed in found.objects}
    assert names <= set(EXPECTED)
    assert not [name for name in names if name.startswith(("persistentvolumes", "nodes", "namespaces", "apiservices", "tridentnodes"))]
