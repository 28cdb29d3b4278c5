# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""Argument specs as values. Keep the option groups in step with plugins/doc_fragments/."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ArgumentSpec:
    """Options with the rules that go with them, so that both travel together."""

    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    required_if: tuple[tuple[Any, ...], ...] = ()
    required_together: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        """Both, the other's options winning."""
        return ArgumentSpec(
            {**self.options, **other.options},
            self.required_if + other.required_if,
            self.required_together + other.required_together,
            self.required_one_of + other.required_one_of,
            self.mutually_exclusive + other.mutually_exclusive,
        )

    def to_kwargs(self) -> dict[str, Any]:
        """Keyword arguments for AnsibleModule and for an action's validate_argument_spec."""
        rules = ("required_if", "required_together", "required_one_of", "mutually_exclusive")
        return {"argument_spec": self.options, **{rule: [list(r) for r in getattr(self, rule)] for rule in rules if getattr(self, rule)}}


ONTAP = ArgumentSpec(
    {
        "hostname": {"type": "str", "required": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "http_port": {"type": "int"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "cert_filepath": {"type": "path"},
        "key_filepath": {"type": "path", "no_log": False},
        "site": {"type": "str"},
    },
    required_together=(("username", "password"),),
)

KUBE = ArgumentSpec(
    {
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "host": {"type": "str"},
        "api_key": {"type": "str", "no_log": True},
        "validate_certs": {"type": "bool", "default": True},
        "ca_cert": {"type": "path"},
        "site": {"type": "str"},
    },
)

ARK = ArgumentSpec(
    {
        "ark_namespace": {"type": "str"},
        "ark_api_group": {"type": "str", "choices": ["velero.io", "ark.heptio.com"], "default": "velero.io"},
    },
)


def both_ontap(source_required: bool = True) -> ArgumentSpec:
    """Dicts ``source`` and ``destination``, each with the options of one ONTAP connection."""
    side = {"type": "dict", "options": ONTAP.options, "required_together": [list(r) for r in ONTAP.required_together]}
    return ArgumentSpec({"source": {**side, "required": source_required}, "destination": {**side, "required": True}})


GROUP = ArgumentSpec({"group": {"type": "dict", "required": True}})
"""``group`` is checked by _dr/config.py, which can name the inventory variable at fault; an argument spec can not."""
