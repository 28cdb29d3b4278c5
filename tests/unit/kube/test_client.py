# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Paging, retries, typed errors, discovery, and the form of an act."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, AuthError, Conflict, KubedrError, NotFound, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient, act, error_from

from .fakes import FakeApi, status

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def fill(api: FakeApi, count: int) -> None:
    for number in range(count):
        api.put(f"{CONFIGMAPS}/c{number:03}", {"metadata": {"labels": {"parity": str(number % 2)}}})


def test_get_of_nothing_is_none(client: KubeClient) -> None:
    assert client.get(f"{CONFIGMAPS}/none") is None


def test_server_time_is_the_servers(client: KubeClient, api: FakeApi) -> None:
    api.clock.now = 90.0
    client.get(f"{CONFIGMAPS}/none")
    assert client.server_time == api.clock.utcnow()


def test_items_follow_pages(client: KubeClient, api: FakeApi) -> None:
    fill(api, 7)
    names = [item["metadata"]["name"] for item in client.items(CONFIGMAPS, limit=3)]
    assert names == [f"c{number:03}" for number in range(7)]
    assert len(api.sent) == 3


def test_items_by_label(client: KubeClient, api: FakeApi) -> None:
    fill(api, 4)
    assert [item["metadata"]["name"] for item in client.items(CONFIGMAPS, "parity=1")] == ["c001", "c003"]


def test_expired_list_is_begun_anew_without_repeats(client: KubeClient, api: FakeApi) -> None:
    fill(api, 5)
    listed = client.items(CONFIGMAPS, limit=2)
    first = [next(listed)["metadata"]["name"] for _unused in range(2)]
    api.fail.append(("GET", CONFIGMAPS, status(410, "Expired", "too old")))
    rest = [item["metadata"]["name"] for item in listed]
    assert first + rest == [f"c{number:03}" for number in range(5)]


def test_a_list_that_always_expires_ends(client: KubeClient, api: FakeApi) -> None:
    api.fail.extend([("GET", CONFIGMAPS, status(410, "Expired", "too old"))] * 9)
    with pytest.raises(ApiError, match="too old"):
        list(client.items(CONFIGMAPS))


def test_unknown_kind_is_not_an_empty_list(client: KubeClient) -> None:
    with pytest.raises(NotFound):
        list(client.items("/apis/nowhere.io/v1/things"))


@pytest.mark.parametrize("how", ["unreachable", "lost", 500, 503, 429])
def test_reads_are_retried(client: KubeClient, api: FakeApi, how: Any) -> None:
    fill(api, 1)
    api.fail.extend([("GET", "c000", how)] * 3)
    assert client.get(f"{CONFIGMAPS}/c000") is not None
    assert api.clock.now > 0


@pytest.mark.parametrize(("how", "error"), [("unreachable", Unreachable), ("lost", AnswerLost), (500, ApiError)])
def test_reads_give_up_with_the_typed_error(client: KubeClient, api: FakeApi, how: Any, error: type[KubedrError]) -> None:
    api.fail.extend([("GET", "c000", how)] * 4)
    with pytest.raises(error):
        client.get(f"{CONFIGMAPS}/c000")
    assert len(api.sent) == 4


@pytest.mark.parametrize("code", [401, 403])
def test_refused_rights_are_never_retried(client: KubeClient, api: FakeApi, code: int) -> None:
    api.fail.append(("GET", "c000", code))
    with pytest.raises(AuthError):
        client.get(f"{CONFIGMAPS}/c000")
    assert len(api.sent) == 1


def test_no_retries_where_asked_once(api: FakeApi) -> None:
    api.fail.append(("GET", "c000", "unreachable"))
    with pytest.raises(Unreachable):
        KubeClient(api, api.clock, "Kubernetes tokyo", retries=0).get(f"{CONFIGMAPS}/c000")
    assert len(api.sent) == 1


def test_retry_after_is_honoured(client: KubeClient, api: FakeApi) -> None:
    fill(api, 1)
    api.fail.append(("GET", "c000", status(429, "TooManyRequests", "slow down", {"retry-after": "7"})))
    client.get(f"{CONFIGMAPS}/c000")
    assert api.clock.now == 7.0


@pytest.mark.parametrize("method", ["create", "replace", "merge", "delete"])
def test_writes_are_sent_once(client: KubeClient, api: FakeApi, method: str) -> None:
    api.fail.append(("*", "configmaps", "lost"))
    send = {
        "create": lambda: client.create(CONFIGMAPS, {"metadata": {"name": "c"}}), "replace": lambda: client.replace(f"{CONFIGMAPS}/c", {"metadata": {}}),
        "merge": lambda: client.merge(f"{CONFIGMAPS}/c", {}), "delete": lambda: client.delete(f"{CONFIGMAPS}/c"),
    }[method]
    with pytest.raises(AnswerLost):
        send()
    assert len(api.sent) == 1


def test_delete_of_nothing_is_fine(client: KubeClient, api: FakeApi) -> None:
    client.delete(f"{CONFIGMAPS}/none")
    assert api.sent == [("DELETE", f"{CONFIGMAPS}/none")]


