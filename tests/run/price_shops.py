"""Installations whose shops are told prices: extracts of articles and tariffs written for the tests."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from stock_shops import NOW, home, leave, shops

from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.prices import PRICES
from passerelle.run.request import Request

ARTICLES = "Code article;Libellé;Publié sur le web;PV HT;PV TTC;Taux de TVA"
TARIFFS = (
    "Code article;Code de la catégorie tarifaire;Code famille (client);Code (tiers);Quantité;PV HT;PV TTC;% remise;"
    "Date de début;Date de fin"
)


def price_shops(folder: Path, *given: tuple[str, str, str], tariffs: bool = True) -> Installation:
    """Make an installation: name, platform and ``[shops.prices]`` of each shop."""
    at = shops(folder, *((name, platform, f"\n[shops.prices]\n{text}") for name, platform, text in given))
    profile = home(at) / "profile.toml"
    named = 'articles = "articles.csv"\ncustomers = "customers.csv"\n' + 'prices = "prices.csv"\n' * tariffs
    # Tariffs come and go in these tests as no night's do.
    limits = "\n[erp.limits]\nmax_drop_percent = 100\n"
    profile.write_text(profile.read_text().replace('articles = "articles.csv"\nstock = "stock.csv"\n', named + limits))
    leave(at, "customers.csv", b"Code (tiers);Nom;E-mail\r\nCLI1;Zoe;zoe@example.com\r\nCLI2;Max;\r\n")
    return at


def leave_prices(
    at: Installation,
    articles: list[str],
    tariffs: list[str] | None = None,
    made_at: datetime = NOW,
    header: str = ARTICLES,
) -> None:
    """Leave the extracts of a night; a tariff is its cells with semicolons between them."""
    leave(at, "articles.csv", "\r\n".join([header, *articles, ""]).encode("cp1252"), made_at)
    if tariffs is not None:
        leave(at, "prices.csv", "\r\n".join([TARIFFS, *tariffs, ""]).encode("cp1252"), made_at)


def run(at: Installation, shop: str = "a", **asked):
    return run_task(PRICES, Request("test", shop=shop, **asked), at)
