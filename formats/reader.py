"""Reading a file of a declared format into a table: tolerant where users' files vary, strict where data could be lost.

A row that is not whole, or a cell that cannot be what its field says, is an outcome of that row, and the file goes on.

Source: spec FMT-2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.formats import workbook
from passerelle.formats.container import Text, decoded, opened
from passerelle.formats.descriptor import Descriptor, Field, label_key
from passerelle.formats.errors import NotOursError, NotReadableError
from passerelle.formats.records import (
    BadRow,
    Marks,
    Records,
    chosen,
    columns,
    first_record,
    lines_of,
    regular,
    sifted,
    split,
)
from passerelle.formats.values import SHOWN, Mask, Problem, mask, parse, present, range_problems, text_problems
from passerelle.money import Ints
from passerelle.outcome import said, together

DELIMITERS = (";", ",", "\t", "|")
"""The delimiters that are detected, when the format declares none."""
_AT_ONCE = 2
"""Columns that are read at the same time: Arrow works outside of Python's lock."""
_NOTHING = re.compile(rb"[\0 \t\r\n\xef\xbb\xbf\xff\xfe]*")
"""Blanks and byte order marks."""


@dataclass(frozen=True, slots=True)
class ReadTable:
    """What a file holds.

    Attributes:
        table: one row per record that is right in all its fields, in the order of the file. Its columns are the
            sources of the format's fields, all of them, typed as ``values.parse`` says, and ``line`` (int64): the
            line of the file, from 1. A column the file lacks is empty.
        outcomes: what is wrong with the other rows (record type ``row``, record ``file:line``) or with the file.
        rows: number of records of the file, right or wrong.
        encoding: what the file was read in.
        delimiter: what separates its cells; empty for a fixed layout or a workbook.
        absent: sources whose column the file lacks.
        unused: labels of the file that the format does not name.
    """

    table: pd.DataFrame
    outcomes: pd.DataFrame
    rows: int
    encoding: str
    delimiter: str
    absent: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells of a file as texts: by field name, for each field that the file has, an array as long as ``lines``."""

    cells: dict[str, pa.Array]
    lines: Ints
    bad: Sequence[BadRow] = ()
    kinds: pa.Array | None = None
    encoding: str = ""
    delimiter: str = ""
    unused: tuple[str, ...] = ()


def read(descriptor: Descriptor, data: bytes, *, name: str, encoding: str | None = None) -> ReadTable:
    """Read a file.

    Args:
        descriptor: its format; with ``Descriptor.configured`` for a profile's settings.
        data: the file; .zip, .gz and .xlsx are known by the name.
        name: the file's name, for the outcomes.
        encoding: what it is written in, if that is not what the format declares or what can be detected.

    Raises:
        NotReadableError: nothing in it can be decoded.
        NotOursError: its header lacks columns that the format requires.
    """
    content, inner = opened(data, name=name, inside=descriptor.path, format_name=descriptor.name)
    grid = _grid(descriptor, content, inner, encoding or ("" if descriptor.detect else descriptor.encoding), name)
    result = _typed(descriptor, grid, name)
    if result.rows:
        return result
    code = "file-without-rows" if descriptor.header and not _NOTHING.fullmatch(content) else "file-empty"
    return replace(result, outcomes=said(code, [name], record_type="file", stage="read", format=descriptor.name))


def _grid(descriptor: Descriptor, content: bytes, inner: str, encoding: str, name: str) -> _Grid:
    if _NOTHING.fullmatch(content):
        return _Grid({}, np.zeros(0, np.int64))
    if inner.lower().endswith((".xlsx", ".xlsm")):
        return _workbook_grid(descriptor, content, name)
    text = decoded(content, encoding)
    if descriptor.layout == "fixed":
        return _fixed_grid(descriptor, text)
    if descriptor.kind_field:
        return _kinds_grid(descriptor, text)
    return _delimited_grid(descriptor, text, name)


def _delimited_grid(descriptor: Descriptor, text: Text, name: str) -> _Grid:
    marks = _marks(descriptor, text.data)
    start = 0
    labels = [one.title for one in descriptor.fields]
    if descriptor.header:
        header, start = first_record(text.data, marks)
        if b"\0" in header:
            raise NotReadableError("file-not-text", file=name, format_name=descriptor.name)
        labels = split(header, marks)
    places, unused = _placed(descriptor, labels, name)
    records, cells = _cells(text, start, len(labels), marks, list(places.values()))
    before = len(text.data[:start].splitlines())
    filled = ~_blank(records, cells, marks)
    if not filled.all():
        cells = [column.filter(pa.array(filled)) for column in cells]
    return _Grid(
        cells=dict(zip(places, cells, strict=True)),
        lines=records.lines[filled] + before,
        bad=[replace(row, line=row.line + before) for row in records.bad],
        encoding=text.encoding,
        delimiter=marks.delimiter.decode(),
        unused=unused,
    )


def _cells(text: Text, start: int, count: int, marks: Marks, wanted: Sequence[int]) -> tuple[Records, list[pa.Array]]:
    """Give the records of a text behind its header, and the cells of the columns wanted."""
    if not text.unreadable(text.data):
        records = regular(text.data, count, marks, start)
        cells = None if records is None else columns(records, count, marks, wanted)
        if records is not None and cells is not None:
            return records, cells
    records = sifted(text.data[start:], lambda _: count, marks, text.unreadable)
    return records, _sure(columns(records, count, marks, wanted))


def _sure(cells: list[pa.Array] | None) -> list[pa.Array]:
    if cells is None:
        raise RuntimeError("the CSV parser does not see the cells of records that were told apart")
    return cells


def _blank(records: Records, cells: Sequence[pa.Array], marks: Marks) -> Mask:
    """Tell which records have nothing in any cell; only those that seem so in the columns wanted are looked at."""
    blank = np.ones(len(records.lines), bool)
    for column in cells:
        blank &= mask(pc.equal(column, ""))
        if not blank.any():
            return blank
    for index in np.flatnonzero(blank):
        blank[index] = marks.is_blank(records.raw(int(index)))
    return blank


def _kinds_grid(descriptor: Descriptor, text: Text) -> _Grid:
    """Read a file of several kinds of record; the first cell tells the kind."""
    marks = _marks(descriptor, text.data)
    fields = {kind: descriptor.fields_of(kind) for kind in descriptor.record_kinds}

    def kind_of(record: bytes) -> str:
        return record.partition(marks.delimiter)[0].strip(marks.quote).decode(errors="replace")

    def expected(record: bytes) -> int | None:
        return len(fields[kind_of(record)]) if kind_of(record) in fields else None

    records = sifted(text.data, expected, marks, text.unreadable)
    kinds = [kind_of(records.raw(index)) for index in range(len(records.lines))]
    parts = []
    for kind, own in fields.items():
        mine = chosen(records, [index for index, found in enumerate(kinds) if found == kind])
        cells = _sure(columns(mine, len(own), marks, range(len(own))))
        parts.append((mine.lines, {one.name: column for one, column in zip(own, cells, strict=True)}))
    return _Grid(
        cells=_side_by_side(descriptor, parts),
        lines=records.lines,
        bad=[_of_known_kinds(row, descriptor) for row in records.bad],
        kinds=pa.array(kinds, pa.string()),
        encoding=text.encoding,
        delimiter=marks.delimiter.decode(),
    )


def _fixed_grid(descriptor: Descriptor, text: Text) -> _Grid:
    """Read a file whose fields stand at fixed positions."""
    found = lines_of(text.data)
    lines = [(int(line), found.raw(index)) for index, line in enumerate(found.lines) if found.raw(index).strip()]
    bad = [BadRow(line, "row-unreadable") for line, raw in lines if text.unreadable(raw)]
    numbers = np.array([line for line, raw in lines if not text.unreadable(raw)], dtype=np.int64)
    texts = np.array([raw.decode() for _, raw in lines if not text.unreadable(raw)], dtype=object)
    kinds = _fixed_kinds(descriptor, texts)
    parts = []
    for kind in descriptor.record_kinds or ("",):
        mine = kinds == kind
        cut = _fixed_cells(descriptor.fields_of(kind), numbers[mine], pa.array(texts[mine], pa.string()))
        parts.append(cut[:2])
        bad += cut[2]
    for index in np.flatnonzero(~np.isin(kinds, descriptor.record_kinds or ("",))):
        bad.append(_of_known_kinds(BadRow(int(numbers[index]), "row-unknown-kind", str(kinds[index])), descriptor))
    kept = np.sort(np.concatenate([lines_of_kind for lines_of_kind, _ in parts]))
    return _Grid(
        cells=_side_by_side(descriptor, parts),
        lines=kept,
        bad=bad,
        kinds=pa.array(kinds[np.isin(numbers, kept)], pa.string()) if descriptor.kind_field else None,
        encoding=text.encoding,
    )


def _fixed_kinds(descriptor: Descriptor, texts: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    if not descriptor.kind_field:
        return np.full(len(texts), "", dtype=object)
    one = descriptor.field(descriptor.kind_field)
    kinds = [text[one.start - 1 : one.end].strip(one.pad) for text in texts]
    return np.array(kinds, dtype=object)


def _fixed_cells(
    fields: Sequence[Field], lines: Ints, texts: pa.Array
) -> tuple[Ints, dict[str, pa.Array], list[BadRow]]:
    """Cut lines of one kind into their fields.

    Editors take blanks off the end of lines, so a line may be short, but not end within a field that blanks do not end.
    """
    width = max((one.end for one in fields), default=0)
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    solid = pc.utf8_length(pc.utf8_rtrim_whitespace(texts)).to_numpy(zero_copy_only=False)
    wrong = solid > width
    for one in fields:
        if one.align == "right" or one.pad != " ":
            wrong |= (lengths >= one.start) & (lengths < one.end)
    bad = [
        BadRow(int(lines[index]), "row-wrong-width", str(lengths[index]), str(width)) for index in np.flatnonzero(wrong)
    ]
    kept = texts.filter(pa.array(~wrong))
    cells = {one.name: _unpadded(one, pc.utf8_slice_codeunits(kept, one.start - 1, one.end)) for one in fields}
    return lines[~wrong], cells, bad


def _unpadded(one: Field, cells: pa.Array) -> pa.Array:
    if one.align == "left":
        return pc.utf8_rtrim(cells, characters=one.pad)
    return pc.utf8_trim(cells, characters=" ") if one.pad == "0" else pc.utf8_ltrim(cells, characters=one.pad)


def _side_by_side(descriptor: Descriptor, parts: Sequence[tuple[Ints, Mapping[str, pa.Array]]]) -> dict[str, pa.Array]:
    """Put the cells of several kinds of record into one table in the order of the file; what a kind lacks is empty."""
    order = np.argsort(np.concatenate([lines for lines, _ in parts]), kind="stable")
    return {
        one.name: pa.concat_arrays([cells.get(one.name, _empties(len(lines))) for lines, cells in parts]).take(
            pa.array(order)
        )
        for one in descriptor.fields
    }


def _of_known_kinds(row: BadRow, descriptor: Descriptor) -> BadRow:
    return replace(row, expected=", ".join(descriptor.record_kinds)) if row.code == "row-unknown-kind" else row


def _workbook_grid(descriptor: Descriptor, content: bytes, name: str) -> _Grid:
    if descriptor.layout == "fixed" or descriptor.kind_field:
        raise NotReadableError("file-not-text", file=name, format_name=descriptor.name)
    rows = workbook.rows_of(content, name=name, format_name=descriptor.name)
    labels = [one.title for one in descriptor.fields]
    if descriptor.header and rows:
        labels = [workbook.cell_text(value, None) for value in rows.pop(0)[1]]
    places, unused = _placed(descriptor, labels, name)
    whole = [(number, row) for number, row in rows if len(row) <= len(labels)]
    bad = [
        BadRow(number, "row-too-many-cells", str(len(row)), str(len(labels)))
        for number, row in rows
        if len(row) > len(labels)
    ]
    cells = {
        field: pa.array(
            [workbook.cell_text(row[place] if place < len(row) else None, descriptor.field(field)) for _, row in whole],
            pa.string(),
        )
        for field, place in places.items()
    }
    lines = np.array([number for number, _ in whole], dtype=np.int64)
    return _Grid(cells, lines, bad, encoding="xlsx", unused=unused)


def _marks(descriptor: Descriptor, text: bytes) -> Marks:
    """Give the delimiter declared, or else the one that finds the most of the format's columns in the first record."""
    if descriptor.delimiter and not descriptor.detect:
        return Marks(descriptor.delimiter.encode(), descriptor.quote.encode())
    known = {label_key(label) for one in descriptor.fields for label in (one.title, *one.aliases)}

    def found(marks: Marks) -> tuple[int, int]:
        cells = split(first_record(text, marks)[0], marks)
        if descriptor.header:
            return len(known & {label_key(cell) for cell in cells}), len(cells)
        return -abs(len(cells) - len(descriptor.fields)), 0

    return max((Marks(mark.encode(), descriptor.quote.encode()) for mark in DELIMITERS), key=found)


