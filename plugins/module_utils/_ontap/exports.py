# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Export policies: who may mount the SVM's volumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .._errors import NotFound
from .act import Act, perform
from .client import OntapClient, exact
from .settings import ExportPolicy, ExportRule

PATH = "/api/protocols/nfs/export-policies"


def read_policies(client: OntapClient, svm: str) -> list[ExportPolicy]:
    """All export policies of the SVM with their rules."""
    return [ExportPolicy.from_record(record) for record in client.records(PATH, ExportPolicy.FIELDS, **{"svm.name": exact(svm)})]


def set_rules(
    client: OntapClient, policy: ExportPolicy, rules: Iterable[ExportRule], deadline: float = 60.0, *, fresh: bool = False,
) -> tuple[ExportPolicy, bool]:
    """Make the policy's rules exactly these; their ``index`` is ONTAP's to choose and is not compared.

    What is missing is made before what is too much is deleted, so that a client in both the old and the new rules is never shut out. It returns
    only when exactly the wanted rules are seen.

    Args:
        fresh: ``policy`` was read a moment ago: it is the first look.
    """
    wanted = [_normal(rule) for rule in rules]

    def read() -> ExportPolicy:
        return ExportPolicy.from_record(client.get(f"{PATH}/{policy.id}", fields=ExportPolicy.FIELDS))

    def send(seen: ExportPolicy) -> None:
        for rule in _without(wanted, seen.rules):
            client.write("POST", f"{PATH}/{policy.id}/rules", rule.to_record(), hold=0, deadline=deadline)
        for rule in _without(seen.rules, wanted):
            _delete(client, policy, rule, deadline)

    return perform(
        client,
        Act(
            "set export rules",
            f"{policy.svm} policy {policy.name}",
            read,
            lambda seen: not _without(wanted, seen.rules) and not _without(seen.rules, wanted),
            send,
            first=policy if fresh else None,
        ),
        deadline,
    )


def _delete(client: OntapClient, policy: ExportPolicy, rule: ExportRule, deadline: float) -> None:
    try:
        client.write("DELETE", f"{PATH}/{policy.id}/rules/{rule.index}", hold=0, deadline=deadline)
    except NotFound:
        return


def _normal(rule: ExportRule) -> ExportRule:
    return replace(rule, clients=tuple(sorted(rule.clients)))


def _without(these: Sequence[ExportRule], those: Sequence[ExportRule]) -> list[ExportRule]:
    """These, less one for each equal one among those: a rule that stands twice counts twice."""
    left = [_normal(rule) for rule in those]
    rest = []
    for rule in these:
        if _normal(rule) in left:
            left.remove(_normal(rule))
        else:
            rest.append(rule)
    return rest
