"""Writing files that the other side can read (FMT-3)."""

from __future__ import annotations

import pandas as pd
import pytest

from passerelle.formats.reader import read
from passerelle.formats.repertoire import repertoire
from passerelle.formats.writer import write
from passerelle.outcome import message

EBP_LIKE = """\
name: mine
path: out.txt
encoding: windows-1252
dialect: {delimiter: ";"}
passerelle: {quoting: data, settings: {deposit_rows: first}}
schema:
  fields:
    - {name: number, title: Numéro, constraints: {required: true, maxLength: 6}, passerelle: {overflow: refuse}}
    - {name: label, title: Libellé, constraints: {maxLength: 10}}
    - {name: amount, title: Montant, type: number, decimalChar: ",", passerelle: {decimals: 2}}
    - name: deposit
      title: Acompte
      type: number
      decimalChar: ","
      constraints: {required: true}
      passerelle: {rows: $deposit_rows}
    - {name: means, title: Moyen, passerelle: {rows: $deposit_rows, overflow: refuse}}
"""


@pytest.fixture
def ebp_like(declared):
    return declared(EBP_LIKE)


def table(labels, **columns):
    count = len(labels)
    given = {
        "number": [f"N{row}" for row in range(count)],
        "label": labels,
        "amount": [0] * count,
        "deposit": [0] * count,
        "means": ["CB"] * count,
        **columns,
    }
    return pd.DataFrame({name: pd.Series(cells) for name, cells in given.items()}).astype(
        {"label": "str", "number": "str"}
    )


def labels_of(written):
    return [line.split(";")[1].strip('"') for line in written.data.decode("cp1252").split("\r\n")[1:-1]]


def told(written):
    return list(written.outcomes[["record", "code", "field", "value"]].itertuples(index=False, name=None))


def test_fmt_3_header_bare_data_quoted_crlf_to_the_last_line(ebp_like):
    written = write(ebp_like, table(["Thé"], amount=[12_500_000]))
    assert written.data == 'Numéro;Libellé;Montant;Acompte;Moyen\r\n"N0";"Thé";"12,50";"0";"CB"\r\n'.encode("cp1252")
    assert (written.rows, written.outcomes.empty) == (1, True)


@pytest.mark.parametrize(
    ("label", "expected", "code"),
    [
        ("Œuf œ €’…", "Œuf œ €’…", None),
        ("Łódź", "Lódz", None),
        ("Cafe\u0301", "Café", None),
        ("Việt", "Viet", None),
        ("№ 5 ﬁn", "No 5 fin", None),
        ("3\u2033 \u202f4\u2032", "3'  4'", None),
        ("a\u200bb\ufeffc", "abc", None),
        ("日本 thé", "?? thé", "cell-characters-replaced"),
        ("Жук", "???", "cell-characters-replaced"),
        ("Ok 🎁👍🏽", "Ok", "cell-emoji-dropped"),
        ("🎁 le 👍🏽 thé", "le thé", "cell-emoji-dropped"),
        ("a\r\nb\nc\rd", "a b c d", None),
        ("a\x0bb\x1cc\x85", "a b c ", None),
        ("a\u2028b\u2029c", "a b c", None),
        ("\tx\0", " x ", None),
        ('12" x', "12' x", None),
        ("trop long, coupé", "trop long,", "cell-cut"),
        ("日日日日日日日日日日日", "??????????", "cell-cut"),
    ],
)
def test_fmt_3_texts_are_fitted_to_the_file(ebp_like, label, expected, code):
    written = write(ebp_like, table([label, "plain"]))
    assert labels_of(written) == [expected, "plain"]
    assert (code is None and written.outcomes.empty) or code in set(written.outcomes["code"])
    assert set(written.outcomes["state"]) <= {"succeeded"}


def test_fmt_3_a_text_of_emoji_alone_is_an_empty_one(declared):
    """A customer's name needs more than a blank."""
    required = declared(EBP_LIKE.replace("{maxLength: 10}", "{required: true, maxLength: 10}"))
    written = write(required, table(["🎁 👍🏽", "plain"]))
    assert set(written.outcomes["code"]) >= {"cell-missing"}
    assert labels_of(written) == ["plain"]


