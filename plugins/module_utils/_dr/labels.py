# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Label selectors: from the text that kubectl and Ark's CLI take to the API's form, and applied to labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Selector = dict[str, Any]

_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_COMMA = re.compile(r",(?![^()]*\))")


def parse_selector(text: str) -> Selector:
    """``app=web,tier!=test,env in (a,b),!old`` as ``{matchLabels, matchExpressions}``; empty for an empty text.

    Raises:
        ValueError: naming the term that is unreadable.
    """
    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    for term in filter(None, (part.strip() for part in _COMMA.split(text.strip()))):
        if found := _SET.fullmatch(term):
            values = [value.strip() for value in found[3].split(",")]
            if not all(re.fullmatch(_VALUE, value) for value in values):
                raise ValueError(f"{term!r} holds a value that no label can have")
            expressions.append({"key": found[1], "operator": "In" if found[2] == "in" else "NotIn", "values": values})
        elif found := _EQUAL.fullmatch(term):
            if found[2] == "!=":
                expressions.append({"key": found[1], "operator": "NotIn", "values": [found[3]]})
            elif labels.setdefault(found[1], found[3]) != found[3]:
                raise ValueError(f"{found[1]!r} can not have two values")
        elif found := _EXISTS.fullmatch(term):
            expressions.append({"key": found[2], "operator": "DoesNotExist" if found[1] else "Exists"})
        else:
            raise ValueError(f"{term!r} is no label term")
    return {**({"matchLabels": labels} if labels else {}), **({"matchExpressions": expressions} if expressions else {})}


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a selector; the empty selector takes everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator == "In":
        return labels.get(key) in values
    return labels.get(key) not in values
