"""Writing a table as a file of a declared format, one that the other side can read.

Whole columns are made texts, fitted to the encoding, the marks and the lengths of the format, checked, and joined. What
identifies something is never altered: a code too long refuses its record, all rows of it.

Source: spec FMT-3, EBP-1, EBP-2.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.repertoire import repertoire
from passerelle.formats.values import SHOWN, Mask, mask, range_problems, render, text_problems
from passerelle.money import Ints
from passerelle.outcome import said, together

_BREAKS = r"\r\n|[\x00-\x1f\x7f\x{85}\x{2028}\x{2029}]"
"""What some program takes for the end of a line, or cannot show; ``_BREAK_BYTES`` are their bytes in UTF-8."""
_BREAK_BYTES = frozenset((*range(0x20), 0x7F, 0xC2, 0xE2))
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
"""What no program shows."""
_PRINTABLE = bytes(range(0x20, 0x7F))
_BLOCK = 2**14
"""Rows that are made at a time, so that memory holds the file, not all its cells."""
_AT_ONCE = 2
"""Blocks that are made at the same time: Arrow works outside of Python's lock, pandas does not."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file.

    Attributes:
        data: its bytes.
        outcomes: records that were refused, and remarks on values that were altered.
        rows: number of data rows in it.
    """

    data: bytes
    outcomes: pd.DataFrame
    rows: int


@dataclass(slots=True)
class _Block:
    """Some rows on their way into the file.

    Attributes:
        descriptor: the format.
        table: the rows.
        records: of each row, the record it belongs to.
        record_type: what a record is called.
        first: whether a row is the first of its record.
        refused: whether something of a row cannot be written.
        told: what was said of them.
        shared: what the rows of a record have in common, as a block of one row per record.
        places: of each row, the row of ``shared``.
    """

    descriptor: Descriptor
    table: pd.DataFrame
    records: pd.Series
    record_type: str
    first: Mask
    refused: Mask
    told: list[pd.DataFrame]
    shared: _Block | None = None
    places: Ints | None = None

    def shares(self, one: Field) -> bool:
        """Tell whether a field has the same text on all rows of a record, so that it is made once."""
        return self.shared is not None and one.rows != "first" and one.source not in self.table

    def values(self, one: Field) -> pd.Series | None:
        """Give the values of a field, row by row; None where it has none."""
        if one.constant is not None:
            return None
        if self.shared is None or one.source not in self.shared.table:
            return self.table.get(one.source)
        return self.shared.table[one.source].take(self.places).reset_index(drop=True)

    def tell(self, code: str, one: Field, where: Mask, texts: pa.Array, **params: Any) -> None:
        """Say something of some rows, once per record and value; a list in ``params`` has one entry for each row."""
        rows = np.flatnonzero(where)
        values = [text[:SHOWN] for text in texts.take(pa.array(rows)).to_pylist()]
        outcomes = said(
            code,
            self.records.iloc[rows],
            record_type=self.record_type,
            stage="write",
            field=one.title,
            value=values,
            **params,
        )
        self.told.append(outcomes)


def write(
    descriptor: Descriptor,
    table: pd.DataFrame,
    *,
    settings: Mapping[str, object] | None = None,
    record_column: str | None = None,
    record_type: str = "row",
    shared: pd.DataFrame | None = None,
    begun: bool = False,
) -> Written:
    """Write a table.

    Args:
        descriptor: the format.
        table: one row per row of the file; its columns are the sources of the fields, of the kinds that
            ``values.render`` takes. The source of a field that is not required may be lacking: its cells are empty.
        settings: the profile's values of the format's settings.
        record_column: column that tells which rows belong together (a document): they stand one after the other and
            are refused together. None: every row is for itself.
        record_type: what such a record is called in the outcomes.
        shared: one row per record with further columns, the same on all its rows: their texts are made once. For a
            delimited format of one kind of record and several columns.
        begun: the rows go on a file that has begun: what stands before the first row is left out.

    Raises:
        TypeError: the table lacks the source of a required field.
        DescriptorError: see ``Descriptor.configured``.
    """
    descriptor = descriptor.configured(settings)
    known = {*table, *(() if shared is None else shared)}
    lacking = [
        one.source for one in descriptor.fields if one.required and one.constant is None and one.source not in known
    ]
    if lacking:
        raise TypeError(f"format {descriptor.name} needs columns that the table lacks: {', '.join(lacking)}")
    records = _records(descriptor, table, record_column)
    place = None if shared is None else _places(records, shared[record_column])
    first = (records != records.shift()).to_numpy(dtype=bool)
    refused = np.zeros(len(table), bool)
    file = io.BytesIO(b"" if begun else _encoded(descriptor, _header(descriptor), first=True))
    file.seek(0, io.SEEK_END)

    def written(start: int) -> tuple[bytes, list[pd.DataFrame]]:
        rows = slice(start, start + _BLOCK)
        part = table.iloc[rows].reset_index(drop=True)
        block = _Block(descriptor, part, records.iloc[rows], record_type, first[rows], refused[rows], [])
        if shared is not None and place is not None:
            _share(block, shared, place[rows])
        data = _encoded(descriptor, _content(_lines(block, _cells(block))))
        if block.shared is not None:
            refused[rows] |= block.shared.refused[block.places]
        return data, block.told

    told: list[pd.DataFrame] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for data, said_of_block in pool.map(written, range(0, len(table), _BLOCK)):
            file.write(data)
            told += said_of_block
    outcomes = together(told).drop_duplicates(ignore_index=True)
    if not refused.any():
        return Written(file.getvalue(), outcomes, len(table))
    # Seldom: what is refused is known when the last row is made. The others are made anew, rather than all kept twice.
    kept = table[~records.isin(records[refused]).to_numpy(dtype=bool)]
    again = write(descriptor, kept, record_column=record_column, record_type=record_type, shared=shared, begun=begun)
    return replace(again, outcomes=outcomes)


def _records(descriptor: Descriptor, table: pd.DataFrame, record_column: str | None) -> pd.Series:
    if record_column is not None:
        return table[record_column].astype("str").reset_index(drop=True)
    start = 2 if descriptor.header else 1
    return pd.Series([f"{descriptor.path}:{line}" for line in range(start, start + len(table))], dtype="str")


def _places(records: pd.Series, shared: pd.Series) -> Ints:
    """Give the row of each record among those that tell what its rows share."""
    found = pc.index_in(pa.array(records, pa.large_string()), value_set=pa.array(shared, pa.large_string()))
    places: Ints = found.to_numpy().astype(np.int64)
    return places


def _share(block: _Block, shared: pd.DataFrame, places: Ints) -> None:
    """Give a block what its rows have in common: ``places`` are the rows of ``shared``."""
    block.places, met = pd.factorize(places)
    names = block.records[~pd.Series(block.places, block.records.index).duplicated()]
    block.shared = _Block(
        block.descriptor,
        shared.take(met).reset_index(drop=True),
        names.reset_index(drop=True),
        block.record_type,
        np.ones(len(met), bool),
        np.zeros(len(met), bool),
        block.told,
    )


def _cells(block: _Block) -> dict[str, pa.Array]:
    """Make the texts of all fields, and say what is wrong with them; those that the rows share come once per record."""
    cells: dict[str, pa.Array] = {}
    for one in block.descriptor.fields:
        own = block.shared if block.shared is not None and block.shares(one) else block
        cells[one.name] = _texts(own, one, cells)
    return cells


def _texts(block: _Block, one: Field, cells: Mapping[str, pa.Array]) -> pa.Array:
    """Make the texts of a field; ``cells`` are those of the fields before it."""
    values = block.values(one)
    if values is None and not one.constant:
        return pa.repeat(pa.scalar("", pa.large_string()), len(block.table))
    texts = _constants(block, one) if values is None else _rendered(one, values)
    if one.rows == "first":
        texts = pc.if_else(pa.array(block.first), texts, _nothing(one))
    applies = pc.is_in(cells[block.descriptor.kind_field], pa.array(one.kinds, texts.type)) if one.kinds else None
    if applies is not None:
        texts = pc.if_else(applies, texts, "")
    if one.type in {"string", "boolean"}:
        texts = _cut(block, one, _in_marks(block.descriptor, _in_characters(block, one, texts)))
    for problem in text_problems(one, texts) + ([] if values is None else range_problems(one, values)):
        where = problem.where if applies is None else problem.where & mask(applies)
        block.refused |= where
        block.tell(problem.code, one, where, texts, **problem.params)
    return texts


def _constants(block: _Block, one: Field) -> pa.Array:
    return pa.repeat(pa.scalar(one.constant, pa.large_string()), len(block.table))


def _rendered(one: Field, values: pd.Series) -> pa.Array:
    """Make texts of values: of equal numbers and dates once."""
    if one.type == "string":
        return render(one, values)
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return render(one, pd.Series(distinct)).take(pa.array(codes))


def _nothing(one: Field) -> str:
    """Give what stands for "none" where a field is written on a record's first row only: a required number is 0."""
    return render(one, pd.Series([0]))[0].as_py() if one.required and one.type in {"number", "integer"} else ""


