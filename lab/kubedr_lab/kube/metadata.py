# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Syntax of ``metadata``: names, labels, annotations, owner references."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .errors import Cause, Json
from .resources import Resource

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
)
_LABEL_RULE = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
_SERVICE_RULE = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character"
_QUALIFIED_RULE = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_VALUE_RULE = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with one"
_ANNOTATION_BYTES = 256 * 1024


def normalize(metadata: Json) -> None:
    """As Go decodes and encodes it: null values of labels and annotations become empty text, empty fields vanish."""
    for field in ("labels", "annotations"):
        if metadata.get(field):
            metadata[field] = {key: "" if value is None else value for key, value in metadata[field].items()}
    for field in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
        if not metadata.get(field):
            metadata.pop(field, None)


def metadata_faults(resource: Resource, metadata: Json) -> list[Cause]:
    """Everything that is wrong with the names, labels, annotations and owner references of one object."""
    return [
        *_name_faults(resource, metadata["name"]),
        *_label_faults("metadata.labels", metadata.get("labels") or {}),
        *_annotation_faults(metadata.get("annotations") or {}),
        *_owner_faults(metadata.get("ownerReferences") or []),
    ]


def _name_faults(resource: Resource, name: str) -> Iterator[Cause]:
    shown = f"Invalid value: {json.dumps(name)}: "
    if resource.group == "rbac.authorization.k8s.io":
        if name in (".", "..") or "/" in name or "%" in name:
            yield "metadata.name", shown + "may not be '.', '..' or contain '/' or '%'"
    elif (resource.group, resource.kind) in (("", "Namespace"), ("", "Service")):
        pattern, rule = (_SERVICE, _SERVICE_RULE) if resource.kind == "Service" else (_LABEL, _LABEL_RULE)
        if not pattern.fullmatch(name):
            yield "metadata.name", shown + rule
        elif len(name) > 63:
            yield "metadata.name", shown + "must be no more than 63 characters"
    elif not _SUBDOMAIN.fullmatch(name):
        yield "metadata.name", shown + _SUBDOMAIN_RULE
    elif len(name) > 253:
        yield "metadata.name", shown + "must be no more than 253 characters"


def _key_faults(field: str, key: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    if slash and (not _SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        yield field, f"Invalid value: {json.dumps(key)}: prefix part {_SUBDOMAIN_RULE}"
    if not _QUALIFIED.fullmatch(name) or len(name) > 63:
        rule = "name part must be no more than 63 characters" if len(name) > 63 else _QUALIFIED_RULE
        yield field, f"Invalid value: {json.dumps(key)}: {rule}"


def _label_faults(field: str, labels: Json) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _key_faults(field, key)
        if value and (not _QUALIFIED.fullmatch(value) or len(value) > 63):
            rule = "must be no more than 63 characters" if len(value) > 63 else _VALUE_RULE
            yield field, f"Invalid value: {json.dumps(value)}: {rule}"


def _annotation_faults(annotations: Json) -> Iterator[Cause]:
    for key in annotations:
        yield from _key_faults("metadata.annotations", key.lower())
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATION_BYTES:
        yield "metadata.annotations", f"Too long: may not be more than {_ANNOTATION_BYTES} bytes"


def _owner_faults(owners: list[Json]) -> Iterator[Cause]:
    for owner in owners:
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield f"metadata.ownerReferences.{field}", "Invalid value: \"\": must not be empty"
