# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Carries requests to one Kubernetes API server with the ``kubernetes`` library.

Every transport builds a configuration object of its own. The library's process-wide default is never read and never set: a client made from it
after another kubeconfig was loaded talks to the other cluster, with the other cluster's token.
"""

from __future__ import annotations

import json
import ssl
import time
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .._env import AT_ONCE, KubeAccess
from .._errors import AnswerLost, ConfigError, KubedrError, Unreachable
from .._http import Request, Response

KUBERNETES_IMPORT_ERROR: str | None
try:
    import urllib3
    import urllib3.exceptions as u3
    from kubernetes import client as kube_client
    from kubernetes import config as kube_config
    from kubernetes.config.config_exception import ConfigException
    from yaml import YAMLError

    KUBERNETES_IMPORT_ERROR = None
except ImportError:
    KUBERNETES_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "kubedr.ontap"
AUTH_KEPT = 30.0
"""Seconds. The library asks for a new token five minutes before one expires, and reads the whole configuration anew whenever it is asked for the headers."""


class KubernetesTransport:
    """One API server, as ``access`` names it. Does not retry and does not follow redirects: the caller decides.

    Raises:
        ConfigError: the kubeconfig, its context, or the address can not be used.
        KubedrError: the Python package ``kubernetes`` is missing.
    """

    def __init__(self, access: KubeAccess) -> None:
        if KUBERNETES_IMPORT_ERROR is not None:
            raise KubedrError(
                "the Python package kubernetes is not installed where this runs", system=_name(access), operation="import kubernetes",
                seen=KUBERNETES_IMPORT_ERROR, advice="Install it into the Python that runs Ansible: pip install kubernetes.",
            )
        self.system = _name(access)
        self.configuration = _configure(access)
        self.host: str = self.configuration.host.rstrip("/")
        self._api = kube_client.ApiClient(configuration=self.configuration)
        self._auth: dict[str, str] = {}
        self._auth_until = 0.0

    def send(self, request: Request) -> Response:
        """One request, one answer. See ``_http.Transport`` for the errors."""
        url = self.host + quote(request.path, safe="/:~@!$&'()*+,;=%-._")
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        body = None if request.body is None else json.dumps(request.body).encode()
        operation = f"{request.method} {request.path}"
        try:
            raw = self._api.rest_client.pool_manager.request(
                request.method, url, body=body, headers=self._headers(request), preload_content=False, retries=False, redirect=False,
                timeout=urllib3.Timeout(connect=request.timeout, read=request.timeout),
            )
        except u3.HTTPError as error:
            raise _before_answer(error, self.system, operation, request.timeout) from error
        except (OSError, ssl.SSLError) as error:
            raise AnswerLost(str(error), system=self.system, operation=operation) from error
        try:
            data = raw.read(decode_content=True)
        except (u3.HTTPError, OSError) as error:
            raise AnswerLost(f"the answer broke off: {error}", system=self.system, operation=operation) from error
        finally:
            raw.release_conn()
        if raw.status == 401:
            self._auth_until = 0.0
        return Response(int(raw.status), {key.lower(): value for key, value in raw.headers.items()}, _parse(data))

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return {**headers, **self._authorization()}

    def _authorization(self) -> dict[str, str]:
        now = time.monotonic()
        if now >= self._auth_until:
            self._auth = {str(setting["key"]): str(setting["value"]) for setting in self.configuration.auth_settings().values()}
            self._auth_until = now + AUTH_KEPT
        return self._auth


def _name(access: KubeAccess) -> str:
    return f"Kubernetes {access.site}".strip()


def _configure(access: KubeAccess) -> Any:
    """A fresh configuration object: from the kubeconfig alone, or from host and token alone."""
    configuration = kube_client.Configuration()
    if access.host:
        _from_host(configuration, access)
    else:
        _from_kubeconfig(configuration, access)
    if not access.validate_certs:
        configuration.verify_ssl = False
    configuration.retries = False
    configuration.connection_pool_maxsize = AT_ONCE
    if urlsplit(configuration.host).scheme not in ("http", "https") or not urlsplit(configuration.host).hostname:
        raise ConfigError("host" if access.host else "kubeconfig", f"{_name(access)}: the server address {configuration.host!r} is not an http(s) URL")
    return configuration


def _from_host(configuration: Any, access: KubeAccess) -> None:
    configuration.host = access.host if "://" in access.host else f"https://{access.host}"
    if access.api_key:
        configuration.api_key = {"BearerToken": f"Bearer {access.api_key}"}
    if access.ca_cert:
        if not Path(access.ca_cert).expanduser().is_file():
            raise ConfigError("ca_cert", f"{_name(access)}: no such file: {access.ca_cert}")
        configuration.ssl_ca_cert = str(Path(access.ca_cert).expanduser())


def _from_kubeconfig(configuration: Any, access: KubeAccess) -> None:
    path = Path(access.kubeconfig).expanduser()
    if not access.kubeconfig:
        raise ConfigError("kubeconfig", f"{_name(access)}: neither kubeconfig nor host is given")
    try:
        with path.open(encoding="utf-8") as stream:
            stream.read(1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("kubeconfig", f"{_name(access)}: {path} cannot be read: {_why(error)}") from error
    try:
        known, _active = kube_config.list_kube_config_contexts(str(path))
    except Exception as error:  # the library lets KeyError, TypeError and YAML errors out of an ill-formed file
        if access.context and isinstance(error, ConfigException) and "current-context" in str(error):
            known = None
        else:
            raise ConfigError("kubeconfig", f"{_name(access)}: {path} is not a usable kubeconfig: {_why(error)}") from error
    if access.context and known is not None and access.context not in [str(context.get("name")) for context in known]:
        names = ", ".join(str(context.get("name")) for context in known) or "none"
        raise ConfigError("context", f"{_name(access)}: {path} has no context {access.context!r}, it has: {names}")
    try:
        kube_config.load_kube_config(
            config_file=str(path), context=access.context or None, client_configuration=configuration, persist_config=False,
        )
    except Exception as error:
        variable = "context" if isinstance(error, ConfigException) and access.context and access.context in str(error) else "kubeconfig"
        raise ConfigError(variable, f"{_name(access)}: {path} is not a usable kubeconfig: {_why(error)}") from error
    if access.ca_cert:
        configuration.ssl_ca_cert = str(Path(access.ca_cert).expanduser())


def _why(error: Exception) -> str:
    """The reason without the file's content, which may hold a token."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, YAMLError):
        mark = getattr(error, "problem_mark", None)
        return f"not YAML, line {mark.line + 1}" if mark else "not YAML"
    if isinstance(error, ConfigException):
        return str(error).split("\n", 1)[0]
    return f"ill-formed ({type(error).__name__})"


