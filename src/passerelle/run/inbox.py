"""The inbox: what was picked up lies here, on disk for certain, before anything is claimed, moved or removed.

Each content has its SHA-256 as name, so that keeping it twice is harmless. A profile has a folder of its own, which
only the holder of the profile's task touches.

Source: spec STO-6, SEC-5, REL-1.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from passerelle.storage.pickup import PickedFile, sha256_of

_FETCHING = ".fetching-"


class Inbox:
    """The inbox of a profile; it holds personal data, only its owner may read it.

    Args:
        folder: made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_there(self) -> bool:
        """Whether anything was ever picked up."""
        return self._folder.is_dir()

    @contextmanager
    def fetching(self) -> Iterator[Path]:
        """Give a folder to fetch into, on the inbox's own disk; it is gone afterwards."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=_FETCHING, dir=self._folder) as folder:
            yield Path(folder)

    def keep(self, files: Iterable[PickedFile]) -> list[PickedFile]:
        """Take fetched files in; when this returns, their content outlives a power cut."""
        kept = []
        for file in files:
            with file.local.open("rb+") as content:
                os.fsync(content.fileno())
            file.local.chmod(0o600)
            kept.append(replace(file, local=file.local.replace(self.at(file.sha256))))
        for folder in (self._folder, self._folder.parent, self._folder.parent.parent):
            _sync(folder)
        return kept

    def at(self, sha256: str) -> Path:
        """Give the path of a content, whether it is there or not."""
        return self._folder / sha256

    def holds(self, sha256: str) -> bool:
        """Tell whether a content is there, whole."""
        return self.at(sha256).is_file() and sha256_of(self.at(sha256)) == sha256

    def keep_only(self, needed: Container[str]) -> None:
        """Remove the contents that are no longer needed, and what a killed run was fetching."""
        for left in self._folder.iterdir():
            if left.name.startswith(_FETCHING):
                shutil.rmtree(left)
            elif left.name not in needed:
                left.unlink()


def _sync(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
