# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What Ark says about a restore, sorted into the expected and the rest. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import ApiError


@dataclass(frozen=True)
class Message:
    """One line of a restore's results. ``namespace`` is empty for the server's own and for cluster-scoped objects; ``why`` explains an expected one."""

    text: str
    namespace: str = ""
    expected: bool = False
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For a task's result."""
        return asdict(self)


EXPECTED: tuple[tuple[str, str, str], ...] = (
    ("configmap", r"kube-root-ca\.crt", "every namespace gets this cluster's own CA bundle"),
    ("configmap", r"openshift-service-ca\.crt", "every namespace gets this cluster's own service CA"),
    ("serviceaccount", r"default|builder|deployer", "every namespace gets its own default service account"),
    ("endpoint|endpointslice", r".*", "the cluster makes endpoints from the services and pods that it has"),
    ("priorityclas(se)?", r".*", "the restore of a pod brings its priority class along, which is left as it stands"),
    ("lease", r".*", "whoever holds a lease renews it all the time"),
)
"""Kind, name, reason: what every restore over a running cluster warns of."""

_EXISTS = re.compile(r"(?:could not restore,|not restored:)\s+(?P<kind>[A-Za-z]+)[A-Za-z0-9.]*(?::|\s+\")(?P<name>[^\"\s]+)\"?\s+already exists")
"""``could not restore, ConfigMap:NAME already exists. Warning: the in-cluster version is different ...`` (velero restore.go), and
``not restored: configmaps "NAME" already exists and is different from backed up version.`` (ark restore.go)."""


def parse(data: bytes, results_key: str, precreated: Collection[str] = ()) -> tuple[list[Message], list[Message]]:
    """Warnings and errors out of a results file: ``{"warnings": {"velero": [], "cluster": [], "namespaces": {"ns": []}}, "errors": {...}}``.

    Args:
        results_key: the server's own part, ``velero`` or ``ark``.
        precreated: names of the PersistentVolumes that were made before the restore on purpose.

    Raises:
        ApiError: not JSON.
    """
    try:
        results = json.loads(data)
    except ValueError as error:
        raise ApiError("the restore's results are unreadable", operation="read results") from error
    parts = results if isinstance(results, dict) else {}
    return _messages(parts.get("warnings"), results_key, precreated), _messages(parts.get("errors"), results_key, ())


def _messages(part: Any, results_key: str, precreated: Collection[str]) -> list[Message]:
    if not isinstance(part, dict):
        return []
    lines = [("", text) for key in (results_key, "cluster") for text in part.get(key) or ()]
    lines += [(namespace, text) for namespace, texts in sorted((part.get("namespaces") or {}).items()) for text in texts or ()]
    return [_explain(namespace, str(text), precreated) for namespace, text in lines]


def _explain(namespace: str, text: str, precreated: Collection[str]) -> Message:
    exists = _EXISTS.search(text)
    if not exists:
        return Message(text, namespace)
    kind, name = exists["kind"].lower().removesuffix("s"), exists["name"].rpartition("/")[2]
    if kind == "persistentvolume" and name in precreated:
        return Message(text, namespace, True, "this volume was made before the restore, so that its claim meets its data")
    why = next((why for kinds, names, why in EXPECTED if re.fullmatch(kinds, kind) and re.fullmatch(names, name)), "")
    return Message(text, namespace, bool(why), why)
