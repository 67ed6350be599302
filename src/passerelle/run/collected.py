"""Files of articles on their way: fetched several at once, made what the shop gets as they arrive, one by one.

No content is held in memory, and only the files made stay on the disk. What cannot be fetched is an outcome of its own,
as long as others arrive. Where others help, each fetches a batch of files itself and gives back what it made of them.

Source: spec IMG-3 to IMG-5, STO-11, RUN-6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from passerelle.run.made_files import MadeFile, RefusedFile
from passerelle.run.spread import Spread
from passerelle.storage import checksums
from passerelle.storage.base import Entry, LocalFile, Storage
from passerelle.storage.errors import NotFound, StorageError
from passerelle.storage.place import Place
from passerelle.storage.places import open_place

_WORKERS = 2
"""Images that are made at once: each may take some hundred megabytes of memory."""
_BATCH_FILES = 16
"""A batch has so many files at least: what it costs to hand one out must not count."""
_MOST_BATCHES = 200
_BATCH_BYTES = 64 * 2**20
"""The files of a batch are given back together, from memory to memory."""
_MOST_FAILURES = 3
"""So many files that cannot be fetched, one after the other while nothing arrives: it is the place."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file.

    Attributes:
        seen: what the storage told of it then: it is the same file while it tells the same.
        content: the beginning of the SHA-256 of what was made of it, and its suffix; empty: it was refused.
        code: why it was refused, or what was done to it.
        value: what is wrong with it.
        local: what was made of it, on this machine; ``None``: nothing lies here.
        sha256: of that.
        error: it could not be fetched; nothing is known of it.
        is_new: this run found it out.
    """

    seen: str
    content: str = ""
    code: str = ""
    value: str = ""
    local: Path | None = None
    sha256: str = ""
    error: StorageError | None = None
    is_new: bool = False

    def to_text(self) -> str:
        """Give what the ledger keeps of it."""
        return json.dumps({"seen": self.seen, "content": self.content, "code": self.code, "value": self.value})

    @classmethod
    def of_text(cls, text: str) -> Known:
        """Read what the ledger kept."""
        return cls(**json.loads(text))


Make = Callable[[Path, Path], MadeFile]
"""Makes of a file what the shop gets, at another path; raises ``RefusedFile``."""


def seen(entry: Entry) -> str:
    """Give what changes when a file does: the storage's own checksum or version, else its time.

    Of an FTP server that tells no times it is the size alone: two photos hardly ever have the same.
    """
    time = entry.modified_utc.isoformat() if entry.modified_utc else ""
    return f"{entry.size} {entry.checksum or entry.version or time}"


def collect(storage: Storage, entries: Iterable[Entry], into: Path, make: Make) -> dict[str, Known]:
    """Fetch files, and make of each what the shop gets.

    Args:
        storage: open.
        entries: as they were listed.
        into: a folder of this machine.
        make: see ``Make``; called by several threads.

    Returns:
        What is known of each now, by its path.

    Raises:
        StorageError: the place itself does not give them.
        OSError: this machine's disk is full.
    """
    listed = {entry.path: entry for entry in entries}
    files = {
        path: LocalFile(path, into / f"{number:06}{Path(path).suffix}", entry.size)
        for number, (path, entry) in enumerate(listed.items())
    }
    found: dict[str, Known] = {}
    under_way: set[Future[tuple[str, Known]]] = set()
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="passerelle-images") as pool:
        for arrived in _arriving(storage, files):
            if isinstance(arrived, StorageError):
                found[arrived.path] = Known("", error=arrived)
                continue
            under_way.add(pool.submit(_made, arrived, make))
            if len(under_way) >= 2 * _WORKERS:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                found.update(one.result() for one in done)
        found.update(one.result() for one in under_way)
    return {
        path: found[path] if found[path].error else replace(found[path], seen=seen(entry), is_new=True)
        for path, entry in listed.items()
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that somebody else fetches, and makes what the shop gets of: where they are, and how."""

    place: Place
    base_folder: Path
    entries: tuple[Entry, ...]
    make: Make


def collect_spread(spread: Spread, whole: Batch, into: Path) -> dict[str, Known]:
    """Do what ``collect`` does by others, batch by batch; the files made come into a folder of this machine.

    Raises:
        StorageError: the place itself does not give them.
        OSError: this machine's disk is full.
    """
    found: dict[str, Known] = {}
    for batch in spread(collect_batch, batches(whole)):
        for path, known, content in batch:
            local = into / f"{len(found):06}.made" if known.local else None
            if local:
                local.write_bytes(content)
            found[path] = replace(known, local=local)
    return found


def batches(whole: Batch) -> list[Batch]:
    """Cut a batch into some that are worth handing out."""
    most = max(_BATCH_FILES, -(-len(whole.entries) // _MOST_BATCHES))
    cut: list[list[Entry]] = []
    size = 0
    for entry in whole.entries:
        if not cut or len(cut[-1]) == most or size + entry.size > _BATCH_BYTES:
            cut.append([])
            size = 0
        cut[-1].append(entry)
        size += entry.size
    return [replace(whole, entries=tuple(entries)) for entries in cut]


def collect_batch(batch: Batch) -> list[tuple[str, Known, bytes]]:
    """Collect a batch of files on this machine, and give them back: path, what is known, content.

    Raises:
        StorageError: the place itself does not give them.
        OSError: this machine's disk is full.
    """
    with (
        TemporaryDirectory(prefix="passerelle-batch-") as folder,
        open_place(batch.place, base_folder=batch.base_folder) as storage,
    ):
        found = collect(storage, batch.entries, Path(folder), batch.make)
        return [(path, known, known.local.read_bytes() if known.local else b"") for path, known in found.items()]


def _arriving(storage: Storage, files: Mapping[str, LocalFile]) -> Iterator[LocalFile | StorageError]:
    """Give files as they arrive, and the errors of those that do not."""
    left = dict(files)
    in_a_row = 0
    while left:
        before = len(left)
        try:
            for file in storage.get_files(list(left.values())):
                del left[file.path]
                yield file
        except StorageError as error:
            in_a_row = 1 if len(left) < before else in_a_row + 1
            if error.path not in left or in_a_row >= _MOST_FAILURES:
                raise
            del left[error.path]
            yield error
        else:
            yield from (NotFound(storage.name, path) for path in left)
            return


def _made(file: LocalFile, make: Make) -> tuple[str, Known]:
    target = file.local.with_suffix(".made")
    try:
        made = make(file.local, target)
    except RefusedFile as refused:
        known = Known("", code=refused.code, value=refused.value)
    else:
        sha256 = checksums.of_file("sha256", made.local).partition(":")[2]
        known = Known("", f"{sha256[:16]}{made.suffix}", made.remark, local=made.local, sha256=sha256)
    file.local.unlink(missing_ok=True)
    return file.path, known
