# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Bodies behind signed URLs, such as Velero's DownloadRequests give. The query of such a URL is a credential: no error shows it."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from ._errors import AnswerLost, ApiError, AuthError, NotFound, Unreachable

try:
    import requests
except ImportError:  # the caller's transports name the missing library first
    requests = None  # type: ignore[assignment]


def public_part(url: str) -> str:
    """The URL without user, query and fragment."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def trusted() -> str | bool:
    """The machine's own trust store (OpenSSL's, which SSL_CERT_FILE moves); where it has none, the one that requests brings."""
    return ssl.get_default_verify_paths().cafile or True


def fetch_signed(url: str, timeout: float) -> bytes:
    """Body behind ``url``, fetched without proxies or credentials of the environment.

    Args:
        timeout: seconds for the connect and for each read.

    Raises:
        Unreachable, AnswerLost: as a Transport does.
        AuthError, NotFound, ApiError: on a status of 400 and above.
    """
    where = {"system": "object store", "operation": f"GET {public_part(url)}"}
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = trusted()
            answer = session.get(url, timeout=timeout)
    except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError) as error:
        raise Unreachable(f"no connection: {type(error).__name__}", **where) from None
    except requests.exceptions.ConnectionError as error:
        raise _broken(error, where) from None
    except requests.exceptions.RequestException as error:
        raise AnswerLost(f"no whole answer: {type(error).__name__}", **where) from None
    if answer.status_code >= 400:
        raise _refused(answer.status_code, where)
    return answer.content


def _broken(error: Exception, where: dict[str, str]) -> Unreachable | AnswerLost:
    """A connection that never stood, or one that broke. The chain of causes tells; its texts may hold the URL, so they are not shown."""
    never = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
    return Unreachable("no connection", **where) if never else AnswerLost("the connection broke before the whole answer came", **where)


def _refused(status: int, where: dict[str, str]) -> ApiError | AuthError:
    system, operation, code = where["system"], where["operation"], str(status)
    if status in (401, 403):
        return AuthError("the signed URL was refused", system=system, operation=operation, code=code, advice="It may have expired, or the clocks differ.")
    kind = NotFound if status == 404 else ApiError
    return kind("the object store answered with an error", status=status, system=system, operation=operation, code=code)
