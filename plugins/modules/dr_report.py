#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_report
short_description: Runs of a group, from their evidence
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Reads C(run.json) of the last runs of a group. Contacts no system and writes nothing.
extends_documentation_fragment:
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Changes nothing, so there is no difference to show.
options:
  group:
    type: str
    required: true
    description: Name of the protection group.
  evidence_dir:
    type: str
    default: ./evidence
    description: Folder of the evidence.
  count:
    type: int
    default: 1
    description: How many of the newest runs.
  language:
    type: str
    choices: [en, ja]
    default: en
    description: Language of C(lines). States, names and times are as the systems call them.
seealso:
  - module: kubedr.ontap.dr_phase
"""

EXAMPLES = r"""
- name: The last run
  kubedr.ontap.dr_report:
    group: payments
  register: last
"""

RETURN = r"""
runs:
  description: The runs, newest first, as their C(run.json) holds them.
  returned: success
  type: list
  elements: dict
lines:
  description: The same for people.
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
from ..module_utils._verbs.dr_report import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
