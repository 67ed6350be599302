"""A folder of this machine, or one that it mounts."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import BinaryIO, ClassVar, Self
from urllib.parse import unquote, urlsplit

from passerelle.storage.base import Entry, Features, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    BadPlace,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    TooLarge,
    Unexpected,
    Unreachable,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.parallel import in_parallel
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join
from passerelle.storage.place import Place, Secret

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
_BLOCK = 1024 * 1024
_AT_ONCE = 8
"""Files that are written at once."""
_NO_HARD_LINKS = frozenset([errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])


def _translate(error: OSError, storage: str, path: str) -> StorageError:
    """Say what an answer of the operating system means (the table is above; see also errno(3))."""
    kind = _BY_NUMBER.get(error.errno or 0, Unexpected)
    code = "storage-path-refused" if kind is BadPath else ""
    return kind(storage, path, error.strerror or str(error), code)


class LocalPlace(Place):
    """A folder, as a path or as ``file:///path``; relative to the profile's folder."""

    form: ClassVar[str] = "file:///folder"
    opening: ClassVar[tuple[str, ...]] = ("storage-step-folder",)

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        if url.lower().startswith("file:"):
            parts = urlsplit(url)
            if parts.netloc not in {"", "localhost"} or not parts.path or parts.query or parts.fragment:
                raise BadPlace(url, "", "file:///…")

    @property
    def folder(self) -> Path:
        """The folder as written; ``~`` is the user's."""
        is_url = self.url.lower().startswith("file:")
        return Path(unquote(urlsplit(self.url).path) if is_url else self.url).expanduser()

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def storage(self, base_folder: Path, secret: Secret) -> Storage:  # noqa: ARG002 - it needs none
        """See ``Place.storage``."""
        return LocalStorage(base_folder / self.folder)


class LocalStorage:
    """Files of one folder; keeps the contract of ``base.Storage``. What ``put`` and ``rename`` did is on the disk."""

    features = Features(
        partial_uploads=True,
        exclusive_rename=True,
        seamless_replace=True,
        exclusive_put=True,
        recursive_listing=True,
    )

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

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; a link that leads out of the storage's folder is not listed."""
        folder = clean_folder(folder, storage=self.name)
        found, folders = [], [folder]
        while folders:
            inside = folders.pop()
            with self._translated(inside), os.scandir(self._at(inside)) as items:
                for item in items:
                    if entry := self._entry(inside, item):
                        found.append(entry)
                    elif recursive and item.is_dir(follow_symlinks=False) and self._is_good(inside, item):
                        folders.append(join(inside, item.name))
        return found

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

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        with self._opened_to_write(path, overwrite=overwrite) as file:
            file.write(data)
            return self._stored(path, file)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        self.rename_files([(src, dst)], overwrite=overwrite)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        with self._translated(path):
            target = self._file(path)
            target.unlink()
            _sync(target.parent)

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``: nobody computes one but who reads the file."""
        self._file(path)
        return None

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; several at once, as a disk makes them durable together."""
        return in_parallel(
            lambda file: self._put_file(file, overwrite=overwrite, resume=resume, moved=moved), files, _AT_ONCE
        )

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""
        for file in files:
            try:
                source = self._file(file.path).open("rb")
            except (NotFound, FileNotFoundError):
                continue
            with self._translated(file.path), source:
                size = os.fstat(source.fileno()).st_size
                if size != file.size:
                    raise Unreachable(self.name, file.path, f"{size} / {file.size}")
                with opened_to_fetch(file, self.name, resume=resume) as (target, begun):
                    source.seek(begun)
                    shutil.copyfileobj(source, target, _BLOCK)
                    arrived = target.tell()
            if arrived != file.size:
                raise Unreachable(self.name, file.path, f"{arrived} / {file.size}")
            moved(file.path, arrived)
            yield file

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``; the folders are brought to the disk once."""
        changed: dict[Path, str] = {}
        try:
            for src, dst in pairs:
                source, target = self._renamed(src, dst, overwrite=overwrite)
                changed |= {target.parent: dst, source.parent: dst}
        finally:
            for folder, path in changed.items():
                with self._translated(path):
                    _sync(folder)

    def _renamed(self, src: str, dst: str, *, overwrite: bool) -> tuple[Path, Path]:
        source = self._file(src)
        with self._translated(dst):
            target = self._at(clean_path(dst, storage=self.name))
            self._make_folders(target.parent)
            if overwrite:
                source.replace(target)
            else:
                self._rename_without_clobber(source, target)
        return source, target

    def _put_file(self, file: LocalFile, *, overwrite: bool, resume: bool, moved: Moved) -> Entry:
        clean_path(file.path, storage=self.name)
        with opened_to_send(file, self.name) as source:
            begun = self._begun(file.path, source) if resume else 0
            with self._opened_to_write(file.path, overwrite=overwrite, keep=begun > 0) as target:
                source.seek(target.seek(begun))
                shutil.copyfileobj(source, target, _BLOCK)
                entry = self._stored(file.path, target)
        moved(file.path, entry.size)
        return entry

    def _begun(self, path: str, source: BinaryIO) -> int:
        """Tell how much of a file an earlier try left, if its last block is the source's."""
        try:
            with self._translated(path), self._file(path).open("rb") as there:
                begun = there.seek(0, os.SEEK_END)
                start = max(0, begun - _BLOCK)
                source.seek(start)
                there.seek(start)
                return begun if there.read() == source.read(begun - start) else 0
        except NotFound:
            return 0

    @contextmanager
    def _opened_to_write(self, path: str, *, overwrite: bool, keep: bool = False) -> Iterator[BinaryIO]:
        with self._translated(path):
            target = self._at(clean_path(path, storage=self.name))
            self._make_folders(target.parent)
            with target.open("r+b" if keep else "wb" if overwrite else "xb") as file:
                yield file
            _sync(target.parent)

    def _stored(self, path: str, file: BinaryIO) -> Entry:
        """Bring what was written to the disk."""
        file.flush()
        os.fsync(file.fileno())
        known = os.fstat(file.fileno())
        return Entry(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

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
        if not self._is_good(folder, item, inside=inside):
            return None
        return Entry(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def _is_good(self, folder: str, item: os.DirEntry[str], *, inside: bool = True) -> bool:
        if inside and is_good_name(item.name):
            return True
        where = printable(join(folder, item.name))
        _log.warning("%s: not listed, its name or its link is not safe: %s", self.name, where)
        return False

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
