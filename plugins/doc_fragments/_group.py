# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The protection group. Keep in step with GROUP in plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  group:
    type: dict
    required: true
    description:
      - The protection group, as the role P(kubedr.ontap.dr#role) builds it from the inventory in C(dr_group).
      - It is checked as a whole before any system is touched. An error names the inventory variable at fault.
requirements:
  - Python 3.11 or newer, with C(requests), C(kubernetes) and C(croniter), where the task runs. That is the control node unless the task is delegated
"""
