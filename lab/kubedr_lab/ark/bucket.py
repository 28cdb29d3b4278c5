# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of a bucket (Ark 0.10 and later) and of a backup's tarball."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..controllers.api import meta
from ..controllers.ports import Obj
from ..objects import NoSuchKey, ObjectStore, StoreError
from .discovery import Resource

TOP_LEVEL = ("backups", "restores", "restic", "metadata", "plugins", "kopia")
DOWNLOADS = {
    "BackupLog": "-logs.gz",
    "BackupContents": ".tar.gz",
    "BackupVolumeSnapshots": "-volumesnapshots.json.gz",
    "BackupItemOperations": "-itemoperations.json.gz",
    "BackupResourceList": "-resource-list.json.gz",
    "BackupResults": "-results.gz",
    "BackupVolumeInfos": "-volumeinfo.json.gz",
    "CSIBackupVolumeSnapshots": "-csi-volumesnapshots.json.gz",
    "CSIBackupVolumeSnapshotContents": "-csi-volumesnapshotcontents.json.gz",
    "RestoreLog": "-logs.gz",
    "RestoreResults": "-results.gz",
    "RestoreResourceList": "-resource-list.json.gz",
    "RestoreItemOperations": "-itemoperations.json.gz",
    "RestoreVolumeInfo": "-volumeinfo.json.gz",
}
"""File name endings of what a DownloadRequest may name."""


class WrongBucket(StoreError):
    """The location points to a bucket that this store does not have."""


@dataclass(frozen=True)
class Bucket:
    """The part of an object store that one BackupStorageLocation names."""

    objects: ObjectStore
    prefix: str

    def backup_key(self, backup: str, ending: str) -> str:
        """``backups/B/B<ending>``; an ending that is a whole file name is not prefixed with the backup's."""
        name = ending if ending[0] not in "-." else backup + ending
        return f"{self.prefix}backups/{backup}/{name}"

    def restore_key(self, restore: str, ending: str) -> str:
        """``restores/R/restore-R<ending>``; volume info alone has no ``restore-`` in front."""
        return f"{self.prefix}restores/{restore}/{'' if ending == '-volumeinfo.json.gz' else 'restore-'}{restore}{ending}"

    async def folders(self, folder: str = "") -> list[str]:
        """Names directly below ``folder``, without slashes."""
        root = f"{self.prefix}{folder}/" if folder else self.prefix
        return [key[len(root) :].rstrip("/") for key in await self.objects.list(root, "/")]

    async def exists(self, key: str) -> bool:
        """An object has exactly this key."""
        return key in await self.objects.list(key)

    async def read_json(self, key: str) -> Any:
        """A parsed object. Raises NoSuchKey, ValueError (not JSON)."""
        return json.loads(await self.objects.get(key))

    async def delete_folder(self, folder: str) -> None:
        """Everything under ``folder/``."""
        for key in await self.objects.list(f"{self.prefix}{folder}/"):
            await self.objects.delete(key)

    async def has_file(self, kind: str, name: str) -> bool:
        """What a DownloadRequest names is there."""
        return await self.exists(self.download_key(kind, name))

    def download_key(self, kind: str, name: str) -> str:
        """The key of what a DownloadRequest names."""
        return self.restore_key(name, DOWNLOADS[kind]) if kind.startswith("Restore") else self.backup_key(name, DOWNLOADS[kind])


def zipped(data: Any) -> bytes:
    """Text lines or JSON data, gzip-compressed, the same bytes for the same input."""
    text = "".join(f"{line}\n" for line in data) if isinstance(data, list) and data and isinstance(data[0], str) else json.dumps(data)
    return gzip.compress(text.encode(), mtime=0)


def pack(items: Iterable[tuple[Resource, Obj]], velero: bool, now: float) -> bytes:
    """The tarball. Velero stores each object twice: a second time under the name of its preferred version."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        _add(tar, "metadata/version", b"1.1.0\n" if velero else b"1\n", now)
        for resource, obj in items:
            data = json.dumps(obj, separators=(",", ":")).encode()
            namespace = meta(obj).get("namespace")
            rest = f"{f'namespaces/{namespace}' if namespace else 'cluster'}/{meta(obj)['name']}.json"
            _add(tar, f"resources/{resource.name}/{rest}", data, now)
            if velero:
                _add(tar, f"resources/{resource.name}/{resource.kind.api_version.rpartition('/')[2]}-preferredversion/{rest}", data, now)
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, now: float) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), int(now), 0o755
    tar.format = _format(info)
    tar.addfile(info, io.BytesIO(data))


def _format(info: tarfile.TarInfo) -> Literal[0, 2]:
    """As Go's archive/tar chooses: the headers of POSIX 1988 where they hold the name, else those of 2001."""
    try:
        info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:
        return tarfile.PAX_FORMAT
    return tarfile.USTAR_FORMAT


def unpack(data: bytes) -> dict[str, list[Obj]]:
    """Objects by resource name, sorted by namespace and name. The copies under version names are passed over.

    Raises:
        ValueError: not a tarball of a backup.
    """
    found: dict[str, list[Obj]] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            for member in tar:
                parts = member.name.split("/")
                if parts[0] == "resources" and parts[2] in ("cluster", "namespaces") and member.isfile():
                    stream = tar.extractfile(member)
                    found.setdefault(parts[1], []).append(json.loads(stream.read() if stream else b"null"))
    except (tarfile.TarError, OSError, EOFError, IndexError) as error:
        raise ValueError(f"error unzipping and extracting: {error}") from error
    for objects in found.values():
        objects.sort(key=lambda obj: (meta(obj).get("namespace", ""), meta(obj)["name"]))
    return found


async def read_backup(bucket: Bucket, name: str, metadata_file: str) -> Obj | None:
    """The Backup object as stored in the bucket, None where there is none or it cannot be read as one."""
    try:
        backup = await bucket.read_json(bucket.backup_key(name, metadata_file))
    except (NoSuchKey, ValueError):
        return None
    return backup if isinstance(backup, dict) and backup.get("kind") == "Backup" else None
