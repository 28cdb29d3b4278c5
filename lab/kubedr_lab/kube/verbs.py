# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, update and delete. Every other write (patches, apply, scale, status, finalize, binding) computes a new object and calls update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from ..clock import Clock
from ..copying import copied
from .crds import complete_crd, crd_faults, crd_rows
from .defaults import complete, initial_status
from .errors import (
    Cause,
    Json,
    KubeError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
    precondition_failed,
    success,
    terminating,
)
from .immutable import changed_faults
from .metadata import metadata_faults, normalize
from .objects import Objects
from .resources import Registry, Resource
from .schema import conform
from .shapes import check_types, known_fields
from .validation import choice_fault, faults

_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
_IMMORTAL = ("default", "kube-system", "kube-public")
_RETURNED = ("Pod", "Service", "ServiceAccount", "PersistentVolume", "PersistentVolumeClaim", "StorageClass")
"""Kinds of which a deletion answers with the object; with the others it is a Status."""
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_CRD = "CustomResourceDefinition"
_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True)
class Options:
    """How a write is meant: ``patch`` = computed from the current object here, so it needs no resourceVersion."""

    dry_run: bool = False
    strict: bool = False
    patch: bool = False
    subresource: str = ""


PLAIN = Options()


class Verbs:
    """The three writes, and get."""

    def __init__(self, objects: Objects, registry: Registry, clock: Clock, rng: Random) -> None:
        self.objects, self.registry = objects, registry
        self._clock, self._rng = clock, rng

    def now(self) -> str:
        """Lab time as Kubernetes writes it, whole seconds."""
        return datetime.fromtimestamp(int(self._clock.now()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """The stored object itself: read it, never change it.

        Raises:
            KubeError: 404.
        """
        found = self.objects.table(resource).objects.get((namespace, name))
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return found

    def create(self, resource: Resource, namespace: str, body: Any, options: Options = PLAIN) -> Json:
        """A new object from the client's body.

        Raises:
            KubeError: 400, 403 (namespace terminating), 404 (no such namespace), 409, 422.
        """
        obj = self._checked_body(resource, namespace, copied(body))
        metadata = obj["metadata"]
        if resource.namespaced:
            self._check_namespace(resource, namespace, str(metadata.get("name", "")))
            metadata["namespace"] = namespace
        else:
            metadata.pop("namespace", None)
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(self._rng.choices(_SUFFIX_LETTERS, k=5))
        if not metadata.get("name"):
            raise invalid(resource.group, resource.kind, "", [("metadata.name", "Required value: name or generateName is required")])
        if "status" in resource.subresources:
            status = initial_status(resource.group, resource.kind, obj)
            obj.pop("status", None)
            obj.update({} if status is None else {"status": status})
        obj = self._admit(resource, obj, options)
        metadata = obj["metadata"]
        if (metadata.get("namespace", ""), metadata["name"]) in self.objects.table(resource).objects:
            raise already_exists(resource.group, resource.plural, metadata["name"])
        for field in (*_SERVER_OWNED, "resourceVersion"):
            metadata.pop(field, None)
        metadata.update(uid=str(UUID(int=self._rng.getrandbits(128), version=4)), creationTimestamp=self.now())
        if resource.has_generation:
            metadata["generation"] = 1
        if not options.dry_run:
            self.objects.put(resource, obj, None)
            self._register(resource, obj)
        return obj

    def update(self, resource: Resource, namespace: str, name: str, body: Any, options: Options = PLAIN) -> Json:
        """The whole new object (or its status only, for that subresource). Nothing is written where nothing changed. ``body`` becomes the server's.

        Raises:
            KubeError: 400, 404, 409, 422.
        """
        current = self.get(resource, namespace, name)
        new = self._checked_body(resource, namespace, body)
        self._check_preconditions(resource, current, new, options)
        new = _carry_over(resource, current, new, options.subresource)
        if options.subresource not in ("status", "binding") or resource.crd:
            new = self._admit(resource, new, options, current)
        metadata, before = new["metadata"], current["metadata"]
        if resource.has_generation and _without_generation(resource, new) != _without_generation(resource, current):
            metadata["generation"] = before.get("generation", 1) + 1
        metadata["resourceVersion"] = before["resourceVersion"]
        if new == current or options.dry_run:
            return new
        kept = metadata.get("finalizers") or (new.get("spec", {}).get("finalizers") if resource.kind == "Namespace" else None)
        if metadata.get("deletionTimestamp") and not kept and resource.kind != _CRD:
            self.objects.remove(resource, new)
            return new
        self.objects.put(resource, new, current)
        self._register(resource, new)
        return new

    def delete(self, resource: Resource, namespace: str, name: str, options: Json | None = None, dry_run: bool = False) -> Json:
        """Remove an object, or mark it where finalizers (or the contents of a namespace or definition) must go first: then it is returned.

        Raises:
            KubeError: 403 (a namespace that may not go), 404, 409 (preconditions), 422.
        """
        policy = _checked_policy(options)
        current = self.get(resource, namespace, name)
        metadata = current["metadata"]
        for field, wanted in ((options or {}).get("preconditions") or {}).items():
            if wanted and wanted != metadata.get(field):
                why = f"{field} in precondition: {wanted}, {field} in object meta: {metadata.get(field)}"
                raise precondition_failed(resource.group, resource.kind, resource.plural, name, why)
        if resource.kind == "Namespace" and name in _IMMORTAL:
            raise forbidden("", "namespaces", name, "this namespace may not be deleted")
        done = success({"name": name, "group": resource.group, "kind": resource.plural, "uid": metadata["uid"]})
        if dry_run:
            return done
        finalizers = list(metadata.get("finalizers") or [])
        marker = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}.get(policy)
        if marker and marker not in finalizers:
            finalizers.append(marker)
        if not finalizers and resource.kind not in ("Namespace", _CRD):
            self.objects.remove(resource, current)
            return {**current, "apiVersion": resource.api_version} if resource.kind in _RETURNED else done
        return self._mark_deleted(resource, current, finalizers)

    def _mark_deleted(self, resource: Resource, current: Json, finalizers: list[str]) -> Json:
        if current["metadata"].get("deletionTimestamp"):
            return current
        new = copied(current)
        new["metadata"].update(deletionTimestamp=self.now(), deletionGracePeriodSeconds=0)
        if finalizers:
            new["metadata"]["finalizers"] = finalizers
        if resource.has_generation:
            new["metadata"]["generation"] = current["metadata"].get("generation", 1) + 1
        if resource.kind == "Namespace":
            new["status"] = {"phase": "Terminating"}
        self.objects.put(resource, new, current)
        return new

    def _checked_body(self, resource: Resource, namespace: str, body: Any) -> Json:
        if not isinstance(body, dict) or not isinstance(body.setdefault("metadata", {}), dict):
            raise bad_request(f"the request body is not a {resource.kind}")
        given = body.get("apiVersion") or resource.api_version, body.get("kind") or resource.kind
        if given[1] != resource.kind and resource.crd:
            why = f'Invalid value: "{given[1]}": must be {resource.kind}'
            raise invalid(resource.group, given[1], str(body["metadata"].get("name", "")), [("kind", why)])
        if given != (resource.api_version, resource.kind):
            raise bad_request(f"{given[1]} in version {given[0]} does not match the expected {resource.kind} in version {resource.api_version}")
        check_types(resource, body)
        own = body["metadata"].get("namespace")
        if resource.namespaced and own and own != namespace:
            raise bad_request(f"the namespace of the provided object does not match the namespace sent on the request ({own} != {namespace})")
        head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": dict(body["metadata"])}
        return {**head, **{key: body[key] for key in sorted(body) if key not in head}}

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        found = self.get(self.registry.resolve("namespaces"), "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            raise terminating(resource.group, resource.plural, name, namespace)

    def _check_preconditions(self, resource: Resource, current: Json, new: Json, options: Options) -> None:
        metadata, before = new["metadata"], current["metadata"]
        name, version = before["name"], metadata.get("resourceVersion")
        if metadata.get("name", name) != name:
            raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
        if not version and resource.crd and not options.patch:
            raise invalid(resource.group, resource.plural, name, [("metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update")])
        if version and not version.isdigit():
            raise KubeError(500, f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if version and version != before["resourceVersion"]:
            raise conflict(resource.group, resource.plural, name, _MODIFIED)
        if metadata.get("uid") and metadata["uid"] != before["uid"]:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {before['uid']}"
            raise conflict(resource.group, resource.plural, name, why)

    def _admit(self, resource: Resource, obj: Json, options: Options, current: Json | None = None) -> Json:
        """Defaults, schema, validation: the object as it may be stored."""
        normalize(obj["metadata"])
        found: list[Cause] = metadata_faults(resource, obj["metadata"])
        if resource.schema is not None:
            obj, findings = conform(obj, resource.schema)
            if findings.unknown and options.strict:
                raise _strictly(resource, findings.unknown)
            found += findings.errors
        elif resource.kind == _CRD:
            found += crd_faults(obj)
        else:
            obj, unknown = known_fields(resource, obj)
            if unknown and options.strict:
                raise _strictly(resource, unknown)
            found += faults(resource.group, resource.kind, obj)
            if not found:
                complete(resource.group, resource.kind, obj, self._rng)
            if current is not None and not found:
                found += changed_faults(resource.group, resource.kind, obj, current)
        if found:
            raise invalid(resource.group, resource.kind, obj["metadata"]["name"], found)
        if resource.kind == _CRD:
            complete_crd(obj, self.now())
        return obj

    def _register(self, resource: Resource, obj: Json) -> None:
        if resource.kind == _CRD:
            self.registry.remove_definition(obj["metadata"]["name"])
            for row in crd_rows(obj):
                self.registry.add(row)


def _strictly(resource: Resource, unknown: Sequence[str]) -> KubeError:
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: strict decoding error: {listed}')


def _carry_over(resource: Resource, current: Json, new: Json, subresource: str) -> Json:
    """The client's object with everything that this request cannot change put back."""
    before = current["metadata"]
    if subresource == "status":
        result = {**current, "metadata": dict(before), **({"status": new["status"]} if new.get("status") is not None else {})}
        return copied(result)
    if "status" in resource.subresources:
        new = {key: value for key, value in new.items() if key != "status"} | ({"status": current["status"]} if "status" in current else {})
    if resource.key == ("", "namespaces"):
        finalizers = (new.get("spec") or {}).get("finalizers") or []
        new = {**new, "spec": {"finalizers": finalizers} if subresource == "finalize" else current["spec"]}
    if resource.key == ("", "services") and not (new.get("spec") or {}).get("clusterIP"):
        addresses = {key: current["spec"][key] for key in ("clusterIP", "clusterIPs") if key in current["spec"]}
        new = {**new, "spec": {**(new.get("spec") or {}), **addresses}}
    metadata = {key: value for key, value in new["metadata"].items() if key not in _SERVER_OWNED}
    metadata |= {key: before[key] for key in (*_SERVER_OWNED, "name", "namespace") if key in before}
    if metadata.get("managedFields") is None and before.get("managedFields"):
        metadata["managedFields"] = before["managedFields"]
    return {**new, "metadata": metadata}


def _without_generation(resource: Resource, obj: Json) -> Json:
    """What counts for the generation: all but metadata, and but a status that is a subresource."""
    ignored = {"metadata", "status"} if "status" in resource.subresources else {"metadata"}
    return {key: value for key, value in obj.items() if key not in ignored}


def _checked_policy(options: Json | None) -> str:
    policy: str = (options or {}).get("propagationPolicy") or "Background"
    found = list(choice_fault("propagationPolicy", policy, ("Foreground", "Background", "Orphan")))
    if found:
        raise invalid("meta.k8s.io", "DeleteOptions", "", found)
    return policy
