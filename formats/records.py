"""Where the records of a delimited text are, and which of them are whole.

A regular text (every quote opens or closes a cell, every record has its cells) goes to the CSV parser as it is. In any
other, the records are told apart one by one: a bad one costs its line, the others go to the same parser.

Source: spec FMT-2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from passerelle.money import Ints

LONGEST_RECORD = 2**17
"""Bytes after which a quote that was not closed is taken for a slip."""
_STEP = 2**23
_LARGE = 2**23
"""Bytes of a column of which memory is given back."""
_CR, _LF = 13, 10
_BREAK = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be cut into its cells, with the code that says why."""

    line: int
    code: str
    found: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Records that have their cells, and the rows that have not.

    Attributes:
        text: the records, one after the other.
        starts: where each begins in the text.
        ends: where each ends.
        lines: line of the file that each begins at, from 1.
        bad: the other rows.
        begin: where the text begins that is meant, and that places are counted from: a large one is not copied.
    """

    text: bytes
    starts: Ints
    ends: Ints
    lines: Ints
    bad: tuple[BadRow, ...] = ()
    begin: int = 0

    def raw(self, index: int) -> bytes:
        """Give one record as it stands in the file."""
        return self.text[self.begin + int(self.starts[index]) : self.begin + int(self.ends[index])]


@dataclass(frozen=True, slots=True)
class Marks:
    """What separates and encloses cells: one ASCII character each; ``quote`` may be empty."""

    delimiter: bytes
    quote: bytes

    def is_blank(self, record: bytes) -> bool:
        """Tell whether a record has nothing in any cell, such as the ``;;;`` that spreadsheets leave."""
        return not record.strip(b" \t\r\n" + self.delimiter + self.quote)


def lines_of(text: bytes) -> Records:
    """Give every line that is not empty as a record."""
    found = _breaks(text, Marks(b"\n", b""))
    return _between(text, *found) if found else Records(text, *_NOWHERE)


def first_record(text: bytes, marks: Marks) -> tuple[bytes, int]:
    """Give the first record that is not empty, and where the text goes on after it."""
    begin = len(text) - len(text.lstrip(b"\r\n"))
    line_end = _line_end(text, begin)
    end = _record_end(text, begin, line_end, marks)
    end = line_end if end is None else end
    return text[begin:end], _next(text, end)


def split(record: bytes, marks: Marks) -> list[str]:
    """Cut one record whose quotes are in order into its cells."""
    cells = _pattern(_CELLS, marks).findall(record)
    quote = marks.quote
    return [
        (cell[1:-1].replace(2 * quote, quote) if quote and cell.startswith(quote) else cell).decode(errors="replace")
        for cell in cells
    ]


def regular(text: bytes, count: int, marks: Marks, begin: int = 0) -> Records | None:
    """Give all records of a text, from a place on, whose quotes are in order; None when some are not.

    The number of cells is left for ``columns`` to find wrong, except where a cell goes over lines that look like rows.
    """
    found = _breaks(text, marks, begin)
    if found is None:
        return None
    records = _between(text, *found, begin)
    across = np.unique(np.searchsorted(records.ends, found[1]))
    if any(_ran_on(records.raw(int(index)), count, marks) for index in across):
        return None
    return records


def sifted(
    text: bytes, expected: Callable[[bytes], int | None], marks: Marks, unreadable: Callable[[bytes], bool]
) -> Records:
    """Give the records that have their cells; of the others, say what is wrong.

    Args:
        text: the rows.
        expected: number of cells that a record should have; None: it is of no known kind.
        marks: delimiter and quote.
        unreadable: tells that a record has characters that cannot be meant.
    """
    good: list[bytes] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    for line, record, whole in _walk(text, expected, marks):
        if marks.is_blank(record):
            continue
        trimmed, problem = _verdict(record, expected, marks) if whole else (record, ("row-bad-quotes",))
        if unreadable(record):
            problem = ("row-unreadable",)
        if problem:
            bad.append(BadRow(line, *problem))
        else:
            good.append(trimmed)
            lines.append(line)
    return _listed(good, lines, bad)


def chosen(records: Records, wanted: Sequence[int]) -> Records:
    """Give some of the records, without what was bad."""
    return _listed([records.raw(index) for index in wanted], records.lines[list(wanted)])


def columns(records: Records, count: int, marks: Marks, wanted: Sequence[int]) -> list[pa.Array] | None:
    """Give the cells of some columns as texts; None when not every record has ``count`` cells."""
    if not len(records.lines):
        return [pa.array([], pa.string()) for _ in wanted]
    names = [str(index) for index in range(count)]
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(pa.py_buffer(records.text).slice(records.begin)),
            pa.csv.ReadOptions(
                column_names=names, block_size=max(2**22, 2 * int((records.ends - records.starts).max()))
            ),
            pa.csv.ParseOptions(
                delimiter=marks.delimiter.decode(), quote_char=marks.quote.decode() or False, newlines_in_values=True
            ),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[str(index) for index in wanted],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(records.lines):
        return None
    pieces = table.columns[::-1]
    del table  # each column is freed once it is in one piece
    return [_in_one_piece(pieces.pop()) for _ in wanted]


def _in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """Put the pieces of a column together; what they took is given back, or all columns would stand there twice."""
    whole = pa.concat_arrays(column.chunks)
    if whole.nbytes > _LARGE:
        del column
        pa.default_memory_pool().release_unused()
    return whole


def _listed(raw: Sequence[bytes], lines: Sequence[int] | Ints, bad: Sequence[BadRow] = ()) -> Records:
    lengths = np.array([len(record) for record in raw], dtype=np.int64)
    ends = np.cumsum(lengths + 1) - 1
    return Records(b"\n".join(raw), ends - lengths, ends, np.array(lines, dtype=np.int64), tuple(bad))


def _walk(text: bytes, expected: Callable[[bytes], int | None], marks: Marks) -> Iterator[tuple[int, bytes, bool]]:
    """Give line number, text and whether its quotes are in order of each record; where not, its first line only."""
    position, line = 0, 1
    while position < len(text):
        first = _line_end(text, position)
        end = _record_end(text, position, first, marks)
        if end is not None and end > first and _ran_on(text[position:end], expected(text[position:end]) or 0, marks):
            end = None
        yield line, text[position : first if end is None else end], end is not None
        line += 1 + (len(_BREAK.findall(text, position, end)) if end is not None and end > first else 0)
        position = _next(text, first if end is None else end)


def _verdict(
    record: bytes, expected: Callable[[bytes], int | None], marks: Marks
) -> tuple[bytes, tuple[str, ...] | None]:
    """Give a record without empty cells too many, and what is wrong with it: code, found, expected."""
    count = expected(record)
    if count is None:
        return record, ("row-unknown-kind", split(record, marks)[0])
    cells = _count(record, marks)
    while cells > count and record.endswith(marks.delimiter):
        record, cells = record[:-1], cells - 1
    if cells == count:
        return record, None
    return record, ("row-too-many-cells" if cells > count else "row-too-few-cells", str(cells), str(count))


def _count(record: bytes, marks: Marks) -> int:
    bare = _pattern(_QUOTED, marks).sub(b"", record) if marks.quote and marks.quote in record else record
    return bare.count(marks.delimiter) + 1


def _ran_on(record: bytes, count: int, marks: Marks) -> bool:
    """Tell whether a cell over several lines is rather rows behind a quote that was not closed.

    Each of its lines has, alone, the delimiters of a row. With few columns that may happen in a text.
    """
    return count >= 4 and all(line.count(marks.delimiter) == count - 1 for line in _BREAK.split(record))


def _line_end(text: bytes, position: int) -> int:
    found = _BREAK.search(text, position)
    return found.start() if found else len(text)


def _next(text: bytes, end: int) -> int:
    found = _BREAK.match(text, end)
    return found.end() if found else len(text)


def _record_end(text: bytes, position: int, line_end: int, marks: Marks) -> int | None:
    """Tell where the record at a position ends, whose first line ends at another; None: its quotes are not in order."""
    if not marks.quote or text.find(marks.quote, position, line_end) < 0:
        return line_end
    limit = min(len(text), position + LONGEST_RECORD)
    found = _pattern(_RECORD, marks).match(text, position, limit)
    if found is None or (found.end() == limit < len(text)):
        return None
    return found.end()


# A cell in quotes is closed before a delimiter or line break; a quote within another cell stands for itself.
_QUOTED = rb"(?<![^%(d)s])%(q)s(?:[^%(q)s]|%(q)s%(q)s)*+%(q)s(?=[%(d)s\r\n]|\Z)"
_CELL = (
    rb"(?:%(q)s(?:[^%(q)s]++|%(q)s%(q)s)*+%(q)s(?=[%(d)s\r\n]|\Z)|[^%(q)s%(d)s\r\n][^%(d)s\r\n]*+|(?=[%(d)s\r\n]|\Z))"
)
_CELLS = rb"(?:(?<=%(d)s)|\A)(" + _CELL + rb")"
_RECORD = _CELL + rb"(?:%(d)s" + _CELL + rb")*+(?=[\r\n]|\Z)"


@cache
def _pattern(template: bytes, marks: Marks) -> re.Pattern[bytes]:
    quote = re.escape(marks.quote) or rb"\0"  # no record with a NUL is ever asked for
    return re.compile(template % {b"d": re.escape(marks.delimiter), b"q": quote})


_NOWHERE = (np.zeros(0, np.int64),) * 3


def _breaks(text: bytes, marks: Marks, begin: int = 0) -> tuple[Ints, Ints] | None:
    """Find the line breaks outside of quotes, and those inside; None when the quotes are not in order.

    A quote opens a cell only after a delimiter or line break, and closes it only before one; doubled, it stands for
    itself.
    """
    data = np.frombuffer(text, np.uint8)[begin:]
    quotes = _NOWHERE[0]
    if marks.quote and marks.quote in text:
        quotes = _where(data, lambda window: window == marks.quote[0])
    opening, closing = quotes[::2], quotes[1::2]
    edges = np.zeros(256, bool)
    edges[[_CR, _LF, *marks.delimiter, *marks.quote]] = True
    is_edge = (
        edges[data[opening - 1]] | (opening == 0),
        edges[data[(closing + 1) % len(data)]] | (closing == len(data) - 1),
    )
    if len(quotes) % 2 or not all(known.all() for known in is_edge):
        return None
    has_cr = b"\r" in text
    breaks = _where(data, lambda window: (window == _LF) | (window == _CR) if has_cr else window == _LF)
    before_lf = (data[breaks] == _CR) & (data[np.minimum(breaks + 1, len(data) - 1)] == _LF)
    breaks = breaks[~before_lf]
    within = np.searchsorted(quotes, breaks) % 2 == 1
    return breaks[~within], breaks[within]


def _where(data: npt.NDArray[np.uint8], wanted: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]) -> Ints:
    """Find bytes, a window at a time: what is found of them is small, what is asked of each is not."""
    windows = range(0, len(data), _STEP)
    return np.concatenate([_NOWHERE[0], *(np.flatnonzero(wanted(data[at : at + _STEP])) + at for at in windows)])


def _between(text: bytes, outside: Ints, inside: Ints, begin: int = 0) -> Records:
    """Give the records between line breaks, without the empty ones."""
    data = np.frombuffer(text, np.uint8)[begin:]
    ends = np.append(outside, len(data))
    starts = np.append(0, outside + 1)
    if len(outside):
        after_cr = (data[outside] == _LF) & (data[np.maximum(outside - 1, 0)] == _CR) & (outside > 0)
        ends[:-1] -= after_cr
    lines = np.arange(1, len(starts) + 1) + np.searchsorted(inside, starts)
    filled = ends > starts
    return Records(text, starts[filled], ends[filled], lines[filled], begin=begin)
