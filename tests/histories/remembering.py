# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a history quick: the lab's own controllers list every kind after every write, so a list that has not changed is not encoded and decoded again."""

from __future__ import annotations

from typing import Any

from kubedr_lab.ark import ArkServer, Periods
from kubedr_lab.controllers.api import NAMESPACES
from kubedr_lab.controllers.manager import light_controllers
from kubedr_lab.controllers.ports import Reach
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.kube.objects import Table
from kubedr_lab.kube.port import InProcessPort
from kubedr_lab.pocket import PocketLab, other
from kubedr_lab.pocket_ports import PocketObjects, PocketOntapPort, pocket_plane
from kubedr_lab.settings import BUCKET
from kubedr_lab.world import EXPORT_POLICY, KubeSite, profile_of

Answer = tuple[int, dict[str, Any]]


class RememberingPort(InProcessPort):
    """A port that gives the same list, not to be changed by anybody, for as long as nothing of that kind was written."""

    def __init__(self, core: KubeCluster, token: str) -> None:
        super().__init__(core.handle, token)
        self._core = core
        self.kept: dict[str, tuple[Table, int, Answer]] = {}

    async def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> Answer:
        """As any port."""
        if method != "GET":
            return await super().request(method, path, query, body, content_type)
        if query == {"limit": "1"} and path == NAMESPACES.path():
            return 200, {"metadata": {"resourceVersion": str(self._core.version)}}
        table = None if query else self._table(path)
        if table is None:
            return await super().request(method, path, query, body, content_type)
        kept = self.kept.get(path)
        if kept is None or kept[0] is not table or kept[1] != table.version:
            kept = self.kept[path] = (table, table.version, await super().request(method, path))
        return kept[2]

    def _table(self, path: str) -> Table | None:
        """Of the kind whose objects of all namespaces are asked for; None for any other request."""
        root, *rest = path.strip("/").split("/")
        where = {("api", 2): ["", *rest], ("apis", 3): rest}.get((root, len(rest)))
        resource = self._core._registry.find(*where) if where else None
        return None if resource is None else self._core._objects.table(resource)

    async def changed_by_somebody(self) -> list[str]:
        """Paths of lists that are no longer what the server would say."""
        current = {path: answer for path, (table, version, answer) in self.kept.items() if table is self._table(path) and version == table.version}
        return [path for path, answer in current.items() if (await super(RememberingPort, self).request("GET", path))[1].get("items") != answer[1].get("items")]


def remembering(lab: PocketLab, site: str, station: KubeSite, periods: Periods) -> KubeSite:
    """The same site, its Ark and its controllers behind such a port."""
    port, ontap = RememberingPort(station.core, lab.secrets.kubernetes[site]), PocketOntapPort(lab, site)
    planes = [pocket_plane(lab, site), pocket_plane(lab, other(site), between_sites=True)]
    ark = ArkServer(port, PocketObjects(lab), lab.clock, profile_of(lab.settings), lab.settings.ark_group, periods=periods, bucket=BUCKET)
    controllers = light_controllers(port, ontap, planes, lab.clock, export_policy=EXPORT_POLICY)
    return KubeSite(lab.settings, station.core, port, ark, controllers, ontap, Reach(planes))
