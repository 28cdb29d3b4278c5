# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Ark server may ask of a bucket, the errors of it, and signed download URLs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from ..clock import Clock


class StoreError(Exception):
    """The store did not do what was asked."""


class NoSuchKey(StoreError):
    """There is no object of that key."""


class StoreDenied(StoreError):
    """The credentials do not allow it, or a signed URL is wrong or expired."""


class StoreUnreachable(StoreError):
    """No answer from the store."""


class ObjectStore(Protocol):
    """One bucket. Keys are relative to it, separated by ``/``, without a leading one."""

    async def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            NoSuchKey: nothing there.
            StoreUnreachable: no answer.
        """
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Write or replace one object."""
        ...

    async def delete(self, key: str) -> None:
        """Remove one object; nothing happens where there is none."""
        ...

    async def list(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """Sorted keys that begin with ``prefix``. With a delimiter, keys below one are folded into their common prefix, which ends with it."""
        ...

    def sign(self, key: str, seconds: float) -> str:
        """A URL that gives the object to anyone for so long. The object need not exist."""
        ...


def fold(keys: Iterable[str], prefix: str, delimiter: str) -> list[str]:
    """The listing rule of S3's ListObjectsV2: keys and common prefixes in one sorted list."""
    found = (key for key in keys if key.startswith(prefix))
    if not delimiter:
        return sorted(found)
    cuts = ((key, key.find(delimiter, len(prefix))) for key in found)
    return sorted({key if cut < 0 else key[: cut + len(delimiter)] for key, cut in cuts})


class Signer:
    """Makes and checks signed URLs: HMAC-SHA256 over method, key and expiry.

    Args:
        secret: shared by all who sign or check for one bucket.
        base_url: of the bucket, without a trailing slash.
        clock: lab time, so that URLs expire on the lab's clock.
    """

    def __init__(self, secret: str, base_url: str, clock: Clock) -> None:
        self._secret, self._base_url, self._clock = secret.encode(), base_url.rstrip("/"), clock

    def sign(self, key: str, seconds: float) -> str:
        """A GET URL for ``key`` that expires in so many lab seconds."""
        expires = str(int(self._clock.now() + seconds))
        return f"{self._base_url}/{quote(key)}?{urlencode({'X-Expires': expires, 'X-Signature': self._mac(key, expires)})}"

    def check(self, key: str, expires: str, signature: str) -> None:
        """Nothing if the pair was made by ``sign`` for this key and still holds.

        Raises:
            StoreDenied: wrong or expired.
        """
        if not hmac.compare_digest(self._mac(key, expires), signature):
            raise StoreDenied("SignatureDoesNotMatch")
        if self._clock.now() >= float(expires):
            raise StoreDenied("AccessDenied: request has expired")

    def opened(self, url: str) -> str:
        """The key that a signed URL gives access to.

        Raises:
            StoreDenied: the URL is of another bucket, wrong, or expired.
        """
        if not url.startswith(self._base_url + "/"):
            raise StoreDenied("not a URL of this bucket")
        parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
        key = unquote(parts.path[len(urlsplit(self._base_url).path) + 1 :])
        self.check(key, query.get("X-Expires", ["0"])[0], query.get("X-Signature", [""])[0])
        return key

    def _mac(self, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"GET\n{key}\n{expires}".encode(), hashlib.sha256).hexdigest()


async def fetch_signed(store: ObjectStore, signer: Signer, url: str) -> bytes:
    """What a client gets who follows a signed URL, without any server.

    Raises:
        StoreDenied, NoSuchKey, StoreUnreachable: as the URL, the key and the store have it.
    """
    return await store.get(signer.opened(url))
