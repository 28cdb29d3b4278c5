# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ONTAP's query language over rendered records: ``fields``, filters, ``order_by`` (ONTAP automation docs, "Query parameters")."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ..copying import copied
from .errors import invalid_value

Schema = dict[str, Any]
"""Field name -> nested schema; an empty one is a plain value, ``{"*": {}}`` takes any field below it. Expensive fields carry ``"!": {}``."""

_TOKEN = re.compile(r"(!?[\w]+)(\{|\*)?|(\})")
_DURATION = re.compile(r"^P(?:(\d+)D)?(?:T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")


def schema(text: str) -> Schema:
    """Parse ``uuid name svm{name uuid} metric* !costly``: a star takes anything below, ``!`` marks a field that only ``**`` or its name brings."""
    root: Schema = {}
    stack = [root]
    for name, opened, closed in _TOKEN.findall(text):
        if closed:
            stack.pop()
            continue
        field: Schema = {"!": {}} if name.startswith("!") else {}
        stack[-1][name.lstrip("!")] = field
        if opened == "*":
            field["*"] = {}
        elif opened:
            stack.append(field)
    return root


def knows(known: Schema, field: str) -> bool:
    """Whether a dotted field exists."""
    for part in field.split("."):
        if "*" in known or part == "_links":
            return True
        if part not in known:
            return False
        known = known[part]
    return True


def _pieces(text: str, separator: str) -> list[str]:
    """Split outside braces and quotes."""
    pieces, depth, quoted, current = [], 0, False, ""
    for char in text:
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"{": 1, "}": -1}.get(char, 0)
        if char == separator and not depth and not quoted:
            pieces.append(current)
            current = ""
        else:
            current += char
    return [*pieces, current]


def field_names(text: str) -> list[str]:
    """Dotted names of a ``fields`` value, braces opened: ``a,b.{c,d}`` -> a, b.c, b.d."""
    names: list[str] = []
    for piece in (piece.strip() for piece in _pieces(text, ",")):
        opened = re.fullmatch(r"(!?)([\w.]*?)\.?\{(.*)\}", piece)
        if opened:
            names += [f"{opened[1]}{opened[2]}.{inner}".replace("..", ".") for inner in field_names(opened[3])]
        elif piece:
            names.append(piece)
    return names


def _walk(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])


def values_of(record: dict[str, Any], field: str) -> list[Any]:
    """Every value that a dotted field has in a record, lists opened."""
    return list(_walk(record, field.split(".")))


def _copy(source: Any, path: Sequence[str]) -> Any:
    if isinstance(source, list):
        return [_copy(item, path) for item in source]
    if not path:
        return source
    if isinstance(source, dict) and path[0] in source:
        return {path[0]: _copy(source[path[0]], path[1:])}
    return {}


def _merge(target: dict[str, Any], extra: Any) -> None:
    for key, value in extra.items() if isinstance(extra, dict) else ():
        have = target.get(key)
        if isinstance(have, dict) and isinstance(value, dict):
            _merge(have, value)
        elif isinstance(have, list) and isinstance(value, list) and len(have) == len(value) and all(isinstance(item, dict) for item in have):
            for one, other in zip(have, value, strict=True):
                _merge(one, other)
        else:
            target[key] = copied(value)


def _drop(record: Any, path: Sequence[str]) -> None:
    if isinstance(record, list):
        for item in record:
            _drop(item, path)
    elif isinstance(record, dict) and path[0] in record:
        if len(path) == 1:
            del record[path[0]]
        else:
            _drop(record[path[0]], path[1:])


def project(record: dict[str, Any], names: Sequence[str], known: Schema) -> dict[str, Any]:
    """The record with the asked fields only, ``_links`` always."""
    result: dict[str, Any] = {}
    wanted = [*names, "_links"]
    if "**" in wanted:
        wanted += list(record)
    elif "*" in wanted:
        wanted += [name for name in record if "!" not in known.get(name, {})]
    for name in wanted:
        if not name.startswith(("!", "*")):
            _merge(result, _copy(record, name.split(".")))
    for name in wanted:
        if name.startswith("!"):
            _drop(result, name[1:].split("."))
    return {key: value for key, value in result.items() if value != {} or key == "_links"}


def check_fields(names: Sequence[str], known: Schema) -> None:
    """Refuse an unknown name inside ``fields``."""
    for name in names:
        plain = name.lstrip("!")
        if plain not in ("*", "**") and not knows(known, plain):
            raise invalid_value("fields", plain)


def comparable(value: Any) -> tuple[int, Any]:
    """A key by which values of one field compare: numbers, durations and times by size, everything else as text."""
    if isinstance(value, bool):
        return (2, str(value).lower())
    if isinstance(value, int | float):
        return (0, float(value))
    text = str(value)
    duration = _DURATION.match(text)
    if duration and len(text) > 1:
        days, hours, minutes, seconds = (float(part or 0) for part in duration.groups())
        return (0, days * 86400 + hours * 3600 + minutes * 60 + seconds)
    try:
        return (0, float(text))
    except ValueError:
        pass
    try:
        return (1, datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return (2, text.lower())


def _literal(text: str) -> str | None:
    if len(text) >= 2 and (text[0], text[-1]) in (('"', '"'), ("{", "}")):
        return text[1:-1]
    return None


def _one(value: Any, text: str) -> bool:
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    literal = _literal(text)
    if literal is not None:
        return plain == literal
    for sign, test in (("<=", operator.le), (">=", operator.ge), ("<", operator.lt), (">", operator.gt)):
        if text.startswith(sign):
            have, limit = comparable(value), comparable(text[len(sign):])
            return have[0] == limit[0] and bool(test(have, limit))
    low, dots, high = text.partition("..")
    if dots and low and high:
        return comparable(low) <= comparable(value) <= comparable(high)
    if "*" in text:
        return fnmatch.fnmatchcase(plain, re.sub(r"([\[\]?])", r"[\1]", text))
    return plain == text or (not isinstance(value, str) and comparable(value) == comparable(text))


def matches(record: dict[str, Any], field: str, text: str) -> bool:
    """Whether a record passes the filter ``field=text``; of a list, one item is enough."""
    values = values_of(record, field)
    if text in ("null", "!null"):
        return bool(values) == (text == "!null")
    negated = text.startswith("!")
    alternatives = _pieces(text[1:] if negated else text, "|")
    found = any(_one(value, alternative) for value in values for alternative in alternatives)
    return found != negated


def order(records: list[dict[str, Any]], text: str, known: Schema) -> list[dict[str, Any]]:
    """By an ``order_by`` value such as ``name desc,uuid``; records without the field come first."""
    for piece in reversed([piece.strip() for piece in text.split(",") if piece.strip()]):
        name, _, direction = piece.partition(" ")
        if not knows(known, name) or direction.strip().lower() not in ("", "asc", "desc"):
            raise invalid_value("order_by", piece)
        records = sorted(
            records, key=lambda record, name=name: [comparable(value) for value in values_of(record, name)],  # type: ignore[misc]
            reverse=direction.strip().lower() == "desc",
        )
    return records
