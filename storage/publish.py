"""Send a set of files as one delivery, so that whoever reads the folder never sees half of a file.

Each file goes up under a temporary name, is compared with what was meant, then gets its final name. The manifest comes
last: where it stands, all that it lists is there. Names and bytes are the caller's and do not change from one try to
the next, so that a delivery cut anywhere is completed by publishing it again; what had arrived is not sent again.

Source: spec STO-4, STO-5; design decision 5.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from passerelle.storage.base import Entry, Storage
from passerelle.storage.errors import AlreadyThere, BadPath, Damaged, NotFound, StorageError, Transient, Unexpected
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join

Collision = Literal["replace", "keep", "fail"]
State = Literal["sent", "skipped", "kept"]
_TEMPORARY = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}\.part")
_LONGEST_STEM = 200  # in bytes, so that the temporary name is not longer than names may be


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to send, as it was recorded when it was prepared.

    Attributes:
        name: final name in the folder.
        local_path: where it lies.
        size: in bytes.
        sha256: hex digits.
    """

    name: str
    local_path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that now stands in the folder.

    Attributes:
        name: its name in the folder.
        size: in bytes.
        sha256: hex digits.
        state: ``sent``; ``skipped``: it was there already; ``kept``: another content was there and stays.
    """

    name: str
    size: int
    sha256: str
    state: State


@dataclass(frozen=True, slots=True)
class Published:
    """What stands in the folder after a delivery.

    Attributes:
        delivery_id: names the delivery in its manifest.
        files: in the order given.
        manifest: the manifest itself.
    """

    delivery_id: str
    files: tuple[PublishedFile, ...]
    manifest: PublishedFile


def publish(
    storage: Storage,
    files: Sequence[OutFile],
    manifest_name: str,
    *,
    folder: str = "",
    collision: Collision = "fail",
    delivery_id: str = "",
    read_back: bool = False,
) -> Published:
    """Bring files into a folder as one delivery; publishing the same again completes it and is harmless.

    What earlier tries of ours left behind is removed, so one delivery of a name must not run beside another.

    Nothing is sent when the manifest of this delivery stands there already (whoever reads the folder may have taken
    the files), or when there is a collision under ``fail``.

    Args:
        storage: open.
        files: with distinct names.
        manifest_name: name of the manifest, a JSON file with the delivery id and name, size and SHA-256 of each file.
        folder: where, relative to the storage's folder; created if need be.
        collision: what to do when one of the names is there with another content: ``replace`` it, ``keep`` it and send
            nothing in its place, or ``fail`` before anything is sent.
        delivery_id: by default derived from names and contents.
        read_back: also read each file back before it gets its name, where the storage computes no checksum.

    Raises:
        AlreadyThere: a collision under ``fail``.
        Damaged: an upload did not arrive as sent.
        StorageError: any other; publish again when it is ``Transient`` or its cause is gone.
        ValueError: two files have the same name.
    """
    return _Delivery(storage, clean_folder(folder, storage=storage.name), collision, read_back=read_back).publish(
        files, manifest_name, delivery_id or _derived_id(files)
    )


class _Delivery:
    def __init__(self, storage: Storage, folder: str, collision: Collision, *, read_back: bool) -> None:
        self._storage = storage
        self._folder = folder
        self._collision: Collision = collision
        self._read_back = read_back
        self._there: dict[str, Entry] = {}

    def publish(self, files: Sequence[OutFile], manifest_name: str, delivery_id: str) -> Published:
        self._check_names([*(file.name for file in files), manifest_name])
        self._there = self._listed()
        self._remove_leftovers({file.name for file in files} | {manifest_name})
        intended = tuple(PublishedFile(file.name, file.size, file.sha256, "skipped") for file in files)
        manifest = _manifest(delivery_id, intended)
        if self._holds(manifest_name, len(manifest), _sha256(manifest)):
            return Published(delivery_id, intended, _as_file(manifest_name, manifest, "skipped"))

        plan = [self._planned(file) for file in intended]
        manifest = _manifest(delivery_id, plan)
        manifest_plan = self._planned(_as_file(manifest_name, manifest, "skipped"))
        if manifest_plan.state != "skipped" and manifest_name in self._there:
            self._storage.delete(join(self._folder, manifest_name))  # it would stand beside what it does not describe
        for file, planned in zip(files, plan, strict=True):
            if planned.state == "sent":
                self._send(file.name, self._prepared(file), file.sha256)
        if manifest_plan.state != "skipped":
            self._send(manifest_name, manifest, manifest_plan.sha256)
            manifest_plan = replace(manifest_plan, state="sent")
        return Published(delivery_id, tuple(plan), manifest_plan)

    def _check_names(self, names: list[str]) -> None:
        for name in names:
            if not is_good_name(name):
                clean_path(name, storage=self._storage.name)
                raise BadPath(self._storage.name, name)
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError(f"two files of a delivery have the same name: {sorted(names)}")

    def _listed(self) -> dict[str, Entry]:
        try:
            entries = self._storage.list(self._folder)
        except NotFound:
            self._storage.list()  # the storage's own folder must be there
            return {}
        return {entry.path.rpartition("/")[2]: entry for entry in entries}

    def _planned(self, file: PublishedFile) -> PublishedFile:
        """Say what is to be done about a file: it is to be sent, it is there already, or another stays in its place."""
        entry = self._there.get(file.name)
        if entry is None:
            return replace(file, state="sent")
        if self._holds(file.name, file.size, file.sha256):
            return replace(file, state="skipped")
        if self._collision == "replace":
            return replace(file, state="sent")
        if self._collision == "keep":
            return PublishedFile(file.name, entry.size, self._sha256_of(entry), "kept")
        raise AlreadyThere(self._storage.name, entry.path)

    def _holds(self, name: str, size: int, sha256: str) -> bool:
        entry = self._there.get(name)
        return entry is not None and entry.size == size and self._sha256_of(entry) == sha256

    def _sha256_of(self, entry: Entry) -> str:
        algorithm, _, digits = (entry.checksum or "").partition(":")
        return digits if algorithm == "sha256" else _sha256(self._storage.read(entry.path, limit_bytes=entry.size))

    def _remove_leftovers(self, names: set[str]) -> None:
        stems = {_stem(name) for name in names}
        for name, entry in self._there.items():
            temporary = _TEMPORARY.fullmatch(name)
            if temporary and temporary["stem"] in stems:
                self._storage.delete(entry.path)

    def _prepared(self, file: OutFile) -> bytes:
        """Read a prepared file, which must still be the one on record."""
        path = join(self._folder, file.name)
        try:
            data = file.local_path.read_bytes()
        except OSError as error:
            detail = f"{file.local_path.name}: {error.strerror}"
            raise Unexpected(self._storage.name, path, detail, "storage-local-changed") from error
        if len(data) != file.size or _sha256(data) != file.sha256:
            raise Unexpected(self._storage.name, path, file.local_path.name, "storage-local-changed")
        return data

    def _send(self, name: str, data: bytes, sha256: str) -> None:
        temporary = join(self._folder, f".{_stem(name)}.{sha256[:8]}.part")
        try:
            self._verify(self._storage.put(temporary, data), name, data, sha256)
            self._storage.rename(temporary, join(self._folder, name), overwrite=self._collision == "replace")
        except StorageError as error:
            # While the connection is bad there is no use in trying; the next run removes what is left.
            if isinstance(error, Damaged) or not isinstance(error, Transient):
                with contextlib.suppress(StorageError):
                    self._storage.delete(temporary)
            raise

    def _verify(self, entry: Entry, name: str, data: bytes, sha256: str) -> None:
        path = join(self._folder, name)
        if entry.size != len(data):
            raise Damaged(self._storage.name, path, f"{entry.size} / {len(data)}")
        if (entry.checksum or self._read_back) and self._sha256_of(entry) != sha256:
            raise Damaged(self._storage.name, path, "SHA-256")


def _stem(name: str) -> str:
    return name.encode()[:_LONGEST_STEM].decode(errors="ignore")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _derived_id(files: Sequence[OutFile]) -> str:
    return _sha256("\n".join(f"{file.name}\t{file.sha256}" for file in files).encode())[:16]


def _manifest(delivery_id: str, files: Sequence[PublishedFile]) -> bytes:
    """Write the manifest: the same bytes for the same files."""
    content = {
        "delivery": delivery_id,
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files],
    }
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _as_file(name: str, data: bytes, state: State) -> PublishedFile:
    return PublishedFile(name, len(data), _sha256(data), state)
