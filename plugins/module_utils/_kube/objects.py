# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Single objects of any kind, created from a backup's manifests where a Restore can not name them one by one."""

from __future__ import annotations

from typing import Any

from .._clock import poll
from .._errors import ApiError, NotFound
from .client import ApiResource, KubeClient, act

CRDS = "customresourcedefinitions.apiextensions.k8s.io"


def ensure_present(
    client: KubeClient, group_resource: str, manifest: dict[str, Any], deadline: float = 60.0, *, check_mode: bool = False,
) -> tuple[dict[str, Any] | None, bool]:
    """The object exists. One that exists already is left as it is, as Ark itself does. A CRD is waited for until it is served.

    Args:
        manifest: without ``uid``, ``resourceVersion`` and ``status``.
        deadline: seconds for a CRD to be established.

    Raises:
        NotFound: the cluster does not serve this kind, or the namespace does not exist.
    """
    kind = find_resource(client, group_resource)
    if kind is None:
        if check_mode:
            return None, True
        raise NotFound(
            f"the cluster does not serve {group_resource}", status=404, system=client.system, operation="create object", obj=str(manifest["metadata"]["name"]),
            advice="Install what brings this kind, or add its CRD to dr_cluster_objects.",
        )
    metadata = manifest["metadata"]
    namespace = str(metadata.get("namespace") or "")
    path = kind.path(namespace, str(metadata["name"]))
    seen, changed = act(
        client, lambda: client.get(path), lambda found: found is not None, lambda _found: client.create(kind.path(namespace), manifest),
        what=f"create {group_resource}/{metadata['name']}", check_mode=check_mode,
    )
    if group_resource == CRDS and seen is not None:
        seen = _established(client, path, deadline)
        if changed:
            client.forget_resources()
    return seen, changed


def ensure_namespace(client: KubeClient, name: str, *, check_mode: bool = False) -> tuple[dict[str, Any] | None, bool]:
    """The namespace exists."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return ensure_present(client, "namespaces", body, check_mode=check_mode)


def find_resource(client: KubeClient, group_resource: str) -> ApiResource | None:
    """The kind, with discovery read anew once if it is not known yet: its CRD may be younger than what was read."""
    found = client.resource(group_resource)
    if found is None:
        client.forget_resources()
        found = client.resource(group_resource)
    return found


def _established(client: KubeClient, path: str, deadline: float) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        seen = client.get(path)
        if seen is None:
            raise ApiError("the CRD is gone", system=client.system, operation="wait for CRD", obj=path.rpartition("/")[2])
        return seen

    def established(seen: dict[str, Any]) -> bool:
        conditions = (seen.get("status") or {}).get("conditions") or ()
        return any(entry.get("type") == "Established" and entry.get("status") == "True" for entry in conditions)

    name = path.rpartition("/")[2]
    return poll(
        client.clock, look, established, timeout=deadline, what=f"wait for CRD {name}", system=client.system,
        describe=lambda seen: (seen.get("status") or {}).get("conditions") or [],
    )
