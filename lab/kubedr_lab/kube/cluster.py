# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One light Kubernetes cluster: a request in, an answer or a watch out. No socket, no timer, no file but the store."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from random import Random

from ..clock import Clock
from ..messages import Request, Response
from ..store import Store
from . import discovery, openapi
from .collector import Collector
from .crds import crd_rows
from .errors import Json, KubeError, method_not_allowed, no_such_path
from .objects import Objects
from .reading import Reader
from .resources import Registry
from .targets import answer, locate, split_version
from .verbs import Verbs
from .watch import Watch
from .writing import Writer

KUBERNETES_VERSION = "v1.34.4"
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")


class KubeCluster:
    """The API server of one cluster, and what its controller manager does to namespaces and owned objects.

    Args:
        name: the site's name.
        store: keeps the objects; a cluster made again on the same store goes on where the last one ended.
        seed: of uids, generated names and service addresses.
        tokens: {bearer token: user}. None lets everybody in.
    """

    def __init__(self, name: str, store: Store, clock: Clock, seed: int = 0, tokens: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._clock, self._tokens = clock, tokens
        self._registry = Registry()
        self._objects = Objects(store)
        for definition in self._objects.copies(self._registry.resolve(_CRDS)):
            for row in crd_rows(definition):
                self._registry.add(row)
        for row in self._registry.types():
            self._objects.table(row)
        self._objects.settle()
        # What was drawn before a restart must not be drawn again.
        self._verbs = Verbs(self._objects, self._registry, clock, Random(f"{seed} {name} {self._objects.version}"))
        self._reader = Reader(self._verbs, clock)
        self._writer = Writer(self._verbs, self._reader)
        self._collector = Collector(self._verbs)
        namespaces = self._registry.resolve("namespaces")
        for namespace in _NAMESPACES:
            if ("", namespace) not in self._objects.table(namespaces).objects:
                self._verbs.create(namespaces, "", {"metadata": {"name": namespace}})

    @property
    def version(self) -> int:
        """Rises with every write."""
        return self._objects.version

    async def handle(self, request: Request) -> Response | Watch:
        """Answer one request; never waits."""
        try:
            self._authenticate(request)
            response = self._route(request)
        except KubeError as error:
            response = answer(error.status, error.code)
        if isinstance(response, Response):
            response.headers["date"] = formatdate(self._clock.now(), usegmt=True)
        return response

    async def tick(self) -> float | None:
        """Empty what is terminating and collect what lost its owners. Returns None: only another write gives more to do."""
        self._collector.run()
        return None

    def _authenticate(self, request: Request) -> None:
        if self._tokens is None or request.path in _PUBLIC:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise KubeError(403, f'forbidden: User "system:anonymous" cannot {request.method.lower()} path "{request.path}"')
        if scheme.lower() != "bearer" or token.strip() not in self._tokens:
            raise KubeError(401, "Unauthorized")

    def _route(self, request: Request) -> Response | Watch:
        path = request.path.rstrip("/") or "/"
        parts = path.strip("/").split("/")
        if parts[0] not in ("api", "apis") or len(parts) == 1:
            return self._document(request, path, parts)
        if parts[0] == "apis" and len(parts) == 2:
            return self._only_get(request, discovery.group(self._registry, parts[1]))
        group, version, rest = split_version(parts)
        if not rest:
            return self._only_get(request, discovery.resource_list(self._registry, group, version))
        target = locate(self._registry, group, version, rest)
        if request.method in ("GET", "HEAD"):
            return self._reader.read(request, target)
        return self._writer.write(request, target)

    def _only_get(self, request: Request, document: Json) -> Response:
        if request.method != "GET":
            raise method_not_allowed()
        return answer(document)

    def _document(self, request: Request, path: str, parts: list[str]) -> Response:
        """Everything that is no object."""
        if path in _PUBLIC and path != "/version":
            return Response(200, {"content-type": "text/plain"}, b"ok")
        if path in ("/api", "/apis"):
            return self._discovery(request, path)
        if parts[:2] == ["openapi", "v3"] and len(parts) > 2:
            group, version, rest = split_version(parts[2:])
            if rest:
                raise no_such_path()
            return self._only_get(request, openapi.v3(self._registry, KUBERNETES_VERSION, group, version))
        if path == "/openapi/v3":
            return self._only_get(request, openapi.v3_index(self._registry, self.version))
        documents = {"/version": _version(), "/": _index(), "/openapi/v2": openapi.v2(KUBERNETES_VERSION)}
        if path not in documents:
            raise no_such_path()
        return self._only_get(request, documents[path])

    def _discovery(self, request: Request, path: str) -> Response:
        accepted = request.headers.get("accept", "")
        wanted = next((version for version in ("v2", "v2beta1") if f"v={version};" in accepted and "apidiscovery" in accepted), None)
        if wanted:
            content_type = f"application/json;g=apidiscovery.k8s.io;v={wanted};as=APIGroupDiscoveryList"
            return answer(discovery.aggregated(self._registry, path == "/api", wanted), content_type=content_type)
        if path == "/api":
            return self._only_get(request, discovery.api_versions(request.headers.get("host", "")))
        return self._only_get(request, discovery.group_list(self._registry))


def _index() -> Json:
    return {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}


def _version() -> Json:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    build = {"gitCommit": "0" * 40, "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.24", "compiler": "gc"}
    return {"major": major, "minor": minor, "gitVersion": KUBERNETES_VERSION, **build, "platform": "linux/amd64"}
