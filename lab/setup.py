# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything stands in pyproject.toml, but this: an installed lab brings the example application, which lies beside it in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

APPLICATION = Path(__file__).resolve().parent.parent / "examples" / "application"


class BuildWithApplication(build_py):
    """Also copies the manifests. An editable install reads them where they are."""

    def run(self) -> None:
        """As usual, then the manifests."""
        super().run()
        if not self.editable_mode:
            shutil.copytree(APPLICATION, Path(self.build_lib) / "kubedr_lab" / "application", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithApplication})
