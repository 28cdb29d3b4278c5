# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONTAP simulator."""

from .cluster import OntapCluster, read_volumes
from .core import PeerPort, PeerUnreachable
from .errors import ApiError
from .seed import seed_site

__all__ = ["ApiError", "OntapCluster", "PeerPort", "PeerUnreachable", "read_volumes", "seed_site"]
