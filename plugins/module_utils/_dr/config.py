# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The inventory's group, checked. Every mistake is found here, before any system is touched, and names the inventory variable at fault."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import ConfigError
from . import checks
from .cron import check_cron
from .words import Identity

DEFAULT_TIMEOUTS: dict[str, float] = {
    "answer": 10.0, "peer_answer": 5.0, "peering": 300.0, "baseline": 86400.0, "transfer": 3600.0, "pause": 600.0, "break": 900.0, "start": 600.0,
    "stop": 300.0,
    "backup": 1800.0, "restore": 3600.0, "ready": 900.0, "scale": 600.0, "hold": 900.0, "location": 180.0,
}
DEFAULT_EXCLUDED = ("kube-system",)
ARK_NAMESPACES = {"velero.io": "velero", "ark.heptio.com": "heptio-ark"}


@dataclass(frozen=True)
class ArkConfig:
    """Ark or Velero on one site. ``location`` is the storage location that set-up makes, empty where it only checks."""

    api_group: str
    namespace: str
    storage_location: str
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SiteConfig:
    """One ONTAP cluster and the Kubernetes cluster beside it. ``ontap`` and ``kubernetes`` are connection options."""

    name: str
    ontap: Mapping[str, Any]
    kubernetes: Mapping[str, Any]
    lifs: tuple[Mapping[str, str], ...]
    ark: ArkConfig


@dataclass(frozen=True)
class GroupConfig:
    """One protection group. Times are seconds; ``export_clients`` None means the destination cluster's nodes."""

    name: str
    source: SiteConfig
    destination: SiteConfig
    source_svm: str
    destination_svm: str
    namespaces: tuple[str, ...]
    identity: Identity
    transfer_schedule: str
    rpo_seconds: float
    backup_schedule: str
    backup_cron: str
    backup_ttl: str
    excluded_namespaces: tuple[str, ...]
    label_selector: str
    cluster_objects: tuple[Mapping[str, Any], ...]
    patch_reclaim_policy: bool
    export_clients: tuple[str, ...] | None
    timeouts: Mapping[str, float]
    home_is_destination: bool = False
    """True in the turned direction, from the site given as destination to the one given as source."""

    @property
    def forward(self) -> str:
        """The relationship's name for people."""
        return f"{self.source_svm}: -> {self.destination_svm}:"

    def turned(self) -> GroupConfig:
        """The same group seen the other way round: the way home is a failover in this direction."""
        return replace(
            self, source=self.destination, destination=self.source, source_svm=self.destination_svm, destination_svm=self.source_svm, export_clients=None,
            home_is_destination=not self.home_is_destination,
        )

    @property
    def role(self) -> str:
        """The role that the destination of this direction was given at set-up: ``destination`` on the way out, ``source`` on the way home."""
        return "source" if self.home_is_destination else "destination"

    @property
    def record_name(self) -> str:
        """The ConfigMap that holds the record."""
        return f"kubedr-{self.name}"


def parse_group(raw: Mapping[str, Any]) -> GroupConfig:
    """Check the group dict of the role ``dr`` (see docs/architecture.md) and make it a value.

    Raises:
        ConfigError: naming the inventory variable at fault.
    """
    name = checks.name(raw, "name", "inventory_hostname", checks.RFC1123_LABEL, 56, "a protection group's name becomes part of Kubernetes names")
    sites = raw.get("sites")
    if not isinstance(sites, Mapping) or not sites:
        raise ConfigError("dr_sites", "must be a dict of sites, each with ontap and kubernetes")
    source, destination = _site_name(raw, "source_site", sites), _site_name(raw, "destination_site", sites)
    if source == destination:
        raise ConfigError("dr_destination_site", f"is the same as dr_source_site ({source})", advice="A group is protected from one site to another.")
    source_svm = checks.name(raw, "source_svm", "dr_source_svm", checks.ONTAP_NAME, 47, "ONTAP takes letters, digits, '.', '_', '-', first a letter or '_'")
    destination_svm = checks.name(
        raw, "destination_svm", "dr_destination_svm", checks.ONTAP_NAME, 47, "ONTAP takes letters, digits, '.', '_', '-', first a letter or '_'",
    )
    if source_svm == destination_svm:
        raise ConfigError(
            "dr_destination_svm", f"is the same SVM name as dr_source_svm ({source_svm})",
            advice="Give the destination SVM a name of its own, such as the source's with _dr.",
        )
    source_config, destination_config = _site(source, sites[source]), _site(destination, sites[destination])
    _distinct(source_config, destination_config)
    excluded = tuple(checks.names(raw, "excluded_namespaces", DEFAULT_EXCLUDED))
    return GroupConfig(
        name=name, source=source_config, destination=destination_config, source_svm=source_svm, destination_svm=destination_svm,
        namespaces=_namespaces(raw, excluded, (source_config, destination_config)),
        identity=Identity(checks.choice(raw, "identity_preservation", [str(i) for i in Identity], str(Identity.FULL))),
        transfer_schedule=_transfer_schedule(raw), rpo_seconds=checks.number(raw, "rpo_seconds", 1800, low=1),
        backup_schedule=checks.name(
            {"backup_schedule": "k8sbackup", **_given(raw)}, "backup_schedule", "dr_backup_schedule", checks.RFC1123_SUBDOMAIN, 200,
            "it becomes a Kubernetes name",
        ),
        backup_cron=check_cron(str(raw.get("backup_cron") or "*/5 * * * *"), "dr_backup_cron"),
        backup_ttl=checks.duration(raw, "backup_ttl", "720h0m0s"), excluded_namespaces=excluded,
        label_selector=checks.selector(raw, "label_selector"), cluster_objects=tuple(checks.dicts(raw, "cluster_objects", ("kind",))),
        patch_reclaim_policy=checks.boolean(raw, "patch_reclaim_policy", False), export_clients=_export_clients(raw), timeouts=_timeouts(raw),
    )


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value is not None and value != ""}


