# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warnings that a real Velero 1.18.3 gave when a group of the example application was restored by a failover."""

from __future__ import annotations

import json

from ansible_collections.kubedr.ontap.plugins.module_utils._kube.results import parse

TEXT = "could not restore, {} already exists. Warning: the in-cluster version is different than the backed-up version"
RECORDED = {
    "cluster": ["PersistentVolume:app1-web-content", "PersistentVolume:app1-exports", "PriorityClass:app1-critical"],
    "app1": ["ConfigMap:kube-root-ca.crt"],
    "app1-batch": ["ConfigMap:kube-root-ca.crt"],
}


def test_every_warning_of_a_plain_failover_is_expected() -> None:
    texts = {place: [TEXT.format(name) for name in names] for place, names in RECORDED.items()}
    file = {"errors": {}, "warnings": {"cluster": texts.pop("cluster"), "namespaces": texts}}
    warnings, errors = parse(json.dumps(file).encode(), "velero", ["app1-web-content", "app1-exports"])
    assert errors == []
    assert len(warnings) == 5
    assert [message.text for message in warnings if not message.expected] == []


def test_a_volume_that_nobody_made_before_is_not_expected() -> None:
    file = {"warnings": {"cluster": [TEXT.format("PersistentVolume:other")]}}
    assert [message.expected for message in parse(json.dumps(file).encode(), "velero", ["app1-exports"])[0]] == [False]
