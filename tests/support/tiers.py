# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus of requests, answered by the light tier, and the real tier's answers as they were recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubedr_lab.clock import VirtualClock
from kubedr_lab.crds import load_crds
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.messages import Request, Response
from kubedr_lab.store import MemoryStore

from .corpus import Ask, corpus, encoded, normalised

RECORDED = Path(__file__).with_name("recorded.json")
"""Answers of a real kube-apiserver with Velero's own CRDs, by name of the request; `make e2e` compares them with a new recording."""
LICENCE = ["Copyright (c) 2026, the kubedr.ontap authors", "SPDX-License-Identifier: GPL-3.0-or-later"]
Answers = dict[str, dict[str, Any]]


def recorded() -> Answers:
    """What the real tier answered."""
    found: Answers = json.loads(RECORDED.read_text())["answers"]
    return found


def record(answers: Answers) -> None:
    """Keep these answers, one a line. The file is the same for the same answers."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(answers[name], sort_keys=True, separators=(',', ':'))}" for name in sorted(answers))
    RECORDED.write_text(f'{{"licence": {json.dumps(LICENCE)},\n"answers": {{\n{lines}\n}}}}\n')


def light() -> Answers:
    """What the light tier answers."""
    cluster = KubeCluster("tokyo", MemoryStore(), VirtualClock())

    def send(ask: Ask) -> Response:
        query = {name: [value] for name, value in ask.query.items()}
        return _now(cluster, Request(ask.method, ask.path, query, {"accept": ask.accept, "content-type": ask.content_type}, encoded(ask.body)))

    for crd in load_crds("velero.io"):
        assert send(Ask("crd", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)).status == 201
    answers = {}
    for ask in corpus():
        answer = send(ask)
        answers[ask.name] = normalised(ask, answer.status, answer.body)
    return answers


def _now(cluster: KubeCluster, request: Request) -> Response:
    """The core never waits, so one step is all it takes."""
    try:
        cluster.handle(request).send(None)
    except StopIteration as stop:
        answer: Response = stop.value
        return answer
    raise AssertionError("the core waited for something")
