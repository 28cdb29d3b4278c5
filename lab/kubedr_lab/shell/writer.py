# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that writes records for ever, through whichever pod is ready.

Run as ``python -m kubedr_lab.shell.writer STATE GROUP``; its count goes on where an earlier writer of the group ended.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ..settings import SITES
from ..state import Folder, LabError
from .client import call

INTERVAL = 0.2
PATIENCE = 2.0
AVOID = 5.0
"""Seconds for which a site that did not answer is passed over."""


def main(arguments: list[str]) -> None:
    """Write until killed."""
    folder, group = Folder(arguments[0]), arguments[1]
    lab = folder.load()
    counter = folder.part_file(f"writer-{group}", "json")
    number = _last(counter)
    silent: dict[str, float] = {}
    order = list(SITES)
    while True:
        number += 1
        _remember(counter, number)
        for site in list(order):
            if time.monotonic() < silent.get(site, 0):
                continue
            try:
                answer = call(folder, lab.parts[f"{site}-kubernetes"], "append", {"group": group, "n": number}, timeout=PATIENCE)
            except LabError:
                silent[site] = time.monotonic() + AVOID
                continue
            if any(volume["ok"] for volume in answer["volumes"].values()):
                order.remove(site)
                order.insert(0, site)
                break
        time.sleep(INTERVAL)


def _last(counter: Path) -> int:
    return int(json.loads(counter.read_text())["last"]) if counter.exists() else 0


def _remember(counter: Path, number: int) -> None:
    fresh = counter.with_suffix(".new")
    fresh.write_text(json.dumps({"last": number}))
    os.replace(fresh, counter)


if __name__ == "__main__":
    main(sys.argv[1:])
