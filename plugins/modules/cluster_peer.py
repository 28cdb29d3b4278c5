#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_peer
short_description: Peer relationship between two ONTAP clusters
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Makes the two clusters peers of each other, encrypted, from whatever is there, be it nothing, an offer on one side only, an expired offer, or a peer.
  - >-
    Ends when both sides were seen available. The passphrase is made for the purpose and shown nowhere.
extends_documentation_fragment:
  - kubedr.ontap._sides
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  source_addresses:
    type: list
    elements: str
    description: Intercluster addresses of the source. They are read from the cluster where they are not given.
  destination_addresses:
    type: list
    elements: str
    description: Intercluster addresses of the destination. They are read from the cluster where they are not given.
  encryption:
    type: str
    choices: [tls_psk, none]
    default: tls_psk
    description: Whether what passes between the clusters is encrypted.
  state:
    type: str
    choices: [present, absent]
    default: present
    description: Whether the clusters are peers. V(absent) takes the peer away on both sides.
  timeout:
    type: int
    default: 120
    description: Seconds until the peer available on both sides must be seen.
seealso:
  - module: kubedr.ontap.svm_peer
"""

EXAMPLES = r"""
- name: Peer the clusters of tokyo and osaka
  kubedr.ontap.cluster_peer:
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
peers:
  description: The peer as each site sees it.
  returned: success
  type: dict
  sample:
    tokyo: {state: available, encryption: tls_psk}
    osaka: {state: available, encryption: tls_psk}
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.cluster_peer import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
