"""Storages with one fault each; ``test_storage_teeth`` sees that the contract finds every one. No test by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from passerelle.storage.base import Entry, Storage
from passerelle.storage.contract import StorageContract
from passerelle.storage.errors import AlreadyThere, Denied, NotFound, StorageError
from passerelle.storage.memory import MemoryStorage


class Truncates(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path, data[:65536])


class LosesLastByte(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return super().read(path, limit_bytes=limit_bytes)[:-1]


class Appends(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        old = self._files[path][0] if path in self._files else b""
        return super().put(path, old + data)


class OverwritesInPlace(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        old = self._files[path][0] if path in self._files else b""
        return super().put(path, data + old[len(data) :])


class MangleNewlines(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path, data.replace(b"\r\n", b"\n"))


class StripsByteOrderMark(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return super().read(path, limit_bytes=limit_bytes).removeprefix(b"\xef\xbb\xbf")


class SkipsEmptyFiles(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        entry = super().put(path, data)
        if not data:
            del self._files[path]
        return entry


class ReadsAbsentAsEmpty(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        try:
            return super().read(path, limit_bytes=limit_bytes)
        except NotFound:
            return b""


class ListsAbsentAsEmpty(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        try:
            return super().list(folder)
        except NotFound:
            return []


class DeletesAbsentInSilence(MemoryStorage):
    def delete(self, path: str) -> None:
        if path in self._files:
            super().delete(path)


class SaysDeniedForAbsent(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        try:
            return super().read(path, limit_bytes=limit_bytes)
        except NotFound:
            raise Denied(self.name, path) from None


class ForgetsEmptyFolders(MemoryStorage):
    def delete(self, path: str) -> None:
        super().delete(path)
        folder = path.rpartition("/")[0]
        if folder and not any(file.startswith(f"{folder}/") for file in self._files):
            self._folders.discard(folder)


class ListsFirstPageOnly(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        return super().list(folder)[:100]


class ListsByPrefix(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        super().list(folder)
        return [self._entry(path) for path in self._files if path.startswith(folder)]


class ListsSubFolders(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        inside = [name for name in self._folders if name and name.rpartition("/")[0] == folder]
        return super().list(folder) + [Entry(name, 0) for name in inside]


class ListsStale(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        self._seen = getattr(self, "_seen", {})
        return self._seen.setdefault(folder, super().list(folder))


class HidesDotFiles(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        return [entry for entry in super().list(folder) if not entry.path.rpartition("/")[2].startswith(".")]


class ListsNamesOnly(MemoryStorage):
    def list(self, folder: str = "") -> list[Entry]:
        return [replace(entry, path=entry.path.rpartition("/")[2]) for entry in super().list(folder)]


class TellsWrongSize(MemoryStorage):
    def _entry(self, path: str) -> Entry:
        return replace(super()._entry(path), size=0)


class TellsLocalTime(MemoryStorage):
    def _entry(self, path: str) -> Entry:
        entry = super()._entry(path)
        return replace(entry, modified_utc=entry.modified_utc + timedelta(hours=2))


class TellsTimeWithoutZone(MemoryStorage):
    def _entry(self, path: str) -> Entry:
        entry = super()._entry(path)
        return replace(entry, modified_utc=entry.modified_utc.replace(tzinfo=None))


class RenameClobbers(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        super().rename(src, dst, overwrite=True)


class RenameNeverReplaces(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        super().rename(src, dst, overwrite=False)


class RenameCopies(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        data = self.read(src)
        super().rename(src, dst, overwrite=overwrite)
        self.put(src, data)


class RenameLosesOnCollision(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        try:
            super().rename(src, dst, overwrite=overwrite)
        except AlreadyThere:
            self.delete(src)
            raise


class RenameLooksThenMoves(MemoryStorage):
    both_looked = threading.Barrier(2)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        there = dst in self._files
        if threading.current_thread() is not threading.main_thread():
            self.both_looked.wait(timeout=5)
        if there and not overwrite:
            raise AlreadyThere(self.name, dst)
        super().rename(src, dst, overwrite=True)


class RenameReplacesFolders(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        if overwrite and dst in self._folders:
            self._folders.discard(dst)
        super().rename(src, dst, overwrite=overwrite)


class DeletesByPrefix(MemoryStorage):
    def delete(self, path: str) -> None:
        super().delete(path)
        for other in [other for other in self._files if other.startswith(path)]:
            del self._files[other]


class IgnoresTheLimit(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return super().read(path)


class FoldsCase(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path.lower(), data)


class StripsBlanks(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put("/".join(name.strip() for name in path.split("/")), data)


class DecodesPercents(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path.replace("%41", "A"), data)


class ChecksNoPath(MemoryStorage):
    def put(self, path: str, data: bytes) -> Entry:
        self._files[path] = (data, self._clock())
        self._make_folders(path.rpartition("/")[0])
        return self._entry(path)


class ChecksNoTargetPath(MemoryStorage):
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        file = self._file(src)
        if dst in self._folders or (dst in self._files and not overwrite):
            raise AlreadyThere(self.name, dst)
        self._make_folders(dst.rpartition("/")[0])
        self._files[dst] = self._files.pop(src, file)


class SaysNothing(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        try:
            return super().read(path, limit_bytes=limit_bytes)
        except StorageError as error:
            raise type(error)("", "") from None


class LosesAllOnClose(MemoryStorage):
    def __exit__(self, *_: object) -> None:
        self._files.clear()


FAULTS = [fault for fault in MemoryStorage.__subclasses__() if fault.__module__ == __name__]


def _suite(faulty: type[MemoryStorage]) -> type[StorageContract]:
    class Suite(StorageContract):
        backend = faulty

        @pytest.fixture
        def storage(self) -> Iterator[Storage]:
            with faulty() as storage:
                yield storage

    Suite.__name__ = Suite.__qualname__ = f"Test{faulty.__name__}"
    return Suite


if __name__ != "__main__":
    globals().update({f"Test{faulty.__name__}": _suite(faulty) for faulty in FAULTS})