def _placed(descriptor: Descriptor, labels: Sequence[str], name: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find the column of each field by its label, and the labels that no field has."""
    keys = [label_key(label) for label in labels]
    places: dict[str, int] = {}
    for one in descriptor.fields:
        for label in (one.title, *one.aliases):
            count = keys.count(label_key(label))
            if count > 1:
                raise NotOursError("file-header-twice", file=name, format_name=descriptor.name, missing=label)
            if count and one.name not in places:
                places[one.name] = keys.index(label_key(label))
    missing = [one.title for one in descriptor.fields if one.required and one.name not in places]
    if missing or not places:
        every = missing or [one.title for one in descriptor.fields]
        raise NotOursError("file-header-not-ours", file=name, format_name=descriptor.name, missing=", ".join(every))
    used = set(places.values())
    return places, tuple(label for index, label in enumerate(labels) if index not in used and label)


def _typed(descriptor: Descriptor, grid: _Grid, name: str) -> ReadTable:
    """Read the cells as the types of their fields; a row with a problem is told of and left out."""
    count = len(grid.lines)
    wrong = np.zeros(count, bool)
    absent = [one for one in descriptor.fields if one.name not in grid.cells]
    told: list[tuple[Ints, pd.DataFrame]] = [_told_of_rows(grid, name)]
    table: dict[str, pd.Series] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one, (values, problems) in zip(
            descriptor.fields, pool.map(lambda one: _column(one, grid, name), descriptor.fields), strict=True
        ):
            for where, outcomes in problems:
                wrong[where] = True
                told.append((grid.lines[where], outcomes))
            table.setdefault(one.source, values)
    table["line"] = pd.Series(grid.lines, dtype="int64")
    frame = pd.DataFrame(table, copy=False)
    lines = np.concatenate([lines for lines, _ in told])
    outcomes = together(outcomes for _, outcomes in told)
    return ReadTable(
        table=frame[~wrong].reset_index(drop=True) if wrong.any() else frame,
        outcomes=outcomes.iloc[np.argsort(lines, kind="stable")].reset_index(drop=True),
        rows=count + len(grid.bad),
        encoding=grid.encoding,
        delimiter=grid.delimiter,
        absent=tuple(one.source for one in absent),
        unused=grid.unused,
    )


def _column(one: Field, grid: _Grid, name: str) -> tuple[pd.Series, list[tuple[Ints, pd.DataFrame]]]:
    """Read the cells of a field, and say of which rows what is wrong with them."""
    if one.name not in grid.cells:
        return parse(one, _empties(1))[0].iloc[np.zeros(len(grid.lines), np.int64)].reset_index(drop=True), []
    cells = present(one, grid.cells.pop(one.name))  # memory holds each column once, as text or as values
    values, problems = parse(one, cells)
    applies = _applies(one, grid)
    told = []
    for problem in [*text_problems(one, cells), *problems, *range_problems(one, values)]:
        where = np.flatnonzero(problem.where & applies)
        told.append((where, _told_of_cells(one, problem, cells, where, grid.lines, name)))
    return values, told


def _applies(one: Field, grid: _Grid) -> Mask:
    if not one.kinds or grid.kinds is None:
        return np.ones(len(grid.lines), bool)
    return mask(pc.is_in(grid.kinds, pa.array(one.kinds)))


def _told_of_cells(one: Field, problem: Problem, cells: pa.Array, where: Ints, lines: Ints, name: str) -> pd.DataFrame:
    return said(
        problem.code,
        [f"{name}:{line}" for line in lines[where]],
        record_type="row",
        stage="read",
        field=one.title,
        value=[value[:SHOWN] for value in cells.take(pa.array(where)).to_pylist()],
        **problem.params,
    )


def _told_of_rows(grid: _Grid, name: str) -> tuple[Ints, pd.DataFrame]:
    codes = sorted({row.code for row in grid.bad})
    rows = {code: [row for row in grid.bad if row.code == code] for code in codes}
    outcomes = together(
        said(
            code,
            [f"{name}:{row.line}" for row in rows[code]],
            record_type="row",
            stage="read",
            found=[row.found for row in rows[code]],
            expected=[row.expected for row in rows[code]],
            encoding=grid.encoding,
        )
        for code in codes
    )
    return np.array([row.line for code in codes for row in rows[code]], dtype=np.int64), outcomes


def _empties(count: int) -> pa.Array:
    return pa.repeat(pa.scalar("", pa.string()), count)
