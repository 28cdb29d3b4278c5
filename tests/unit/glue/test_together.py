# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking several things at once: answers in order, the first error in that order, no thread left."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._env import AT_ONCE, at_once, in_turn


def test_answers_come_in_the_order_of_the_questions() -> None:
    late, early = threading.Event(), threading.Event()

    def first() -> str:
        assert late.wait(5)
        early.set()
        return "first"

    def second() -> str:
        late.set()
        assert early.wait(5)
        return "second"

    assert at_once([first, second]) == ["first", "second"]


def test_the_first_error_in_order_is_raised_when_all_have_ended() -> None:
    ended: list[str] = []
    second_failed = threading.Event()

    def fail_late() -> None:
        assert second_failed.wait(5)
        ended.append("late")
        raise ValueError("the first question")

    def fail_early() -> None:
        ended.append("early")
        second_failed.set()
        raise KeyError("the second")

    with pytest.raises(ValueError, match="the first question"):
        at_once([fail_late, fail_early, lambda: ended.append("last")])
    assert sorted(ended) == ["early", "last", "late"]


def test_no_thread_outlives_it_and_no_more_than_allowed_run_at_a_time() -> None:
    before, lock, running, most = threading.active_count(), threading.Lock(), 0, 0

    def ask(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1
        return number

    assert at_once([partial(ask, number) for number in range(12)]) == list(range(12))
    assert threading.active_count() == before
    assert 1 < most <= AT_ONCE


@pytest.mark.parametrize("together", [in_turn, at_once])
def test_nothing_and_one_question_need_no_thread(together: object) -> None:
    assert callable(together)
    assert together([]) == []
    assert together([threading.get_ident]) == [threading.get_ident()]
