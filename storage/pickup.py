"""Take files from a folder, complete ones only, and put them away afterwards.

What was taken before is the ledger's to know. Nothing is moved or removed here but by ``put_away``, and only what is
stored elsewhere by then.

Source: spec STO-6.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from passerelle.storage import checksums
from passerelle.storage.base import Entry, LocalFile, Storage
from passerelle.storage.errors import NotFound, TooLarge, Unreachable
from passerelle.storage.paths import join, parent

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
        local: the whole content, on this machine.
    """

    path: str
    size: int
    modified_utc: datetime | None
    sha256: str
    local: Path


def _now() -> datetime:
    return datetime.now(UTC)


def pick_up(
    storage: Storage,
    patterns: Sequence[str],
    into: Path,
    *,
    limit_bytes: int = LIMIT_BYTES,
    done_suffix: str = "",
    settled_seconds: float = 0,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], None] = time.sleep,
) -> list[PickedFile]:
    """Fetch the files whose paths match, in the order of their paths; each stays where it is.

    Left for another time: hidden files, those still being written (by their suffix, or because size or time changed
    between two looks), those that are gone when we come to fetch them.

    Args:
        storage: open.
        patterns: such as ``orders-*.csv`` or ``in/*.csv``; ``*``, ``?`` and ``[…]`` in the name, not in its folder.
            Upper and lower case are the same, as on Windows.
        into: a folder of this machine; the content is numbered in it.
        limit_bytes: of one file.
        done_suffix: if given, ``x.csv`` is taken only where ``x.csv`` + suffix stands beside it.
        settled_seconds: a file is taken when it has not changed for so long, by its time, or else between two looks:
            that long is waited at most, and not at all when all files are older.
        clock: gives the time.
        sleep: waits.

    Raises:
        NotFound: a folder is not there.
        TooLarge: a file is larger than ``limit_bytes``; nothing is fetched.
        StorageError: any other.
    """

    def look() -> dict[str, Entry]:
        return _chosen(storage, patterns, done_suffix)

    chosen = look()
    if wait := max((_unsettled_seconds(entry, settled_seconds, clock()) for entry in chosen.values()), default=0):
        sleep(wait)
        chosen = _unchanged(storage, chosen, look())
    for entry in chosen.values():
        if entry.size > limit_bytes:
            raise TooLarge(storage.name, entry.path, f"{entry.size} > {limit_bytes}")
    fetched = _fetched(storage, chosen, into, look)
    settled = _unchanged(storage, {path: chosen[path] for path in fetched}, look()) if fetched else {}
    return [
        PickedFile(path, entry.size, entry.modified_utc, sha256_of(fetched[path]), fetched[path])
        for path, entry in sorted(settled.items())
    ]


def put_away(storage: Storage, files: Sequence[PickedFile], folder: str, *, done_suffix: str = "") -> list[str]:
    """Move files that were taken into a folder, with their done files; doing so again is harmless.

    Where another content has the name already, a numbered one is taken (``x-2.csv``). Where this very content stands
    there, the file is removed. A file that was replaced since it was taken stays where it is, and the content that was
    taken is put into the folder.

    Args:
        storage: open.
        files: as they were taken; ``local`` need not be there any more.
        folder: where to; created if need be.
        done_suffix: as when they were picked up.

    Returns:
        The path of each now; empty when its content is neither in its place nor on this machine any more.

    Raises:
        StorageError: some are not moved; it can be tried again.
    """
    here = {path: entry for each in {parent(file.path) for file in files} for path, entry in _entries(storage, each)}
    there = dict(_entries(storage, folder))
    moves: dict[str, str] = {}
    removed: list[str] = []
    targets: list[str] = []
    for file in files:
        is_here = file.path in here and file.path not in moves and _is_as_taken(storage, here[file.path], file)
        target, stands = _target(storage, file, folder, there, targets)
        if stands:
            removed += [file.path] if is_here else []
        elif is_here:
            moves[file.path] = target
        elif file.local.is_file():
            _put(storage, file, target)
        else:
            target = ""
        targets.append(target)
    # Done files first, and none is left behind: it would say that the next file of its name is complete.
    flags = {path: path + done_suffix for path in here if done_suffix and path + done_suffix in here}
    storage.rename_files([(flags[path], moves[path] + done_suffix) for path in moves if path in flags], overwrite=True)
    storage.rename_files(list(moves.items()), overwrite=False)
    for path in removed:
        if path in flags:
            storage.delete(flags[path])
        storage.delete(path)
    return targets


