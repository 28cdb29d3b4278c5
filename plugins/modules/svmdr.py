#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: svmdr
short_description: SVM disaster recovery relationship
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    One relationship of a whole SVM, in one of five states.
  - >-
    It never resyncs, and never makes two writable copies, unasked: after a failover V(present) and V(initialized) refuse and change nothing.
  - >-
    The states V(broken_off), V(serving) and V(absent) need no source. Where O(source) is not given, the source cluster is not contacted.
extends_documentation_fragment:
  - kubedr.ontap._sides.source_optional
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
  state:
    type: str
    choices: [present, initialized, broken_off, serving, absent]
    default: present
    description:
      - V(present) makes the destination SVM, the SVM peer, policy, schedule and relationship.
      - V(initialized) also runs the baseline and waits for its end.
      - V(broken_off) pauses, ends a running transfer, and breaks the mirror.
      - V(serving) also starts the destination SVM.
      - V(absent) takes the relationship away, and at the source what remembers it.
  identity_preservation:
    type: str
    choices: [full, exclude_network_config, exclude_network_and_protocol_config]
    default: full
    description: What of the configuration of the source SVM is mirrored with its data.
  transfer_schedule:
    type: str
    default: "*/15 * * * *"
    description: When transfers start, a cron expression of five fields or the name of a schedule that exists on both clusters.
  policy:
    type: str
    description: SnapMirror policy. Where it is not given, that of the relationship, or one that is made for O(identity_preservation).
  force:
    type: bool
    default: false
    description: Break even where the source cannot be asked, as in a disaster.
  consent:
    type: list
    elements: str
    choices: [unprotect, failed_over, leave_source]
    default: []
    description:
      - What you take on yourself where a state would otherwise refuse.
      - V(unprotect) lets V(absent) take away a mirror that protects, V(failed_over) one whose destination serves.
      - V(leave_source) lets it leave behind what an unreachable source remembers.
  timeout:
    type: int
    default: 3600
    description: Seconds until the state must be seen.
seealso:
  - module: kubedr.ontap.svmdr_info
  - module: kubedr.ontap.svm_peer
  - module: kubedr.ontap.cluster_peer
"""

EXAMPLES = r"""
- name: Protect the payments SVM
  kubedr.ontap.svmdr:
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
    state: initialized

- name: Bring the copy up, with the source gone
  kubedr.ontap.svmdr:
    destination:
      site: osaka
      hostname: ontap.osaka.example.com
      username: dr
      ca_path: /etc/pki/osaka.pem
    source_svm: svm_payments
    destination_svm: svm_payments_dr
    state: serving
    force: true
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
relationship:
  description: The relationship as seen afterwards, or in check mode as it would be. Null where there is none.
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
from ..module_utils._verbs.svmdr import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
