# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Where Ark or Velero is found. Keep in step with ARK in plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  ark_namespace:
    type: str
    description: Namespace of the server, V(velero) or V(heptio-ark) by its API group where it is not given.
  ark_api_group:
    type: str
    choices: [velero.io, ark.heptio.com]
    default: velero.io
    description: API group of the server's objects, V(ark.heptio.com) for Heptio Ark up to 0.11.
"""
