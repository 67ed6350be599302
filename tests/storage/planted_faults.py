"""Storages with one fault each; ``test_storage_teeth`` sees that the contract finds every one. No test by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from passerelle.storage.base import Changes, Entry, LocalFile, Storage
from passerelle.storage.contract import StorageContract
from passerelle.storage.errors import AlreadyThere, Denied, NotFound, StorageError
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.paths import clean_path


class Truncates(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path, data[:65536], overwrite=overwrite)


class LosesLastByte(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return super().read(path, limit_bytes=limit_bytes)[:-1]


class Appends(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        old = self._files[path][0] if path in self._files else b""
        return super().put(path, old + data, overwrite=overwrite)


class OverwritesInPlace(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        old = self._files[path][0] if path in self._files else b""
        return super().put(path, data + old[len(data) :], overwrite=overwrite)


class MangleNewlines(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path, data.replace(b"\r\n", b"\n"), overwrite=overwrite)


class StripsByteOrderMark(MemoryStorage):
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return super().read(path, limit_bytes=limit_bytes).removeprefix(b"\xef\xbb\xbf")


class SkipsEmptyFiles(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        entry = super().put(path, data, overwrite=overwrite)
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
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        try:
            return super().list(folder, recursive=recursive)
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
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        return super().list(folder, recursive=recursive)[:100]


class ListsByPrefix(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        super().list(folder, recursive=recursive)
        return [self._entry(path) for path in self._files if path.startswith(folder)]


class ListsSubFolders(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        inside = [name for name in self._folders if name and name.rpartition("/")[0] == folder]
        return super().list(folder, recursive=recursive) + [Entry(name, 0) for name in inside]


class ListsStale(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        self._seen = getattr(self, "_seen", {})
        return self._seen.setdefault((folder, recursive), super().list(folder, recursive=recursive))


class HidesDotFiles(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        return [
            entry
            for entry in super().list(folder, recursive=recursive)
            if not entry.path.rpartition("/")[2].startswith(".")
        ]


class ListsNamesOnly(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        return [
            replace(entry, path=entry.path.rpartition("/")[2]) for entry in super().list(folder, recursive=recursive)
        ]


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
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path.lower(), data, overwrite=overwrite)


class StripsBlanks(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put("/".join(name.strip() for name in path.split("/")), data, overwrite=overwrite)


class DecodesPercents(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path.replace("%41", "A"), data, overwrite=overwrite)


class ChecksNoPath(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
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


class PutsAlwaysOverwrite(MemoryStorage):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path, data)


class PutLooksThenWrites(MemoryStorage):
    both_looked = threading.Barrier(2)

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        there = path in self._files
        if threading.current_thread() is not threading.main_thread():
            self.both_looked.wait(timeout=5)
        if there and not overwrite:
            raise AlreadyThere(self.name, path)
        return super().put(path, data)


class ListsOneLevelOnly(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        return super().list(folder)


class ListsRecursivelyByPrefix(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        found = super().list(folder, recursive=recursive)
        prefix = folder.rstrip("/")
        return [self._entry(path) for path in self._files if path.startswith(prefix)] if recursive else found


class ListsFoldersBelowAsAbsent(MemoryStorage):
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        if recursive and folder not in self._folders:
            return []
        return super().list(folder, recursive=recursive)


class TellsWrongChecksum(MemoryStorage):
    def checksum(self, path: str) -> str | None:
        super().checksum(path)
        return "sha256:" + "0" * 64


class TellsOldVersion(MemoryStorage):
    def _entry(self, path: str) -> Entry:
        return replace(super()._entry(path), version="1")


class SendsAllButTheLast(MemoryStorage):
    def put_files(self, files, **options) -> Iterator[Entry]:
        return super().put_files(files[:-1] if len(files) > 1 else files, **options)


class GivesWhatItDidNotSend(MemoryStorage):
    def put_files(self, files, **options) -> Iterator[Entry]:
        entries = list(super().put_files(files, **options))
        if len(entries) > 1:
            self._remove(entries[-1].path)
        yield from entries


class TellsNoProgress(MemoryStorage):
    def put_files(self, files, *, moved=None, **options) -> Iterator[Entry]:
        return super().put_files(files, **options)


class ManyAlwaysOverwrite(MemoryStorage):
    def put_files(self, files, *, overwrite=True, **options) -> Iterator[Entry]:
        return super().put_files(files, **options)


class TrustsWhatIsThere(MemoryStorage):
    """Goes on by the size of what is there, whatever it is."""

    def put_files(self, files, *, resume=False, **options) -> Iterator[Entry]:
        for file in files:
            begun = self._files[file.path][0] if resume and file.path in self._files else b""
            entries = list(super().put_files([file], **options))
            if begun:
                data = (begun + file.local.read_bytes()[len(begun) :])[: file.size]
                entries = [self.put(file.path, data)]
            yield from entries


class AppendsWhenResumed(MemoryStorage):
    def put_files(self, files, *, resume=False, **options) -> Iterator[Entry]:
        for file in files:
            begun = self._files[file.path][0] if resume and file.path in self._files else b""
            [entry] = super().put_files([file], **options)
            yield self.put(file.path, begun + file.local.read_bytes()) if begun else entry


class SendsWhatChanged(MemoryStorage):
    def put_files(self, files, **options) -> Iterator[Entry]:
        sizes = [file.local.stat().st_size if file.local.exists() else file.size for file in files]
        return super().put_files([replace(file, size=size) for file, size in zip(files, sizes, strict=True)], **options)


class FetchesTheBeginning(MemoryStorage):
    def get_files(self, files, **options) -> Iterator[LocalFile]:
        for file in super().get_files(files, **options):
            file.local.write_bytes(file.local.read_bytes()[:65536])
            yield file


class FetchesOverTheOld(MemoryStorage):
    def get_files(self, files, **options) -> Iterator[LocalFile]:
        before = {file.local: file.local.read_bytes() for file in files if file.local.exists()}
        for file in super().get_files(files, **options):
            new = file.local.read_bytes()
            file.local.write_bytes(new + before.get(file.local, b"")[len(new) :])
            yield file


class FailsOverWhatIsGone(MemoryStorage):
    def get_files(self, files, **options) -> Iterator[LocalFile]:
        for file in files:
            self._file(file.path)
        return super().get_files(files, **options)


class FetchesWhatGrew(MemoryStorage):
    def get_files(self, files, **options) -> Iterator[LocalFile]:
        for file in files:
            if file.path in self._files:
                file.local.write_bytes(self._files[file.path][0][: file.size])
                yield file


class FetchesHostilePaths(MemoryStorage):
    def get_files(self, files, **options) -> Iterator[LocalFile]:
        return super().get_files([file for file in files if file.path in self._files], **options)


class RenamesAllButTheLast(MemoryStorage):
    def rename_files(self, pairs, *, overwrite: bool) -> None:
        super().rename_files(pairs[:-1] if len(pairs) > 1 else pairs, overwrite=overwrite)


class RenamesManyOverOthers(MemoryStorage):
    def rename_files(self, pairs, *, overwrite: bool) -> None:
        super().rename_files(pairs, overwrite=True)


class SkipsAbsentWhenRenamingMany(MemoryStorage):
    def rename_files(self, pairs, *, overwrite: bool) -> None:
        for src, _ in pairs:
            clean_path(src)
        super().rename_files([pair for pair in pairs if pair[0] in self._files], overwrite=overwrite)


class ForgetsRemovals(MemoryStorage):
    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        return replace(super().changes(folder, cursor), gone=())


class TellsChangesElsewhere(MemoryStorage):
    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        return super().changes("", cursor)


class TellsAllEachTime(MemoryStorage):
    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        return super().changes(folder)


class CallsAnUnknownCursorUnchanged(MemoryStorage):
    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        return super().changes(folder, cursor if not cursor or cursor.isdecimal() else str(len(self._log)))


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
