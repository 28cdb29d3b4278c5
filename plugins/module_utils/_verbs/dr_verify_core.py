# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""The comparison of what a backup holds with what stands on a cluster: object by object, pods, and every claim with its volume.

At most one list per kind (per namespace for groups of up to two namespaces) and its pages; every object is compared as it streams by, while others are
read, and only what does not fit is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any

from .._dr.compare import MISSING, Comparison, Context, compare
from .._dr.labels import matches, parse_selector
from .._dr.manifests import CLAIMS, NAMESPACES, PVS, Key, Manifest, Objects, text_of
from .._dr.pvs import ClaimVolume, SvmView, describe_source, group_volumes, source_of
from .._kube.client import ApiResource, KubeClient
from .._kube.workloads import REPLICATED, Pod, WorkloadRef, controlled, workload_of

GET_SINGLY = 2
"""Up to so many objects of a kind are read one by one, instead of listing a kind of the whole cluster."""
NAMESPACES_LISTED_SINGLY = 2
BREATH = 500
"""Objects from one look at the lease to the next."""


@dataclass(frozen=True)
class ClaimCheck:
    """One claim: ``problems`` is empty when claim, PersistentVolume and volume belong together as they did, or when it does not lie on the SVM."""

    claim: str
    pv: str
    volume: str | None
    on_svm: bool
    problems: tuple[str, ...]


