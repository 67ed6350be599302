"""The demonstration, as ``make run`` shows it to a newcomer."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from erp import documents, roundings, rows, total, unzipped
from typer.testing import CliRunner

from passerelle.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_files" / "demo"
CATALOGUE = ROOT / "sample_files" / "catalogue"


def demo(output: Path, *asked: str, samples: Path = SAMPLES) -> str:
    result = CliRunner().invoke(app, ["demo", "--samples", str(samples), "--output", str(output), *asked])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> tuple[Path, str, str]:
    """Give the demonstration's folder, and what it said the first and the second time."""
    output = tmp_path_factory.mktemp("demo")
    return output, demo(output), demo(output)


@pytest.mark.parametrize(("generator", "samples"), [("make_demo.py", SAMPLES), ("make_catalogue.py", CATALOGUE)])
def test_the_sample_files_are_those_that_the_generator_writes(tmp_path, generator, samples):
    subprocess.run([sys.executable, ROOT / "sample_files" / generator, tmp_path], check=True)
    written = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    kept = {file.relative_to(samples) for file in samples.rglob("*") if file.is_file()}
    assert written | {file for file in kept if file.name == "profile.toml" or file.parts[0] == "formats"} == kept
    for name in written - {Path("mappings.xlsx")}:
        assert (tmp_path / name).read_bytes() == (samples / name).read_bytes(), name


def test_ebp_1_the_demonstration_leaves_all_kinds_of_documents(shown):
    output, first, _ = shown
    archive = (output / "erpFiles.zip").read_bytes()
    files = unzipped(archive)
    assert list(files) == [
        "Customers.txt",
        "Adresses.txt",
        "Quotes.txt",
        "Orders.txt",
        "Delivery Notes.txt",
        "Invoices.txt",
        "Credit Notes.txt",
        "Settlements.txt",
        "Batch.txt",
    ]
    assert files["Batch.txt"].decode("cp1252").splitlines()[0] == (
        r'/Import="C:\Passerelle\import\Customers.txt";Customers;Passerelle Customers'
    )
    inbox = output / "demo" / "ftp" / "in"
    [sent] = inbox.glob("*.zip")
    assert sent.read_bytes() == archive
    assert "| 19 | 12 | 5 | 2 |" in first
    for code in ("VASE-DISPARU", "Paiement en 4 fois", "USD", "trente", "15.45"):
        assert code in first


def test_inv_1_ord_26_the_demonstration_s_documents_have_the_shops_totals(shown):
    output, _, _ = shown
    found = documents(unzipped((output / "erpFiles.zip").read_bytes()))
    assert len(found) == 12
    bon = found["lyon-1001"]
    reductions = {
        row["Ligne - Code TVA"]: row["Ligne - Montant Net HT"] for row in bon if "REMISE" in row["Ligne - Code article"]
    }
    assert reductions == {"TVA20": "-8,68", "TVA55": "-4,34"}
    assert total(bon, includes_tax=False) == Decimal("163.65")
    assert bon[0]["Acompte - Montant"] == "163,65"
    assert total(found["lyon-1003"], includes_tax=False) == Decimal("30.00")  # its free shipping at the shipping's rate
    assert max(abs(roundings(document)) for document in found.values()) <= Decimal("0.01")


def test_cus_1_the_demonstration_finds_the_customer_that_the_erp_has(shown):
    output, _, _ = shown
    files = unzipped((output / "erpFiles.zip").read_bytes())
    invoices = {
        row["Document - Numéro du document"]: row["Document - Code client"] for row in rows(files["Orders.txt"])
    }
    assert invoices["web-201"] == "CL00002"
    assert "CL00002" not in {row["Code (tiers)"] for row in rows(files["Customers.txt"])}


def test_ord_81_the_demonstration_run_again_sends_nothing_and_says_why(shown):
    output, _, second = shown
    assert "Déjà échangée" in second
    assert len(list((output / "demo" / "ftp" / "in").glob("*.zip"))) == 1


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> tuple[Path, str, str]:
    """Give the folder of the catalogue's demonstration, and what it said the first and the second time."""
    output = tmp_path_factory.mktemp("catalogue")
    return output, demo(output, "--catalogue", samples=CATALOGUE), demo(output, "--catalogue", samples=CATALOGUE)


def sent(output: Path, folder: str, name: str) -> list[dict[str, str]]:
    """Give the rows of the one file of a kind on the FTP server."""
    [file] = (output / "catalogue" / "ftp" / folder).glob(f"{name}-catalogue-*.csv")
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig")), delimiter=";"))


