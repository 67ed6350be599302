"""Reading files of a format: tolerant where users' files vary, strict where data could be lost (FMT-2)."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import zipfile
from dataclasses import replace

import numpy as np
import openpyxl
import pandas as pd
import pytest

from passerelle.formats import container
from passerelle.formats.errors import FormatError, NotOursError, NotReadableError
from passerelle.formats.reader import read
from passerelle.messages import codes

HEADER = "Code article;Libellé;Prix HT;Stock;Depuis le;Actif;Unité;EAN"
ROW = "0042;Thé vert;12,50;3;31/01/2026;O;KG;40063803"


def problems(result):
    return list(result.outcomes[["record", "code", "field", "value"]].itertuples(index=False, name=None))


def test_fmt_2_each_type_is_read_as_declared(prices):
    result = read(prices, f"{HEADER}\n{ROW}\nA;;;;;;;\n".encode(), name="p.csv")
    assert result.outcomes.empty
    assert {name: str(dtype) for name, dtype in result.table.dtypes.items()} == {
        "code": "str",
        "label": "str",
        "price": "Int64",
        "stock": "Int64",
        "since": "datetime64[s]",
        "active": "boolean",
        "unit": "str",
        "ean": "str",
        "line": "int64",
    }
    first, second = result.table.to_dict("records")
    assert first == {
        "code": "0042",
        "label": "Thé vert",
        "price": 12_500_000,
        "stock": 3,
        "since": pd.Timestamp("2026-01-31"),
        "active": True,
        "unit": "KG",
        "ean": "40063803",
        "line": 2,
    }
    assert (second["code"], second["label"], second["unit"], second["line"]) == ("A", "", "", 3)
    assert all(second[name] is None for name in ("price", "stock", "active")), "empty is not 0"
    assert second["since"] is pd.NaT


@pytest.mark.parametrize(
    ("encoded", "encoding"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "utf-8"),
        (lambda text: text.encode("cp1252"), "windows-1252"),
        (lambda text: text.encode("utf-16"), "utf-16-le"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "utf-16-be"),
        (lambda text: text.encode("utf-16-le"), "utf-16-le"),
        (lambda text: text.encode("utf-16-be"), "utf-16-be"),
    ],
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_fmt_2_encoding_delimiter_and_line_end_are_found(prices, encoded, encoding, delimiter, line_end):
    text = f'{HEADER}\n0042;"Thé; vert, | doux\t";"12,5";;;;;\n'.replace("\n", line_end)
    text = text.replace(";", delimiter) if delimiter != ";" else text
    result = read(prices, encoded(text), name="p.csv")
    assert (result.encoding, result.delimiter) == (encoding, delimiter)
    assert result.table["price"].tolist() == [12_500_000]
    assert result.table["label"][0].startswith("Thé")


def test_fmt_2_a_declared_encoding_is_not_doubted(prices):
    data = f"{HEADER}\n1;Ã©;;;;;;\n".encode("cp1252")
    assert read(prices, data, name="p.csv", encoding="windows-1252").table["label"].tolist() == ["Ã©"]


def test_fmt_2_a_damaged_utf_8_file_costs_its_damaged_row_only(prices):
    data = f"{HEADER}\n1;Thé;;;;;;\n2;Th\udcc3;;;;;;\n3;Café;;;;;;\n".encode(errors="surrogateescape")
    result = read(prices, data, name="p.csv")
    assert result.table["label"].tolist() == ["Thé", "Café"]
    assert problems(result) == [("p.csv:3", "row-unreadable", "", "")]


def test_fmt_2_header_labels_match_without_case_accents_spaces_and_order(prices):
    data = b"  PRIX ht ;unknown;DESIGNATION;code  Article\n12;x;The;42\n"
    result = read(prices, data, name="p.csv")
    assert result.table.loc[0, ["code", "label", "price"]].tolist() == ["42", "The", 12_000_000]
    assert result.unused == ("unknown",)
    assert set(result.absent) == {"stock", "since", "active", "unit", "ean"}
    assert result.table["stock"].isna().all()
    assert result.table["unit"].tolist() == [""]


def test_fmt_2_quoted_line_breaks_delimiters_and_quotes_stay(prices):
    data = f'{HEADER}\n1;"Thé\r\nvert; ""bio""";1;;;;;\n\n\n2;b;2;;;;;\n'.encode()
    result = read(prices, data, name="p.csv")
    assert result.table["label"].tolist() == ['Thé\r\nvert; "bio"', "b"]
    assert result.table["line"].tolist() == [2, 6], "physical lines"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (";x;;;;;;", ("cell-missing", "Code article", "")),
        ("123456789;x;;;;;;", ("cell-too-long", "Code article", "123456789")),
        ("4.01E+12;x;;;;;;", ("cell-spoilt", "Code article", "4.01E+12")),
        ("4,0E+05;x;;;;;;", ("cell-spoilt", "Code article", "4,0E+05")),
        ('"A\n1";x;;;;;;', ("cell-with-controls", "Code article", "A\n1")),
        ("A\x011;x;;;;;;", ("cell-with-controls", "Code article", "A\x011")),
        ("1;x;1.50;;;;;", ("cell-no-number", "Prix HT", "1.50")),
        ("1;x;1,234,5;;;;;", ("cell-no-number", "Prix HT", "1,234,5")),
        ("1;x;12€;;;;;", ("cell-no-number", "Prix HT", "12€")),
        ("1;x;1E3;;;;;", ("cell-no-number", "Prix HT", "1E3")),
        ("1;x;-0,01;;;;;", ("cell-too-small", "Prix HT", "-0,01")),
        ("1;x;;1,5;;;;", ("cell-no-integer", "Stock", "1,5")),
        ("1;x;;;31/02/2026;;;", ("cell-no-date", "Depuis le", "31/02/2026")),
        ("1;x;;;2026-01-31;;;", ("cell-no-date", "Depuis le", "2026-01-31")),
        ("1;x;;;now;;;", ("cell-no-date", "Depuis le", "now")),
        ("1;x;;;nan;;;", ("cell-no-date", "Depuis le", "nan")),
        ("1;x;;;;oui;;", ("cell-no-flag", "Actif", "oui")),
        ("1;x;;;;;kg;", ("cell-not-allowed", "Unité", "kg")),
        ("1;x;;;;;;123", ("cell-unlike-pattern", "EAN", "123")),
        ("1;x;;;;;", ("row-too-few-cells", "", "")),
        ("1;x;;;;;;;y", ("row-too-many-cells", "", "")),
        ('1;"x;;;;;;', ("row-bad-quotes", "", "")),
        ('1;"x"y;;;;;;', ("row-bad-quotes", "", "")),
        ("1;\0;;;;;;", ("row-unreadable", "", "")),
    ],
)
def test_fmt_2_a_bad_row_is_its_outcome_and_the_file_goes_on(prices, row, expected):
    data = f"{HEADER}\nA;x;1;;;;;\n{row}\nB;y;2;;;;;\n".encode()
    result = read(prices, data, name="p.csv")
    assert problems(result) == [("p.csv:3", *expected)]
    assert result.table["code"].tolist() == ["A", "B"]
    assert (result.rows, len(result.table)) == (3, 2)
    assert set(result.outcomes["state"]) == {"failed"}


