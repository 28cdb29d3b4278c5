# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Options of both ONTAP clusters. Keep in step with both_ontap() in plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  source:
    type: dict
    required: true
    description: The cluster that serves at set-up.
    suboptions:
      hostname:
        type: str
        required: true
        description: Address of the cluster's management interface, without scheme and port.
      username:
        type: str
        description:
          - User of the cluster.
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_USERNAME) where it is not given and O(source.site) is.
      password:
        type: str
        description:
          - Password of O(source.username).
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_PASSWORD) where it is not given and O(source.site) is.
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
        description: PEM file of the key of O(source.cert_filepath).
      site:
        type: str
        description: Name of the site, for messages and for the names of environment variables.
  destination:
    type: dict
    required: true
    description: The cluster that it is mirrored to.
    suboptions:
      hostname:
        type: str
        required: true
        description: Address of the cluster's management interface, without scheme and port.
      username:
        type: str
        description:
          - User of the cluster.
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_USERNAME) where it is not given and O(destination.site) is.
      password:
        type: str
        description:
          - Password of O(destination.username).
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_PASSWORD) where it is not given and O(destination.site) is.
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
        description: PEM file of the key of O(destination.cert_filepath).
      site:
        type: str
        description: Name of the site, for messages and for the names of environment variables.
requirements:
  - Python 3.11 or newer, with C(requests), C(kubernetes) and C(croniter), where the task runs. That is the control node unless the task is delegated
"""

    SOURCE_OPTIONAL = r"""
options:
  source:
    type: dict
    description: The cluster that serves at set-up. May be left out where it is gone.
    suboptions:
      hostname:
        type: str
        required: true
        description: Address of the cluster's management interface, without scheme and port.
      username:
        type: str
        description:
          - User of the cluster.
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_USERNAME) where it is not given and O(source.site) is.
      password:
        type: str
        description:
          - Password of O(source.username).
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_PASSWORD) where it is not given and O(source.site) is.
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
        description: PEM file of the key of O(source.cert_filepath).
      site:
        type: str
        description: Name of the site, for messages and for the names of environment variables.
  destination:
    type: dict
    required: true
    description: The cluster that it is mirrored to.
    suboptions:
      hostname:
        type: str
        required: true
        description: Address of the cluster's management interface, without scheme and port.
      username:
        type: str
        description:
          - User of the cluster.
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_USERNAME) where it is not given and O(destination.site) is.
      password:
        type: str
        description:
          - Password of O(destination.username).
          - Taken from the environment variable C(KUBEDR_<SITE>_ONTAP_PASSWORD) where it is not given and O(destination.site) is.
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
        description: PEM file of the key of O(destination.cert_filepath).
      site:
        type: str
        description: Name of the site, for messages and for the names of environment variables.
requirements:
  - Python 3.11 or newer, with C(requests), C(kubernetes) and C(croniter), where the task runs. That is the control node unless the task is delegated
"""
