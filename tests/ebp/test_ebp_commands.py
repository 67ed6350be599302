"""The commands: the played import, example files, the pages for EBP's wizard."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
from checked import assert_imports
from typer.testing import CliRunner, Result
from zips import unzipped, with_cells, zipped

from passerelle.cli.main import app
from passerelle.ebp.chosen import Chosen
from passerelle.ebp.import_formats import HEADS, import_formats, written
from passerelle.profile.loader import load
from passerelle.run.samples import KINDS, SAMPLES_NAME, TEST, sample_files

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object, profiles: Path | None = None, lang: str = "en") -> Result:
    folder = ["--profiles", str(profiles)] if profiles else []
    return CliRunner().invoke(app, [*folder, "ebp", *map(str, arguments)], env={"PASSERELLE_LANG": lang})


@pytest.fixture
def profiles(tmp_path) -> Path:
    """Give a folder with the demonstration's profile, to be changed at will."""
    shutil.copytree(ROOT / "sample_files" / "demo", tmp_path / "profiles" / "demo")
    return tmp_path / "profiles"


def change(profiles: Path, old: str, new: str) -> None:
    file = profiles / "demo" / "profile.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


class TestImportCheck:
    def test_ebp_3_exit_codes_and_report(self, demo_zip, tmp_path):
        good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
        kept = {"Customers.txt", "Adresses.txt"}
        files = {name: data for name, data in unzipped(demo_zip).items() if name in kept}
        batch = b'/Import="Customers.txt";Customers;x\r\n/Import="Adresses.txt";Customers;x\r\n'
        good.write_bytes(zipped(files | {"Batch.txt": batch}))
        bad.write_bytes(with_cells(demo_zip, "Invoices.txt", "Ligne - Quantité", {5: "deux"}))
        assert run("import-check", good).exit_code == 0
        (tmp_path / "demo.zip").write_bytes(demo_zip)
        assert run("import-check", tmp_path / "demo.zip").exit_code == 3
        result = run("import-check", bad, lang="fr")
        assert result.exit_code == 1
        assert "Invoices.txt:5: « deux » n'est pas un nombre (Ligne - Quantité ; attendu : 1234,56)." in result.output
        assert "| Commandes (Vente) | lyon-1001 | 11/11/2026 |" in result.output
        assert "163,65" in result.output
        assert "Codes non vérifiés, faute d'extraction : Articles" in result.output

    def test_ebp_3_as_json(self, demo_zip, tmp_path):
        (tmp_path / "x.zip").write_bytes(demo_zip)
        told = json.loads(run("import-check", tmp_path / "x.zip", "--json").stdout)
        assert told["exit_code"] == 3
        assert told["documents"][1] | {"lines": 5, "total_incl": "163.65"} == told["documents"][1]
        assert {one["record"] for one in told["findings"]} == {"Orders.txt:1", "Orders.txt:7", "Invoices.txt:9"}
        assert all(one["message_fr"] and one["todo_en"] for one in told["findings"])

    def test_ebp_3_with_a_profile_its_extracts_and_settings_count(self, demo_zip, tmp_path, profiles):
        (tmp_path / "x.zip").write_bytes(demo_zip)
        result = run("import-check", tmp_path / "x.zip", "-p", "demo", "--json", profiles=profiles)
        told = json.loads(result.stdout)
        assert {one["code"] for one in told["findings"]} == {"ebp-column-not-associated"}
        assert not {"articles", "customers"} & set(told["unchecked"])
        change(profiles, "[erp.batch]", '[erp.format_settings."ebp/quotes"]\ndecimal_mark = "."\n\n[erp.batch]')
        result = run("import-check", tmp_path / "x.zip", "-p", "demo", "--json", profiles=profiles)
        wrong = {one["record"].partition(":")[0] for one in json.loads(result.stdout)["findings"]
                 if one["code"] == "ebp-decimal-mark"}  # fmt: skip
        assert (result.exit_code, wrong) == (1, {"Quotes.txt"})

    def test_ebp_10_extracts_of_a_folder(self, demo_zip, tmp_path):
        (tmp_path / "x.zip").write_bytes(demo_zip)
        extracts = tmp_path / "extracts"
        shutil.copytree(ROOT / "sample_files" / "demo" / "extracts", extracts)
        arguments = ("import-check", tmp_path / "x.zip", "--extracts", extracts, "--json")
        told = json.loads(run(*arguments).stdout)
        assert {one["code"] for one in told["findings"]} == {"ebp-column-not-associated"}
        text = (extracts / "articles.csv").read_bytes()
        (extracts / "articles.csv").write_bytes(b"\n".join(one for one in text.splitlines() if b"BOL-GRES" not in one))
        result = run(*arguments)
        unknown = [one for one in json.loads(result.stdout)["findings"] if one["code"] == "ebp-unknown-code"]
        assert result.exit_code == 1
        assert {one["value"] for one in unknown} == {"BOL-GRES"}

    def test_ebp_3_wrong_usage(self, demo_zip, tmp_path):
        (tmp_path / "x.zip").write_bytes(demo_zip)
        assert run("import-check", tmp_path / "none.zip").exit_code == 2
        assert run("import-check", tmp_path / "x.zip", "--extracts", tmp_path / "none").exit_code == 2
        assert run("import-check", tmp_path / "x.zip", "-p", "nobody", profiles=tmp_path).exit_code == 2
        (tmp_path / "extracts").mkdir()
        (tmp_path / "extracts" / "clients.csv").write_text("Nom\nx\n")
        result = run("import-check", tmp_path / "x.zip", "--extracts", tmp_path / "extracts")
        assert result.exit_code == 2
        assert "Code (tiers)" in result.output


