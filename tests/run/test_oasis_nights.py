"""Three nights of an Oasis Commerce: whichever of them is lost or sent in full, the shop ends in the same state."""

from __future__ import annotations

import csv
import io

import pytest
from account_shops import lines
from stock_shops import home, leave, shops
from test_oasis_run import compare

from passerelle.run.accounts import CUSTOMERS
from passerelle.run.activation import ACTIVATE
from passerelle.run.articles import ARTICLES
from passerelle.run.job import run_task
from passerelle.run.prices import PRICES
from passerelle.run.request import Request
from passerelle.run.stocks import STOCKS
from passerelle.run.tables import TABLES_TO_SHOP

TASKS = (ARTICLES, PRICES, STOCKS, ACTIVATE, CUSTOMERS, TABLES_TO_SHOP)
FORMATS = (
    "products", "product_categories", "product_brands", "product_features", "pack_articles", "pack_variants", "prices",
    "stock", "activation", "accounts", "account_addresses", "staff", "supplier_prices",
)  # fmt: skip
OPTIONS = """\
depots = ["Nice"]
[shops.prices]
[shops.activation]
[shops.accounts]
contacts = true
update = ["email", "names"]
[shops.articles]
default_tax_rule = "1"
[shops.articles.update]
name = true
price = true
categories = true
brand = true
features = true
[shops.articles.fields]
price = "PV HT"
brand = "Marque"
[shops.articles.categories]
levels = ["Famille"]
[shops.articles.features]
"Matière" = "xx_matiere"
[shops.variants]
master_column = "xx_maitre"
attributes = [{ name = "Taille", value_column = "xx_taille" }]
packs = true
[[shops.tables]]
format = "oasis/staff"
[[shops.tables]]
format = "oasis/supplier_prices"
"""
EXTRACTS = """\
[erp.limits]
max_drop_percent = 100
[erp.extracts]
customers = "customers.csv"
contacts = "contacts.csv"
prices = "prices.csv"
components = "components.csv"
staff = "staff.csv"
supplier_articles = "suppliers.csv"
"""
HEADERS = {
    "articles": (
        "Code article;Libellé;Publié sur le web;Statut;Code TVA;PV HT;Marque;Famille;xx_matiere;xx_maitre;xx_taille"
    ),
    "stock": "Code article;Dépôt;Stock réel",
    "prices": "Code article;% remise",
    "components": "Code article composé;Code article composant;Quantité",
    "customers": "Code (tiers);Nom;E-mail (facturation);Statut;Personne physique",
    "contacts": "Code (tiers);Code contact;Nom;E-mail",
    "staff": "Code commercial/collaborateur;Nom commercial/collaborateur",
    "suppliers": "Code fournisseur;Code article;Prix d'achat public",
}
VARIANTS = "T-S;Tasse S;1;0;T;8;;Tasses;;TASSE;S", "T-M;Tasse M;1;0;T;9;;Tasses;;TASSE;M"
NIGHTS = (
    {
        "articles": ("BOL;Bol;1;0;T;5;Grès;Bols;terre;;", "POT;Pot;1;0;T;7;;Pots;;;", "SET;Coffret;1;0;T;20;;;;;",
                     *VARIANTS),
        "stock": ("BOL;Nice;3", "POT;Nice;1"),
        "prices": ("BOL;10",),
        "components": ("SET;BOL;1", "SET;T-S;2"),
        "customers": ("C1;Zoé;zoe@example.com;0;1", "C2;Luc;luc@example.com;0;1"),
        "contacts": ("C1;1;Inès;ines@example.com",),
        "staff": ("CO1;Roche", "CO2;Petit"),
        "suppliers": ("F1;BOL;2,5", "F2;BOL;3"),
    },
    {
        "articles": ("BOL;Bol bleu;1;0;T;6;Ocre;Pots;verre;;", "POT;Pot;0;0;T;7;;;;;", "SET;Coffret;1;0;T;20;;;;;",
                     *VARIANTS),
        "stock": ("BOL;Nice;0", "T-S;Nice;4"),
        "prices": ("POT;20",),
        "components": ("SET;BOL;3", "SET;POT;1"),
        "customers": ("C1;Zoë;zoe@example.org;0;1", "C2;Luc;luc@example.com;1;1"),
        "contacts": ("C1;2;Max;max@example.com",),
        "staff": ("CO2;Grand",),
        "suppliers": ("F2;BOL;4",),
    },
    {
        "articles": ("BOL;Bol;1;0;T;6;;Bols;terre;;", "POT;Jarre;1;0;T;7;Grès;Pots;;;", "SET;Coffret;1;0;T;21;;;;;",
                     *VARIANTS),
        "stock": ("BOL;Nice;3", "POT;Nice;2", "T-M;Nice;1"),
        "prices": ("BOL;15", "POT;20"),
        "components": ("SET;BOL;1", "SET;T-M;1"),
        "customers": ("C1;Zoé;zoe@example.net;0;1", "C2;Luc;luc@example.com;0;1", "C3;Eve;eve@example.com;0;1"),
        "contacts": ("C1;1;Inès;ines@example.com", "C1;2;Max;max@example.com"),
        "staff": ("CO2;Petit", "CO3;Morel"),
        "suppliers": ("F1;BOL;2,5", "F3;POT;1"),
    },
)  # fmt: skip
NAMED_BY_TWO = (
    "categories_articles", "caracteristiques_articles", "liaison_articles_pack", "liaison_variantes_pack",
    "marques_articles", "tarifs_fournisseurs",
)  # fmt: skip


