# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded by Python itself, from PYTHONPATH, in every ansible-playbook of the live tests: notes each attempt to connect, also one that fails, and each
passphrase made."""

from __future__ import annotations

import os
import secrets
import sys
from typing import Any

FOLDER = os.environ.get("KUBEDR_TEST_WIRETAP", "")


def note(name: str, text: str) -> None:
    """Add a line to a file of the folder."""
    descriptor = os.open(os.path.join(FOLDER, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook cannot be taken out again, and sees every socket of the process and of its forks."""
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        note("connects", f"{arguments[1][0]} {arguments[1][1]}")


def remembering(size: int | None = None) -> str:
    """As secrets.token_urlsafe."""
    made = original(size)
    note("phrases", made)
    return made


original = secrets.token_urlsafe
if FOLDER:
    sys.addaudithook(hook)
    secrets.token_urlsafe = remembering