def test_fmt_2_all_problems_of_a_row_are_collected(prices):
    result = read(prices, f"{HEADER}\n;x;ten;;32/01/2026;;;\n".encode(), name="p.csv")
    assert [problem[1] for problem in problems(result)] == ["cell-missing", "cell-no-number", "cell-no-date"]
    assert result.table.empty


def test_fmt_2_empty_cells_too_many_lose_nothing(prices):
    result = read(prices, f"{HEADER}\n{ROW};\n{ROW};;\n;;;;;;;\n".encode(), name="p.csv")
    assert result.outcomes.empty
    assert result.table["code"].tolist() == ["0042", "0042"]


@pytest.mark.parametrize(
    ("text", "millionths"),
    [
        (",5", 500_000),
        ("-,5", -500_000),
        ("7,", 7_000_000),
        ("+3", 3_000_000),
        ("0000000000000012,50", 12_500_000),
        ("0,333333333333333333", 333_333),
        ("0,0000004999999999999", 0),
        ("0,0000005000000000000", 1),
        (" 12,5\u00a0", 12_500_000),
        ("999999999999,999999", 999_999_999_999_999_999),
    ],
)
def test_fmt_2_numbers_are_exact_however_they_are_written(prices, text, millionths):
    one = replace(prices.field("price"), minimum=None)
    result = read(replace(prices, fields=(prices.field("code"), one)), f"{HEADER}\n1;;{text};;;;;\n".encode(), name="p")
    assert result.table["price"].tolist() == [millionths]


