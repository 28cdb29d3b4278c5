#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ark_schedule
short_description: Schedule of Ark or Velero backups
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    One schedule, with everything that C(create schedule) of the server's command line has.
  - >-
    The cron expression is checked before anything is sent. Options that the server does not have are an error, never ignored.
  - >-
    What is not given is left as it is found.
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
    description: Name of the schedule.
  state:
    type: str
    choices: [present, absent]
    default: present
    description: Whether it exists. Its backups are left in either case.
  schedule:
    type: str
    description: When backups start, a cron expression of five fields, or V(@every 6h), V(@daily) and their like. Required with O(state=present).
  paused:
    type: bool
    description: Whether it is paused. Ark has no such option.
  skip_immediately:
    type: bool
    description: Whether a backup that is due at once is skipped when the schedule is made or resumed.
  use_owner_references_in_backup:
    type: bool
    description: Whether deleting the schedule deletes its backups.
seealso:
  - module: kubedr.ontap.ark_backup
  - module: kubedr.ontap.ark_backup_info
"""

EXAMPLES = r"""
- name: Back the cluster up every five minutes
  kubedr.ontap.ark_schedule:
    site: tokyo
    context: tokyo
    name: k8sbackup
    schedule: "*/5 * * * *"
    excluded_namespaces: [kube-system, velero]
    include_cluster_resources: true
    ttl: 720h
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
schedule:
  description: The schedule as seen afterwards, with C(name), C(schedule), C(phase), C(paused), C(last_backup), C(template), C(validation_errors).
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
from ..module_utils._verbs.ark_schedule import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
