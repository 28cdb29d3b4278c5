# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret, found by name at any depth."""

from __future__ import annotations

from ansible_collections.kubedr.ontap.plugins.module_utils._secrets import secrets_of


def test_secrets_are_found_at_any_depth() -> None:
    site = {"ontap": {"username": "admin", "password": "pw1"}, "kubernetes": {"api_key": "tok1"}}
    assert secrets_of({"group": {"sites": {"tokyo": site}}, "list": [{"passphrase": "pp"}]}, {}) == {"pw1", "tok1", "pp"}


def test_known_values_and_environment_are_added() -> None:
    environ = {"KUBEDR_TOKYO_ONTAP_PASSWORD": "envpw", "KUBEDR_TOKYO_ONTAP_USERNAME": "admin", "KUBEDR_TOKYO_KUBECONFIG": "/k", "OTHER_PASSWORD": "no"}
    assert secrets_of({}, environ, ["known"]) == {"envpw", "known"}


def test_names_that_only_look_alike_and_empty_values_are_no_secrets() -> None:
    assert secrets_of({"key_filepath": "/k.pem", "tokens": "x", "password": "", "api_key": None, "token": True, "validate_certs": "true"}, {}) == set()


def test_a_number_as_a_password_is_taken_as_its_text() -> None:
    assert secrets_of({"password": 12345678}, {}) == {"12345678"}


def test_everything_below_a_secret_name_is_secret() -> None:
    assert secrets_of({"password": ["a1", "b2"]}, {}) == {"a1", "b2"}
