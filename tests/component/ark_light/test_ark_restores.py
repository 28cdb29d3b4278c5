# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of Ark 0.10, where they differ from Velero's."""

from __future__ import annotations

from kubedr_lab.controllers import api as kinds

from .conftest import Site, run


def test_ark_is_always_completed_and_counts(ark_tokyo: Site, ark_osaka: Site) -> None:
    ark_tokyo.namespace_of("app1")
    ark_tokyo.config("app1", "settings", {"a": "b"})
    ark_tokyo.backup("b1", includedNamespaces=["app1"])
    ark_osaka.server.fail_next("restore", "PartiallyFailed", "wrong")
    ark_osaka.tick()
    assert ark_osaka.names("Backup") == ["b1"]
    ark_osaka.namespace_of("app1")
    ark_osaka.config("app1", "settings", {"a": "c"})
    assert ark_osaka.restore("r1", "b1") == {"phase": "Completed", "warnings": 1, "errors": 1}
    assert ark_osaka.results("r1") == {
        "errors": {"ark": ["wrong"]},
        "warnings": {"namespaces": {"app1": ['not restored: configmaps "settings" already exists and is different from backed up version.']}},
    }
    assert run(ark_osaka.bucket.list("restores/")) == ["restores/r1/restore-r1-logs.gz", "restores/r1/restore-r1-results.gz"]


def test_ark_reads_a_backup_that_was_not_synced_yet(ark_tokyo: Site, ark_osaka: Site) -> None:
    ark_osaka.tick()
    ark_tokyo.namespace_of("app1")
    ark_tokyo.config("app1", "settings", {})
    ark_tokyo.backup("b1", includedNamespaces=["app1"])
    assert ark_osaka.names("Backup") == []
    assert ark_osaka.restore("r1", "b1")["errors"] == 0
    assert ark_osaka.names(kinds.CONFIG_MAPS) == ["settings"]
