#!/usr/bin/python
# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_phase
short_description: One phase of one verb for a protection group
version_added: 0.1.0
author: The kubedr.ontap authors (@kubedr)
description:
  - >-
    Roles call the phases of a verb in their order. Each looks first and does what is not done yet, so a run that was killed is finished by running it again.
  - >-
    The phase V(open) checks the whole configuration before any system is touched, looks, and begins the run or refuses it.
  - >-
    It begins C(run.json) and sets the facts C(dr_run_id), C(dr_run_file) and C(dr_run_process), by which later tasks find it.
  - >-
    An unplanned failover or failback never contacts the site that was lost.
extends_documentation_fragment:
  - kubedr.ontap._group
  - kubedr.ontap._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The steps tell what was asked and what was seen.
options:
  verb:
    type: str
    required: true
    choices: [setup, status, fence, failover, reprotect, failback, drill, drill_cleanup, teardown, preflight]
    description: What is done. V(drill) and V(drill_cleanup) are refused in this release.
  phase:
    type: str
    required: true
    choices: [open, decide, promote, volumes, restore, verify, workloads, storage, objects, prepare, sync, rollback, fence, reverse, clear, close]
    description: Which part of it.
  run_id:
    type: str
    description: Id of the run. Set by the action plugin from the facts of the phase V(open).
  mode:
    type: str
    description: V(planned) or V(unplanned), for the verbs V(failover) and V(failback). Never guessed.
  fence:
    type: str
    description: V(lift) makes the verb V(fence) take the fence away.
  fence_statement:
    type: raw
    description:
      - Your word that the other site is down, for an unplanned failover or failback without proof. A dict or its JSON text.
      - C(site), C(who), C(why), C(at) as an ISO 8601 instant, and C(evidence), a list of the ids that a refusal printed.
  backup:
    type: raw
    description: Name of the backup to restore, or a dict of names by group. The newest usable one where it is not given.
  snapshot:
    type: raw
    description:
      - Name of the older snapshot to serve, on clones at the same paths, or a dict of names by group. For an unplanned V(failover) only.
      - V(newest) gives it up again where no clone could be made. The newest data where it is not given.
  accept_loss:
    type: raw
    description: Token of exactly the loss that is accepted, or a dict of tokens by group.
  teardown_consent:
    type: raw
    description: Consent for the verb V(teardown), or a dict by group. V(unprotect); with V(remove_svm) and the names of its data volumes the DR SVM goes too.
  ahead:
    type: bool
    default: false
    description:
      - Nothing of yours stands between this phase and the next one, so its work may begin early.
      - An unplanned V(open) then decides as well.
      - V(promote) makes the volumes and the cluster-scoped objects while the SVM starts, and V(restore) verifies what it restored.
notes:
  - >-
    Use the roles P(kubedr.ontap.setup#role), P(kubedr.ontap.fence#role), P(kubedr.ontap.failover#role), P(kubedr.ontap.reprotect#role),
    P(kubedr.ontap.failback#role) and P(kubedr.ontap.teardown#role) rather than this module by itself.
seealso:
  - module: kubedr.ontap.dr_state
"""

EXAMPLES = r"""
- name: Begin the failover
  kubedr.ontap.dr_phase:
    group: "{{ dr_group }}"
    verb: failover
    phase: open
    mode: unplanned
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
run_id:
  description: Id of the run.
  returned: success
  type: str
  sample: 20260131T030405Z-failover-0a1b2c
decided:
  description: Present and true where the phase did the work of the phase V(decide) as well.
  returned: for the phase V(open) of an unplanned verb with O(ahead=true)
  type: bool
ahead:
  description: Whether the phase made ready what the phase V(volumes) would do.
  returned: for the phase V(promote)
  type: bool
verified:
  description: Present and true where the phase did the work of the phase V(verify) as well.
  returned: for the phase V(restore) with O(ahead=true)
  type: bool
state:
  description: The protection state that was seen.
  returned: for phases that look at it
  type: dict
evidence:
  description: Path of the journal of the run that the task belongs to.
  returned: within a run
  type: str
failure:
  description:
    - The error as data, with C(kind), C(message), C(system), C(operation), C(obj), C(code), C(advice), and C(reason) of a refusal.
    - C(seen) is the last observed state.
  returned: on failure
  type: dict
"""

from ..module_utils._run import run_module
from ..module_utils._verbs.dr_phase import SPEC, run


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
