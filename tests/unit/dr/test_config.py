# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: each case names the variable at fault, before any system is touched. More cases that need a system are in tests/component/test_bad_systems.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Identity
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError

from .conftest import with_value

T, K = "sites.tokyo.ontap", "sites.osaka.kubernetes"
CASES: list[tuple[str, Any, str]] = [
    # the group itself
    ("name", "", "inventory_hostname"), ("name", ..., "inventory_hostname"), ("name", "Payments", "inventory_hostname"),
    ("name", "pay_ments", "inventory_hostname"),
    ("name", "-pay", "inventory_hostname"), ("name", "a" * 57, "inventory_hostname"), ("name", 5, "inventory_hostname"),
    ("name", "pay.ments", "inventory_hostname"),
    # sites
    ("sites", {}, "dr_sites"), ("sites", ..., "dr_sites"), ("sites", ["tokyo"], "dr_sites"), ("source_site", "", "dr_source_site"),
    ("source_site", ..., "dr_source_site"),
    ("source_site", "kyoto", "dr_source_site"), ("destination_site", "kyoto", "dr_destination_site"), ("destination_site", ["osaka"], "dr_destination_site"),
    ("destination_site", "tokyo", "dr_destination_site"), ("sites.tokyo", "x", "dr_sites.tokyo"), ("sites.osaka", None, "dr_sites.osaka"),
    # SVMs
    ("source_svm", "", "dr_source_svm"), ("source_svm", ..., "dr_source_svm"), ("source_svm", "1svm", "dr_source_svm"),
    ("source_svm", "svm one", "dr_source_svm"),
    ("source_svm", "svm/one", "dr_source_svm"), ("source_svm", "s" * 48, "dr_source_svm"), ("source_svm", "svm:", "dr_source_svm"),
    ("destination_svm", "svm*", "dr_destination_svm"),
    ("destination_svm", "svm_payments", "dr_destination_svm"), ("destination_svm", None, "dr_destination_svm"),
    ("destination_svm", "svm\u3042", "dr_destination_svm"),
    # namespaces
    ("namespaces", [], "dr_namespaces"), ("namespaces", ..., "dr_namespaces"), ("namespaces", "payments", "dr_namespaces"),
    ("namespaces", ["Pay"], "dr_namespaces"),
    ("namespaces", ["a", "a"], "dr_namespaces"), ("namespaces", ["a b"], "dr_namespaces"), ("namespaces", [1], "dr_namespaces"),
    ("namespaces", ["n" * 64], "dr_namespaces"),
    ("namespaces", ["kube-system"], "dr_namespaces"), ("namespaces", ["velero"], "dr_namespaces"),
    ("excluded_namespaces", "kube-system", "dr_excluded_namespaces"),
    ("excluded_namespaces", ["Kube"], "dr_excluded_namespaces"),
    # ONTAP connections
    (T, ..., f"dr_{T}"), (T, "host", f"dr_{T}"), (f"{T}.hostname", "", f"dr_{T}.hostname"), (f"{T}.hostname", ..., f"dr_{T}.hostname"),
    (f"{T}.hostname", "https://ontap", f"dr_{T}.hostname"), (f"{T}.hostname", "ontap/api", f"dr_{T}.hostname"), (f"{T}.hostname", "a b", f"dr_{T}.hostname"),
    (f"{T}.hostname", 7, f"dr_{T}.hostname"), (f"{T}.http_port", 0, f"dr_{T}.http_port"), (f"{T}.http_port", 70000, f"dr_{T}.http_port"),
    (f"{T}.http_port", "https", f"dr_{T}.http_port"),
    (f"{T}.http_port", True, f"dr_{T}.http_port"), (f"{T}.username", ..., f"dr_{T}.username"), (f"{T}.password", ..., f"dr_{T}.password"),
    (f"{T}.password", "", f"dr_{T}.password"),
    (f"{T}.ca_path", "/no/such/ca.pem", f"dr_{T}.ca_path"), (f"{T}.cert_filepath", "/no/such/cert", f"dr_{T}.cert_filepath"),
    (f"{T}.key_filepath", "/no/such/key", f"dr_{T}.key_filepath"),
    (f"{T}.validate_certs", "maybe", f"dr_{T}.validate_certs"), (f"{T}.user", "admin", f"dr_{T}.user"), (f"{T}.https", True, f"dr_{T}.https"),
    ("sites.osaka.ontap.hostname", "ontap-tokyo.example.com", "dr_sites.osaka.ontap.hostname"),
    # Kubernetes connections
    (K, ..., f"dr_{K}"), (K, "x", f"dr_{K}"), (f"{K}.kubeconfig", ..., f"dr_{K}.kubeconfig"), (f"{K}.kubeconfig", "/no/such/config", f"dr_{K}.kubeconfig"),
    (f"{K}.kubeconfig", "/", f"dr_{K}.kubeconfig"), (K, {"host": "https://k8s"}, f"dr_{K}.kubeconfig"),
    (K, {"host": "k8s:6443", "api_key": "t"}, f"dr_{K}.host"),
    (K, {"host": "ftp://k8s", "api_key": "t"}, f"dr_{K}.host"), (f"{K}.ca_cert", "/no/such/ca", f"dr_{K}.ca_cert"),
    (f"{K}.validate_certs", 2, f"dr_{K}.validate_certs"),
    (f"{K}.token", "t", f"dr_{K}.token"),
    # intercluster LIFs
    ("sites.tokyo.intercluster_lifs", ["ic1"], "dr_sites.tokyo.intercluster_lifs[0]"),
    ("sites.tokyo.intercluster_lifs.0.name", "", "dr_sites.tokyo.intercluster_lifs[0].name"),
    ("sites.tokyo.intercluster_lifs.0.node", ..., "dr_sites.tokyo.intercluster_lifs[0].node"),
    ("sites.tokyo.intercluster_lifs.0.port", None, "dr_sites.tokyo.intercluster_lifs[0].port"),
    ("sites.tokyo.intercluster_lifs.0.address", "10.0.0", "dr_sites.tokyo.intercluster_lifs[0].address"),
    ("sites.tokyo.intercluster_lifs.0.address", "10.0.0.300", "dr_sites.tokyo.intercluster_lifs[0].address"),
    ("sites.tokyo.intercluster_lifs.0.netmask", "255.0.255.0", "dr_sites.tokyo.intercluster_lifs[0].netmask"),
    ("sites.tokyo.intercluster_lifs.0.netmask", "33", "dr_sites.tokyo.intercluster_lifs[0].netmask"),
    ("sites.tokyo.intercluster_lifs.0.gateway", "x", "dr_sites.tokyo.intercluster_lifs[0].gateway"),
    # Ark
    ("sites.tokyo.ark", "velero", "dr_sites.tokyo.ark"), ("sites.tokyo.ark.api_group", "velero.io/v1", "dr_sites.tokyo.ark.api_group"),
    ("sites.tokyo.ark.api_group", "heptio", "dr_sites.tokyo.ark.api_group"), ("sites.tokyo.ark.namespace", "Velero", "dr_sites.tokyo.ark.namespace"),
    ("sites.tokyo.ark.location", {"provider": "aws"}, "dr_sites.tokyo.ark.location"), ("sites.tokyo.ark.location", "bucket", "dr_sites.tokyo.ark.location"),
    ("sites.tokyo.ark.bucket", "b", "dr_sites.tokyo.ark.bucket"), ("sites.osaka.ark.api_group", "ark.heptio.com", "dr_sites.osaka.ark.api_group"),
    # schedules
    ("backup_cron", "* * * *", "dr_backup_cron"), ("backup_cron", "*/5 * * * * *", "dr_backup_cron"), ("backup_cron", "61 * * * *", "dr_backup_cron"),
    ("backup_cron", "often", "dr_backup_cron"),
    ("backup_cron", "*/0 * * * *", "dr_backup_cron"), ("backup_cron", "@sometimes", "dr_backup_cron"), ("backup_cron", "@every five", "dr_backup_cron"),
    ("backup_cron", "TZ=Nowhere/City * * * * *", "dr_backup_cron"), ("transfer_schedule", "*/15 * * *", "dr_transfer_schedule"),
    ("transfer_schedule", "@hourly", "dr_transfer_schedule"),
    ("transfer_schedule", "99 * * * *", "dr_transfer_schedule"), ("transfer_schedule", "15min!", "dr_transfer_schedule"),
    ("backup_schedule", "K8s", "dr_backup_schedule"),
    ("backup_schedule", "k8s_backup", "dr_backup_schedule"), ("backup_schedule", "b" * 201, "dr_backup_schedule"), ("backup_ttl", "30 days", "dr_backup_ttl"),
    ("backup_ttl", "0h", "dr_backup_ttl"),
    ("backup_ttl", "-1h", "dr_backup_ttl"), ("rpo_seconds", "soon", "dr_rpo_seconds"), ("rpo_seconds", 0, "dr_rpo_seconds"),
    ("rpo_seconds", -5, "dr_rpo_seconds"), ("rpo_seconds", True, "dr_rpo_seconds"),
    # the rest
    ("identity_preservation", "all", "dr_identity_preservation"), ("identity_preservation", True, "dr_identity_preservation"),
    ("label_selector", "app in (a)", "dr_label_selector"),
    ("label_selector", "app", "dr_label_selector"), ("cluster_objects", "crds", "dr_cluster_objects"), ("cluster_objects", ["x"], "dr_cluster_objects[0]"),
    ("cluster_objects", [{"name": "x"}], "dr_cluster_objects[0].kind"), ("patch_reclaim_policy", "perhaps", "dr_patch_reclaim_policy"),
    ("export_clients", "10.0.0.1", "dr_export_clients"),
    ("export_clients", [], "dr_export_clients"), ("export_clients", ["10.0.0.0/33"], "dr_export_clients"), ("export_clients", ["node-1"], "dr_export_clients"),
    ("export_clients", ["0.0.0.0/0"], "dr_export_clients"), ("export_clients", ["::/0"], "dr_export_clients"), ("timeouts", 5, "dr_timeouts"),
    ("timeouts", {"breaks": 5}, "dr_timeouts.breaks"),
    ("timeouts", {"break": 0}, "dr_timeouts.break"), ("timeouts", {"break": "long"}, "dr_timeouts.break"),
]


