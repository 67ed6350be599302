"""A folder of this machine, or one that it mounts."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Self

from passerelle.storage.base import Entry, Features
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    TooLarge,
    Unexpected,
    Unreachable,
    printable,
)
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join

_log = logging.getLogger(__name__)
# EFBIG is what a limit on file sizes answers; the last ones come from folders mounted over a network.
_MEANINGS: dict[type[StorageError], tuple[str, ...]] = {
    NotFound: ("ENOENT", "ENOTDIR"),
    AlreadyThere: ("EEXIST", "EISDIR", "ENOTEMPTY"),
    Denied: ("EACCES", "EPERM", "EROFS"),
    NoSpace: ("ENOSPC", "EDQUOT", "EFBIG"),
    BadPath: ("ENAMETOOLONG", "EILSEQ", "EINVAL", "ELOOP"),
    Unreachable: ("EAGAIN", "EBUSY", "ETIMEDOUT", "ESTALE", "EHOSTDOWN", "EHOSTUNREACH", "ENOTCONN", "ECONNRESET"),
}
_BY_NUMBER = {getattr(errno, name): kind for kind, names in _MEANINGS.items() for name in names if hasattr(errno, name)}
_NO_HARD_LINKS = frozenset([errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])


def _translate(error: OSError, storage: str, path: str) -> StorageError:
    """Say what an answer of the operating system means (the table is above; see also errno(3))."""
    kind = _BY_NUMBER.get(error.errno or 0, Unexpected)
    code = "storage-path-refused" if kind is BadPath else ""
    return kind(storage, path, error.strerror or str(error), code)


class LocalStorage:
    """Files of one folder; keeps the contract of ``base.Storage``. What ``put`` and ``rename`` did is on the disk."""

    features = Features(partial_uploads=True, exclusive_rename=True, seamless_replace=True)

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._root = Path(os.path.realpath(folder))

    def __enter__(self) -> Self:
        self.list()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def list(self, folder: str = "") -> list[Entry]:
        """See ``base.Storage.list``; a link that leads out of the storage's folder is not listed."""
        folder = clean_folder(folder, storage=self.name)
        with self._translated(folder), os.scandir(self._at(folder)) as found:
            return [entry for item in found if (entry := self._entry(folder, item))]

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        with self._translated(path), self._file(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if limit_bytes is not None and size > limit_bytes:
                raise TooLarge(self.name, path, f"{size} > {limit_bytes}")
            data = file.read(size)
        if len(data) != size:
            raise Unreachable(self.name, path, f"{len(data)} / {size}")
        return data

    def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""
        with self._translated(path):
            target = self._at(clean_path(path, storage=self.name))
            self._make_folders(target.parent)
            with target.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                known = os.fstat(file.fileno())
            _sync(target.parent)
        return Entry(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        source = self._file(src)
        with self._translated(dst):
            target = self._at(clean_path(dst, storage=self.name))
            self._make_folders(target.parent)
            if overwrite:
                source.replace(target)
            else:
                self._rename_without_clobber(source, target)
            _sync(target.parent)
            _sync(source.parent)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        with self._translated(path):
            target = self._file(path)
            target.unlink()
            _sync(target.parent)

    def _at(self, path: str) -> Path:
        """Give the place of a good path on the disk, if no link on the way leads out of the storage's folder."""
        place = self._root / path
        if not Path(os.path.realpath(place)).is_relative_to(self._root):
            raise BadPath(self.name, path)
        return place

    def _file(self, path: str) -> Path:
        with self._translated(path):
            place = self._at(clean_path(path, storage=self.name))
            if not S_ISREG(place.stat().st_mode):
                raise NotFound(self.name, path)
            return place

    def _entry(self, folder: str, item: os.DirEntry[str]) -> Entry | None:
        path = join(folder, item.name)
        try:
            known = item.stat()
            inside = not item.is_symlink() or Path(os.path.realpath(item.path)).is_relative_to(self._root)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP}:  # gone since, or a link to nothing
                return None
            raise
        if not S_ISREG(known.st_mode):
            return None
        if not (inside and is_good_name(item.name)):
            _log.warning("%s: not listed, its name or its link is not safe: %s", self.name, printable(path))
            return None
        return Entry(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def _make_folders(self, folder: Path) -> None:
        if folder == self._root:
            return
        self._make_folders(folder.parent)
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)

    def _rename_without_clobber(self, source: Path, target: Path) -> None:
        """Give the file its second name, then take its first: unlike rename(2), link(2) refuses an existing target."""
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            source.rename(target)
        else:
            source.unlink()

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _translate(error, self.name, path) from error


def _sync(folder: Path) -> None:
    """Bring a folder's names to the disk; Windows and some network mounts cannot."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)
