# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials from the environment, only where the options leave them open."""

from __future__ import annotations

from ansible_collections.kubedr.ontap.plugins.module_utils._argspec import KUBE, ONTAP, both_ontap
from ansible_collections.kubedr.ontap.plugins.plugin_utils._access import variable, with_environment

ENVIRON = {
    "KUBEDR_TOKYO_ONTAP_USERNAME": "u-tokyo", "KUBEDR_TOKYO_ONTAP_PASSWORD": "p-tokyo", "KUBEDR_TOKYO_KUBECONFIG": "/tokyo.kubeconfig",
    "KUBEDR_OSAKA_2_ONTAP_USERNAME": "u-osaka", "KUBEDR_OSAKA_2_ONTAP_PASSWORD": "p-osaka", "KUBEDR_OSAKA_2_KUBECONFIG": "/osaka.kubeconfig",
}


def test_a_site_with_dashes_has_a_variable_with_underscores() -> None:
    assert variable("osaka-2", "KUBECONFIG") == "KUBEDR_OSAKA_2_KUBECONFIG"


def test_the_flat_options_of_an_ontap_module() -> None:
    args = {"site": "tokyo", "hostname": "h"}
    assert with_environment(args, ONTAP.options, ENVIRON) == {"site": "tokyo", "hostname": "h", "username": "u-tokyo", "password": "p-tokyo"}


def test_the_flat_options_of_a_kubernetes_module() -> None:
    assert with_environment({"site": "tokyo"}, KUBE.options, ENVIRON) == {"site": "tokyo", "kubeconfig": "/tokyo.kubeconfig"}
    given = {"site": "tokyo", "host": "https://h", "api_key": "t"}
    assert with_environment(given, KUBE.options, ENVIRON) == given


def test_both_sides() -> None:
    args = {"source": {"site": "tokyo", "hostname": "a"}, "destination": {"site": "osaka-2", "hostname": "b", "username": "mine", "password": "own"}}
    filled = with_environment(args, both_ontap().options, ENVIRON)
    assert filled["source"] == {"site": "tokyo", "hostname": "a", "username": "u-tokyo", "password": "p-tokyo"}
    assert filled["destination"] == args["destination"]


def test_a_group_gets_both_systems_of_each_site() -> None:
    complete = {"ontap": {"hostname": "b", "password": "own", "username": "me"}, "kubernetes": {"kubeconfig": "/mine"}}
    group = {"sites": {"tokyo": {"ontap": {"hostname": "a"}}, "osaka-2": complete}}
    sites = with_environment({"group": group}, {}, ENVIRON)["group"]["sites"]
    assert sites["tokyo"] == {"ontap": {"hostname": "a", "username": "u-tokyo", "password": "p-tokyo"}, "kubernetes": {"kubeconfig": "/tokyo.kubeconfig"}}
    assert sites["osaka-2"] == complete


def test_a_client_certificate_needs_no_user() -> None:
    args = {"site": "tokyo", "hostname": "h", "cert_filepath": "/c.pem"}
    assert with_environment(args, ONTAP.options, ENVIRON) == args


def test_nothing_is_changed_in_place_and_malformed_groups_are_left_to_the_check() -> None:
    group = {"sites": {"tokyo": "oops"}}
    assert with_environment({"group": group}, {}, ENVIRON)["group"]["sites"] == {"tokyo": "oops"}
    assert with_environment({"group": {"sites": None}}, {}, ENVIRON) == {"group": {"sites": None}}
    assert with_environment({"group": "text"}, {}, ENVIRON) == {"group": "text"}


def test_an_empty_environment_fills_nothing_in() -> None:
    args = {"group": {"sites": {"tokyo": {"ontap": {"hostname": "a"}, "kubernetes": {}}}}}
    assert with_environment(args, {}, {}) == args