def imported(at, shop: dict) -> None:
    """Do what the posteur does with the files of ``in/``, in the order of their names' times, and take them away."""
    for file in sorted((home(at) / "out-a").iterdir(), key=lambda file: file.stat().st_mtime_ns):
        kind = file.name.partition("-test-a-")[0].removesuffix("_new").removesuffix("_changed").removesuffix("-changed")
        text = file.read_text("utf-8") if file.suffix == ".csv" else ""
        for row in csv.DictReader(io.StringIO(text), delimiter=";"):
            named = [*row.values()][: 2 if kind in NAMED_BY_TWO else 1]
            key = (kind.removesuffix("_new_variants").removesuffix("_changed_variants"), *named)
            if row.get("delete") == "1":
                shop.pop(key, None)
            else:
                shop[key] = shop.get(key, {}) | row
        file.unlink()


def played(folder, lost: int | None = None, full: int | None = None) -> dict:
    """Play the nights, and give what the shop ends with."""
    at = shops(folder, ("a", "oasis", OPTIONS))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]\n", EXTRACTS))
    compare(at, *FORMATS)
    shop: dict = {}
    for number, night in enumerate(NIGHTS):
        if number != lost:
            for name, rows in night.items():
                leave(at, f"{name}.csv", lines(HEADERS[name], *rows))
            for task in TASKS:
                summary = run_task(task, Request("test", shop="a", full=number == full), at)
                assert not summary.failed, (number, task.name, summary.reasons)
            imported(at, shop)
    assert [run_task(task, Request("test", shop="a"), at).state for task in TASKS] == ["nothing-to-do"] * len(TASKS)
    return shop


@pytest.fixture(scope="module")
def every_night(tmp_path_factory):
    return played(tmp_path_factory.mktemp("every-night"))


def test_oas_1_cat_1_stk_8_the_shop_ends_with_what_the_erp_has(every_night):
    assert {kind for kind, *_ in every_night} == {
        "articles_en_ligne", "catalogue_produits", "categories", "collaborateurs", "contacts", "prix_de_vente",
        "stocks", *NAMED_BY_TWO,
    }  # fmt: skip
    assert every_night["catalogue_produits", "POT"]["title"] == "Jarre"
    assert every_night["contacts", "C1"]["email"] == "zoe@example.net"
    assert every_night["prix_de_vente", "BOL"]["promotion_price"] == "5.10"
    packs = {key[1:]: row["quantity"] for key, row in every_night.items() if key[0] == "liaison_variantes_pack"}
    assert packs == {("SET", "BOL"): "1", ("SET", "T-M"): "1"}
    suppliers = {key[1:] for key in every_night if key[0] == "tarifs_fournisseurs"}
    assert suppliers == {("F1", "BOL"), ("F3", "POT")}


@pytest.mark.parametrize(("lost", "full"), [(1, None), (None, 2)])
def test_oas_1_cat_1_stk_8_a_lost_night_and_a_full_one_end_in_the_same_state(tmp_path, every_night, lost, full):
    assert played(tmp_path, lost, full) == every_night