def _in_characters(block: _Block, one: Field, texts: pa.Array) -> pa.Array:
    """Write texts in the characters of the encoding; only cells with others are touched."""
    characters = repertoire(block.descriptor.encoding or "utf-8")
    if not characters.suspects & _signs(texts):
        return texts
    foreign = pc.match_substring_regex(texts, characters.foreign)
    rows = np.flatnonzero(mask(foreign))
    written = [characters.written(text) for text in texts.take(pa.array(rows)).to_pylist()]
    losses = {
        "cell-characters-replaced": [cell.replaced for cell in written],
        "cell-emoji-dropped": [cell.dropped for cell in written],
    }
    for code, lost in losses.items():
        where = np.zeros(len(texts), bool)
        where[rows[[bool(signs) for signs in lost]]] = True
        block.tell(code, one, where, texts, characters=[signs for signs in lost if signs])
    return pc.replace_with_mask(texts, foreign, pa.array([cell.text for cell in written], texts.type))


def _in_marks(descriptor: Descriptor, texts: pa.Array) -> pa.Array:
    """Take out of texts what would end the cell or the line."""
    signs = _signs(texts, descriptor.quote + descriptor.delimiter)
    if signs & _BREAK_BYTES:
        texts = pc.replace_substring_regex(texts, _CONTROLS if descriptor.double_quote else _BREAKS, " ")
    if signs & {*descriptor.quote.encode()} and not descriptor.double_quote:
        texts = pc.replace_substring(texts, descriptor.quote, "'" if descriptor.quote == '"' else '"')
    if descriptor.quoting == "none" and signs & {*descriptor.delimiter.encode()}:
        texts = pc.replace_substring(texts, descriptor.delimiter, " ")
    return texts


