# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource modifiers: JSON, merge and strategic patches, their conditions, and what is refused (velero internal/resourcemodifiers)."""

from __future__ import annotations

from typing import Any

import pytest

from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.ports import Obj

from .conftest import Site


def modify(site: Site, rules: str, **more: Any) -> Obj:
    name = f"m{len(site.names('Restore'))}"
    site.config("velero", name, {"rules": f"version: v1\nresourceModifierRules:\n{rules}"})
    if site.get(kinds.CONFIG_MAPS, "settings", "app1"):
        site.delete(kinds.CONFIG_MAPS, "settings", "app1")
    return site.restore(name, "b1", resourceModifier={"kind": "configmap", "name": name}, labelSelector={"matchLabels": {"app": "web"}}, **more)


def test_json_patch_modifiers(filled: Site) -> None:
    rule = "- {conditions: {groupResource: configmaps}, patches: [%s]}"
    modify(filled, rule % '{operation: replace, path: /data/a, value: new}, {operation: add, path: /data/n, value: "\\"5\\""}')
    assert filled.seen(kinds.CONFIG_MAPS, "settings", "app1")["data"] == {"a": "new", "n": "5"}
    status = modify(filled, rule % "{operation: test, path: /data/a, value: zzz}, {operation: remove, path: /data/a}")
    assert status["phase"] == "Completed"
    assert filled.seen(kinds.CONFIG_MAPS, "settings", "app1")["data"] == {"a": "b"}
    status = modify(filled, rule % "{operation: replace, path: /data/none, value: x}")
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert filled.seen(kinds.CONFIG_MAPS, "settings", "app1")["data"] == {"a": "b"}, "created all the same, unpatched"


def test_modifier_conditions(filled: Site) -> None:
    def after(conditions: str) -> Any:
        modify(filled, f"- {{conditions: {{{conditions}}}, mergePatches: [{{patchData: '{{\"data\": {{\"a\": \"x\"}}}}'}}]}}")
        return filled.seen(kinds.CONFIG_MAPS, "settings", "app1")["data"]["a"]

    assert after("groupResource: configmaps, resourceNameRegex: ^sett, namespaces: [app1], labelSelector: {matchLabels: {app: web}}") == "x"
    assert after('groupResource: "*", matches: [{path: /data/a, value: b}]') == "x"
    for other in ("groupResource: secrets", "groupResource: configmaps, namespaces: [app2]", "groupResource: configmaps, resourceNameRegex: ^x",
                  "groupResource: configmaps, matches: [{path: /data/a, value: c}]", "groupResource: configmaps, labelSelector: {matchLabels: {app: db}}"):
        assert after(other) == "b"


def test_strategic_modifier(tokyo: Site, osaka: Site) -> None:
    tokyo.namespace_of("app1")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "old"}, {"name": "d", "image": "kept"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    tokyo.create(kinds.DEPLOYMENTS, {"metadata": {"namespace": "app1", "name": "web"}, "spec": spec})
    tokyo.backup("b1", includedNamespaces=["app1"])
    osaka.wait(61)
    patch = '{"spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "c", "image": "new"}]}}}}'
    rules = f"- {{conditions: {{groupResource: deployments.apps}}, strategicPatches: [{{patchData: '{patch}'}}]}}"
    osaka.config("velero", "m", {"rules": f"version: v1\nresourceModifierRules:\n{rules}"})
    osaka.restore("r1", "b1", resourceModifier={"kind": "configmap", "name": "m"})
    live = osaka.seen(kinds.DEPLOYMENTS, "web", "app1")["spec"]
    assert live["replicas"] == 0
    assert [container["image"] for container in live["template"]["spec"]["containers"]] == ["new", "kept"]


@pytest.mark.parametrize(("data", "message"), [
    ({"a": "version: v1", "b": "version: v1"}, "Error in parsing"),
    ({"a": "version: v2"}, "unsupported resource modifier version"),
    ({"a": "{"}, "Error in parsing"),
    ({"a": "version: v1\nresourceModifierRules: [{conditions: {groupResource: x, nmae: y}}]"}, "unknown field nmae"),
    ({"a": "version: v1\nresourceModifierRules: [{conditions: {namespaces: [x]}}]"}, "Validation error"),
    ({"a": "version: v1\nresourceModifierRules: [{conditions: {groupResource: x}, patches: [{operation: set, path: /a}]}]"}, "operation set is not supported"),
    ({"a": "version: v1\nresourceModifierRules: [{conditions: {groupResource: x, resourceNameRegex: '('}}]"}, "error parsing regexp"),
    ({"a": "version: v1\nresourceModifierRules: [{conditions: {groupResource: x}, patches: [{operation: test, path: /a}], mergePatches: [{patchData: a}]}]"},
     "only one of"),
])
def test_bad_modifiers(filled: Site, data: dict[str, str], message: str) -> None:
    filled.config("velero", "bad", data)
    status = filled.restore("r1", "b1", resourceModifier={"kind": "configmap", "name": "bad"})
    assert status["phase"] == "FailedValidation"
    assert message in status["validationErrors"][0]