def _site_name(raw: Mapping[str, Any], key: str, sites: Mapping[str, Any]) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"dr_{key}", "is not set")
    if value not in sites:
        raise ConfigError(f"dr_{key}", f"names the unknown site {value!r}", advice=f"dr_sites holds: {', '.join(sorted(map(str, sites)))}.")
    return value


def _site(name: str, raw: Any) -> SiteConfig:
    where = f"dr_sites.{name}"
    if not re.fullmatch(checks.SITE_NAME, name):
        raise ConfigError(where, "a site's name is lower-case letters, digits and '-', first a letter")
    if not isinstance(raw, Mapping):
        raise ConfigError(where, "must be a dict with ontap and kubernetes")
    return SiteConfig(
        name, _ontap(where, raw.get("ontap")), _kubernetes(where, raw.get("kubernetes")), _lifs(where, raw.get("intercluster_lifs")),
        _ark(where, raw.get("ark")),
    )


def _ontap(where: str, raw: Any) -> Mapping[str, Any]:
    where = f"{where}.ontap"
    if not isinstance(raw, Mapping):
        raise ConfigError(where, "is not set", advice="Give hostname, username and password, or cert_filepath and key_filepath.")
    checks.known_keys(where, raw, ("hostname", "username", "password", "http_port", "validate_certs", "ca_path", "cert_filepath", "key_filepath"))
    checks.hostname(f"{where}.hostname", raw.get("hostname"))
    checks.port(f"{where}.http_port", raw.get("http_port"))
    for key in ("ca_path", "cert_filepath", "key_filepath"):
        checks.readable(f"{where}.{key}", raw.get(key))
    if not (raw.get("username") and raw.get("password")) and not (raw.get("cert_filepath") and raw.get("key_filepath")):
        missing = "password" if raw.get("username") else "username"
        raise ConfigError(f"{where}.{missing}", "is not set", advice="Or set the KUBEDR_<SITE>_ONTAP_USERNAME and _PASSWORD environment variables.")
    return {**raw, "validate_certs": checks.boolean(raw, "validate_certs", True, f"{where}.validate_certs")}


def _kubernetes(where: str, raw: Any) -> Mapping[str, Any]:
    where = f"{where}.kubernetes"
    if not isinstance(raw, Mapping):
        raise ConfigError(where, "is not set", advice="Give kubeconfig (and context), or host and api_key.")
    checks.known_keys(where, raw, ("kubeconfig", "context", "host", "api_key", "validate_certs", "ca_cert"))
    if not raw.get("kubeconfig") and not (raw.get("host") and raw.get("api_key")):
        raise ConfigError(f"{where}.kubeconfig", "is not set", advice="Or give host and api_key, or the KUBEDR_<SITE>_KUBECONFIG environment variable.")
    checks.readable(f"{where}.kubeconfig", raw.get("kubeconfig"))
    checks.readable(f"{where}.ca_cert", raw.get("ca_cert"))
    if raw.get("host"):
        checks.url(f"{where}.host", raw["host"])
    return {**raw, "validate_certs": checks.boolean(raw, "validate_certs", True, f"{where}.validate_certs")}


def _lifs(where: str, raw: Any) -> tuple[Mapping[str, str], ...]:
    found = []
    for index, lif in enumerate(raw or ()):
        place = f"{where}.intercluster_lifs[{index}]"
        if not isinstance(lif, Mapping):
            raise ConfigError(place, "must be a dict with name, node, port, address and netmask")
        checks.known_keys(place, lif, ("name", "node", "port", "address", "netmask"))
        for key in ("name", "node", "port", "address", "netmask"):
            if not lif.get(key):
                raise ConfigError(f"{place}.{key}", "is not set")
        checks.address(f"{place}.address", lif["address"])
        checks.netmask(f"{place}.netmask", lif["netmask"])
        found.append({key: str(lif[key]) for key in ("name", "node", "port", "address", "netmask")})
    for key in ("name", "address"):
        values = [lif[key] for lif in found]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice:
            raise ConfigError(f"{where}.intercluster_lifs", f"holds the {key} {twice} twice")
    return tuple(found)


