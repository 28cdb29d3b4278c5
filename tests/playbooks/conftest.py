# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live lab, and somebody who runs playbooks against it. When the tests of a file end, every file that they left is searched for secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.kubedr.ontap.tests.support.live import running_lab
from ansible_collections.kubedr.ontap.tests.support.playbooks import Operator


@pytest.fixture
def operator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    """With a lab of its own; parametrise indirectly with the arguments of ``kubedr-lab up``."""
    with running_lab(tmp_path / "lab", *getattr(request, "param", [])) as lab:
        operator = Operator(lab, tmp_path / "operator")
        yield operator
        assert operator.leaks() == []