@dataclass
class Verification:
    """What was found. ``kinds`` counts per kind; ``differing`` and ``missing`` hold only what nothing explains."""

    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    differing: list[Comparison] = field(default_factory=list)
    missing: list[Comparison] = field(default_factory=list)
    explained: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(kind, path, why) -> how often: the differences and absences that were expected."""
    not_ready: list[str] = field(default_factory=list)
    claims: list[ClaimCheck] = field(default_factory=list)
    pods: int = 0

    @property
    def claim_problems(self) -> list[str]:
        """One line each."""
        return [f"{check.claim}: {problem}" for check in self.claims for problem in check.problems]

    @property
    def good(self) -> bool:
        """Everything stands as it did, runs, and is on its data."""
        return not (self.differing or self.missing or self.not_ready or self.claim_problems)

    def add(self, found: Comparison) -> None:
        """Count one comparison, and keep it if nothing explains it."""
        outcome = found.outcome if found.good else f"{found.outcome}_unexpected"
        self.kinds.setdefault(found.key[0], Counter())[outcome] += 1
        if found.outcome == MISSING:
            if found.why:
                self.explained[(found.key[0], "", found.why)] += 1
            else:
                self.missing.append(found)
            return
        for difference in found.differences:
            if difference.expected:
                self.explained[(found.key[0], difference.path, difference.why)] += 1
        if found.unexpected:
            self.differing.append(replace(found, differences=found.unexpected))

    def join(self, other: Verification) -> None:
        """Take in what was found of other objects."""
        for kind, counts in other.kinds.items():
            self.kinds.setdefault(kind, Counter()).update(counts)
        self.differing += other.differing
        self.missing += other.missing
        self.explained.update(other.explained)
        self.not_ready += other.not_ready
        self.claims += other.claims
        self.pods += other.pods

    def as_dict(self) -> dict[str, Any]:
        """For results and evidence: paths and names, never a value."""
        return {
            "verified": self.good,
            "kinds": {kind: dict(sorted(counts.items())) for kind, counts in sorted(self.kinds.items())},
            "differing": [{"object": text_of(found.key), "paths": [difference.path for difference in found.differences]} for found in self.differing],
            "missing": [text_of(found.key) for found in self.missing],
            "expected": [
                {"kind": kind, "path": path, "why": why, "times": times} for (kind, path, why), times in sorted(self.explained.items())
            ],
            "not_ready": list(self.not_ready),
            "pods": self.pods,
            "claims": [{**check.__dict__, "problems": list(check.problems)} for check in self.claims],
        }


def verify(
    client: KubeClient, backup: Objects, namespaces: Sequence[str], *, volumes: Iterable[ClaimVolume] = (), also: Iterable[Key] = (),
    context: Context | None = None, writable: Collection[str] | None = None, label_selector: str = "", left_out: Collection[str] = (),
    between: Callable[[], None] = lambda: None,
) -> Verification:
    """Compare what the backup holds of the group with what stands on the cluster.

    Args:
        volumes: the group's claims as ``pvs.group_volumes`` finds them, with the SVM as it is now.
        also: keys of the objects that were created besides (``scope.Scope.objects``).
        context: what the collection changed on purpose.
        writable: names of the SVM's volumes that are online and read-write; None where that is not known.
        left_out: ``namespace/claim`` of claims that were left out on purpose: not compared, and not checked.
        between: called now and then, by one thread at a time, so that a long comparison can keep a lease alive.
    """
    chosen = {(found.namespace, found.claim) for found in group_volumes(backup, namespaces, SvmView({}), label_selector)} if label_selector else None
    claims = [
        volume for volume in volumes
        if f"{volume.namespace}/{volume.claim}" not in left_out and (chosen is None or (volume.namespace, volume.claim) in chosen)
    ]
    elsewhere = frozenset((CLAIMS, volume.namespace, volume.claim) for volume in claims if not volume.on_svm)
    context = replace(context or Context(), elsewhere=elsewhere | (context.elsewhere if context else frozenset()))
    wanted = expected_keys(backup, namespaces, also, claims, label_selector)
    for text in left_out:
        wanted.get(CLAIMS, set()).discard((CLAIMS, *text.split("/", 1)))
    served = {found.group_resource: found for found in client.resources({_group(kind) for kind in [*wanted, "pods"]})}
    kinds = sorted({*wanted, "pods"})
    asks = [(kind, ask) for kind in kinds for ask in _live(client, served.get(kind), kind, wanted.get(kind, set()), namespaces)]
    breath = _one_at_a_time(between)
    parts = client.together([
        partial(_stream, ask, kind, wanted.get(kind, set()), backup, context, set(namespaces), breath) for kind, ask in asks
    ])
    result, kept = Verification(), _Kept()
    for kind in kinds:
        seen: set[Key] = set()
        for part in (part for (of, _ask), part in zip(asks, parts, strict=True) if of == kind):
            result.join(part.found)
            kept.join(part.kept)
            seen |= part.seen
        for key in sorted(wanted.get(kind, set()) - seen):
            result.add(compare(key, backup.get(*key) or {}, None, context))
    result.claims = [_check_claim(volume, backup, kept, writable) for volume in claims]
    return result


@dataclass
class _Part:
    """What came of one list: the comparison, what later checks need, and which of the wanted objects it held."""

    found: Verification
    kept: _Kept
    seen: set[Key]


def _stream(
    ask: Ask, kind: str, wanted: Collection[Key], backup: Objects, context: Context, namespaces: set[str], breath: Callable[[], None],
) -> _Part:
    """One list, compared with the backup page by page while other lists are read beside it."""
    part = _Part(Verification(), _Kept(), set())
    for number, (key, manifest) in enumerate(ask()):
        if number % BREATH == 0:
            breath()
        part.kept.look(kind, key, manifest, namespaces, part.found)
        if key in wanted and key not in part.seen:
            part.seen.add(key)
            part.found.add(compare(key, backup.get(*key) or {}, manifest, context))
    return part


def _one_at_a_time(do: Callable[[], None]) -> Callable[[], None]:
    """For many threads: whoever comes while another is at it goes on without."""
    busy = Lock()

    def once() -> None:
        if busy.acquire(blocking=False):
            try:
                do()
            finally:
                busy.release()

    return once


def expected_keys(backup: Objects, namespaces: Sequence[str], also: Iterable[Key], claims: Iterable[ClaimVolume], label_selector: str) -> dict[str, set[Key]]:
    """What should stand on the cluster, by kind: the group's namespaces and all in them, their PersistentVolumes on the SVM, and what was created besides."""
    inside, selector = set(namespaces), parse_selector(label_selector)
    wanted: dict[str, set[Key]] = {}
    for kind in backup.kinds():
        for key in backup.keys(kind):  # noqa: SIM118 - not a mapping
            if key[1] in inside or (kind == NAMESPACES and key[2] in inside):
                labels = ((backup.get(*key) or {}).get("metadata") or {}).get("labels") or {} if selector and kind != NAMESPACES else {}
                if kind == NAMESPACES or matches(selector, labels):
                    wanted.setdefault(kind, set()).add((key[0], key[1], key[2]))
    for volume in claims:
        if selector:  # a claim may belong to the group by whoever mounts it
            wanted.setdefault(CLAIMS, set()).add((CLAIMS, volume.namespace, volume.claim))
        if volume.on_svm and volume.manifest is not None:
            wanted.setdefault(PVS, set()).add((PVS, "", volume.pv))
    for key in also:
        wanted.setdefault(key[0], set()).add((key[0], key[1], key[2]))
    return wanted


def _group(kind: str) -> str:
    return kind.partition(".")[2]


Ask = Callable[[], Iterable[tuple[Key, Manifest]]]


def _live(client: KubeClient, resource: ApiResource | None, kind: str, keys: set[Key], namespaces: Sequence[str]) -> list[Ask]:
    """How to read the live objects of one kind, in as few requests as it takes; nothing where the cluster does not serve it."""
    if resource is None:
        return []
    if kind != "pods" and len(keys) <= GET_SINGLY:
        return [partial(_one, client, resource, key) for key in sorted(keys)]
    places = sorted({key[1] for key in keys} | (set(namespaces) if kind == "pods" else set()))
    if len(places) > NAMESPACES_LISTED_SINGLY:
        places = [""]
    return [partial(_all, client, resource, kind, place) for place in places]