def test_fmt_3_a_transliteration_is_told_with_its_characters(ebp_like):
    written = write(ebp_like, table(["日 🎁", "Łódź"]))
    assert told(written) == [
        ("out.txt:2", "cell-characters-replaced", "Libellé", "日 🎁"),
        ("out.txt:2", "cell-emoji-dropped", "Libellé", "日 🎁"),
    ]
    assert "(日)" in message(written.outcomes.iloc[0].to_dict(), "fr")
    assert "(🎁)" in message(written.outcomes.iloc[1].to_dict(), "en")


def test_fmt_3_a_code_too_long_refuses_all_rows_of_its_record(ebp_like):
    rows = table(["a", "b", "c", "d"], number=["N1", "TOO-LONG", "TOO-LONG", "N2"]).assign(
        document=["d1", "d2", "d2", "d3"], label=["a", "b", "x" * 11, "d"]
    )
    written = write(ebp_like, rows, record_column="document", record_type="order")
    assert labels_of(written) == ["a", "d"]
    assert written.rows == 2
    assert written.outcomes[["record_type", "record", "stage", "state", "code"]].to_numpy().tolist() == [
        ["order", "d2", "write", "failed", "cell-too-long"],
        ["order", "d2", "write", "succeeded", "cell-cut"],
    ]
    assert told(written)[0] == ("d2", "cell-too-long", "Numéro", "TOO-LONG"), "once for both rows"


def test_fmt_3_a_refused_row_takes_the_whole_record_even_before_it(ebp_like):
    rows = table(["a", "b"], number=["N1", "LONGER-THAN-6"]).assign(document=["d", "d"])
    assert write(ebp_like, rows, record_column="document").rows == 0


def test_fmt_3_what_a_format_requires_is_checked_before_writing(ebp_like, prices):
    assert told(write(ebp_like, table(["a"], number=[""]))) == [("out.txt:2", "cell-missing", "Numéro", "")]
    row = {"code": "A", "price": -1_000_000, "unit": "XX", "ean": "12"}
    written = write(prices, pd.DataFrame([row]).astype({"code": "str", "unit": "str", "ean": "str"}))
    assert [code for _, code, _, _ in told(written)] == ["cell-too-small", "cell-not-allowed", "cell-unlike-pattern"]
    assert written.rows == 0


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0,00"),
        (-1, "0,00"),
        (-4_999, "0,00"),
        (-5_000, "-0,01"),
        (5_000, "0,01"),
        (1_234_567_890_000, "1234567,89"),
        (999_999_999_999_000_000, "999999999999,00"),
        (None, ""),
    ],
)
def test_fmt_3_numbers_have_no_exponent_no_thousands_and_no_negative_zero(ebp_like, amount, expected):
    written = write(ebp_like, table(["a"], amount=pd.Series([amount], dtype="Int64")))
    assert f'"a";"{expected}";' in written.data.decode("cp1252")


def test_fmt_3_leading_zeros_survive(ebp_like):
    written = write(ebp_like, table(["007"], number=["000042"]))
    assert '"000042";"007"' in written.data.decode("cp1252")


def test_ebp_2_the_deposit_stands_on_the_first_row_of_a_document_or_on_all(ebp_like):
    rows = table(["a", "b", "c"], deposit=[5_500_000, 5_500_000, 7_000_000]).assign(document=["d1", "d1", "d2"])
    first = write(ebp_like, rows, record_column="document").data.decode("cp1252")
    assert [line.split(";")[3:] for line in first.split("\r\n")[1:-1]] == [
        ['"5,5"', '"CB"'],
        ['"0"', '""'],
        ['"7"', '"CB"'],
    ]
    every = write(ebp_like, rows, record_column="document", settings={"deposit_rows": "all"}).data.decode("cp1252")
    assert every.count('"5,5";"CB"') == 2


