"""Reading the mappings: the bookkeeper's workbook, and every mistake with sheet and cell."""

from __future__ import annotations

import random
import zipfile
from datetime import date, datetime
from io import BytesIO

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from profile_books import CARRIERS, book, packed, parts

from passerelle.exchange.mappings import MAPPINGS, find
from passerelle.outcome import message, todo
from passerelle.profile import workbook as workbook_module
from passerelle.profile.mapping_files import mapping_files
from passerelle.profile.sheets import columns_of
from passerelle.profile.workbook import add_new_values, create_workbook, read_mappings


def said(outcomes: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(outcomes["code"], outcomes["record"], outcomes["value"], strict=True))


EXAMPLES = {"tax_rate": "5.5", "valid_from": "2026-01-31", "special_article": "misc", "erp_document": "preparation"}


@pytest.fixture
def read(tmp_path):
    def read_sheets(sheets, name="mappings.xlsx"):
        path = tmp_path / name
        path.write_bytes(sheets if isinstance(sheets, bytes) else book(sheets))
        return read_mappings(path)

    read_sheets.path = tmp_path / "mappings.xlsx"
    return read_sheets


def test_pro_1_reads_every_mapping_by_its_french_titles(tmp_path):
    sheets = {
        mapping.fr: [
            [column.fr for column in columns_of(mapping)],
            [EXAMPLES.get(column.name, column.name) for column in mapping.keys] + [""] * len(mapping.values),
        ]
        for mapping in MAPPINGS.values()
    }
    path = tmp_path / "m.xlsx"
    path.write_bytes(book(sheets))
    found, outcomes = read_mappings(path)
    assert outcomes.empty
    assert set(found) == set(MAPPINGS)
    for name, mapping in MAPPINGS.items():
        row = {key: EXAMPLES.get(key, key) for key in mapping.key_names} | dict.fromkeys(mapping.value_names, "")
        assert found[name].to_dict("records") == [row]
        assert list(found[name].columns) == list(mapping.empty().columns)
        assert {str(dtype) for dtype in found[name].dtypes} == {"str"}


@pytest.mark.parametrize(
    ("sheet", "header"),
    [
        ("Transporteurs", ["Transporteur (id ou nom)", "Code frais de port"]),
        ("carriers", ["carrier", "shipping_code"]),
        ("CARRIERS", ["Carrier (id or name)", "Shipping code"]),
        ("transporteurs", ["transporteur", "CODE FRAIS DE PORT"]),
        (" Transporteurs ", ["  Transporteur  (id ou nom) ", "Code  frais  de  port"]),
    ],
)
def test_ord_43_titles_are_recognised_in_both_languages_without_case_or_accents(read, sheet, header):
    found, outcomes = read({sheet: [header, ["Colissimo", "COL"]]})
    assert outcomes.empty
    assert found["carriers"].to_dict("records") == [{"carrier": "Colissimo", "shipping_code": "COL"}]


def test_ord_40_accents_do_not_matter(read):
    header = ["PAYS", "Etat/Province", "territorialite avec tva", "Territorialité sans TVA"]
    found, outcomes = read({"TERRITOIRES": [header, ["FR", "*", "France", ""]]})
    assert outcomes.empty
    row = {"country": "FR", "state": "*", "with_tax": "France", "without_tax": ""}
    assert found["territories"].to_dict("records") == [row]


def test_ord_42_cells_become_plain_text(read):
    header = ["Taxe boutique", "Taux %", "Pays (code ISO)", "Code TVA", "Noté par"]
    rows = [
        ["TVA", 5.5, " FR ", 42, "Anne"],
        ["TVA", 20.0, "*", datetime.fromisoformat("2026-11-21"), ""],
        ["TVA", "20 %", "BE", "x", 1],
    ]
    found, outcomes = read({"Taxes": [header, *rows]})
    assert outcomes.empty
    assert found["taxes"].to_numpy().tolist() == [
        ["TVA", "5.5", "FR", "42"],
        ["TVA", "20", "*", "2026-11-21"],
        ["TVA", "20", "BE", "x"],
    ]


def test_ord_41_a_percentage_and_leading_zeros_are_read_as_shown(tmp_path):
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Taxes"
    sheet.append(["Taxe boutique", "Taux %", "Pays", "Code TVA"])
    sheet.append(["TVA", 0.055, "*", 7])
    sheet["B2"].number_format = "0.0%"
    sheet["D2"].number_format = "000"
    workbook.save(tmp_path / "m.xlsx")
    found, _ = read_mappings(tmp_path / "m.xlsx")
    assert found["taxes"].to_numpy().tolist() == [["TVA", "5.5", "*", "007"]]


