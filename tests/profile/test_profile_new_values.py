"""Adding the values met in a shop to the mappings, without losing what people typed."""

from __future__ import annotations

import os
import re
from io import BytesIO

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from profile_books import CARRIERS, book, changed, kept_by_a_bookkeeper, packed, parts

from passerelle.exchange.mappings import MAPPINGS, find
from passerelle.outcome import message
from passerelle.profile import workbook as workbook_module
from passerelle.profile.splice import NotSpliceableError, Written, with_cells
from passerelle.profile.workbook import add_new_values, create_workbook, read_mappings

SHEET = "xl/worksheets/sheet1.xml"


pytestmark = pytest.mark.filterwarnings("ignore:Data Validation extension:UserWarning")  # openpyxl's, of its own losses


def keys(name: str, *rows: list[str]) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(list(rows), columns=MAPPINGS[name].key_names, dtype="str")}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mappings.xlsx"
    path.write_bytes(kept_by_a_bookkeeper())
    return path


def test_ord_45_new_values_stand_below_empty_and_marked_new(path):
    count, outcomes = add_new_values(path, keys("carriers", ["Mondial Relay"], ["colissimo "], ["=HYPERLINK(1)"]))
    assert count == 2
    sheet = load_workbook(path)["Transporteurs"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3, max_row=8)] == [
        ["Remarque", "Code frais de port", "Transporteur (id ou nom)", "Nouveau"],
        ["vu avec Anne", "COL", "Colissimo", None],
        [None, "CHR", "Chronopost", None],
        [None, None, "Mondial Relay", "nouveau"],
        [None, None, "=HYPERLINK(1)", "nouveau"],
        [None, None, None, None],
    ]
    assert sheet["C7"].data_type == "s"
    assert outcomes[["code", "record", "field", "value", "state"]].to_numpy().tolist() == [
        ["mapping-value-added", "mappings.xlsx, Transporteurs!C6", "Transporteurs", "Mondial Relay", "succeeded"],
        ["mapping-value-added", "mappings.xlsx, Transporteurs!C7", "Transporteurs", "=HYPERLINK(1)", "succeeded"],
    ]
    assert message(outcomes.iloc[0].to_dict(), "fr") == (
        "Nouvelle valeur « Mondial Relay » (Transporteurs), ajoutée en mappings.xlsx, Transporteurs!C6."
    )


def test_ord_45_every_other_byte_of_the_workbook_stays(path):
    before = parts(path.read_bytes())
    add_new_values(path, keys("carriers", ["Mondial Relay"]))
    after = parts(path.read_bytes())
    assert list(after) == list(before)
    assert {name for name in before if before[name] != after[name]} == {SHEET}
    left = re.sub(rb'<c r="(C6|D6|D3)"( s="\d+")? t="inlineStr">.*?</c>', b"", after[SHEET])
    formatted_in_advance = re.search(rb'<c r="C6" s="\d+" t="n" />', before[SHEET])[0]
    expected = before[SHEET].replace(formatted_in_advance, b"")
    assert left == expected.replace(b'<dimension ref="A1:C8" />', b'<dimension ref="A1:D8"/>')


def test_ord_45_formats_comments_widths_and_own_sheets_stay(path):
    add_new_values(path, keys("carriers", ["Mondial Relay"]))
    workbook = load_workbook(path)
    assert workbook.sheetnames == ["Transporteurs", "Calculs", "Listes"]
    sheet = workbook["Transporteurs"]
    assert sheet["B4"].font.color.rgb == "00FF0000"
    assert sheet["C5"].fill.fgColor.rgb == "00FFFF00"
    assert sheet["C5"].comment.text == "À vérifier en janvier"
    assert sheet.column_dimensions["C"].width == 41.5
    assert sheet["A7"].fill.fgColor.rgb == "00EEEEEE"
    assert workbook["Calculs"]["A1"].value == "=SUM(B1:B9)"
    assert b"Listes!$A$1:$A$9" in parts(path.read_bytes())[SHEET]
    assert parts(path.read_bytes())["xl/media/logo.png"].endswith(b"logo of the company")


