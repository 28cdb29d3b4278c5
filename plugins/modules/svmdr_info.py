#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: svmdr_info
short_description: What both sides of an SVM disaster recovery relationship show
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Reads the relationship, the SVM, and what it needs to serve, from each side by itself. One side may be dead.
  - >-
    Never writes.
extends_documentation_fragment:
  - kubedr.ontap._sides.source_optional
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Changes nothing, so there is no difference to show.
options:
  destination_svm:
    type: str
    required: true
    description: The SVM at the destination.
  source_svm:
    type: str
    description: The SVM at the source. The source is only asked where this and O(source) are given.
seealso:
  - module: kubedr.ontap.svmdr
"""

EXAMPLES = r"""
- name: Look at the copy of the payments SVM
  kubedr.ontap.svmdr_info:
    destination:
      site: osaka
      hostname: ontap.osaka.example.com
      username: dr
      ca_path: /etc/pki/osaka.pem
    destination_svm: svm_payments_dr
  register: seen
"""

RETURN = r"""
destination:
  description:
    - The destination as its own cluster shows it, with C(answered), C(cluster), C(time) by its own clock, C(svm), C(volumes), C(lifs), C(routes),
      C(nfs), C(export_policies).
    - C(relationship) is the one into this SVM, C(transfers) are its last ones, C(remembers) what the cluster lists of relationships out of this SVM.
    - A side that gave no answer has C(answered) false and C(failure).
  returned: success
  type: dict
source:
  description: The source, in the same form.
  returned: success and where it was asked
  type: dict
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.svmdr_info import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
