# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""From connection options, as modules and the inventory have them, to a client of one ONTAP cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._env import Env, OntapAccess
from .._errors import ConfigError
from .client import OntapClient


def access_of(options: Mapping[str, Any], option: str = "") -> OntapAccess:
    """Checked connection options.

    Args:
        option: the option that holds them, such as ``source``, for errors; empty where they are the module's own.

    Raises:
        ConfigError: what cannot be used, found without touching the cluster.
    """
    prefix = f"{option}." if option else ""
    hostname = str(options.get("hostname") or "").strip()
    if not hostname or any(char in hostname for char in "/@?# "):
        raise ConfigError(
            f"{prefix}hostname", f"'{hostname}' is not a host name or address.", advice="Give the cluster management LIF, without https:// and port."
        )
    if not (options.get("username") and options.get("password")) and not options.get("cert_filepath"):
        raise ConfigError(f"{prefix}username", "neither username with password nor cert_filepath is given.")
    port = options.get("http_port")
    if port is not None and not 0 < int(port) < 65536:
        raise ConfigError(f"{prefix}http_port", f"{port} is not a port.")
    for name in ("ca_path", "cert_filepath", "key_filepath"):
        path = options.get(name)
        used = name != "ca_path" or options.get("validate_certs", True)
        if path and used and not (os.path.exists(path) and os.access(path, os.R_OK)):
            raise ConfigError(f"{prefix}{name}", f"{path} cannot be read.")
    text = {name: str(options.get(name) or "") for name in ("username", "password", "ca_path", "cert_filepath", "key_filepath")}
    validate = options.get("validate_certs")
    return OntapAccess(
        str(options.get("site") or hostname), hostname, http_port=int(port) if port is not None else None, validate_certs=validate is not False, **text
    )


def connect(access: OntapAccess, env: Env, *, deadline: float = 60.0) -> OntapClient:
    """A client; nothing is sent yet."""
    return OntapClient(env.open_ontap(access), env.clock, f"ONTAP {access.site}", deadline=deadline, check_mode=env.check_mode)
