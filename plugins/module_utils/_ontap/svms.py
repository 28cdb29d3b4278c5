# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Storage VMs: find, create as a DR destination, start, stop, and see one serve. ``deadline`` is seconds for the whole act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._clock import poll
from .._errors import ApiError, JobFailed, KubedrError, NotFound, WaitTimeout
from . import network, volumes
from .act import Act, nothing, perform, transient
from .client import Answer, OntapClient, exact
from .models import Cluster, Svm

PATH = "/api/svm/svms"
STATE_UNAVAILABLE = "13303859"
Watch = Callable[[Svm], None]


def cluster(client: OntapClient) -> Cluster:
    """The cluster itself."""
    return Cluster.from_record(client.get("/api/cluster", fields=Cluster.FIELDS))


def find(client: OntapClient, name: str) -> Svm | None:
    """The data SVM of this name; admin and node SVMs are never seen here."""
    found = client.records(PATH, Svm.FIELDS, name=exact(name))
    return Svm.from_record(found[0]) if found else None


def create_destination(client: OntapClient, name: str, deadline: float) -> tuple[Svm | None, bool]:
    """An empty SVM of subtype dp_destination; one that exists is taken as it is, whatever its subtype. None only in check mode."""
    return perform(
        client,
        Act(
            "create SVM",
            name,
            lambda: find(client, name),
            lambda seen: seen is not None and seen.state not in ("initializing", "starting"),
            lambda seen: False if seen else client.write("POST", PATH, {"name": name, "subtype": "dp_destination"}, deadline=deadline),
        ),
        deadline,
    )


def start(
    client: OntapClient, svm: Svm, deadline: float, on_look: Watch = nothing, *, force: bool = False, fresh: bool = False,
) -> tuple[Svm, bool]:
    """Running. An SVM that the DR configuration left locked is unlocked; a job that fails while the SVM runs all the same is no failure.

    Args:
        force: start also where ONTAP says that the SVM's DR partner runs or cannot be asked. Only with proof or a statement that it is down.
        fresh: ``svm`` was read a moment ago: it is the first look.

    Raises:
        ApiError, JobFailed: refused; the advice says what would help.
    """

    def recover(error: KubedrError) -> bool:
        text = error.message.lower()
        if "locked" in text and "temporarily" not in text:
            client.write("POST", "/api/private/cli/vserver/unlock", {"vserver": svm.name, "force": True}, hold=0, deadline=deadline)
            return True
        if refused_by_partner(error) and force:
            client.write("POST", "/api/private/cli/vserver/start", {"vserver": svm.name, "force": True}, hold=0, deadline=deadline)
            return True
        return error.code == STATE_UNAVAILABLE or transient(error) or "confirmations" in text

    def send(seen: Svm) -> Answer | bool:
        if seen.state in ("starting", "running"):
            return False
        return client.write("PATCH", f"{PATH}/{svm.uuid}", {"state": "running"}, deadline=deadline, defer=True)

    act = Act(
        "start SVM", svm.name, lambda: _must_find(client, svm), lambda seen: seen.state == "running", send, recover=recover, on_look=on_look,
        first=svm if fresh else None,
    )
    try:
        return perform(client, act, deadline)
    except (ApiError, JobFailed) as error:
        if refused_by_partner(error) and not force:
            error.advice = "Stop the partner SVM at the other site. Where that site is proven or declared down, start with force."
        raise


def stop(client: OntapClient, svm: Svm, deadline: float, on_look: Watch = nothing) -> tuple[Svm, bool]:
    """Stopped: its LIFs are down and no client can write."""

    def send(seen: Svm) -> Answer | bool:
        if seen.state in ("stopping", "stopped"):
            return False
        return client.write("PATCH", f"{PATH}/{svm.uuid}", {"state": "stopped"}, deadline=deadline, defer=True)

    return perform(client, Act("stop SVM", svm.name, lambda: _must_find(client, svm), lambda seen: seen.state == "stopped", send, on_look=on_look), deadline)


def delete(client: OntapClient, svm: Svm, deadline: float) -> bool:
    """The SVM with its LIFs and its root volume, gone; whether anything was deleted. ONTAP refuses while it has data volumes, relationships or peers."""
    act = Act(
        "delete SVM", svm.name, lambda: find(client, svm.name), lambda seen: seen is None,
        lambda seen: client.write("DELETE", f"{PATH}/{svm.uuid}", deadline=deadline),
    )
    return perform(client, act, deadline)[1]


def wait_serving(client: OntapClient, name: str, deadline: float, on_look: Callable[[dict[str, Any]], None] = nothing) -> dict[str, Any]:
    """Wait until the SVM runs, each of its enabled LIFs is up, and each volume is online and writable; what was seen, as JSON data.

    Raises:
        WaitTimeout: ``seen`` and the message name each LIF and volume that did not come.
    """
    try:
        return poll(
            client.clock, lambda: serving(client, name), lambda seen: not seen["missing"], timeout=deadline, what="serve", system=client.system, on_look=on_look
        )
    except WaitTimeout as error:
        raise WaitTimeout(
            f"not serving within {deadline:g} s: {'; '.join(error.seen['missing'])}.",
            system=client.system,
            operation="serve",
            obj=name,
            seen=error.seen,
            advice=error.advice,
        ) from None


def serving(client: OntapClient, name: str) -> dict[str, Any]:
    """``{svm, subtype, lifs: {name: state}, volumes: {name: type}, missing: [what is not as it should be]}``, from one look."""
    svm, lifs, vols = client.together([
        lambda: find(client, name), lambda: network.svm_lifs(client, name), lambda: volumes.list_volumes(client, name),
    ])
    missing = [] if svm and svm.state == "running" else [f"the SVM is {svm.state if svm else 'absent'}"]
    missing += [] if lifs else ["the SVM has no LIF"]
    missing += [f"LIF {lif.name} ({lif.address}) is {lif.state}" for lif in lifs if lif.enabled and lif.state != "up"]
    missing += [f"volume {vol.name} is {vol.type}, {vol.state}" for vol in vols if vol.type != "rw" or vol.state != "online"]
    return {
        "svm": svm.state if svm else "absent",
        "subtype": svm.subtype if svm else "",
        "lifs": {lif.name: lif.state for lif in lifs},
        "volumes": {vol.name: vol.type for vol in vols},
        "missing": missing,
    }


def refused_by_partner(error: KubedrError) -> bool:
    """Whether a start was refused on account of the DR partner. ONTAP publishes no code for it, so its words decide."""
    text = error.message.lower()
    return any(word in text for word in ("partner", "source vserver", "source svm", "peer cluster")) or error.code == "262224"


def _must_find(client: OntapClient, svm: Svm) -> Svm:
    try:
        return Svm.from_record(client.get(f"{PATH}/{svm.uuid}", fields=Svm.FIELDS))
    except NotFound as error:
        raise NotFound(
            "the SVM is gone: it was deleted while this ran.", status=404, system=client.system, operation=error.operation, obj=svm.name, code=error.code
        ) from None