def _cut(block: _Block, one: Field, texts: pa.Array) -> pa.Array:
    if one.limit is None or one.overflow == "refuse":
        return texts
    too_long = mask(pc.greater(pc.utf8_length(texts), one.limit))
    if not too_long.any():
        return texts
    block.tell("cell-cut", one, too_long, texts, limit=one.limit)
    return pc.utf8_slice_codeunits(texts, 0, one.limit)


def _lines(block: _Block, cells: Mapping[str, pa.Array]) -> pa.Array:
    """Join cells to lines, each with its end."""
    descriptor = block.descriptor
    if block.shared is not None:
        return _joined_apart(block, cells)
    if not descriptor.kind_field:
        return _joined(descriptor, descriptor.fields, cells)
    kinds = cells[descriptor.kind_field]
    lines, places = [], []
    for kind in descriptor.record_kinds:
        mine = pc.equal(kinds, kind)
        own = descriptor.fields_of(kind)
        lines.append(_joined(descriptor, own, {one.name: cells[one.name].filter(mine) for one in own}))
        places.append(np.flatnonzero(mask(mine)))
    others = np.setdiff1d(np.arange(len(kinds)), np.concatenate(places))  # of no known kind: refused
    lines.append(pa.repeat(pa.scalar("", pa.large_string()), len(others)))
    return pa.concat_arrays(lines).take(pa.array(np.argsort(np.concatenate([*places, others]))))


def _joined(descriptor: Descriptor, fields: Sequence[Field], cells: Mapping[str, pa.Array]) -> pa.Array:
    if descriptor.layout == "fixed":
        parts: list[pa.Array | str] = []
        position = 0
        for one in fields:
            parts += [" " * (one.start - 1 - position), _padded(one, cells[one.name])]
            position = one.end
    else:
        begin, between, end = _frame(descriptor, header=False)
        columns = [_guarded(descriptor, cells[one.name], alone=len(fields) == 1) for one in fields]
        parts = [begin, *(part for column in columns for part in (column, between))]
        parts[-1] = end
    return _concatenated([*parts, descriptor.line_end])


