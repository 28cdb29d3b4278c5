# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Module ark_restore: one restore under a given name, made once, waited for, explained, and not called restored when a claim lost its volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._argspec import ArgumentSpec
from .._clock import poll
from .._dr.pvs import ClaimVolume, SvmView, group_volumes
from .._env import Env
from .._errors import ConfigError, JobFailed, KubedrError, Refused, WaitTimeout
from .._kube import ark as ark_kinds
from .._kube import backups, locations, restores, volumes
from .._kube.client import KubeClient
from .._kube.contents import BackupContents
from .._kube.dialect import ArkAccess, Dialect
from .._kube.restores import RestoreResult
from .ark_options import CONNECTION, FIELDS, check_name, check_timeout, duration, open_ark

_LIST = {"type": "list", "elements": "str"}
SPEC = CONNECTION.merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "backup": {"type": "str", "required": True},
            "included_namespaces": _LIST, "excluded_namespaces": _LIST, "included_resources": _LIST, "excluded_resources": _LIST,
            "namespace_mapping": {"type": "dict"}, "selector": {"type": "str"}, "or_selectors": _LIST, "restore_volumes": {"type": "bool"},
            "include_cluster_resources": {"type": "bool"}, "preserve_node_ports": {"type": "bool"},
            "existing_resource_policy": {"type": "str", "choices": ["none", "update"]}, "item_operation_timeout": {"type": "str"},
            "resource_modifier_configmap": {"type": "str"}, "status_include_resources": _LIST, "status_exclude_resources": _LIST,
            "allow_reprovisioned": {"type": "bool", "default": False}, "hold_location": {"type": "bool", "default": True},
            "storage_location": {"type": "str"}, "timeout": {"type": "int", "default": 3600}, "bind_timeout": {"type": "int", "default": 60},
        },
    ),
)
_FIELDS: dict[str, str] = {
    **{option: FIELDS[option][0] for option in (
        "included_namespaces", "excluded_namespaces", "included_resources", "excluded_resources", "selector", "or_selectors", "include_cluster_resources")},
    "namespace_mapping": "namespaceMapping", "restore_volumes": "restorePVs", "preserve_node_ports": "preserveNodePorts",
    "existing_resource_policy": "existingResourcePolicy", "item_operation_timeout": "itemOperationTimeout",
}


@dataclass(frozen=True)
class Claim:
    """A claim of the backup, and where it stands after the restore."""

    volume: ClaimVolume
    namespace: str

    @property
    def name(self) -> str:
        """On the cluster."""
        return f"{self.namespace}/{self.volume.claim}"


def run(params: dict[str, Any], env: Env) -> dict[str, Any]:
    """The restore of this name ran and ended well, with every claim on the PersistentVolume that it had.

    Returns:
        ``changed``, ``steps``, ``restored``, ``restore`` (see ``RestoreResult.as_dict``), ``reprovisioned`` (claims that got another volume).

    Raises:
        ConfigError: an option can not be used, or the backup does not exist.
        Refused: ``would_reprovision``: claims would get a new, empty volume; nothing was restored.
        Conflict: a restore of this name exists with another spec.
        JobFailed: the restore ended badly, or claims were provisioned anew all the same.
        WaitTimeout: the restore goes on past the deadline.
    """
    name, backup = check_name("name", params.get("name")), check_name("backup", params.get("backup"))
    client, ark = open_ark(params, env)
    spec = restore_spec(params, ark.dialect)
    timeout, bind_timeout = check_timeout(params, "timeout", 3600.0), check_timeout(params, "bind_timeout", 60.0)
    ark_kinds.check_installed(client, ark, ("backups", "restores"))
    if backups.read(client, ark, backup) is None:
        raise ConfigError("backup", f"{client.system} has no backup {backup!r} in {ark.namespace}")
    claims = restored_claims(params, BackupContents.load(client, ark, backup, env.fetch))
    before = restores.read(client, ark, name)
    if before is None and not params.get("allow_reprovisioned"):
        _refuse_empty(client, claims)
    if env.check_mode:
        _seen, changed = restores.ensure(client, ark, spec, name, check_mode=True)
        return _result(changed, None, [], before, name, env)
    ended = before is not None and restores.phase_of(before) in ark.dialect.restore_done
    result = _restore(client, ark, params, spec, name, timeout, env, ended)
    _require_success(result, client.system)
    lost = _reprovisioned(client, claims, bind_timeout)
    if lost and not params.get("allow_reprovisioned"):
        raise JobFailed(
            f"not restored: claims were provisioned anew, or are not bound to their volume: {', '.join(lost)}", system=client.system, operation="ark_restore",
            obj=name, seen={"restore": result.as_dict(), "reprovisioned": lost}, advice="Stop what runs on them: their data is not there.",
        )
    return _result(before is None, result, lost, before, name, env)


