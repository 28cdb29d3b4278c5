# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object store that both sites share."""

from .port import NoSuchKey, ObjectStore, Signer, StoreDenied, StoreError, StoreUnreachable, fetch_signed
from .stores import BreakableObjects, DirObjects, MemoryObjects

__all__ = [
    "BreakableObjects", "DirObjects", "MemoryObjects", "NoSuchKey", "ObjectStore", "Signer", "StoreDenied", "StoreError", "StoreUnreachable", "fetch_signed",
]
