# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a lab leaves for its users: an inventory of the usual form, and one kubeconfig per site."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from .settings import ONTAP_USER, SITES, Secrets, ark_access, groups, intercluster_lifs
from .state import Folder, Lab


def write_access(folder: Folder, lab: Lab, secrets: Secrets) -> None:
    """Write ``inventory.yml`` and ``<site>.kubeconfig``; only the owner may read them, as they hold credentials."""
    ca = (folder.path / "ca.pem").read_bytes()
    _write(folder.path / "inventory.yml", inventory(folder, lab, secrets))
    for site in SITES:
        address = f"https://127.0.0.1:{lab.parts[f'{site}-kubernetes'].api_port}"
        admin = secrets.kubernetes[site]
        users = {site: secrets.collection[site], f"{site}-admin": admin} if lab.settings.kubernetes == "real" else {site: admin}
        _write(folder.path / f"{site}.kubeconfig", kubeconfig(site, address, ca, users))


def inventory(folder: Folder, lab: Lab, secrets: Secrets) -> dict[str, Any]:
    """The inventory of the protection groups, as docs/architecture.md and the collection's README describe it."""
    hosts = {
        group.name: {"dr_source_svm": group.source_svm, "dr_destination_svm": group.destination_svm, "dr_namespaces": list(group.namespaces)}
        for group in groups(lab.settings)
    }
    variables: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "dr_source_site": SITES[0],
        "dr_destination_site": SITES[1],
        "dr_identity_preservation": lab.settings.identity,
        "dr_evidence_dir": str(folder.path / "evidence"),
        "dr_sites": {site: _site(folder, lab, secrets, site) for site in SITES},
    }
    return {"protection_groups": {"hosts": hosts, "vars": variables}}


def _site(folder: Folder, lab: Lab, secrets: Secrets, site: str) -> dict[str, Any]:
    return {
        "ontap": {
            "hostname": "127.0.0.1", "http_port": lab.parts[f"{site}-ontap"].api_port, "username": ONTAP_USER, "password": secrets.ontap[site],
            "validate_certs": True, "ca_path": str(folder.path / "ca.pem"),
        },
        "kubernetes": {"kubeconfig": str(folder.path / f"{site}.kubeconfig"), "context": site},
        "intercluster_lifs": intercluster_lifs(site),
        "ark": ark_access(lab.settings),
    }


def kubeconfig(site: str, address: str, ca: bytes, users: dict[str, str]) -> dict[str, Any]:
    """For kubectl and the client libraries. ``users``: name to token; each has a context of its name, the first the current one."""
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": next(iter(users)),
        "clusters": [{"name": site, "cluster": {"server": address, "certificate-authority-data": base64.b64encode(ca).decode()}}],
        "users": [{"name": user, "user": {"token": token}} for user, token in users.items()],
        "contexts": [{"name": user, "context": {"cluster": site, "user": user}} for user in users],
    }


def _write(path: Path, data: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        yaml.safe_dump(data, stream, sort_keys=False)
