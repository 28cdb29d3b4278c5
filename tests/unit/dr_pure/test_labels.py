# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Label selectors."""

from __future__ import annotations

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._dr.labels import matches, parse_selector


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("", {}), ("a=b", {"matchLabels": {"a": "b"}}), (" a == b , c=d ", {"matchLabels": {"a": "b", "c": "d"}}),
        ("a!=b", {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}),
        ("a in (x, y),b", {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "Exists"}]}),
        ("app.kubernetes.io/name=web,!old",
         {"matchLabels": {"app.kubernetes.io/name": "web"}, "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}]}),
        ("a notin (x)", {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}),
    ],
)
def test_parse(text: str, selector: object) -> None:
    assert parse_selector(text) == selector


@pytest.mark.parametrize("text", ["=b", "a=b=c", "a b", "a in x", "a in (x y)", "-a=b", "a=b!", "a=1,a=2", "a/b/c=d"])
def test_unreadable(text: str) -> None:
    with pytest.raises(ValueError, match="term|label|values"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "labels", "found"),
    [
        ("", {}, True), ("a=b", {"a": "b"}, True), ("a=b", {"a": "c"}, False), ("a=b", {}, False), ("a!=b", {}, True), ("a!=b", {"a": "b"}, False),
        ("a in (x,y)", {"a": "y"}, True), ("a in (x,y)", {}, False), ("a", {"a": ""}, True), ("!a", {"a": ""}, False), ("a=b,c=d", {"a": "b"}, False),
    ],
)
def test_matches(text: str, labels: dict[str, str], found: bool) -> None:
    assert matches(parse_selector(text), labels) is found
