# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scan for secrets finds them where they are not allowed, however they are written, and nowhere else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from ansible_collections.kubedr.ontap.tests.support.secret_scan import application_secrets, lab_secrets, scan

from kubedr_lab.app import EXAMPLES
from kubedr_lab.settings import Secrets

WORD = "s3cret/word+1"


@pytest.mark.parametrize("text", [WORD, b64encode(WORD.encode()).decode(), "s3cret%2Fword%2B1", "https://x/y?X-Expires=1&X-Signature=0123456789abcdef"])
@pytest.mark.parametrize("name", ["ansible.log", "evidence/app1/x/run.json", "parts/osaka-ontap.jsonl"])
def test_it_is_found(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"before {text} after")
    found, count = scan([tmp_path], {"the word": WORD})
    assert (len(found), count) == (1, 1)
    assert str(path) in found[0]


@pytest.mark.parametrize("name", ["inventory.yml", "osaka.kubeconfig", "parts/secrets.json", "parts/x.sqlite-wal", "parts/bucket/a/b/c"])
def test_where_it_belongs_it_may_stand(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WORD)
    assert scan([tmp_path], {"the word": WORD}) == ([], 0)


def test_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    secrets = Secrets.fresh()
    secrets.save(tmp_path / "parts" / "secrets.json")
    assert {*secrets.ontap.values(), *secrets.kubernetes.values(), secrets.bucket_token, secrets.bucket_secret} <= set(lab_secrets(tmp_path).values())
    assert {"not-for-print-db-app2", "not-for-print-reports-app1"} <= set(application_secrets(EXAMPLES, ["app1", "app2"]).values())
