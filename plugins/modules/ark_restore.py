#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ark_restore
short_description: One Ark or Velero restore
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Makes a restore under a given name, once, waits for its end, and fetches and explains its results.
  - >-
    It is not called restored where a claim got another volume than the one that it had.
  - >-
    Where that would happen, it is refused before anything is restored, naming the claims.
extends_documentation_fragment:
  - kubedr.ontap._kube
  - kubedr.ontap._ark
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
    description: Name of the restore.
  backup:
    type: str
    required: true
    description: Backup to restore from.
  included_namespaces:
    type: list
    elements: str
    description: Namespaces to restore, all where it is not given.
  excluded_namespaces:
    type: list
    elements: str
    description: Namespaces to leave out.
  included_resources:
    type: list
    elements: str
    description: Resources to restore, all where it is not given.
  excluded_resources:
    type: list
    elements: str
    description: Resources to leave out.
  namespace_mapping:
    type: dict
    description: New names for namespaces.
  selector:
    type: str
    description: Only objects with these labels.
  or_selectors:
    type: list
    elements: str
    description: Objects that fit any of these selectors. Excludes O(selector).
  restore_volumes:
    type: bool
    description: Whether volumes are restored from snapshots.
  include_cluster_resources:
    type: bool
    description: Whether cluster-scoped objects are restored. Where it is not given, those that objects of the namespaces need.
  preserve_node_ports:
    type: bool
    description: Whether services keep their node ports.
  existing_resource_policy:
    type: str
    choices: [none, update]
    description: What happens to objects that exist.
  item_operation_timeout:
    type: str
    description: How long asynchronous operations of items may take, such as V(4h).
  resource_modifier_configmap:
    type: str
    description: Config map with resource modifiers.
  status_include_resources:
    type: list
    elements: str
    description: Resources whose status is restored.
  status_exclude_resources:
    type: list
    elements: str
    description: Resources whose status is not restored.
  allow_reprovisioned:
    type: bool
    default: false
    description: Restore even where claims would get new, empty volumes.
  hold_location:
    type: bool
    default: true
    description: Whether the backup location is read-only while the restore runs, and back afterwards. Ark cannot.
  storage_location:
    type: str
    description: Backup storage location to hold.
  timeout:
    type: int
    default: 3600
    description: Seconds until the restore must be seen at its end.
  bind_timeout:
    type: int
    default: 60
    description: Seconds until each claim must be seen bound.
seealso:
  - module: kubedr.ontap.ark_backup_info
  - module: kubedr.ontap.dr_verify
"""

EXAMPLES = r"""
- name: Restore the namespaces of payments
  kubedr.ontap.ark_restore:
    site: osaka
    context: osaka
    name: payments-1
    backup: k8sbackup-20260131030000
    included_namespaces: [payments, payments-batch]
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
restored:
  description: Whether the restore ended well, and every claim is on the volume that it had.
  returned: success
  type: bool
restore:
  description: The restore with its phase, warnings and errors. Null in check mode.
  returned: success
  type: dict
reprovisioned:
  description: Claims that got another volume, or none.
  returned: success
  type: list
  elements: str
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.ark_restore import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