def test_replace_of_what_changed_meanwhile_is_a_conflict(client: KubeClient, api: FakeApi) -> None:
    fill(api, 1)
    seen = client.get(f"{CONFIGMAPS}/c000") or {}
    api.put(f"{CONFIGMAPS}/c000", {"data": {"by": "another"}})
    with pytest.raises(Conflict) as caught:
        client.replace(f"{CONFIGMAPS}/c000", seen)
    assert caught.value.code == "409 Conflict"


def test_an_answer_that_is_no_json_is_no_answer(api: FakeApi) -> None:
    class Proxy:
        def send(self, request: Request) -> Response:
            return Response(200, {}, "<html>welcome</html>")

    with pytest.raises(AnswerLost, match="not a JSON object"):
        KubeClient(Proxy(), api.clock, "Kubernetes osaka", retries=0).get("/api/v1/nodes/n")


def test_discovery_reads_only_the_groups_needed_and_only_once(client: KubeClient, api: FakeApi) -> None:
    for _unused in range(2):
        found = client.resource("deployments.apps")
        assert found is not None
        assert found.path("app1", "web") == "/apis/apps/v1/namespaces/app1/deployments/web"
        pvs = client.resource("persistentvolumes")
        assert pvs is not None
        assert pvs.path("ignored", "pv1") == "/api/v1/persistentvolumes/pv1"
        assert client.resource("gadgets.example.com") is None
    assert api.sent == [("GET", "/apis"), ("GET", "/apis/apps/v1"), ("GET", "/api/v1")]


def test_subresources_are_no_kinds(client: KubeClient) -> None:
    assert "namespaces/status" not in [found.plural for found in client.resources([""])]


def test_allowed_asks_the_server(client: KubeClient) -> None:
    assert client.allowed("create", "velero.io", "restores", "velero")
    assert not client.allowed("delete", "", "namespaces")


@pytest.mark.parametrize(
    ("code", "kind"), [(401, AuthError), (403, AuthError), (404, NotFound), (409, Conflict), (422, ApiError), (500, ApiError)],
)
def test_status_objects_become_typed_errors(code: int, kind: type[KubedrError]) -> None:
    error = error_from(status(code, "", "because"), "Kubernetes osaka", "GET /x")
    assert error.__class__ is kind
    assert "Kubernetes osaka: GET /x: because" in str(error)


@pytest.mark.parametrize("text", [
    "exceeded quota: pods", "namespace app1 is being terminated", 'admission webhook "guard.example.com" denied the request: no',
    "ValidatingAdmissionPolicy 'house' with binding 'house' denied request: no", 'pods "web" is forbidden: violates PodSecurity "restricted:latest": no',
])
def test_a_full_quota_is_no_matter_of_rights(text: str) -> None:
    assert error_from(status(403, "Forbidden", text), "", "").__class__ is ApiError


def ensure_map(client: KubeClient, check_mode: bool = False) -> tuple[Any, bool]:
    body = {"metadata": {"name": "c"}, "data": {"k": "v"}}
    return act(
        client, lambda: client.get(f"{CONFIGMAPS}/c"), lambda seen: bool(seen and seen.get("data") == {"k": "v"}),
        lambda seen: client.create(CONFIGMAPS, body) if seen is None else client.merge(f"{CONFIGMAPS}/c", {"data": {"k": "v"}}), what="c",
        check_mode=check_mode,
    )


def test_act_twice_writes_once(client: KubeClient, api: FakeApi) -> None:
    assert ensure_map(client)[1] is True
    assert ensure_map(client)[1] is False
    assert len(api.writes()) == 1


def test_act_in_check_mode_sends_nothing(client: KubeClient, api: FakeApi) -> None:
    assert ensure_map(client, check_mode=True) == (None, True)
    assert api.writes() == []


def test_act_whose_answer_was_lost_is_not_sent_again(client: KubeClient, api: FakeApi) -> None:
    api.fail.append(("POST", "configmaps", "executed"))
    seen, changed = ensure_map(client)
    assert changed
    assert seen["data"] == {"k": "v"}
    assert len(api.writes()) == 1


@pytest.mark.parametrize("how", ["lost", "unreachable", 500, 503, 429])
def test_act_that_was_not_carried_out_is_sent_again(client: KubeClient, api: FakeApi, how: Any) -> None:
    api.fail.extend([("POST", "configmaps", how)] * 2)
    assert ensure_map(client)[1] is True
    assert len(api.writes()) == 3


def test_act_gives_up(client: KubeClient, api: FakeApi) -> None:
    api.fail.extend([("POST", "configmaps", 500)] * 9)
    with pytest.raises(ApiError, match="injected"):
        ensure_map(client)
    assert len(api.writes()) == 4


@pytest.mark.parametrize("code", [401, 403, 422])
def test_act_that_is_refused_is_not_sent_again(client: KubeClient, api: FakeApi, code: int) -> None:
    api.fail.append(("POST", "configmaps", code))
    with pytest.raises((AuthError, ApiError)):
        ensure_map(client)
    assert len(api.writes()) == 1


def test_act_believes_the_object_not_the_answer(client: KubeClient, api: FakeApi) -> None:
    api.fail.extend([("POST", "configmaps", Response(201, {}, {}))] * 9)
    with pytest.raises(ApiError, match="does not show it"):
        ensure_map(client)
