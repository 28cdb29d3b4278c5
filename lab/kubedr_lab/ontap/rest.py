# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources and requests: routing, reading with the query language, bodies, answers. Knows no object of ONTAP by name."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from ..messages import Request, Response, json_response
from .core import Core
from .errors import ApiError, invalid_value, method_not_allowed, not_found, unexpected_argument
from .query import Schema, check_fields, field_names, knows, matches, order, project
from .tables import Record

RESERVED = frozenset({"fields", "max_records", "order_by", "return_records", "return_timeout", "ignore_unknown_fields", "start.index"})
DEFAULT_PAGE = 10000
_LITERAL = re.compile(r"[\w-]+")


@dataclass
class Call:
    """One request as a room sees it. ``keys`` are the values from the path, ``body`` has its dotted keys opened."""

    core: Core
    resource: Resource
    method: str
    path: str
    keys: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Record = field(default_factory=dict)
    job_fault: str = ""

    @property
    def key(self) -> str:
        """The last key of the path."""
        return list(self.keys.values())[-1]

    def flag(self, name: str) -> bool:
        """A boolean query parameter."""
        text = self.query.get(name, "false").lower()
        if text not in ("true", "false"):
            raise invalid_value(name, text)
        return text == "true"

    def exact(self, field: str) -> dict[str, str]:
        """``{name: value}`` where one value of ``field`` is asked for and no pattern, so that a room need not show what the filter drops anyway.
        The name is that of the records in the tables: the part before a dot, or ``name`` and ``uuid`` themselves."""
        value = self.keys.get(field) or self.query.get(field, "")
        return {field.partition(".")[0]: value} if _LITERAL.fullmatch(value) else {}

    @property
    def return_timeout(self) -> int:
        """Seconds that the caller waits for a job, 0 to 120."""
        text = self.query.get("return_timeout", "0")
        if not text.isdigit() or int(text) > 120:
            raise invalid_value("return_timeout", text)
        return int(text)


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Resource:
    """A collection and its instances. ``path`` is below ``/api``; ``{volume.uuid}`` in it becomes a key; ``body`` holds fields that only writes know."""

    path: str
    known: Schema
    read: Callable[[Call], Awaitable[list[Record]]]
    keys: tuple[str, ...] = ("uuid",)
    default: tuple[str, ...] = ("uuid", "name")
    create: Handler | None = None
    modify: Handler | None = None
    remove: Handler | None = None
    flags: frozenset[str] = frozenset()
    body: Schema = field(default_factory=dict)
    single: bool = False

    def pattern(self) -> re.Pattern[str]:
        """What the path of a request must match."""
        parts = re.split(r"\{[^}]+\}", self.path)
        collection = "([^/]+)".join(re.escape(part) for part in parts)
        instance = "/([^/]+)" * len(self.keys)
        return re.compile(f"^/api{collection}$" if self.single else f"^/api{collection}(?:{instance})?$")

    def href(self, record: Record, keys: Mapping[str, str]) -> str:
        """The path of one record."""
        base = re.sub(r"\{([^}]+)\}", lambda found: keys[found[1]], self.path)
        return f"/api{base}" if self.single else "/".join([f"/api{base}", *(str(_dig(record, key)) for key in self.keys)])


def _dig(record: Record, dotted: str) -> Any:
    value: Any = record
    for part in dotted.split("."):
        value = value[part]
    return value


class Router:
    """Finds the resource of a path."""

    def __init__(self, resources: list[Resource]) -> None:
        self._routes = [(resource.pattern(), re.findall(r"\{([^}]+)\}", resource.path), resource) for resource in resources]

    def find(self, path: str) -> tuple[Resource, dict[str, str]]:
        """Resource and keys.

        Raises:
            ApiError: 404, no such API.
        """
        for pattern, parents, resource in self._routes:
            found = pattern.match(path)
            if found:
                values = [value for value in found.groups() if value is not None]
                return resource, dict(zip([*parents, *resource.keys], values, strict=False))
        raise ApiError(404, 3, f'API not found: "{path}".')


