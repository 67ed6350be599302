"""A storage in memory: for tests and previews. It is gone with the object, not with the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from passerelle.storage import checksums
from passerelle.storage.base import Changes, Entry, Features, LocalFile, Moved, unwatched
from passerelle.storage.errors import AlreadyThere, NotFound, TooLarge, Unreachable
from passerelle.storage.local_files import content_of, write_whole
from passerelle.storage.paths import clean_folder, clean_path, is_inside, join, parent


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStorage:
    """Files in a dictionary; keeps the contract of ``base.Storage``, folders and all."""

    name = "memory:"
    features = Features(
        partial_uploads=False,
        exclusive_rename=True,
        seamless_replace=True,
        exclusive_put=True,
        recursive_listing=True,
        cursors=True,
    )

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._files: dict[str, tuple[bytes, datetime]] = {}
        self._folders = {""}
        self._log: list[str] = []
        """Every path that changed, in order: a cursor is a position in it."""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``."""
        folder = clean_folder(folder, storage=self.name)
        if folder not in self._folders:
            raise NotFound(self.name, folder)
        return [
            self._entry(path)
            for path in self._files
            if parent(path) == folder or (recursive and is_inside(path, folder))
        ]

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        data, _ = self._file(clean_path(path, storage=self.name))
        if limit_bytes is not None and len(data) > limit_bytes:
            raise TooLarge(self.name, path, f"{len(data)} > {limit_bytes}")
        return data

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        with self._lock:
            if path in self._folders or (path in self._files and not overwrite):
                raise AlreadyThere(self.name, path)
            self._make_folders(parent(path))
            self._keep(path, (bytes(data), self._clock()))
        return self._entry(path)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        clean_path(src, storage=self.name)
        clean_path(dst, storage=self.name)
        with self._lock:
            file = self._file(src)
            if dst in self._folders or (dst in self._files and not overwrite):
                raise AlreadyThere(self.name, dst)
            self._make_folders(parent(dst))
            self._remove(src)
            self._keep(dst, file)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        self._file(clean_path(path, storage=self.name))
        self._remove(path)

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``."""
        self._file(clean_path(path, storage=self.name))
        return self._entry(path).checksum

    def put_files(
        self,
        files: Sequence[LocalFile],
        *,
        overwrite: bool = True,
        resume: bool = False,  # noqa: ARG002 - nothing partial is ever left
        moved: Moved = unwatched,
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``."""
        for file in files:
            clean_path(file.path, storage=self.name)
            entry = self.put(file.path, content_of(file, self.name), overwrite=overwrite)
            moved(file.path, entry.size)
            yield entry

    def get_files(
        self,
        files: Sequence[LocalFile],
        *,
        resume: bool = False,  # noqa: ARG002 - there is nothing to spare
        moved: Moved = unwatched,
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""
        for file in files:
            if clean_path(file.path, storage=self.name) in self._files:
                data = self.read(file.path)
                if len(data) != file.size:
                    raise Unreachable(self.name, file.path, f"{len(data)} / {file.size}")
                write_whole(file, data, self.name)
                moved(file.path, len(data))
                yield file

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``."""
        for src, dst in pairs:
            self.rename(src, dst, overwrite=overwrite)

    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        """See ``base.Tracking.changes``."""
        entries = self.list(folder, recursive=True)
        known = int(cursor) if cursor.isdecimal() and int(cursor) <= len(self._log) else None
        touched = set(self._log[known or 0 :])
        gone = {path for path in touched if path not in self._files and is_inside(path, folder)}
        return Changes(
            tuple(entry for entry in entries if known is None or entry.path in touched),
            tuple(sorted(gone)) if known is not None else (),
            str(len(self._log)),
            complete=known is None,
        )

    def _file(self, path: str) -> tuple[bytes, datetime]:
        if path not in self._files:
            raise NotFound(self.name, path)
        return self._files[path]

    def _keep(self, path: str, file: tuple[bytes, datetime]) -> None:
        self._files[path] = file
        self._log.append(path)

    def _remove(self, path: str) -> None:
        del self._files[path]
        self._log.append(path)

    def _entry(self, path: str) -> Entry:
        data, modified = self._files[path]
        checksum = checksums.of_bytes("sha256", data)
        return Entry(path, len(data), modified, checksum, checksum)

    def _make_folders(self, folder: str) -> None:
        made = ""
        for name in folder.split("/") if folder else ():
            made = join(made, name)
            if made in self._files:
                raise AlreadyThere(self.name, made)
            self._folders.add(made)
