# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The light tier against the recorded answers of a real API server. What may differ stands in docs/tiers.md, with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.kubedr.ontap.tests.support.corpus import corpus, differences
from ansible_collections.kubedr.ontap.tests.support.tiers import Answers, light, recorded

TABLE = Path(__file__).resolve().parents[3] / "docs" / "tiers.md"
Rule = tuple[re.Pattern[str], re.Pattern[str]]


def known() -> list[Rule]:
    """The rows of the table: request and place."""
    _head, text = TABLE.read_text().split("## What is known to differ")
    rows = [re.split(r"(?<!\\)\|", line)[1:3] for line in text.splitlines() if line.startswith("| `")]
    return [(re.compile(request.strip(" `").replace("\\|", "|")), re.compile(place.strip(" `").replace("\\|", "|"))) for request, place in rows]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """The light tier's."""
    return light()


def found(answers: Answers) -> list[tuple[str, str]]:
    """(request, place with both values) of every difference."""
    real = recorded()
    return [(name, place) for name in real for place in differences(real[name], answers[name])]


def excuses(rule: Rule, name: str, place: str) -> bool:
    """Whether a row of the table is about this difference."""
    request, where = rule
    return request.fullmatch(name) is not None and where.fullmatch(place.split(":", 1)[0]) is not None


def test_the_corpus_was_recorded_as_it_is() -> None:
    assert {ask.name for ask in corpus()} == set(recorded())
    assert len(recorded()) == len(corpus()) > 800


def test_no_difference_but_those_that_are_known(answers: Answers) -> None:
    rules = known()
    assert [f"{name}: {place}" for name, place in found(answers) if not any(excuses(rule, name, place) for rule in rules)] == []


def test_every_known_difference_is_there(answers: Answers) -> None:
    all_found = found(answers)
    assert [rule for rule in known() if not any(excuses(rule, name, place) for name, place in all_found)] == []
