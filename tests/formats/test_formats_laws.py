"""Laws that hold for any format, data and bytes (FMT-2, FMT-3, FMT-4)."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import re
import string
import zipfile
from contextlib import suppress
from functools import cache

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.formats.container import Text, decoded
from passerelle.formats.descriptor import Descriptor, build
from passerelle.formats.errors import FormatError
from passerelle.formats.notation import parse
from passerelle.formats.reader import read
from passerelle.formats.records import LONGEST_RECORD, Marks, columns, regular, sifted, split
from passerelle.formats.repertoire import repertoire
from passerelle.formats.writer import write

FIELDS = """
    - {name: code, title: Code, constraints: {required: true, maxLength: 12}, passerelle: {overflow: refuse, width: 12}}
    - {name: label, title: Libellé, constraints: {maxLength: 30}, passerelle: {width: 30}}
    - {name: price, title: Prix, type: number, decimalChar: MARK, passerelle: {decimals: 3, width: 20}}
    - {name: rate, title: Taux, type: number, decimalChar: MARK, passerelle: {width: 20}}
    - {name: stock, title: Stock, type: integer, passerelle: {width: 19}}
    - {name: day, title: Jour, type: date, format: "%d/%m/%Y", passerelle: {width: 10}}
    - {name: moment, title: Instant, type: datetime, format: "%Y-%m-%d %H:%M:%S %z", passerelle: {width: 25}}
    - {name: active, title: Actif, type: boolean, passerelle: {form: N/O, width: 1}}
