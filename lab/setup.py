# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything stands in pyproject.toml, but this: an installed lab brings what lies beside its package in the repository.

That is the example application, and the Go modules of the real tier.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
BROUGHT = {
    "application": HERE.parent / "examples" / "application",
    **{f"real/sources/{name}": HERE / name for name in ("controlplane", "velero", "plugin")},
    "real/rbac": HERE.parent / "examples" / "rbac",
}
"""Folder in the installed package to where its files are."""


class BuildWithMore(build_py):
    """Also copies these folders. An editable install reads them where they are."""

    def run(self) -> None:
        """As usual, then the copies."""
        super().run()
        for name, source in ({} if self.editable_mode else BROUGHT).items():
            shutil.copytree(source, Path(self.build_lib) / "kubedr_lab" / name, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithMore})
