"""This machine's side of a transfer: what can go wrong with the local file is said the same by every backend.

Source: spec STO-5, STO-11.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from passerelle.storage.base import LocalFile
from passerelle.storage.errors import NoSpace, Unexpected

_FULL = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])


@contextmanager
def opened_to_send(file: LocalFile, storage: str) -> Iterator[BinaryIO]:
    """Open a local file to be sent, whose size must be the one on record.

    Raises:
        Unexpected: (code ``storage-local-changed``) it cannot be read, or has another size.
    """
    try:
        source = file.local.open("rb")
    except OSError as error:
        raise _changed(file, storage, error.strerror or str(error)) from error
    with source:
        size = os.fstat(source.fileno()).st_size
        if size != file.size:
            raise _changed(file, storage, f"{size} / {file.size}")
        yield source


def content_of(file: LocalFile, storage: str) -> bytes:
    """Read a local file to be sent whole; only for small ones.

    Raises:
        Unexpected: as for ``opened_to_send``.
    """
    with opened_to_send(file, storage) as source:
        data = source.read()
    if len(data) != file.size:
        raise _changed(file, storage, f"{len(data)} / {file.size}")
    return data


@contextmanager
def opened_to_fetch(file: LocalFile, storage: str, *, resume: bool = False) -> Iterator[tuple[BinaryIO, int]]:
    """Open a local file to be fetched, and say where to go on.

    Args:
        file: which.
        storage: the storage's name.
        resume: keep what is there of it, if it is not more than the whole.

    Yields:
        The file, open at its end, and how many bytes it has.

    Raises:
        NoSpace: (code ``storage-local-full``) the disk is full.
        Unexpected: (code ``storage-local-refused``) it cannot be written.
    """
    with _written(file, storage), file.local.open("r+b" if resume and file.local.exists() else "wb") as target:
        begun = target.seek(0, os.SEEK_END)
        if begun > file.size:
            begun = target.seek(0)
            target.truncate()
        yield target, begun


def write_whole(file: LocalFile, data: bytes, storage: str) -> None:
    """Write a local file whose content is in memory.

    Raises:
        NoSpace, Unexpected: as for ``opened_to_fetch``.
    """
    with opened_to_fetch(file, storage) as (target, _):
        target.write(data)


@contextmanager
def _written(file: LocalFile, storage: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        detail = f"{file.local.name}: {error.strerror}"
        if error.errno in _FULL:
            raise NoSpace(storage, file.path, detail, "storage-local-full") from error
        if error.filename is not None and os.fspath(error.filename) == os.fspath(file.local):
            raise Unexpected(storage, file.path, detail, "storage-local-refused") from error
        raise


def _changed(file: LocalFile, storage: str, detail: str) -> Unexpected:
    return Unexpected(storage, file.path, f"{file.local.name}: {detail}", "storage-local-changed")