def test_pro_1_empty_rows_other_sheets_and_other_columns_are_the_bookkeepers_own(read):
    rows = [
        ["Mes transporteurs"],
        [],
        ["Note", *CARRIERS[0]],
        ["n", *CARRIERS[1]],
        [],
        ["seule"],
        ["", *CARRIERS[2]],
        ["", "  ", ""],
    ]
    found, outcomes = read({"Notes": [["Statut", "=1+1"]], "Transporteurs": rows, "Feuil3": []})
    assert outcomes.empty
    assert found["carriers"].to_numpy().tolist() == CARRIERS[1:]
    assert found["statuses"].empty


def test_ord_2_yes_no_and_kinds_become_canonical(read):
    header = ["Statut boutique", "À importer (oui/non)", "Type de document", "État du document"]
    rows = [
        ["2", "OUI", "Facture", "0"],
        ["3", True, "bon de livraison", ""],
        ["4", 0, "", ""],
        ["5", "#ignore", "", ""],
    ]
    found, outcomes = read({"Statuts": [header, *rows]})
    assert outcomes.empty
    assert found["statuses"][["status", "selected", "document_kind"]].to_numpy().tolist() == [
        ["2", "yes", "invoice"],
        ["3", "yes", "delivery_note"],
        ["4", "no", ""],
        ["5", "#ignore", ""],
    ]


def test_ord_2_what_cannot_be_used_is_named_by_its_cell(read):
    header = ["Statut boutique", "À importer (oui/non)", "Type de document"]
    rows = [["2", "peut-être", "facture"], ["3", "oui", "avoir"], ["4", "oui", ""], ["5", "", "devis"], ["6", "", ""]]
    found, outcomes = read({"Statuts": [header, *rows]})
    assert said(outcomes) == [
        ("mapping-not-possible", "mappings.xlsx, Statuts!B2", "peut-être"),
        ("mapping-not-possible", "mappings.xlsx, Statuts!C3", "avoir"),
        ("mapping-value-missing", "mappings.xlsx, Statuts!C4", ""),
        ("mapping-value-missing", "mappings.xlsx, Statuts!B5", ""),
    ]
    row = outcomes.iloc[1].to_dict()
    assert message(row, "fr") == (
        "mappings.xlsx, Statuts!C3 (Type de document) : « avoir » n'est pas possible ; "
        "possible : devis, commande, bon de livraison, facture."
    )
    assert message(row, "en").startswith("mappings.xlsx, Statuts!C3 (Type de document): “avoir” is not possible")
    assert set(outcomes["state"]) == {"failed"}
    assert found["statuses"]["status"].tolist() == ["2", "3", "4", "5", "6"]


def test_ord_42_a_required_value_is_missed_only_where_others_stand(read):
    mapping = MAPPINGS["payment_modes"]
    header = [column.fr for column in columns_of(mapping)]
    rows = [["Chèque", "EUR"], ["AMAZON", "*", "", "", "", "", "WEBAMAZON"], ["Test", "*", "#ignore"]]
    _, outcomes = read({"Modes de paiement": [header, *rows]})
    assert said(outcomes) == [("mapping-value-missing", "mappings.xlsx, Modes de paiement!C3", "")]


def test_ord_41_two_rows_with_the_same_keys_are_refused(read):
    header = ["Taxe boutique", "Taux %", "Pays", "Code TVA"]
    rows = [["TVA", 20, "FR", "A"], ["tva", "20,00", " fr", "B"], ["TVA", 20, "FR", ""], ["TVA", 5.5, "FR", "C"]]
    _, outcomes = read({"Taxes": [header, *rows]})
    assert said(outcomes) == [("mapping-key-twice", "mappings.xlsx, Taxes!A3", "tva")]
    assert "ligne 2" in message(outcomes.iloc[0].to_dict(), "fr")


def test_ord_43_a_formula_and_an_excel_error_are_no_values(read):
    rows = [CARRIERS[0], ["Colissimo", "=Listes!A1"], ["Chronopost", "#N/A"], ["=A2", "X"]]
    _, outcomes = read({"Transporteurs": rows, "Listes": [["COL"]]})
    assert said(outcomes) == [
        ("mapping-formula", "mappings.xlsx, Transporteurs!B2", "=Listes!A1"),
        ("mapping-cell-error", "mappings.xlsx, Transporteurs!B3", "#N/A"),
        ("mapping-formula", "mappings.xlsx, Transporteurs!A4", "=A2"),
    ]


