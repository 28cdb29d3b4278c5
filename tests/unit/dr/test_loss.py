# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss of a resync: stated per volume, and accepted only by the token of exactly that loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.loss import Loss, VolumeLoss, check_accepted, volume_loss
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ConfigError, Refused
from hypothesis import given
from hypothesis import strategies as st

V1 = VolumeLoss("v1", "s2", "2026-05-01T12:00:00Z", 4096, "s3")
LOSS = Loss("payments", 2, "svm_payments", (V1,), still=True)


def snap(name: str, after: int | None = 0) -> dict[str, Any]:
    return {"name": name, "created_at": f"2026-05-01T12:00:0{name[-1]}Z", "bytes_after": after}


def test_the_newest_common_snapshot_counts() -> None:
    found = volume_loss("v1", [snap("s1", 30), snap("s2", 20), snap("s3", 10)], ["s1", "s2", "other"])
    assert (found.common, found.lost_after, found.bytes, found.newest) == ("s2", "2026-05-01T12:00:02Z", 20, "s3")
    assert not found.nothing


def test_no_common_snapshot_loses_everything() -> None:
    found = volume_loss("v1", [snap("s1")], ["s9"])
    assert (found.common, found.lost_after, found.bytes) == ("", None, None)
    with pytest.raises(Refused) as error:
        check_accepted(replace(LOSS, volumes=(found,)), "any", "reprotect")
    assert error.value.reason == "no_common_snapshot"


@pytest.mark.parametrize(("volume", "still", "nothing"), [
    (VolumeLoss("v", "s1", "t", 0, "s1"), True, True), (VolumeLoss("v", "s1", "t", 0, "s1"), False, False), (VolumeLoss("v", "s1", "t", 0, "s2"), True, False),
    (VolumeLoss("v", "s1", "t", None, "s1"), True, False), (VolumeLoss("v", "s1", "t", 1, "s1"), True, False),
])
def test_no_token_only_where_all_was_seen_to_be_the_same(volume: VolumeLoss, still: bool, nothing: bool) -> None:
    loss = replace(LOSS, volumes=(volume,), still=still)
    assert (loss.token is None) == nothing


def test_the_token_stands_alone_on_a_line_and_opens_the_way() -> None:
    with pytest.raises(Refused) as error:
        check_accepted(LOSS, None, "reprotect")
    assert error.value.reason == "loss_not_accepted"
    assert LOSS.token in error.value.message.split("\n")
    check_accepted(LOSS, LOSS.token, "reprotect")


def test_a_stale_token_is_refused() -> None:
    with pytest.raises(Refused) as error:
        check_accepted(replace(LOSS, volumes=(replace(V1, bytes=8192),)), LOSS.token, "reprotect")
    assert error.value.reason == "loss_token_stale"


def test_a_token_that_is_no_text() -> None:
    with pytest.raises(ConfigError):
        check_accepted(LOSS, True, "reprotect")


@given(changes=st.fixed_dictionaries(
    {}, optional={"name": st.text(min_size=1), "common": st.text(min_size=1), "bytes": st.integers(1), "newest": st.text(min_size=1)},
), epoch=st.integers(1, 9))
def test_another_loss_has_another_token(changes: dict[str, Any], epoch: int) -> None:
    other = replace(LOSS, epoch=epoch, volumes=(replace(V1, **changes),))
    assert (other.token == LOSS.token) == (other == LOSS)
