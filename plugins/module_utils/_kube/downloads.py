# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Files out of the object store, by DownloadRequest: the server signs a URL, we fetch it.

A read in the sense of the collection: the request has a name of its own and is deleted after use.
"""

from __future__ import annotations

import contextlib
import gzip
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .._clock import poll
from .._errors import AnswerLost, ApiError, KubedrError, NotFound, Unreachable, WaitTimeout
from . import ark as ark_kinds
from .client import RETRIES, KubeClient, act, retryable
from .dialect import ArkAccess

Fetch = Callable[[str, float], bytes]
"""Body behind a URL; arguments are the URL and a timeout in seconds."""

FETCH_TIMEOUT = 60.0
SIGNING = 0.05
"""Seconds. Velero signs a URL within a few hundredths of a second."""
NOT_REACHABLE = "Set publicUrl in the storage location's config to a name that this host can reach, or run where the object store is reachable."


def download(client: KubeClient, ark: ArkAccess, kind: str, name: str, fetch: Fetch, timeout: float = 60.0) -> bytes:
    """One file, as stored, mostly gzip.

    Args:
        kind: ``BackupContents``, ``RestoreResults``, ``BackupLog``, ...
        name: of the Backup or the Restore.
        timeout: seconds until the server has signed a URL; it never does for a name that it does not know.

    Raises:
        NotFound: the server says, or the store answers, that there is no such file.
        WaitTimeout: no URL in time.
        Unreachable: the URL's host can not be reached from here.
    """
    request = f"kubedr-{uuid.uuid4().hex[:16]}"
    path = ark.path("downloadrequests", request)
    body = ark.manifest("DownloadRequest", request, {"target": {"kind": kind, "name": name}})
    try:
        seen, _changed = act(
            client, lambda: client.get(path), lambda seen: seen is not None, lambda _seen: ark_kinds.create(client, ark, "downloadrequests", body),
            what="create download request", first=lambda: None,
        )
        url = _signed(client, ark, path, kind, name, timeout, seen)
    except BaseException:
        _forget(client, path)
        raise
    try:
        _forgotten, data = client.together([lambda: _forget(client, path), lambda: _fetch(client, url, kind, name, fetch)])
    except Unreachable as error:
        error.advice = _trouble(client, ark) or error.advice
        raise
    found: bytes = data
    return found


def _trouble(client: KubeClient, ark: ArkAccess) -> str:
    """What the server says of its location where that is not well either: then it is not this host's way to the store that is wrong."""
    status: dict[str, Any] = {}
    with contextlib.suppress(KubedrError):
        status = (client.get(ark.path("backupstoragelocations", ark.storage_location)) or {}).get("status") or {} if ark.dialect.has_location else {}
    if status.get("phase") in (None, "", "Available"):
        return ""
    words = f": {str(status['message'])[:300]}" if status.get("message") else ""
    return f"location {ark.storage_location} is {status['phase']} to {ark.dialect.product} as well{words}. Bring the object store back, and run again."


def _forget(client: KubeClient, path: str) -> None:
    """Its URL, once given, is good without it. It expires by itself after ten minutes, so that it stays is no failure."""
    with contextlib.suppress(KubedrError):
        client.delete(path)


def _signed(client: KubeClient, ark: ArkAccess, path: str, kind: str, name: str, timeout: float, first: dict[str, Any] | None) -> str:
    """The URL, once the server has put it into the request's status. ``first`` is how it looked a moment ago."""

    def settled(seen: dict[str, Any]) -> bool:
        status = seen.get("status") or {}
        return bool(status.get("downloadURL")) or status.get("phase") == "Failed"

    try:
        seen = first if first is not None and settled(first) else poll(
            client.clock, lambda: client.get(path) or {}, settled, timeout=timeout, what=f"sign a URL for {kind} of {name}", system=client.system,
            describe=lambda seen: str((seen.get("status") or {}).get("phase") or "no status yet"), first=SIGNING,
        )
    except WaitTimeout as error:
        error.advice = f"Does {name} exist on this cluster, and is the {ark.dialect.product} server running?"
        raise
    status = seen.get("status") or {}
    if status.get("phase") == "Failed":
        raise NotFound(str(status.get("message") or "the server gave no message"), status=404, system=client.system, operation=f"download {kind}", obj=name)
    return str(status["downloadURL"])


def _fetch(client: KubeClient, url: str, kind: str, name: str, fetch: Fetch) -> bytes:
    """The body behind the URL. The URL is a secret for ten minutes: only its host may be named."""
    host, operation = urlsplit(url).netloc.rpartition("@")[2], f"download {kind}"
    for attempt in range(RETRIES + 1):
        try:
            return fetch(url, FETCH_TIMEOUT)
        except ApiError as error:
            if error.status == 404:
                raise NotFound("the object store has no such file", status=404, system=client.system, operation=operation, obj=name) from None
            if attempt == RETRIES or not retryable(error):
                raise ApiError(
                    f"the object store at {host} refused the signed URL", status=error.status, system=client.system, operation=operation, obj=name,
                    code=str(error.status), advice="Compare the clocks of the object store and of the cluster, and the rights of the location's credential.",
                ) from None
        except (Unreachable, AnswerLost) as error:
            if attempt == RETRIES:
                raise Unreachable(
                    f"URL signed for host {host} not reachable from here: {error.message.replace(url, '<signed url>')}", system=client.system,
                    operation=operation, obj=name, advice=NOT_REACHABLE,
                ) from None
        client.clock.sleep(0.2 * 2**attempt)
    raise AssertionError("unreachable")


def gunzip(data: bytes, what: str, system: str = "") -> bytes:
    """Unpacked; data that is not gzip is given back as it is, because some stores unpack while serving.

    Raises:
        ApiError: cut short or damaged.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ApiError(f"{what} is damaged in the object store: {error}", system=system, operation="read") from error
