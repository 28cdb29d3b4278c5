# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket over HTTP: bearer token for the servers, signed expiring URLs for downloads."""

from __future__ import annotations

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from .port import NoSuchKey, ObjectStore, Signer, StoreDenied, StoreError

_STORE: web.AppKey[ObjectStore] = web.AppKey("store")
_SIGNER: web.AppKey[Signer] = web.AppKey("signer")
_TOKEN: web.AppKey[str] = web.AppKey("token")


def make_app(store: ObjectStore, bucket: str, token: str, signer: Signer) -> web.Application:
    """The application: ``GET /healthz``, ``GET /BUCKET?prefix=&delimiter=`` (JSON list of keys), ``GET|PUT|DELETE /BUCKET/KEY``.

    Args:
        token: accepted as ``Authorization: Bearer TOKEN`` for everything.
        signer: made with the URL under which clients reach ``/BUCKET``; its URLs need no token.
    """
    app = web.Application(client_max_size=1 << 30, middlewares=[_errors])
    app[_STORE], app[_SIGNER], app[_TOKEN] = store, signer, token
    app.router.add_get("/healthz", _health)
    app.router.add_get(f"/{bucket}", _list)
    app.router.add_get(f"/{bucket}/{{key:.+}}", _get, allow_head=False)
    app.router.add_put(f"/{bucket}/{{key:.+}}", _put)
    app.router.add_delete(f"/{bucket}/{{key:.+}}", _delete)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        answer = await handler(request)
    except NoSuchKey as error:
        return web.json_response({"error": str(error)}, status=404)
    except StoreDenied as error:
        return web.json_response({"error": str(error)}, status=403)
    except StoreError as error:
        return web.json_response({"error": str(error)}, status=503)
    return answer


def _authorize(request: web.Request) -> None:
    sent = request.headers.get("Authorization", "")
    if not hmac.compare_digest(sent.encode(), f"Bearer {request.app[_TOKEN]}".encode()):
        raise StoreDenied("AccessDenied: Access Denied")


async def _health(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _list(request: web.Request) -> web.Response:
    _authorize(request)
    return web.json_response(await request.app[_STORE].list(request.query.get("prefix", ""), request.query.get("delimiter", "")))


async def _get(request: web.Request) -> web.Response:
    key = request.match_info["key"]
    if "X-Signature" in request.query:
        request.app[_SIGNER].check(key, request.query.get("X-Expires", "0"), request.query["X-Signature"])
    else:
        _authorize(request)
    return web.Response(body=await request.app[_STORE].get(key), content_type="application/octet-stream")


async def _put(request: web.Request) -> web.Response:
    _authorize(request)
    await request.app[_STORE].put(request.match_info["key"], await request.read())
    return web.Response()


async def _delete(request: web.Request) -> web.Response:
    _authorize(request)
    await request.app[_STORE].delete(request.match_info["key"])
    return web.Response(status=204)