def _ark(where: str, raw: Any) -> ArkConfig:
    where, raw = f"{where}.ark", raw if raw is not None else {}
    if not isinstance(raw, Mapping):
        raise ConfigError(where, "must be a dict with api_group, namespace and storage_location")
    checks.known_keys(where, raw, ("api_group", "namespace", "storage_location", "location"))
    group = str(raw.get("api_group") or "velero.io")
    if group not in ARK_NAMESPACES:
        raise ConfigError(f"{where}.api_group", f"is {group!r}", advice=f"Known: {', '.join(ARK_NAMESPACES)}.")
    namespace = str(raw.get("namespace") or ARK_NAMESPACES[group])
    if not re.fullmatch(checks.RFC1123_LABEL, namespace):
        raise ConfigError(f"{where}.namespace", f"{namespace!r} is no Kubernetes namespace name")
    location = raw.get("location") or {}
    if not isinstance(location, Mapping) or (location and not (location.get("provider") and location.get("bucket"))):
        raise ConfigError(f"{where}.location", "must be a dict with provider and bucket")
    return ArkConfig(group, namespace, str(raw.get("storage_location") or "default"), location)


def _distinct(source: SiteConfig, destination: SiteConfig) -> None:
    """Two sites that are one system would make a failover a disaster of its own."""
    where = f"dr_sites.{destination.name}"
    same = [(s.get("hostname"), s.get("http_port") or 443) for s in (source.ontap, destination.ontap)]
    if same[0] == same[1]:
        raise ConfigError(f"{where}.ontap.hostname", f"is the same ONTAP cluster as site {source.name}'s")
    keys = ("kubeconfig", "context", "host")
    if all(source.kubernetes.get(key) == destination.kubernetes.get(key) for key in keys):
        raise ConfigError(f"{where}.kubernetes", f"is the same Kubernetes cluster as site {source.name}'s")
    if source.ark.api_group != destination.ark.api_group:
        raise ConfigError(
            f"{where}.ark.api_group", f"differs from site {source.name}'s ({source.ark.api_group})",
            advice="One kind of server must read what the other wrote.",
        )


def _namespaces(raw: Mapping[str, Any], excluded: tuple[str, ...], sites: tuple[SiteConfig, ...]) -> tuple[str, ...]:
    found = tuple(checks.names(raw, "namespaces", ()))
    if not found:
        raise ConfigError("dr_namespaces", "is empty", advice="Name the namespaces that live on the group's SVM.")
    for namespace in found:
        if namespace in excluded or namespace in {site.ark.namespace for site in sites}:
            raise ConfigError("dr_namespaces", f"holds {namespace}, which is never backed up here")
    return found


def _transfer_schedule(raw: Mapping[str, Any]) -> str:
    text = str(raw.get("transfer_schedule") or "*/15 * * * *").strip()
    if " " in text or text.startswith("@"):
        return check_cron(text, "dr_transfer_schedule", five_fields_only=True)
    if not re.fullmatch(checks.ONTAP_NAME, text):
        raise ConfigError("dr_transfer_schedule", f"{text!r} is neither a cron expression of five fields nor a schedule's name")
    return text


def _export_clients(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    if raw.get("export_clients") is None:
        return None
    clients = raw["export_clients"]
    if isinstance(clients, str) or not isinstance(clients, (list, tuple)):
        raise ConfigError("dr_export_clients", "must be a list of addresses or CIDRs")
    if not clients:
        raise ConfigError(
            "dr_export_clients", "is empty: nobody could mount a volume after a failover", advice="Leave it out to let in the destination cluster's nodes.",
        )
    for client in clients:
        try:
            network = ipaddress.ip_network(str(client), strict=False)
        except ValueError as error:
            raise ConfigError("dr_export_clients", f"{client!r} is no address and no CIDR") from error
        if network.prefixlen == 0:
            raise ConfigError("dr_export_clients", f"{client} would let in every node there is, the dead site's as well")
    return tuple(str(client) for client in clients)


def _timeouts(raw: Mapping[str, Any]) -> Mapping[str, float]:
    given = raw.get("timeouts") or {}
    if not isinstance(given, Mapping):
        raise ConfigError("dr_timeouts", "must be a dict of seconds")
    checks.known_keys("dr_timeouts", given, tuple(DEFAULT_TIMEOUTS))
    return {key: checks.number(given, key, default, low=0.001, variable=f"dr_timeouts.{key}") for key, default in DEFAULT_TIMEOUTS.items()}
