"""Where on disk a person still stands: files of runs, deliveries, plans, starts and the inbox, and when they go.

Files are looked through as they are, and what is in archives and workbooks; what of these cannot be looked through is
said. What was sent of orders (``run.sent``) is kept otherwise, and names nobody.

Source: spec SEC-5.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle import outcome
from passerelle.ledger.entries import Run
from passerelle.ledger.ledger import Ledger
from passerelle.profile.settings import Profile
from passerelle.run import plans, sent
from passerelle.run.installation import Installation
from passerelle.run.purge import started

_ENCODINGS = ("utf-8", "cp1252")
_SHORTEST = 4
"""Characters of an account code that is told from any other text."""
_NESTED = 2
_LARGEST = 512 * 2**20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\3\4"
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError)
"""What opening a damaged archive raises."""


_Unread = tuple[str, str, str]
"""Why something cannot be looked through, the file, and what of it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that names a person.

    Attributes:
        path: in the installation's state.
        goes_on: the day from which ``purge`` removes it; missing: it is needed until its records have arrived.
    """

    path: str
    goes_on: date | None


@dataclass(frozen=True, slots=True)
class Traces:
    """What a search of the files has found.

    Attributes:
        files: those that name the person.
        documents: by run, the numbers of documents of their accounts.
        outcomes: files of which some part could not be looked through.
    """

    files: tuple[Trace, ...]
    documents: dict[str, set[str]]
    outcomes: pd.DataFrame


def search(
    installation: Installation, profile: Profile, ledger: Ledger, names: Collection[str], codes: Collection[str]
) -> Traces:
    """Look through the files of a profile.

    Args:
        installation: where.
        profile: whose files.
        ledger: open.
        names: e-mails and numbers by which a person is recognised.
        codes: accounts of the ERP; very short ones name nobody.
    """
    pattern = _pattern([*names, *(code for code in codes if len(code) >= _SHORTEST)])
    numbers = ledger.people.document_numbers(profile.name)
    waiting = {delivery.run_id for delivery in ledger.unfinished(profile.name)}
    files: list[Trace] = []
    documents: dict[str, set[str]] = {}
    unread: list[_Unread] = []
    for run in ledger.runs(profile.name, sys.maxsize):
        goes_on = None if run.run_id in waiting else _purged_on(run.finished_at, profile)
        for path in _of_run(installation, run):
            at = path.relative_to(installation.state).as_posix()
            contents = [*_contents(path.read_bytes(), at, unread)]
            if path.parent.parent == installation.outbox:
                found = (_documents_of(data, codes, numbers.get(run.run_id, ())) for data in contents)
                documents.setdefault(run.run_id, set()).update(*found)
            if _names(pattern, contents):
                files.append(Trace(at, goes_on))
        documents.setdefault(run.run_id, set()).update(_sent(installation.run_folder(run.run_id), codes))
    for path, goes_on in _of_no_run(installation, profile):
        at = path.relative_to(installation.state).as_posix()
        if _names(pattern, _contents(path.read_bytes(), at, unread)):
            files.append(Trace(at, goes_on))
    said = [
        outcome.said(code, [at], record_type="file", stage="read", value=inside) for code, at, inside in sorted(unread)
    ]
    return Traces(tuple(sorted(files, key=lambda trace: trace.path)), documents, outcome.together(said))


def _of_run(installation: Installation, run: Run) -> Iterator[Path]:
    """Give the files of a run that may name people: its reports, and what it sends."""
    folders = [installation.run_folder(run.run_id), *installation.outbox.glob(f"{run.run_id}-*")]
    for home in folders:
        yield from (path for path in home.rglob("*") if path.is_file() and path.parent.name != sent.FOLDER)


def _of_no_run(installation: Installation, profile: Profile) -> Iterator[tuple[Path, date | None]]:
    """Give the files of plans, of the console's starts, and what was picked up, with the day on which they go."""
    ever = datetime.max.replace(tzinfo=UTC)
    dated = [
        *((home, plans.saved_at(home.name)) for home in plans.older(installation, profile.name, ever)),
        *(
            (home, datetime.fromtimestamp((home / "asked.json").stat().st_mtime, UTC))
            for home in started(installation, profile.name, ever)
        ),
    ]
    for home, at in dated:
        yield from ((path, _purged_on(at, profile)) for path in home.rglob("*") if path.is_file())
    yield from ((path, None) for path in installation.inbox(profile.name).rglob("*") if path.is_file())


