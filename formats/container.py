"""What a file is wrapped in: archives are opened within limits, bytes become text.

Source: spec FMT-2.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from passerelle.formats.errors import NotReadableError

MAX_BYTES = 512 * 2**20
"""Largest content of an archive, in bytes."""
MAX_RATIO = 200
"""Largest content of an archive, in times its own size; ``FREE_BYTES`` are always allowed."""
FREE_BYTES = 16 * 2**20

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BEGINNING = 16
"""Bytes by which UTF-16 without a mark is known: a header begins with letters."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_LINE_BREAK = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file.

    Attributes:
        data: its text as UTF-8, without byte order mark.
        encoding: what it was written in.
        damaged: some bytes could not be decoded; U+FFFD stands for them.
    """

    data: bytes
    encoding: str
    damaged: bool

    def unreadable(self, part: bytes) -> bool:
        """Tell whether a part of the text has characters that cannot be what was meant."""
        return b"\0" in part or (self.damaged and _REPLACEMENT in part)


def opened(data: bytes, *, name: str, inside: str, format_name: str) -> tuple[bytes, str]:
    """Take a file out of its .zip or .gz, if its name says it is in one.

    Args:
        data: the file's bytes.
        name: its name.
        inside: name of the file wanted when an archive holds several.
        format_name: for the message.

    Returns:
        The bytes and name of the file inside.

    Raises:
        NotReadableError: the archive is broken, too large, or does not tell which file is meant.
    """
    unpack = {".zip": _out_of_zip, ".gz": _out_of_gzip}.get(PurePosixPath(name.lower()).suffix)
    if unpack is None:
        return data, name
    try:
        found = unpack(data, _limit(len(data)), name, inside)
    except Exception as error:  # each compression has its own way to fail on a broken archive
        raise NotReadableError("file-archive-broken", file=name, format_name=format_name, reason=str(error)) from error
    if found is None:
        raise NotReadableError("file-archive-ambiguous", file=name, format_name=format_name, inside=inside)
    if len(found[0]) > _limit(len(data)):
        raise _too_large(name, format_name)
    return found


def check_archive(data: bytes, *, name: str, format_name: str) -> None:
    """Refuse a spreadsheet, which is a zip, whose content is beyond the limits.

    Raises:
        NotReadableError: it is, or it is no zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise NotReadableError("file-archive-broken", file=name, format_name=format_name, reason=str(error)) from error
    if size > _limit(len(data)):
        raise _too_large(name, format_name)


def decoded(data: bytes, encoding: str) -> Text:
    """Make text of bytes.

    A byte order mark says what it is. Else it is what was declared. Else it is UTF-16 if every other byte of its
    beginning is zero, as SQL Server's bulk copies are written without a mark. Else it is UTF-8 if it can be, and
    Windows-1252 if not; a file whose accents are UTF-8 on more lines than not is a damaged UTF-8 file.

    Args:
        data: the file.
        encoding: as declared; empty: to be detected.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _text(data[len(mark) :], name)
    if encoding:
        return _text(data, {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(encoding, encoding))
    if unmarked := _utf_16(data):
        return _text(data, unmarked)
    if _is_utf_8(data) or _mostly_utf_8(data):
        return _text(data, "utf-8")
    return _text(data, "windows-1252")


def _text(data: bytes, encoding: str) -> Text:
    if encoding == "utf-8" and _is_utf_8(data):
        return Text(data, encoding, damaged=False)
    try:
        return Text(data.decode(encoding).encode(), encoding, damaged=False)
    except UnicodeDecodeError:
        return Text(data.decode(encoding, errors="replace").encode(errors="replace"), encoding, damaged=True)


def _utf_16(data: bytes) -> str:
    """Tell which UTF-16 a text without a mark begins in: every other byte is zero; empty: in none."""
    even, odd = data[:_BEGINNING:2], data[1:_BEGINNING:2]
    for name, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros and not zeros.strip(b"\0") and b"\0" not in letters:
            return name
    return ""


def _is_utf_8(data: bytes) -> bool:
    """Tell whether bytes are UTF-8 without making a text of them, which takes twice the memory and ten times longer."""
    bounds = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, bounds, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _mostly_utf_8(data: bytes) -> bool:
    accented = [line for line in _LINE_BREAK.split(data) if not line.isascii()]
    return 2 * sum(_decodes(line) for line in accented) > len(accented)


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _member(archive: zipfile.ZipFile, inside: str) -> zipfile.ZipInfo | None:
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    named = [one for one in members if PurePosixPath(one.filename).name.casefold() == inside.casefold()]
    candidates = named or members
    return candidates[0] if len(candidates) == 1 else None


def _out_of_zip(data: bytes, limit: int, _: str, inside: str) -> tuple[bytes, str] | None:
    """Give content, at most one byte more than the limit, and name of the file meant; None when none is."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = _member(archive, inside)
        if member is None:
            return None
        with archive.open(member) as stream:
            return stream.read(limit + 1), PurePosixPath(member.filename).name


def _out_of_gzip(data: bytes, limit: int, name: str, _: str) -> tuple[bytes, str]:
    with gzip.open(io.BytesIO(data)) as stream:
        return stream.read(limit + 1), name[: -len(".gz")]


def _limit(packed: int) -> int:
    return min(MAX_BYTES, max(FREE_BYTES, packed * MAX_RATIO))


def _too_large(name: str, format_name: str) -> NotReadableError:
    return NotReadableError("file-archive-too-large", file=name, format_name=format_name, limit=MAX_BYTES // 2**20)
