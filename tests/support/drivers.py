# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks' sequences, in this process: the same modules with the same options in the same order.

tests/unit/glue/test_sequences.py holds them to the roles.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Task = tuple[str, dict[str, Any]]
VERBS = "ansible_collections.kubedr.ontap.plugins.module_utils._verbs"


def setup_tasks(group: Mapping[str, Any]) -> Iterator[Task]:
    """The tasks of the role ``setup``."""
    source, destination = group["source_site"], group["destination_site"]
    sites = group["sites"]
    both = {"source": {**sites[source]["ontap"], "site": source}, "destination": {**sites[destination]["ontap"], "site": destination}}
    addresses = {
        f"{role}_addresses": [lif["address"] for lif in sites[site]["intercluster_lifs"]] for role, site in (("source", source), ("destination", destination))
    }
    svms = {"source_svm": group["source_svm"], "destination_svm": group["destination_svm"]}
    ark = sites[source].get("ark") or {}
    ark_group = ark.get("api_group", "velero.io")
    namespace = ark.get("namespace") or ("velero" if ark_group == "velero.io" else "heptio-ark")
    yield "dr_phase", {"group": group, "verb": "setup", "phase": "open"}
    for site in (source, destination):
        yield "intercluster_lif", {**sites[site]["ontap"], "site": site, "lifs": sites[site]["intercluster_lifs"]}
    yield "cluster_peer", {**both, **addresses}
    yield "svm_peer", {**both, **svms}
    yield "svmdr", {
        **both, **svms, "state": "initialized", "identity_preservation": group.get("identity_preservation", "full"),
        "transfer_schedule": group.get("transfer_schedule", "*/15 * * * *"),
    }
    yield "ark_schedule", {
        **sites[source]["kubernetes"], "site": source, "ark_api_group": ark_group, "ark_namespace": namespace,
        "name": group.get("backup_schedule", "k8sbackup"),
        "schedule": group.get("backup_cron", "*/5 * * * *"), "ttl": group.get("backup_ttl", "720h"), "excluded_namespaces": ["kube-system", namespace],
        "include_cluster_resources": True,
    }
    yield "dr_phase", {"group": group, "verb": "setup", "phase": "objects"}
    yield "dr_phase", {"group": group, "verb": "setup", "phase": "close"}


def failover_tasks(group: Mapping[str, Any], **options: Any) -> Iterator[Task]:
    """The tasks of the role ``failover``."""
    for phase in ("open", *PROMOTION[3:], "close"):
        yield _promotion(group, "failover", phase, "unplanned", options)


def _promotion(group: Mapping[str, Any], verb: str, phase: str, mode: str, options: Mapping[str, Any]) -> Task:
    ahead = {"ahead": True} if phase in DONE_AHEAD.values() else {}
    return "dr_phase", {"group": group, "verb": verb, "phase": phase, "mode": mode, **ahead, **options}


DONE_AHEAD = {"decide": "open", "volumes": "promote", "verify": "restore"}
"""The phases that a role leaves out where the one that is named did their work as well."""
SAYS = {"decide": "decided", "volumes": "ahead", "verify": "verified"}
"""By which key its result says so."""
PROMOTION = ("prepare", "workloads", "sync", "decide", "promote", "volumes", "restore", "verify")


def planned_tasks(group: Mapping[str, Any], **options: Any) -> Iterator[Task]:
    """The tasks of the role ``failover`` with ``dr_mode=planned``."""
    for phase in ("open", *PROMOTION, "close"):
        yield _promotion(group, "failover", phase, "planned", options)


def reprotect_tasks(group: Mapping[str, Any], **options: Any) -> Iterator[Task]:
    """The tasks of the role ``reprotect``."""
    for phase in ("open", "fence", "reverse", "clear", "objects", "close"):
        yield "dr_phase", {"group": group, "verb": "reprotect", "phase": phase, **options}


def failback_tasks(group: Mapping[str, Any], mode: str = "planned", **options: Any) -> Iterator[Task]:
    """The tasks of the role ``failback``."""
    for phase in ("open", *PROMOTION, "fence", "reverse", "clear", "close"):
        yield _promotion(group, "failback", phase, mode, options)


def teardown_tasks(group: Mapping[str, Any], **options: Any) -> Iterator[Task]:
    """The tasks of the role ``teardown``."""
    for phase in ("open", "storage", "objects", "close"):
        yield "dr_phase", {"group": group, "verb": "teardown", "phase": phase, **options}


def rollback_tasks(group: Mapping[str, Any], verb: str = "failover") -> Iterator[Task]:
    """What the roles do when a planned verb failed."""
    yield "dr_phase", {"group": group, "verb": verb, "phase": "rollback", "mode": "planned"}


def fence_tasks(group: Mapping[str, Any], fence: str = "") -> Iterator[Task]:
    """The tasks of the role ``fence``."""
    for phase in ("open", "workloads", "storage", "close"):
        yield "dr_phase", {"group": group, "verb": "fence", "phase": phase, "fence": fence}


def module(name: str) -> Any:
    """The module's run room."""
    return importlib.import_module(f"{VERBS}.{name}")


def complete(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the defaults of the module's spec, as Ansible completes them."""
    options = module(name).SPEC.options
    unknown = set(params) - set(options)
    assert not unknown, f"{name} has no option {sorted(unknown)}"
    return {key: _value(spec, params.get(key)) for key, spec in options.items()}


def _value(spec: Mapping[str, Any], given: Any) -> Any:
    if given is None:
        return spec.get("default")
    if spec.get("type") == "dict" and spec.get("options"):
        return {key: _value(inner, given.get(key)) for key, inner in spec["options"].items()}
    return given


def run_tasks(
    tasks: Iterator[Task], env: Any, run_id: str, before: Callable[[str, Mapping[str, Any]], None] = lambda name, params: None,
) -> list[dict[str, Any]]:
    """Run them in order; the first error ends it, as in a playbook. Where the first says that nothing is left to do, only the last follows.

    Args:
        run_id: of this run, handed to every phase as the journal does.
        before: called before each task.
    """
    results: list[dict[str, Any]] = []
    ahead: set[str] = set()
    for name, params in tasks:
        if (results and results[0].get("done") and params.get("phase") != "close") or params.get("phase") in ahead:
            continue
        options = complete(name, params)
        if "run_id" in options:
            options["run_id"] = run_id
        before(name, options)
        results.append(module(name).run(options, env))
        ahead |= {phase for phase, by in DONE_AHEAD.items() if by == params.get("phase") and results[-1].get(SAYS[phase])}
    return results


def changed(results: list[dict[str, Any]]) -> bool:
    """Whether any task changed anything."""
    return any(result["changed"] for result in results)