def _one(client: KubeClient, resource: ApiResource, key: Key) -> list[tuple[Key, Manifest]]:
    found = client.get(resource.path(key[1], key[2]))
    return [] if found is None else [(key, found)]


def _all(client: KubeClient, resource: ApiResource, kind: str, place: str) -> Iterator[tuple[Key, Manifest]]:
    for item in client.items(resource.path(place)):
        yield (kind, str(item["metadata"].get("namespace") or ""), str(item["metadata"]["name"])), item


@dataclass
class _Kept:
    """What later checks need of the objects that streamed by."""

    claims: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(namespace, name) -> (phase, volumeName)."""
    pvs: dict[str, tuple[tuple[str, str], Manifest, str]] = field(default_factory=dict)
    """name -> (claim, source, description)."""

    def join(self, other: _Kept) -> None:
        """Take in what was kept of other objects."""
        self.claims.update(other.claims)
        self.pvs.update(other.pvs)

    def look(self, kind: str, key: Key, live: Manifest, namespaces: set[str], result: Verification) -> None:
        """Remember claims and volumes; note pods and workloads that are not ready."""
        spec = live.get("spec") or {}
        if kind == CLAIMS and key[1] in namespaces:
            self.claims[(key[1], key[2])] = (str((live.get("status") or {}).get("phase") or ""), str(spec.get("volumeName") or ""))
        elif kind == PVS:
            ref = spec.get("claimRef") or {}
            self.pvs[key[2]] = ((str(ref.get("namespace")), str(ref.get("name"))), source_of(live), describe_source(live))
        elif kind == "pods" and key[1] in namespaces:
            pod = Pod.from_record(live)
            result.pods += 1
            if not pod.ready and pod.phase != "Succeeded" and not pod.owner.startswith("Job/"):
                result.not_ready.append(f"pod {key[1]}/{key[2]}: {pod.why}")
        elif kind in REPLICATED and key[1] in namespaces and not controlled(live):
            workload = workload_of(WorkloadRef(kind, key[1], key[2]), live)
            if workload.ready < workload.replicas or not workload.settled:
                result.not_ready.append(f"{workload.ref}: {workload.ready} of {workload.replicas} ready")


def _check_claim(volume: ClaimVolume, backup: Objects, kept: _Kept, writable: Collection[str] | None) -> ClaimCheck:
    """Claim on its PersistentVolume, PersistentVolume on its volume, volume there and writable. Off the SVM there is nothing to check it against."""
    name = f"{volume.namespace}/{volume.claim}"
    problems = list(_claim_problems(volume, backup, kept, writable)) if volume.on_svm else []
    return ClaimCheck(name, volume.pv, volume.volume, volume.on_svm, tuple(problems))


def _claim_problems(volume: ClaimVolume, backup: Objects, kept: _Kept, writable: Collection[str] | None) -> Iterator[str]:
    phase, bound_to = kept.claims.get((volume.namespace, volume.claim), ("", ""))
    if not phase and not bound_to:
        yield "the claim does not exist"
    elif bound_to != volume.pv:
        yield f"it is bound to {bound_to or 'nothing'} instead of {volume.pv}: it was provisioned anew"
    elif phase != "Bound":
        yield f"it is {phase}"
    live = kept.pvs.get(volume.pv)
    original = backup.get(PVS, "", volume.pv)
    if live is None:
        yield f"PersistentVolume {volume.pv} does not exist"
    else:
        if live[0] != (volume.namespace, volume.claim):
            yield f"PersistentVolume {volume.pv} belongs to claim {'/'.join(live[0])}"
        if original is not None and live[1] != source_of(original):
            yield f"PersistentVolume {volume.pv} leads to {live[2]} instead of {describe_source(original)}"
    if volume.volume is None:
        yield "its volume is not on the SVM"
    elif writable is not None and volume.volume not in writable:
        yield f"volume {volume.volume} is not online and writable"


def problems(result: Mapping[str, Any], left_out: Iterable[str]) -> str:
    """The first few things that are wrong, for a message."""
    parts = [
        *(f"{entry['object']} differs at {', '.join(entry['paths'][:3])}" for entry in result["differing"]),
        *(f"{name} is missing" for name in result["missing"]),
        *result["not_ready"], *(f"{check['claim']}: {problem}" for check in result["claims"] for problem in check["problems"]),
        *(f"{label} was left out" for label in left_out),
    ]
    return "; ".join(parts[:8]) + (f"; and {len(parts) - 8} more" if len(parts) > 8 else "")