def restore_spec(params: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The options that are given, as a Restore's spec.

    Raises:
        ConfigError: an option that can not be read, or that this product does not have.
    """
    if params.get("selector") and params.get("or_selectors"):
        raise ConfigError("or_selectors", "can not be used together with selector")
    spec: dict[str, Any] = {"backupName": str(params["backup"])}
    for option, name in _FIELDS.items():
        value = params.get(option)
        if value is None:
            continue
        if name not in dialect.restore_options:
            raise ConfigError(option, f"{dialect.product} ({dialect.group}) has no such option", advice="Leave it out, or use Velero.")
        convert: Callable[[str, Any], Any] = duration if option == "item_operation_timeout" else FIELDS.get(option, ("", _same))[1]
        converted = convert(option, value)
        if converted is not None:
            spec[name] = converted
    _nested(params, dialect, spec)
    return spec


def _same(_option: str, value: Any) -> Any:
    return value


def _nested(params: Mapping[str, Any], dialect: Dialect, spec: dict[str, Any]) -> None:
    status = {
        key: list(params[option])
        for option, key in (("status_include_resources", "includedResources"), ("status_exclude_resources", "excludedResources"))
        if params.get(option) is not None
    }
    for option, field, value in (
        ("status_include_resources", "restoreStatus", status),
        ("resource_modifier_configmap", "resourceModifier", {"kind": "configmap", "name": str(params.get("resource_modifier_configmap") or "")}),
    ):
        if not (status if field == "restoreStatus" else params.get(option)):
            continue
        if field not in dialect.restore_options:
            raise ConfigError(option, f"{dialect.product} ({dialect.group}) has no such option", advice="Leave it out, or use Velero.")
        spec[field] = value


def restored_claims(params: Mapping[str, Any], contents: BackupContents) -> list[Claim]:
    """The bound claims of the backup that this restore brings, in the namespaces that they get."""
    included, excluded = params.get("included_namespaces") or ["*"], set(params.get("excluded_namespaces") or ())
    kinds, without = params.get("included_resources") or ["*"], set(params.get("excluded_resources") or ())
    names = {"persistentvolumeclaims", "persistentvolumeclaim", "pvc", "*"}
    if not names & set(kinds) or names & without:
        return []
    mapping = params.get("namespace_mapping") or {}
    held = [key.namespace for key in contents.keys("persistentvolumeclaims")]
    wanted = {namespace for namespace in held if ("*" in included or namespace in included) and namespace not in excluded}
    return [Claim(volume, str(mapping.get(volume.namespace, volume.namespace))) for volume in group_volumes(contents, wanted, SvmView({}))]


def _refuse_empty(client: KubeClient, claims: list[Claim]) -> None:
    """Before anything is touched: claims that Ark would provision anew, and for which no volume stands ready."""
    empty = []
    for claim in claims:
        if not claim.volume.reprovisioned:
            continue
        pv = volumes.read_pv(client, claim.volume.pv)
        if pv is None or volumes.claim_of(pv) != (claim.namespace, claim.volume.claim):
            empty.append(f"{claim.name} ({claim.volume.pv}, {claim.volume.policy or 'not in the backup'})")
    if empty:
        raise Refused(
            "would_reprovision", f"these claims would get a new, empty volume: {', '.join(empty)}", system=client.system, operation="ark_restore", seen=empty,
            advice="Create their PersistentVolumes first (Retain, claimRef with namespace and name), or set allow_reprovisioned.",
        )


def _restore(
    client: KubeClient, ark: ArkAccess, params: Mapping[str, Any], spec: dict[str, Any], name: str, timeout: float, env: Env, ended: bool,
) -> RestoreResult:
    """Under a read-only hold of the location. The hold is released when the restore has ended; one that may still run keeps it, and a rerun finds it."""
    holds = bool(params.get("hold_location", True)) and ark.dialect.has_read_only and locations.read(client, ark).found
    holder = f"restore/{name}"
    if holds and not ended:
        locations.hold_read_only(client, ark, holder, timeout)
    env.reporter.step_started("restore", {"name": name, "spec": spec})
    try:
        result = restores.create_and_wait(
            client, ark, spec, name, timeout, lambda seen: env.reporter.progress(f"restore {name}: {restores.progress_of(seen)}"), env.fetch,
        )
    except KubedrError:
        if holds and _is_over(client, ark, name):
            locations.release_hold(client, ark, holder)
        raise
    if holds:
        locations.release_hold(client, ark, holder)
    env.reporter.step_ended("restore", result.as_dict(), not ended)
    return result


def _is_over(client: KubeClient, ark: ArkAccess, name: str) -> bool:
    """No restore of this name runs, as far as can be seen."""
    try:
        found = restores.read(client, ark, name)
    except KubedrError:
        return False
    return found is None or restores.phase_of(found) in ark.dialect.restore_done


def _require_success(result: RestoreResult, system: str) -> None:
    if result.succeeded:
        return
    told = "; ".join(message.text for message in result.errors[:3]) or result.reason or result.results_missing or f"{result.error_count} errors"
    advice = "The server was restarted while it ran, and nothing resumes a restore: give another name." if result.interrupted else (
        "A restore is never run again: mend the cause and give another name."
    )
    raise JobFailed(f"the restore ended {result.phase}: {told}", system=system, operation="ark_restore", obj=result.name, seen=result.as_dict(), advice=advice)


def _reprovisioned(client: KubeClient, claims: list[Claim], deadline: float) -> list[str]:
    """The claims that are not on the PersistentVolume that they had. A volume made before binds within seconds, so claims without any are given time."""

    def live() -> dict[str, str]:
        names = sorted({claim.namespace for claim in claims})
        return {
            f"{found['metadata']['namespace']}/{found['metadata']['name']}": str((found.get("spec") or {}).get("volumeName") or "")
            for found in volumes.claims(client, names)
        }

    if not claims:
        return []
    try:
        found = poll(
            client.clock, live, lambda seen: all(seen.get(claim.name, "gone") for claim in claims), timeout=deadline, what="wait for claims",
            system=client.system,
        )
    except WaitTimeout as error:
        found = dict(error.seen)
    return [f"{claim.name} ({found.get(claim.name) or 'unbound'} instead of {claim.volume.pv})" for claim in claims if found.get(claim.name) != claim.volume.pv]


def _result(changed: bool, result: RestoreResult | None, lost: list[str], before: Any, name: str, env: Env) -> dict[str, Any]:
    told: dict[str, Any] = {
        "changed": changed, "restored": result is not None and not lost, "restore": result.as_dict() if result else None, "reprovisioned": lost,
        "steps": [{"name": "restore", "changed": changed, "seen": result.as_dict() if result else None}],
    }
    if result and result.unexpected_warnings:
        told["warnings"] = [f"restore {name}: {message.text}" for message in result.unexpected_warnings]
    if env.diff:
        there = {"state": "present", "name": name}
        told["diff"] = {"before": there if before else {"state": "absent"}, "after": there}
    return told
