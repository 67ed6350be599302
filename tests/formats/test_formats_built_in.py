"""The formats that come with the package: right in themselves, documented, and understood by an independent reader."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import frictionless
import pandas as pd
import pytest

from passerelle.formats.checker import check
from passerelle.formats.documentation import pages
from passerelle.formats.reader import read
from passerelle.formats.registry import formats
from passerelle.formats.sample import in_file, sample
from passerelle.formats.standard import to_frictionless
from passerelle.formats.writer import write
from passerelle.model.documents import ARTICLES, CUSTOMERS, DOCUMENT_LINES, DOCUMENTS, ERP_CUSTOMERS

NAMES = formats().names()
GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "formats"


@pytest.mark.parametrize("name", NAMES)
def test_fmt_1_a_sample_is_made_and_read_back(built_in, name):
    descriptor = built_in.get(name)
    written = sample(descriptor)
    assert written.outcomes.empty, written.outcomes.to_string()
    result = read(descriptor, written.data, name=descriptor.path)
    assert result.outcomes.empty, result.outcomes.to_string()
    assert len(result.table) == written.rows >= 1
    assert (result.absent, result.unused) == ((), ())
    assert (result.encoding, result.delimiter) == (descriptor.encoding.removesuffix("-sig"), descriptor.delimiter)
    assert write(descriptor, result.table).data == written.data, "byte for byte"


def frictionless_says(descriptor, data: bytes, folder: Path):
    (folder / descriptor.path).write_bytes(data)
    resource = frictionless.Resource.from_descriptor(to_frictionless(descriptor), basepath=str(folder))
    return resource.validate()


@pytest.mark.parametrize("name", NAMES)
def test_fmt_1_the_standards_own_validator_accepts_what_the_writer_wrote(built_in, name, tmp_path):
    descriptor = built_in.get(name)
    report = frictionless_says(descriptor, sample(descriptor).data, tmp_path)
    assert report.valid, report.flatten(["rowNumber", "fieldNumber", "type", "note"])


def test_fmt_1_the_standards_own_validator_sees_the_same_mistakes(built_in, tmp_path):
    descriptor = built_in.get("ebp/orders")
    good = sample(descriptor).data.decode("cp1252")
    for was, becomes, fault in (
        ('"31/01/2026"', '"2026-01-31"', "type-error"),
        ('"54,00"', '"54.00"', "type-error"),
        ('"LEFE00042"', '""', "constraint-error"),
        ("Document - Date", "Document - Jour", "incorrect-label"),
    ):
        data = good.replace(was, becomes).encode("cp1252")
        report = frictionless_says(descriptor, data, tmp_path)
        assert fault in {kind for (kind,) in report.flatten(["type"])}
        assert (check(descriptor, data, "Orders.txt").outcomes["state"] == "failed").any()


@pytest.mark.parametrize("name", NAMES)
def test_fmt_1_each_field_tells_its_meaning_and_origin(built_in, name):
    for one in built_in.get(name).fields:
        assert one.origin, one.name
        assert one.description or name == "shopify/orders", f"{one.name} of {name}"


def test_fmt_1_the_pages_are_current(built_in):
    if not DOCS.is_dir():
        pytest.skip("the documentation is not part of what was installed")
    made = pages(built_in)
    kept = {file.name: file.read_text(encoding="utf-8") for file in DOCS.glob("*.md")}
    assert {name: kept.get(name) for name in made} == made, "run docs/format_pages.py"
    assert set(kept) - set(made) == {"descriptors.md"}


def test_fmt_1_examples_stand_on_a_page_as_in_the_file(built_in):
    descriptor = built_in.get("ebp/orders")
    assert in_file(descriptor.field("document_date")) == ["31/01/2026"]
    assert in_file(descriptor.field("total_incl")) == ["54,00"]
    assert "| `Document - Code client` |" in pages(built_in)["ebp-orders.md"]


def test_fmt_1_every_property_of_a_descriptor_is_explained():
    if not DOCS.is_dir():
        pytest.skip("the documentation is not part of what was installed")
    explained = set(re.findall(r"`([A-Za-z_$]+)`", (DOCS / "descriptors.md").read_text(encoding="utf-8")))
    source = (DOCS.parents[1] / "formats" / "descriptor.py").read_text(encoding="utf-8")
    asked = set(
        re.findall(r"\.(?:text|texts|choice|flag|count|mapping|entry|entries|mandatory)\(\"([A-Za-z_]+)\"", source)
    )
    asked |= set(re.findall(r"_(?:character|number)\(\w+, \"([A-Za-z_]+)\"", source))
    assert len(asked) > 40
    assert asked <= explained


# What is read by hand: the labels of facts/ebp.md § 2.1 to 2.3, the customers and documents of a small run.


def customers() -> pd.DataFrame:
    address = {"billing_line_1": "5 rue de l'Œuvre", "billing_postcode": "01000", "billing_city": "Bourg-en-Bresse"}
    return CUSTOMERS.of(
        [
            {
                "customer_key": "shop/7",
                "customer_code": "DUPO00007",
                "is_new": True,
                "typology": "Particulier",
                "natural_person": True,
                "title": "Madame",
                "name": "Dupont Zoé",
                "family": "WEB",
                "state": "0",
                "language": "fr",
                **address,
                "billing_country": "FR",
                "billing_contact_name": "Dupont",
                "billing_contact_first_name": "Zoé",
                "billing_phone": "0474000000",
                "billing_email": "zoe@example.com",
                "delivery_name": 'Atelier "Le Clou"',
                "delivery_line_1": "ZA des Prés\nBât. 3",
                "accounting_account": "411DUPO00007",
                "territory": "FRANCE",
                "notes": "appeler; sonner",
                "representative": "CO00001",
                "includes_tax": True,
            },
            {
                "customer_key": "shop/8",
                "customer_code": "0ACME",
                "typology": "Entreprise",
                "name": "Ącme Société anonyme au capital de beaucoup d'euros, établissement de Łódź",
                "siren": "552100554",
                "vat_number": "FR40303265045",
                "delivery_country": "PL",
            },
        ]
    )


def documents() -> pd.DataFrame:
    rows = DOCUMENTS.of(
        [
            {
                "document_key": "shop/76",
                "document_kind": "order",
                "document_number": "WEB-00076",
                "use_own_number": True,
                "document_date": pd.Timestamp("2026-11-20 23:59:59"),
                "delivery_date": pd.Timestamp("2026-11-24"),
                "reference": "XKBKNABJK",
                "shop_order": "76",
                "customer_code": "DUPO00007",
                "customer_name": "Dupont Zoé",
                "billing_city": "Nîmes",
                "delivery_city": "Sète",
                "territory": "FRANCE",
                "shipping_excl": 4_990_000,
                "shipping_tax_rate": 20_000_000,
                "shipping_code": "COLI",
                "total_excl": 45_100_000,
                "total_incl": 54_120_000,
                "settlement_mode": "CB",
                "notes": "Ne pas plier 🎁",
                "deposit_amount": 54_120_000,
                "deposit_means": "CB",
                "deposit_date": pd.Timestamp("2026-11-20"),
            },
            {
                "document_key": "shop/77",
                "document_kind": "order",
                "document_number": "WEB-00077",
                "document_date": pd.Timestamp("2026-11-21"),
                "customer_code": "0ACME",
                "includes_tax": False,
                "currency": "PLN",
                "total_incl": -5_280_000,
                "deposit_currency_amount": 22_500_000,
                "deposit_currency_rate": 4_265_000,
                "deposit_currency": "PLN",
            },
        ]
    )
    lines = DOCUMENT_LINES.of(
        [
            line(
                "shop/76", 1, "0042", "Thé vert", 2_000_000, 20_000_000, 20_055_000, 24_066_000, 40_110_000, 48_130_000
            ),
            line("shop/76", 2, "", "Écart d'arrondi", 1_000_000, 5_500_000, -1, 0, 0, -10_000),
            line("shop/77", 1, "90.750", "Retour", -1_500_000, 5_500_000, 3_333_333, 3_516_667, -5_000_000, -5_280_000),
        ]
    )
    joined = lines.add_prefix("line_").rename(columns={"line_document_key": "document_key"})
    return rows.merge(joined, on="document_key")


def line(key, position, article, label, quantity, rate, excl, incl, net_excl, net_incl):
    return {
        "document_key": key,
        "position": position,
        "kind": "article",
        "article": article,
        "label": label,
        "quantity": quantity,
        "tax_rate": rate,
        "vat_code": "36cab0de-3e5b-4bee-a556-8eabb1673e76",
        "unit_price_excl": excl,
        "unit_price_incl": incl,
        "net_excl": net_excl,
        "net_incl": net_incl,
    }


EBP = {
    "ebp/customers": (customers, "customer_code", ["cell-cut"]),
    "ebp/addresses": (customers, "customer_code", ["cell-cut"]),
    "ebp/quotes": (documents, "document_key", ["cell-emoji-dropped"]),
    "ebp/orders": (documents, "document_key", ["cell-emoji-dropped"]),
    "ebp/delivery_notes": (documents, "document_key", ["cell-emoji-dropped"]),
    "ebp/invoices": (documents, "document_key", ["cell-emoji-dropped"]),
}


@pytest.mark.parametrize("name", list(EBP))
def test_ebp_1_each_file_is_the_one_that_was_reviewed(built_in, name):
    """To accept a change: delete the file in golden/, run, read the new one with your own eyes, keep it."""
    descriptor = built_in.get(name)
    table, record, codes = EBP[name]
    written = write(descriptor, table(), record_column=record, record_type="order")
    reviewed = GOLDEN / descriptor.path
    if not reviewed.exists():
        reviewed.write_bytes(written.data)
        pytest.fail(f"{reviewed} was not there: review what was written")
    assert written.data == reviewed.read_bytes()
    assert written.outcomes["code"].tolist() == codes


def test_ebp_1_the_files_are_what_ebps_wizard_expects(built_in):
    for name in EBP:
        data = (GOLDEN / built_in.get(name).path).read_bytes()
        header, *rows = data.decode("cp1252").split("\r\n")
        assert rows.pop() == "", "CRLF after the last line too"
        assert '"' not in header
        assert len(header.split(";")) == len(set(header.split(";"))), "each label once"
        for row in csv.reader(io.StringIO("\n".join(rows)), delimiter=";", quoting=csv.QUOTE_ALL, strict=True):
            assert len(row) == len(header.split(";"))
        assert all(re.fullmatch(r'"[^"]*"(;"[^"]*")*', row) for row in rows), "every cell quoted, no quote within"


def test_ebp_2_the_labels_are_the_exact_ones_in_the_documented_order(built_in):
    labels = [one.title for one in built_in.get("ebp/orders").fields]
    assert labels[:12] == [
        "Acompte - Montant",
        "Acompte - Code moyen de paiement",
        "Acompte - Montant en devise",
        "Acompte - Cours de la devise",
        "Acompte - Code ISO devise",
        "Acompte - Date du règlement",
        "Document - Utiliser le numéro du document d'origine",
        "Document - Numéro du document",
        "Document - Date",
        "Document - Code client",
        "Document - Civilité",
        "Document - Nom du client",
    ]
    assert labels[-12:] == [
        "Ligne - Code article",
        "Ligne - Description",
        "Ligne - Date de livraison",
        "Ligne - Quantité",
        "Ligne - Taux de TVA",
        "Ligne - Code TVA",
        "Ligne - PV HT",
        "Ligne - PV TTC",
        "Ligne - Montant de remise unitaire HT cumulé",
        "Ligne - Montant Net HT",
        "Ligne - Montant Net TTC",
        "atoosync_order",
    ]
    assert [one.title for one in built_in.get("ebp/addresses").fields][:8] == [
        "Code (tiers)",
        "Nom",
        "Code Famille",
        *(f"Adresse {number} (facturation)" for number in range(1, 5)),
        "Code postal (facturation)",
    ]


def test_ebp_2_the_lengths_are_those_of_ebps_database(built_in):
    lengths = {one.title: (one.max_length, one.overflow) for one in built_in.get("ebp/orders").fields if one.max_length}
    assert lengths["Document - Numéro du document"] == (24, "refuse")
    assert lengths["Document - Code client"] == (20, "refuse")
    assert lengths["Document - Nom du client"] == (60, "cut")
    assert lengths["Document - Adresse 4 (livraison)"] == (40, "cut")
    assert lengths["Document - Code postal (facturation)"] == (10, "refuse")
    assert lengths["Document - E-mail (facturation)"] == (100, "refuse")
    assert lengths["Document - Référence"] == (70, "refuse")
    assert lengths["Ligne - Code article"] == (40, "refuse")
    assert lengths["atoosync_order"] == (32, "refuse")


def test_ebp_2_what_is_uncertain_is_a_setting(built_in):
    other = built_in.get(
        "ebp/orders",
        {
            "decimal_mark": ".",
            "date_format": "%Y-%m-%d",
            "boolean_form": "False/True",
            "price_decimals": 2,
            "custom_field_name": "Document - IdCdeWeb",
            "custom_field_suffix": "*",
            "deposit_rows": "all",
        },
    )
    text = write(other, documents(), record_column="document_key").data.decode("cp1252")
    assert text.split("\r\n")[0].endswith(";Document - IdCdeWeb*")
    assert '"2026-11-20"' in text
    assert '"True"' in text
    assert '"20.06"' in text
    assert text.count('"54.12";"CB"') == 2


def test_ebp_2_the_four_documents_share_one_declaration(built_in):
    base = built_in.get("ebp/document")
    for name, path in (
        ("quotes", "Quotes.txt"),
        ("delivery_notes", "Delivery Notes.txt"),
        ("invoices", "Invoices.txt"),
    ):
        one = built_in.get(f"ebp/{name}")
        assert one.path == path
        assert one.fields == base.fields


def test_ebp_2_every_column_that_a_document_has_is_written_or_known_to_have_no_label(built_in):
    """A column added to the model must be decided on."""
    written = {one.source for one in built_in.get("ebp/orders").fields}
    no_label = {
        *("document_key", "document_kind", "document_state", "includes_tax", "currency", "total_excl"),
        *("billing_title", "billing_name"),
        *("line_position", "line_kind", "line_tracking_number"),
    }
    assert {*DOCUMENTS.names, *(f"line_{name}" for name in DOCUMENT_LINES.names[1:])} == written | no_label
    customer = {one.source for one in built_in.get("ebp/customers").fields}
    assert set(CUSTOMERS.names) - customer == {"customer_key", "is_new", "billing_name", "email"}


def test_ebp_10_extracts_give_canonical_tables(built_in):
    data = "Code Article;Libelle;Code-barres;Taux TVA;Prix\r\n0042;Thé;0376;5,5;1\r\nA ;;;;\r\n".encode("cp1252")
    result = read(built_in.get("ebp/articles"), data, name="articles.csv")
    articles = ARTICLES.check(ARTICLES.conform(result.table))
    assert articles["article"].tolist() == ["0042", "A "], "exact: no space is taken off"
    assert articles["barcode"].tolist() == ["0376", ""]
    assert articles["tax_rate"].tolist() == [5_500_000, pd.NA]
    assert (result.unused, result.absent) == (("Prix",), ("vat_code",))
    by_sql_names = b"Id,Name,MainInvoicingContact_Email\nLEFE00042,Lefevre,z@example.com\n"
    customers_read = read(built_in.get("ebp/customers_extract"), by_sql_names, name="c.csv").table
    assert ERP_CUSTOMERS.check(ERP_CUSTOMERS.conform(customers_read))["email"].tolist() == ["z@example.com"]


def test_ebp_10_a_code_spoilt_by_a_spreadsheet_is_refused(built_in):
    data = b"Code article;Libelle\n4,00638E+12;The\n4006380333931;Cafe\n"
    result = read(built_in.get("ebp/articles"), data, name="articles.csv")
    assert result.outcomes["code"].tolist() == ["cell-spoilt"]
    assert result.table["article"].tolist() == ["4006380333931"]


def test_shp_1_a_full_shopify_export_is_read(built_in):
    """All columns of the header that the facts give, some under the spelling of the help page."""
    descriptor = built_in.get("shopify/orders")
    header, row = sample(descriptor).data.decode().splitlines()
    header = (
        header.replace("Cancelled at", "Canceled at")
        .replace("compare at", "compare-at")
        .replace("Lineitem sku", "Lineitem SKU")
    )
    result = read(descriptor, f"{header}\n{row}\n".encode(), name="o.csv")
    assert (result.absent, result.unused, len(result.table)) == ((), (), 1)
    saved_again = descriptor.configured({"decimal_mark": ",", "date_format": "%d/%m/%Y %H:%M"})
    semicolons = "Name;Lineitem name;Total;Created at\n#1;Thé;12,5;31/01/2026 10:00\n".encode("cp1252")
    table = read(saved_again, semicolons, name="o.csv").table
    assert table[["total", "created_at"]].to_numpy().tolist() == [[12_500_000, pd.Timestamp("2026-01-31 10:00")]]


def test_fmt_1_the_standard_descriptor_has_nothing_of_ours(built_in):
    for name in NAMES:
        text = json.dumps(to_frictionless(built_in.get(name)))
        assert "passerelle" not in text
        assert "$" not in re.sub(r'"pattern": "(?:[^"\\]|\\.)*"', "", text)
    fixed = replace(built_in.get("ebp/orders"), layout="fixed")
    with pytest.raises(ValueError, match="cannot describe ebp/orders"):
        to_frictionless(fixed)
