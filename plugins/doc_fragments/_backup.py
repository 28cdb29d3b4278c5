# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Options of a backup, those of Ark's and Velero's command lines. Keep in step with BACKUP in plugins/module_utils/_verbs/ark_options.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; Ansible finds it by this name."""

    DOCUMENTATION = r"""
options:
  included_namespaces:
    type: list
    elements: str
    description: Namespaces to back up, all where it is not given. V(*) is all.
  excluded_namespaces:
    type: list
    elements: str
    description: Namespaces to leave out.
  included_resources:
    type: list
    elements: str
    description: Resources to back up, such as V(deployments.apps), all where it is not given.
  excluded_resources:
    type: list
    elements: str
    description: Resources to leave out.
  included_cluster_scoped_resources:
    type: list
    elements: str
    description: Cluster-scoped resources to back up. Excludes the older filters O(included_resources), O(excluded_resources) and O(include_cluster_resources).
  excluded_cluster_scoped_resources:
    type: list
    elements: str
    description: Cluster-scoped resources to leave out.
  included_namespace_scoped_resources:
    type: list
    elements: str
    description: Resources of namespaces to back up.
  excluded_namespace_scoped_resources:
    type: list
    elements: str
    description: Resources of namespaces to leave out.
  include_cluster_resources:
    type: bool
    description: Whether cluster-scoped objects are backed up. Where it is not given, those that objects of the namespaces need.
  selector:
    type: str
    description: Only objects with these labels, such as V(app=web,tier!=test). An empty text takes a selector away.
  or_selectors:
    type: list
    elements: str
    description: Objects that fit any of these selectors. Excludes O(selector).
  labels:
    type: dict
    description: Labels of the object itself.
  annotations:
    type: dict
    description: Annotations of the object itself.
  ttl:
    type: str
    description: How long a backup is kept, such as V(720h).
  storage_location:
    type: str
    description: Backup storage location.
  volume_snapshot_locations:
    type: list
    elements: str
    description: Volume snapshot locations, one per provider.
  snapshot_volumes:
    type: bool
    description: Whether snapshots of volumes are taken.
  snapshot_move_data:
    type: bool
    description: Whether the data of snapshots is moved to the storage location.
  data_mover:
    type: str
    description: Data mover to use.
  default_volumes_to_fs_backup:
    type: bool
    description: Whether pod volumes are copied file by file unless a pod says otherwise.
  ordered_resources:
    type: dict
    description: Names in the order in which they are backed up, a list or a text with commas per kind.
  csi_snapshot_timeout:
    type: str
    description: How long a CSI snapshot may take to become ready, such as V(10m).
  item_operation_timeout:
    type: str
    description: How long asynchronous operations of items may take, such as V(4h).
  resource_policies_configmap:
    type: str
    description: Config map with resource policies.
  parallel_files_upload:
    type: int
    description: How many files are uploaded at a time.
  volume_group_snapshot_label_key:
    type: str
    description: Label that groups volumes for group snapshots.
"""
