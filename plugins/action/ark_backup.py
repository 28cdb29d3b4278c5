# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ark_backup, run in-process on the control node."""

from __future__ import annotations

from ..module_utils._verbs.ark_backup import SPEC, run
from ..plugin_utils._action import KubedrAction


class ActionModule(KubedrAction):
    """See plugins/modules/ark_backup.py."""

    spec = SPEC
    runner = staticmethod(run)