def test_ord_43_columns_that_are_missing_are_all_named(read):
    _, outcomes = read(
        {"Taxes": [["Taxe boutique", "Taux"], ["TVA", 20]], "Transporteurs": [["Nom", "Code"]], "Devises": []}
    )
    assert [(code, record) for code, record, _ in said(outcomes)] == [
        ("mapping-without-column", "mappings.xlsx, Taxes"),
        ("mapping-without-header", "mappings.xlsx, Transporteurs"),
        ("mapping-without-header", "mappings.xlsx, Devises"),
    ]
    assert message(outcomes.iloc[0].to_dict(), "fr") == (
        "mappings.xlsx, Taxes n'a pas de colonne « Pays (code ISO) », « Code TVA »."
    )
    assert "« Transporteur (id ou nom) »" in message(outcomes.iloc[1].to_dict(), "en")


def test_ord_43_one_mapping_in_two_sheets_is_refused(read):
    found, outcomes = read({"Transporteurs": CARRIERS, "carriers": CARRIERS})
    assert said(outcomes) == [("mapping-sheet-twice", "mappings.xlsx, carriers", "")]
    assert "Transporteurs" in message(outcomes.iloc[0].to_dict(), "fr")
    assert len(found["carriers"]) == 2


def test_pro_1_a_file_that_is_missing_or_no_workbook_is_said(tmp_path, read):
    found, outcomes = read_mappings(tmp_path / "none.xlsx")
    assert said(outcomes) == [("mapping-file-missing", "none.xlsx", str(tmp_path / "none.xlsx"))]
    assert set(found) == set(MAPPINGS)
    for data in (b"", b"\xd0\xcf\x11\xe0 a password-protected or .xls file", b"PK\x03\x04 cut", b"a;b\n"):
        _, outcomes = read(data)
        assert [code for code, _, _ in said(outcomes)] == ["mapping-file-unreadable"]
        assert ".xlsx" in todo(outcomes.iloc[0].to_dict(), "fr")


def test_pro_1_a_folder_that_cannot_be_read_says_what_to_do(tmp_path):
    (tmp_path / "taxes.csv").mkdir()
    _, outcomes = read_mappings(tmp_path)
    assert [code for code, _, _ in said(outcomes)] == ["mapping-file-refused"]
    row = outcomes.iloc[0].to_dict()
    assert message(row, "fr") == "taxes.csv est un dossier ; il faut un fichier."
    assert todo(row, "en") == "Give the path of the file itself."


@pytest.mark.parametrize(
    ("title", "meant"),
    [("Transporteur", "Transporteurs"), ("Carrier", "Transporteurs"), ("Mode de paiement", "Modes de paiement")],
)
def test_pro_1_a_sheet_whose_name_is_mistyped_is_said_and_not_passed_over(read, title, meant):
    _, outcomes = read({"Taxes": [["Taxe boutique", "Taux %", "Pays", "Code TVA"]], title: CARRIERS, "Calculs": []})
    assert said(outcomes) == [("mapping-sheet-misnamed", f"mappings.xlsx, {title}", meant)]
    assert add_new_values(read.path, {"carriers": pd.DataFrame({"carrier": ["DHL"]}, dtype="str")})[0] == 0


def test_pro_1_beside_the_sheet_itself_one_of_nearly_its_name_is_the_bookkeepers_own(read):
    found, outcomes = read({"Transporteurs": CARRIERS, "Transporteur": [["autre"]]})
    assert outcomes.empty
    assert len(found["carriers"]) == 2


def test_ord_41_a_rate_or_a_date_that_is_none_is_named_by_its_cell(read):
    _, outcomes = read(
        {
            "Taxes": [
                ["Taxe boutique", "Taux %", "Pays", "Code TVA"],
                ["*", "20 %", "*", "A"],
                ["*", "5,50", "*", "B"],
                ["*", "*", "*", "C"],
                ["TVA", "vingt", "FR", "D"],
            ],
            "Taux de TVA": [
                ["Pays ou zone (code)", "Taux %", "À partir du", "Nature du taux", "Jusqu'au"],
                ["CH", 8.1, date(2024, 1, 1), "normal", ""],
                ["CH", "8.1", "01/01/2023", "normal", "31/12/2023"],
                ["CH", "8.1", "1er janvier", "normal", "toujours"],
            ],
        }
    )
    assert said(outcomes) == [
        ("mapping-no-rate", "mappings.xlsx, Taxes!B5", "vingt"),
        ("mapping-no-date", "mappings.xlsx, Taux de TVA!C4", "1er janvier"),
        ("mapping-no-date", "mappings.xlsx, Taux de TVA!E4", "toujours"),
    ]
    for row in outcomes.to_dict("records"):
        assert row["value"] in message(row, "fr")
        assert todo(row, "fr") != todo(row, "en")


