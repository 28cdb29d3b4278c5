# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection importable under its full name, from wherever ANSIBLE_COLLECTIONS_PATH points (`make` sets it to the staged copy)."""

from __future__ import annotations

import os

from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("kubedr", deadline=None)
settings.load_profile("kubedr")
init_plugin_loader([path for path in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":") if path])
