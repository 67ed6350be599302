"""Mappings as CSV files: one per mapping in a folder, ``;`` between cells, UTF-8 with a byte order mark.

Excel saves them back in Windows-1252, other programs with other separators: all are read, and what is added keeps to
what the file already does.

Source: spec PRO-1, ORD-45, FMT-2, SEC-4.
"""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import PurePath

from passerelle.profile.sheets import Cell, Sheet
from passerelle.profile.splice import Cells, storable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula: what the program adds has an apostrophe before it."""


def sheet_of(name: str, data: bytes) -> Sheet:
    """Read a CSV file as a sheet of its name.

    Raises:
        ValueError: its encoding is none of UTF-8, UTF-16 and Windows-1252.
        csv.Error: a cell is larger than any text of a mapping, or a quotation mark is not closed.
    """
    text, _ = _decoded(data)
    rows = ([Cell(_unguarded(cell.strip())) for cell in row] for row in _rows(text))
    return Sheet.of(PurePath(name).stem, name, rows)


def with_cells(data: bytes, cells: Cells) -> bytes:
    """Give the file with cells written; all that stands in the others stays.

    Raises:
        ValueError, csv.Error: see ``sheet_of``.
    """
    text, encoding = _decoded(data)
    rows = _rows(text)
    for (row, column), cell in sorted(cells.items()):
        rows += [[] for _ in range(row - len(rows))]
        rows[row - 1] += [""] * (column - len(rows[row - 1]))
        rows[row - 1][column - 1] = _guarded(storable(cell.text))
    written = io.StringIO()
    csv.writer(written, delimiter=_separator(text), lineterminator=_line_end(text)).writerows(rows)
    try:
        return written.getvalue().encode(encoding)
    except UnicodeEncodeError:
        return written.getvalue().encode("utf-8-sig")


def _decoded(data: bytes) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16"), "utf-16"
    if data.startswith(codecs.BOM_UTF8) or not data:
        return data.decode("utf-8-sig"), "utf-8-sig"
    if b"\0" in data:
        raise ValueError("UTF-16 without its mark, or no text")
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return data.decode("windows-1252"), "windows-1252"


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True))


def _separator(text: str) -> str:
    """Give what stands most often in the first line; titles of mappings have none of them."""
    first = text.lstrip().partition("\n")[0]
    return max(";,\t|", key=first.count)


def _line_end(text: str) -> str:
    return "\n" if "\n" in text and "\r\n" not in text else "\r\n"


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
