"""The contract of a storage: a folder tree of whole files.

``passerelle.storage.contract.StorageContract`` tests every sentence of it.

Source: spec 40-storage; style 1 §1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the storage itself reports it.

    Attributes:
        path: relative to the storage's folder, segments joined by ``/``.
        size: in bytes.
        modified_utc: last change, aware, in UTC; ``None`` where the storage does not tell it for certain.
        checksum: ``algorithm:hex digits`` as computed by the storage; ``None`` where it computes none.
    """

    path: str
    size: int
    modified_utc: datetime | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """What a storage promises beyond the contract; callers ask this, never the backend's type.

    Attributes:
        partial_uploads: an upload that is cut leaves its part under its name.
        exclusive_rename: a rename without ``overwrite`` cannot lose against another writer at the same moment.
        seamless_replace: a rename with ``overwrite`` leaves no moment without the target.
    """

    partial_uploads: bool
    exclusive_rename: bool
    seamless_replace: bool


class Storage(Protocol):
    """A folder tree of whole files, used within ``with``; by one thread at a time.

    Paths are relative to the storage's folder; ``paths.clean_path`` says which are good. Any verb may raise
    ``BadPath`` (nothing was asked of the other side), ``Denied``, ``UntrustedHost``, ``Unexpected``, or one of the
    ``Transient`` errors. After an error the storage can be used again: a lost connection is opened anew. Nothing is
    cached: a verb sees what others did before it. A file with a name that ``clean_path`` refuses is not listed, the
    log names it.
    """

    @property
    def name(self) -> str:
        """Where this is, for people: no secret."""
        ...

    @property
    def features(self) -> Features:
        """What this storage promises beyond the contract."""
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

    def list(self, folder: str = "") -> list[Entry]:
        """Give every file directly in ``folder`` (hidden ones too, no folders), in no order; ``""`` is the root.

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

    def put(self, path: str, data: bytes) -> Entry:
        """Create or replace a file, and the folders on the way to it (never the root).

        Returns:
            The file as the storage reports it after the upload: comparing its size is up to the caller.
            What is left after an error: see ``Features.partial_uploads``; ``publish`` deals with it.

        Raises:
            AlreadyThere: a folder has that name.
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
