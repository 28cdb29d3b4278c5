#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ark_backup
short_description: One Ark or Velero backup
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Makes a backup under a given name, once, and waits until it is Completed.
  - >-
    A backup is never run again under its name. Where a restore holds the location, the backup waits until the hold is gone.
extends_documentation_fragment:
  - kubedr.ontap._kube
  - kubedr.ontap._ark
  - kubedr.ontap._backup
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  name:
    type: str
    required: true
    description: Name of the backup.
  from_schedule:
    type: str
    description: Schedule whose options the backup takes. Options that are given here win.
  timeout:
    type: int
    default: 1800
    description: Seconds until the backup must be seen at its end.
  hold_timeout:
    type: int
    default: 900
    description: Seconds to wait for restores that hold the location.
seealso:
  - module: kubedr.ontap.ark_backup_info
  - module: kubedr.ontap.ark_schedule
"""

EXAMPLES = r"""
- name: Back up before the maintenance
  kubedr.ontap.ark_backup:
    site: tokyo
    context: tokyo
    name: before-maintenance-1
    from_schedule: k8sbackup
"""

RETURN = r"""
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
backup:
  description: The backup as seen afterwards.
  returned: success
  type: dict
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.ark_backup import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
