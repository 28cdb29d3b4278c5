# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of its own, so that its memory is that of one task: ``verify``, or the ``list`` that it is held against. Arguments: what, lab, group, backup."""

from __future__ import annotations

import base64
import json
import resource
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

SITE = "osaka"
PAGE = 500
LISTED = (
    "/api/v1/namespaces/{}/configmaps", "/api/v1/namespaces/{}/secrets", "/api/v1/namespaces/{}/services", "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/serviceaccounts", "/api/v1/namespaces/{}/persistentvolumeclaims", "/apis/apps/v1/namespaces/{}/deployments",
    "/apis/apps/v1/namespaces/{}/replicasets", "/apis/apps/v1/namespaces/{}/statefulsets", "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
)


def verify(lab: Path, group: str, backup: str) -> dict[str, Any]:
    """``dr_verify`` as its action plugin runs it."""
    from ansible_collections.kubedr.ontap.plugins.module_utils._report import Silent
    from ansible_collections.kubedr.ontap.plugins.module_utils._run import execute, system_env
    from ansible_collections.kubedr.ontap.plugins.module_utils._verbs import dr_verify

    inventory = yaml.safe_load((lab / "inventory.yml").read_text())["protection_groups"]
    host, shared = inventory["hosts"][group], inventory["vars"]
    params = {
        "group": {
            "name": group, "source_site": shared["dr_source_site"], "destination_site": shared["dr_destination_site"], "source_svm": host["dr_source_svm"],
            "destination_svm": host["dr_destination_svm"], "namespaces": host["dr_namespaces"], "sites": shared["dr_sites"],
        },
        "backup": backup,
    }
    began, busy = time.monotonic(), time.process_time()
    result = execute(dr_verify.run, params, system_env(Silent(), check_mode=False, diff=False))
    took, own = time.monotonic() - began, time.process_time() - busy
    counts = (result.get("verification") or {}).get("kinds") or {}
    return {
        "seconds": took, "own": own, "failed": result.get("msg", "") if result.get("failed") else "", "kinds": len(counts),
        "objects": sum(sum(by.values()) for by in counts.values()), "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def plain(lab: Path, group: str, backup: str) -> dict[str, Any]:
    """The same objects, listed a page at a time over one client, and parsed."""
    config = yaml.safe_load((lab / f"{SITE}.kubeconfig").read_text())
    cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    began, pages, objects = time.monotonic(), 0, 0
    for path in LISTED:
        for namespace in (group, f"{group}-batch"):
            token_of_page = ""
            while True:
                url = f"{cluster['server']}{path.format(namespace)}?limit={PAGE}" + (f"&continue={token_of_page}" if token_of_page else "")
                request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
                with urllib.request.urlopen(request, context=tls) as answer:
                    page = json.load(answer)
                pages, objects = pages + 1, objects + len(page["items"])
                token_of_page = page["metadata"].get("continue", "")
                if not token_of_page:
                    break
    return {"seconds": time.monotonic() - began, "pages": pages, "objects": objects}


if __name__ == "__main__":
    print(json.dumps({"verify": verify, "list": plain}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3], sys.argv[4])))