def test_oas_1_stk_1_the_catalogues_demonstration_tells_both_shops_their_stock(catalogue):
    """Of 12 and 3 two are ordered and one is kept back; Oasis has what lies in its one depot."""
    output, first, _ = catalogue
    vitrine = {
        row["Reference #"]: (row["Quantity"], row["Visibility"]) for row in sent(output, "vitrine/import", "stock")
    }
    assert (vitrine["BOL-GRES"], vitrine["CARTE-CADEAU"]) == (("12", "both"), ("0", "none"))
    oasis = {row["ref"]: row["quantity"] for row in sent(output, "oasis/in", "stocks")}
    assert (oasis["BOL-GRES"], oasis["TISANE-1"], oasis["TASSE-OCR-25 cl"]) == ("12", "0", "18")
    # PrestaShop's import knows no stock of combinations.
    assert vitrine.keys() == {name for name in oasis if not name.startswith("TASSE-")}
    assert not {"PLAT-DOUBLE", "SALADIER", "PIECE-LAVE-LINGE"} & oasis.keys()
    assert "| stocks | vitrine | 14 | 6 | 3 | 5 |" in first
    assert "« PLAT-DOUBLE »" in first


def test_oas_1_cat_10_cat_16_the_catalogues_demonstration_makes_the_products_of_both_shops(catalogue):
    output, first, _ = catalogue
    vitrine = {row["Reference #"]: row for row in sent(output, "vitrine/import", "products_new")}
    oasis = {row["ref"]: row for row in sent(output, "oasis/in", "catalogue_produits_new")}
    assert vitrine.keys() == oasis.keys() | {"TASSE", "COFFRET-THE"}
    bowl = "<p>Un bol en <strong>grès émaillé</strong>, tourné à la main.</p>"
    assert (vitrine["BOL-GRES"]["Description"], oasis["BOL-GRES"]["description"]) == (bowl, bowl)
    assert oasis["TISANE-1"]["description"] == "<p>Thym, verveine &amp; romarin &lt;bio&gt;</p>"  # of its plain twin
    assert vitrine["BOL-GRES"]["Categories (x,y,z...)"] == "Vaisselle/Bols"
    german = {row["ref"]: row["title"] for row in sent(output, "oasis/in", "catalogue_produits_de_new")}
    assert german["THEIERE"] == "Gusseiserne Teekanne"
    categories = {row["ref"]: row["parent_ref"] for row in sent(output, "oasis/in", "categories")}
    assert (categories["vaisselle"], categories["vaisselle.bols"]) == ("", "vaisselle")
    of_articles = {row["ref"]: row["category_ref"] for row in sent(output, "oasis/in", "categories_articles")}
    assert set(of_articles.values()) <= categories.keys()
    assert of_articles["TASSE"] == "vaisselle.tasses"
    assert "| articles | oasis | 14 | 10 | 3 | 1 |" in first


def test_oas_1_cat_17_cat_18_the_catalogues_demonstration_has_variants_and_a_pack(catalogue):
    output, _, _ = catalogue
    cups = [row["Reference"] for row in sent(output, "vitrine/import", "products_new_variants")]
    oasis = {row["ref"]: row for row in sent(output, "oasis/in", "catalogue_produits_new_variants")}
    assert [reference for reference, row in oasis.items() if row["parent_ref"] == "TASSE"] == cups
    assert len(cups) == 4
    pack = {row["ref"]: row["quantity"] for row in sent(output, "oasis/in", "liaison_variantes_pack")}
    assert pack == {"THEIERE": "1", "TASSE-OCR-25 cl": "2", "TISANE-1": "1"}


def test_oas_1_pri_2_cat_5_the_catalogues_demonstration_has_prices_and_what_is_for_sale(catalogue):
    """A promotion of 10 percent, a price of dealers from six pieces on; the vase is dormant."""
    output, _, _ = catalogue
    vitrine = {row["Reference #"]: row for row in sent(output, "vitrine/import", "prices")}
    oasis = {row["ref"]: row for row in sent(output, "oasis/in", "prix_de_vente")}
    assert (vitrine["BOL-GRES"]["Price tax excluded"], vitrine["BOL-GRES"]["Discount percent"]) == ("20.00", "10")
    assert (oasis["BOL-GRES"]["price_excl_tax"], oasis["BOL-GRES"]["promotion_price"]) == ("20.00", "18.00")
    [dealers] = sent(output, "vitrine/import", "specific_prices")
    assert (dealers["reference"], dealers["id_group"], dealers["from_quantity"], dealers["price"]) == (
        "BOL-GRES", "4", "6", "14"
    )  # fmt: skip
    online = {row["ref"]: row["online"] for row in sent(output, "oasis/in", "articles_en_ligne")}
    assert (online["BOL-GRES"], online["VASE-ANCIEN"], online["PIECE-LAVE-LINGE"]) == ("1", "0", "0")


