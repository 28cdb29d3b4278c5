# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Checks of single values. Each raises ConfigError with the variable's name; each takes what a survey may send (text)."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._errors import ConfigError

RFC1123_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
RFC1123_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
ONTAP_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
SITE_NAME = r"[a-z][a-z0-9-]{0,30}"
LABEL_TERM = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?=[A-Za-z0-9]?([A-Za-z0-9._-]*[A-Za-z0-9])?"
GO_DURATION = r"(\d+h)?(\d+m)?(\d+s)?"
LONGEST_PATH = 1024
TRUE, FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")


def name(raw: Mapping[str, Any], key: str, variable: str, pattern: str, longest: int, why: str) -> str:
    """A name that fits the pattern and the length."""
    value = raw.get(key)
    if value is None or value == "":
        raise ConfigError(variable, "is not set")
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ConfigError(variable, f"{value!r} is not a name that can be used: {why}")
    if len(value) > longest:
        raise ConfigError(variable, f"{value!r} is {len(value)} characters long, at most {longest} are possible")
    return value


def names(raw: Mapping[str, Any], key: str, default: Sequence[str]) -> list[str]:
    """A list of namespace names, none twice."""
    value = raw.get(key)
    if value is None:
        return list(default)
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ConfigError(f"dr_{key}", f"must be a list, not {value!r}")
    for item in value:
        if not isinstance(item, str) or not re.fullmatch(RFC1123_LABEL, item):
            raise ConfigError(f"dr_{key}", f"{item!r} is no Kubernetes namespace name")
        if list(value).count(item) > 1:
            raise ConfigError(f"dr_{key}", f"holds {item} twice")
    return list(value)


def choice(raw: Mapping[str, Any], key: str, choices: Iterable[str], default: str, variable: str = "") -> str:
    """One of a few words."""
    value, known = raw.get(key), list(choices)
    if value is None or value == "":
        return default
    if value not in known:
        raise ConfigError(variable or f"dr_{key}", f"is {value!r}", advice=f"Known: {', '.join(known)}.")
    return str(value)


def number(raw: Mapping[str, Any], key: str, default: float, *, low: float, variable: str = "") -> float:
    """A number not below ``low``."""
    value = raw.get(key)
    if value is None or value == "":
        return float(default)
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(variable or f"dr_{key}", f"{value!r} is no number") from error
    if isinstance(value, bool) or not low <= found < 1e9:
        raise ConfigError(variable or f"dr_{key}", f"{value!r} is out of range, from {low:g} on")
    return found


def boolean(raw: Mapping[str, Any], key: str, default: bool, variable: str = "") -> bool:
    """True or false, or a survey's word for it."""
    value = raw.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ConfigError(variable or f"dr_{key}", f"{value!r} is neither true nor false")


def duration(raw: Mapping[str, Any], key: str, default: str) -> str:
    """A Go duration in hours, minutes and seconds, such as 720h0m0s."""
    value = str(raw.get(key) or default)
    if not value or not re.fullmatch(GO_DURATION, value) or not re.search(r"[1-9]", value):
        raise ConfigError(f"dr_{key}", f"{value!r} is no duration such as 720h or 1h30m")
    return value


def selector(raw: Mapping[str, Any], key: str) -> str:
    """Label terms ``key=value`` joined by commas, or empty."""
    value = str(raw.get(key) or "").replace(" ", "")
    for term in filter(None, value.split(",")):
        if not re.fullmatch(LABEL_TERM, term):
            raise ConfigError(f"dr_{key}", f"{term!r} is no label term key=value")
    return value


def dicts(raw: Mapping[str, Any], key: str, required: Sequence[str]) -> list[Mapping[str, Any]]:
    """A list of dicts, each with the required keys."""
    value = raw.get(key) or []
    if isinstance(value, (str, Mapping)) or not isinstance(value, (list, tuple)):
        raise ConfigError(f"dr_{key}", "must be a list of dicts")
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise ConfigError(f"dr_{key}[{index}]", "must be a dict")
        for wanted in required:
            if not item.get(wanted):
                raise ConfigError(f"dr_{key}[{index}].{wanted}", "is not set")
    return list(value)


def known_keys(variable: str, raw: Mapping[str, Any], known: Sequence[str]) -> None:
    """No key that nothing reads: a misspelt option would be silently ignored."""
    for key in raw:
        if key not in known:
            raise ConfigError(f"{variable}.{key}", "is not an option", advice=f"Known: {', '.join(known)}.")


def hostname(variable: str, value: Any) -> None:
    """A host name or address without scheme, port or path."""
    if not value:
        raise ConfigError(variable, "is not set")
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", value) or "//" in value:
        raise ConfigError(variable, f"{value!r} is no host name or address", advice="Leave out the scheme, the port and the path.")


def port(variable: str, value: Any) -> None:
    """A TCP port, or nothing."""
    if value is None or value == "":
        return
    if isinstance(value, bool) or not str(value).isdigit() or not 1 <= int(value) <= 65535:
        raise ConfigError(variable, f"{value!r} is no TCP port")


def readable(variable: str, value: Any) -> None:
    """A file that this process can read, or nothing."""
    if not value:
        return
    if not isinstance(value, (str, os.PathLike)) or "\n" in str(value) or len(str(value)) > LONGEST_PATH:
        raise ConfigError(variable, "is no path of a file", advice="Give the path, not the content: what stands in it is not shown here.")
    path = os.path.expanduser(str(value))
    if not os.path.isfile(path):
        raise ConfigError(variable, f"there is no file {path}")
    if not os.access(path, os.R_OK):
        raise ConfigError(variable, f"the file {path} cannot be read by this user")


def url(variable: str, value: Any) -> None:
    """An https URL of an API server."""
    parts = urlsplit(str(value))
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigError(variable, f"{value!r} is no URL such as https://api.example.com:6443")


def address(variable: str, value: Any) -> None:
    """An IP address."""
    try:
        ipaddress.ip_address(str(value))
    except ValueError as error:
        raise ConfigError(variable, f"{value!r} is no IP address") from error


def netmask(variable: str, value: Any) -> None:
    """A netmask, dotted or as a prefix length."""
    try:
        ipaddress.ip_network(f"0.0.0.0/{value}")
    except ValueError as error:
        raise ConfigError(variable, f"{value!r} is no netmask") from error
