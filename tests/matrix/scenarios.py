# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the matrices run: each scenario is a verb from a prepared state, as its playbook runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Refused
from ansible_collections.kubedr.ontap.tests.support import drivers
from ansible_collections.kubedr.ontap.tests.support.pocket import group_dict, pocket_env, snapshot_volumes

from kubedr_lab.pocket import PocketLab
from kubedr_lab.settings import SITES

GROUP = "app1"
Options = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A verb from a state.

    Args:
        name: the verb, and after a dash what is special.
        prepare: makes the state.
        tasks: the verb's tasks for a group, with what the operator says.
        lab: arguments of the PocketLab.
        group: changes to the group's configuration.
        begin: what befalls right before the run, and is under way while it works; not part of the prepared state.
        silent: the site that the verb must never contact: an unplanned one works from the other side alone.
        allowed: what two right ends of it may differ in, beside what is allowed for all.
    """

    name: str
    prepare: Callable[[PocketLab, Options], None]
    tasks: Callable[[PocketLab, Options], Iterator[drivers.Task]]
    mode: str = ""
    lab: Options = field(default_factory=dict)
    group: Callable[[PocketLab], Options] = lambda lab: {}
    begin: Callable[[PocketLab], None] | None = None
    break_starts_svm: bool = False
    silent: str = ""
    allowed: Mapping[str, str] = field(default_factory=dict)

    @property
    def verb(self) -> str:
        """What the playbook is called."""
        return self.name.partition("-")[0]

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


def statement(lab: PocketLab, site: str = SITES[0]) -> Options:
    """The operator's word, given now."""
    at = datetime.fromtimestamp(lab.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"site": site, "who": "matrix", "why": "the site is gone", "at": at}


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


SNAPSHOT = "hourly.0"


def _infected(lab: PocketLab, group: Options) -> None:
    """A snapshot, and what was written after it, is mirrored; then the source is gone."""
    snapshot_volumes(lab, group["source_site"], group["source_svm"], SNAPSHOT)
    lab.run(1)
    lab.write(GROUP, 2)
    lab.transfer(GROUP)
    _killed(lab, group)


