# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes the protobuf bodies of kubectl's typed subcommands (``create namespace``, ``auth can-i`` and so on), which do not fall back to JSON on a 415.

Field numbers are those of the ``generated.proto`` files of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from .errors import Json, KubeError, bad_request

Fields = dict[int, tuple[str, Any]]
"""{field number: (JSON name, "s" text, "b" bytes, "i" integer, "t" truth, "p" port, nested fields, [type of items], {"": type of map values})}."""
_LABELS: dict[str, str] = {"": "s"}
_META: Fields = {
    1: ("name", "s"), 2: ("generateName", "s"), 3: ("namespace", "s"), 5: ("uid", "s"), 6: ("resourceVersion", "s"),
    11: ("labels", _LABELS), 12: ("annotations", _LABELS), 14: ("finalizers", ["s"]),
}
_PORT: Fields = {1: ("name", "s"), 2: ("hostPort", "i"), 3: ("containerPort", "i"), 4: ("protocol", "s")}
_ENV: Fields = {1: ("name", "s"), 2: ("value", "s")}
_CONTAINER: Fields = {
    1: ("name", "s"), 2: ("image", "s"), 3: ("command", ["s"]), 4: ("args", ["s"]), 5: ("workingDir", "s"),
    6: ("ports", [_PORT]), 7: ("env", [_ENV]), 14: ("imagePullPolicy", "s"),
}
_POD: Fields = {2: ("containers", [_CONTAINER]), 3: ("restartPolicy", "s"), 7: ("nodeSelector", _LABELS), 8: ("serviceAccountName", "s")}
_TEMPLATE: Fields = {1: ("metadata", _META), 2: ("spec", _POD)}
_DEPLOYMENT: Fields = {1: ("replicas", "i"), 2: ("selector", {1: ("matchLabels", _LABELS)}), 3: ("template", _TEMPLATE), 4: ("strategy", {1: ("type", "s")})}
_JOB: Fields = {1: ("parallelism", "i"), 2: ("completions", "i"), 6: ("template", _TEMPLATE), 7: ("backoffLimit", "i")}
_SERVICE_PORT: Fields = {1: ("name", "s"), 2: ("protocol", "s"), 3: ("port", "i"), 4: ("targetPort", "p"), 5: ("nodePort", "i")}
_SERVICE: Fields = {1: ("ports", [_SERVICE_PORT]), 2: ("selector", _LABELS), 3: ("clusterIP", "s"), 4: ("type", "s"), 10: ("externalName", "s")}
_ATTRIBUTES = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_REVIEW: Fields = {
    1: ("resourceAttributes", {number: (name, "s") for number, name in enumerate(_ATTRIBUTES, 1)}),
    2: ("nonResourceAttributes", {1: ("path", "s"), 2: ("verb", "s")}),
}
_KINDS: dict[str, Fields] = {
    "Namespace": {2: ("spec", {1: ("finalizers", ["s"])})},
    "ConfigMap": {2: ("data", _LABELS), 3: ("binaryData", {"": "b"}), 4: ("immutable", "t")},
    "Secret": {2: ("data", {"": "b"}), 3: ("type", "s"), 4: ("stringData", _LABELS), 5: ("immutable", "t")},
    "ServiceAccount": {},
    "Pod": {2: ("spec", _POD)},
    "Service": {2: ("spec", _SERVICE)},
    "Deployment": {2: ("spec", _DEPLOYMENT)},
    "Job": {2: ("spec", _JOB)},
    "SelfSubjectAccessReview": {2: ("spec", _REVIEW)},
}


def decode(body: bytes) -> Json:
    """The object in a ``k8s\\0`` envelope, as JSON.

    Raises:
        KubeError: 415 for a kind that is not in the table (``kubectl apply`` sends JSON), 400 for bytes that are no such message.
    """
    try:
        if body[:4] != b"k8s\0":
            raise ValueError("no k8s envelope")
        envelope = dict(_split(body[4:]))
        type_meta = dict(_split(envelope[1]))
        api_version, kind = type_meta[1].decode(), type_meta[2].decode()
        if kind not in _KINDS:
            raise KubeError(415, f"protobuf bodies of kind {kind} are not understood - accepted media types include: application/json, application/yaml")
        return {"apiVersion": api_version, "kind": kind, **_message({1: ("metadata", _META), **_KINDS[kind]}, envelope[2])}
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        raise bad_request(f"the body is not a Kubernetes protobuf message: {error}") from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _split(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        length, at = _varint(data, at) if wire == 2 else (8 if wire == 1 else 4, at)
        yield tag >> 3, data[at : at + length]
        at += length


def _port(data: bytes) -> int | str:
    parts = dict(_split(data))
    number: int = parts.get(2, 0)
    return bytes(parts.get(3, b"")).decode() if parts.get(1) else number


_SCALARS: dict[str, Callable[[Any], Any]] = {"s": bytes.decode, "b": lambda value: base64.b64encode(value).decode(), "i": int, "t": bool, "p": _port}


def _value(kind: Any, data: Any) -> Any:
    return _SCALARS[kind](data) if isinstance(kind, str) else _message(kind, data)


def _message(fields: Fields, data: bytes) -> Json:
    found: Json = {}
    for number, raw in _split(data):
        if number not in fields:
            continue
        name, kind = fields[number]
        if isinstance(kind, list):
            found.setdefault(name, []).append(_value(kind[0], raw))
        elif isinstance(kind, dict) and "" in kind:
            entry = dict(_split(raw))
            found.setdefault(name, {})[entry.get(1, b"").decode()] = _value(kind[""], entry.get(2, b""))
        else:
            value = _value(kind, raw)
            if value not in ("", {}):
                found[name] = value
    return found
