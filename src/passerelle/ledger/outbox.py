"""The outbox: files wait here, on disk for certain, from before the ledger knows them until their delivery arrived.

Source: design.md decision 5; spec REL-1.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from passerelle.ledger.entries import StoredFile
from passerelle.ledger.errors import NoSpaceError, StoredFileChangedError, StoredFileMissingError

_SYNCS_AT_ONCE = 16


def delivery_id(run_id: str, contents: Mapping[str, bytes | Path]) -> str:
    """Name a delivery after its run and its content: the same run with the same files gets the same name.

    Args:
        run_id: the run that prepares it.
        contents: bytes by file name, or where they lie.
    """
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(hashlib.sha256(name.encode()).digest() + bytes.fromhex(sha256_of(contents[name])))
    return f"{run_id}-{digest.hexdigest()[:12]}"


def sha256_of(content: bytes | Path, before: bytes = b"") -> str:
    """Give the SHA-256 of bytes, or of a file's, behind others; in hexadecimal."""
    digest = hashlib.sha256(before)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def store(folder: Path, delivery_id: str, name: str, data: bytes | Path, *, record_count: int = 0) -> StoredFile:
    """Put a file of a delivery in the outbox; when this returns, it outlives a power cut.

    A file that is there already with the same bytes is left alone. Only the owner may read what is stored: it holds
    personal data (SEC-5).

    Args:
        folder: the outbox; made when it is not there.
        delivery_id: the delivery, a folder of the outbox.
        name: the file's name, without folders.
        data: its bytes, or where they lie on the outbox's own disk: they are moved.
        record_count: how many records it carries.

    Raises:
        ValueError: ``delivery_id`` or ``name`` is no plain file name.
        StoredFileChangedError: other bytes stand under this name.
        NoSpaceError: the disk is full; nothing is left under this name.
    """
    home = _home(folder, delivery_id, name)
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    stored = StoredFile(name, home / name, size, sha256_of(data), record_count)
    with _naming_a_full_disk(stored.path):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stored.path.exists():
            check(stored)
        elif isinstance(data, bytes):
            _write(stored.path, data)
        else:
            data.chmod(0o600)
            _sync(data)
            data.replace(stored.path)
        for parent in (home, home.parent, home.parent.parent):
            _sync(parent)
    return stored


def take(folder: Path, delivery_id: str, name: str, local: Path, sha256: str) -> StoredFile:
    """Move a file that others of a delivery refer to into the outbox; ``bring_to_disk`` makes it outlive a power cut.

    Args:
        folder: the outbox; made when it is not there.
        delivery_id: the delivery.
        name: path where it is delivered; its last part is a name of its own.
        local: where it lies, on the outbox's own disk.
        sha256: of its bytes, in hexadecimal.

    Raises:
        ValueError: ``delivery_id`` or the last part of ``name`` is no plain file name.
    """
    plain = name.rpartition("/")[2]
    home = _home(folder, delivery_id, plain)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored = StoredFile(name, home / plain, local.stat().st_size, sha256)
    local.chmod(0o600)
    local.replace(stored.path)
    return stored


def bring_to_disk(files: Sequence[StoredFile]) -> None:
    """Make files that were taken outlive a power cut; several at once, as a disk does them together."""
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
        for _ in pool.map(lambda file: _sync(file.path), files):
            pass
    for home in {file.path.parent for file in files}:
        for parent in (home, home.parent, home.parent.parent):
            _sync(parent)


def lying(folder: Path, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Give files of a delivery where they lie in the outbox of today.

    The ledger knows the paths of the day they were stored; since then the outbox may have been moved, or another
    machine may have it under another path.
    """
    return [replace(file, path=folder.resolve() / file.path.parent.name / file.path.name) for file in files]


def read(file: StoredFile) -> bytes:
    """Give the bytes of a stored file, exactly as they were stored.

    Raises:
        StoredFileMissingError, StoredFileChangedError: as ``check``.
    """
    check(file)
    return file.path.read_bytes()


def check(file: StoredFile) -> None:
    """See that a stored file has the very bytes that were stored.

    Raises:
        StoredFileMissingError: it is not there: it was removed, or another machine has it in a folder of its own.
        StoredFileChangedError: its bytes are not those that were stored.
    """
    about = {"name": file.name, "delivery": file.path.parent.name}
    try:
        is_same = file.path.stat().st_size == file.size and sha256_of(file.path) == file.sha256
    except FileNotFoundError as error:
        raise StoredFileMissingError(**about, host=socket.gethostname(), where=file.path) from error
    if not is_same:
        raise StoredFileChangedError(**about)


def _home(folder: Path, delivery_id: str, name: str) -> Path:
    if any(part in {"", ".", ".."} or set(part) & {"/", "\\", "\0"} for part in (delivery_id, name)):
        raise ValueError(f"a stored file needs plain names, not {delivery_id!r} and {name!r}")
    return folder.resolve() / delivery_id


def _write(path: Path, data: bytes) -> None:
    """Write a file so that under its name there is all of it, on the disk, or nothing."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Make the names in a folder, or the content of a file, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _naming_a_full_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpaceError(where=str(path)) from error
        raise
