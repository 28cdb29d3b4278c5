# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Options of one ONTAP connection. Keep in step with ONTAP in plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  hostname:
    type: str
    required: true
    description: Address of the cluster's management interface, without scheme and port.
  username:
    type: str
    description:
      - User of the cluster.
      - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_USERNAME) where it is not given and O(site) is.
  password:
    type: str
    description:
      - Password of O(username).
      - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_PASSWORD) where it is not given and O(site) is.
  http_port:
    type: int
    description: Port of the REST API, 443 where it is not given.
  validate_certs:
    type: bool
    default: true
    description: Whether the cluster's certificate is verified. Only ever switch it off in a laboratory.
  ca_path:
    type: path
    description: PEM file of the certificate authorities that the cluster's certificate is verified against. The default is the system's own store.
  cert_filepath:
    type: path
    description: PEM file of a client certificate, instead of user and password.
  key_filepath:
    type: path
    description: PEM file of the key of O(cert_filepath).
  site:
    type: str
    description: Name of the site, for messages and for the names of environment variables.
requirements:
  - Python 3.11 or newer, with C(requests), C(kubernetes) and C(croniter), where the task runs. That is the control node unless the task is delegated
"""