def _joined_apart(block: _Block, cells: Mapping[str, pa.Array]) -> pa.Array:
    """Join cells to lines; those side by side that the rows of a record share are joined once per record."""
    mark, between, end = _frame(block.descriptor, header=False)
    parts: list[pa.Array | str] = []
    for is_shared, fields in groupby(block.descriptor.fields, block.shares):
        marked: list[pa.Array | str] = []
        for one in fields:
            marked += [mark, _guarded(block.descriptor, cells[one.name], alone=False)]
            mark = between
        parts += [_concatenated(marked).take(pa.array(block.places))] if is_shared else marked
    return _concatenated([*parts, end, block.descriptor.line_end])


def _frame(descriptor: Descriptor, *, header: bool) -> tuple[str, str, str]:
    """Give what stands before, between and after the cells of a line."""
    quoted = descriptor.quoting == "all" or (descriptor.quoting == "data" and not header)
    quote = descriptor.quote if quoted else ""
    return quote, f"{quote}{descriptor.delimiter or ','}{quote}", quote


def _guarded(descriptor: Descriptor, texts: pa.Array, *, alone: bool) -> pa.Array:
    """Double the quotes within cells, and put quotes around the cells that need them."""
    marks = (descriptor.delimiter or ",") + descriptor.quote + "\r\n"
    if descriptor.quoting == "none" or not (alone or _signs(texts, marks) & {*marks.encode()}):
        return texts
    doubled = pc.replace_substring(texts, descriptor.quote, 2 * descriptor.quote)
    if descriptor.quoting != "needed":
        return doubled
    needed = pc.match_substring_regex(texts, f"[{re.escape(marks)}]" + ("|^$" if alone else ""))
    return pc.if_else(needed, _concatenated([descriptor.quote, doubled, descriptor.quote]), texts)


def _padded(one: Field, texts: pa.Array) -> pa.Array:
    """Fill the width of a field in a fixed layout; a number filled with zeros keeps its sign in front."""
    if one.align == "left":
        return pc.utf8_rpad(texts, one.width, one.pad)
    filled = pc.utf8_zero_fill(texts, one.width) if one.pad == "0" else pc.utf8_lpad(texts, one.width, one.pad)
    return pc.if_else(pc.equal(texts, ""), " " * one.width, filled)


def _concatenated(parts: Sequence[pa.Array | str]) -> pa.Array:
    """Put columns of texts, and texts that are the same on every row, one after the other."""
    texts = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))


def _header(descriptor: Descriptor) -> bytes:
    if not descriptor.header:
        return b""
    begin, between, end = _frame(descriptor, header=True)
    labels = pa.array([one.title for one in descriptor.fields], pa.large_string())
    guarded = _guarded(descriptor, labels, alone=len(labels) == 1).to_pylist()
    return (begin + between.join(guarded) + end + descriptor.line_end).encode()


def _encoded(descriptor: Descriptor, text: bytes, *, first: bool = False) -> bytes:
    """Encode a piece of the file."""
    encoding = descriptor.encoding or "utf-8"
    if encoding.startswith("utf-8"):
        return codecs.BOM_UTF8 + text if first and encoding == "utf-8-sig" else text
    if encoding == "utf-16":
        return (codecs.BOM_UTF16_LE if first else b"") + text.decode().encode("utf-16-le")
    if encoding == "windows-1252":
        # Where all characters are Latin-1's, which is much faster, the bytes are the same: cells have no C1 controls.
        with suppress(UnicodeEncodeError):
            return text.decode().encode("latin-1")
    return text.decode().encode(encoding)


def _signs(texts: pa.Array, marks: str = "") -> frozenset[int]:
    """Tell which bytes other than printable ASCII a column has; of printable ones only those of some marks."""
    return frozenset(_content(texts).translate(None, _PRINTABLE.translate(None, marks.encode())))


def _content(texts: pa.Array) -> bytes:
    """Give all the texts of a column as they stand in memory, one after the other."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return b""
    bounds = np.frombuffer(offsets, np.int64)
    begin, end = int(bounds[texts.offset]), int(bounds[texts.offset + len(texts)])
    return bytes(memoryview(data)[begin:end])
