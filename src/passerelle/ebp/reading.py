"""A text file as EBP's wizard reads it: Windows-1252, one record per line, cells between ``;`` and in quotes.

Nothing is forgiven, everything is told, and reading goes on as far as it makes sense.

Source: facts ebp.md §1.2, §3; spec EBP-1, EBP-3.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field

from passerelle.ebp.findings import Findings

DELIMITER = ";"
QUOTE = '"'
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""Bytes that Windows-1252 does not have."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BREAK = re.compile(r"[\r\n]")
_SHOWN = 60


@dataclass(slots=True)
class Grid:
    """The rows of a file that could be told apart.

    Attributes:
        file: its name.
        labels: its header.
        rows: cells of each row, as many as labels.
        lines: the line of each row.
        refused: lines of the rows that could not be read.
    """

    file: str
    labels: list[str]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def column(self, label: str) -> list[str]:
        """Give the cells of a column; empty ones when the file lacks it."""
        if label not in self.labels:
            return [""] * len(self.rows)
        place = self.labels.index(label)
        return [row[place] for row in self.rows]


def read(file: str, data: bytes, found: Findings) -> Grid | None:
    """Read a file; ``None`` when nothing of it can be used."""
    if not data.strip():
        found.tell("ebp-file-empty", file)
        return None
    text = _decoded(file, data, found)
    header, *lines = _lines(file, text, found)
    grid = Grid(file, _labels(file, header, found))
    if len(grid.labels) == 1:
        found.tell("ebp-no-delimiter", file, 1, value=header[:_SHOWN])
        return None
    _read_rows(grid, lines, found)
    return grid


def _decoded(file: str, data: bytes, found: Findings) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            found.tell("ebp-byte-order-mark", file, 1)
            body = data if encoding == "utf-16" else data.removeprefix(mark)
            return body.decode(encoding, errors="replace")
    if not data.isascii() and _is_utf_8(data):
        line = next(number for number, row in enumerate(data.split(b"\n"), 1) if not row.isascii())
        found.tell("ebp-encoding-utf-8", file, line)
        return data.decode()
    if _UNDEFINED.search(data):
        for number, row in enumerate(data.split(b"\n"), 1):
            for byte in _UNDEFINED.findall(row):
                found.tell("ebp-encoding", file, number, value=f"0x{byte.hex().upper()}")
        return data.decode("cp1252", errors="replace")
    _tell_garbled(file, data, found)
    return data.decode("cp1252")


def _tell_garbled(file: str, data: bytes, found: Findings) -> None:
    """Say which lines have letters that were UTF-8 once: no French text has ``Ã©``."""
    for number, row in enumerate(data.split(b"\n"), 1):
        if not row.isascii() and _is_utf_8(row):
            found.tell("ebp-text-garbled", file, number, value=row.decode("cp1252", errors="replace")[:_SHOWN])


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(file: str, text: str, found: Findings) -> list[str]:
    """Give the lines without their ends; where no line ends with CRLF, any line break is taken for an end."""
    if "\r\n" not in text:
        if _BREAK.search(text):
            found.tell("ebp-line-end", file, 1)
        lines = _BREAK.split(text)
    else:
        lines = text.split("\r\n")
    if not lines[-1]:
        lines.pop()
    elif "\r\n" in text:
        found.tell("ebp-last-line-open", file, len(lines))
    return lines


def _labels(file: str, header: str, found: Findings) -> list[str]:
    labels = header.split(DELIMITER)
    if QUOTE in header:
        found.tell("ebp-header-quoted", file, 1)
        labels = [label.strip(QUOTE) for label in labels]
    for label in dict.fromkeys(label for label in labels if labels.count(label) > 1):
        found.tell("ebp-label-twice", file, 1, label)
    return labels


def _read_rows(grid: Grid, lines: list[str], found: Findings) -> None:
    for number, line in enumerate(lines, 2):
        cells = _cells(grid, number, line, found)
        if cells is not None and len(cells) != len(grid.labels):
            found.tell(
                "ebp-row-cells", grid.file, number, value=line[:_SHOWN], found=len(cells), expected=len(grid.labels)
            )
            cells = None
        if cells is None:
            grid.refused.append(number)
            continue
        grid.rows.append(cells)
        grid.lines.append(number)
        if not line.isprintable() or QUOTE in "".join(cells):
            _tell_signs(grid, number, cells, found)


def _cells(grid: Grid, number: int, line: str, found: Findings) -> list[str] | None:
    """Cut a line into its cells; ``None`` when its quotes do not allow it."""
    if line.startswith(QUOTE) and line.endswith(QUOTE):
        cells = line[1:-1].split('";"')
        if len(cells) == len(grid.labels) and QUOTE not in "".join(cells):
            return cells
    try:
        return next(csv.reader([line], delimiter=DELIMITER, quotechar=QUOTE, strict=True))
    except csv.Error:
        found.tell("ebp-quotes", grid.file, number, value=line[:_SHOWN])
        return None


def _tell_signs(grid: Grid, number: int, cells: list[str], found: Findings) -> None:
    """Say which cells have what no source says that EBP reads."""
    for label, cell in zip(grid.labels, cells, strict=True):
        if QUOTE in cell:
            found.tell("ebp-quote-in-cell", grid.file, number, label, cell[:_SHOWN])
        if _BREAK.search(cell):
            found.tell("ebp-line-break-in-cell", grid.file, number, label, cell[:_SHOWN])
        elif _CONTROL.search(cell):
            found.tell("ebp-control-character", grid.file, number, label, cell[:_SHOWN])