def test_sec_4_a_workbook_that_would_fill_the_memory_is_refused(read, monkeypatch):
    data = book({"Transporteurs": CARRIERS})
    unpacked = sum(len(part) for part in parts(data).values())
    monkeypatch.setattr(workbook_module, "UNPACKED_LIMIT", unpacked)
    assert read(data)[1].empty
    monkeypatch.setattr(workbook_module, "UNPACKED_LIMIT", unpacked - 1)
    assert [code for code, _, _ in said(read(data)[1])] == ["mapping-file-unreadable"]


def test_sec_4_entities_in_a_workbook_are_refused(read):
    content = parts(book({"Transporteurs": CARRIERS}))
    bomb = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 100 + b'">]>'
    path = "xl/worksheets/sheet1.xml"
    content[path] = content[path].replace(b"<worksheet", bomb + b"<worksheet", 1)
    assert [code for code, _, _ in said(read(packed(content))[1])] == ["mapping-file-unreadable"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_pro_1_a_damaged_workbook_never_crashes(read, tmp_path, seed):
    """Bytes of any part are changed, cut out or doubled: the answer is a mapping or an outcome, and no less is kept."""
    chance = random.Random(seed)
    statuses = [["Statut boutique", "À importer", "Type de document"], [2, "oui", "devis"]]
    content = parts(book({"Transporteurs": CARRIERS, "Statuts": statuses}))
    path = chance.choice(list(content))
    data = bytearray(content[path])
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        data[place : place + chance.randint(0, 12)] = chance.randbytes(chance.randint(0, 3))
    content[path] = bytes(data)
    damaged = packed(content)
    found, _ = read(damaged)
    assert set(found) == set(MAPPINGS)
    values = {"carriers": pd.DataFrame({"carrier": ["DHL"]}, dtype="str")}
    count, outcomes = add_new_values(tmp_path / "mappings.xlsx", values)
    again, _ = read_mappings(tmp_path / "mappings.xlsx")
    if count:
        assert again["carriers"]["carrier"].tolist()[:-1] == found["carriers"]["carrier"].tolist()
    else:
        assert (tmp_path / "mappings.xlsx").read_bytes() == damaged
        assert len(outcomes) or "DHL" in found["carriers"]["carrier"].tolist()


def test_pro_1_csv_files_are_read_like_sheets(tmp_path):
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "carriers.csv").write_bytes(
        "\ufeffTransporteur (id ou nom);Code frais de port\r\nColissimo;COL\r\n\r\n".encode()
    )
    (folder / "Civilités.csv").write_bytes("Civilité boutique;Civilité ERP\nMme;Madame\n".encode("cp1252"))
    (folder / "taxes.csv").write_text('tax_name,tax_rate,country,vat_code\n"TVA, réduite",5.5,FR,"00042"\n')
    (folder / "currencies.csv").write_bytes("Devise\tDevise ERP\n'=USD\tUSD\n".encode("utf-16"))
    (folder / "notes.csv").write_text("mes notes")
    found, outcomes = read_mappings(folder)
    assert outcomes.empty
    assert found["carriers"].to_numpy().tolist() == [["Colissimo", "COL"]]
    assert found["titles"].to_numpy().tolist() == [["Mme", "Madame"]]
    assert found["taxes"].to_numpy().tolist() == [["TVA, réduite", "5.5", "FR", "00042"]]
    assert found["currencies"].to_numpy().tolist() == [["=USD", "USD"]]
    assert [file.name for file in mapping_files(folder)] == [
        "Civilités.csv",
        "carriers.csv",
        "currencies.csv",
        "taxes.csv",
    ]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("carriers.CSV", b"carrier|shipping_code\nColissimo|COL\n", ""),
        ("carriers.csv", b'carrier;shipping_code\n"Colissimo;COL\nChronopost;CHR\n', "mapping-file-unreadable"),
        ("carriers.csv", "carrier;shipping_code\nColissimo;COL\n".encode("utf-16-le"), "mapping-file-unreadable"),
        ("carrier.csv", b"carrier;shipping_code\nColissimo;COL\n", "mapping-sheet-misnamed"),
    ],
)
def test_pro_1_no_csv_file_is_passed_over_or_half_read(tmp_path, name, data, code):
    (tmp_path / name).write_bytes(data)
    found, outcomes = read_mappings(tmp_path)
    assert outcomes["code"].tolist() == ([code] if code else [])
    assert found["carriers"].to_numpy().tolist() == ([] if code else [["Colissimo", "COL"]])


