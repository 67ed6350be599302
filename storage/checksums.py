"""The checksums that storages compute, computed here to compare them.

Source: spec STO-13; facts/storage-apis §0 and §1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

_BLOCK = 4 * 1024 * 1024


class Digest(Protocol):
    """What ``hashlib`` gives."""

    def update(self, data: bytes, /) -> None:
        """Take more of the content."""
        ...

    def hexdigest(self) -> str:
        """Give the checksum of all that was taken."""
        ...


class DropboxDigest:
    """Dropbox's ``content_hash``: SHA-256 over the SHA-256 of each 4 MiB."""

    def __init__(self) -> None:
        self._overall = hashlib.sha256()
        self._block = hashlib.sha256()
        self._room = _BLOCK

    def update(self, data: bytes, /) -> None:
        """Take more of the content."""
        view = memoryview(data)
        while view:
            taken, view = view[: self._room], view[self._room :]
            self._block.update(taken)
            self._room -= len(taken)
            if not self._room:
                self._close_block()

    def hexdigest(self) -> str:
        """Give the checksum of all that was taken."""
        overall = self._overall.copy()
        if self._room < _BLOCK:
            overall.update(self._block.digest())
        return overall.hexdigest()

    def _close_block(self) -> None:
        self._overall.update(self._block.digest())
        self._block = hashlib.sha256()
        self._room = _BLOCK


_NEW: dict[str, Callable[[], Digest]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "dropbox": DropboxDigest,
}


def is_known(checksum: str | None) -> bool:
    """Tell whether we can compute such a checksum."""
    return checksum is not None and checksum.partition(":")[0] in _NEW


def of_bytes(algorithm: str, data: bytes) -> str:
    """Give the checksum of a content, as ``algorithm:hex digits``."""
    return _of(algorithm, iter([data]))


def of_file(algorithm: str, path: Path) -> str:
    """Give the checksum of a local file, in constant memory, as ``algorithm:hex digits``."""
    with path.open("rb") as file:
        return _of(algorithm, iter(lambda: file.read(_BLOCK), b""))


def _of(algorithm: str, blocks: Iterator[bytes]) -> str:
    digest = _NEW[algorithm]()
    for block in blocks:
        digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"
