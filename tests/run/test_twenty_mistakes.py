"""An extract with twenty kinds of mistakes: each has its own outcome, and every good row goes (CAT-1, EBP-10)."""

from __future__ import annotations

from account_shops import lines
from article_shops import shops, told
from builders import mapping_rows
from stock_shops import home, leave

from passerelle.messages import codes as declared
from passerelle.profile.workbook import create_workbook
from passerelle.run.activation import ACTIVATE
from passerelle.run.articles import ARTICLES
from passerelle.run.job import run_task
from passerelle.run.prices import PRICES
from passerelle.run.request import Request
from passerelle.run.stocks import STOCKS

HEADER = (
    "Code article;Libellé;Publié sur le web;Statut;Date de modification;Code TVA;PV HT;Poids net;Unité;"
    "Groupe 1;Famille;xx_categories;xx_maitre;xx_couleur;xx_taille"
)
GOOD = (
    'BON-1;"Bol ""Nîmes""; grès";1;0;20/11/2026 08:00:00;TVA20;12,50;0,4;kg;Maison;Bols;7;;;',
    "00123;Carte;Oui;;;TVA20;1;;;;;;;;",
    "BON 3;Thé vert;1;0;19/11/2026 23:59:59;TVA55;5;100;g;Épicerie;;8,9;;;",
    "V-R;Tasse rouge;1;0;;TVA20;8;;;;;;TASSE;Rouge;S",
    "V-B;Tasse bleue;1;0;;TVA20;9;;;;;;TASSE;Bleu;S",
)
WRONG = {
    "article-twice": ("DEUX;Bol;1;0;;TVA20;1;;;;;;;;", "DEUX;Bol bis;1;0;;TVA20;2;;;;;;;;"),
    "cell-missing": (";Sans code;1;0;;TVA20;1;;;;;;;;",),
    "cell-too-long": (f"{'L' * 41};Long;1;0;;TVA20;1;;;;;;;;",),
    "cell-spoilt": ("3,76E+12;Abîmé;1;0;;TVA20;1;;;;;;;;",),
    "cell-no-flag": ("DRAPEAU;Bol;peut-être;0;;TVA20;1;;;;;;;;",),
    "cell-no-number": ("PRIX;Bol;1;0;;TVA20;douze;;;;;;;;",),
    "cell-no-date": ("JOUR;Bol;1;0;31/02/2026 10:00:00;TVA20;1;;;;;;;;",),
    "row-too-few-cells": ("COURT;Bol;1",),
    "row-too-many-cells": ("LARGE;Bol;1;0;;TVA20;1;;;;;;;;;de;trop",),
    "row-bad-quotes": ('GUILL;"Bol" bleu;1;0;;TVA20;1;;;;;;;;',),
    "article-near-miss": ("casse;Bol;1;0;;TVA20;1;;;;;;;;",),
    "article-without-name": ("ANONYME;;1;0;;TVA20;1;;;;;;;;",),
    "unmapped-tax-rule": ("TAXE;Bol;1;0;;TVA99;1;;;;;;;;",),
    "article-unknown-unit": ("UNITE;Bol;1;0;;TVA20;1;1;botte;;;;;;",),
    "combinations-missing": tuple(
        f"{colour}-{size};Pull;1;0;;TVA20;30;;;;;;PULL;{colour};{size}" for colour, size in ("RS", "RM", "BS")
    ),
}
"""Refused, in the article extract."""
REMARKED = {
    "article-category-no-id": ("CATEGORIE;Bol;1;0;;TVA20;1;;;;;Soldes;;;",),
    "product-mark-replaced": ("BARRE;Bol;1;0;;TVA20;1;;;Maison/Jardin;;;;;",),
}
"""Told, with a remark."""
STOCK = (
    "Code article;Dépôt;Stock réel",
    "BON-1;Nice;4", "BON-1;Paris;2", "00123;Nice;0", "BON 3;Nice;-1",
    "V-R;Nice;1", "V-B;Nice;3", "BARRE;Nice;1",
    "TAXE;Nice;quatre",
)  # fmt: skip
TARIFFS = ("Code article;Quantité;PV HT;PV TTC;% remise;Date de début;Date de fin", "BON 3;;4;;;31/12/2026;01/12/2026")
OPTIONS = """\
links = "cross-sell"
listing = { place = "exports" }
weight_unit_column = "Unité"
[shops.articles.fields]
price = "PV HT"
weight = "Poids net"
[shops.articles.categories]
levels = ["Groupe 1", "Famille"]
supplementary = "xx_categories"
supplementary_by = "id"
[shops.variants]
master_column = "xx_maitre"
attributes = [{ name = "Couleur", value_column = "xx_couleur" }, { name = "Taille", value_column = "xx_taille" }]
[shops.prices]
[shops.activation]
[shops.stock]
negative = "send"
"""
TASKS = (ARTICLES, PRICES, STOCKS, ACTIVATE)


