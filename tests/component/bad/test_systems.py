# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems that are not as the inventory says, and options that cannot be: each error names the system or the variable and what to do.

Nothing was written on any system.

Bad input that needs no system is in tests/unit/dr/test_config.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import OntapAccess
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError, Refused
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.tests.component.setup.conftest import Stage, deployed
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.partial import VELERO
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketOntap, pocket_env

from kubedr_lab.pocket import PocketLab

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SITES = ("tokyo", "osaka")
Options = dict[str, Any]


@dataclass(frozen=True)
class Bad:
    """One case.

    Args:
        verb: ``setup``, ``failover``, ``fence`` or ``status``.
        make: spoils the stage; returns changes of the group's configuration.
        words: what the error must name: the system or the variable, and what is wrong.
        options: run options.
        protected: the group is set up before.
    """

    name: str
    verb: str
    make: Callable[[Stage], Options]
    words: tuple[str, ...]
    options: Options | None = None
    protected: bool = False


def nothing(stage: Stage) -> Options:
    return {}


def site(name: str, part: str, **changes: Any) -> Callable[[Stage], Options]:
    """Other values in one part of a site of the inventory."""

    def make(stage: Stage) -> Options:
        sites = copy.deepcopy(stage.group()["sites"])
        sites[name][part].update(changes)
        return {"sites": sites}

    return make


def sites(part: str, **changes: Any) -> Callable[[Stage], Options]:
    """The same at both sites."""

    def make(stage: Stage) -> Options:
        found = copy.deepcopy(stage.group()["sites"])
        for name in SITES:
            found[name][part].update(changes)
        return {"sites": found}

    return make


def group(**changes: Any) -> Callable[[Stage], Options]:
    return lambda stage: changes


def lifs(name: str, **changes: Any) -> Callable[[Stage], Options]:
    def make(stage: Stage) -> Options:
        found = copy.deepcopy(stage.group()["sites"])
        found[name]["intercluster_lifs"][0].update(changes)
        return {"sites": found}

    return make


def lost(how: str, name: str, system: str) -> Callable[[Stage], Options]:
    return lambda stage: getattr(stage.pocket, how)(name, system) or {}


def no_ark(name: str) -> Callable[[Stage], Options]:
    def make(stage: Stage) -> Options:
        for crd in stage.hand.kube(name, "GET", CRDS)["items"]:
            if crd["metadata"]["name"].endswith("velero.io"):
                stage.hand.kube(name, "DELETE", f"{CRDS}/{crd['metadata']['name']}")
        stage.pocket.run(5)
        return {}

    return make


def no_namespace(name: str) -> Callable[[Stage], Options]:
    def make(stage: Stage) -> Options:
        stage.hand.kube(name, "DELETE", "/api/v1/namespaces/velero")
        stage.pocket.run(30)
        return {}

    return make


def no_location(name: str) -> Callable[[Stage], Options]:
    return lambda stage: stage.hand.kube(name, "DELETE", f"{VELERO}/backupstoragelocations/default") and {}


def other_bucket(name: str, **store: str) -> Callable[[Stage], Options]:
    def make(stage: Stage) -> Options:
        stage.hand.kube(name, "PATCH", f"{VELERO}/backupstoragelocations/default", {"spec": {"objectStorage": store}})
        stage.pocket.run(70)
        return {}

    return make


def no_store(stage: Stage) -> Options:
    stage.pocket.kill("store")
    stage.pocket.run(90)
    return {}


def ontap(name: str, method: str, path: str, body: Any) -> Callable[[Stage], Options]:
    return lambda stage: stage.hand.ontap(name, method, path, body) and {}


def no_record_json(stage: Stage) -> Options:
    stage.hand.kube("osaka", "PATCH", "/api/v1/namespaces/velero/configmaps/kubedr-app1", {"data": {"record": "not JSON"}})
    return {}


UNPLANNED = {"mode": "unplanned"}
WORD = {"site": "tokyo", "who": "sato", "why": "power lost", "at": "2026-07-01T00:00:00Z"}


def word(**changes: Any) -> Options:
    """A broken statement; None takes a key out."""
    return {**UNPLANNED, "fence_statement": {key: value for key, value in {**WORD, **changes}.items() if value is not None}}


