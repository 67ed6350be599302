"""What a descriptor file may say, and how its mistakes are told (FMT-1)."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from passerelle.formats.descriptor import label_key
from passerelle.formats.notation import DescriptorError
from passerelle.formats.registry import UnknownFormatError, formats


def test_fmt_1_a_descriptor_says_all_of_a_field(declared, prices):
    code, label, price, _, since, active, unit, _ = prices.fields
    assert (code.required, code.max_length, code.overflow) == (True, 8, "refuse")
    assert (label.title, label.aliases, label.overflow) == ("Libellé", ("Désignation",), "cut")
    assert (price.decimal_mark, price.decimals, price.minimum) == (",", 2, Decimal(0))
    assert since.date_format == "%d/%m/%Y"
    assert (active.true_values, active.false_values) == (("O",), ("N",))
    assert unit.enum == ("UN", "KG")
    assert {one.origin for one in prices.fields} == {"the tests"}


def test_fmt_1_scalars_are_texts_whatever_yaml_makes_of_them(declared):
    given = declared(
        "name: mine\npath: x\nschema:\n  fields:\n"
        "    - {name: a, example: 0123}\n    - {name: b, example: no}\n    - {name: c, example: 2026-01-31}\n"
    )
    assert [one.examples for one in given.fields] == [("0123",), ("no",), ("2026-01-31",)]


def test_fmt_1_settings_fill_what_names_them_and_a_profile_overrides_them(prices):
    other = prices.configured({"mark": ".", "day": "%Y-%m-%d"})
    assert other.field("price").decimal_mark == "."
    assert other.field("since").date_format == "%Y-%m-%d"
    assert prices.field("price").decimal_mark == ","
    assert other.configured({"mark": ","}).field("since").date_format == "%d/%m/%Y", "from the declared ones"
    assert prices.configured(None) is prices


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"marc": "."}, "no setting is named marc; declared: day, mark"),
        ({"mark": ";"}, "';' is not possible; allowed: ., ,"),
        ({"day": "%Q"}, "'%Q' is not possible; allowed: default, or a pattern"),
    ],
)
def test_fmt_1_a_wrong_setting_is_told(prices, settings, said):
    with pytest.raises(DescriptorError, match=re.escape(said)):
        prices.configured(settings)


def test_fmt_1_a_field_name_holds_several_settings(declared):
    given = declared(
        'name: mine\npath: x\npasserelle:\n  settings: {custom: order, star: "*"}\n'
        'schema:\n  fields:\n    - {name: a, title: "Document - ${custom}$star costs $$5"}\n'
    )
    assert given.fields[0].title == "Document - order* costs $5"


def test_fmt_1_positions_of_a_fixed_layout_follow_each_other(declared):
    given = declared(
        "name: mine\npath: x\npasserelle: {layout: fixed}\nschema:\n  fields:\n"
        "    - {name: a, passerelle: {width: 3}}\n"
        "    - {name: b, type: number, passerelle: {width: 5, pad: '0'}}\n"
        "    - {name: c, passerelle: {start: 11, width: 2}}\n"
    )
    assert [(one.start, one.end, one.align) for one in given.fields] == [
        (1, 3, "left"),
        (4, 8, "right"),
        (11, 12, "left"),
    ]
    assert not given.header


MISTAKES = [
    ("name: mine\npath: x\ncolour: red\nschema: {fields: [{name: a}]}", "3: colour: unknown property; allowed: "),
    ("name: mine\nname: mine\npath: x", "2: name: stands twice"),
    ("name: mine\nschema: {fields: [{name: a}]}", "1: path: is missing"),
    ("name: other\npath: x\nschema: {fields: [{name: a}]}", "name: is 'other', but the file's place says 'mine'"),
    ("name: mine\npath: x\nschema: {fields: []}", "fields: a format has at least one field"),
    ("name: mine\npath: x\nschema: {fields: a}", "3: schema.fields: a list of mappings is expected"),
    ("name: mine\npath: x\nschema: []", "3: schema: a mapping is expected"),
    ("name: [a]\npath: x\nschema: {fields: [{name: a}]}", "name: is "),
    ("- a", "1: not a descriptor"),
    ("name: 'mine", "1: not YAML: "),
    ("{field}\n      type: strng", "6: schema.fields[a].type: 'strng' is not possible; allowed: string, integer"),
    ("{field}\n  primaryKey: [b]", "6: schema.primaryKey: b is no field, or is a constant; allowed: a"),
    ("{field}\n      titel: x", "6: schema.fields[a].titel: unknown property; allowed: "),
    ("{field}\n      title: [x]", "schema.fields[a].title: one value is expected"),
    ("{field}\n      constraints: {maxLength: -1}", "6: schema.fields[a].constraints.maxLength: '-1' is not possible"),
    (
        "{field}\n      constraints: {required: yes}",
        "constraints.required: 'yes' is not possible; allowed: true, false",
    ),
    ("{field}\n      constraints: {minimum: ten}", "constraints.minimum: 'ten' is no number"),
    ("{field}\n      constraints: {maximum: NaN}", "constraints.maximum: 'NaN' is no number"),
    ("{field}\n      constraints: {pattern: '('}", "constraints.pattern: '(' is no regular expression"),
    ("{field}\n      constraints: {enum: {a: b}}", "constraints.enum: a list of values is expected"),
    (
        "{field}\n      type: date\n      format: any",
        "7: schema.fields[a].format: 'any' is not possible; allowed: default",
    ),
    ("{field}\n      type: date\n      format: '%d/%m'", "format: '%d/%m' is not possible; allowed: default"),
    ("{field}\n      type: number\n      format: '%d'", "format: '%d' is not possible for a number; allowed: default"),
    ("{field}\n      type: number\n      decimalChar: ';'", "decimalChar: ';' is not possible; allowed: ., ,"),
    ("{field}\n      type: number\n      groupChar: ab", "groupChar: 'ab' is not possible; allowed: one character"),
    ("{field}\n      decimalChar: $mark", "decimalChar: no setting is named mark; declared: none"),
    (
        "{field}\n      passerelle: {overflow: keep}",
        "passerelle.overflow: 'keep' is not possible; allowed: cut, refuse",
    ),
    ("{field}\n      passerelle: {form: '01'}", "passerelle.form: '01' is not possible; allowed: two texts"),
    ("{field}\n      passerelle: {decimals: 7}", "decimals: '7' is not possible; allowed: a whole number from 0 to 6"),
    ("{field}\n      passerelle: {rows: last}", "passerelle.rows: 'last' is not possible; allowed: all, first"),
    ("{field}\n      passerelle: {width: 3}", "passerelle.width: belongs to passerelle.layout: fixed"),
    ("{field}\n      passerelle: {kinds: [M]}", "passerelle.kind_field: is missing"),
    ("{field}\n      passerelle: {source: line}", "the source line is the reader's own"),
    ("{field}\n    - name: a", "two fields are named a"),
    ("{field}\n    - {name: b, title: Á}", "title: the header could not tell 'Á' from the label of a"),
    ("{field}\n    - {name: b, passerelle: {aliases: [A]}}", "the header could not tell 'A' from the label of a"),
    ("{field}\nencoding: x", "6: encoding: 'x' is not possible; allowed: "),
    ("{field}\ndialect: {delimiter: ab}", "dialect.delimiter: 'ab' is not possible; allowed: one character"),
    ("{field}\ndialect: {delimiter: §}", "delimiter and quoteChar must be two different ASCII characters"),
    ("{field}\ndialect: {delimiter: '\"'}", "delimiter and quoteChar must be two different ASCII characters"),
    ("{field}\ndialect: {quoteChar: ''}", "quoteChar: may only be empty with passerelle.quoting: none"),
    ("{field}\ndialect: {lineTerminator: x}", "lineTerminator: 'x' is not possible"),
    ("{field}\npasserelle: {table: nothing}", "passerelle.table: no canonical table is named nothing; allowed: "),
    ("{field}\npasserelle: {table: articles}", "name: no canonical column is named a; allowed: article, label"),
    ("{field}\npasserelle: {extends: nothing}", "passerelle.extends: no format is named nothing; allowed: "),
    ("{field}\npasserelle: {extends: mine}", "passerelle.extends: mine → mine goes in a circle"),
    ("{field}\npasserelle: {kind_field: b}", "passerelle.kind_field: must name the first field"),
    ("{field}\n      title: '%'", "title: '%' has no letter or digit to know it by"),
    (
        "{field}\n      type: number\n      decimalChar: ','\npasserelle: {quoting: none}",
        "delimiter: is the decimal mark of a number",
    ),
    ("{field}\npasserelle: {layout: fixed}", "passerelle.width: is missing"),
    ("{field}\npasserelle: {layout: fixed}\ndialect: {delimiter: ';'}", "dialect.delimiter: does not belong to"),
]
FIELD = "name: mine\npath: x\nschema:\n  fields:\n    - name: a"


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_fmt_1_each_mistake_is_told_with_file_and_line(declared, text, said):
    with pytest.raises(DescriptorError) as caught:
        declared(text.replace("{field}", FIELD))
    told = str(caught.value)
    assert said in told
    assert all(re.match(r".*mine\.yaml(:\d+)?: ", line) for line in caught.value.mistakes)


def test_fmt_1_the_line_told_is_that_of_the_mistake(declared):
    with pytest.raises(DescriptorError) as caught:
        declared(FIELD + "\n      title: x\n      type: nunber\n      constraints:\n        maxLength: long\n")
    lines = [mistake.split("mine.yaml:")[1].split(":")[0] for mistake in caught.value.mistakes]
    assert lines == ["7", "9"], "both mistakes at once"


def test_fmt_1_a_source_must_fit_its_canonical_column(declared):
    with pytest.raises(DescriptorError, match="the canonical column tax_rate is a rate; allowed: number"):
        declared("name: mine\npath: x\npasserelle: {table: articles}\nschema: {fields: [{name: tax_rate}]}")


def test_fmt_1_a_header_must_be_writable(declared):
    with pytest.raises(DescriptorError, match="a header of this dialect and encoding cannot hold '日'"):
        declared("name: mine\npath: x\nencoding: windows-1252\nschema: {fields: [{name: a, title: 日}]}")
    with pytest.raises(DescriptorError, match="cannot hold 'a;b'"):
        declared(
            "name: mine\npath: x\ndialect: {delimiter: ';'}\npasserelle: {quoting: data}\n"
            "schema: {fields: [{name: a, title: 'a;b'}]}"
        )


def test_fmt_1_fields_of_a_fixed_layout_do_not_overlap(declared):
    with pytest.raises(DescriptorError, match=r"schema.fields\[b\].name: starts at 3, where the field before it"):
        declared(
            "name: mine\npath: x\npasserelle: {layout: fixed}\nschema:\n  fields:\n"
            "    - {name: a, passerelle: {width: 3}}\n    - {name: b, passerelle: {start: 3, width: 3}}\n"
        )


def test_fmt_1_a_descriptor_extends_another_field_by_field(declared):
    given = declared(
        "name: mine\npath: Mine.txt\npasserelle:\n  extends: ebp/orders\n  settings: {price_decimals: 2}\n"
        "schema:\n  fields:\n    - {name: reference, title: Document - Réf, constraints: {maxLength: 50}}\n"
    )
    base = formats().get("ebp/orders")
    assert [one.name for one in given.fields] == [one.name for one in base.fields]
    reference = given.field("reference")
    assert (reference.title, reference.max_length, reference.overflow) == ("Document - Réf", 50, "refuse")
    assert given.field("line_unit_price_excl").decimals == 2
    assert (given.path, given.encoding, given.settings["decimal_mark"]) == ("Mine.txt", "windows-1252", ",")


def test_fmt_1_a_mistake_in_an_extended_descriptor_is_told_where_it_stands(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("name: base\npath: x\nschema:\n  fields:\n    - {name: a, type: int}\n")
    (tmp_path / "mine.yaml").write_text("name: mine\npasserelle: {extends: base}\n")
    with pytest.raises(DescriptorError, match=r"base\.yaml:5: schema\.fields\[a\]\.type: 'int' is not possible"):
        formats(tmp_path).get("mine")


def test_fmt_1_users_descriptors_override_by_name_and_add(tmp_path: Path, built_in):
    (tmp_path / "ebp").mkdir()
    text = built_in.text("ebp/orders").replace("Orders.txt", "Commandes.txt")
    (tmp_path / "ebp" / "orders.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "own.yaml").write_text("name: own\npath: x\nschema: {fields: [{name: a}]}")
    mine = formats(tmp_path)
    assert set(mine.names()) == {*built_in.names(), "own"}
    assert mine.get("ebp/orders").path == "Commandes.txt"
    assert mine.get("ebp/quotes").path == "Quotes.txt"


def test_fmt_1_a_descriptor_is_utf_8(tmp_path: Path):
    (tmp_path / "mine.yaml").write_bytes("name: mine\ntitle: é".encode("cp1252"))
    with pytest.raises(DescriptorError, match=r"mine\.yaml: a descriptor must be written in UTF-8"):
        formats(tmp_path).get("mine")


def test_fmt_1_unknown_names_and_folders_are_told(tmp_path: Path, built_in):
    with pytest.raises(UnknownFormatError, match=r"no format is named ebp/order; there are: .*ebp/addresses"):
        built_in.get("ebp/order")
    with pytest.raises(UnknownFormatError, match="there is no folder of formats"):
        formats(tmp_path / "none")


def test_fmt_2_labels_are_told_apart_by_letters_and_digits():
    assert label_key(" Adresse 1 (Facturation) ") == label_key("adresse1facturation")
    assert label_key("Code Éàç*") == label_key("CODE eac")
    assert label_key("% remise") != label_key("% Remise 2")
