"""A storage in memory: for tests and previews. It is gone with the object, not with the connection."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from passerelle.storage.base import Entry, Features
from passerelle.storage.errors import AlreadyThere, NotFound, TooLarge
from passerelle.storage.paths import clean_folder, clean_path, join, parent


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStorage:
    """Files in a dictionary; keeps the contract of ``base.Storage``, folders and all."""

    name = "memory:"
    features = Features(partial_uploads=False, exclusive_rename=True, seamless_replace=True)

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._files: dict[str, tuple[bytes, datetime]] = {}
        self._folders = {""}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def list(self, folder: str = "") -> list[Entry]:
        """See ``base.Storage.list``."""
        folder = clean_folder(folder, storage=self.name)
        if folder not in self._folders:
            raise NotFound(self.name, folder)
        return [self._entry(path) for path in self._files if parent(path) == folder]

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        data, _ = self._file(clean_path(path, storage=self.name))
        if limit_bytes is not None and len(data) > limit_bytes:
            raise TooLarge(self.name, path, f"{len(data)} > {limit_bytes}")
        return data

    def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        if path in self._folders:
            raise AlreadyThere(self.name, path)
        self._make_folders(parent(path))
        self._files[path] = (bytes(data), self._clock())
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
            del self._files[src]
            self._files[dst] = file

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        self._file(clean_path(path, storage=self.name))
        del self._files[path]

    def _file(self, path: str) -> tuple[bytes, datetime]:
        if path not in self._files:
            raise NotFound(self.name, path)
        return self._files[path]

    def _entry(self, path: str) -> Entry:
        data, modified = self._files[path]
        return Entry(path, len(data), modified, f"sha256:{hashlib.sha256(data).hexdigest()}")

    def _make_folders(self, folder: str) -> None:
        made = ""
        for name in folder.split("/") if folder else ():
            made = join(made, name)
            if made in self._files:
                raise AlreadyThere(self.name, made)
            self._folders.add(made)
