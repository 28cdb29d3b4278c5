# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names and labels a Backup or Restore spec includes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..controllers.ports import Obj


@dataclass(frozen=True)
class NameFilter:
    """Includes (none means all) less excludes; both may hold ``*`` patterns."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    @classmethod
    def of(cls, includes: Iterable[str] | None, excludes: Iterable[str] | None, resolve: Callable[[str], str] = lambda name: name) -> NameFilter:
        """From the two lists of a spec, each name put through ``resolve``."""
        return cls(tuple(resolve(name) for name in includes or ()), tuple(resolve(name) for name in excludes or ()))

    def has(self, name: str) -> bool:
        """Included and not excluded."""
        return not self.drops(name) and (not self.includes or any(fnmatchcase(name, pattern) for pattern in self.includes))

    def drops(self, name: str) -> bool:
        """Explicitly excluded."""
        return any(fnmatchcase(name, pattern) for pattern in self.excludes)

    @property
    def everything(self) -> bool:
        """Nothing is named: the case in which Velero takes cluster-scoped objects along unasked."""
        return not self.excludes and self.includes in ((), ("*",))


def list_errors(what: str, includes: Iterable[str] | None, excludes: Iterable[str] | None) -> list[str]:
    """Velero's complaints about a pair of lists, each beginning ``Invalid included/excluded <what> lists:``."""
    wanted, unwanted = list(includes or ()), list(excludes or ())
    found = []
    if len(wanted) > 1 and "*" in wanted:
        found.append("includes list must either contain '*' only, or a non-empty list of items")
    if "*" in unwanted:
        found.append("excludes list cannot contain '*'")
    found += [f"excludes list cannot contain an item in the includes list: {name}" for name in unwanted if name != "*" and name in wanted]
    return [f"Invalid included/excluded {what} lists: {error}" for error in found]


def selected(spec: Obj, labels: dict[str, str] | None) -> bool:
    """The spec's ``labelSelector``, or one of its ``orLabelSelectors``, matches; True where it has neither."""
    selectors = spec.get("orLabelSelectors") or [spec.get("labelSelector")]
    return any(selector_matches(selector, labels or {}) for selector in selectors)


def selector_errors(spec: Obj) -> list[str]:
    """What is wrong with the selectors of a Backup's or Restore's spec."""
    both = spec.get("orLabelSelectors") and spec.get("labelSelector")
    found = ["encountered labelSelector as well as orLabelSelectors in spec, only one can be specified"] if both else []
    try:
        for selector in [*(spec.get("orLabelSelectors") or []), spec.get("labelSelector")]:
            for expression in (selector or {}).get("matchExpressions") or []:
                _expression(expression, {})
    except ValueError as error:
        found.append(str(error))
    return found


def selector_matches(selector: Obj | None, labels: dict[str, str]) -> bool:
    """A LabelSelector of the Kubernetes API against labels."""
    if not selector:
        return True
    equal = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return equal and all(_expression(expression, labels) for expression in selector.get("matchExpressions") or [])


def _expression(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f'"{other}" is not a valid label selector operator')
