"""Installations whose shops are told the stock: extracts written for the tests, delivery to folders."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from pathlib import Path

from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.request import Request
from passerelle.run.stocks import STOCKS

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
PROFILE = """\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"
stock = "stock.csv"

{shops}
[delivery]
place = "erp"

{more}
"""
SHOP = """\
[[shops]]
name = "{name}"
platform = "{platform}"
source = {{ place = "exports" }}
delivery = {{ place = "out-{name}" }}

[shops.stock]
{stock}
"""
ARTICLES = "Code article;Libellé;Publié sur le web;Statut;xx_couleur;xx_securite"


def articles(*rows: str, header: str = ARTICLES) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode("cp1252")


def levels(*rows: str, header: str = "Code article;Dépôt;Stock réel") -> bytes:
    return "\r\n".join([header, *rows, ""]).encode("cp1252")


def home(at: Installation) -> Path:
    return at.profiles / "test"


def leave(at: Installation, name: str, data: bytes, made_at: datetime = NOW) -> None:
    """Leave an extract as the ERP wrote it."""
    path = home(at) / name
    path.write_bytes(data)
    os.utime(path, (made_at.timestamp(),) * 2)


def shops(folder: Path, *given: tuple[str, str, str], more: str = "") -> Installation:
    """Make an installation: name, platform and ``[shops.stock]`` of each shop."""
    (folder / "profiles" / "test").mkdir(parents=True)
    at = Installation(folder / "profiles", folder / "var", f"sqlite:///{folder / 'var' / 'ledger.sqlite'}", lambda: NOW)
    for name in ("exports", "erp", *(f"out-{shop[0]}" for shop in given)):
        (home(at) / name).mkdir()
    text = "\n".join(SHOP.format(name=name, platform=platform, stock=stock) for name, platform, stock in given)
    (home(at) / "profile.toml").write_text(PROFILE.format(shops=text, more=more), encoding="utf-8")
    create_workbook(home(at) / "mappings.xlsx", {})
    return at


def run(at: Installation, shop: str = "a", **asked):
    return run_task(STOCKS, Request("test", shop=shop, **asked), at)


def told(at: Installation, shop: str = "a", name: str = "stock") -> list[dict[str, str]]:
    """Give the rows of the files delivered to a shop, file after file, and take the files away."""
    found = []
    for file in sorted((home(at) / f"out-{shop}").glob(f"{name}*.csv"), key=lambda file: file.stat().st_mtime_ns):
        text = file.read_text("utf-8-sig")
        found += csv.DictReader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
        file.unlink()
    return found


def quantities(at: Installation, shop: str = "a") -> dict[str, str]:
    """Give what a WooCommerce shop is told, by SKU."""
    return {row["SKU"]: row["Stock"] for row in told(at, shop)}


def codes(summary) -> dict[str, int]:
    return {reason.code: reason.count for reason in summary.reasons}
