# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""What a resync would discard, and the token of exactly that. Pure.

A resync brings the overwritten side back to the newest common snapshot: everything written there after it is lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import ConfigError, Refused


@dataclass(frozen=True)
class VolumeLoss:
    """One volume of the side that would be overwritten.

    Attributes:
        common: the newest snapshot that both sides have; empty where there is none.
        lost_after: its creation time, ISO 8601; None where there is no common snapshot: everything is lost.
        bytes: written after it, as ONTAP reports them; None where it does not.
        newest: the volume's newest snapshot.
        only_here: the other side has no such volume: all of it is lost.
    """

    name: str
    common: str
    lost_after: str | None
    bytes: int | None
    newest: str
    only_here: bool = False

    @property
    def nothing(self) -> bool:
        """Nothing at all is lost: the common snapshot is the newest one, and not a byte was written after it."""
        return bool(self.common) and self.common == self.newest and self.bytes == 0


@dataclass(frozen=True)
class Loss:
    """The loss of a whole SVM.

    Attributes:
        still: the side cannot be written to any more, so that the loss cannot grow.
        shown: the record shows a final transfer that began after the side was seen stopped. Without it nobody can say that nothing is lost.
    """

    group: str
    epoch: int
    svm: str
    volumes: tuple[VolumeLoss, ...]
    still: bool
    shown: bool = True

    @property
    def common(self) -> bool:
        """Every volume has a common snapshot: a resync is possible at all."""
        return all(volume.common or volume.only_here for volume in self.volumes)

    @property
    def nothing(self) -> bool:
        """No volume loses anything, as seen."""
        return self.still and self.shown and all(volume.nothing for volume in self.volumes)

    @property
    def token(self) -> str | None:
        """The word that names exactly this loss; None where there is none to accept."""
        if self.nothing:
            return None
        text = json.dumps(
            [self.group, self.epoch, self.svm, sorted((asdict(volume) for volume in self.volumes), key=lambda row: str(row["name"]))], sort_keys=True,
        )
        return f"{self.group}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def as_dict(self) -> dict[str, Any]:
        """For the evidence."""
        return {"token": self.token, "volumes": [{"name": v.name, "lost_after": v.lost_after, "bytes": v.bytes} for v in self.volumes]}

    def sentences(self) -> list[str]:
        """For people, the token alone on its line."""
        lines = [f"{v.name}: {_bytes(v.bytes)} written after {v.lost_after or 'its beginning'} would be discarded" for v in self.volumes if not v.nothing]
        if self.token and not lines:
            lines = [f"{v.name}: 0 bytes seen written after {v.lost_after}, but no final transfer from a stopped SVM is on record" for v in self.volumes]
        return [*lines, *([self.token] if self.token else [])]


def _bytes(number: int | None) -> str:
    return "an unknown number of bytes" if number is None else f"{number} bytes"


def volume_loss(name: str, overwritten: Iterable[Mapping[str, Any]], kept: Iterable[str] | None) -> VolumeLoss:
    """The loss of one volume.

    Args:
        overwritten: its snapshots on the side that would be overwritten, oldest first: ``{name, key, created_at, bytes_after}``. ``key`` is the same for the
            copies of one snapshot on both sides; without one the name must do.
        kept: keys of its snapshots on the side that stays; None where that side has no such volume.
    """
    mine, theirs = list(overwritten), set(kept or ())
    shared = [snapshot for snapshot in mine if snapshot.get("key", snapshot["name"]) in theirs]
    newest = str(mine[-1]["name"]) if mine else ""
    if not shared:
        return VolumeLoss(name, "", None, None, newest, only_here=kept is None)
    common = shared[-1]
    return VolumeLoss(name, str(common["name"]), common.get("created_at"), common.get("bytes_after"), newest)


def check_accepted(loss: Loss, accepted: Any, verb: str) -> None:
    """Go on only where there is nothing to lose, or where the operator named exactly this loss.

    Raises:
        ConfigError: what was given is no text.
        Refused: ``no_common_snapshot``, ``loss_not_accepted`` or ``loss_token_stale``; the message ends with the token on a line of its own.
    """
    if accepted is not None and accepted != "" and not isinstance(accepted, str):
        raise ConfigError("dr_accept_loss", f"{accepted!r} is no token", advice="Give dr_accept_loss={group: token}.")
    if not loss.common:
        names = ", ".join(volume.name for volume in loss.volumes if not volume.common and not volume.only_here)
        raise Refused(
            "no_common_snapshot", f"no common snapshot is left on {names}: a resync is not possible", operation=verb, obj=loss.group, seen=loss.as_dict(),
            advice="Only a full baseline is: that discards the whole volume, and is not done by this release.",
        )
    token = loss.token
    if token is None or accepted == token:
        return
    reason, what = ("loss_token_stale", f"the token {accepted} names another loss") if accepted else ("loss_not_accepted", "nobody accepted the loss")
    raise Refused(
        reason, f"{what}. What would be discarded on {loss.svm}:\n" + "\n".join(loss.sentences()), operation=verb, obj=loss.group, seen=loss.as_dict(),
        advice="\nIf that may be lost, run again with the token: -e '" + json.dumps({"dr_accept_loss": {loss.group: token}}) + "'",
    )
