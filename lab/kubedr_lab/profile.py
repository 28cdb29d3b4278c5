# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the simulated systems take. All values are lab seconds unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Seconds per operation; the defaults cost no time. ``rate`` is bytes per second of a transfer, 0 for no limit."""

    name: str = "none"
    read: float = 0.0
    """Any REST read (the shell waits, not the core)."""
    job: float = 0.0
    """A job-backed POST, PATCH or DELETE that is not listed below."""
    quiesce: float = 0.0
    break_off: float = 0.0
    break_per_volume: float = 0.0
    svm_start: float = 0.0
    svm_stop: float = 0.0
    transfer: float = 0.0
    rate: float = 0.0
    backup: float = 0.0
    backup_per_object: float = 0.0
    restore: float = 0.0
    restore_per_object: float = 0.0

    def transfer_seconds(self, size: int) -> float:
        """For a transfer of ``size`` bytes."""
        return self.transfer + (size / self.rate if self.rate else 0.0)

    def break_seconds(self, volumes: int) -> float:
        """For breaking a relationship of so many volumes."""
        return self.break_off + self.break_per_volume * volumes

    def backup_seconds(self, objects: int) -> float:
        """For one Ark backup."""
        return self.backup + self.backup_per_object * objects

    def restore_seconds(self, objects: int) -> float:
        """For one Ark restore."""
        return self.restore + self.restore_per_object * objects


NONE = Profile()
# No published figures exist for these operations: assumptions, to be replaced by whoever measures real hardware.
REALISTIC = Profile(
    "realistic", read=0.05, job=2.0, quiesce=3.0, break_off=5.0, break_per_volume=0.1, svm_start=8.0, svm_stop=5.0,
    transfer=10.0, rate=100e6, backup=10.0, backup_per_object=0.005, restore=5.0, restore_per_object=0.02,
)
PROFILES = {profile.name: profile for profile in (NONE, REALISTIC)}
