# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus of requests on a real API server: its answers are those that were recorded, to which the light tier is held by the ordinary suite.

``KUBEDR_RECORD=1 make e2e`` records them anew.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import aiohttp
from ansible_collections.kubedr.ontap.tests.e2e.real import tell
from ansible_collections.kubedr.ontap.tests.support.corpus import Ask, corpus, differences, encoded, normalised
from ansible_collections.kubedr.ontap.tests.support.tiers import Answers, light, record, recorded
from yarl import URL

from kubedr_lab.controllers import api as kinds
from kubedr_lab.controllers.api import Api
from kubedr_lab.pki import Authority
from kubedr_lab.real import binaries
from kubedr_lab.real.site import ControlPlane, User
from kubedr_lab.real.station import served, velero_crds


async def real(folder: Path) -> Answers:
    """What a real API server without controllers answers."""
    authority = Authority()
    (folder / "ca.pem").write_bytes(authority.pem)
    authority.issue("corpus").write(folder / "api.pem", folder / "api.key")
    tasks: list[asyncio.Task[None]] = []
    admin = User("token-of-the-corpus", "corpus", ("system:masters",))
    plane = ControlPlane(
        "corpus", folder / "d", folder / "api.pem", folder / "api.key", folder / "ca.pem", admin, (), lambda work: tasks.append(asyncio.ensure_future(work)),
    )
    await plane.start_api()
    async with plane.port() as port:
        for crd in velero_crds(binaries.crds()):
            await Api(port).create(kinds.CRDS, crd)
        await served(port)
    tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    headers = {"Authorization": f"Bearer {admin.token}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=tls)) as session:
        return {ask.name: await _answer(session, plane.server, ask) for ask in corpus()}


async def _answer(session: aiohttp.ClientSession, server: str, ask: Ask) -> dict[str, Any]:
    url, headers = URL(server + ask.path).with_query(ask.query), {"Accept": ask.accept, "Content-Type": ask.content_type}
    async with session.request(ask.method, url, data=encoded(ask.body) or None, headers=headers) as answer:
        return normalised(ask, answer.status, await answer.read())


def test_a_real_api_server_answers_as_recorded(programs: None, tmp_path: Path) -> None:
    answers = asyncio.run(real(tmp_path))
    if os.environ.get("KUBEDR_RECORD"):
        record(answers)
    before = recorded()
    assert set(answers) == set(before)
    changed = {name: found for name in answers if (found := list(differences(before[name], answers[name])))}
    assert not changed
    simulated = light()
    apart = {name: len(list(differences(answers[name], simulated[name]))) for name in answers}
    differ = [number for number in apart.values() if number]
    tell(f"{len(answers)} requests to both tiers: {len(answers) - len(differ)} answered alike, {len(differ)} differ in {sum(differ)} places (docs/tiers.md)")