def test_fmt_2_ambiguous_numbers_and_dates_are_as_declared(prices):
    data = f"{HEADER}\n1;;1,234;;03/04/2026;;;\n".encode()
    other = prices.configured({"day": "%m/%d/%Y"})
    assert read(prices, data, name="p").table.loc[0, ["price", "since"]].tolist() == [
        1_234_000,
        pd.Timestamp("2026-04-03"),
    ]
    assert read(other, data, name="p").table["since"].tolist() == [pd.Timestamp("2026-03-04")]


def test_fmt_2_a_declared_thousands_mark_is_taken_off(declared):
    given = declared(
        'name: mine\npath: x\nschema:\n  fields:\n    - {name: n, type: number, decimalChar: ",", groupChar: " "}\n'
    )
    data = "n\n1 234,5\n1\u202f234,5\n1\u00a0234,5\n".encode()
    assert read(given, data, name="n.csv").table["n"].tolist() == [1_234_500_000] * 3


def test_fmt_2_times_with_an_offset_are_in_utc(built_in, samples):
    path = samples / "shopify" / "orders_export_subset.csv"
    result = read(built_in.get("shopify/orders"), path.read_bytes(), name=path.name)
    assert result.outcomes.empty
    assert (result.rows, len(result.table)) == (9, 9)
    assert result.table["created_at"].dtype == "datetime64[s, UTC]"
    assert result.table["created_at"][0] == pd.Timestamp("2025-01-05 10:00:00-0500")
    assert result.table["created_at"][1] is pd.NaT
    assert result.table["total"].notna().sum() == 8, "on the first row of an order only"
    assert result.table["lineitem_name"].tolist()[:2] == ["Blue Widget", "Red Gadget"]
    assert "lineitem_sku" in result.absent


@pytest.mark.parametrize(
    ("form", "text", "second"),
    [
        ("%Y-%m-%d %H:%M:%S", "2026-11-20 10:00:59.997", 59),
        ("%Y-%m-%d %H:%M:%S", "2026-11-20 10:00:07.1230000", 7),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T10:00:07,5+00:00", 7),
        ("%d.%m.%Y %H.%M.%S", "20.11.2026 10.00.07", 7),
        ("%Y-%m-%d %H:%M:%S", "2026-11-20 10:00.07", None),
    ],
)
def test_fmt_2_ebp_10_a_fraction_of_a_second_is_left_out(declared, form, text, second):
    given = declared(f'name: mine\npath: x\nschema:\n  fields:\n    - {{name: at, type: datetime, format: "{form}"}}\n')
    table = read(given, f"at\n{text}\n".encode(), name="at.csv").table
    assert [(at.hour, at.minute, at.second) for at in table["at"]] == ([(10, 0, second)] if second else [])


def test_fmt_2_an_unclosed_quote_costs_one_line(prices):
    rows = [f"{number};n;{number};;;;;" for number in range(1, 51)]
    rows[9] = '10;"n;10;;;;;'
    result = read(prices, "\n".join([HEADER, *rows]).encode(), name="p.csv")
    assert len(result.table) == 49
    assert problems(result) == [("p.csv:11", "row-bad-quotes", "", "")]