def _before_answer(error: Exception, system: str, operation: str, timeout: float) -> KubedrError:
    """Which of the two: nothing was sent, or it may have been carried out."""
    # A NewConnectionError is a ConnectTimeoutError too, which therefore comes second.
    if isinstance(error, (u3.NewConnectionError, u3.ProxyError, u3.LocationValueError)):
        return Unreachable(f"no connection: {_cause(error)}", system=system, operation=operation)
    if isinstance(error, u3.ConnectTimeoutError):
        return Unreachable(f"no connection within {timeout:g} s", system=system, operation=operation)
    if isinstance(error, u3.SSLError) and _handshake(error):
        advice = "Check ca_cert, the server's certificate and validate_certs."
        return Unreachable(f"TLS refused: {_cause(error)}", system=system, operation=operation, advice=advice)
    if isinstance(error, u3.ReadTimeoutError):
        return AnswerLost(f"no answer within {timeout:g} s", system=system, operation=operation)
    return AnswerLost(f"the connection broke before the answer: {_cause(error)}", system=system, operation=operation)


def _handshake(error: Exception) -> bool:
    """A certificate or a protocol that did not fit shows before any byte of the request is sent; a torn connection does not tell when it was torn."""
    inner = error.args[0] if error.args else error
    if isinstance(inner, (ssl.SSLCertVerificationError, ssl.CertificateError)):
        return True
    text = str(error).upper()
    return any(word in text for word in ("CERTIFICATE", "HANDSHAKE_FAILURE", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "UNKNOWN_CA"))


def _cause(error: Exception) -> str:
    text = str(error)
    return text.split(": ", 1)[1] if text.startswith("<") and ": " in text else text


def _parse(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
