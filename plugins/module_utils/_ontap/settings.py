# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Records of networks, exports, schedules and policies."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from .parse import Record, dig


def prefix_length(netmask: str) -> int:
    """24 of ``255.255.255.0`` and of ``24``; -1 where it is neither (ONTAP takes both and answers with the length)."""
    try:
        return int(netmask) if str(netmask).isdigit() else ipaddress.ip_network(f"0.0.0.0/{netmask}").prefixlen
    except ValueError:
        return -1


@dataclass(frozen=True)
class Lif:
    """A network interface. ``enabled`` is what was asked for, ``state`` up|down what is; ``prefix`` is the netmask's length."""

    uuid: str
    name: str
    address: str
    enabled: bool
    state: str
    svm: str
    scope: str
    node: str = ""
    port: str = ""
    prefix: int = -1
    services: tuple[str, ...] = ()

    FIELDS = "uuid,name,ip,enabled,state,svm.name,scope,location.home_node.name,location.home_port.name,services"

    @classmethod
    def from_record(cls, record: Record) -> Lif:
        """Of GET /api/network/ip/interfaces."""
        return cls(
            dig(record, "uuid"),
            dig(record, "name"),
            dig(record, "ip.address"),
            bool(dig(record, "enabled", False)),
            dig(record, "state"),
            dig(record, "svm.name"),
            dig(record, "scope"),
            dig(record, "location.home_node.name"),
            dig(record, "location.home_port.name"),
            prefix_length(dig(record, "ip.netmask")),
            tuple(dig(record, "services", [])),
        )


@dataclass(frozen=True)
class Route:
    """A static route of an SVM."""

    destination: str
    gateway: str

    FIELDS = "destination,gateway"

    @classmethod
    def from_record(cls, record: Record) -> Route:
        """Of GET /api/network/ip/routes."""
        return cls(f"{dig(record, 'destination.address')}/{dig(record, 'destination.netmask')}", dig(record, "gateway"))


@dataclass(frozen=True)
class ExportRule:
    """Who may mount. ``index`` is ONTAP's own and no part of what the rule says."""

    index: int = field(compare=False)
    clients: tuple[str, ...]
    ro: tuple[str, ...] = ("sys",)
    rw: tuple[str, ...] = ("sys",)
    superuser: tuple[str, ...] = ("sys",)
    protocols: tuple[str, ...] = ("nfs",)

    @classmethod
    def from_record(cls, record: Record) -> ExportRule:
        """Of the ``rules`` of GET /api/protocols/nfs/export-policies."""
        return cls(
            int(dig(record, "index", 0)),
            tuple(sorted(dig(client, "match") for client in dig(record, "clients", []))),
            tuple(dig(record, "ro_rule", [])),
            tuple(dig(record, "rw_rule", [])),
            tuple(dig(record, "superuser", [])),
            tuple(dig(record, "protocols", [])),
        )

    def to_record(self) -> dict[str, object]:
        """The body that makes this rule."""
        return {
            "clients": [{"match": client} for client in self.clients],
            "ro_rule": list(self.ro),
            "rw_rule": list(self.rw),
            "superuser": list(self.superuser),
            "protocols": list(self.protocols),
        }


@dataclass(frozen=True)
class ExportPolicy:
    """An export policy with its rules, in ONTAP's order."""

    id: str
    name: str
    svm: str
    rules: tuple[ExportRule, ...]

    FIELDS = "id,name,svm.name,rules"

    @classmethod
    def from_record(cls, record: Record) -> ExportPolicy:
        """Of GET /api/protocols/nfs/export-policies."""
        rules = [ExportRule.from_record(rule) for rule in dig(record, "rules", [])]
        return cls(str(dig(record, "id")), dig(record, "name"), dig(record, "svm.name"), tuple(sorted(rules, key=lambda rule: rule.index)))


CRON_PARTS = ("minutes", "hours", "days", "months", "weekdays")


@dataclass(frozen=True)
class Schedule:
    """A job schedule. ``cron`` holds, per part, the values at which it fires; an empty part means every value. Empty as a whole for interval schedules."""

    uuid: str
    name: str
    cron: tuple[tuple[str, tuple[int, ...]], ...]

    FIELDS = "uuid,name,cron"

    @classmethod
    def from_record(cls, record: Record) -> Schedule:
        """Of GET /api/cluster/schedules."""
        cron = dig(record, "cron", {})
        return cls(dig(record, "uuid"), dig(record, "name"), tuple((part, tuple(sorted(dig(cron, part, [])))) for part in CRON_PARTS) if cron else ())


@dataclass(frozen=True)
class Policy:
    """A SnapMirror policy."""

    uuid: str
    name: str
    type: str
    identity_preservation: str
    copy_all: bool
    creates_snapshot: bool

    FIELDS = "uuid,name,type,identity_preservation,copy_all_source_snapshots,create_snapshot_on_source"

    @classmethod
    def from_record(cls, record: Record) -> Policy:
        """Of GET /api/snapmirror/policies."""
        return cls(
            dig(record, "uuid"),
            dig(record, "name"),
            dig(record, "type"),
            dig(record, "identity_preservation"),
            bool(dig(record, "copy_all_source_snapshots", False)),
            bool(dig(record, "create_snapshot_on_source", True)),
        )
