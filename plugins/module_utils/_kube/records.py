# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The group's record on one cluster: ConfigMap ``kubedr-<group>``, one JSON document under the key ``record``."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Lock
from typing import Any

from .._errors import ApiError, Conflict, KubedrError, NotFound
from .client import RETRIES, KubeClient, pause_for, retryable

KEY = "record"
LABEL = {"app.kubernetes.io/managed-by": "kubedr.ontap"}
CONFLICTS = 10


class RecordStore:
    """Reads and changes the record with optimistic concurrency: nobody's change is lost, and none is made on what was not read."""

    def __init__(self, client: KubeClient, namespace: str, group: str) -> None:
        self.client, self.namespace, self.name = client, namespace, f"kubedr-{group}"
        self._collection = f"/api/v1/namespaces/{namespace}/configmaps"
        self._path = f"{self._collection}/{self.name}"
        self._last: dict[str, Any] | None = None
        self._remembering = Lock()
        self._foreign = (
            f"Look who wrote ConfigMap {self.name} in namespace {namespace}; put back what stood there, from the other site's copy or from a run's evidence."
        )

    def read(self) -> tuple[dict[str, Any] | None, str]:
        """The record (None when there is none) and its version (empty then).

        Raises:
            ApiError: it is not JSON: somebody else wrote it.
        """
        record, live = self._look()
        return record, _version(live)

    @property
    def last(self) -> dict[str, Any] | None:
        """What was read or written here last, without asking again."""
        return self._parse(self._last)[0]

    def update(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Apply ``change`` to what stands there ({} when nothing does) and store it; returns what is stored. It
        begins from what this store read or wrote last; where somebody changed it since, the version tells, and it is read and applied again.

        ``change`` is pure and may be called several times: again on the newer record when somebody else was faster. What it raises goes through. Nothing is
        written when it changes nothing. A write whose answer was lost is looked for before it is sent again.

        Raises:
            Conflict: others changed it at every try.
        """
        failures, conflicts = 0, 0
        record, live, wanted = self._begin(change) if self._last is not None else self._anew(change)
        while record != wanted:
            try:
                self._remember(self._write(wanted, live))
                return wanted
            except Conflict:
                conflicts += 1
                if conflicts > CONFLICTS:
                    raise
                self.client.clock.sleep(0.05 * conflicts)
                lost = False
            except KubedrError as error:
                failures += 1
                if failures > RETRIES or not retryable(error):
                    raise
                self.client.clock.sleep(pause_for(error, 0.2 * 2**failures))
                lost = True
            before = live
            record, live = self._look()
            if (lost or failures) and record == wanted:
                return wanted
            if _version(live) != _version(before):
                wanted = change(dict(record or {}))
        return wanted

    def _anew(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]]:
        record, live = self._look()
        return record, live, change(dict(record or {}))

    def _begin(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]]:
        """From what is known: only for a write, whose version is checked. A refusal, or that there is nothing to do, may rest on what stands there now only."""
        live = self._last
        try:
            record = self._parse(live)[0]
            wanted = change(dict(record or {}))
        except KubedrError:
            return self._anew(change)
        return (record, live, wanted) if record != wanted else self._anew(change)

    def remove(self) -> bool:
        """Delete the record; returns whether there was one."""
        if self.client.get(self._path) is None:
            return False
        self.client.delete(self._path)
        self._last = None
        return True

    def _look(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        live = self._remember(self.client.get(self._path))
        return self._parse(live)[0], live

    def _remember(self, live: dict[str, Any] | None) -> dict[str, Any] | None:
        """Of two threads the one that was answered first may come here last: where the versions tell, the newer one stays."""
        with self._remembering:
            if not _older(live, self._last):
                self._last = live
        return live

    def _write(self, record: dict[str, Any], live: dict[str, Any] | None) -> dict[str, Any]:
        """What the server stored."""
        data = {KEY: json.dumps(record, sort_keys=True, indent=1)}
        if live is None:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name, "namespace": self.namespace, "labels": LABEL}, "data": data}
            try:
                return self.client.create(self._collection, body)
            except NotFound as error:
                error.advice = f"Does the namespace {self.namespace} exist on this cluster?"
                raise
        return self.client.replace(self._path, {**live, "data": {**(live.get("data") or {}), **data}})

    def _parse(self, live: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str]:
        if live is None:
            return None, ""
        text = (live.get("data") or {}).get(KEY)
        if text is None:
            return None, _version(live)
        try:
            record = json.loads(text)
        except ValueError as error:
            raise ApiError(
                "the record is not JSON", system=self.client.system, operation="read record", obj=self.name, seen=str(text)[:200], advice=self._foreign,
            ) from error
        if not isinstance(record, dict):
            raise ApiError("the record is not a JSON object", system=self.client.system, operation="read record", obj=self.name, advice=self._foreign)
        return record, _version(live)


def _version(live: dict[str, Any] | None) -> str:
    return str(((live or {}).get("metadata") or {}).get("resourceVersion") or "")


def _older(live: dict[str, Any] | None, than: dict[str, Any] | None) -> bool:
    """Kubernetes' versions of one kind can be compared as numbers (KEP-5504); what is no number tells nothing."""
    mine, theirs = _version(live), _version(than)
    return mine.isdigit() and theirs.isdigit() and int(mine) < int(theirs)