def test_fmt_2_an_unclosed_quote_costs_one_line_where_all_is_quoted(prices):
    rows = [f'"{number}";"n";"{number}";"";"";"";"";""' for number in range(1, 51)]
    rows[9] = '"10";"n;"10";"";"";"";"";""'
    result = read(prices, "\n".join([HEADER, *rows]).encode(), name="p.csv")
    assert len(result.table) == 49
    assert problems(result) == [("p.csv:11", "row-bad-quotes", "", "")]


def test_fmt_2_rows_behind_an_unclosed_quote_are_not_taken_for_text(prices):
    """An inch mark some rows below closes the quote, and the cells even add up."""
    rows = [f"{number};n;{number};;;;;" for number in range(1, 10)]
    rows[2] = '3;"n;3;;;;;'
    rows[5] = '6;tube 3";6;;;;;'
    result = read(prices, "\n".join([HEADER, *rows]).encode(), name="p.csv")
    assert problems(result) == [("p.csv:4", "row-bad-quotes", "", "")]
    assert result.table["code"].tolist() == [str(number) for number in range(1, 10) if number != 3]
    assert result.table["label"][4] == 'tube 3"'


def test_fmt_2_the_exact_path_and_the_fast_path_read_alike(prices):
    """A bad row sends the file the slow way; all others must come out the same."""
    cells = ["a", '"b;c"', '"d ""e"""', '"f\ng"', "h'i", "", '3" x']
    rows = [f"{number};{cells[number % len(cells)]};{number},5;;;;;" for number in range(200)]
    fast_rows = [row for row in rows if '3" x' not in row]
    fast = read(prices, "\n".join([HEADER, *fast_rows]).encode(), name="p.csv")
    slow = read(prices, "\n".join([HEADER, *fast_rows, "bad"]).encode(), name="p.csv")
    assert fast.outcomes.empty
    assert len(slow.outcomes) == 1
    pd.testing.assert_frame_equal(fast.table, slow.table)
    assert len(read(prices, "\n".join([HEADER, *rows]).encode(), name="p.csv").table) == 200


def workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def test_fmt_2_workbooks_are_read_like_text(prices):
    data = workbook(
        [
            HEADER.split(";"),
            ["0042", "Thé", 12.1, 3, dt.date(2026, 1, 31), True, "KG", 40063803],
            [],
            [4006380333931, None, "12,5", "3", "31/01/2026", "N", None, None],
            ["B", None, "1.5", None, None, None, None, None, "beyond"],
            ["C", None, 0.1 + 0.2, None, None, None, None, None],
            ["D", None, 1 / 3, None, None, None, None, None],
        ]
    )
    result = read(prices, data, name="p.XLSX")
    assert problems(result) == [
        ("p.XLSX:4", "cell-too-long", "Code article", "4006380333931"),
        ("p.XLSX:5", "row-too-many-cells", "", ""),
    ]
    first, last, third = result.table.to_dict("records")
    assert third["price"] == 333_333
    assert (first["code"], first["price"], first["stock"], first["ean"]) == ("0042", 12_100_000, 3, "40063803")
    assert (first["since"], first["active"]) == (pd.Timestamp("2026-01-31"), True)
    assert (last["price"], last["line"]) == (300_000, 6), "no binary noise"


