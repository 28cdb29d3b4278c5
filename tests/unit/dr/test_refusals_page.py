# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in the docs is the one in the code, and every refusal of it tells what helps."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.table import NOT_YET, REFUSALS
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.words import Mode, Verb

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "refusals"


def script() -> Any:
    loader = SourceFileLoader("refusals", str(SCRIPT))
    spec = spec_from_loader("refusals", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_page_is_printed_from_the_code() -> None:
    found = script()
    assert found.PAGE.read_text(encoding="utf-8") == found.page(), "run scripts/refusals --write"


def test_every_verb_that_writes_has_its_table() -> None:
    modes = {(verb, mode) for verb in (Verb.FAILOVER, Verb.FAILBACK) for mode in Mode}
    assert set(REFUSALS) == modes | {(verb, None) for verb in (Verb.SETUP, Verb.REPROTECT, Verb.TEARDOWN)}
    assert set(NOT_YET) == {Verb.DRILL, Verb.DRILL_CLEANUP}


@pytest.mark.parametrize("no", [no for table in REFUSALS.values() for no in table.values()], ids=lambda no: no.reason)
def test_every_refusal_says_what_helps(no: Any) -> None:
    assert no.reason.isidentifier()
    assert no.message
    assert any(verb in no.advice.lower() for verb in (*(str(verb) for verb in Verb), "wait", "nothing to bring home")), no.advice
