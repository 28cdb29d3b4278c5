# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Volumes and snapshots, as their own cluster knows them."""

from __future__ import annotations

from .client import OntapClient, exact
from .models import Snapshot, Volume

PATH = "/api/storage/volumes"


def list_volumes(client: OntapClient, svm: str) -> list[Volume]:
    """All volumes of the SVM, its root volume (junction ``/``) among them."""
    return [Volume.from_record(record) for record in client.records(PATH, Volume.FIELDS, **{"svm.name": exact(svm)})]


def list_snapshots(client: OntapClient, volume: Volume) -> list[Snapshot]:
    """The snapshots that this volume shows."""
    return [Snapshot.from_record(record) for record in client.records(f"{PATH}/{volume.uuid}/snapshots", Snapshot.FIELDS)]
