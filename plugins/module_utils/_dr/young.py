# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Custom kinds that were too young to be in a backup. Pure.

Velero knows the kinds that its last discovery found, and looks every five minutes (velero server.go, initDiscoveryHelper): a backup that is taken sooner
after a CRD was made holds the CRD, and none of its objects, and still ends Completed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .manifests import CRDS, Objects
from .statement import parse_instant

DISCOVERY = timedelta(minutes=5)
OWN = (".velero.io", ".ark.heptio.com")


def missed(backup: Objects, started_at: datetime | None) -> list[str]:
    """The custom kinds of which the backup may lack the objects: it holds none of them, and their CRD was younger than Velero's discovery can be.

    Ark's and Velero's own kinds do not count: their objects are never restored.
    """
    if started_at is None:
        return []
    held, found = set(backup.kinds()), []
    for key, crd in backup.objects(CRDS):
        made = parse_instant((crd.get("metadata") or {}).get("creationTimestamp"))
        if key[2] not in held and made and started_at - made < DISCOVERY and not key[2].endswith(OWN):
            found.append(key[2])
    return sorted(found)


def warning(kinds: list[str]) -> str:
    """For people; empty without kinds."""
    names = ", ".join(kinds)
    return f"the backup began less than 5 minutes after these kinds came to be, and holds none of their objects, if there were any: {names}" if kinds else ""
