# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What every module says of itself. Keep in step with meta/runtime.yml and plugins/plugin_utils/_action.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying any system.
  diff_mode:
    description: Will return details on what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run indicates no change.
  action_group:
    support: full
    membership: [kubedr.ontap.dr]
    description: Use C(group/kubedr.ontap.dr) in C(module_defaults) to set defaults for this module.
  action:
    support: full
    description:
      - Runs in the C(ansible-playbook) process on the control node, with progress lines, and needs no connection to a host.
      - Where the task is delegated to another host it runs there as an ordinary module, without progress lines.
"""