CASES = [
    *(Bad(
        f"ONTAP password {s} {verb}", verb, site(s, "ontap", password="wrong"), (f"ONTAP {s}", "not authorized", "Check the user"),
        {"mode": "unplanned"} if verb == "failover" else None, True,
    ) for s in SITES for verb in ("setup", "failover", "fence", "status") if (s, verb) != ("tokyo", "failover")),
    *(Bad(
        f"Kubernetes token {s} {verb}", verb, site(s, "kubernetes", api_key="wrong"), (f"Kubernetes {s}", "Unauthorized", "Check the kubeconfig"),
        {"mode": "unplanned"} if verb == "failover" else None, True,
    ) for s in SITES for verb in ("setup", "failover", "fence", "status") if (s, verb) != ("tokyo", "failover")),
    *(Bad(
        f"{how} {s} {system}", "setup", lost(how, s, system), (f"{'ONTAP' if system == 'ontap' else 'Kubernetes'} {s}", "gives no answer", "Check its address"),
    ) for how in ("kill", "hang", "drop") for s in SITES for system in ("ontap", "kubernetes")),
    *(Bad(f"{how} osaka {system}, failover", "failover", lost(how, "osaka", system), (f"{'ONTAP' if system == 'ontap' else 'Kubernetes'} osaka",), word(), True)
      for how in ("kill", "hang", "drop") for system in ("ontap", "kubernetes")),
    *(Bad(f"{how} {s} {system}, status", "status", lost(how, s, system), (f"no answer from {'ONTAP' if system == 'ontap' else 'Kubernetes'} {s}",), None, True)
      for how in ("kill", "drop") for s in SITES for system in ("ontap", "kubernetes")),
    *(Bad(f"no CRDs of Ark at {s}", "setup", no_ark(s), (f"Kubernetes {s}", "ark.api_group", "not installed", "Install Velero")) for s in SITES),
    *(Bad(f"no namespace of Ark at {s}", "setup", no_namespace(s), (f"Kubernetes {s}", "ark.namespace", "'velero'", "Set ark.namespace")) for s in SITES),
    *(Bad(f"no backup location at {s}", "setup", no_location(s), (f"Kubernetes {s}", "ark.storage_location", "'default'", "Make it")) for s in SITES),
    *(Bad(
        f"backup location unavailable at {s}", "setup", other_bucket(s, bucket="no-such"),
        (f"Kubernetes {s}", "default", "Unavailable", "no-such", "Look at the bucket"),
    ) for s in SITES),
    *(Bad(
        f"another prefix at {s}", "setup", other_bucket(s, prefix="elsewhere"), ("dr_sites.osaka.ark.storage_location", "elsewhere", "same bucket and prefix"),
    ) for s in SITES),
    Bad("no object store", "setup", no_store, ("Kubernetes tokyo", "Unavailable", "Look at the bucket")),
    Bad("another namespace of Ark", "setup", sites("ark", namespace="ark"), ("Kubernetes tokyo", "ark.namespace", "'ark'")),
    Bad("another API group", "setup", sites("ark", api_group="ark.heptio.com", namespace="velero"), ("Kubernetes tokyo", "ark.api_group", "ark.heptio.com")),
    Bad("another location", "setup", sites("ark", storage_location="second"), ("Kubernetes tokyo", "ark.storage_location", "'second'")),
    Bad(
        "no credential for the location", "setup",
        site("tokyo", "ark", location={"provider": "aws", "bucket": "kubedr", "credential": {"name": "cloud", "key": "cloud"}}),
        ("Kubernetes tokyo", "credential", "cloud", "Make it first"),
    ),
    Bad("no source SVM", "setup", group(source_svm="svm_none"), ("ONTAP tokyo", "dr_source_svm", "svm_none", "Check")),
    Bad("a schedule that is not there", "setup", group(transfer_schedule="dr15"), ("ONTAP tokyo", "transfer_schedule", "dr15", "cron")),
    Bad("destination SVM that serves", "setup", ontap("osaka", "POST", "/api/svm/svms", {"name": "svm_app1_dr"}), ("app1", "status")),
    Bad("no such port", "setup", lifs("tokyo", port="e9z"), ("ONTAP tokyo", "ic1", "e9z")),
    Bad("no such node", "setup", lifs("tokyo", node="tokyo-09"), ("ONTAP tokyo", "ic1", "tokyo-09")),
    Bad("address of a data LIF", "setup", lifs("tokyo", address="10.1.1.1"), ("ONTAP tokyo", "10.1.1.1", "another address")),
    Bad("record that is not ours", "setup", no_record_json, ("Kubernetes osaka", "kubedr-app1", "not JSON"), None, True),
    Bad("no mirror", "failover", nothing, ("app1", "no mirror", "setup"), word()),
    Bad("no mode", "failover", nothing, ("dr_mode", "unplanned", "never guessed"), {}, True),
    Bad("an unknown mode", "failover", nothing, ("dr_mode", "'forced'"), {"mode": "forced"}, True),
    Bad("no statement", "failover", nothing, ("app1", "fence", "dr_fence_statement"), UNPLANNED, True),
    Bad("statement of text", "failover", nothing, ("dr_fence_statement",), {**UNPLANNED, "fence_statement": "tokyo is down"}, True),
    *(Bad(f"statement without {key}", "failover", nothing, ("dr_fence_statement", key), word(**{key: None}), True) for key in WORD),
    *(Bad(f"statement with empty {key}", "failover", nothing, ("dr_fence_statement", key), word(**{key: ""}), True) for key in WORD),
    Bad("statement about the wrong site", "failover", nothing, ("tokyo", "osaka"), word(site="osaka"), True),
    Bad("statement at no time", "failover", nothing, ("dr_fence_statement.at", "yesterday"), word(at="yesterday"), True),
    Bad("statement of tomorrow", "failover", nothing, ("at", "ahead"), word(at="2026-07-02T00:00:00Z"), True),
    Bad("statement of last week", "failover", nothing, ("at", "4 h"), word(at="2026-06-24T00:00:00Z"), True),
    Bad("statement with another key", "failover", nothing, ("dr_fence_statement", "colour"), word(colour="red"), True),
    Bad("an unknown fence option", "fence", nothing, ("dr_fence", "'drop'", "lift"), {"fence": "drop"}, True),
    Bad("a backup that is not there", "failover", lost("kill", "tokyo", "ontap"), ("nightly",), {**word(), "backup": {"app1": "nightly"}}, True),
    Bad("no backup at all", "failover", lost("kill", "tokyo", "ontap"), ("backup",), word(), True),
]