def test_pro_1_mistakes_of_csv_files_are_named_by_cell_too(tmp_path):
    (tmp_path / "statuses.csv").write_text("status;selected;document_kind\n2;jamais;invoice\n3;oui;\n")
    (tmp_path / "taxes.csv").write_bytes(b"\x81\x8d;\xff")
    _, outcomes = read_mappings(tmp_path)
    assert said(outcomes)[1:] == [
        ("mapping-not-possible", "statuses.csv!B2", "jamais"),
        ("mapping-value-missing", "statuses.csv!C3", ""),
    ]
    assert said(outcomes)[0][:2] == ("mapping-file-unreadable", "taxes.csv")


ROWS = {
    "statuses": [["2", "yes", "invoice", "", "5"], ["Annulée", "no", "", "", ""], ["=1+1", "#ignore", "", "", ""]],
    "carriers": [["-", "=cmd|' /C calc'!A0"], ["@x", "+33"], ["0012", "007"]],
    "taxes": [["TVA FR", "5.5", "FR", "36cab0de"], ["*", "20", "*", "x\ny"]],
}


@pytest.fixture
def rows():
    return {
        name: pd.DataFrame(given_, columns=list(MAPPINGS[name].empty().columns), dtype="str")
        for name, given_ in ROWS.items()
    }


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", ["mappings.xlsx", "mappings"])
def test_pro_1_a_workbook_created_reads_back_equal(tmp_path, rows, name, language):
    create_workbook(tmp_path / name, rows, language=language)
    found, outcomes = read_mappings(tmp_path / name)
    assert outcomes.empty
    for mapping in MAPPINGS:
        pd.testing.assert_frame_equal(
            found[mapping], rows.get(mapping, MAPPINGS[mapping].empty()), check_index_type=False
        )
    with pytest.raises(FileExistsError):
        create_workbook(tmp_path / name)


def test_pro_1_a_workbook_created_is_ready_for_people(tmp_path, rows):
    create_workbook(tmp_path / "m.xlsx", rows)
    workbook = load_workbook(tmp_path / "m.xlsx")
    assert workbook.sheetnames == [mapping.fr for mapping in MAPPINGS.values()]
    sheet = workbook["Statuts"]
    assert [cell.value for cell in sheet[1]][:3] == ["Statut boutique", "À importer (oui/non)", "Type de document"]
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet["B2"].value == "oui"
    assert sheet["C2"].value == "facture"
    assert sheet.column_dimensions["A"].number_format == "@"
    assert {choice.formula1 for choice in sheet.data_validations.dataValidation} == {
        '"oui,non"',
        '"devis,commande,bon de livraison,facture"',
    }


def test_sec_4_no_cell_of_a_workbook_created_is_a_formula(tmp_path, rows):
    create_workbook(tmp_path / "m.xlsx", rows)
    for sheet in load_workbook(tmp_path / "m.xlsx").worksheets:
        for row in sheet.iter_rows(min_row=2):
            assert {cell.data_type for cell in row if cell.value is not None} <= {"s"}
            assert {cell.number_format for cell in row if cell.value is not None} <= {"@"}
    create_workbook(tmp_path / "csv", rows)
    lines = (tmp_path / "csv" / "carriers.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1:] == ["'-;'=cmd|' /C calc'!A0", "'@x;'+33", "0012;007"]


def test_ord_40_what_is_read_is_what_the_lookup_needs(read):
    header = ["Pays", "État/province", "Territorialité avec TVA", "Territorialité sans TVA"]
    found, _ = read({"Territoires": [header, ["fr", "", "France", ""], ["*", "*", "Export", ""], ["DE", "", "", ""]]})
    asked = pd.DataFrame({"country": ["FR", "US"], "state": ["", ""]}, dtype="str")
    answers = find(MAPPINGS["territories"], found["territories"], asked).answers
    assert answers["with_tax"].tolist() == ["France", "Export"]


def test_pro_1_a_zip_that_lies_about_its_sizes_cannot_harm(read):
    data = bytearray(book({"Transporteurs": CARRIERS}))
    with zipfile.ZipFile(BytesIO(bytes(data))) as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    place = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02"))
    while data[place + 46 : place + 46 + len(entry.filename)] != entry.filename.encode():
        place = data.find(b"PK\x01\x02", place + 4)
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")  # the size it says it has unpacked
    assert [code for code, _, _ in said(read(bytes(data))[1])] == ["mapping-file-unreadable"]
