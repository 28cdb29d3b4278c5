# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The operator's word that the other site is down, and proof that `fence` left: judged against what the surviving side sees. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .._errors import ConfigError, Refused
from .seen import NoAnswer, PeerSeen, RelationSeen, StorageSeen

OLDEST, AHEAD = timedelta(hours=4), timedelta(minutes=5)
EXAMPLE = '{"site": "tokyo", "who": "your name", "why": "power lost, seen on site", "at": "2026-01-31T03:04:05Z"}'


@dataclass(frozen=True)
class Statement:
    """``evidence``: ids of contradictions that the operator takes on himself."""

    site: str
    who: str
    why: str
    at: datetime
    evidence: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the record and the evidence."""
        return {"site": self.site, "who": self.who, "why": self.why, "at": instant(self.at), "evidence": list(self.evidence)}


def instant(at: datetime | None) -> str | None:
    """ISO 8601, UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def exact_instant(at: datetime | None) -> str | None:
    """ISO 8601, UTC, with the fraction of a second where there is one: for snapshots, after whose instant writes are lost."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def parse_instant(text: Any) -> datetime | None:
    """The reverse; None for what is no instant with a time zone."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def parse_statement(raw: Any) -> Statement | None:
    """A dict, or its JSON text as a survey sends it. None where nothing was said.

    Raises:
        ConfigError: for anything half said.
    """
    if raw is None or raw == "" or raw == {}:
        return None
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise ConfigError("dr_fence_statement", "is no JSON", advice=f"Such as {EXAMPLE}") from error
    if not isinstance(raw, Mapping):
        raise ConfigError("dr_fence_statement", "must be a dict", advice=f"Such as {EXAMPLE}")
    unknown = sorted(set(raw) - {"site", "who", "why", "at", "evidence"})
    if unknown:
        raise ConfigError(f"dr_fence_statement.{unknown[0]}", "is not part of a statement", advice=f"Such as {EXAMPLE}")
    for key in ("site", "who", "why", "at"):
        if not str(raw.get(key) or "").strip():
            raise ConfigError(f"dr_fence_statement.{key}", "is not set", advice=f"Such as {EXAMPLE}")
    at = parse_instant(raw["at"])
    if at is None:
        raise ConfigError("dr_fence_statement.at", f"{raw['at']!r} is no ISO 8601 instant with a time zone", advice=f"Such as {EXAMPLE}")
    evidence = raw.get("evidence") or []
    if isinstance(evidence, str):
        evidence = [evidence]
    return Statement(str(raw["site"]), str(raw["who"]), str(raw["why"]), at, tuple(str(e) for e in evidence))


def contradictions(at: datetime, survivor: StorageSeen) -> list[str]:
    """What the surviving side saw of the other after ``at``, as ids that the operator can name. No answer contradicts nothing."""
    found = []
    peer = survivor.peer
    if isinstance(peer, PeerSeen) and peer.availability == "available" and peer.update_time and peer.update_time > at:
        found.append(f"peer_available:{instant(peer.update_time)}")
    relation = survivor.incoming
    if relation and relation.last_transfer_end and relation.last_transfer_end > at:
        found.append(f"transfer:{relation.last_transfer_uuid or instant(relation.last_transfer_end)}")
    return found


def judge_statement(statement: Statement, other_site: str, survivor: StorageSeen) -> None:
    """Accept, or refuse with the reason. Times are judged by the surviving ONTAP cluster's clock.

    Raises:
        ConfigError: the statement is about another site.
        Refused: too old, ahead of time, or contradicted.
    """
    if statement.site != other_site:
        raise ConfigError(
            "dr_fence_statement.site", f"is {statement.site!r}, but the site to be declared down is {other_site!r}",
            advice=f"Name {other_site}, and only if it is down.",
        )
    if survivor.now is None:
        raise Refused(
            "clock_unknown", f"the ONTAP cluster of {survivor.site} told no time, so the statement's age cannot be judged", system=f"ONTAP {survivor.site}",
        )
    if survivor.now - statement.at > OLDEST:
        raise Refused(
            "statement_expired", f"the statement is of {instant(statement.at)}, more than 4 h before {survivor.site}'s clock ({instant(survivor.now)})",
            advice="Look again whether the site is down, and say so with the time of looking.",
        )
    if statement.at - survivor.now > AHEAD:
        raise Refused(
            "statement_ahead", f"the statement is of {instant(statement.at)}, which is ahead of {survivor.site}'s clock ({instant(survivor.now)})",
            advice="Give the time in UTC.",
        )
    open_ends = [found for found in contradictions(statement.at, survivor) if found not in statement.evidence]
    if open_ends:
        raise Refused(
            "statement_contradicted", f"{survivor.site} saw {other_site} alive after {instant(statement.at)}: {', '.join(open_ends)}", seen=open_ends,
            advice="If the site is down since then, state a later time. To take these on yourself, name them in dr_fence_statement.evidence. "
                   "Otherwise run fence.",
        )


def proof_stands(proof: Mapping[str, Any] | None, epoch: int, survivor: StorageSeen, site: str) -> tuple[bool, str]:
    """Whether ``fence`` left proof that still holds: both halves, of this epoch, and nothing seen of the other side since.

    Returns: whether it stands, and why not.
    """
    if not proof or proof.get("site") != site:
        return False, f"no proof about {site} was left by fence"
    if not proof.get("storage") or not proof.get("workloads"):
        missing = " and ".join(half for half in ("storage", "workloads") if not proof.get(half))
        return False, f"fence could not see the {missing} half"
    if proof.get("epoch") != epoch:
        return False, f"the proof is of epoch {proof.get('epoch')}, this is epoch {epoch}"
    why = void(proof, survivor.incoming)
    return not why, why


def void(proof: Mapping[str, Any], relation: RelationSeen | None) -> str:
    """Why proof counts for nothing any more, whatever it is of; empty where it counts. To look anew, as `fence` does, makes new proof."""
    at = parse_instant(proof.get("at"))
    if at is None:
        return "the proof bears no time"
    if relation and relation.last_transfer_end and relation.last_transfer_end > at:
        return f"a transfer ended after it ({instant(relation.last_transfer_end)})"
    return ""


def no_answer_is_no_proof(peer: PeerSeen | NoAnswer | None) -> str:
    """For the evidence: what the surviving side saw of the other's cluster."""
    if isinstance(peer, PeerSeen):
        return f"{peer.name} {peer.availability} at {instant(peer.update_time)}"
    return "no cluster peer" if peer is None else f"no answer about the cluster peer ({peer.why})"
