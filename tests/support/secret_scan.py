# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks through every file that a test left for what must be in none of them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import yaml

from kubedr_lab.settings import ONTAP_USER, Secrets

HOLDERS = ("inventory.yml", "*.kubeconfig", "parts/secrets.json", "parts/*.sqlite*", "parts/*.key", "parts/bucket/*", "parts/bucket/**/*")
"""The files of a lab that are meant to hold secrets: access, databases and the bucket."""
SIGNED = re.compile(rb"[?&](?:X-(?:Amz-)?Signature|signature|sig)=[^&*\s\"']{8,}", re.IGNORECASE)


def lab_secrets(lab: Path) -> dict[str, str]:
    """Passwords, tokens and keys of a lab, by what they are."""
    found = Secrets.load(lab / "parts" / "secrets.json")
    named = {f"password of ONTAP {site}": word for site, word in found.ontap.items()}
    named |= {f"token of Kubernetes {site}": word for site, word in found.kubernetes.items()}
    named |= {f"login of ONTAP {site}": b64encode(f"{ONTAP_USER}:{word}".encode()).decode() for site, word in found.ontap.items()}
    return {**named, "token of the bucket": found.bucket_token, "key of the bucket": found.bucket_secret}


def application_secrets(manifests: Path, groups: Iterable[str]) -> dict[str, str]:
    """The values of the example application's Secrets, for each group."""
    found = {}
    for path in sorted(manifests.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if (document or {}).get("kind") == "Secret":
                for key, value in (document.get("stringData") or {}).items():
                    for group in groups if "${group}" in value else ("",):
                        found[f"{key} of Secret {document['metadata']['name']} {group}"] = value.replace("${group}", group)
    return {name: value for name, value in found.items() if len(value) > 4}


def scan(folders: Iterable[Path], secrets: dict[str, str], holders: Iterable[str] = HOLDERS) -> tuple[list[str], int]:
    """Where a secret stands: as it is, in base64, or as part of a URL; and how many files were looked at.

    Args:
        secrets: what it is -> the secret.
        holders: patterns of files, relative to their folder, that may hold them.
    """
    needles = [
        (what, needle) for what, value in secrets.items()
        for needle in (value.encode(), b64encode(value.encode()).rstrip(b"="), quote(value, safe="").encode())
    ]
    found, count = [], 0
    for folder in folders:
        for path in _files(folder, tuple(holders)):
            content = path.read_bytes()
            count += 1
            found += [f"{path}: {what}" for what, needle in needles if needle in content]
            found += [f"{path}: a signed URL" for _unused in SIGNED.findall(content)[:1]]
    return sorted(set(found)), count


def _files(folder: Path, holders: tuple[str, ...]) -> Iterator[Path]:
    allowed = {path for pattern in holders for path in folder.glob(pattern)}
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in allowed)
