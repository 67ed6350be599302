"""Take files from a folder: complete ones only, without moving them.

Source: spec STO-6 (moving to the archive, and each exactly once, are the ledger's and the flows' part).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from passerelle.storage.base import Entry, Storage
from passerelle.storage.errors import NotFound, TooLarge
from passerelle.storage.paths import parent

LIMIT_BYTES = 256 * 1024 * 1024
_log = logging.getLogger(__name__)
_UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload")
"""Suffixes that senders give to what they are still writing (ours, WinSCP, scripts, browsers)."""


@dataclass(frozen=True, slots=True)
class PickedFile:
    """A file as it was taken; path, size, time and hash together are its identity.

    Attributes:
        path: relative to the storage's folder.
        size: in bytes.
        modified_utc: where the storage tells it.
        sha256: hex digits.
        data: the whole content.
    """

    path: str
    size: int
    modified_utc: datetime | None
    sha256: str
    data: bytes


def pick_up(
    storage: Storage, patterns: Sequence[str], *, limit_bytes: int = LIMIT_BYTES, done_suffix: str = ""
) -> list[PickedFile]:
    """Read the files whose paths match, whole, in the order of their paths.

    Left for another time: hidden files, those still being written (by their suffix, or because size or time changed
    while we read), those that are gone when we come to read them.

    Args:
        storage: open.
        patterns: such as ``orders-*.csv`` or ``in/*.csv``; ``*``, ``?`` and ``[…]`` in the name, not in its folder.
            Upper and lower case are the same, as on Windows.
        limit_bytes: of one file.
        done_suffix: if given, ``x.csv`` is taken only where ``x.csv`` + suffix stands beside it.

    Raises:
        NotFound: a folder is not there.
        TooLarge: a file is larger than ``limit_bytes``; it is not read.
    """
    chosen = _chosen(storage, patterns, done_suffix)
    for entry in chosen.values():
        if entry.size > limit_bytes:
            raise TooLarge(storage.name, entry.path, f"{entry.size} > {limit_bytes}")
    contents = {path: data for path in chosen if (data := _content(storage, path, limit_bytes)) is not None}
    after = _chosen(storage, patterns, done_suffix) if contents else {}
    picked = []
    for path, data in sorted(contents.items()):
        entry = chosen[path]
        if after.get(path) != entry or len(data) != entry.size:
            _log.info("%s: %s is still being written, left for the next time", storage.name, path)
            continue
        picked.append(PickedFile(path, entry.size, entry.modified_utc, hashlib.sha256(data).hexdigest(), data))
    return picked


def _chosen(storage: Storage, patterns: Sequence[str], done_suffix: str) -> dict[str, Entry]:
    chosen = {}
    for folder in {parent(pattern) for pattern in patterns}:
        found = {entry.path: entry for entry in storage.list(folder)}
        names = [pattern.rpartition("/")[2].lower() for pattern in patterns if parent(pattern) == folder]
        for path, entry in found.items():
            name = path.rpartition("/")[2]
            finished = not name.startswith(".") and not name.lower().endswith(_UNFINISHED)
            ready = not done_suffix or (path + done_suffix in found and not name.endswith(done_suffix))
            if finished and ready and any(fnmatchcase(name.lower(), pattern) for pattern in names):
                chosen[path] = entry
    return chosen


def _content(storage: Storage, path: str, limit_bytes: int) -> bytes | None:
    try:
        return storage.read(path, limit_bytes=limit_bytes)
    except NotFound:
        _log.info("%s: %s is gone, somebody else took it", storage.name, path)
        return None