def test_ord_45_saying_it_again_changes_nothing(path):
    values = keys("carriers", ["Mondial Relay"], ["Mondial Relay"], ["a\x01b"], ["x\r\ny"], ["  "], ["é😀"])
    assert add_new_values(path, values)[0] == 4
    first = path.read_bytes(), path.stat().st_mtime_ns
    count, outcomes = add_new_values(path, values)
    assert (count, len(outcomes)) == (0, 0)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == first
    assert read_mappings(path)[0]["carriers"]["carrier"].tolist()[2:] == ["Mondial Relay", "ab", "x\r\ny", "é😀"]


@pytest.mark.filterwarnings("error")
def test_ord_45_what_openpyxl_would_lose_is_no_warning_for_users(path):
    assert read_mappings(path)[1].empty


def test_ord_45_a_star_row_names_no_value(tmp_path):
    path = tmp_path / "m.xlsx"
    path.write_bytes(book({"Transporteurs": [*CARRIERS, ["*", "DIV"]]}))
    assert add_new_values(path, keys("carriers", ["Mondial Relay"], ["CHRONOPOST"], [" * "]))[0] == 1


def test_ord_45_a_value_added_waits_and_answers_nothing(path):
    add_new_values(path, keys("carriers", ["Mondial Relay"]))
    rows = read_mappings(path)[0]["carriers"]
    found = find(MAPPINGS["carriers"], rows, pd.DataFrame({"carrier": ["Mondial Relay", "DHL"]}, dtype="str"))
    assert found.answered.tolist() == [False, False]
    assert found.unknown["carrier"].tolist() == ["DHL"]


def test_ord_45_the_mark_stays_where_the_bookkeeper_put_it(path):
    add_new_values(path, keys("carriers", ["Mondial Relay"]))
    workbook = load_workbook(path)
    workbook["Transporteurs"].delete_rows(1)
    workbook["Transporteurs"].move_range("D2:D6", cols=-4 + 6)
    workbook.save(path)
    add_new_values(path, keys("carriers", ["DHL"]))
    rows = list(load_workbook(path)["Transporteurs"].iter_rows(min_row=2, values_only=True))
    assert rows[0] == ("Remarque", "Code frais de port", "Transporteur (id ou nom)", None, None, "Nouveau")
    assert rows[4] == (None, None, "DHL", None, None, "nouveau")


def test_ord_45_a_row_of_several_keys(tmp_path):
    path = tmp_path / "m.xlsx"
    create_workbook(path, language="en")
    count, outcomes = add_new_values(path, keys("payment_modes", ["paypal", "EUR"], ["", "USD"]))
    assert count == 2
    assert outcomes["value"].tolist() == ["paypal / EUR", "— / USD"]
    rows = list(load_workbook(path)["Modes de paiement"].iter_rows(min_row=2, values_only=True))
    assert [row[:3] + row[-1:] for row in rows] == [("paypal", "EUR", None, "new"), (None, "USD", None, "new")]


def test_ord_45_a_missing_sheet_is_made(path):
    count, outcomes = add_new_values(path, keys("titles", ["Mme"], ["M."]) | keys("carriers", ["DHL"]) | keys("taxes"))
    assert count == 3
    workbook = load_workbook(path)
    assert workbook.sheetnames == ["Transporteurs", "Calculs", "Listes", "Civilités"]
    rows = list(workbook["Civilités"].iter_rows(values_only=True))
    assert rows == [("Civilité boutique", "Civilité ERP", "Nouveau"), ("Mme", None, "nouveau"), ("M.", None, "nouveau")]
    found, problems = read_mappings(path)
    assert problems.empty
    assert found["titles"]["title"].tolist() == ["Mme", "M."]
    assert outcomes["record"].tolist()[0] == "mappings.xlsx, Civilités!A2"
    several = keys("titles", ["Mlle"]) | keys("currencies", ["USD"]) | keys("statuses", ["payée"])
    assert add_new_values(path, several)[0] == 3
    assert load_workbook(path).sheetnames[3:] == ["Civilités", "Devises", "Statuts"]
    assert read_mappings(path)[0]["statuses"]["status"].tolist() == ["payée"]
    assert read_mappings(path)[0]["currencies"]["currency"].tolist() == ["USD"]


