"""The contract of a storage: a folder tree of whole files.

``passerelle.storage.contract.StorageContract`` tests every sentence of it.

Source: spec 40-storage; style 1 §1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the storage itself reports it.

    Attributes:
        path: relative to the storage's folder, segments joined by ``/``.
        size: in bytes.
        modified_utc: last change, aware, in UTC; ``None`` where the storage does not tell it for certain.
        checksum: ``algorithm:hex digits`` as computed by the storage, with an algorithm of ``checksums``; ``None``
            where it computes none, or not in passing.
        version: changes whenever the content does, and means nothing else; ``None`` where the storage has none.
    """

    path: str
    size: int
    modified_utc: datetime | None = None
    checksum: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of a storage and its content on this machine's disk, where it comes from or goes to.

    Attributes:
        path: in the storage.
        local: on this machine; its folder exists.
        size: in bytes: of the local file to send, of the storage's file (as listed) to fetch.
    """

    path: str
    local: Path
    size: int


@dataclass(frozen=True, slots=True)
class Features:
    """What a storage promises beyond the contract; callers ask this, never the backend's type.

    Attributes:
        partial_uploads: an upload that is cut leaves its part under its name.
        exclusive_rename: a rename without ``overwrite`` cannot lose against another writer at the same moment.
        seamless_replace: a rename with ``overwrite`` leaves no moment without the target.
        exclusive_put: a put without ``overwrite`` cannot lose against another writer at the same moment.
        folders: folders exist by themselves. Where they do not (object stores), an absent one lists as an empty one,
            and a file may have the name of a folder.
        case_sensitive: ``a`` and ``A`` are two files.
        empty_files: files without content can be put.
        refused_names: regular expression (``search``) of names that cannot be; ``""``: all good ones can.
        recursive_listing: a whole tree costs about as many requests as one folder of as many files.
        cursors: it has ``changes`` (see ``Tracking``).
    """

    partial_uploads: bool
    exclusive_rename: bool
    seamless_replace: bool
    exclusive_put: bool = False
    folders: bool = True
    case_sensitive: bool = True
    empty_files: bool = True
    refused_names: str = ""
    recursive_listing: bool = False
    cursors: bool = False


Moved = Callable[[str, int], None]
"""Told while bytes move, from any thread: the path, and how many of its bytes are over by now."""


def unwatched(path: str, over: int, /) -> None:
    """Tell nobody."""


class Storage(Protocol):
    """A folder tree of whole files, used within ``with``; by one thread at a time.

    Paths are relative to the storage's folder; ``paths.clean_path`` says which are good. Any verb may raise
    ``BadPath`` (nothing was asked of the other side), ``Denied``, ``UntrustedHost``, ``Unexpected``, or one of the
    ``Transient`` errors. After an error the storage can be used again: a lost connection is opened anew. Nothing is
    cached: a verb sees what others did before it. A file with a name that ``clean_path`` refuses is not listed, the
    log names it.

    The verbs for many files use the connections that the place allows, at once; they hold no file's content in memory.
    When one file fails, no other is begun, those under way are finished and given, then the error is raised.
    """

    @property
    def name(self) -> str:
        """Where this is, for people: no secret."""
        ...

    @property
    def features(self) -> Features:
        """What this storage promises beyond the contract; some is known only once it is open."""
        ...

    def __enter__(self) -> Self:
        """Connect and see that the storage's folder is there.

        Raises:
            NotFound: the folder is not there; it is never created.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the connection; never fails."""
        ...

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """Give every file directly in ``folder``, hidden ones too, no folders, in no order; ``""`` is the root.

        Args:
            folder: relative to the storage's folder.
            recursive: also those in the folders below it. A folder with a name that ``clean_path`` refuses is left
                out like such a file; links to folders are not followed.

        Raises:
            NotFound: there is no such folder; an empty list means that it is empty.
        """
        ...

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """Give the whole content of a file, never a part of it.

        Raises:
            NotFound: there is no such file; a folder is no file.
            TooLarge: it has more than ``limit_bytes``.
        """
        ...

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """Create or replace a file, and the folders on the way to it (never the root).

        Returns:
            The file as the storage reports it after the upload: comparing its size is up to the caller.
            What is left after an error: see ``Features.partial_uploads``; ``publish`` deals with it.

        Raises:
            AlreadyThere: a folder has that name, or a file and ``overwrite`` is false; it is as before.
            NotFound: the storage's folder itself is gone.
            NoSpace: disk or quota are full.
        """
        ...

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Give a file another path within this storage; folders on the way to it are created.

        Raises:
            NotFound: there is no file ``src``.
            AlreadyThere: ``dst`` exists and ``overwrite`` is false, or it is a folder; both are as before.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove one file; never a folder.

        Raises:
            NotFound: there is no such file; a folder is no file.
        """
        ...

    def checksum(self, path: str) -> str | None:
        """Give what the storage computes over a file's content, as ``Entry.checksum``; ``None`` where it cannot.

        Raises:
            NotFound: there is no such file; a folder is no file.
        """
        ...

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """Put many files, or large ones; give each as ``put`` does once it is there, in the order they get there.

        Args:
            files: with distinct paths.
            overwrite: as in ``put``.
            resume: what stands under a path is, by its name, the beginning of that very file, left by an earlier try.
                Where the storage can, its end is compared, and only the rest is sent; of a whole one nothing is. Where
                it differs, or the storage cannot, all is sent. Only with ``overwrite``.
            moved: told of the bytes as they move.

        Raises:
            Unexpected: (code ``storage-local-changed``) a local file cannot be read or has another size.
            The errors of ``put``.
        """
        ...

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """Fetch many files, or large ones; give each once all of it is on the local disk, in the order they arrive.

        A file that is gone is not given. A local file is complete only when it was given.

        Args:
            files: with distinct paths and distinct local files, which are created or replaced.
            resume: a local file that is there is the beginning of that very file, left by an earlier try: only the
                rest is fetched, where the storage can.
            moved: told of the bytes as they move.

        Raises:
            Unreachable: a file has not the size that was listed (it is being written), or was cut.
            NoSpace: (code ``storage-local-full``) this machine's disk is full.
        """
        ...

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """Rename many files, as ``rename`` each; after an error some are renamed and some are not.

        Args:
            pairs: source and target, all distinct.
            overwrite: as in ``rename``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a folder and below since a cursor was given.

    Attributes:
        entries: files that are new, or may have changed.
        gone: paths of files, or of whole folders, that are no longer there.
        cursor: to ask with the next time; without secret.
        complete: ``entries`` are all files there are: the first time, or when the storage did not know the cursor.
    """

    entries: tuple[Entry, ...]
    gone: tuple[str, ...]
    cursor: str
    complete: bool


class Tracking(Storage, Protocol):
    """A storage that tells what changed (STO-13): ``Features.cursors``."""

    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        """Give what changed in ``folder`` and below since ``cursor``; all files without one.

        Raises:
            NotFound: there is no such folder.
        """
        ...