"""
DIALECTS = {
    "like EBP": ("windows-1252", 'dialect: {delimiter: ";"}', "quoting: data", ","),
    "comma": ("utf-8", 'dialect: {delimiter: ",", lineTerminator: "\\n"}', "quoting: needed", ","),
    "doubled quotes": ("utf-8-sig", 'dialect: {delimiter: ",", doubleQuote: true}', "quoting: needed", "."),
    "all quoted, doubled": ("utf-8", 'dialect: {delimiter: "|", doubleQuote: true}', "quoting: all", "."),
    "tab, never quoted": ("utf-16", 'dialect: {delimiter: "\\t"}', "quoting: none", "."),
    "cr": ("iso-8859-15", 'dialect: {delimiter: ";", lineTerminator: "\\r", header: false}', "quoting: needed", "."),
    "fixed": ("utf-8", "dialect: {header: false}", "layout: fixed", "."),
}


@cache
def a_format(name: str) -> Descriptor:
    encoding, dialect, extension, mark = DIALECTS[name]
    fields = FIELDS if "fixed" in extension else re.sub(r"(, )?width: \d+", "", FIELDS)
    text = (
        f"name: x\npath: x.txt\nencoding: {encoding}\n{dialect}\npasserelle: {{{extension}}}\n"
        f"schema:\n  fields:{fields}".replace("MARK", f'"{mark}"')
    )
    return build(parse(text, "x.yaml"))


def letters(name: str) -> str:
    descriptor = a_format(name)
    beyond = "\r\n\"'é€œŁ日🎁 " if descriptor.double_quote else "'é€œ"
    listed = string.ascii_letters + string.digits + " ;,|#é.-+=@" + beyond
    if descriptor.encoding == "iso-8859-15":
        listed = listed.replace("'", "")
    return listed.replace(descriptor.delimiter, "") if descriptor.quoting == "none" and descriptor.delimiter else listed


def rows(name: str) -> st.SearchStrategy[list[dict[str, object]]]:
    """Give any data that the format can hold."""
    alphabet = letters(name)
    fixed = a_format(name).layout == "fixed"
    text = st.text(alphabet, max_size=30).map(lambda value: value.rstrip(" ") if fixed else value)
    code = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=12).filter(
        lambda value: "E+" not in value.upper()
    )
    return st.lists(
        st.fixed_dictionaries(
            {
                "code": code,
                "label": text,
                "price": st.none() | st.integers(1 - 10**15, 10**15 - 1).map(lambda value: value * 1000),
                "rate": st.none() | st.integers(1 - 10**18, 10**18 - 1),
                "stock": st.none() | st.integers(-(10**18) + 1, 10**18 - 1),
                "day": st.none() | st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31)),
                "moment": st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),  # noqa: DTZ001
                "active": st.none() | st.booleans(),
            }
        ),
        max_size=12,
    )


def frame(records: list[dict[str, object]]) -> pd.DataFrame:
    kinds = {"code": "str", "label": "str", "price": "Int64", "rate": "Int64", "stock": "Int64", "active": "boolean"}
    table = {name: pd.Series([one[name] for one in records], dtype=kind) for name, kind in kinds.items()}
    day = pd.Series([one["day"] for one in records], dtype="object")
    moment = pd.Series([one["moment"] for one in records], dtype="object")
    table["day"] = pd.to_datetime(day).astype("datetime64[s]")
    table["moment"] = pd.to_datetime(moment).astype("datetime64[s]").dt.tz_localize("UTC")
    return pd.DataFrame(table)[["code", "label", "price", "rate", "stock", "day", "moment", "active"]]


@pytest.mark.parametrize("name", list(DIALECTS))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_fmt_4_what_the_writer_wrote_the_reader_reads_back_equal(name, data):
    table = frame(data.draw(rows(name)))
    descriptor = a_format(name)
    written = write(descriptor, table)
    assert written.outcomes.empty, written.outcomes.to_string()
    assert written.rows == len(table)
    result = read(descriptor, written.data, name="x.txt")
    assert set(result.outcomes["record_type"]) <= {"file"}, result.outcomes.to_string()
    pd.testing.assert_frame_equal(result.table.drop(columns="line"), table)
    assert write(descriptor, result.table).data == written.data, "byte for byte"


@pytest.mark.parametrize("name", list(DIALECTS))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_fmt_3_a_file_written_in_parts_is_the_file_written_at_once(name, data):
    table = frame(data.draw(rows(name)))
    cut = data.draw(st.integers(0, len(table)))
    parts = write(a_format(name), table[:cut]), write(a_format(name), table[cut:], begun=True)
    assert b"".join(part.data for part in parts) == write(a_format(name), table).data


@pytest.mark.parametrize("name", list(DIALECTS))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(labels=st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_fmt_3_any_text_is_written_as_one_cell_of_one_row(name, labels):
    descriptor = a_format(name)
    table = pd.DataFrame(
        {"code": [f"c{number}" for number in range(len(labels))], "label": pd.Series(labels, dtype="str")}
    )
    written = write(descriptor, table)
    assert set(written.outcomes["state"]) <= {"succeeded"}
    result = read(descriptor, written.data, name="x.txt")
    assert result.outcomes.empty, result.outcomes.to_string()
    assert result.table["code"].tolist() == table["code"].tolist()
    if not descriptor.double_quote:
        lines = written.data.decode(descriptor.encoding).split(descriptor.line_end)
        assert len(lines) == len(labels) + descriptor.header + 1
        assert not any(set(line) & set("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") for line in lines)


NASTY = st.lists(
    st.sampled_from(
        [
            b'"',
            b";",
            b",",
            b"\n",
            b"\r\n",
            b"\r",
            b"a",
            b"1",
            b"\xc3\xa9",
            b"\xe9",
            b"\0",
            b"Code;Libell\xc3\xa9\n",
            b" ",
            b"x;y;;;;;;\n",
        ]
        + [bytes([number]) for number in (0x0B, 0x1C, 0x85, 0x81, 0xFF, 0xFE)]
    ),
    max_size=40,
).map(b"".join)


@pytest.mark.parametrize("name", [*DIALECTS, "detected"])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_fmt_2_any_bytes_give_one_outcome_per_bad_row_or_one_stated_error(name, data):
    descriptor = a_format("comma") if name == "detected" else a_format(name)
    if name == "detected":
        descriptor = build(parse("name: x\npath: x\npasserelle: {detect: true}\nschema: {fields: [{name: Code}]}", "x"))
    head = (
        b""
        if not descriptor.header
        else "Code;Libellé;Prix;Taux;Stock;Jour;Instant;Actif\r\n".replace(";", descriptor.delimiter or ";").encode(
            descriptor.encoding or "utf-8"
        )
    )
    content = data.draw(st.binary(max_size=200) | NASTY | NASTY.map(lambda rest: head + rest))
    try:
        result = read(descriptor, content, name="x.txt")
    except FormatError:
        return  # stated, and tested elsewhere
    bad = result.outcomes.loc[result.outcomes["record_type"] == "row", "record"]
    assert result.rows == len(result.table) + bad.nunique(), "every row is right or told of"
    lines = {int(record.rpartition(":")[2]) for record in bad} | set(result.table["line"])
    assert not lines or max(lines) <= content.count(b"\r") + content.count(b"\n") + 1
    assert result.table["line"].is_monotonic_increasing


@cache
def archives() -> list[tuple[str, bytes]]:
    data, book = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.txt", b"Code\n1\n2\n")
    workbook = openpyxl.Workbook()
    workbook.active.append(["Code"])
    workbook.save(book)
    return [("x.zip", data.getvalue()), ("x.gz", gzip.compress(b"Code\n1\n")), ("x.xlsx", book.getvalue())]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_fmt_2_any_broken_archive_gives_a_stated_error_or_rows(data):
    """A byte changed, the end cut off, or anything at all."""
    name, whole = data.draw(st.sampled_from(archives()))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + data.draw(st.binary(min_size=1, max_size=1)) + whole[at + 1 :]
    content = data.draw(st.sampled_from([changed, whole[:at]]) | st.binary(max_size=100))
    descriptor = build(parse("name: x\npath: x.txt\nschema: {fields: [{name: Code}]}", "x"))
    with suppress(FormatError):
        read(descriptor, content, name=name)


MARKS = [Marks(b";", b'"'), Marks(b",", b'"'), Marks(b"\t", b""), Marks(b"|", b"'")]


@settings(max_examples=200, deadline=None)
@given(
    marks=st.sampled_from(MARKS),
    parts=st.lists(
        st.sampled_from(['"', "'", ";", ",", "\t", "|", "\n", "\r\n", "\r", "a", "é", '""', '";"', "\n\n"]), max_size=30
    ),
    count=st.integers(1, 5),
)
def test_fmt_2_the_fast_path_agrees_with_telling_records_apart(marks, parts, count):
    """Whenever a text is taken as regular, telling its records one by one finds the very same cells."""
    text = "".join(parts).encode()
    wanted = list(range(count))
    slow = sifted(text, lambda _: count, marks, lambda _: False)
    slow_cells = columns(slow, count, marks, wanted)
    assert slow_cells is not None, "the CSV parser sees what was told apart"
    by_hand = [split(slow.raw(index), marks) for index in range(len(slow.lines))]
    assert [list(row) for row in zip(*(column.to_pylist() for column in slow_cells), strict=True)] == by_hand
    fast = regular(text, count, marks)
    fast_cells = None if fast is None else columns(fast, count, marks, wanted)
    if fast_cells is not None:
        filled = [index for index in range(len(fast.lines)) if not marks.is_blank(fast.raw(index))]
        assert slow.bad == ()
        assert slow.lines.tolist() == fast.lines[filled].tolist()
        assert by_hand == [split(fast.raw(index), marks) for index in filled]
        assert [column.to_pylist() for column in slow_cells] == [
            [column[index].as_py() for index in filled] for column in fast_cells
        ]


PIECES = [
    b"a",
    b"\0",
    "é".encode(),
    "€".encode(),
    "\U0001f600".encode(),
    b"\xe9",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
]


@given(data=st.one_of(st.binary(max_size=12), st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join)))
def test_fmt_2_what_python_takes_for_utf_8_is_utf_8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        assert decoded(data, "utf-8").damaged
    else:
        assert decoded(data, "utf-8") == Text(data, "utf-8", damaged=False)


def test_fmt_2_a_quote_that_is_never_closed_is_looked_for_only_so_far():
    text = b'a;"b\n' + b"c;d\n" * LONGEST_RECORD
    found = sifted(text, lambda _: 2, MARKS[0], lambda _: False)
    assert [(row.line, row.code) for row in found.bad] == [(1, "row-bad-quotes")]
    assert len(found.lines) == LONGEST_RECORD


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=20), encoding=st.sampled_from(["windows-1252", "us-ascii", "cp850", "iso-8859-15"]))
def test_fmt_3_any_text_fits_the_encoding(text, encoding):
    written = repertoire(encoding).written(text)
    written.text.encode(encoding)
    assert not set(written.dropped) - set(text)
    if text.isascii() and text.isprintable():
        assert (written.text, written.replaced, written.dropped) == (text, "", "")