@pytest.mark.parametrize("name", ["mappings.xlsx", "mappings"])
def test_ord_45_a_missing_workbook_is_made(tmp_path, name):
    count, _ = add_new_values(tmp_path / name, keys("statuses", ["payée"]))
    assert count == 1
    found, problems = read_mappings(tmp_path / name)
    assert problems.empty
    assert found["statuses"]["status"].tolist() == ["payée"]


def test_ord_45_a_file_open_elsewhere_is_left_alone_and_said(path):
    before = path.read_bytes()
    for lock in ("~$mappings.xlsx", ".~lock.mappings.xlsx#"):
        path.with_name(lock).touch()
        count, outcomes = add_new_values(path, keys("carriers", ["DHL"]))
        assert count == 0
        assert outcomes[["code", "record", "state"]].to_numpy().tolist() == [
            ["mapping-file-open", "mappings.xlsx", "ignored"]
        ]
        assert "ouvert" in message(outcomes.iloc[0].to_dict(), "fr")
        path.with_name(lock).unlink()
    assert path.read_bytes() == before
    assert add_new_values(path, keys("carriers", ["DHL"]))[0] == 1


def test_ord_45_what_the_system_refuses_is_said(path, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    before = path.read_bytes()
    with monkeypatch.context() as context:
        context.setattr(type(path), "replace", refused)  # what Windows answers while Excel has the file
        count, outcomes = add_new_values(path, keys("carriers", ["DHL"]))
    assert (count, outcomes["code"].tolist()) == (0, ["mapping-file-open"])
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["mappings.xlsx"]
    count, outcomes = add_new_values(path / "no-folder" / "m.xlsx", keys("carriers", ["DHL"]))
    assert (count, outcomes["code"].tolist()) == (0, ["mapping-file-not-written"])
    assert "une partie du chemin est un fichier" in message(outcomes.iloc[0].to_dict(), "fr")


def test_ord_45_what_was_saved_meanwhile_is_not_overwritten(path, monkeypatch):
    saved = book({"Transporteurs": [*CARRIERS, ["typed at this very moment", "X"]]})
    edited = workbook_module.edited

    def meanwhile(file, edits):
        data = edited(file, edits)
        path.write_bytes(saved)
        return data

    monkeypatch.setattr(workbook_module, "edited", meanwhile)
    count, outcomes = add_new_values(path, keys("carriers", ["DHL"]))
    assert (count, outcomes["code"].tolist()) == (0, ["mapping-file-open"])
    assert path.read_bytes() == saved


def test_ord_45_nothing_is_added_to_what_cannot_be_read(tmp_path):
    path = tmp_path / "m.xlsx"
    path.write_bytes(b"typed by people, in another format")
    count, outcomes = add_new_values(path, keys("carriers", ["DHL"]))
    assert (count, outcomes["code"].tolist()) == (0, ["mapping-file-unreadable"])
    assert path.read_bytes() == b"typed by people, in another format"


def test_ord_45_a_sheet_without_its_key_column_is_said_and_the_others_filled(tmp_path):
    path = tmp_path / "m.xlsx"
    path.write_bytes(book({"Transporteurs": CARRIERS, "Taxes": [["Taxe boutique", "Code TVA"], ["TVA", "A"]]}))
    values = keys("taxes", ["TVA", "20", "FR"]) | keys("carriers", ["DHL"])
    count, outcomes = add_new_values(path, values)
    assert count == 1
    assert outcomes["code"].tolist() == ["mapping-without-column", "mapping-value-added"]


def test_ord_45_permissions_and_links_stay(path, tmp_path):
    path.chmod(0o640)
    link = tmp_path / "link.xlsx"
    link.symlink_to(path)
    assert add_new_values(link, keys("carriers", ["DHL"]))[0] == 1
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_ord_45_csv_files_keep_what_they_hold(tmp_path):
    original = (
        '\ufeffRemarque;Transporteur (id ou nom);Code frais de port;Vu\r\n"a;b";Colissimo;COL\r\n'
        ';;;\r\nn;"Chrono ""post""";007;x\r\n'
    )
    (tmp_path / "carriers.csv").write_bytes(original.encode())
    count, outcomes = add_new_values(tmp_path, keys("carriers", ["=1+1"], ["COLISSIMO"], ["DHL; express"]))
    assert count == 2
    assert outcomes["record"].tolist() == ["carriers.csv!B5", "carriers.csv!B6"]
    assert (tmp_path / "carriers.csv").read_bytes().decode() == (
        '\ufeffRemarque;Transporteur (id ou nom);Code frais de port;Vu;Nouveau\r\n"a;b";Colissimo;COL\r\n;;;\r\n'
        'n;"Chrono ""post""";007;x\r\n;\'=1+1;;;nouveau\r\n;"DHL; express";;;nouveau\r\n'
    )
    assert add_new_values(tmp_path, keys("carriers", ["=1+1"], ["dhl; express"]))[0] == 0


def test_ord_45_csv_files_keep_their_encoding_while_it_can_hold_the_values(tmp_path):
    file = tmp_path / "titles.csv"
    file.write_bytes("Civilité boutique,Civilité ERP\nMme,Madame\n".encode("cp1252"))
    add_new_values(tmp_path, keys("titles", ["Maître"]))
    assert file.read_bytes().decode("cp1252").splitlines()[1:] == ["Mme,Madame", "Maître,,nouveau"]
    add_new_values(tmp_path, keys("titles", ["Pán Ł"]))
    assert file.read_bytes().decode("utf-8-sig").splitlines()[3] == "Pán Ł,,nouveau"


NAMES = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, name=st.sampled_from(["m.xlsx", "folder"]))
def test_ord_45_any_value_comes_back_as_it_was_met(tmp_path_factory, names, name):
    path = tmp_path_factory.mktemp("any") / name
    create_workbook(path)
    values = keys("carriers", *([text] for text in names))
    count, _ = add_new_values(path, values)
    rows, problems = read_mappings(path)
    assert problems.empty
    assert len(rows["carriers"]) == count
    assert add_new_values(path, values)[0] == 0
    printable = [text for text in names if text.isprintable() and text.strip() not in {"", "*"}]
    read = {text.casefold() for text in rows["carriers"]["carrier"]}
    assert {text.strip().casefold() for text in printable} <= read


