"""``passerelle format`` as users meet it (FMT-4)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.formats.sample import sample

HEADER = "Code article;Libellé;Taux de TVA\n"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("PASSERELLE_LANG", "en")

    def invoke(*words):
        return CliRunner().invoke(app, ["format", *map(str, words)])

    return invoke


def test_fmt_4_list_names_every_format(run, built_in, tmp_path: Path):
    result = run("list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == built_in.names()
    (tmp_path / "own.yaml").write_text("name: own\ntitle: Mine\npath: x\nschema: {fields: [{name: a}]}")
    assert "own " in run("list", "--formats-folder", tmp_path).stdout


def test_fmt_4_show_prints_the_page_or_the_descriptor(run):
    page = run("show", "ebp/orders").stdout
    assert page.startswith("# EBP Gestion Commerciale, orders to import")
    assert "| `Document - Code client` |" in page
    descriptor = run("show", "ebp/orders", "--descriptor").stdout
    assert yaml.safe_load(descriptor)["passerelle"] == {"extends": "ebp/document"}


def test_fmt_4_check_passes_a_good_file(run, samples):
    result = run("check", samples / "shopify" / "orders_export_subset.csv", "--format", "shopify/orders")
    assert result.exit_code == 0
    assert "9 records, 9 right, 0 refused (encoding utf-8, delimiter ',')" in result.stderr
    assert "Columns of the format that the file lacks: Financial Status, " in result.stderr


def test_fmt_4_check_names_line_and_column_of_what_is_refused(run, tmp_path: Path):
    file = tmp_path / "articles.csv"
    file.write_text(HEADER + "A;Thé;20\n;Café;vingt\nB;Eau;5,5;x\n", encoding="cp1252")
    result = run("check", file, "--format", "ebp/articles")
    assert result.exit_code == 3
    assert 'articles.csv:3: "Taux de TVA" is not a number: vingt.' in result.stderr
    assert 'articles.csv:3: "Code article" is empty.' in result.stderr
    assert "articles.csv:4: The row has 4 cells instead of 3." in result.stderr
    assert "3 records, 1 right, 2 refused (encoding windows-1252, delimiter ';')" in result.stderr


def test_fmt_4_messages_are_in_the_users_language(run, tmp_path: Path, monkeypatch):
    file = tmp_path / "articles.csv"
    file.write_text(HEADER + ";Thé;20\n", encoding="utf-8")
    french = run("check", file, "--format", "ebp/articles", "--lang", "fr").stderr
    assert "« Code article » n'est pas rempli. Remplissez cette information." in french
    assert "1 enregistrements, 0 corrects, 1 refusés" in french
    monkeypatch.setenv("PASSERELLE_LANG", "")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert "n'est pas rempli" in run("check", file, "--format", "ebp/articles").stderr
    assert run("check", file, "--format", "ebp/articles", "--lang", "de").exit_code == 2


def test_fmt_4_an_unreadable_file_fails(run, tmp_path: Path):
    file = tmp_path / "other.csv"
    file.write_text("a;b\n1;2\n")
    result = run("check", file, "--format", "ebp/articles")
    assert result.exit_code == 1
    assert "Code article is missing" in result.stderr
    result = run("check", tmp_path / "none.csv", "--format", "ebp/articles")
    assert result.exit_code == 1
    assert "none.csv" in result.stderr
    assert run("convert", file, tmp_path / "out", "--from", "ebp/articles", "--to", "ebp/articles").exit_code == 1


def test_fmt_4_wrong_usage_and_configuration_exit_with_2(run, tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_text(HEADER)
    (tmp_path / "bad.yaml").write_text("name: bad\npath: x\nschema: {fields: [{name: a, type: int}]}")
    for words in (
        ["check", file],
        ["check", file, "--format", "ebp/articles", "--encoding", "klingon"],
        ["check", file, "--format", "nothing"],
        ["show", "nothing"],
        ["show", "nothing", "--descriptor"],
        ["sample", "bad", "--formats-folder", tmp_path],
        ["list", "--formats-folder", tmp_path / "none"],
        ["convert", file, tmp_path / "out", "--from", "ebp/articles", "--to", "ebp/orders"],
    ):
        result = run(*words)
        assert result.exit_code == 2, (words, result.output)
        assert "Traceback" not in result.output
    assert (
        "bad.yaml:3: schema.fields[a].type: 'int' is not possible"
        in run("sample", "bad", "--formats-folder", tmp_path).stderr
    )


def test_fmt_4_sample_prints_or_writes_the_bytes(run, built_in, tmp_path: Path):
    expected = sample(built_in.get("ebp/customers")).data
    assert run("sample", "ebp/customers").stdout_bytes == expected
    assert run("sample", "ebp/customers", "-o", tmp_path / "Customers.txt").exit_code == 0
    assert (tmp_path / "Customers.txt").read_bytes() == expected
    assert run("check", tmp_path / "Customers.txt", "--format", "ebp/customers").exit_code == 0


def test_fmt_4_convert_makes_one_format_into_another(run, tmp_path: Path):
    (tmp_path / "shop.yaml").write_text(
        'name: shop\npath: s.csv\ndialect: {delimiter: ","}\npasserelle: {table: articles}\nschema:\n  fields:\n'
        "    - {name: article, title: SKU, constraints: {maxLength: 6}, passerelle: {overflow: refuse}}\n"
        "    - {name: tax_rate, title: VAT, type: number, passerelle: {decimals: 1}}\n"
        "    - {name: vat_code, title: Code}\n"
    )
    (tmp_path / "in.csv").write_text(HEADER + "0042;Thé;5,5\nTOO-LONG;x;20\n;y;\n", encoding="cp1252")
    result = run(
        *("convert", tmp_path / "in.csv", tmp_path / "out.csv", "--from", "ebp/articles", "--to", "shop"),
        *("--formats-folder", tmp_path),
    )
    assert result.exit_code == 3
    assert (tmp_path / "out.csv").read_bytes() == b"SKU,VAT,Code\r\n0042,5.5,\r\n"
    assert 'in.csv:3: "SKU" is longer than 6 characters: TOO-LONG.' in result.stderr
    assert 'in.csv:4: "Code article" is empty.' in result.stderr
    assert "out.csv: 1 rows written of 3 read." in result.stderr


def test_fmt_4_many_outcomes_are_not_all_printed(run, tmp_path: Path):
    file = tmp_path / "articles.csv"
    file.write_text(HEADER + ";x;20\n" * 250)
    result = run("check", file, "--format", "ebp/articles")
    assert result.stderr.count("Code article") == 100
    assert "… and 150 more." in result.stderr


def test_fmt_4_help_does_not_load_tables():
    code = (
        "import sys; from typer.testing import CliRunner; from passerelle.cli.format import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "print([name for name in ('pandas', 'pyarrow', 'numpy', 'yaml', 'openpyxl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
