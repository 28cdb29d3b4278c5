# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever would scale the workloads up again is named before they are scaled down, and how many there were is noted on each."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import KubedrError
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.raisers import raisers
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.connect import Side
from ansible_collections.kubedr.ontap.tests.matrix.ends import entries
from ansible_collections.kubedr.ontap.tests.support.pocket import PocketKube, pocket_env

from .conftest import World


def create(world: World, path: str, body: dict[str, Any]) -> str:
    """Returns the new object's uid."""
    answer = PocketKube(world.pocket, "tokyo").send(Request("POST", path, body=body))
    assert answer.status == 201
    assert isinstance(answer.body, dict)
    return str(answer.body["metadata"]["uid"])


def template(name: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"is": name}}, "spec": {"containers": [{"name": "main", "image": "example.com/app:1"}]}}


def furnish(world: World) -> None:
    """An autoscaler, a set that an operator makes, and a CronJob."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    create(world, "/apis/autoscaling/v2/namespaces/app1/horizontalpodautoscalers", {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3},
    })
    # any object of a kind that is none of Kubernetes' own controllers will do: the lab has no operator with a definition of its own
    uid = create(world, "/api/v1/namespaces/app1/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders"}})
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "orders", "uid": uid, "controller": True}
    create(world, "/apis/apps/v1/namespaces/app1/statefulsets", {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "orders", "ownerReferences": [owner]},
        "spec": {"replicas": 0, "serviceName": "orders", "selector": {"matchLabels": {"is": "orders"}}, "template": template("orders")},
    })
    job = {"template": {**template("nightly"), "spec": {**template("nightly")["spec"], "restartPolicy": "Never"}}}
    create(world, "/apis/batch/v1/namespaces/app1-batch/cronjobs", {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}},
    })


def test_they_are_named_in_progress_and_evidence(world: World) -> None:
    furnish(world)
    results = world.fence()
    step = next(step for result in results for step in result["steps"] if step["name"] == "raisers")
    assert step["changed"] is False
    lines = step["seen"]
    assert [line for line in lines if line.startswith("HorizontalPodAutoscaler app1/web scales Deployment web")]
    assert [line for line in lines if line.startswith("statefulsets.apps/app1/orders is made by ConfigMap/orders")]
    assert [line for line in lines if line.startswith("cronjobs.batch/app1-batch/nightly") and "suspended" in line]
    assert all(f"scale_down: {line}" in world.report.lines for line in lines)
    (cron,) = [item for _key, item in entries(world.pocket, "tokyo", "kubernetes", "kube.cronjobs.batch")]
    assert cron["spec"]["suspend"] is True


def test_nothing_is_said_where_there_is_nothing(world: World) -> None:
    world.fence()
    assert "raisers" not in [name for name, _changed in world.report.steps]


def test_how_many_there_were_is_noted_on_each_and_taken_away_again(world: World) -> None:
    def notes() -> dict[str, str | None]:
        found = entries(world.pocket, "tokyo", "kubernetes", "kube.deployments.apps")
        return {key: (item["metadata"].get("annotations") or {}).get("kubedr.ontap/replicas") for key, item in found if key.startswith("app1")}

    world.fence()
    assert notes() == {"app1/web": "2", "app1-batch/reports": "1"}
    world.fence(how="lift")
    assert notes() == {"app1/web": None, "app1-batch/reports": None}


def test_who_may_not_list_autoscalers_is_told_so(world: World) -> None:
    world.pocket.fault("tokyo", "GET /apis/autoscaling/", "401", times=0)

    config = parse_group(world.group())
    try:
        lines = raisers(Side(config.source, pocket_env(world.pocket), 10, 0).kube, config.namespaces)
    except KubedrError as error:
        raise AssertionError(f"it must not fail: {error}") from error
    assert "autoscalers of app1 may not be listed: unknown" in lines