def test_fmt_3_cells_are_quoted_only_where_needed(declared):
    given = declared(
        "name: mine\npath: x\ndialect: {delimiter: ',', lineTerminator: \"\\n\", doubleQuote: true}\n"
        "schema:\n  fields:\n    - {name: a, title: 'A, b'}\n    - {name: n, type: number, decimalChar: ','}\n"
    )
    rows = pd.DataFrame({"a": ["plain", 'with "quotes"', "a,b", "two\nlines", ""], "n": [1_500_000] * 5})
    written = write(given, rows)
    assert written.data.decode() == (
        '"A, b",n\nplain,"1,5"\n"with ""quotes""","1,5"\n"a,b","1,5"\n"two\nlines","1,5"\n,"1,5"\n'
    )
    assert read(given, written.data, name="x").table["a"].tolist() == rows["a"].tolist()


def test_fmt_3_without_quotes_the_delimiter_leaves_the_cell(declared):
    given = declared(
        "name: mine\npath: x\nencoding: us-ascii\ndialect: {delimiter: '|'}\npasserelle: {quoting: none}\n"
        "schema: {fields: [{name: a}, {name: b}]}"
    )
    written = write(given, pd.DataFrame({"a": ["x|y"], "b": ["œuf à 3 €"]}))
    assert written.data == b"a|b\r\nx y|oeuf a 3 EUR\r\n"


@pytest.mark.parametrize(
    ("encoding", "start"),
    [("utf-8", "é".encode()), ("utf-8-sig", b"\xef\xbb\xbf" + "é".encode()), ("utf-16", b"\xff\xfe\xe9\x00")],
)
def test_fmt_3_unicode_files_begin_as_declared(declared, encoding, start):
    given = declared(f"name: mine\npath: x\nencoding: {encoding}\nschema: {{fields: [{{name: a, title: é}}]}}")
    written = write(given, pd.DataFrame({"a": ["日🎁"]}))
    assert written.data.startswith(start)
    assert written.data.count(start[:2]) == 1 or encoding == "utf-8"
    assert written.outcomes.empty
    assert read(given, written.data, name="x").table["a"].tolist() == ["日🎁"]


FIXED = """\
name: mine
path: x.txt
encoding: us-ascii
dialect: {lineTerminator: "\\r\\n"}
passerelle: {layout: fixed}
schema:
  fields:
    - {name: code, passerelle: {width: 4, overflow: refuse}}
    - {name: label, passerelle: {width: 5}}
    - {name: amount, type: number, passerelle: {start: 11, width: 8, pad: "0", decimals: 2}}
    - {name: rate, type: number, decimalChar: ",", passerelle: {width: 6}}
"""


def test_fmt_3_a_fixed_layout_fills_its_widths(declared):
    given = declared(FIXED)
    rows = pd.DataFrame(
        {
            "code": ["A", "BCDE", "FGHIJ", "K"],
            "label": ["Thé", "coupé net", "x", "y"],
            "amount": pd.Series([12_500_000, -50_000, 1, 123_456_000_000], dtype="Int64"),
            "rate": pd.Series([5_500_000, None, 1, 1], dtype="Int64"),
        }
    )
    written = write(given, rows)
    assert written.data == b"A   The   00012.50   5,5\r\nBCDEcoupe -0000.05      \r\n"
    assert told(written) == [
        ("x.txt:3", "cell-too-long", "code", "FGHIJ"),
        ("x.txt:2", "cell-cut", "label", "coupe net"),
        ("x.txt:4", "cell-too-long", "amount", "123456.00"),
        ("x.txt:3", "cell-too-long", "rate", "0,000001"),
        ("x.txt:4", "cell-too-long", "rate", "0,000001"),
    ]


KINDS = """\
name: mine
path: x.txt
dialect: {header: false, delimiter: ";", lineTerminator: "\\n"}
passerelle: {kind_field: kind}
schema:
  fields:
    - {name: kind, constraints: {required: true, enum: [M, C]}}
    - {name: account, constraints: {required: true}}
    - {name: amount, type: number, constraints: {required: true}, passerelle: {kinds: [M], decimals: 2}}
    - {name: title, constraints: {required: true}, passerelle: {kinds: [C]}}
"""