def zipped(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return data.getvalue()


def test_fmt_2_archives_are_opened(prices):
    text = f"{HEADER}\n{ROW}\n".encode()
    assert len(read(prices, zipped(any_csv=text), name="p.zip").table) == 1
    assert len(read(prices, zipped(other_txt=b"x", prices_csv=text), name="p.zip").table) == 1, "by its name"
    assert len(read(prices, gzip.compress(text), name="p.csv.gz").table) == 1
    assert len(read(prices, zipped(p_xlsx=workbook([HEADER.split(";"), ["1"]])), name="p.zip").table) == 1
    assert read(prices, gzip.compress(text + b"bad\n"), name="p.csv.gz").outcomes["record"].tolist() == ["p.csv.gz:3"]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("p.zip", zipped(a_csv=b"x", b_csv=b"y"), "file-archive-ambiguous"),
        ("p.zip", b"PK\3\4 no zip", "file-archive-broken"),
        ("p.csv.gz", b"no gzip", "file-archive-broken"),
        ("p.csv.gz", gzip.compress(b"cut short" * 100, mtime=0)[:-12], "file-archive-broken"),
        ("p.xlsx", b"no workbook", "file-archive-broken"),
        ("p.xlsx", zipped(a_txt=b"no workbook either"), "file-archive-broken"),
        ("p.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "file-header-not-ours"),
        ("p.csv", b"\0\1\2\3\0\1\2\3", "file-not-text"),
        ("p.csv", b"Libell\xe9;Prix HT\nx;1\n", "file-header-not-ours"),
        ("p.csv", b"Code article;Stock;STOCK\nx;1;2\n", "file-header-twice"),
    ],
)
def test_fmt_2_what_stops_a_whole_file_names_it(prices, name, data, code):
    with pytest.raises(FormatError) as caught:
        read(prices, data, name=name)
    error = caught.value
    assert (error.code, error.file, error.format) == (code, name, "mine")
    assert isinstance(error, NotOursError if "header" in code else NotReadableError)
    assert name in str(error)
    assert error.text("fr") != error.text("en")
    assert "{" not in error.text("fr") + error.text("en")
    assert error.outcomes()[["record", "code", "state"]].to_numpy().tolist() == [[name, code, "failed"]]


def test_fmt_2_the_missing_columns_are_named(prices):
    with pytest.raises(NotOursError, match="The header is not that of the format mine: Code article is missing"):
        read(prices, b"Libelle\nx\n", name="p.csv")


def test_fmt_2_archives_are_limited(prices, monkeypatch):
    monkeypatch.setattr(container, "FREE_BYTES", 1000)
    bomb = b"0" * 1_000_000
    for name, data in (("p.zip", zipped(a_csv=bomb)), ("p.gz", gzip.compress(bomb)), ("p.xlsx", zipped(a_xml=bomb))):
        with pytest.raises(NotReadableError) as caught:
            read(prices, data, name=name)
        assert caught.value.code == "file-archive-too-large"


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\r\n"])
def test_fmt_2_an_empty_file_has_its_own_code(prices, data):
    result = read(prices, data, name="p.csv")
    assert result.outcomes[["record_type", "record", "code", "state"]].to_numpy().tolist() == [
        ["file", "p.csv", "file-empty", "failed"]
    ]
    assert result.table.empty
    assert "code" in result.table


def test_fmt_2_a_header_alone_has_its_own_code(prices):
    for data in (HEADER.encode(), f"{HEADER}\r\n".encode(), workbook([HEADER.split(";")])):
        name = "p.xlsx" if data.startswith(b"PK") else "p.csv"
        result = read(prices, data, name=name)
        assert result.outcomes[["code", "state"]].to_numpy().tolist() == [["file-without-rows", "succeeded"]]
        assert (result.rows, len(result.table)) == (0, 0)


def test_fmt_2_a_file_without_header_is_read_by_position(declared):
    given = declared(
        "name: mine\npath: x\ndialect: {header: false}\nschema: {fields: [{name: a}, {name: n, type: number}]}"
    )
    result = read(given, b"x;1.5\ny;z\n", name="p.csv")
    assert result.table[["a", "n", "line"]].to_numpy().tolist() == [["x", 1_500_000, 1]]
    assert problems(result) == [("p.csv:2", "cell-no-number", "n", "z")]
    assert read(given, b"\n", name="p.csv").outcomes["code"].tolist() == ["file-empty"]


