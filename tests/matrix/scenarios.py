# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the matrices run: each scenario is a verb from a prepared state, as its playbook runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict, pocket_env

from kubedr_lab.pocket import PocketLab

GROUP = "app1"
Options = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A verb from a state.

    Args:
        prepare: makes the state.
        tasks: the verb's tasks for a group, with what the operator says.
        lab: arguments of the PocketLab.
        group: changes to the group's configuration.
        begin: what befalls right before the run, and is under way while it works; not part of the prepared state.
    """

    name: str
    prepare: Callable[[PocketLab, Options], None]
    tasks: Callable[[PocketLab, Options], Iterator[drivers.Task]]
    lab: Options = field(default_factory=dict)
    group: Callable[[PocketLab], Options] = lambda lab: {}
    begin: Callable[[PocketLab], None] | None = None
    break_starts_svm: bool = False

    @property
    def never_contacts_source(self) -> bool:
        """An unplanned failover works from the destination alone."""
        return self.name.startswith("failover")

    def start(self, frozen: dict[str, Any]) -> PocketLab:
        """A lab in a state."""
        return PocketLab(**self.lab, frozen=frozen)

    def group_of(self, lab: PocketLab) -> Options:
        """The group's configuration."""
        return group_dict(lab, GROUP, **self.group(lab))


@cache
def deployed(**lab: Any) -> dict[str, Any]:
    """Both sites, and the application at the source."""
    pocket = PocketLab(**lab)
    pocket.deploy(GROUP)
    return pocket.freeze()


@cache
def protected(**lab: Any) -> dict[str, Any]:
    """Set up; the application wrote, a backup and a transfer happened, it wrote again, and one more backup happened, which is as usable."""
    pocket = PocketLab(**lab, frozen=deployed(**lab))
    drivers.run_tasks(drivers.setup_tasks(group_dict(pocket, GROUP)), pocket_env(pocket), "setup")
    pocket.write(GROUP, 3)
    pocket.backup("tokyo")
    pocket.transfer(GROUP)
    pocket.write(GROUP, 2)
    pocket.backup("tokyo")
    pocket.run(15)
    return pocket.freeze()


def statement(lab: PocketLab) -> Options:
    """The operator's word, given now."""
    at = datetime.fromtimestamp(lab.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"site": "tokyo", "who": "matrix", "why": "the site is gone", "at": at}


def _nothing(lab: PocketLab, group: Options) -> None:
    """The state as it is."""


def _no_location(lab: PocketLab, group: Options) -> None:
    """Set-up has to make the destination's backup location."""
    lab.parts["osaka-kubernetes"].store.delete("kube.backupstoragelocations.velero.io", "velero/default")


def _location_wanted(lab: PocketLab) -> Options:
    location = {"provider": "aws", "bucket": "kubedr", "config": {"region": "lab", "s3ForcePathStyle": "true", "s3Url": "https://objects.invalid"}}
    sites = group_dict(lab, GROUP)["sites"]
    return {"patch_reclaim_policy": True, "sites": {site: {**found, "ark": {**found["ark"], "location": location}} for site, found in sites.items()}}


def _fenced(lab: PocketLab, group: Options) -> None:
    drivers.run_tasks(drivers.fence_tasks(group), pocket_env(lab), "fence")


def _killed(lab: PocketLab, group: Options) -> None:
    lab.kill("tokyo")
    lab.run(10)


def _starting_break(lab: PocketLab, group: Options) -> None:
    """A release whose break starts the SVM, and whose start refuses a locked SVM at first."""
    store = lab.parts["osaka-ontap"].store
    cluster = store.get("cluster", "self")
    assert isinstance(cluster, dict)
    store.put("cluster", "self", {**cluster, "knobs": {**cluster["knobs"], "break_starts_svm": True}})
    _killed(lab, group)


def _hung_in_a_transfer(lab: PocketLab) -> None:
    lab.ask("osaka-ontap", "transfer", {"group": GROUP})
    lab.run(1)
    lab.hang("tokyo")


def _setup(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.setup_tasks(group)


def _fence(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.fence_tasks(group)


def _failover(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failover_tasks(group)


def _failover_by_word(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failover_tasks(group, fence_statement=statement(lab))


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (
        Scenario("setup", _no_location, _setup, group=_location_wanted),
        Scenario("fence", _nothing, _fence),
        Scenario("failover-fenced", _fenced, _failover),
        Scenario("failover-killed", _killed, _failover_by_word),
        Scenario("failover-ark", _killed, _failover_by_word, lab={"ark": "ark"}),
        Scenario("failover-starting-break", _starting_break, _failover_by_word, break_starts_svm=True),
        Scenario("failover-hung-slow", _nothing, _failover_by_word, lab={"latency": "realistic"}, begin=_hung_in_a_transfer),
    )
}