def test_fmt_3_several_kinds_of_record_keep_their_order(declared):
    given = declared(KINDS)
    rows = pd.DataFrame(
        {
            "kind": ["C", "M", "M", "C", "X", "M"],
            "account": ["411", "411", "707", "512", "1", "1"],
            "amount": pd.Series([None, 12_500_000, -12_500_000, None, 1, None], dtype="Int64"),
            "title": ["Dupont; SA", "", "", "", "", ""],
        }
    )
    written = write(given, rows)
    assert written.data == b'C;411;"Dupont; SA"\nM;411;12.50\nM;707;-12.50\n'
    assert told(written) == [
        ("x.txt:5", "cell-not-allowed", "kind", "X"),
        ("x.txt:6", "cell-missing", "amount", ""),
        ("x.txt:4", "cell-missing", "title", ""),
    ]
    back = read(given, written.data, name="x.txt")
    assert back.table["amount"].tolist() == [pd.NA, 12_500_000, -12_500_000]


def test_fmt_3_values_of_another_kind_of_record_are_neither_written_nor_told(declared):
    given = declared(KINDS.replace("title, constraints: {required: true}", "title, constraints: {maxLength: 2}"))
    rows = pd.DataFrame({"kind": ["M"], "account": ["411"], "amount": [1_000_000], "title": ["too long 日"]})
    written = write(given, rows)
    assert (written.data, written.outcomes.empty) == (b"M;411;1.00\n", True)


def test_fmt_3_a_forms_own_texts_fit_the_file_too(declared):
    given = declared(
        "name: mine\npath: x\nencoding: us-ascii\nschema:\n  fields:\n"
        "    - {name: a}\n    - {name: b, type: boolean, passerelle: {form: non/déjà}}\n"
    )
    assert write(given, pd.DataFrame({"a": ["x"], "b": [True]})).data == b"a,b\r\nx,deja\r\n"


def test_fmt_3_many_blocks_make_the_same_file_as_one(ebp_like, monkeypatch):
    rows = table([f"Libellé {row}" for row in range(100)]).assign(document=[f"d{row // 7}" for row in range(100)])
    rows.loc[50, "number"] = "TOO-LONG"
    whole = write(ebp_like, rows, record_column="document")
    monkeypatch.setattr("passerelle.formats.writer._BLOCK", 9)
    parts = write(ebp_like, rows, record_column="document")
    assert (whole.data, whole.rows) == (parts.data, parts.rows)
    assert whole.rows == 93, "the record stands in two blocks"
    assert sorted(told(whole)) == sorted(told(parts))


def test_fmt_3_an_empty_table_is_a_header(ebp_like):
    written = write(ebp_like, table([]).astype({"amount": "Int64", "deposit": "Int64", "means": "str"}))
    assert written.data == "Numéro;Libellé;Montant;Acompte;Moyen\r\n".encode("cp1252")
    assert (written.rows, len(written.outcomes)) == (0, 0)


def test_fmt_3_a_lacking_column_is_empty_unless_required(ebp_like):
    rows = table(["a"])
    assert write(ebp_like, rows.drop(columns=["amount", "means"])).data.endswith(b'"a";"";"0";""\r\n')
    with pytest.raises(TypeError, match="format mine needs columns that the table lacks: number, deposit"):
        write(ebp_like, rows.drop(columns=["number", "deposit"]))


def test_fmt_3_the_index_of_the_table_does_not_matter(ebp_like):
    rows = table(["a", "b", "c"])
    expected = write(ebp_like, rows).data
    assert write(ebp_like, rows.set_index(pd.Index([7, 7, 3]))).data == expected


def test_fmt_3_simpler_characters_are_ones_that_ascii_has():
    written = repertoire("us-ascii").written("Œuvre « à » 12 × ½ ﬀ ß Ø — “x” ’ … ² ° ñ ı")
    assert written.text == 'OEuvre " a " 12 x 1/2 ff ss O - "x" \' ... 2 ? n i'
    assert written.replaced == "°"
