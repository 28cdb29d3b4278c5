# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Which values of a task are secret. An argument spec's ``no_log`` does not reach into a free dict such as ``group``, so names decide there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SECRET_OPTION = re.compile(r"(^|_)(password|passphrase|passwd|api_key|token|secret|secret_key|secret_access_key)$")
SECRET_VARIABLE = re.compile(r"^KUBEDR_.+_(PASSWORD|API_KEY|TOKEN|SECRET)$")
NOT_SECRET = frozenset({"", "true", "false", "null", "none"})


def secrets_of(params: Any, environ: Mapping[str, str], known: Iterable[str] = ()) -> set[str]:
    """Texts that may appear nowhere: those ``known`` from the argument spec, those under secret names at any depth, those of our environment variables."""
    found = {str(value) for value in known}
    found.update(_deep(params))
    found.update(value for name, value in environ.items() if SECRET_VARIABLE.match(name))
    return {value for value in found if value.lower() not in NOT_SECRET}


def _deep(value: Any, under_secret: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _deep(item, SECRET_OPTION.search(str(key).lower()) is not None)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _deep(item, under_secret)
    elif under_secret and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)
