# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Carries requests to one ONTAP cluster over HTTPS, on the requests library."""

from __future__ import annotations

import ssl
import traceback
import warnings
from typing import Any

from .._env import AT_ONCE, OntapAccess
from .._errors import AnswerLost, ConfigError, KubedrError, Unreachable
from .._http import Request, Response

REQUESTS_IMPORT_ERROR: str | None
try:
    import requests
    import urllib3

    REQUESTS_IMPORT_ERROR = None
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()


class RequestsTransport:
    """One cluster's management interface. Its connections are kept; nothing is shared between instances. What a session would add (cookies, redirects,
    settings of the environment) is not wanted, and costs more than the rest of a request.

    Proxies, .netrc and REQUESTS_CA_BUNDLE of the environment are ignored: what the inventory says about TLS holds.

    Raises:
        KubedrError: the Python package ``requests`` is missing.
    """

    def __init__(self, access: OntapAccess) -> None:
        if REQUESTS_IMPORT_ERROR is not None:
            raise KubedrError(
                "the Python package requests is not installed where this runs", system=f"ONTAP {access.site or access.hostname}", operation="import requests",
                seen=REQUESTS_IMPORT_ERROR, advice="Install it into the Python that runs Ansible: pip install requests.",
            )
        host = f"[{access.hostname}]" if ":" in access.hostname and not access.hostname.startswith("[") else access.hostname
        self.base = f"https://{host}:{access.http_port}" if access.http_port else f"https://{host}"
        self.access, self.system = access, f"ONTAP {access.site or access.hostname}"
        self._adapter = requests.adapters.HTTPAdapter(pool_maxsize=AT_ONCE)
        self._verify = (access.ca_path or True) if access.validate_certs else False
        self._cert: str | tuple[str, str] | None = None
        self._auth: requests.auth.HTTPBasicAuth | None = None
        if access.cert_filepath:
            self._cert = (access.cert_filepath, access.key_filepath) if access.key_filepath else access.cert_filepath
        else:
            self._auth = requests.auth.HTTPBasicAuth(access.username.encode(), access.password.encode())
        self._no_cookies = requests.cookies.RequestsCookieJar()

    def send(self, request: Request) -> Response:
        """One request, its answer whatever the status.

        Raises:
            Unreachable: nothing was sent; the message says so when it was TLS that refused.
            AnswerLost: sent, but no whole answer came.
            ConfigError: a certificate or key file cannot be used.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
                answer = self._adapter.send(
                    self._prepared(request), timeout=(request.timeout, request.timeout), verify=self._verify, cert=self._cert, proxies={},
                )
                content = answer.content
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._typed(error, f"{request.method} {request.path}", request.timeout) from None
        return Response(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, _parsed(answer) if content else None)

    def _prepared(self, request: Request) -> requests.PreparedRequest:
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method, url=self.base + request.path, params=dict(request.query), json=request.body, auth=self._auth, cookies=self._no_cookies,
            headers={"Accept": "application/hal+json", "X-Dot-Client-App": "kubedr.ontap"},
        )
        return prepared

    def _typed(self, error: Exception, operation: str, timeout: float) -> KubedrError:
        where: dict[str, Any] = {"system": self.system, "operation": operation}
        if isinstance(error, requests.exceptions.SSLError):
            return self._tls(error, where)
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return Unreachable(f"{self.base} did not accept a connection within {timeout:g} s.", **where)
        if isinstance(error, requests.exceptions.Timeout):
            return AnswerLost(f"{self.base} sent no answer within {timeout:g} s.", **where)
        if isinstance(error, requests.exceptions.ConnectionError):
            if _cause(error, urllib3.exceptions.NewConnectionError) or isinstance(error, requests.exceptions.ProxyError):
                return Unreachable(f"no connection to {self.base}: {_root(error)}.", **where)
            return AnswerLost(f"{self.base} closed the connection before its answer was complete: {_root(error)}.", **where)
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema)):
            return ConfigError("hostname", f"{self.base} is not an address that can be connected to.")
        if isinstance(error, OSError) and not isinstance(error, requests.exceptions.RequestException):
            return ConfigError("ca_path, cert_filepath or key_filepath", f"{self.system}: a certificate or key file cannot be used: {error}.")
        return AnswerLost(f"{self.base}: the answer could not be read: {type(error).__name__}.", **where)

    def _tls(self, error: Exception, where: dict[str, Any]) -> KubedrError:
        refused = _cause(error, ssl.SSLCertVerificationError)
        if isinstance(refused, ssl.SSLCertVerificationError):
            trust = f"ca_path ({self.access.ca_path})" if self.access.ca_path else "the system's certificate store (ca_path is not set)"
            return Unreachable(
                f"the certificate of {self.base} was refused: {refused.verify_message}. It was checked against {trust}.",
                advice="Correct the certificate or ca_path. validate_certs: false switches the check off.",
                **where,
            )
        if _cause(error, ssl.SSLEOFError) or _cause(error, ssl.SSLZeroReturnError):
            return AnswerLost(f"{self.base} ended the TLS connection before its answer was complete.", **where)
        return Unreachable(f"no TLS connection to {self.base}: {_root(error)}.", advice="Check hostname, http_port and the certificate options.", **where)


def _parsed(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _chain(error: BaseException) -> list[BaseException]:
    """The error with everything wrapped in it: requests and urllib3 put the cause in ``args``, ``reason`` or ``__context__``."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            todo += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    return next((item for item in _chain(error) if isinstance(item, kind)), None)


def _root(error: BaseException) -> str:
    """The innermost system error in words, without addresses of Python objects."""
    system = [item for item in _chain(error) if isinstance(item, OSError) and item.strerror]
    return str(system[-1].strerror) if system and isinstance(system[-1], OSError) else type(_chain(error)[-1]).__name__