FIXED = """\
name: mine
path: x.txt
passerelle: {layout: fixed}
schema:
  fields:
    - {name: code, constraints: {required: true}, passerelle: {width: 4, overflow: refuse}}
    - {name: amount, type: number, passerelle: {width: 8, pad: "0", decimals: 2}}
    - {name: label, passerelle: {start: 15, width: 6}}
"""


def test_fmt_2_a_fixed_layout_is_read_by_its_positions(declared):
    given = declared(FIXED)
    data = "AB  00012.50  Théé  \nC   -0000.05  lab\nD           \nE   0000000\nF   00000.00  label too long\n".encode()
    result = read(given, data, name="f.txt")
    assert result.table[["code", "label", "line"]].to_numpy().tolist() == [
        ["AB", "Théé", 1],
        ["C", "lab", 2],
        ["D", "", 3],
    ]
    assert result.table["amount"].tolist() == [12_500_000, -50_000, pd.NA]
    assert problems(result) == [("f.txt:4", "row-wrong-width", "", ""), ("f.txt:5", "row-wrong-width", "", "")]
    assert "11 characters; it should have 20" in message_of(result, 0)


def message_of(result, row):
    from passerelle.outcome import message

    return message(result.outcomes.iloc[row].to_dict(), "en")


KINDS = """\
name: mine
path: x.txt
dialect: {{header: false, delimiter: ";"}}
passerelle: {{kind_field: kind{layout}}}
schema:
  fields:
    - {{name: kind, constraints: {{required: true, enum: [M, C]}}, passerelle: {{width: 1}}}}
    - {{name: account, constraints: {{required: true}}, passerelle: {{width: 4}}}}
    - {{name: amount, type: number, passerelle: {{kinds: [M], width: 6, decimals: 2}}}}
    - {{name: title, constraints: {{required: true}}, passerelle: {{kinds: [C], start: 6, width: 5}}}}
"""


def test_fmt_2_several_kinds_of_record_are_read_into_one_table(declared):
    text = KINDS.format(layout="")
    for word in ("width: 1", "width: 4", ", width: 6", ", start: 6, width: 5"):
        text = text.replace(word, "")
    given = declared(text)
    data = b'C;411;"Dupont; SA"\nM;411;12.50\n;;\n\nX;1\nM;411\nM;;1\nC;512;\nM;512;-3\n'
    result = read(given, data, name="k.txt")
    assert result.table["kind"].tolist() == ["C", "M", "M"]
    assert result.table["title"].tolist() == ["Dupont; SA", "", ""]
    assert result.table["amount"].tolist() == [pd.NA, 12_500_000, -3_000_000]
    assert result.table["line"].tolist() == [1, 2, 9]
    assert problems(result) == [
        ("k.txt:5", "row-unknown-kind", "", ""),
        ("k.txt:6", "row-too-few-cells", "", ""),
        ("k.txt:7", "cell-missing", "account", ""),
        ("k.txt:8", "cell-missing", "title", ""),
    ]
    assert result.rows == 7


def test_fmt_2_several_kinds_of_record_in_a_fixed_layout(declared):
    text = KINDS.format(layout=", layout: fixed").replace(', delimiter: ";"', "")
    given = declared(text)
    result = read(given, b"C411 Dupon\nM411  12.50\nX\nM512   -3.0\n    \n", name="k.txt")
    assert result.table[["kind", "account", "title", "line"]].to_numpy().tolist() == [
        ["C", "411", "Dupon", 1],
        ["M", "411", "", 2],
        ["M", "512", "", 4],
    ]
    assert result.table["amount"].tolist() == [pd.NA, 12_500_000, -3_000_000]
    assert problems(result) == [("k.txt:3", "row-unknown-kind", "", "")]


