# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which access the clients of this site get, and what counts as seeing the partner run."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.models import ExportPolicy, ExportRule
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import promote

HERE = ("10.2.2.11",)
NODE = "10.1.2.11"


def rule(*clients: str, rw: str = "sys", index: int = 1) -> ExportRule:
    return ExportRule(index=index, clients=clients, ro=("sys",), rw=(rw,), superuser=("sys",), protocols=("nfs",))


def access(*rules: ExportRule) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(found.clients, found.rw) for found in promote.wanted_rules(ExportPolicy(1, "k8s", "svm", rules), HERE, [NODE])]


def test_the_nodes_access_is_taken_over() -> None:
    assert access(rule("10.1.2.0/24")) == [(HERE, ("sys",))]


def test_a_rule_for_readers_elsewhere_makes_no_reader_of_a_node() -> None:
    assert access(rule("192.168.0.0/16", rw="never"), rule(NODE, index=2)) == [(HERE, ("sys",))]


def test_where_no_rule_names_a_node_all_count_and_writers_come_first() -> None:
    assert access(rule("@readers", rw="never"), rule("@nodes", index=2)) == [(HERE, ("sys",)), (HERE, ("never",))]


@pytest.mark.parametrize(("message", "seen"), [
    ("Partner SVM is running.", True), ("The DR partner svm1 is in running state", True), ("Cannot determine whether the partner Vserver is running", False),
    ("Unable to contact the peer cluster to see whether it is running", False), ("Vserver is locked", False),
])
def test_running_is_only_what_was_seen(message: str, seen: bool) -> None:
    assert promote._seen_running(message) is seen
