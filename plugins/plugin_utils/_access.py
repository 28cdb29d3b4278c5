# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Credentials from the environment, as AWX credential types inject them: KUBEDR_<SITE>_ONTAP_USERNAME, _ONTAP_PASSWORD and _KUBECONFIG."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def variable(site: str, what: str) -> str:
    """Name of the environment variable: ``variable("osaka-2", "KUBECONFIG")`` is ``KUBEDR_OSAKA_2_KUBECONFIG``."""
    return f"KUBEDR_{re.sub(r'[^A-Z0-9]', '_', site.upper())}_{what}"


def with_ontap(options: Mapping[str, Any], site: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """ONTAP connection options, user and password filled in where they are absent and no client certificate is given."""
    filled = dict(options)
    if options.get("cert_filepath"):
        return filled
    for option in ("username", "password"):
        value = environ.get(variable(site, f"ONTAP_{option.upper()}"))
        if value and not options.get(option):
            filled[option] = value
    return filled


def with_kubernetes(options: Mapping[str, Any], site: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Kubernetes connection options, the kubeconfig filled in where no connection is given."""
    filled = dict(options)
    path = environ.get(variable(site, "KUBECONFIG"))
    if path and not any(options.get(option) for option in ("kubeconfig", "host")):
        filled["kubeconfig"] = path
    return filled


def with_environment(args: Mapping[str, Any], options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """A task's arguments with credentials filled in, whichever of the three shapes they have.

    Args:
        args: as the user gave them, not yet validated.
        options: the module's argument spec; tells a Kubernetes connection from an ONTAP one.
    """
    filled = dict(args)
    if isinstance(args.get("group"), Mapping):
        filled["group"] = _group(args["group"], environ)
    for side in ("source", "destination"):
        if isinstance(args.get(side), Mapping) and args[side].get("site"):
            filled[side] = with_ontap(args[side], str(args[side]["site"]), environ)
    if args.get("site") and "hostname" in options:
        filled = with_ontap(filled, str(args["site"]), environ)
    if args.get("site") and "kubeconfig" in options:
        filled = with_kubernetes(filled, str(args["site"]), environ)
    return filled


def _group(group: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    sites = group.get("sites")
    if not isinstance(sites, Mapping):
        return dict(group)
    return {**group, "sites": {str(name): _site(str(name), site, environ) for name, site in sites.items()}}


def _site(name: str, site: Any, environ: Mapping[str, str]) -> Any:
    """A site with what the environment knows of it. What is no dict is left for the check of the group to name."""
    if not isinstance(site, Mapping):
        return site
    filled = dict(site)
    for system, fill in (("ontap", with_ontap), ("kubernetes", with_kubernetes)):
        options = site.get(system, {} if system == "kubernetes" else None)
        if isinstance(options, Mapping):
            filled[system] = fill(options, name, environ)
    return filled
