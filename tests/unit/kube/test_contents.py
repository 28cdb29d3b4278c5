# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a backup's archive, found by our own reading of its headers, and by Python's where those are not plain."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from ansible_collections.kubedr.ontap.plugins.module_utils._errors import ApiError
from ansible_collections.kubedr.ontap.plugins.module_utils._kube.contents import BackupContents, _files, _plain_files

LONG = "a" * 60
SHORT_NAMES = ["resources/configmaps/namespaces/app1/one.json", f"resources/{LONG}.example.com/namespaces/{LONG}/two.json", "metadata/version"]
VERY_LONG = f"resources/widgets.example.com/namespaces/app1/{'b' * 120}.json"


def archive(names: list[str], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Uncompressed; each file holds an object of its own size; a folder stands between them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=form) as writer:
        for number, name in enumerate(names):
            data = json.dumps({"metadata": {"name": name}, "data": {"x": "y" * 300 * number}}).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            writer.addfile(entry, io.BytesIO(data))
            folder = tarfile.TarInfo(f"folder{number}")
            folder.type = tarfile.DIRTYPE
            writer.addfile(folder)
    return stream.getvalue()


def by_python(data: bytes) -> list[tuple[str, int, int]]:
    """As tarfile has it."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as reader:
        return [(member.name, member.offset_data, member.size) for member in reader if member.isfile()]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_plain_headers_are_read_as_python_reads_them(form: int) -> None:
    data = archive(SHORT_NAMES if form == tarfile.USTAR_FORMAT else SHORT_NAMES[::2], form)
    assert _plain_files(data) == by_python(data)
    assert len(by_python(data)) == len(set(SHORT_NAMES if form == tarfile.USTAR_FORMAT else SHORT_NAMES[::2]))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_other_headers_are_left_to_python(form: int) -> None:
    data = archive([*SHORT_NAMES, VERY_LONG], form)
    assert _plain_files(data) is None
    assert [name for name, _start, _size in _files(data)] == [*SHORT_NAMES, VERY_LONG]


def test_a_damaged_header_is_no_header() -> None:
    data = bytearray(archive(SHORT_NAMES))
    data[3] ^= 1
    assert _plain_files(bytes(data)) is None
    with pytest.raises(ApiError, match="damaged"):
        BackupContents.from_bytes("b1", bytes(data))


def test_an_archive_that_was_cut_short_within_a_file_is_told() -> None:
    data = archive(SHORT_NAMES[:2])
    _name, start, size = by_python(data)[-1]
    with pytest.raises(ApiError, match="cut short|damaged"):
        BackupContents.from_bytes("b1", data[: start + size - 10])


def test_each_object_is_what_was_stored() -> None:
    contents = BackupContents.from_bytes("b1", archive(SHORT_NAMES))
    found = {key.name: manifest["metadata"]["name"] for key, manifest in contents}
    assert found == {"one": SHORT_NAMES[0], "two": SHORT_NAMES[1]}
