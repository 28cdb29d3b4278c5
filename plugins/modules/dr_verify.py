#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_verify
short_description: Comparison of a group with the backup that it was restored from
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Compares what the backup holds with what stands on the destination cluster, object by object, with the expected differences named.
  - >-
    Checks that pods are ready, and that every claim is on the PV that it had, and every PV on the volume that it had.
  - >-
    Never writes.
extends_documentation_fragment:
  - kubedr.ontap._group
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Changes nothing, so there is no difference to show.
options:
  backup:
    type: str
    description: The backup to compare with. The one of the record of the group where it is not given.
seealso:
  - module: kubedr.ontap.dr_state
"""

EXAMPLES = r"""
- name: Is everything there
  kubedr.ontap.dr_verify:
    group: "{{ dr_group }}"
"""

RETURN = r"""
verification:
  description: C(verified), C(kinds) as counts, C(differing), C(missing), C(expected) differences by name, C(not_ready), C(pods), C(claims).
  returned: success
  type: dict
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
from ..module_utils._verbs.dr_verify import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
