#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_state
short_description: Protection state of a group
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Looks at both sites, any part of which may be dead, and says the state of the group on both axes: where its data stands, and where its objects stand.
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
  require:
    type: str
    choices: [answers, ready]
    default: answers
    description: V(answers) fails unless all four systems answered, V(ready) also unless a failover could start now or has been done whole.
seealso:
  - module: kubedr.ontap.dr_phase
  - module: kubedr.ontap.dr_verify
"""

EXAMPLES = r"""
- name: Look at both sites
  kubedr.ontap.dr_state:
    group: "{{ dr_group }}"
  register: seen
"""

RETURN = r"""
state:
  description: C(storage) and C(objects) as the two axes, C(active) as the site that serves, and C(why).
  returned: success
  type: dict
  sample: {storage: protected, objects: none, active: tokyo, why: ""}
systems:
  description: Per system, whether it answered and what it showed.
  returned: success
  type: dict
record:
  description: The record of the group, as far as an operator asks for it.
  returned: success
  type: dict
guard:
  description: What of a site that is not the active one must not run.
  returned: success
  type: list
  elements: str
ready:
  description: Whether a failover could start now, or has been done whole.
  returned: success
  type: bool
proposals:
  description:
    - The verbs that lead on, the one that leads towards C(protected) first.
    - Empty where nothing is to be done, and where only the return of a system helps.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: The verb, which is the name of a playbook.
      type: str
    dr_mode:
      description: The mode, of a verb that has one.
      type: str
    dr_fence:
      description: V(lift) where a fence is to be lifted.
      type: str
  sample: [{verb: failback, dr_mode: planned}]
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
from ..module_utils._verbs.dr_state import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