class TestSamples:
    def test_ebp_4_one_document_of_each_kind_marked_as_test_that_ebp_takes(self, profiles, tmp_path):
        result = run("samples", "-p", "demo", "-o", tmp_path / "out", profiles=profiles)
        assert result.exit_code == 0, result.output
        assert "seul un avoir l'annule" in result.output
        assert "only a credit note undoes it" in result.output
        data = (tmp_path / "out" / SAMPLES_NAME).read_bytes()
        chosen = Chosen.by(load("demo", profiles_folder=profiles))
        check = assert_imports(data, chosen.read_extracts(), chosen.conventions())
        assert tuple(one.kind for one in check.documents) == KINDS
        assert len({one.number for one in check.documents}) == 4
        assert check.findings.empty
        files = unzipped(data)
        for name in ("Quotes.txt", "Orders.txt", "Delivery Notes.txt", "Invoices.txt"):
            rows = list(csv.DictReader(io.StringIO(files[name].decode("cp1252"), newline=""), delimiter=";"))
            assert len(rows) == 2
            for row in rows:
                assert row["Document - Référence"].startswith("TEST ")
                assert row["Document - Notes"].startswith(TEST)
                assert row["Document - Nom du client"] == TEST
        [customer] = csv.DictReader(io.StringIO(files["Customers.txt"].decode("cp1252"), newline=""), delimiter=";")
        assert (customer["Nom"], customer["Code (tiers)"]) == (TEST, "LYON999999999999")

    def test_ebp_4_the_profiles_own_settings_are_used(self, profiles):
        change(
            profiles, 'period = "all"', 'period = "all"\nincludes_tax = true\nshipping = "line"\nnumber_series = "WB"'
        )
        change(profiles, "[erp.batch]", '[erp.format_settings."ebp/invoices"]\ndecimal_mark = "."\n\n[erp.batch]')
        loaded = load("demo", profiles_folder=profiles)
        made = sample_files(loaded, date(2026, 11, 21))
        files = unzipped(made.data)
        invoice = files["Invoices.txt"].decode("cp1252")
        assert '"WB"' in invoice
        assert '"36.60"' in invoice
        assert '"PORT"' in invoice
        assert '"36,60"' in files["Orders.txt"].decode("cp1252")
        chosen = Chosen.by(loaded)
        assert_imports(made.data, chosen.read_extracts(), chosen.conventions())

    def test_ebp_4_no_test_is_booked_on_the_account_of_a_marketplace(self, profiles):
        book = openpyxl.load_workbook(profiles / "demo" / "mappings.xlsx")
        sheet = book["Modes de paiement"]
        place = [cell.value for cell in sheet[1]].index("Compte client imposé")
        first = next(row for row in sheet.iter_rows(min_row=2) if row[0].value)
        first[place].value = "CL00002"
        book.save(profiles / "demo" / "mappings.xlsx")
        made = sample_files(load("demo", profiles_folder=profiles), date(2026, 11, 21))
        assert {one.customer for one in assert_imports(made.data).documents} == {"LYON999999999999"}

    def test_ebp_4_what_the_profile_lacks_is_said(self, profiles, tmp_path):
        change(profiles, 'mappings = "mappings.xlsx"', 'mappings = "empty"')
        (profiles / "demo" / "empty").mkdir()
        result = run("samples", "-p", "demo", "-o", tmp_path / "out", profiles=profiles)
        assert result.exit_code == 1
        assert "lyon/TEST1" in result.output
        assert not (tmp_path / "out").exists()