@cache
def protected() -> Options:
    """Set up a moment ago: a mirror, and no backup yet."""
    stage = Stage(PocketLab(frozen=deployed()))
    stage.play()
    return stage.pocket.freeze()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_named_and_nothing_was_written(case: Bad) -> None:
    stage = Stage(PocketLab(frozen=protected() if case.protected else deployed()))
    changes = case.make(stage)
    before = stage.writes(taken=True)
    with pytest.raises(KubedrError) as caught:
        play(stage, case, changes)
    assert_told(stage, caught.value, case.words)
    assert stage.writes(taken=True) == before


def assert_told(stage: Stage, error: KubedrError, words: tuple[str, ...]) -> None:
    """The error names these, says what to do, and holds no password."""
    assert [word for word in words if word not in str(error)] == [], str(error)
    assert error.advice, str(error)
    assert not [word for word in (*stage.pocket.secrets.ontap.values(), *stage.pocket.secrets.kubernetes.values()) if word in str(error)]


class Older:
    """The transport of a cluster that says it is of an older release."""

    def __init__(self, inner: PocketOntap) -> None:
        self.inner = inner

    def send(self, request: Request) -> Response:
        answer = self.inner.send(request)
        if request.path == "/api/cluster":
            answer.body["version"] = {"full": "NetApp Release 9.14.1", "generation": 9, "major": 14, "minor": 1}
        return answer


def test_versions_that_differ() -> None:
    stage = Stage(PocketLab(frozen=deployed()))

    def opened(access: OntapAccess) -> Any:
        inner = PocketOntap(stage.pocket, access.site, access.username, access.password)
        return Older(inner) if access.site == "osaka" else inner

    assert_told(stage, refused_by(stage, opened), ("9.14.1", "9.16.1", "tokyo", "osaka", "same version"))


def test_one_cluster_under_two_addresses() -> None:
    stage = Stage(PocketLab(frozen=deployed()))
    assert_told(
        stage, refused_by(stage, lambda access: PocketOntap(stage.pocket, "tokyo")), ("tokyo", "osaka", "dr_sites.osaka.ontap.hostname", "two clusters"),
    )


def refused_by(stage: Stage, opened: Callable[[OntapAccess], Any]) -> Refused:
    """How set-up refuses where connections to ONTAP are made so; nothing was written."""
    env = pocket_env(stage.pocket)
    env.open_ontap = opened
    with pytest.raises(Refused) as caught:
        drivers.run_tasks(drivers.setup_tasks(stage.group()), env, "run-1")
    assert stage.writes() == []
    return caught.value


def play(stage: Stage, case: Bad, changes: Options) -> None:
    """The verb, as its playbook runs it."""
    options = case.options or {}
    if case.verb == "setup":
        stage.play(**changes)
    elif case.verb == "failover":
        stage.failover(changes=changes, **{"mode": None, **options})
    elif case.verb == "fence":
        stage.fence(how=options.get("fence", ""), **changes)
    else:
        stage.run(iter([("dr_state", {"group": stage.group(**changes)})]))