# What other programs write: all valid, none as openpyxl does.

MINIMAL = {
    "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    b'<Override PartName="/xl/book.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    b'<Override PartName="/xl/one.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    b'Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    b'Target="xl/book.xml"/></Relationships>',
    "xl/book.xml": b'<x:workbook xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    b'xmlns:rel="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><x:sheets>'
    b'<x:sheet name="Transporteurs" sheetId="7" rel:id="one"/></x:sheets></x:workbook>',
    "xl/_rels/book.xml.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    b'<Relationship Id="one" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    b'Target="one.xml"/></Relationships>',
    "xl/one.xml": b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><x:worksheet '
    b'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData><x:row>'
    b'<x:c t="inlineStr"><x:is><x:t>carrier</x:t></x:is></x:c><x:c t="inlineStr"><x:is><x:t>Code frais de port</x:t>'
    b'</x:is></x:c></x:row><x:row ht="12"/><x:row r="4"/></x:sheetData></x:worksheet>',
}


def test_ord_45_a_workbook_with_prefixes_and_without_references(tmp_path):
    path = tmp_path / "m.xlsx"
    path.write_bytes(packed(MINIMAL))
    count, _ = add_new_values(path, keys("carriers", ["DHL"], ["UPS"], ["TNT"], ["GLS"]) | keys("titles", ["Mme"]))
    assert count == 5
    found, problems = read_mappings(path)
    assert problems.empty
    assert found["carriers"]["carrier"].tolist() == ["DHL", "UPS", "TNT", "GLS"]
    assert found["titles"]["title"].tolist() == ["Mme"]
    after = parts(path.read_bytes())
    assert b'<x:row ht="12"><x:c r="A2" t="inlineStr">' in after["xl/one.xml"]
    assert after["xl/one.xml"].count(b"<x:row") == 5
    assert load_workbook(path)["Transporteurs"]["C5"].value == "new"