@pytest.mark.parametrize(("path", "value", "variable"), CASES, ids=[f"{path}={value!r}"[:60] for path, value, _unused in CASES])
def test_bad_input_names_the_variable(group: dict[str, Any], path: str, value: Any, variable: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_group(with_value(group, path, value))
    assert error.value.variable == variable
    assert variable in str(error.value)
    assert "secret-1" not in str(error.value)


def test_there_are_at_least_a_hundred_cases() -> None:
    assert len(CASES) >= 100


def test_defaults(group: dict[str, Any]) -> None:
    config = parse_group(group)
    assert config.identity is Identity.FULL
    assert (config.backup_schedule, config.backup_cron, config.backup_ttl) == ("k8sbackup", "*/5 * * * *", "720h0m0s")
    assert (config.transfer_schedule, config.rpo_seconds, config.export_clients) == ("*/15 * * * *", 1800.0, None)
    assert config.destination.ark.namespace == "velero"
    assert config.excluded_namespaces == ("kube-system",)


def test_text_from_a_survey_is_taken(group: dict[str, Any]) -> None:
    config = parse_group({**group, "rpo_seconds": "900", "patch_reclaim_policy": "yes", "timeouts": {"break": "60"}, "backup_schedule": ""})
    assert (config.rpo_seconds, config.patch_reclaim_policy, config.timeouts["break"], config.backup_schedule) == (900.0, True, 60.0, "k8sbackup")


def test_one_kubernetes_cluster_is_not_two_sites(group: dict[str, Any]) -> None:
    same = with_value(group, "sites.osaka.kubernetes", dict(group["sites"]["tokyo"]["kubernetes"]))
    with pytest.raises(ConfigError) as error:
        parse_group(same)
    assert error.value.variable == "dr_sites.osaka.kubernetes"


def test_an_unreadable_kubeconfig_is_named(group: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "osaka.kubeconfig")
    with pytest.raises(ConfigError) as error:
        parse_group(group)
    assert error.value.variable == "dr_sites.osaka.kubernetes.kubeconfig"
