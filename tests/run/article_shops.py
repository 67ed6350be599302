"""Installations whose shops are told the articles: extracts written for the tests, delivery to folders."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from stock_shops import NOW, home

from passerelle.profile.workbook import create_workbook
from passerelle.run.articles import ARTICLES, ArticlesTask
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.request import Request

PROFILE = """\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"
linked_articles = "linked.csv"

{shops}
[delivery]
place = "erp"
"""
SHOP = """\
[[shops]]
name = "{name}"
platform = "{platform}"
source = {{ place = "exports" }}
delivery = {{ place = "out-{name}" }}

[shops.articles]
{articles}
"""
HEADER = "Code article;Libellé;Publié sur le web;Code TVA;PV HT;Marque;Famille;xx_matiere;xx_verrou;Name"
ALL = """\
default_tax_rule = "1"
{more}
[shops.articles.fields]
price = "PV HT"
brand = "Marque"
{fields}
[shops.articles.categories]
levels = ["Famille"]
[shops.articles.features]
"Matière" = "xx_matiere"
{tables}
"""


def extract(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode("cp1252")


def options(more: str = "", fields: str = "", tables: str = "") -> str:
    return ALL.format(more=more, fields=fields, tables=tables)


def shops(folder: Path, *given: tuple[str, str, str]) -> Installation:
    """Make an installation: name, platform and ``[shops.articles]`` of each shop."""
    (folder / "profiles" / "test").mkdir(parents=True)
    at = Installation(folder / "profiles", folder / "var", f"sqlite:///{folder / 'var' / 'ledger.sqlite'}", lambda: NOW)
    for name in ("exports", "erp", *(f"out-{shop[0]}" for shop in given)):
        (home(at) / name).mkdir()
    text = "\n".join(SHOP.format(name=name, platform=platform, articles=own) for name, platform, own in given)
    (home(at) / "profile.toml").write_text(PROFILE.format(shops=text), encoding="utf-8")
    create_workbook(home(at) / "mappings.xlsx", {})
    return at


def run(at: Installation, shop: str = "a", task: ArticlesTask = ARTICLES, **asked):
    return run_task(task, Request("test", shop=shop, **asked), at)


def told(at: Installation, shop: str = "a") -> dict[str, list[dict[str, str]]]:
    """Give the rows of the files delivered to a shop, by the beginning of their name, and take the files away."""
    found = {}
    for file in sorted((home(at) / f"out-{shop}").glob("*.csv")):
        text = file.read_text("utf-8-sig")
        delimiter = ";" if ";" in text.splitlines()[0] else ","
        found[file.name.split("-")[0]] = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
        file.unlink()
    return found
