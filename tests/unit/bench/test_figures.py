# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds per role, and tables."""

from __future__ import annotations

import json

import pytest
from kubedr_bench.figures import role_seconds, table


def task(name: str, begin: str, end: str | None) -> dict[str, object]:
    return {"task": {"name": name, "duration": {"start": begin, **({"end": end} if end else {})}}, "hosts": {}}


def printed(*tasks: dict[str, object]) -> str:
    return "[WARNING]: something\n" + json.dumps({"plays": [{"tasks": list(tasks)}], "stats": {}}, indent=4)


def test_a_role_is_the_sum_of_its_tasks_and_its_argument_check() -> None:
    text = printed(
        task("kubedr.ontap.svmdr : Validating arguments", "2026-01-31T03:00:00.000000Z", "2026-01-31T03:00:00.050000Z"),
        task("kubedr.ontap.svmdr : Make it", "2026-01-31T03:00:00.050000Z", "2026-01-31T03:00:00.400000Z"),
        task("kubedr.ontap.setup : End", "2026-01-31T03:00:01.000000Z", "2026-01-31T03:00:01.250000Z"),
    )
    assert role_seconds(text) == {"svmdr": pytest.approx(0.4), "setup": pytest.approx(0.25)}


def test_a_task_without_an_end_takes_no_time() -> None:
    assert role_seconds(printed(task("kubedr.ontap.fence : Ask", "2026-01-31T03:00:00Z", None))) == {"fence": 0.0}


def test_output_without_json_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError, match="could not find the inventory"):
        role_seconds("ERROR! could not find the inventory")


def test_tables_line_up_and_numbers_stand_right() -> None:
    assert table(["what", "s"], [["wall", 12.345], ["a longer one", 3]]) == "\n".join(
        ["what          s", "------------  -----", "wall          12.35", "a longer one      3"]
    )
