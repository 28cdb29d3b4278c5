#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: svm_peer
short_description: Peer relationship between two SVMs
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Lets two SVMs replicate. Makes the destination SVM, empty, where there is none yet, since ONTAP peers only SVMs that exist.
  - >-
    Accepts a peer that is pending, and reads the alias back by which the destination calls the source SVM.
extends_documentation_fragment:
  - kubedr.ontap._sides
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  source_svm:
    type: str
    required: true
    description: The SVM at the source.
  destination_svm:
    type: str
    required: true
    description: The SVM at the destination.
  alias:
    type: str
    description: How the destination cluster shall call the source SVM. Chosen where its name is taken there.
  state:
    type: str
    choices: [present, absent]
    default: present
    description: Whether the SVMs are peers. V(absent) takes the peer away on both sides and leaves the SVMs.
  timeout:
    type: int
    default: 120
    description: Seconds until the peer on both sides must be seen.
seealso:
  - module: kubedr.ontap.svmdr
"""

EXAMPLES = r"""
- name: Let the payments SVMs replicate
  kubedr.ontap.svm_peer:
    source:
      site: tokyo
      hostname: ontap.tokyo.example.com
      username: dr
      ca_path: /etc/pki/tokyo.pem
    destination:
      site: osaka
      hostname: ontap.osaka.example.com
      username: dr
      ca_path: /etc/pki/osaka.pem
    source_svm: svm_payments
    destination_svm: svm_payments_dr
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
states:
  description: The peer as each side sees it.
  returned: success
  type: dict
  sample: {source: peered, destination: peered}
alias:
  description: How the destination cluster calls the source SVM.
  returned: success and O(state=present)
  type: str
alias_at_source:
  description: How the source cluster calls the destination SVM.
  returned: success and O(state=present)
  type: str
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.svm_peer import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
