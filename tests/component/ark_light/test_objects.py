# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket: in memory, on disk, broken, and over HTTP with signed URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kubedr_lab.clock import VirtualClock
from kubedr_lab.objects import (
    BreakableObjects,
    DirObjects,
    MemoryObjects,
    NoSuchKey,
    ObjectStore,
    Signer,
    StoreDenied,
    StoreUnreachable,
    fetch_signed,
)
from kubedr_lab.objects.client import HttpObjects
from kubedr_lab.objects.server import make_app

from .conftest import run


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, clock: VirtualClock, tmp_path: Path) -> MemoryObjects | DirObjects:
    if request.param == "memory":
        return MemoryObjects(clock)
    return DirObjects(tmp_path / "bucket", Signer("secret", "https://objects.invalid/kubedr", clock))


def test_put_get_list_delete(store: ObjectStore) -> None:
    for key in ("backups/a/a.tar.gz", "backups/a/velero-backup.json", "backups/b/b.tar.gz", "top"):
        run(store.put(key, key.encode()))
    assert run(store.get("backups/a/a.tar.gz")) == b"backups/a/a.tar.gz"
    assert run(store.list("backups/a")) == ["backups/a/a.tar.gz", "backups/a/velero-backup.json"]
    assert run(store.list("backups/", "/")) == ["backups/a/", "backups/b/"]
    assert run(store.list(delimiter="/")) == ["backups/", "top"]
    run(store.put("top", b"new"))
    assert run(store.get("top")) == b"new"
    run(store.delete("top"))
    run(store.delete("top"))
    assert run(store.list("t")) == []
    for missing in ("top", "backups", "backups/a/a.tar.gz/x"):
        with pytest.raises(NoSuchKey):
            run(store.get(missing))


def test_folder_survives_and_keeps_to_itself(clock: VirtualClock, tmp_path: Path) -> None:
    signer = Signer("secret", "https://objects.invalid/kubedr", clock)
    run(DirObjects(tmp_path, signer).put("a/b", b"x"))
    again = DirObjects(tmp_path, signer)
    assert run(again.get("a/b")) == b"x"
    for key in ("../outside", "/etc/passwd", "a/../../outside", "", "a/", "x.tmp"):
        with pytest.raises(StoreDenied):
            run(again.put(key, b"x"))


def test_signed_urls(store: MemoryObjects | DirObjects, clock: VirtualClock) -> None:
    run(store.put("backups/a b/ä.gz", b"x"))
    url = store.sign("backups/a b/ä.gz", 600)
    assert run(fetch_signed(store, store.signer, url)) == b"x"
    for wrong in (url.replace("X-Signature=", "X-Signature=0"), url.replace("backups", "restores"), url.replace("X-Expires=1", "X-Expires=2"),
                  url.replace("objects.invalid", "elsewhere.invalid"), url.split("?")[0]):
        with pytest.raises(StoreDenied):
            run(fetch_signed(store, store.signer, wrong))
    clock.advance(600)
    with pytest.raises(StoreDenied, match="expired"):
        run(fetch_signed(store, store.signer, url))


def test_breakable(clock: VirtualClock) -> None:
    inner = MemoryObjects(clock)
    store = BreakableObjects(inner)
    run(store.put("a", b"x"))
    store.deny_writes = True
    assert run(store.get("a")) == b"x"
    for work in (store.put("a", b"y"), store.delete("a")):
        with pytest.raises(StoreDenied):
            run(work)
    store.unreachable = True
    calls: list[Coroutine[Any, Any, object]] = [store.put("a", b"y"), store.get("a"), store.list(), store.delete("a")]
    for call in calls:
        with pytest.raises(StoreUnreachable):
            run(call)
    assert run(inner.get("a")) == b"x"


async def over_http(clock: VirtualClock) -> None:
    inner = MemoryObjects(clock)
    # the URL is known once the port is, so the signer that the server checks with is made afterwards
    holder = web.Application()
    runner = web.AppRunner(holder)
    await runner.setup()
    probe = web.TCPSite(runner, "127.0.0.1", 0)
    await probe.start()
    port = runner.addresses[0][1]
    await runner.cleanup()
    base = f"http://127.0.0.1:{port}/kubedr"
    signer = Signer("secret", base, clock)
    served = web.AppRunner(make_app(inner, "kubedr", "token", signer))
    await served.setup()
    await web.TCPSite(served, "127.0.0.1", port).start()
    good, bad = HttpObjects(base, "token", signer), HttpObjects(base, "guess", signer)
    try:
        await exercise(good, bad, inner, clock, port)
    finally:
        await good.close()
        await bad.close()
        await served.cleanup()
    with pytest.raises(StoreUnreachable):
        await good.get("a/b c")
    await good.close()


async def exercise(good: HttpObjects, bad: HttpObjects, inner: MemoryObjects, clock: VirtualClock, port: int) -> None:
    await good.put("a/b c", b"x" * 3_000_000)
    await good.put("d", b"")
    assert await good.get("a/b c") == b"x" * 3_000_000
    assert await good.list("a") == ["a/b c"]
    assert await good.list("", "/") == ["a/", "d"]
    await good.delete("d")
    with pytest.raises(NoSuchKey):
        await good.get("d")
    for work in (bad.get("a/b c"), bad.put("z", b"x"), bad.list(), bad.delete("a/b c")):
        with pytest.raises(StoreDenied):
            await work
    url = good.sign("a/b c", 600)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        async with session.get(url) as answer:
            assert (answer.status, len(await answer.read())) == (200, 3_000_000)
        async with session.get(good.sign("none", 600)) as answer:
            assert answer.status == 404
        async with session.put(url, data=b"y") as answer:
            assert answer.status == 403
        async with session.get(url + "0") as answer:
            assert answer.status == 403
        clock.advance(601)
        async with session.get(url) as answer:
            assert (answer.status, "expired" in await answer.text()) == (403, True)
    assert await inner.get("a/b c") == b"x" * 3_000_000


def test_http() -> None:
    asyncio.run(over_http(VirtualClock()))
