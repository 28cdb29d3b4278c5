# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection on a pocket lab: transports, clock and environment, so that ``run(params, env)`` works against simulated sites in virtual time."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from ansible_collections.kubedr.ontap.plugins.module_utils._env import Env, KubeAccess, OntapAccess, Process
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import AnswerLost, ApiError, AuthError, NotFound, Unreachable
from ansible_collections.kubedr.ontap.plugins.module_utils._http import Request, Response
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap import volumes
from ansible_collections.kubedr.ontap.plugins.module_utils._ontap.client import OntapClient
from ansible_collections.kubedr.ontap.plugins.module_utils._report import Reporter, Silent

from kubedr_lab import messages
from kubedr_lab.objects import NoSuchKey, StoreDenied, StoreError
from kubedr_lab.pocket import NoAnswer, PocketLab
from kubedr_lab.settings import ONTAP_USER, SITES, ark_access, intercluster_lifs


class PocketTransport:
    """One API of a site as the collection's ``Transport``. ``log`` keeps every request in order, also the unanswered ones."""

    def __init__(self, pocket: PocketLab, site: str, system: str, authorization: str) -> None:
        self.pocket, self.site, self.system = pocket, site, system
        self.log: list[Request] = []
        self._authorization = authorization

    def send(self, request: Request) -> Response:
        """As over HTTPS: statuses are answers.

        Raises:
            Unreachable: killed or dropped: nothing was sent.
            AnswerLost: hung, or a fault of the lab swallowed the answer.
        """
        self.log.append(request)
        path, _unused, more = request.path.partition("?")
        query = {name: [str(value)] for name, value in [*parse_qsl(more, keep_blank_values=True), *request.query.items()]}
        headers = {"authorization": self._authorization, "accept": "application/hal+json, application/json", "content-type": request.content_type}
        body = b"" if request.body is None else json.dumps(request.body).encode()
        where = {"system": f"{'ONTAP' if self.system == 'ontap' else 'Kubernetes'} {self.site}", "operation": f"{request.method} {path}"}
        try:
            answer = self.pocket.call(self.site, self.system, messages.Request(request.method, path, query, headers, body), request.timeout)
        except NoAnswer as error:
            raise (AnswerLost if error.sent else Unreachable)(str(error), **where) from error
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, _parsed(answer))


def _parsed(answer: messages.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.body.decode()


class PocketOntap(PocketTransport):
    """A site's ONTAP cluster, as its administrator unless told otherwise."""

    def __init__(self, pocket: PocketLab, site: str, username: str = ONTAP_USER, password: str | None = None) -> None:
        word = pocket.secrets.ontap[site] if password is None else password
        super().__init__(pocket, site, "ontap", "Basic " + b64encode(f"{username}:{word}".encode()).decode())


class PocketKube(PocketTransport):
    """A site's Kubernetes cluster, as its administrator unless told otherwise."""

    def __init__(self, pocket: PocketLab, site: str, token: str | None = None) -> None:
        super().__init__(pocket, site, "kubernetes", f"Bearer {pocket.secrets.kubernetes[site] if token is None else token}")


class PocketClock:
    """The collection's ``Clock`` on the lab's virtual one: sleeping lets the lab work."""

    def __init__(self, pocket: PocketLab) -> None:
        self._pocket = pocket

    def monotonic(self) -> float:
        """Lab seconds."""
        return self._pocket.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let so many lab seconds pass."""
        self._pocket.run(seconds)

    def utcnow(self) -> datetime:
        """Lab time."""
        return datetime.fromtimestamp(self._pocket.clock.now(), UTC)


def pocket_env(pocket: PocketLab, reporter: Reporter | None = None, **options: Any) -> Env:
    """An ``Env`` whose connections lead into the lab, by the site that an access names. ``options`` are further fields of Env, such as ``check_mode``."""

    def open_ontap(access: OntapAccess) -> PocketOntap:
        return PocketOntap(pocket, access.site, access.username, access.password)

    def open_kube(access: KubeAccess) -> PocketKube:
        return PocketKube(pocket, access.site, access.api_key)

    def fetch(url: str, timeout: float) -> bytes:
        where: dict[str, Any] = {"system": "object store", "operation": f"GET {url.partition('?')[0]}"}
        try:
            return pocket.fetch(url, timeout)
        except NoAnswer as error:
            raise (AnswerLost if error.sent else Unreachable)(str(error), **where) from error
        except NoSuchKey as error:
            raise NotFound(str(error), status=404, **where) from error
        except StoreDenied as error:
            raise AuthError(str(error), code="403", **where) from error
        except StoreError as error:
            raise ApiError(str(error), status=503, code="503", **where) from error

    env = Env(open_ontap, open_kube, fetch, PocketClock(pocket), reporter or Silent())
    return replace(env, **{"process": lambda: Process("pocket", "boot", 1, "0"), "process_alive": lambda process: True, **options})


def group_dict(pocket: PocketLab, name: str, **changes: Any) -> dict[str, Any]:
    """The ``group`` option of the ``dr_*`` modules for one group, as the role ``dr`` builds it from the lab's inventory. ``changes`` replace keys of it."""
    group = pocket.group(name)
    return {
        "name": name, "source_site": SITES[0], "destination_site": SITES[1], "source_svm": group.source_svm, "destination_svm": group.destination_svm,
        "namespaces": list(group.namespaces), "identity_preservation": pocket.settings.identity,
        "sites": {site: site_dict(pocket, site) for site in SITES}, **changes,
    }


def site_dict(pocket: PocketLab, site: str) -> dict[str, Any]:
    """One entry of ``dr_sites``; the addresses resolve nowhere, as nothing may leave the process."""
    login = {"username": ONTAP_USER, "password": pocket.secrets.ontap[site]}
    return {
        "ontap": {"hostname": f"ontap.{site}.invalid", "http_port": 443, **login, "validate_certs": True},
        "kubernetes": {"host": f"https://kubernetes.{site}.invalid", "api_key": pocket.secrets.kubernetes[site]},
        "intercluster_lifs": intercluster_lifs(site), "ark": ark_access(pocket.settings),
    }


def snapshot_volumes(pocket: PocketLab, site: str, svm: str, name: str, only: int | None = None) -> None:
    """A snapshot of every data volume of an SVM, as its snapshot policy makes them; or of the first few."""
    client = OntapClient(PocketOntap(pocket, site), PocketClock(pocket), f"ONTAP {site}")
    for volume in [found for found in volumes.list_volumes(client, svm) if found.junction != "/"][:only]:
        client.write("POST", f"{volumes.PATH}/{volume.uuid}/snapshots", {"name": name}, deadline=30)
