"""Zip archives that somebody else made: opened without trusting anything they say of themselves.

What is unpacked goes to local files with names of ours; what each is called inside the archive is data, checked like
any other path. Sizes are counted while unpacking. What is wrong with one file refuses that file; what is wrong with the
archive as such (cut short, a bomb, two readings possible) refuses all of it.

Source: spec STO-12, SEC-4; APPNOTE.TXT 6.3.10 of the zip format (§4.3 records, §4.4 fields).
"""

from __future__ import annotations

import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from passerelle.storage.errors import BadPath, printable
from passerelle.storage.paths import clean_path

_BLOCK = 256 * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Signature, length of the name, length of the extra field (APPNOTE §4.3.7)."""
_END = struct.Struct("<4s6xHLLH")
"""Signature, number of files, size and place of the directory, length of the comment (§4.3.16)."""
_LOCAL_SIGNATURE = b"PK\3\4"
_END_SIGNATURE = b"PK\5\6"
_ZIP64 = 0xFFFFFFFF
"""Says that the value stands in a record for archives of more than 4 GB."""
_LONGEST_COMMENT = 0xFFFF
_LONGEST_DIRECTORY_ENTRY = 4096
_METHODS = frozenset([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
"""What every program writes; the others need as much memory as the archive asks for."""
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_ARCHIVE_STARTS = (_LOCAL_SIGNATURE, _END_SIGNATURE, b"\x1f\x8b")
_WORKBOOK = b"[Content_Types].xml"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error, RuntimeError)
"""What ``zipfile`` raises for one broken byte or another."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold.

    Attributes:
        files: how many files, folders included.
        file_bytes: size of one, unpacked.
        total_bytes: size of all, unpacked.
        ratio: unpacked size as a multiple of the packed one; ``free_bytes`` are always allowed.
        free_bytes: see ``ratio``.
    """

    files: int = 1000
    file_bytes: int = 256 * 1024 * 1024
    total_bytes: int = 512 * 1024 * 1024
    ratio: int = 200
    free_bytes: int = 16 * 1024 * 1024


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file out of an archive.

    Attributes:
        name: its path inside the archive, a clean one.
        size: in bytes, as counted.
        local: where it was unpacked to.
    """

    name: str
    size: int
    local: Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file of an archive, or all of it, was not unpacked.

    Attributes:
        code: a code of the messages.
        name: the file, as the archive names it; ``""``: the whole archive.
        detail: what was met.
    """

    code: str
    name: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came of an archive: every file in it, except those that systems add by themselves, is in one of the two."""

    files: tuple[ArchivedFile, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class _RefusedError(Exception):
    def __init__(self, code: str, name: str = "", detail: str = "") -> None:
        super().__init__(code)
        self.refusal = Refusal(code, name, detail)


def unpack(archive: Path, into: Path, limits: Limits = LIMITS) -> Unpacked:
    """Unpack a zip archive, in constant memory.

    Args:
        archive: the archive, on this machine.
        into: an empty folder; the unpacked files are numbered in it, and nothing else is left there.
        limits: how much it may hold.

    Returns:
        The files in the archive's order, and what was refused.

    Raises:
        OSError: the archive cannot be read, or the unpacked files cannot be written.
    """
    try:
        _check_end(archive, limits)
        with _opened(archive) as opened:
            _check_layout(opened, archive, limits)
            return _Unpacking(opened, archive.stat().st_size, into, limits).done()
    except _RefusedError as error:
        for left in into.iterdir():
            left.unlink()
        return Unpacked(refusals=(error.refusal,))


def _check_end(archive: Path, limits: Limits) -> None:
    """Read the record at the end before anything is built from what it announces.

    Raises:
        _RefusedError: there is none, it announces too much, or the archive is not all of the file.
    """
    with archive.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
        tail = file.read()
    start = tail.rfind(_END_SIGNATURE)
    if start < 0 or len(tail) - start < _END.size:
        raise _RefusedError("zip-broken", detail="no end record")
    _, count, directory_size, place, comment = _END.unpack_from(tail, start)
    if count == _ZIP64 & 0xFFFF or _ZIP64 in {directory_size, place}:
        raise _RefusedError("zip-broken", detail="Zip64")
    if count > limits.files or directory_size > limits.files * _LONGEST_DIRECTORY_ENTRY:
        raise _RefusedError("zip-too-many-files", detail=str(limits.files))
    ends = size - len(tail) + start
    if place + directory_size != ends or ends + _END.size + comment != size:
        raise _RefusedError("zip-broken", detail="data beside the archive")


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except _BROKEN as error:
        raise _RefusedError("zip-broken", detail=str(error)) from error


def _check_layout(opened: zipfile.ZipFile, archive: Path, limits: Limits) -> None:
    """See that each file has bytes of its own: bombs let many files share the same ones.

    Raises:
        _RefusedError: two overlap, or there are more files than announced and allowed.
    """
    entries = sorted(opened.infolist(), key=lambda entry: entry.header_offset)
    if len(entries) > limits.files:
        raise _RefusedError("zip-too-many-files", detail=str(limits.files))
    begins = [*(entry.header_offset for entry in entries), opened.start_dir]
    if begins[0] != 0:
        raise _RefusedError("zip-broken", detail="data beside the archive")
    with archive.open("rb") as file:
        for entry, following in zip(entries, begins[1:], strict=True):
            file.seek(entry.header_offset)
            header = file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_SIGNATURE):
                raise _RefusedError("zip-broken", detail="no local header")
            _, name, extra = _LOCAL_HEADER.unpack(header)
            if entry.header_offset + _LOCAL_HEADER.size + name + extra + entry.compress_size > following:
                raise _RefusedError("zip-overlapping", detail=printable(entry.orig_filename))


