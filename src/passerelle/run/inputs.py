"""What shops gave a run, kept with it: to see afterwards what an order was when it was exchanged or refused (JOU-2).

Runs that meet the very same exports, such as a poller's, share one archive: a name more of one file.

Source: spec JOU-2, SEC-5.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from passerelle.storage.pickup import PickedFile

NAME = "exports.zip"
_FASTEST = 1
_LEFT_SECONDS = 24 * 3600


class Inputs:
    """The exports that a run has read, until it is known whether they are kept.

    Args:
        folder: where they wait; made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, str] = {}

    def add(self, shop: str, files: Iterable[PickedFile]) -> None:
        """Hold on to files that were fetched, under the name that the ledger keeps those of a shop by."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            held = self._folder / file.sha256
            if not held.exists():
                _same(file.local, held)
            self._found[f"{shop}/{file.path}"] = file.sha256

    def keep(self, store: Path, home: Path) -> Path | None:
        """Put them into the run's folder as one archive.

        Args:
            store: where archives are shared.
            home: the run's folder.

        Returns:
            The archive; ``None``: nothing was read.

        Raises:
            OSError: it cannot be written.
        """
        if not self._found:
            return None
        names = sorted(self._found.items())
        shared = store / f"{hashlib.sha256(repr(names).encode()).hexdigest()}.zip"
        kept = home / NAME
        home.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            _same(shared, kept)
            return kept
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = store / f"{home.name}.part"
        part.touch(mode=0o600)
        with zipfile.ZipFile(
            part, "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST, strict_timestamps=False
        ) as archive:
            for name, sha256 in names:
                archive.write(self._folder / sha256, name)
        _same(part, kept)
        part.replace(shared)  # has two names from its first moment on, see ``unused``
        return kept


def unused(store: Path) -> Iterator[Path]:
    """Give the shared archives that no run has any more, and what a killed run was writing a day ago."""
    for path in store.glob("*"):
        about = path.stat()
        is_left = time.time() - about.st_mtime > _LEFT_SECONDS
        if is_left if path.suffix == ".part" else about.st_nlink == 1:
            yield path


def _same(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk knows none, or it is another one, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o600)
