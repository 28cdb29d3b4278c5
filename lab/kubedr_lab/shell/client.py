# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands talk to the parts of a running lab: JSON over the peer listener."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from ..state import Folder, LabError, Part

TIMEOUT = 60.0


def call(folder: Folder, part: Part, name: str, message: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Ask one part of the lab.

    Raises:
        LabError: no answer, or the part could not do it; the text says which.
    """
    context = ssl.create_default_context(cafile=str(folder.path / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", part.peer_port, timeout=timeout, context=context)
    try:
        connection.request("POST", f"/lab/{name}", json.dumps(message or {}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"{part.name} does not answer: {error or type(error).__name__}; see {part.output}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise LabError(f"{part.name} could not do {name} (HTTP {answer.status}); see {part.output}")
    data: dict[str, Any] = json.loads(body)
    if "refused" in data:
        raise LabError(f"{part.name}: {data['refused']}")
    return data
