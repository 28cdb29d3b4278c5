#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: intercluster_lif
short_description: Intercluster LIFs of an ONTAP cluster
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Makes the interfaces by which a cluster talks to its peer, and waits until each is up.
  - >-
    A LIF that is as asked for is not touched.
extends_documentation_fragment:
  - kubedr.ontap._ontap
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  lifs:
    type: list
    elements: dict
    required: true
    description: The LIFs, one per node.
    suboptions:
      name:
        type: str
        required: true
        description: Name of the LIF.
      node:
        type: str
        required: true
        description: Home node.
      port:
        type: str
        required: true
        description: Home port.
      address:
        type: str
        required: true
        description: IP address.
      netmask:
        type: str
        required: true
        description: Netmask, dotted or as a length.
  timeout:
    type: int
    default: 60
    description: Seconds until each LIF up must be seen.
seealso:
  - module: kubedr.ontap.cluster_peer
"""

EXAMPLES = r"""
- name: The intercluster LIF of tokyo
  kubedr.ontap.intercluster_lif:
    site: tokyo
    hostname: ontap.tokyo.example.com
    username: dr
    ca_path: /etc/pki/tokyo.pem
    lifs:
      - name: ic1
        node: tokyo-01
        port: e0c
        address: 192.0.2.11
        netmask: 255.255.255.0
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
lifs:
  description: The LIFs as seen afterwards, or in check mode as they would be.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: ic1, node: tokyo-01, port: e0c, address: 192.0.2.11, prefix: 24, enabled: true}
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.intercluster_lif import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