class Cells(HTMLParser):
    """Collects the rows of a page's table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.open:
            self.rows[-1][-1] += data


class TestImportFormats:
    def test_ebp_5_page_and_table_of_each_file_say_the_same(self, profiles, tmp_path):
        result = run("import-formats", "-p", "demo", "-o", tmp_path / "out", profiles=profiles)
        assert result.exit_code == 0, result.output
        book = openpyxl.load_workbook(tmp_path / "out" / "Formats d'import.xlsx")
        described = import_formats(Chosen.by(load("demo", profiles_folder=profiles)))
        assert [one.name for one in described] == [
            "Passerelle Customers", "Passerelle Customers Addresses", "Passerelle Quotes", "Passerelle Orders",
            "Passerelle Delivery Notes", "Passerelle Invoices", "Passerelle Credit Notes",
        ]  # fmt: skip
        for one in described:
            stem = one.file.removesuffix(".txt")
            expected = [list(HEADS), *map(list, one.columns)]
            text = (tmp_path / "out" / f"{stem}.csv").read_text(encoding="utf-8-sig")
            assert list(csv.reader(io.StringIO(text), delimiter=";")) == expected
            cells = Cells()
            cells.feed((tmp_path / "out" / f"{stem}.html").read_text(encoding="utf-8"))
            assert cells.rows == expected
            sheet = [[cell or "" for cell in row] for row in book[stem].iter_rows(values_only=True)]
            assert sheet == expected
            page = (tmp_path / "out" / f"{stem}.md").read_text(encoding="utf-8")
            assert f"« {one.name} »" in page
            assert page.count("\n| ") == len(expected) + 1

    def test_ebp_5_the_columns_are_those_that_the_writer_writes(self, demo_zip):
        files = unzipped(demo_zip)
        for one in import_formats(Chosen()):
            if one.file in files:
                header = files[one.file].decode("cp1252").split("\r\n")[0].split(";")
                assert [column[1] for column in one.columns] == header

    def test_ebp_5_ebps_options_by_step_of_the_wizard(self):
        orders = next(one for one in import_formats(Chosen()) if one.file == "Orders.txt")
        options = {name: value for _, step in orders.steps for name, value in step}
        assert options["Que désirez-vous importer ?"] == "Commandes (Vente)"
        assert options["Codage"] == "Europe de l'Ouest (Windows)"
        assert options["Format des dates"] == "jj/MM/aaaa (par exemple 31/01/2026)"
        assert (options["Séparateurs"], options["Identificateurs"]) == (";", '"')
        assert options["Nom du paramétrage (sauvegarde)"] == "Passerelle Orders"
        by_hand = [column[1] for column in orders.columns if column[3] == "à la main"]
        assert by_hand == [
            "Document - Code souche", "Document - Code dépôt", "Document - Code ISO devise",
            "Document - Cours de la devise", "atoosync_order",
        ]  # fmt: skip
        addresses = next(one for one in import_formats(Chosen()) if one.file == "Adresses.txt")
        assert dict(addresses.steps[0][1])["Que désirez-vous importer ?"] == "Clients/Prospects"
        assert any("Adresses clients/prospects" in note for note in addresses.notes)

    def test_ebp_5_the_profiles_custom_field_and_settings_are_applied(self, profiles):
        settings = """
[erp.format_settings."ebp/orders"]
custom_field_name = "Document - IdCdeWeb"
custom_field_suffix = "*"
decimal_mark = "."
date_format = "%Y-%m-%d"
discount_rate = "5.00"

[erp.batch.imports]
orders = { category = "SaleOrders", name = "Commandes du site" }

[erp.batch]"""
        change(profiles, "\n[erp.batch]", settings)
        described = import_formats(Chosen.by(load("demo", profiles_folder=profiles)))
        orders = next(one for one in described if one.file == "Orders.txt")
        options = {name: value for _, step in orders.steps for name, value in step}
        assert orders.name == "Commandes du site"
        assert options["Format des dates"] == "aaaa-MM-jj (par exemple 2026-01-31)"
        assert options["Séparateur décimal du fichier"] == "point"
        assert orders.columns[-1][1:3] == ("Document - IdCdeWeb*", "champ personnalisé")
        assert "« Document - IdCdeWeb »" in next(note for note in orders.notes if "Créez" in note)
        constant = next(column for column in orders.columns if column[1] == "Document - % remise")
        assert constant[6] == "5.00"
        assert not any("Document - % remise," in note for note in orders.notes)

    def test_ebp_5_what_a_profile_writes_is_text_in_page_and_workbook(self, profiles):
        settings = '[erp.format_settings."ebp/orders"]\ncustom_field_name = "=1+1 <b>|"\n\n[erp.batch]'
        change(profiles, "[erp.batch]", settings)
        files = written(import_formats(Chosen.by(load("demo", profiles_folder=profiles))))
        assert "<b>" not in re.sub(r"<[/!]?(?!b>)[a-z].*?>", "", files["Orders.html"].decode())
        assert "=1+1 <b>\\|" in files["Orders.md"].decode()
        cells = openpyxl.load_workbook(io.BytesIO(files["Formats d'import.xlsx"]))["Orders"]
        assert [cell.data_type for row in cells.iter_rows() for cell in row if str(cell.value).startswith("=1+1")] == [
            "s"
        ]