def test_cat_1_cat_17_pri_1_stk_8_twenty_kinds_of_mistakes_have_twenty_outcomes_and_all_good_rows_go(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", OPTIONS))
    profile = home(at) / "profile.toml"
    more = '[erp.extracts]\nstock = "stock.csv"\nprices = "prices.csv"'
    profile.write_text(profile.read_text().replace("[erp.extracts]", more))
    (home(at) / "mappings.xlsx").unlink()
    rules = [("*", "TVA20", "1"), ("*", "TVA55", "2"), ("a", "TVA99", "")]  # the last one waits for the bookkeeper
    create_workbook(home(at) / "mappings.xlsx", mapping_rows({"tax_rules": rules}))
    rows = [row for group in (*WRONG.values(), *REMARKED.values()) for row in group]
    leave(at, "articles.csv", lines(HEADER, *GOOD[:2], *rows[:9], *GOOD[2:4], *rows[9:], *GOOD[4:]))
    leave(at, "linked.csv", lines("Code article;Code article lié", "BON-1;TAXE"))
    leave(at, "stock.csv", lines(*STOCK))
    leave(at, "prices.csv", lines(*TARIFFS))
    (home(at) / "exports" / "products.csv").write_text("Reference #;Name *\nCASSE;Bol\nAUTRE;Pot\n", encoding="utf-8")
    summaries = [run_task(task, Request("test", shop="a"), at) for task in TASKS]
    files = told(at)

    products = {row["Reference #"]: row for row in files["products_new"]}
    assert products.keys() == {"BON-1", "00123", "BON 3", "TASSE", "BARRE", "CATEGORIE"}
    assert [row["Reference"] for row in files["products_new_variants"]] == ["V-R", "V-B"]
    assert (products["BON-1"]["Name *"], products["BON-1"]["Price tax excluded"]) == ('Bol "Nîmes" grès', "12.5")
    # The products import knows no combinations: what is theirs is left, with the reason.
    good = {"BON-1", "00123", "BON 3", "BARRE", "CATEGORIE"}
    quantities = {row["Reference #"]: row["Quantity"] for row in files["stock"]}
    prices = {row["Reference #"]: row["Price tax excluded"] for row in files["prices"]}
    assert all(good <= told.keys() for told in (quantities, prices))
    assert (quantities["BON-1"], quantities["BON 3"], prices["BON 3"]) == ("6", "-1", "5.00")
    assert good <= {row["Reference #"] for row in files["activation"] if row["Active (0/1)"] == "1"}

    expected = {*WRONG, *REMARKED, "linked-article-missing", "stock-row-unreadable", "price-dates-reversed"}
    said = {reason.code for summary in summaries for reason in summary.reasons if reason.state != "ignored"}
    assert said == expected
    assert len(expected) == 20
    for summary in summaries:
        assert summary.read == summary.written + summary.failed + summary.ignored == len(GOOD) + len(rows)
    assert all(one.todo_fr and one.todo_en for one in map(declared().get, expected) if one.state == "failed")
