# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates, surveys and credential types fit the collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from .data import ROOT, credential_type, inject, load, template

TEMPLATES = load("controller_templates")["controller_templates"]
OPTIONS = yaml.safe_load((ROOT / "roles" / "dr" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("entry", TEMPLATES, ids=lambda entry: entry["name"])
def test_a_template_runs_a_playbook_that_is_there_with_room_for_all_groups(entry: dict[str, Any]) -> None:
    assert (ROOT / entry["playbook"]).is_file()
    assert entry["forks"] >= 128
    assert {entry["project"]} == {project["name"] for project in load("controller_projects")["controller_projects"]}


@pytest.mark.parametrize("entry", TEMPLATES, ids=lambda entry: entry["name"])
def test_a_survey_asks_for_run_options_that_exist_and_choices_that_they_take(entry: dict[str, Any]) -> None:
    for question in entry.get("survey_spec", {}).get("spec", []):
        option = OPTIONS[question["variable"]]
        assert set(question.get("choices", [])) <= set(option.get("choices", question.get("choices", [])))
        assert {"question_name", "question_description", "type", "required"} <= set(question)
    assert bool(entry.get("survey_enabled")) == ("survey_spec" in entry)


def test_no_credential_type_is_used_twice_on_a_job() -> None:
    kinds = [kind["name"] for kind in load("controller_credential_types")["controller_credential_types"]]
    assert len(set(kinds)) == len(kinds) == 2
    assert [name.rpartition(" ")[2] for name in template("failover")["credentials"]] == [name.rpartition(" ")[2] for name in kinds]


@pytest.mark.parametrize("site", ["tokyo", "osaka"])
def test_a_credential_becomes_environment_and_files_and_no_extra_variable(site: str, tmp_path: Path) -> None:
    kind = credential_type(site)
    env = inject(kind, {"ontap_username": "dr", "ontap_password": "pw", "kubeconfig": "apiVersion: v1"}, tmp_path)
    prefix = f"KUBEDR_{site.upper()}"
    assert (env[f"{prefix}_ONTAP_USERNAME"], env[f"{prefix}_ONTAP_PASSWORD"]) == ("dr", "pw")
    assert Path(env[f"{prefix}_KUBECONFIG"]).read_text(encoding="utf-8") == "apiVersion: v1"
    assert "extra_vars" not in kind["injectors"]


def test_every_secret_field_is_secret() -> None:
    fields = credential_type("tokyo")["inputs"]["fields"]
    assert {field["id"]: field.get("secret", False) for field in fields} == {"ontap_username": False, "ontap_password": True, "kubeconfig": True}
