# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of the user's own: their kubeconfigs, the accounts that the lab makes there, and its tokens on the way. The cluster is a web server."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kubedr_lab.clock import VirtualClock
from kubedr_lab.kube.port import InProcessPort
from kubedr_lab.messages import Request, Response, json_response
from kubedr_lab.pki import Authority
from kubedr_lab.real import own
from kubedr_lab.real.forward import Forward
from kubedr_lab.real.site import User
from kubedr_lab.state import LabError


def write_config(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    """A kubeconfig with another context beside the current one."""
    contexts = [{"name": "other", "context": {"cluster": "none", "user": "none"}}, {"name": "mine", "context": {"cluster": "c", "user": "u"}}]
    config = {"current-context": "mine", "contexts": contexts, "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}]}
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_kubeconfig_with_data_and_a_token(tmp_path: Path) -> None:
    data = base64.b64encode(b"PEM").decode()
    found = own.Access.load(write_config(tmp_path / "config", {"server": "https://one:6443", "certificate-authority-data": data}, {"token": "t"}))
    assert (found.server, found.ca, found.headers) == ("https://one:6443", b"PEM", {"Authorization": "Bearer t"})
    assert "Bearer t" not in repr(found)


def test_a_kubeconfig_that_names_files_beside_it(tmp_path: Path) -> None:
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_bytes(name.encode())
    cluster, user = {"server": "https://one", "certificate-authority": "ca"}, {"client-certificate": "crt", "client-key": str(tmp_path / "key")}
    path = write_config(tmp_path / "config", cluster, user)
    found = own.Access.load(path)
    assert (found.ca, found.certificate, found.key, found.headers) == (b"ca", b"crt", b"key", {})
    copy = tmp_path / "elsewhere" / "copy"
    copy.parent.mkdir()
    copy.write_text(own._self_contained(path))
    assert own.Access.load(copy) == found


@pytest.mark.parametrize(("text", "words"), [
    ("", "cannot be used"), ("clusters: []\ncurrent-context: x\ncontexts: []\nusers: []", "cannot be used"), ("{", "cannot be used"),
])
def test_what_is_no_kubeconfig_is_told(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(LabError, match=words):
        own.Access.load(tmp_path / "config")


def test_a_user_without_token_or_certificate_is_told_what_helps(tmp_path: Path) -> None:
    path = write_config(tmp_path / "config", {"server": "https://one"}, {"exec": {"command": "aws"}})
    with pytest.raises(LabError, match="kubectl create token"):
        own.Access.load(path)


def test_the_store_is_named_in_the_environment_and_tells_no_secret() -> None:
    assert own.store({}) is None
    found = own.store({"KUBEDR_OWN_S3": "http://s3", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hidden"})
    assert found == own.Store("http://s3", "a", "hidden")
    assert "hidden" not in repr(found)


def cluster(folder: Path, refuse: str = "") -> Any:
    """Start an own plane against a web server. Returns what was posted, the plane, and what the server was then asked with through a Forward."""
    authority, posted, asked = Authority(), list[tuple[str, str, str]](), list[str]()
    (folder / "ca").write_bytes(authority.pem)
    authority.issue("c").write(folder / "crt", folder / "key")

    async def serve(raw: web.BaseRequest) -> web.StreamResponse:
        if raw.method == "GET":
            asked.append(raw.headers["Authorization"])
            return web.json_response({})
        body = await raw.json() if raw.body_exists else {}
        posted.append((raw.path, body.get("kind", ""), raw.headers.get("Authorization", "")))
        if refuse and raw.path.endswith(refuse):
            return web.json_response({"message": "not here"}, status=403)
        if raw.path.endswith("/token"):
            return web.json_response({"status": {"token": f"theirs-{raw.path.split('/')[-2]}"}}, status=201)
        return web.json_response({}, status=409 if body["kind"] == "Namespace" else 201)

    async def main() -> own.OwnPlane:
        from kubedr_lab.shell.server import tls

        runner = web.ServerRunner(web.Server(serve))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls(folder / "crt", folder / "key")).start()
        user = User("ours-collection", "kubedr")
        plane = own.OwnPlane("tokyo", folder / "site", folder / "x", folder / "x", folder / "x", User("ours-admin", "lab"), (user,), lambda work: work.close())
        config = {"server": f"https://127.0.0.1:{runner.addresses[0][1]}", "certificate-authority": "ca"}
        path = write_config(folder / "config", config, {"token": "root"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBEDR_OWN_TOKYO", str(path))
            assert own.named("tokyo", folder / "site")
            try:
                await plane.start()
                forward = Forward(plane.server, plane.ca, plane.tokens)
                for token in ("ours-admin", "ours-collection", "nobody"):
                    await forward.handle(Request("GET", "/x", headers={"authorization": f"Bearer {token}"}))
                await forward.close()
            finally:
                await runner.cleanup()
        return plane

    return posted, asyncio.run(main()), asked


def test_the_lab_s_tokens_become_those_of_accounts_that_it_made(tmp_path: Path) -> None:
    posted, plane, asked = cluster(tmp_path)
    assert {authorization for _path, _kind, authorization in posted} == {"Bearer root"}
    assert [kind for _path, kind, _authorization in posted] == ["Namespace", "ServiceAccount", "ServiceAccount", "ClusterRoleBinding", *["TokenRequest"] * 2]
    assert asked == ["Bearer theirs-kubedr-lab", "Bearer theirs-kubedr", "Bearer nobody"]
    assert own.named("tokyo", tmp_path / "site"), "also where the environment no longer says so"
    assert not own.named("osaka", tmp_path / "other")
    velero = yaml.safe_load((tmp_path / "site" / "kubeconfig").read_text())
    assert velero["users"][0]["user"]["token"] == "theirs-kubedr-lab"
    assert [path.stat().st_mode & 0o77 for path in (tmp_path / "site").glob("*kubeconfig")] == [0, 0]
    assert plane.server.startswith("https://127.0.0.1:")


def test_a_cluster_that_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="refuses to make a ClusterRoleBinding: 403 .*not here"):
        cluster(tmp_path, "/clusterrolebindings")


def test_nodes_renew_their_leases() -> None:
    seen: list[tuple[str, str, dict[str, Any]]] = []

    async def handle(request: Request) -> Response:
        seen.append((request.method, request.path, request.json()))
        return json_response(409 if request.method == "POST" else 200, {})

    clock = VirtualClock(1_800_000_000.5)
    due = asyncio.run(own.Heartbeat(InProcessPort(handle), {"node-1": "10.1.2.11"}, clock).tick())
    assert due == clock.now() + own.BEAT
    assert [(method, path) for method, path, _body in seen] == [
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"),
        ("PATCH", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"),
    ]
    assert datetime.fromisoformat(seen[1][2]["spec"]["renewTime"]).timestamp() == clock.now()
