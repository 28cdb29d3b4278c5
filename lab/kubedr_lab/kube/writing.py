# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""POST, PUT, PATCH and DELETE: from a request's body to one of the verbs."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ..copying import copied
from ..messages import Request, Response
from .apply import apply_patch
from .errors import Cause, Json, KubeError, bad_request, conflict, invalid, method_not_allowed, no_such_path, success
from .patches import json_patch, merge_patch, strategic_merge
from .protobuf import decode
from .reading import Reader, scale_of
from .resources import Resource
from .shapes import checked_options
from .targets import Target, answer, is_dry_run
from .verbs import Options, Verbs

_PROTOBUF = "application/vnd.kubernetes.protobuf"
_PATCH_TYPES = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"


class Writer:
    """Everything that changes something, and the access reviews."""

    def __init__(self, verbs: Verbs, reader: Reader) -> None:
        self._verbs, self._reader = verbs, reader

    def write(self, request: Request, target: Target) -> Response:
        """Answer a POST, PUT, PATCH or DELETE.

        Raises:
            KubeError: whatever the verbs raise; 405, 415.
        """
        content_type = request.headers.get("content-type", "application/json").split(";")[0].strip()
        body = _parse(request.body, content_type)
        if request.method == "POST":
            return self._post(request, target, body)
        if request.method == "DELETE":
            return self._delete(request, target, body)
        if request.method not in ("PUT", "PATCH") or not target.name or target.subresource == "binding":
            raise method_not_allowed()
        return self._put(request, target, body) if request.method == "PUT" else self._patch(request, target, body, content_type)

    def _options(self, request: Request, target: Target, patch: bool = False) -> Options:
        return Options(is_dry_run(request), request.first("fieldValidation") == "Strict", patch, target.subresource)

    def _post(self, request: Request, target: Target, body: Any) -> Response:
        resource = target.resource
        if target.subresource == "binding":
            return self._bind(request, target, body)
        if target.name:
            raise method_not_allowed()
        if resource.group == "authorization.k8s.io":
            return answer(_review(resource, body), 201)
        if resource.namespaced and not target.namespace:
            raise no_such_path() if resource.crd else method_not_allowed()
        return self._reader.present(request, resource, self._verbs.create(resource, target.namespace, body, self._options(request, target)), 201)

    def _bind(self, request: Request, target: Target, body: Any) -> Response:
        """What a scheduler does: the one way to give a pod its node."""
        pod = copied(self._verbs.get(target.resource, target.namespace, target.name))
        node = (checked_options("Binding", body).get("target") or {}).get("name")
        if not node:
            raise invalid("", "Binding", target.name, [("target.name", "Required value")])
        if pod["spec"].get("nodeName"):
            raise conflict("", "pods/binding", target.name, f"pod {target.name} is already assigned to node \"{pod['spec']['nodeName']}\"")
        pod["spec"]["nodeName"] = node
        self._verbs.update(target.resource, target.namespace, target.name, pod, self._options(request, target, patch=True))
        return answer(success({}), 201)

    def _delete(self, request: Request, target: Target, body: Any) -> Response:
        options = {"propagationPolicy": request.first("propagationPolicy"), **checked_options("DeleteOptions", body)}
        dry_run = is_dry_run(request, options)
        if target.subresource:
            raise method_not_allowed()
        if target.name:
            return answer(self._verbs.delete(target.resource, target.namespace, target.name, options, dry_run))
        if target.resource.key == ("", "namespaces") or (target.resource.namespaced and not target.namespace):
            raise method_not_allowed()
        objects = self._reader.select(request, target)
        for obj in objects:
            self._verbs.delete(target.resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"], {**options, "preconditions": None}, dry_run)
        metadata = {"resourceVersion": str(self._verbs.objects.version)}
        return answer({"kind": target.resource.list_kind, "apiVersion": target.resource.api_version, "metadata": metadata, "items": objects})

    def _put(self, request: Request, target: Target, body: Any) -> Response:
        if target.subresource == "scale":
            return self._scale(request, target, body)
        return self._present_update(request, target, body, self._options(request, target))

    def _present_update(self, request: Request, target: Target, body: Any, options: Options) -> Response:
        return self._reader.present(request, target.resource, self._verbs.update(target.resource, target.namespace, target.name, body, options))

    def _scale(self, request: Request, target: Target, scale: Any) -> Response:
        replicas = (checked_options("Scale", scale).get("spec") or {}).get("replicas")
        obj = copied(self._verbs.get(target.resource, target.namespace, target.name))
        obj["spec"]["replicas"] = replicas if replicas is not None else 0
        updated = self._verbs.update(target.resource, target.namespace, target.name, obj, Options(is_dry_run(request), patch=True))
        return answer(scale_of(updated))

    def _patch(self, request: Request, target: Target, patch: Any, content_type: str) -> Response:
        if content_type == "application/apply-patch+yaml":
            return self._apply(request, target, patch)
        current = copied(self._verbs.get(target.resource, target.namespace, target.name))
        new = _patched(target.resource, scale_of(current) if target.subresource == "scale" else current, patch, content_type)
        if target.subresource == "scale":
            return self._scale(request, target, new)
        _check_identity(target.resource, current, new)
        return self._present_update(request, target, new, self._options(request, target, patch=True))

    def _apply(self, request: Request, target: Target, body: Any) -> Response:
        resource, manager = target.resource, request.first("fieldManager")
        if not manager:
            raise invalid("meta.k8s.io", "PatchOptions", "", [("fieldManager", "Required value: is required for apply patch")])
        if not isinstance(body, dict) or body.get("kind") != resource.kind or body.get("apiVersion") != resource.api_version:
            raise bad_request(f"the applied object must be a {resource.kind} in version {resource.api_version}")
        body = {**body, "metadata": {**(body.get("metadata") or {}), "name": target.name}}
        current = self._verbs.objects.table(resource).objects.get((target.namespace, target.name))
        if current is None and target.subresource:
            current = self._verbs.get(resource, target.namespace, target.name)
        new = apply_patch(resource, current, body, manager, request.first("force") == "true", self._verbs.now())
        options = self._options(request, target, patch=True)
        if current is None:
            return self._reader.present(request, resource, self._verbs.create(resource, target.namespace, new, options), 201)
        return self._present_update(request, target, new, options)


def _parse(body: bytes, content_type: str) -> Any:
    if content_type == _PROTOBUF:
        return decode(body)
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        if "yaml" not in content_type:
            raise bad_request(f"the object provided is unrecognized: {error}") from error
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from error


def _patched(resource: Resource, current: Json, patch: Any, content_type: str) -> Any:
    if content_type == "application/json-patch+json":
        return json_patch(current, patch)
    if not isinstance(patch, dict):
        raise bad_request("the patch is not a JSON object")
    if content_type == "application/merge-patch+json":
        return merge_patch(current, patch)
    if content_type == "application/strategic-merge-patch+json" and not resource.crd:
        return strategic_merge(current, patch)
    raise KubeError(415, f"the body of the request was in an unknown format - accepted media types include: {_PATCH_TYPES}")


def _check_identity(resource: Resource, current: Json, new: Any) -> None:
    """A patch cannot make another object of this one."""
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise KubeError(422, "the server rejected our request due to an error in our request: the result is not an object")
    found: list[Cause] = [(f, f"Invalid value: {json.dumps(new.get(f))}: field is immutable") for f in ("kind", "apiVersion") if new.get(f) != current[f]]
    uid = new["metadata"].get("uid")
    if uid is not None and uid != current["metadata"]["uid"]:
        found.append(("metadata.uid", f"Invalid value: {json.dumps(uid)}: field is immutable"))
    if found:
        raise invalid(resource.group, resource.kind, current["metadata"]["name"], found)


def _review(resource: Resource, body: Any) -> Json:
    """Everybody may do everything here."""
    rules = {"resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}], "nonResourceRules": [], "incomplete": False}
    status = {"allowed": True} if resource.kind == "SelfSubjectAccessReview" else rules
    given = body if isinstance(body, dict) else {}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {}, **given, "status": status}
