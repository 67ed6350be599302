"""Extracts of EBP: by its labels and by its SQL names, CSV and XLSX."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from zips import with_cells

from passerelle.ebp.check import import_check
from passerelle.ebp.chosen import Chosen
from passerelle.ebp.extracts import LISTS, extract_files, read_extracts
from passerelle.formats.errors import NotOursError
from passerelle.formats.reader import read
from passerelle.formats.registry import formats

HEADERS = {
    "articles": ("Code article;Libellé", "Id;Caption"),
    "customers": ("Code (tiers);Nom", "Customer.Id;Name"),
    "vat_codes": ("Code TVA;Taux de TVA", "Id;Rate"),
    "settlement_modes": ("Code mode de règlement;Libellé", "SettlementMode.Id;Caption"),
    "payment_means": ("Code moyen de paiement;Libellé", "Id;Caption"),
    "shipping": ("Code frais de port;Libellé", "Id;Caption"),
    "countries": ("Code Pays;Pays", "IsoCode;Caption"),
    "customer_families": ("Code Famille;Libellé", "Id;Caption"),
    "documents": ("Document - Numéro du document;Document - Total TTC", "DocumentNumber;AmountVatIncluded"),
}


@pytest.mark.parametrize("name", list(LISTS))
def test_ebp_10_an_extract_is_read_by_labels_and_by_sql_names_as_text_and_as_workbook(tmp_path, name):
    listed = LISTS[name]
    for number, header in enumerate(HEADERS[name]):
        (tmp_path / f"{number}.csv").write_text(f'{header}\r\n"007";"20"\r\n', encoding="cp1252", newline="")
        found = read_extracts({name: tmp_path / f"{number}.csv"}, formats(), {})
        assert found.codes[name] == {"007"}, header
        book = openpyxl.Workbook()
        for cells in (header.split(";"), ("007", "20")):
            book.active.append(cells)
        data = io.BytesIO()
        book.save(data)
        table = read(formats().get(listed.format), data.getvalue(), name="extrait.xlsx").table
        assert table[listed.column].tolist() == ["007"], header


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("Vrai", "Faux"), ("VRAI", "FAUX"), ("TRUE", "FALSE"), ("oui", "non")]
)
def test_ebp_10_flags_are_read_as_ebp_and_as_excel_write_them(yes, no):
    data = f"Code article;Publié sur le web\r\nA1;{yes}\r\nA2;{no}\r\n".encode("cp1252")
    found = read(formats().get("ebp/catalogue"), data, name="articles.csv")
    assert (found.table["is_on_web"].tolist(), len(found.outcomes)) == ([True, False], 0)


def test_ebp_10_vat_codes_tell_their_rates(tmp_path):
    (tmp_path / "tva.csv").write_text("Code TVA;Taux\nTVA20;20\nTVA55;5,5\nVIDE;\n", encoding="cp1252")
    found = read_extracts({"vat_codes": tmp_path / "tva.csv"}, formats(), {})
    assert found.vat_rates == {"TVA20": Decimal(20), "TVA55": Decimal("5.5")}
    assert found.codes["vat_codes"] == {"TVA20", "TVA55", "VIDE"}
    points = {"ebp/vat_codes": {"decimal_mark": "."}}
    (tmp_path / "tva.csv").write_text("Id,Rate\nTVA55,5.5\n", encoding="utf-8")
    assert read_extracts({"vat_codes": tmp_path / "tva.csv"}, formats(), points).vat_rates == {"TVA55": Decimal("5.5")}


def test_ebp_10_sales_documents_tell_what_orders_need_of_them():
    data = (
        "Document - Numéro du document;Document - Date;Document - Code client;Document - Référence;"
        "Document - Total TTC;atoosync_order;DocumentState;DeliveryState\r\n"
        "CM00000012;02/11/2026;LEFE00042;Document importé n° WEB-12;54,00;12;0;1\r\n"
    ).encode("cp1252")
    found = read(formats().get("ebp/sales_documents"), data, name="documents.csv")
    assert found.outcomes.empty
    assert found.table.iloc[0][["document_number", "shop_order", "reference", "state", "delivery_state"]].tolist() == [
        "CM00000012", "12", "Document importé n° WEB-12", "0", "1",
    ]  # fmt: skip
    assert found.table["total_incl"].tolist() == [54_000_000]


def test_ebp_10_extracts_are_found_by_their_names(tmp_path):
    for name in ("Articles.csv", "CLIENTS.TXT", "taux de tva.xlsx", "modes de reglement.csv", "Familles articles.csv",
                 "Stocks.txt", "articles lies.csv", "Gammes.txt", "Nomenclatures.txt", "Tarifs.csv", "Commerciaux.txt",
                 "Articles fournisseurs.txt", "Contacts.txt", "Lisez-moi.pdf", "divers.csv"):  # fmt: skip
        (tmp_path / name).write_bytes(b"")
    found, said = extract_files(tmp_path, formats())
    assert {name: path.name for name, path in found.items()} == {
        "articles": "Articles.csv",
        "customers": "CLIENTS.TXT",
        "vat_codes": "taux de tva.xlsx",
        "settlement_modes": "modes de reglement.csv",
    }
    assert said["record"].tolist() == ["Lisez-moi.pdf", "divers.csv"]
    assert set(said["code"]) == {"ebp-extract-unknown"}


def test_ebp_10_an_extract_of_something_else_is_refused(tmp_path):
    (tmp_path / "articles.csv").write_text("Nom;Prix\nx;1\n")
    with pytest.raises(NotOursError, match="Code article"):
        Chosen().read_extracts(tmp_path)


def test_ebp_10_ebp_3_a_missing_extract_switches_off_what_needs_it_and_no_more(demo_zip, tmp_path):
    (tmp_path / "tva.csv").write_text("Code TVA;Taux\nTVA20;20\nTVA55;5,5\nTVA10;10\nEXO;0\n", encoding="cp1252")
    known = Chosen().read_extracts(Path(tmp_path))
    faulty = with_cells(demo_zip, "Invoices.txt", "Ligne - Code TVA", {4: "TVA99"})
    faulty = with_cells(faulty, "Invoices.txt", "Ligne - Code article", {5: "INCONNU"})
    check = import_check(faulty, known)
    failed = check.findings[check.findings["state"] == "failed"]
    assert failed[["record", "code"]].to_numpy().tolist() == [["Invoices.txt:4", "ebp-unknown-code"]]
    assert "articles" in check.unchecked
    assert "vat_codes" not in check.unchecked
