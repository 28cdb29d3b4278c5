# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acts: look, send if needed, believe the object."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, AuthError, JobFailed, KubedrError, Unreachable, WaitTimeout
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Response
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.act import Act, perform
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient

from .scripted import Call, accepted, answer, client_of, error, finish, get, job, write

PATH = "/api/thing"


def act(client: OntapClient, **more: Any) -> Act[str]:
    def read() -> str:
        return str(client.get(PATH)["state"])

    return Act("turn on", "thing 1", read, lambda seen: seen == "on", lambda seen: client.write("PATCH", PATH, {"state": "on"}), **more)


def state(value: str) -> Call:
    return get(PATH, answer({"state": value}))


def send(response: Response | Exception | None = None) -> Call:
    return write("PATCH", PATH, {"state": "on"}, response)


def test_nothing_is_sent_where_the_postcondition_holds() -> None:
    client = client_of(state("on"))
    assert perform(client, act(client), 10) == ("on", False)
    finish(client)


def test_it_waits_until_the_postcondition_is_seen() -> None:
    client = client_of(state("off"), send(accepted()), job("success"), state("off"), state("off"), state("on"))
    assert perform(client, act(client), 10) == ("on", True)
    finish(client)


def test_check_mode_sends_nothing() -> None:
    client = client_of(state("off"), check_mode=True)
    assert perform(client, act(client), 10) == ("off", True)
    finish(client)


def test_success_of_the_job_alone_is_not_success() -> None:
    client = client_of(state("off"), send(accepted()), job("success"), *[state("off")] * 20)
    with pytest.raises(WaitTimeout) as caught:
        perform(client, act(client), 5)
    assert caught.value.seen == "off"
    assert (caught.value.operation, caught.value.obj) == ("turn on", "thing 1")


@pytest.mark.parametrize("trouble", [AnswerLost("reset"), error("8", status=503), error("8", status=500)])
def test_after_a_lost_answer_it_looks_before_it_sends_again(trouble: Response | Exception) -> None:
    client = client_of(state("off"), send(trouble), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    finish(client)


def test_it_sends_again_what_was_not_carried_out() -> None:
    client = client_of(state("off"), send(error("8", status=503)), state("off"), send(), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    finish(client)


def test_it_gives_up_after_three_repeats() -> None:
    client = client_of(state("off"), *[send(Unreachable("refused")), state("off")] * 4)
    with pytest.raises(Unreachable) as caught:
        perform(client, act(client), 600)
    assert caught.value.seen == "off"
    finish(client)


def test_a_refused_password_is_not_repeated() -> None:
    client = client_of(state("off"), send(Response(401, {}, None)))
    with pytest.raises(AuthError):
        perform(client, act(client), 60)
    finish(client)


def test_an_error_after_which_the_object_is_right_is_success() -> None:
    client = client_of(state("off"), send(error("13303833")), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    finish(client)


def test_a_failed_job_is_success_only_where_the_object_says_so() -> None:
    client = client_of(state("off"), send(accepted()), job("failure"), state("off"), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    client = client_of(state("off"), send(accepted()), job("failure"), *[state("off")] * 5)
    with pytest.raises(JobFailed, match="turn on"):
        perform(client, act(client), 60)
    finish(client)


def test_a_lost_job_lets_the_object_decide() -> None:
    client = client_of(state("off"), send(accepted()), get("/api/cluster/jobs/J", error("4", status=404)), state("off"), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    finish(client)


def test_codes_that_say_not_now_are_repeated_until_the_deadline() -> None:
    again = [send(error("6619715")), state("off"), state("off")]
    client = client_of(state("off"), *again * 6, send(), state("on"))
    assert perform(client, act(client), 60) == ("on", True)
    finish(client)


def test_a_final_code_is_not_repeated_even_with_status_500() -> None:
    client = client_of(state("off"), send(error("262224", status=500)), state("off"))
    with pytest.raises(ApiError) as caught:
        perform(client, act(client, final=frozenset({"262224"})), 60)
    assert caught.value.code == "262224"
    finish(client)


def test_a_recovery_sends_again() -> None:
    done: list[str] = []

    def recover(found: KubedrError) -> bool:
        done.append(found.code)
        return True

    client = client_of(state("off"), send(error("77")), state("off"), state("off"), send(), state("on"))
    assert perform(client, act(client, recover=recover), 60) == ("on", True)
    assert done == ["77"]


def test_a_retry_after_beyond_the_deadline_ends_it() -> None:
    client = client_of(state("off"), send(error("8", status=503, retry_after="120")), state("off"))
    with pytest.raises(ApiError):
        perform(client, act(client), 60)
    finish(client)


def test_a_stepwise_act_is_asked_again_when_something_moved_or_after_a_second() -> None:
    client = client_of(state("off"), send(), state("half"), send(), *[state("half")] * 5, send(), state("on"))
    assert perform(client, act(client, stepwise=True), 60) == ("on", True)
    finish(client)


def test_waiting_for_somebody_elses_work_is_no_change() -> None:
    client = client_of(state("off"), state("on"))
    waiting = Act("turn on", "thing 1", lambda: str(client.get(PATH)["state"]), lambda seen: seen == "on", lambda seen: False)
    assert perform(client, waiting, 10) == ("on", False)