def _purged_on(ended: datetime | None, profile: Profile) -> date | None:
    if ended is None:
        return None
    return (ended + timedelta(days=profile.keep_days)).astimezone(ZoneInfo(profile.time_zone)).date()


def _pattern(names: Collection[str]) -> re.Pattern[bytes] | None:
    """Give what finds any of the names, alone: neither within another address or code, nor within a longer number."""
    written = {name.encode(encoding, "ignore") for name in names for encoding in _ENCODINGS} - {b""}
    if not written:
        return None
    any_of_them = b"|".join(map(re.escape, sorted(written)))
    return re.compile(rb"(?<![\w.%+-])(?:" + any_of_them + rb")(?![\w-]|\.\w)", re.IGNORECASE)


def _names(pattern: re.Pattern[bytes] | None, contents: Collection[bytes] | Iterator[bytes]) -> bool:
    return pattern is not None and any(pattern.search(data) for data in contents)


def _contents(data: bytes, at: str, unread: list[_Unread], inside: str = "", depth: int = _NESTED) -> Iterator[bytes]:
    """Give what a file holds: itself, and what is in it when it is an archive or a workbook.

    Args:
        data: its bytes.
        at: its path.
        unread: told what cannot be opened, as far as the contents are asked for.
        inside: what of the file it is.
        depth: how many archives deep is looked.
    """
    yield data
    if not (data.startswith((_GZIP, _ZIP)) or zipfile.is_zipfile(io.BytesIO(data))):
        return
    if not depth:
        unread.append(("person-archive-nested", at, inside))
        return
    for name, code, member in _members(data):
        deeper = "/".join(filter(None, (inside, name)))
        if code:
            unread.append((code, at, deeper))
        else:
            yield from _contents(member, at, unread, deeper, depth - 1)


def _members(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Give what is in an archive: name, the code that says why it cannot be opened (empty: it can), content."""
    try:
        if data.startswith(_GZIP):
            with gzip.open(io.BytesIO(data)) as stream:
                content = stream.read(_LARGEST + 1)
            yield ("", "person-archive-too-large", b"") if len(content) > _LARGEST else ("", "", content)
            return
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (_member(archive, entry) for entry in archive.infolist() if not entry.is_dir())
    except _BROKEN:
        yield "", "person-archive-damaged", b""


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[str, str, bytes]:
    name = entry.filename
    if entry.flag_bits & 1:
        return name, "person-archive-locked", b""
    if entry.file_size > _LARGEST:
        return name, "person-archive-too-large", b""
    try:
        return name, "", archive.read(entry)
    except _BROKEN:
        return name, "person-archive-damaged", b""


def _documents_of(data: bytes, codes: Collection[str], numbers: Collection[str]) -> set[str]:
    """Give the numbers of documents in the rows of an account: from the column that has such a number in every row."""
    if b"\0" in data or not any(code.encode("cp1252", "ignore") in data for code in codes):
        return set()
    text = data.decode("cp1252", "replace")
    separator = "\t" if "\t" in text.partition("\n")[0] else ";"
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row][1:]
    except csv.Error:
        return set()
    width = min(map(len, rows), default=0)
    columns = [number for number in range(width) if all(row[number] in numbers for row in rows)]
    return {row[number] for row in rows if not {*codes}.isdisjoint(row) for number in columns}


def _sent(run_folder: Path, codes: Collection[str]) -> set[str]:
    """Give the numbers of an account's documents among what is kept to reverse them (ORD-61)."""
    path = run_folder / sent.FOLDER / "documents.parquet"
    if not path.is_file():
        return set()
    kept = pd.read_parquet(path, columns=["customer_code", "document_number"])
    return {*kept.loc[kept["customer_code"].isin([*codes]), "document_number"]}
