# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Options of one Kubernetes connection. Keep in step with KUBE in plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    type: path
    description:
      - File with the connection. Give this, or O(host) and O(api_key).
      - Taken from the environment variable C(KUBEDR_<SITE>_KUBECONFIG) where no connection is given and O(site) is.
  context:
    type: str
    description: Context in O(kubeconfig), its current one where it is not given.
  host:
    type: str
    description: URL of the API server.
  api_key:
    type: str
    description: Bearer token for O(host).
  validate_certs:
    type: bool
    default: true
    description: Whether the API server's certificate is verified. Only ever switch it off in a laboratory.
  ca_cert:
    type: path
    description: PEM file of the certificate authorities that the API server's certificate is verified against.
  site:
    type: str
    description: Name of the site, for messages and for the names of environment variables.
requirements:
  - Python 3.11 or newer, with C(requests), C(kubernetes) and C(croniter), where the task runs. That is the control node unless the task is delegated
"""