def authorized(core: Core, header: str) -> bool:
    """Whether a basic authorization header carries the cluster's user and password."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, password = b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return False
    return user == core.cluster["username"] and compare_digest(password.encode(), str(core.cluster["password"]).encode())


def open_body(data: Any) -> Any:
    """Nested form of a body with dotted keys (``remote.ip_addresses``), which ONTAP takes as well."""
    if isinstance(data, list):
        return [open_body(item) for item in data]
    if not isinstance(data, dict):
        return data
    opened: Record = {}
    for key, value in data.items():
        *parents, last = str(key).split(".")
        place = opened
        for parent in parents:
            place = place.setdefault(parent, {})
        value = open_body(value)
        if isinstance(value, dict) and isinstance(place.get(last), dict):
            place[last].update(value)
        else:
            place[last] = value
    return opened


def _check_body(data: Any, known: Schema, extra: Schema, path: str = "") -> Any:
    """The body with every object in full form (``"policy": "p"`` stands for ``{"name": "p"}``); refuses what does not exist or cannot be."""
    if isinstance(data, list):
        return [_check_body(item, known, extra, path) for item in data]
    fields = {**known, **extra}
    if data is None or "*" in fields:
        return data
    if isinstance(data, dict):
        checked = {}
        for key, value in data.items():
            if key not in fields and key != "_links":
                raise unexpected_argument(f"{path}{key}")
            checked[key] = _check_body(value, known.get(key, {}), extra.get(key, {}), f"{path}{key}.")
        return checked
    if isinstance(data, str) and "name" in fields:
        return {"name": data}
    if set(fields) - {"!"} or (path.endswith("name.") and not isinstance(data, str)):
        raise invalid_value(path.rstrip("."), data)
    return data


def _read_body(request: Request, resource: Resource) -> Record:
    try:
        data = request.json()
    except ValueError:
        raise ApiError(400, 262199, "Invalid JSON input.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ApiError(400, 262199, "Invalid JSON input, an object is expected.")
    body: Record = _check_body(open_body(data), resource.known, resource.body)
    return body


async def route(core: Core, router: Router, request: Request) -> Response:
    """Answer one request; refusals become ONTAP's error envelope."""
    try:
        if not authorized(core, request.headers.get("authorization", "")):
            raise ApiError(401, 6691623, "User is not authorized.")
        resource, keys = router.find(request.path.rstrip("/"))
        query = {name: ",".join(values) for name, values in request.query.items()}
        call = Call(core, resource, request.method.upper(), request.path, keys, query, job_fault=request.headers.get("x-lab-job-fault", ""))
        _ = call.return_timeout
        response = await _act(call, request)
    except ApiError as error:
        response = json_response(error.status, {"error": error.record()})
    response.headers["date"] = formatdate(core.now(), usegmt=True)
    if request.headers.get("accept", "").strip() == "application/json" and b"_links" in response.body:
        response.body = json_response(200, _without_links(response.json())).body
    return response


async def _act(call: Call, request: Request) -> Response:
    resource, instance = call.resource, len(call.keys) > call.resource.path.count("{")
    if call.method == "GET":
        return await _read(call, instance)
    handler = {"POST": resource.create, "PATCH": resource.modify, "DELETE": resource.remove}.get(call.method)
    if handler is None or (call.method == "POST") == (instance and not resource.single):
        raise method_not_allowed()
    for name in call.query:
        if name not in RESERVED and name not in resource.flags:
            raise unexpected_argument(name)
    call.body = _read_body(request, resource)
    return await handler(call)


async def _read(call: Call, instance: bool) -> Response:
    resource, query = call.resource, call.query
    names = field_names(query.get("fields", ""))
    lenient = call.flag("ignore_unknown_fields")
    filters = {name: text for name, text in query.items() if name not in RESERVED and name not in resource.flags}
    for name in list(filters):
        if not knows(resource.known, name):
            if not lenient:
                raise unexpected_argument(name)
            del filters[name]
    if lenient:
        names = [name for name in names if name in ("*", "**") or knows(resource.known, name.lstrip("!"))]
    check_fields(names, resource.known)
    records = await resource.read(call)
    if instance:
        records = [record for record in records if all(str(_dig(record, key)) == call.keys[key] for key in resource.keys)]
        if not records:
            raise not_found(resource.keys[-1])
    if instance or resource.single:
        return json_response(200, project(with_link(call, records[0]), [*resource.keys, *(names or ["*"])], resource.known))
    records = [record for record in records if all(matches(record, name, text) for name, text in filters.items())]
    return _list(call, order(records, query.get("order_by", ""), resource.known), [*resource.default, *resource.keys, *filters, *names])


def _list(call: Call, records: list[Record], names: list[str]) -> Response:
    size = call.query.get("max_records", str(DEFAULT_PAGE))
    start = call.query.get("start.index", "0")
    if not size.isdigit() or int(size) < 1 or not start.isdigit():
        raise invalid_value("max_records", size)
    page, end = records[int(start):int(start) + int(size)], int(start) + int(size)
    links: Record = {"self": {"href": f"{call.path}?{urlencode(call.query)}" if call.query else call.path}}
    if end < len(records):
        links["next"] = {"href": f"{call.path}?{urlencode({**call.query, 'start.index': str(end)})}"}
    if call.query.get("return_records", "true").lower() == "false":
        return json_response(200, {"num_records": len(records), "_links": links})
    found = [project(with_link(call, record), names, call.resource.known) for record in page]
    return json_response(200, {"records": found, "num_records": len(found), "_links": links})


def with_link(call: Call, record: Record) -> Record:
    """The record with its own path, as HAL wants it."""
    return {**record, "_links": {"self": {"href": call.resource.href(record, call.keys)}}}


def created(call: Call, record: Record, always: bool = False) -> Response:
    """A 201: ``Location``, and the record where ``return_records`` asks for it (or ``always``)."""
    linked = with_link(call, record)
    data = {"num_records": 1, "records": [linked]} if always or call.flag("return_records") else {}
    return json_response(201, data, {"location": linked["_links"]["self"]["href"]})


def done(call: Call, record: Record | None = None) -> Response:
    """A 200 of a PATCH or DELETE that needed no job."""
    return json_response(200, {"num_records": 1, "records": [with_link(call, record)]} if record and call.flag("return_records") else {})


def _without_links(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_links(value) for key, value in data.items() if key != "_links"}
    return [_without_links(item) for item in data] if isinstance(data, list) else data
