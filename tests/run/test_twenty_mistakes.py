"""An extract with twenty kinds of mistakes: each has its own outcome, and every good row goes (CAT-1, EBP-10)."""

from __future__ import annotations

from article_shops import run as run_articles
from article_shops import shops, told
from builders import mapping_rows
from stock_shops import codes, home, leave
from stock_shops import run as run_stocks

from passerelle.messages import codes as declared
from passerelle.profile.workbook import create_workbook

HEADER = (
    "Code article;Libellé;Publié sur le web;Statut;Date de modification;Code TVA;PV HT;Poids net;Unité;"
    "Groupe 1;Famille;xx_categories"
)
GOOD = (
    'BON-1;"Bol ""Nîmes""; grès";1;0;20/11/2026 08:00:00;TVA20;12,50;0,4;kg;Maison;Bols;7',
    "00123;Carte;Oui;;;TVA20;;;;;;",
    "BON 3;Thé <vert> & noir;1;0;19/11/2026 23:59:59;TVA55;5;100;g;Épicerie;;8,9",
)
WRONG = {
    "article-twice": ("DEUX;Bol;1;0;;TVA20;1;;;;;", "DEUX;Bol bis;1;0;;TVA20;2;;;;;"),
    "cell-missing": (";Sans code;1;0;;TVA20;1;;;;;",),
    "cell-too-long": (f"{'L' * 41};Long;1;0;;TVA20;1;;;;;",),
    "cell-spoilt": ("3,76E+12;Abîmé;1;0;;TVA20;1;;;;;",),
    "cell-no-flag": ("DRAPEAU;Bol;peut-être;0;;TVA20;1;;;;;",),
    "cell-no-number": ("PRIX;Bol;1;0;;TVA20;douze;;;;;",),
    "cell-no-date": ("JOUR;Bol;1;0;31/02/2026 10:00:00;TVA20;1;;;;;",),
    "row-too-few-cells": ("COURT;Bol;1",),
    "row-too-many-cells": ("LARGE;Bol;1;0;;TVA20;1;;;;;;de;trop",),
    "row-bad-quotes": ('GUILL;"Bol" bleu;1;0;;TVA20;1;;;;;',),
    "article-near-miss": ("casse;Bol;1;0;;TVA20;1;;;;;",),
    "article-without-name": ("ANONYME;;1;0;;TVA20;1;;;;;",),
    "unmapped-tax-rule": ("TAXE;Bol;1;0;;TVA99;1;;;;;",),
    "article-unknown-unit": ("UNITE;Bol;1;0;;TVA20;1;1;botte;;;",),
}
"""Refused, in the article extract."""
REMARKED = {
    "article-category-no-id": ("CATEGORIE;Bol;1;0;;TVA20;1;;;;;Soldes",),
    "article-category-gap": ("TROU;Bol;1;0;;TVA20;1;;;;Bols;",),
    "product-mark-replaced": ("BARRE;Bol;1;0;;TVA20;1;;;Maison/Jardin;;",),
    "cell-cut": (f"TITRE;{'Très ' * 40};1;0;;TVA20;1;;;;;",),
}
"""Told, with a remark."""
STOCK = (
    "Code article;Dépôt;Stock réel",
    "BON-1;Nice;4", "BON-1;Paris;2", "00123;Nice;0", "BON 3;Nice;-1",
    "TROU;Nice;1", "BARRE;Nice;1", "TITRE;Nice;1",
    "TAXE;Nice;quatre",
)  # fmt: skip
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
"""


def test_cat_1_ebp_10_stk_8_twenty_kinds_of_mistakes_have_twenty_outcomes_and_all_good_rows_go(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", f'{OPTIONS}\n[shops.stock]\nnegative = "send"\n'))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]", '[erp.extracts]\nstock = "stock.csv"'))
    (home(at) / "mappings.xlsx").unlink()
    rules = [("*", "TVA20", "1"), ("*", "TVA55", "2"), ("a", "TVA99", "")]  # the last one waits for the bookkeeper
    create_workbook(home(at) / "mappings.xlsx", mapping_rows({"tax_rules": rules}))
    rows = [row for group in (*WRONG.values(), *REMARKED.values()) for row in group]
    data = "\r\n".join([HEADER, GOOD[0], *rows[:9], GOOD[1], *rows[9:], GOOD[2], ""]).encode("cp1252")
    leave(at, "articles.csv", data)
    leave(at, "linked.csv", "Code article;Code article lié\r\nBON-1;TAXE\r\n".encode("cp1252"))
    leave(at, "stock.csv", "\r\n".join([*STOCK, ""]).encode("cp1252"))
    (home(at) / "exports" / "products.csv").write_text("Reference #;Name *\nCASSE;Bol\nAUTRE;Pot\n", encoding="utf-8")
    articles = run_articles(at)
    products = {row["Reference #"]: row for row in told(at)["products_new"]}
    stocks = run_stocks(at)
    quantities = {row["Reference #"]: row["Quantity"] for row in told(at)["stock"]}

    good = {"BON-1", "00123", "BON 3", "TROU", "BARRE", "TITRE", "CATEGORIE"}
    assert products.keys() == good
    assert (products["BON-1"]["Name *"], products["BON-1"]["Price tax excluded"]) == ('Bol "Nîmes" grès', "12.5")
    assert good <= quantities.keys()
    assert (quantities["BON-1"], quantities["BON 3"]) == ("6", "-1")

    expected = {*WRONG, *REMARKED, "linked-article-missing", "stock-row-unreadable"}
    assert {*codes(articles), *codes(stocks)} == expected
    assert len(expected) == 20
    for summary in (articles, stocks):
        assert summary.read == summary.written + summary.failed + summary.ignored == len(GOOD) + len(rows)
    todo = {code: declared()[code] for code in expected}
    assert all(one.todo_fr and one.todo_en for one in todo.values() if one.state == "failed")