def fetch_again(storage: Storage, file: PickedFile, paths: Iterable[str]) -> bool:
    """Fetch the content of a file that was taken before, from where it may lie now, into its ``local``.

    Returns:
        Whether this very content lies under one of the paths.
    """
    found = (dict(_entries(storage, parent(path))).get(path) for path in paths)
    return any(_has_content(storage, entry, file, file.local) for entry in found if entry)


def _target(
    storage: Storage, file: PickedFile, folder: str, there: Mapping[str, Entry], taken: Container[str]
) -> tuple[str, bool]:
    """Give the path for a file in a folder, and whether this very content stands under it."""
    for path in _numbered(join(folder, file.path.rpartition("/")[2])):
        if path in there and _has_content(storage, there[path], file):
            return path, True
        if path not in there and path not in taken:
            return path, False
    raise AssertionError("numbers do not end")


def _put(storage: Storage, file: PickedFile, target: str) -> None:
    """Put the content that was taken under a name where there is none; a cut leaves nothing under it."""
    temporary = join(parent(target), f".{file.sha256[:16]}.part")
    list(storage.put_files([LocalFile(temporary, file.local, file.size)]))
    storage.rename(temporary, target, overwrite=False)


def sha256_of(local: Path) -> str:
    """Give the SHA-256 of a file of this machine, in constant memory."""
    return checksums.of_file("sha256", local).partition(":")[2]


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


def _unsettled_seconds(entry: Entry, settled_seconds: float, now: datetime) -> float:
    """Tell how long to wait until a file has not changed for so long; a time that lies ahead of ours tells nothing."""
    age = (now - entry.modified_utc).total_seconds() if entry.modified_utc else 0
    return max(0.0, settled_seconds - max(0.0, age))


def _unchanged(storage: Storage, before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, Entry]:
    """Keep the files that two looks saw the same."""
    same = {path: entry for path, entry in before.items() if after.get(path) == entry}
    for path in before.keys() - same.keys():
        _log.info("%s: %s is still being written, or gone; left for the next time", storage.name, path)
    return same


def _fetched(
    storage: Storage, chosen: Mapping[str, Entry], into: Path, look: Callable[[], Mapping[str, Entry]]
) -> dict[str, Path]:
    """Fetch files; one that changes meanwhile is left and keeps no other back."""
    wanted = {
        path: LocalFile(path, into / f"{number:05}", entry.size) for number, (path, entry) in enumerate(chosen.items())
    }
    fetched: dict[str, Path] = {}
    while wanted:
        try:
            for file in storage.get_files(list(wanted.values())):
                fetched[file.path] = file.local
        except Unreachable:
            now = look()
            still = {path: file for path, file in wanted.items() if now.get(path) == chosen[path]}
            if len(still) == len(wanted):
                raise
            wanted = {path: file for path, file in still.items() if path not in fetched}
        else:
            break
    return fetched


def _entries(storage: Storage, folder: str) -> list[tuple[str, Entry]]:
    try:
        return [(entry.path, entry) for entry in storage.list(folder)]
    except NotFound:
        return []


def _is_as_taken(storage: Storage, entry: Entry, file: PickedFile) -> bool:
    """Tell whether a file is the one that was taken: by its time, else by its content."""
    if (entry.size, entry.modified_utc) != (file.size, file.modified_utc):
        return False
    return (entry.modified_utc is not None and not _tells_sha256(entry)) or _has_content(storage, entry, file)


def _has_content(storage: Storage, entry: Entry, file: PickedFile, into: Path | None = None) -> bool:
    """Tell whether an entry is the content that was taken; if it is and a path is given, it lies there."""
    if entry.size != file.size:
        return False
    if into is None and _tells_sha256(entry):
        return entry.checksum == f"sha256:{file.sha256}"
    with TemporaryDirectory() as folder:
        copy = LocalFile(entry.path, into or Path(folder) / "copy", entry.size)
        return any(sha256_of(each.local) == file.sha256 for each in storage.get_files([copy]))


def _tells_sha256(entry: Entry) -> bool:
    return entry.checksum is not None and entry.checksum.startswith("sha256:")


def _numbered(path: str) -> Iterator[str]:
    """Give a path, then the same with numbers: ``x.csv``, ``x-2.csv`` and so on."""
    yield path
    stem, dot, suffix = path.rpartition(".")
    stem, suffix = (stem, dot + suffix) if dot and "/" not in suffix else (path, "")
    for number in count(2):
        yield f"{stem}-{number}{suffix}"
