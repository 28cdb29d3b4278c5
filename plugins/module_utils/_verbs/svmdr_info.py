# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ``svmdr_info``: what each side says about one SVM-DR relationship. Reads only; a side that does not answer is reported, not guessed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._argspec import ArgumentSpec, both_ontap
from .._env import Env
from .._errors import AnswerLost, KubedrError, Unreachable
from .._ontap import exports, network, snapmirror, svms, volumes
from .._ontap.access import access_of, connect
from .._ontap.client import OntapClient
from .._ontap.parse import plain
from .steps import check_svm_name

SPEC = both_ontap(source_required=False).merge(
    ArgumentSpec(
        {
            "destination_svm": {"type": "str", "required": True},
            "source_svm": {"type": "str"},
        }
    )
)


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """Both sides as seen now.

    Returns:
        ``{changed: False, destination: side, source?: side}``. A side is ``{answered: True, cluster, time, svm, relationship, transfers, remembers, volumes,
        lifs, routes, nfs, export_policies}``, or ``{answered: False, failure}``. ``relationship`` is the one *into* that side's SVM; ``remembers``
        what it lists of those out of it, stale ones among them.

    Raises:
        Unreachable, AnswerLost: no side answered.
    """
    asked = {"destination": check_svm_name("destination_svm", params["destination_svm"])}
    if params.get("source") and params.get("source_svm"):
        asked["source"] = check_svm_name("source_svm", params["source_svm"])
    clients = {role: connect(access_of(params[role], role), env) for role in asked}
    failures: list[KubedrError] = []
    found = {role: _answer(lambda role=role: look(clients[role], asked[role]), failures) for role in asked}  # type: ignore[misc]
    if len(failures) == len(asked):
        raise failures[0]
    return {"changed": False, **found}


def look(client: OntapClient, name: str) -> dict[str, Any]:
    """One side, from its own cluster only."""
    cluster, svm, relation = svms.cluster(client), svms.find(client, name), snapmirror.find(client, name)
    parts: dict[str, Any] = {
        "svm": svm,
        "relationship": relation,
        "transfers": snapmirror.last_transfers(client, relation.uuid) if relation else [],
        "remembers": snapmirror.list_destinations(client, name),
    }
    if svm is not None:
        parts |= {
            "volumes": volumes.list_volumes(client, name),
            "lifs": network.svm_lifs(client, name),
            "routes": network.svm_routes(client, name),
            "nfs": network.nfs_enabled(client, name),
            "export_policies": exports.read_policies(client, name),
        }
    return {"answered": True, "cluster": plain(cluster), "time": plain(client.server_time), **{key: plain(value) for key, value in parts.items()}}


def _answer(ask: Callable[[], dict[str, Any]], failures: list[KubedrError]) -> dict[str, Any]:
    try:
        return ask()
    except (Unreachable, AnswerLost) as error:
        failures.append(error)
        return {"answered": False, "failure": error.failure()}