class _Unpacking:
    """One archive on its way to local files."""

    def __init__(self, opened: zipfile.ZipFile, packed: int, into: Path, limits: Limits) -> None:
        self._opened = opened
        self._into = into
        self._limits = limits
        self._room = min(limits.total_bytes, max(limits.free_bytes, packed * limits.ratio))
        self._files: list[ArchivedFile] = []
        self._refusals: list[Refusal] = []

    def done(self) -> Unpacked:
        """Unpack every file.

        Raises:
            _RefusedError: the whole archive is refused.
        """
        entries = [entry for entry in self._opened.infolist() if not _is_no_file(entry)]
        names = Counter(_folded(entry) for entry in entries)
        for entry in entries:
            try:
                _check(entry, has_twin=names[_folded(entry)] > 1)
                self._files.append(self._unpacked(entry))
            except _RefusedError as error:
                if not error.refusal.name:
                    raise
                self._refusals.append(error.refusal)
        return Unpacked(tuple(self._files), tuple(self._refusals))

    def _unpacked(self, entry: zipfile.ZipInfo) -> ArchivedFile:
        local = self._into / f"{len(self._files):04}"
        try:
            with local.open("wb") as target:
                size = sum(target.write(block) for block in self._blocks(entry))
        except _RefusedError:
            local.unlink()
            raise
        return ArchivedFile(entry.orig_filename, size, local)

    def _blocks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Give the content, as long as it stays within the limits and is what the archive says.

        Raises:
            _RefusedError: it does not.
        """
        name, size = entry.orig_filename, 0
        for block in self._inflated(entry):
            if not size and _is_archive(block):
                raise _RefusedError("zip-entry-nested", name)
            size += len(block)
            self._room -= len(block)
            if self._room < 0:
                raise _RefusedError("zip-too-large")
            if size > self._limits.file_bytes:
                raise _RefusedError("zip-entry-too-large", name, str(self._limits.file_bytes // 1024**2))
            yield block
        if size != entry.file_size:
            raise _RefusedError("zip-entry-damaged", name, f"{size} / {entry.file_size}")

    def _inflated(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Give what ``zipfile`` unpacks; it compares the CRC at the end."""
        try:
            with self._opened.open(entry) as source:
                while block := source.read(_BLOCK):
                    yield block
        except _BROKEN as error:
            raise _RefusedError("zip-entry-damaged", entry.orig_filename, str(error)) from error


def _check(entry: zipfile.ZipInfo, *, has_twin: bool) -> None:
    """See that a file of an archive is one that we unpack.

    Raises:
        _RefusedError: its name is no clean path or stands twice, it is no regular file, or it is packed in a way that
            we do not take.
    """
    name = entry.orig_filename
    try:
        clean_path(name)
    except BadPath as error:
        raise _RefusedError("zip-entry-name", name or "?", error.code) from error
    if has_twin:
        raise _RefusedError("zip-entry-twice", name)
    if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
        raise _RefusedError("zip-entry-link", name)
    if entry.flag_bits & _ENCRYPTED:
        raise _RefusedError("zip-entry-encrypted", name)
    if entry.compress_type not in _METHODS:
        raise _RefusedError("zip-entry-method", name, str(entry.compress_type))


def _is_no_file(entry: zipfile.ZipInfo) -> bool:
    """Tell a folder, or what macOS adds."""
    return entry.orig_filename.endswith("/") or entry.orig_filename.startswith("__MACOSX/")


def _folded(entry: zipfile.ZipInfo) -> str:
    """Give a name as systems see it that do not tell case or Unicode forms apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", entry.orig_filename).casefold())


def _is_archive(beginning: bytes) -> bool:
    """Tell an archive, that somebody after us might open; a workbook, which is one too, is taken as it is."""
    return beginning.startswith(_ARCHIVE_STARTS) and _WORKBOOK not in beginning