@pytest.mark.parametrize(
    ("path", "fields", "count"),
    [
        ("magento/advanced_pricing.csv", {"sku": "string", "tier_price": "number"}, 4),
        ("magento/catalog_product.csv", {"sku": "string", "price": "number", "qty": "number"}, None),
        ("magento/products_gear_bags.csv", {"sku": "string", "price": "number", "description": "string"}, None),
        ("magento/sample_orders.csv", {"customer_email": "string", "product": "string"}, None),
        ("magento/stock_export_full.csv", {"sku": "string", "quantity": "number"}, None),
        ("magento/stock_sources.csv", {"sku": "string", "quantity": "number"}, 4),
        (
            "prestashop/ps16_addresses_import.csv",
            {"Adress ID": "integer", "Company": "string", "City*": "string"},
            None,
        ),
        ("prestashop/ps16_combinations_import.csv", {"Product ID*": "integer", "Reference": "string"}, None),
        ("prestashop/ps16_customers_import.csv", {"Customer ID": "integer", "Birthday (yyyy-mm-dd)": "date"}, None),
        ("prestashop/ps16_products_import.csv", {"Product ID": "integer", "Quantity": "integer"}, None),
        ("prestashop/ps8_products_import.csv", {"Product ID": "integer", "Price tax excluded": "number"}, None),
        ("woocommerce/importer_sample.csv", {"SKU": "string", "Stock": "integer", "Button text": "string"}, None),
        ("woocommerce/sample_products_bom_lbs.csv", {"ID": "integer", "Weight (lbs)": "number"}, None),
        ("woocommerce/sample_tax_rates.csv", {"Country Code": "string", "Rate %": "number"}, None),
        ("shopify/apparel.csv", {"Handle": "string", "Variant Price": "number"}, None),
        ("shopify/product_template.csv", {"Handle": "string", "Variant Inventory Qty": "integer"}, None),
        ("bigcommerce/tracking_carrier_values.csv", {"Tracking Carrier – Value": "string"}, None),
    ],
)
def test_fmt_2_real_files_are_read_whole(declared, samples, path, fields, count):
    declarations = "".join(
        f"    - {{name: f{number}, title: '{title}', type: {kind}}}\n"
        for number, (title, kind) in enumerate(fields.items())
    )
    data = (samples / path).read_bytes()
    result = read(declared(f"name: mine\npath: x\nschema:\n  fields:\n{declarations}"), data, name=path)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=result.delimiter))
    assert result.outcomes.empty, result.outcomes.to_string()
    assert len(result.table) == result.rows == len(rows) > 0
    assert count is None or len(rows) == count
    assert result.absent == ()
    first = next(label for label in rows[0] if label and label.casefold() == next(iter(fields)).casefold())
    assert result.table["f0"].astype("str").tolist() == [row[first] for row in rows]


def test_fmt_2_line_numbers_are_those_of_an_editor(declared, samples):
    data = (samples / "magento" / "products_gear_bags.csv").read_bytes()
    given = declared("name: mine\npath: x\nschema: {fields: [{name: sku}]}")
    lines = data.decode().split("\n")
    for sku, line in read(given, data, name="p").table[["sku", "line"]].itertuples(index=False):
        record = "\n".join(lines[line - 1 : line + 4])
        assert sku in record


def test_fmt_2_every_code_of_a_problem_has_texts_that_name_only_what_is_given(prices):
    bad = [";x;ten;1,5;x;x;x;1", "1234567890;;;;;;;", "4E+5;;-1;;;;;", "short", "1;2;3;4;5;6;7;8;9", '1;"2;;;;;;']
    result = read(prices, "\n".join([HEADER, *bad]).encode(), name="p.csv")
    for row in range(len(result.outcomes)):
        assert "{" not in message_of(result, row)
    assert set(result.outcomes["code"]) <= set(codes())


def test_fmt_2_long_values_are_shown_short(prices):
    result = read(prices, f"{HEADER}\n{'x' * 5000};;;;;;;\n".encode(), name="p.csv")
    assert result.outcomes["value"].str.len().tolist() == [200]


def test_fmt_2_lines_are_integers_of_64_bits(prices):
    assert read(prices, b"", name="p").table["line"].dtype == np.int64