def _failover_to_the_snapshot(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failover_tasks(group, fence_statement=statement(lab), snapshot={GROUP: SNAPSHOT})


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


def _failed_over(lab: PocketLab, group: Options) -> None:
    """Planned; the application writes on where it serves now."""
    drivers.run_tasks(drivers.planned_tasks(group), pocket_env(lab), "over")
    lab.run(15)
    lab.write(GROUP, 2)


def _returned(lab: PocketLab, group: Options) -> None:
    """The source was lost, the destination serves, and the source is back and fenced: reprotecting gives up what only it holds."""
    _killed(lab, group)
    drivers.run_tasks(_failover_by_word(lab, group), pocket_env(lab), "over")
    lab.write(GROUP, 2)
    lab.start("tokyo")
    lab.run(30)
    drivers.run_tasks(drivers.fence_tasks(group), pocket_env(lab), "fence")


def _reprotected(lab: PocketLab, group: Options) -> None:
    _failed_over(lab, group)
    drivers.run_tasks(drivers.reprotect_tasks(group), pocket_env(lab), "reprotect")
    lab.backup("osaka")
    lab.transfer(GROUP)
    lab.write(GROUP, 2)
    lab.run(130)


def _lost_again(lab: PocketLab, group: Options) -> None:
    """The destination is lost while it is the side that serves."""
    _reprotected(lab, group)
    lab.kill("osaka")
    lab.run(10)


def _home_alone(lab: PocketLab, group: Options) -> None:
    """Back at the source, and the destination is there again and fenced."""
    _lost_again(lab, group)
    drivers.run_tasks(_failback_by_word(lab, group), pocket_env(lab), "back")
    lab.write(GROUP, 2)
    lab.start("osaka")
    lab.run(30)
    drivers.run_tasks(drivers.fence_tasks(group), pocket_env(lab), "fence")


def accepted(lab: PocketLab, tasks: Callable[..., Iterator[drivers.Task]]) -> Options:
    """What a refused run says would be lost, accepted."""
    try:
        drivers.run_tasks(tasks(), pocket_env(PocketLab(**_like(lab), frozen=lab.freeze())), "refused")
    except Refused as error:
        return {GROUP: error.seen["token"]}
    raise AssertionError("nothing would be lost")


def _like(lab: PocketLab) -> Options:
    found = lab.settings
    return {"groups": found.groups, "ark": found.ark, "identity": found.identity, "flexgroup": found.flexgroup, "latency": found.latency}


def _planned(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.planned_tasks(group)


def _reprotect(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.reprotect_tasks(group)


def _reprotect_at_a_loss(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.reprotect_tasks(group, accept_loss=accepted(lab, lambda: drivers.reprotect_tasks(group)))


def _failback(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failback_tasks(group)


def _failback_by_word(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failback_tasks(group, "unplanned", fence_statement=statement(lab, "osaka"))


def _failback_at_a_loss(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.failback_tasks(group, accept_loss=accepted(lab, lambda: drivers.failback_tasks(group)))


def _teardown(lab: PocketLab, group: Options) -> Iterator[drivers.Task]:
    return drivers.teardown_tasks(group, teardown_consent={GROUP: "unprotect"})


SOURCE, DESTINATION = SITES
ATTEMPTS = {
    "record/*/run/final_transfer/*": "times, and a snapshot that is named after its time",
    "record/*/snapshot/name": "as above",
    "record/*/backup/name": "the final backup of an attempt that was undone is not used again: the next one has the next number",
    "record/*/backup_attempts/*": "as above",
    "record/*/backup/judged_by/own": "as above",
    "record/*/verified/backup": "as above",
    "kube/*/metadata/labels/velero.io/backup-name": "as above",
    "kube/*/metadata/labels/ark-backup": "as above",
    "restores/*/spec/backupName": "as above",
    "record/*/objects/prepared/restore_spec/backupName": "as above",
}
"""What two planned promotions may differ in, beside what is allowed for all."""
SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (
        Scenario("setup", _no_location, _setup, group=_location_wanted),
        Scenario("fence", _nothing, _fence),
        Scenario("failover-fenced", _fenced, _failover, silent=SOURCE),
        Scenario("failover-killed", _killed, _failover_by_word, silent=SOURCE),
        Scenario("failover-ark", _killed, _failover_by_word, lab={"ark": "ark"}, silent=SOURCE),
        Scenario("failover-starting-break", _starting_break, _failover_by_word, break_starts_svm=True, silent=SOURCE),
        Scenario("failover-hung-slow", _nothing, _failover_by_word, lab={"latency": "realistic"}, begin=_hung_in_a_transfer, silent=SOURCE),
        Scenario("failover-point", _infected, _failover_to_the_snapshot, silent=SOURCE),
        Scenario("failover-planned", _nothing, _planned, mode="planned", allowed=ATTEMPTS),
        Scenario("reprotect", _failed_over, _reprotect),
        Scenario("reprotect-lossy", _returned, _reprotect_at_a_loss),
        Scenario("reprotect-flexgroup", _failed_over, _reprotect, lab={"flexgroup": True}),
        Scenario("failback-planned", _reprotected, _failback, mode="planned", allowed=ATTEMPTS),
        Scenario("failback-flexgroup", _reprotected, _failback, mode="planned", allowed=ATTEMPTS, lab={"flexgroup": True}),
        Scenario("failback-unplanned", _lost_again, _failback_by_word, silent=DESTINATION),
        Scenario("failback-home", _home_alone, _failback_at_a_loss, mode="planned", allowed=ATTEMPTS),
        Scenario("teardown", _nothing, _teardown, allowed={"record/*/released/run_id": "the run that ended it"}),
    )
}
