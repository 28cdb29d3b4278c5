# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What set-up needs of both sites and would otherwise find missing halfway: checked before its first write."""

from __future__ import annotations

from .._errors import ConfigError
from .._kube import ark as ark_kinds
from .._kube import location_setup, locations
from .._ontap import policies
from .connect import Side
from .walk import Run


def before_anything(run: Run) -> None:
    """The transfer schedule where it is one by name, Ark on both clusters, and the backup locations where set-up does not make them.

    Raises:
        ConfigError: naming the variable and the system.
        WaitTimeout: a backup location is there and its server cannot use it.
    """
    for side in (run.source, run.destination):
        if not policies.is_cron(run.config.transfer_schedule):
            policies.require_schedule(side.ontap, run.config.transfer_schedule)
        ark_kinds.check_installed(side.kube, side.ark)
        if side.config.ark.location:
            location_setup.check_credential(side.kube, side.ark, side.config.ark.location)
        else:
            wait_available(run, side)
    same_bucket(run)


def wait_available(run: Run, side: Side) -> None:
    """The site's backup location can be used."""

    def watch(seen: locations.Location) -> None:
        run.env.reporter.progress(f"backup location of {side.config.name}: {seen.phase or 'not validated yet'}")

    location_setup.wait_available(side.kube, side.ark, run.config.timeouts["location"], watch)


def same_bucket(run: Run) -> None:
    """Both locations lead to the same place, as far as they are there.

    Raises:
        ConfigError: they lead to different ones, so that a backup of the source would never be seen at the destination.
    """
    source, destination = (locations.read(side.kube, side.ark) for side in (run.source, run.destination))
    here, there = ((seen.bucket, seen.prefix.strip("/")) for seen in (source, destination))
    if source.found and destination.found and here != there:
        places = " and ".join(f"{'/'.join(filter(None, place))} at {side.config.name}" for place, side in ((here, run.source), (there, run.destination)))
        raise ConfigError(
            f"dr_sites.{run.destination.config.name}.ark.storage_location", f"the backup locations lead to different places: {places}",
            advice="Both sites must see the same backups: name the same bucket and prefix, or give ark.location so that set-up makes the location.",
        )
