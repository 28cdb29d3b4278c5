# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Get, list and watch: selection, paging, and the three representations of an object."""

from __future__ import annotations

import base64
import json

from ..clock import Clock
from ..messages import Request, Response
from .errors import Json, bad_request, method_not_allowed
from .objects import Key, Objects, encode
from .resources import Registry, Resource
from .selectors import Predicate, field_selector, label_selector
from .tables import partial, table
from .targets import Target, answer, number, wants
from .verbs import Verbs
from .watch import Watch, WatchSpec

_TRUE = ("1", "true", "True")


class Reader:
    """Everything that a GET can ask for."""

    def __init__(self, verbs: Verbs, clock: Clock) -> None:
        self._verbs, self._clock = verbs, clock
        self._objects: Objects = verbs.objects
        self._registry: Registry = verbs.registry

    def read(self, request: Request, target: Target) -> Response | Watch:
        """Answer a GET.

        Raises:
            KubeError: 400, 404.
        """
        if target.watch or request.first("watch") in _TRUE:
            return self._watch(request, target)
        if not target.name:
            return self._list(request, target)
        if target.subresource in ("binding", "finalize"):
            raise method_not_allowed()
        number(request, "resourceVersion")
        obj = self._verbs.get(target.resource, target.namespace, target.name)
        return answer(scale_of(obj)) if target.subresource == "scale" else self.present(request, target.resource, obj)

    def present(self, request: Request, resource: Resource, obj: Json, status: int = 200) -> Response:
        """One object, in the representation that the client asked for."""
        if wants(request, "Table"):
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return answer(table(resource, [obj], metadata, self._clock.now(), request.first("includeObject")), status)
        if wants(request, "PartialObjectMetadata"):
            return answer(partial(obj), status)
        return answer({**obj, "apiVersion": resource.api_version}, status)

    def select(self, request: Request, target: Target) -> list[Json]:
        """The objects that a collection request means."""
        objects = self._objects.table(target.resource).objects
        matches = _matcher(request, target)
        return [objects[key] for key in self._keys(target) if matches(objects[key])]

    def _keys(self, target: Target, after: Key = ("", "")) -> list[Key]:
        return self._objects.table(target.resource).in_namespace(target.namespace, after)

    def _list(self, request: Request, target: Target) -> Response:
        resource, objects = target.resource, self._objects.table(target.resource).objects
        number(request, "resourceVersion")
        metadata: Json = {"resourceVersion": str(self._objects.version)}
        after, limit = ("", ""), number(request, "limit")
        if request.first("continue"):
            after, metadata["resourceVersion"] = _read_token(request.first("continue"))
        keys = self._keys(target, after)
        selected = bool(request.first("labelSelector") or request.first("fieldSelector"))
        if selected:
            matches = _matcher(request, target)
            keys = [key for key in keys if matches(objects[key])]
        if limit and len(keys) > limit:
            metadata["continue"] = _token(keys[limit - 1], metadata["resourceVersion"])
            if not selected:
                metadata["remainingItemCount"] = len(keys) - limit
            keys = keys[:limit]
        return answer(self._list_body(request, resource, keys, metadata))

    def _list_body(self, request: Request, resource: Resource, keys: list[Key], metadata: Json) -> bytes | Json:
        source = self._objects.table(resource)
        if wants(request, "Table"):
            return table(resource, [source.objects[key] for key in keys], metadata, self._clock.now(), request.first("includeObject"))
        if wants(request, "PartialObjectMetadataList"):
            items = [partial(source.objects[key]) for key in keys]
            return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items}
        whole = {"continue": "", **metadata} if resource.crd else metadata  # only lists of custom kinds say that nothing follows
        head = {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": whole}
        if self._registry.versions(resource) > 1:
            return {**head, "items": [{**source.objects[key], "apiVersion": resource.api_version} for key in keys]}
        # The encoded objects are at hand: a list is their join, however long it is. Items of built-in kinds do not say what they are, those of others do.
        own = encode({"apiVersion": resource.api_version, "kind": resource.kind})[:-1] + b","
        skipped = 0 if resource.crd else len(own) - 1
        encoded = (source.encoded[key] for key in keys)
        texts = [b"{" + text[skipped + 1 :] if skipped and text.startswith(own) else text for text in encoded]
        return encode(head)[:-1] + b',"items":[' + b",".join(texts) + b"]}"

    def _watch(self, request: Request, target: Target) -> Watch:
        source = self._objects.table(target.resource)
        spec = WatchSpec(
            resource=target.resource, matches=_matcher(request, target), candidates=lambda: self._keys(target),
            since=number(request, "resourceVersion"), timeout=float(number(request, "timeoutSeconds") or 1800),
            bookmarks=request.first("allowWatchBookmarks") in _TRUE, initial_events=request.first("sendInitialEvents") in _TRUE,
            as_table=wants(request, "Table"), include=request.first("includeObject"),
        )
        return Watch(spec, source, self._clock, lambda: self._objects.version)


def scale_of(obj: Json) -> Json:
    """The Scale of a workload."""
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": {"replicas": obj["spec"].get("replicas", 1)}, "status": status}


def _matcher(request: Request, target: Target) -> Predicate:
    tests: list[Predicate] = []
    if target.namespace:
        tests.append(lambda obj: obj["metadata"].get("namespace") == target.namespace)
    if target.name:
        tests.append(lambda obj: obj["metadata"]["name"] == target.name)
    if text := request.first("labelSelector"):
        tests.append(label_selector(text))
    if text := request.first("fieldSelector"):
        tests.append(field_selector(target.resource, text))
    return lambda obj: all(test(obj) for test in tests)


def _token(key: Key, version: str) -> str:
    return base64.urlsafe_b64encode(encode({"after": key, "version": version})).decode()


def _read_token(token: str) -> tuple[Key, str]:
    try:
        data = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = data["after"]
        return (str(namespace), str(name)), str(data["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request("continue key is not valid") from error