def sent_rows(said: str) -> dict[str, int]:
    """Give what was sent, by task and shop, where it was anything."""
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("| ")]
    return {f"{task} | {shop}": int(count) for task, shop, _, count, *_ in rows[2:] if count != "0"}


def test_img_1_img_2_the_catalogues_demonstration_finds_pictures_in_two_places(catalogue):
    output, _, _ = catalogue
    [named] = sent(output, "vitrine/import", "images")
    assert named["Reference #"] == "THEIERE"
    assert len(named["Image URLs (x,y,z...)"].split(",")) == 2
    server = output / "catalogue" / "ftp"
    for url in named["Image URLs (x,y,z...)"].split(","):
        assert (server / "vitrine" / url.removeprefix("https://vitrine.example/")).is_file()
    [file] = (server / "pro" / "import").glob("images-catalogue-*.csv")
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert [row["sku"] for row in rows] == ["BOL-GRES", "TASSE-BLE-25 cl", "TASSE-OCR-25 cl"]


def test_oas_1_cli_1_the_catalogues_demonstration_gives_customers_their_logins(catalogue):
    output, first, _ = catalogue
    assert [row["ref"] for row in sent(output, "oasis/in", "contacts")] == ["CL00001", "CL00002", "CL00001/1"]
    assert "| customers | oasis | 5 | 3 | 1 | 1 |" in first
    assert "pas une adresse" not in first


def test_doc_1_sta_1_to_4_the_catalogues_demonstration_has_data_sheets_statuses_and_an_invoice(catalogue):
    """Of four orders the ERP has three; of two invoices one was printed."""
    output, first, second = catalogue
    sheets = {row["reference"]: row["url"] for row in sent(output, "vitrine/import", "documents")}
    assert sheets.keys() == {"BOL-GRES", "THEIERE"}
    server = output / "catalogue" / "ftp" / "vitrine"
    assert (server / sheets["THEIERE"].removeprefix("https://vitrine.example/")).read_bytes().startswith(b"%PDF-")
    [file] = (server / "import").glob("statuses-catalogue-*.csv")
    orders = {row["order_id"]: row for row in csv.DictReader(io.StringIO(file.read_text("utf-8")))}
    assert {order: (row["status"], row["document_number"]) for order, row in orders.items()} == {
        "501": ("3", "CM00000031"), "502": ("5", "FA00000018"), "503": ("5", "FA00000019")
    }  # fmt: skip
    assert orders["502"]["tracking_number"] == "6A00000000012"
    assert (server / "import" / orders["502"]["invoice_files"]).is_file()
    assert orders["503"]["invoice_files"] == ""
    for said in (first, second):
        assert "Le fichier de la facture n'est pas là" in said


def test_oas_1_the_catalogues_demonstration_has_staff_and_eco_taxes(catalogue):
    output, _, _ = catalogue
    assert [row["ref"] for row in sent(output, "oasis/in", "collaborateurs")] == ["CO00001", "CO00002"]
    [ecotax] = sent(output, "oasis/in", "ecotaxes_variantes")
    assert ecotax == {"ref": "THEIERE", "ecotax_ref": "D3E00028", "delete": "0"}


def test_stk_8_the_catalogues_demonstration_run_again_sends_what_was_changed_in_its_extracts(catalogue):
    """A link between two articles waited until the shop had both."""
    output, _, second = catalogue
    assert sent_rows(second) == {"articles | vitrine": 1}
    extract = output / "catalogue" / "extracts" / "stocks.csv"
    extract.write_bytes(extract.read_bytes().replace(b'"Boutique";"40"', b'"Boutique";"39"'))
    third = demo(output, "--catalogue", samples=CATALOGUE)
    assert sent_rows(third) == {"stocks | vitrine": 1}


def test_the_command_answers_help_without_its_libraries():
    """``--help`` imports neither pandas nor Prefect: it answers at once."""
    script = (
        "import sys; from typer.testing import CliRunner; from passerelle.cli.main import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print({'pandas', 'prefect', 'sqlalchemy', 'paramiko'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert told.stdout.strip() == "set()"
