# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What resources the API server has, and which of them a name in a spec means."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..controllers.api import Kind
from ..controllers.ports import KubePort, Obj


@dataclass(frozen=True)
class Resource:
    """One resource in its preferred version; ``name`` is ``plural`` or ``plural.group`` as in tarballs and filters."""

    name: str
    kind: Kind
    verbs: frozenset[str]

    @property
    def can_backup(self) -> bool:
        """Velero takes only what it could also restore."""
        return self.verbs >= {"list", "create", "get", "delete"}


@dataclass
class Discovery:
    """All resources by name, and their other spellings."""

    resources: dict[str, Resource] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def load(cls, port: KubePort) -> Discovery:
        """Read ``/api/v1``, ``/apis`` and every group version, preferred versions first. An aggregated API that does not answer is left out."""
        found = cls()
        _status, core = await port.request("GET", "/api/v1")
        found._add("", "v1", core)
        _status, groups = await port.request("GET", "/apis")
        for group in groups.get("groups") or []:
            preferred = group.get("preferredVersion") or {}
            versions = [preferred, *(version for version in group["versions"] if version != preferred)]
            for version in versions:
                if version:
                    _status, answer = await port.request("GET", f"/apis/{version['groupVersion']}")
                    found._add(group["name"], version["groupVersion"], answer)
        return found

    def _add(self, group: str, api_version: str, answer: Obj) -> None:
        for entry in answer.get("resources") or []:
            plural = entry["name"]
            name = f"{plural}.{group}" if group else plural
            if "/" in plural or name in self.resources:
                continue
            kind = Kind(api_version, plural, entry["kind"], entry["namespaced"])
            self.resources[name] = Resource(name, kind, frozenset(entry.get("verbs") or ()))
            for alias in (plural, entry.get("singularName") or entry["kind"].lower(), *(entry.get("shortNames") or ())):
                self._aliases.setdefault(alias, name)
                self._aliases.setdefault(f"{alias}.{group}", name)

    def resolve(self, text: str) -> str:
        """The full name for a plural, singular, kind or short name, with or without group; the text itself, lower case, where nothing is known by it."""
        lower = text.lower()
        return lower if lower in self.resources else self._aliases.get(lower, lower)
