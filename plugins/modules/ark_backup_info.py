#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ark_backup_info
short_description: Backups, and the newest usable one
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Finds the newest usable backup, how old it is by the cluster's own clock, what it holds, and why newer ones are not usable.
  - >-
    Never writes.
extends_documentation_fragment:
  - kubedr.ontap._kube
  - kubedr.ontap._ark
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Changes nothing, so there is no difference to show.
options:
  schedule:
    type: str
    description: Only backups of this schedule count as usable.
  name:
    type: str
    description: Judge this backup instead of choosing one.
  namespaces:
    type: list
    elements: str
    default: []
    description: Namespaces that a usable backup must hold.
  storage_location:
    type: str
    description: Backup storage location.
  limit:
    type: int
    default: 20
    description: How many of the newest backups are listed.
seealso:
  - module: kubedr.ontap.ark_backup
  - module: kubedr.ontap.ark_restore
"""

EXAMPLES = r"""
- name: Which backup would a failover take
  kubedr.ontap.ark_backup_info:
    site: osaka
    context: osaka
    namespaces: [payments, payments-batch]
  register: backups
"""

RETURN = r"""
backups:
  description: The newest backups.
  returned: success
  type: list
  elements: dict
newest_usable:
  description: The newest usable one, with C(age_seconds) and C(holds) as C(kinds), C(namespaces) and C(claims). Null where there is none.
  returned: success
  type: dict
skipped:
  description: Newer ones that are not usable, with C(name) and C(reason).
  returned: success
  type: list
  elements: dict
location:
  description: The storage location, with C(name), C(found), C(phase), C(read_only), C(holders).
  returned: success
  type: dict
stale:
  description: Why this cluster may not see the newest backups, empty where it does.
  returned: success
  type: raw
server_time:
  description: The clock of the cluster, by which ages are told.
  returned: success
  type: str
steps:
  description: What was done, in order. A step that found its postcondition fulfilled has C(changed) false.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The step.
      type: str
    changed:
      description: Whether it changed anything, or in check mode would.
      type: bool
    seen:
      description: What was observed after it.
      type: raw
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.ark_backup_info import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
