# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to each system and run, whoever asks first, and however many ask at once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.config import parse_group
from ansible_collections.kubedr.ontap.plugins.module_utils._env import at_once
from ansible_collections.kubedr.ontap.plugins.module_utils._verbs.connect import Side
from ansible_collections.kubedr.ontap.tests.support.pocket import pocket_env

from .conftest import World


@pytest.mark.parametrize("system", ["ontap", "kube"])
def test_looks_side_by_side_share_one_client(world: World, system: str) -> None:
    env, opened = pocket_env(world.pocket), []

    def slowly(opener: Any) -> Any:
        def opening(access: Any) -> Any:
            opened.append(access)
            time.sleep(0.05)
            return opener(access)

        return opening

    env = replace(env, open_ontap=slowly(env.open_ontap), open_kube=slowly(env.open_kube))
    side = Side(parse_group(world.group()).destination, env, 10.0, 3)
    clients = at_once([lambda: getattr(side, system) for _number in range(4)])
    assert len(opened) == 1
    assert {id(client) for client in clients} == {id(getattr(side, system))}
