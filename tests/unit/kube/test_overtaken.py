# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write that others overtake, as when many groups hold one backup location at the same time: it goes on, longer than after an error, but not for ever."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import Conflict
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import OVERTAKEN, RETRIES, KubeClient, act


class Watch:
    """A clock that only counts."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def utcnow(self) -> datetime:
        raise AssertionError("not asked for")


class Nothing:
    """A transport that is not used."""

    def send(self, request: Request) -> Response:
        raise AssertionError(request)


class Shared:
    """An object of which the first writes meet a version that is no longer there."""

    def __init__(self, times: int, code: str = "409 Conflict") -> None:
        self.left, self.code, self.written, self.clock = times, code, False, Watch()
        self.client = KubeClient(Nothing(), self.clock, "Kubernetes osaka")

    def send(self, _seen: bool) -> None:
        if self.left:
            self.left -= 1
            raise Conflict("the object has been modified", status=409, code=self.code)
        self.written = True

    def write(self) -> tuple[bool, bool]:
        return act(self.client, lambda: self.written, lambda seen: seen, self.send, what="hold")


@pytest.mark.parametrize("times", [1, RETRIES + 1, OVERTAKEN])
def test_it_is_tried_again_on_what_was_read_since(times: int) -> None:
    shared = Shared(times)
    assert shared.write() == (True, True)
    assert shared.clock.now < 60


def test_it_gives_up_when_it_is_overtaken_for_ever() -> None:
    shared = Shared(OVERTAKEN + 1)
    with pytest.raises(Conflict):
        shared.write()
    assert not shared.written


def test_a_conflict_of_another_kind_is_given_up_soon() -> None:
    shared = Shared(RETRIES + 1, code="409 AlreadyExists")
    with pytest.raises(Conflict):
        shared.write()
    assert shared.clock.now < 5
