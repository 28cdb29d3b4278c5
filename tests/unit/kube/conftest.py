# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""A fake cluster and a client of it."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.client import KubeClient
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.dialect import ArkAccess, ark_access

from .fakes import FakeApi


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def client(api: FakeApi) -> KubeClient:
    return KubeClient(api, api.clock, "Kubernetes osaka")


@pytest.fixture
def velero() -> ArkAccess:
    return ark_access("velero.io")


@pytest.fixture
def ark() -> ArkAccess:
    return ark_access("ark.heptio.com")