def test_ord_45_a_sheet_that_cannot_be_edited_in_place_is_said(tmp_path):
    path = tmp_path / "m.xlsx"
    text = MINIMAL["xl/one.xml"].decode("utf-8-sig").replace("utf-8", "utf-16")
    path.write_bytes(packed(MINIMAL | {"xl/one.xml": text.encode("utf-16")}))
    before = path.read_bytes()
    count, outcomes = add_new_values(path, keys("carriers", ["DHL"]))
    assert (count, outcomes["code"].tolist()) == (0, ["mapping-file-not-edited"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("sheet", "cells", "expected"),
    [
        (b"<sheetData/>", {(1, 1): "a"}, b'<sheetData><row r="1">A1</row></sheetData>'),
        (b'<sheetData><row r="3"/></sheetData>', {(2, 1): "a", (4, 1): "b"},
         b'<sheetData><row r="2">A2</row><row r="3"/><row r="4">A4</row></sheetData>'),
        (b'<sheetData><row r="1"><c r="B1"> <v></v></c></row></sheetData>', {(1, 1): "a", (1, 2): "b", (1, 3): "c"},
         b'<sheetData><row r="1">A1B1C1</row></sheetData>'),
        (b'<sheetData><row r="1" spans="1:2"><c r="A1"/><c r="C1"/></row ></sheetData>', {(1, 2): "b", (1, 4): "d"},
         b'<sheetData><row r="1" spans="1:2"><c r="A1"/>B1<c r="C1"/>D1</row ></sheetData>'),
    ],
)  # fmt: skip
def test_ord_45_cells_stand_in_their_order(sheet, cells, expected):
    data = changed(book({"S": []}), SHEET, (b"<sheetData></sheetData>", sheet))
    after = parts(with_cells(data, {"S": {position: Written(text) for position, text in cells.items()}}))[SHEET]
    short = re.sub(rb'<c r="(\w+)" t="inlineStr">.*?</c>', rb"\1", after)
    assert expected in short
    assert load_workbook(BytesIO(with_cells(data, {"S": {(1, 1): Written("x")}})))["S"]["A1"].value == "x"


@pytest.mark.parametrize("filled", [b"<v>1</v>", b"<is><t>x</t></is>", b"<f>A2</f>", b'<f t="shared" si="0"/>'])
def test_ord_45_a_cell_that_is_filled_is_never_replaced(filled):
    sheet = b'<sheetData><row r="1"><c r="B1">' + filled + b"</c></row></sheetData>"
    data = changed(book({"S": []}), SHEET, (b"<sheetData></sheetData>", sheet))
    with pytest.raises(NotSpliceableError, match="B1 is not empty"):
        with_cells(data, {"S": {(1, 2): Written("x")}})
    assert filled in parts(with_cells(data, {"S": {(1, 1): Written("x")}}))[SHEET]


def test_sec_4_a_part_with_a_document_type_is_not_edited():
    data = changed(book({"S": []}), SHEET, (b"<worksheet", b"<!DOCTYPE a><worksheet"))
    with pytest.raises(NotSpliceableError):
        with_cells(data, {"S": {(1, 1): Written("x")}})


@pytest.mark.skipif(os.name == "nt", reason="POSIX names")
def test_ord_45_a_sheet_name_with_xml_characters(tmp_path):
    data = with_cells(book({"S": []}), {'A & "B" <c>': {(1, 1): Written('<x> & "y"')}})
    assert load_workbook(BytesIO(data))['A & "B" <c>']["A1"].value == '<x> & "y"'
