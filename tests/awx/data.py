# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data files of awx/, and what AWX makes of them: injectors rendered as awx/main/models/credential does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = Path(__file__).resolve().parents[2]


class Loader(yaml.SafeLoader):
    """YAML with Ansible's ``!unsafe``, which AWX's own loaders take as text."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load(name: str) -> dict[str, Any]:
    """One file of awx/."""
    found: dict[str, Any] = yaml.load((ROOT / "awx" / f"{name}.yml").read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506
    return found


def credential_type(site: str) -> dict[str, Any]:
    """The type of one site's credential."""
    (found,) = (kind for kind in load("controller_credential_types")["controller_credential_types"] if kind["name"].endswith(f" {site}"))
    return dict(found)


def template(playbook: str) -> dict[str, Any]:
    """The job template that runs a playbook."""
    (found,) = (entry for entry in load("controller_templates")["controller_templates"] if entry["playbook"] == f"playbooks/{playbook}.yml")
    return dict(found)


def inject(kind: dict[str, Any], inputs: dict[str, str], folder: Path) -> dict[str, str]:
    """Write the files and return the environment of one credential: files first, since the environment names them as ``tower.filename.<label>``."""
    sandbox = ImmutableSandboxedEnvironment()
    names: dict[str, str] = {}
    for label, text in kind["injectors"].get("file", {}).items():
        path = folder / f"{kind['name'].replace(' ', '_')}_{label}"
        path.write_text(sandbox.from_string(text).render(**inputs), encoding="utf-8")
        path.chmod(0o600)
        names[label.partition(".")[2]] = str(path)
    tower = {"filename": names}
    return {name: sandbox.from_string(text).render(tower=tower, **inputs) for name, text in kind["injectors"]["env"].items()}
